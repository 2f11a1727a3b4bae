// Package servers runs a ZooKeeper and an etcd of the machine's own packages for tests and trials: one member each, on a free port of this
// machine, in a directory that is theirs; and a Proxy that comes between a client and a server and fails as networks do.
//
// A Server owns one goroutine, which has ended when Stop returns; the process ends with ours, whatever ends us. A Proxy owns goroutines per
// connection, which have ended when Close returns.
package servers
