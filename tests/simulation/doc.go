// Package simulation runs the real core, with the real plans, layout and offers, in a world made of one number.
//
// A Script follows from a seed: a service, agents, and faults with their times. Run plays it on virtual time against
//
//	process   the scheduler's process: it stores, then sends, crashes in between, and starts again from its store;
//	master    Mesos as it was recorded: resends, duplicates, void offers, what reconciliation answers and what it leaves unanswered;
//	host      an agent with its machine, status queues and executor, which takes its time;
//	gateway   ScaleIO, which may be away, slow, or do the work and lose the answer.
//
// After every step what must always hold is looked at (Invariants). When the faults are over, everything is mended, and all has to converge
// and then be quiet. One goroutine, no clock, no other randomness: the same seed gives the same run, so that a failing one can be shrunk
// (Shrink) and read (Result.Transcript).
package simulation
