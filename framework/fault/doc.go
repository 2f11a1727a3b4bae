// Package fault holds the one error type of the project: what was attempted, on which object, and of which kind the failure is.
//
// The kind decides what happens next (try again, wait for the operator, stop); the text is for the operator and decides nothing.
// The package is pure, imports nothing of ours, and every other package may import it.
package fault
