// Package state is where the scheduler keeps what must outlive it: small values under slash-separated keys, written in transactions.
//
// Store is the interface; Conformance is the suite that every backend passes; Bolt is the embedded default. A store does no caching and
// owns no goroutine. Values are opaque here; secrets never reach it (design §5.10).
package state
