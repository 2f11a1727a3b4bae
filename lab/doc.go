// Package lab is a whole cluster on one machine: Mesos, ScaleIO and the agents' machines emulated over their real protocols, with the
// production scheduler and executors as real processes.
//
// Up carries a scenario out (package scenario): it brings the cluster up, starts the scheduler, follows its plans by its HTTP API, makes
// the scenario's events happen, compares what came of it with what was expected, and proves that a volume outlives its agent.
//
// The lab talks to the scheduler as an operator would, by flags, files and HTTP, and to everything else by its protocol: a scenario that
// passes here has not been helped. Everything it makes lies in one directory that goes at the end; a minder process ends what is left
// when the lab itself is killed.
//
// Goroutines: Cluster owns those of its servers and machines, Up those that watch the plans and draw them; all end before Up returns.
package lab
