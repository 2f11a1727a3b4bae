// Package conformance is what every backend of package state must do: a suite of tests that a backend runs in a few lines.
//
//	func TestBolt(t *testing.T) {
//		conformance.Run(t, func(t *testing.T) func() state.Store { ... })
//	}
//
// It uses the backend through state.Store only and leaves nothing open.
package conformance
