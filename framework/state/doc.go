// Package state is where the scheduler keeps what must outlive it: small values under slash-separated keys, written in transactions.
//
// Store is the interface; package conformance is the suite that every backend passes; Bolt is the embedded default, Memory serves tests
// and simulations. Open gives the backend that a URI names. A store does no caching and owns no goroutine. Values are opaque here; secrets
// never reach it (design §5.10).
package state
