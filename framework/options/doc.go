// Package options turns the scheduler's environment and flags into typed Options: every error at once, one line each.
//
// Table is the one list of options: the name in options.json and on the command line, the environment variable, the default, the kind of
// value, and the field it fills. docs/options.md is made from it, and the lab maps scenarios through it (Environ). To add an option, add
// a field and a row; to take one away, move its name to removed, with a sentence that says what replaces it.
//
// The package is pure but for Secret.Read, which opens a file. Nothing downstream reads the environment again (design §3): what concerns
// the storage goes on through templates into the spec, the rest is read by main.
package options
