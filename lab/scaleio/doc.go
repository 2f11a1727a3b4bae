// Package scaleio emulates a ScaleIO (VxFlex OS, PowerFlex) system behind the REST API of its gateway, versions 2.0 to 4.x.
//
// It imports nothing of the project but framework/fault and shares no code with the gateway client: it speaks the protocol, from
// the facts of reference/scaleio.md and the recordings of traffic/scaleio and traffic/rexray. What is covered, and where a
// recording and a fact disagree, stands in COVERAGE.md.
//
// The caller
//  1. makes a System with New, and Load puts storage into it that is there from the start,
//  2. serves Handler over TLS, with ServeTLS or by its own server,
//  3. plays the nodes: StartSDS and StopSDS, ConnectSDC and DisconnectSDC, StartMDM and StopMDM,
//  4. looks at it with Snapshot and Calls, and makes it fail with Faults.
//
// One mutex guards the whole model. Nothing runs in the background: work that takes time (device tests, rebuild, rebalance,
// removal, maintenance) is a list of things that are due, settled at the start of every call by Config.Now, so that a test that
// owns the clock owns the system. The only goroutines are those of the HTTP server of ServeTLS; its Close waits for them.
// An SDCHost is called without the mutex held, in order, before the call that mapped or unmapped returns.
//
// What may be added here: an object, an action, a refusal of the real system, with its source. What may not: anything that knows
// how our framework uses it.
package scaleio
