// Package secret holds a text that must not be shown: a password, a token.
//
// A Value prints as "***" in every format there is: fmt with any verb, JSON, text, log/slog; also as a field of something else, exported or
// not. Only Reveal gives the text, so that a search for Reveal finds every place where a secret leaves. The package is pure and imports
// nothing of ours.
package secret
