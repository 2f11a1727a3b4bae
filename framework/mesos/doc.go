// Package mesos is the wire to Apache Mesos: the scheduler, executor and operator sides of its v1 HTTP API.
//
// It keeps one subscription alive (Scheduler, Executor, Operator: Run) and sends calls to whoever serves that
// subscription (Call, Agents). It speaks protobuf only, with the generated types of mesos-go; streams, redirects,
// record limits and watchdogs are its own, because mesos-go's client loses the subscription on any failed call
// (reference/mesos-go.md). The facts about Mesos that it rests on are those of reference/mesos.md §3.
//
// What it does and its callers need not:
//  1. Masters are asked in turn, 307 is followed for at most three hops, and calls go to the master of the stream.
//  2. A stream is over when its body is (the TCP connection may stay open), when a record makes no sense, when no
//     byte came for 2.5 heartbeats, or when Mesos says to a call that it does not know the stream. No other failed
//     call ends it.
//  3. After a stream is over it subscribes again, after 200 ms growing to 2 s (executors: 500 ms). The pause starts
//     anew with another host, except behind a stream that broke within seconds. The log gets one line for each
//     change of state, and a bounded number of lines whatever happens.
//  4. It stops by itself when asking again cannot help: a 4xx answer to SUBSCRIBE, an ERROR event, an executor
//     whose agent is away longer than the recovery timeout or whose framework does not checkpoint.
//
// What its callers owe:
//  1. Give SUBSCRIBE its content at each attempt: the framework id learnt meanwhile, suppressed roles (Mesos forgets
//     them), an executor's unacknowledged tasks and updates.
//  2. Acknowledge an update after it has been applied, never one without a uuid, and again when it comes again:
//     updates are redelivered, so (task, uuid) may repeat. This package acknowledges nothing.
//  3. Repeat a call whose error is Temporary, if it still makes sense: it may have been carried out.
//  4. Have a default in every switch over events: newer masters send types that this version has no name for.
//
// Goroutines: the package starts none. Run works and calls handle on its caller's goroutine, one event after the
// other; Call may be used from any goroutine, also from within handle. The watchdog and an executor's recovery
// timeout are timers whose functions only cancel a context. net/http keeps two goroutines for each open connection;
// they end with Run and the last call, those of
// Agents with it.
package mesos
