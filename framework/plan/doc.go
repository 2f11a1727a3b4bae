// Package plan is the engine of plans, phases and steps, in the DC/OS SDK's words: the same statuses, strategies, commands and bodies
// (dcos-commons 0.56), with its known faults mended.
//
// It is pure: no clock, no I/O, no goroutine; one owner at a time (the scheduler's core). The caller
//  1. builds a Plan of Phases of Steps,
//  2. sets each step's status from what it knows (Step.Set): a step is a fact about the world, never a memory of having tried,
//  3. asks Candidates which steps may run now, and runs only those,
//  4. applies the operator's commands (Continue, Interrupt, ForceComplete, Restart) and keeps Decisions in its store: they outlive a restart.
//
// What differs from the SDK: a mix of complete and delayed children is DELAYED (there it was ERROR), dependencies are evaluated at every
// question (there a serial order was computed once), decisions persist, and every step says in words why it does not run.
package plan
