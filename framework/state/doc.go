// Package state is where the scheduler keeps what must outlive it: small values under slash-separated keys, written in transactions, and a
// lock that one scheduler at a time has.
//
// Store is the interface; package conformance is the suite that every backend passes. Bolt is the embedded default, a file; Remote is a
// ZooKeeper or an etcd, through cells, which is all that differs between them; Memory serves tests and simulations. Open gives the store
// that a Config names. A store does no caching. Values are opaque here; secrets never reach it (design §5.10).
//
// A Remote that has its lock owns the goroutine that renews it; the clients of the servers own theirs. All have ended when Close returns, but
// those of the ZooKeeper client, which end soon after.
package state
