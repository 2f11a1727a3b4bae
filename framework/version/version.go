// Package version holds the version of this build.
package version

// Version is set at build time (-ldflags -X).
var Version = "dev"
