// Package scheduler decides what the framework does next. Core is the decision, without I/O; Driver is the I/O, without decisions.
//
// Contract of Core (design §5.1, §5.5)
//  1. Step tells it one thing that happened: a Mesos event, a list of agents, what the gateway answered, the passing of time. Command
//     tells it an operator's wish. Neither blocks, dials, reads a clock or a random source.
//  2. Ready hands out what must be stored, then what must be sent, in that order. The driver makes Ready.Records durable before anything
//     of it is sent: a task that Mesos knows and the store does not would be killed as an orphan; a status update that was acknowledged and
//     not stored would be lost.
//  3. Steps of plans are facts: their status follows from what nodes reported, what Mesos said and what ScaleIO shows, never from what
//     was tried. Only the operators' decisions and the facts themselves are stored; Restore with them gives the same core.
//  4. One goroutine owns a Core, the driver's; the API asks it through Driver.Do.
//
// The driver owns these goroutines: the loop (core, store), one for the Mesos stream, one for the operator stream, lanes that send calls
// in order per agent, and one that talks to the gateway. All end when Run returns.
package scheduler
