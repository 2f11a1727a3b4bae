// Package executor is what runs on every agent as the executor of a node's one task: it tells the scheduler what the node is, takes the node's
// desired state, and has package node bring the host there.
//
// core is a state machine without I/O: it is told one thing that happened at a time, and hands out calls, orders and the time when it wants to
// be woken. Run is its driver. What the scheduler can rely on:
//
//  1. The first update of a task is TASK_RUNNING with a complete Report of generation 0 as its data; every later one is too.
//  2. A Desired with a new generation is answered at once, with all its steps pending; the steps follow as they change. Retries, failures and
//     reached stages are told at once, other progress at most once a second. At most one report is unacknowledged by the agent, later ones
//     coalesce. Nothing is sent while nothing changes. A Desired that comes once more is answered once more.
//  3. A new Desired.Probe is answered by a fresh inventory, and every step is checked again. Without being asked nothing is probed: an idle
//     executor does nothing at all.
//  4. Desired states of other nodes, of older generations, and what is no Desired are ignored, with a log line.
//  5. A lost agent is waited for, up to its recovery timeout; tasks and updates that it may not know come with the next SUBSCRIBE. KILL gives
//     TASK_KILLED and the end, SHUTDOWN the end. No end of an executor stops a service of the host.
//
// Secrets come sealed to a key that is made when the executor starts and never leaves it.
//
// Goroutines: Run's caller reads the stream and steps the core; one goroutine sends calls in their order; one worker does the slow work on the
// host, one thing at a time. They end before Run returns. The core is guarded by a mutex. The package has no globals that change: a thousand
// executors may run in one process.
package executor
