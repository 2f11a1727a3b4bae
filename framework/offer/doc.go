// Package offer decides whether an offer of Mesos fits what a pod needs, says every reason why it does not, and which
// of the offer's resources to take if it does.
//
// It is pure: no clock, no I/O, no goroutine, no global that changes. The same input gives the same Decision, so that
// what operators read about an offer is what the scheduler did with it.
//
// Placement rules have the syntax and the meaning of the DC/OS SDK (reference/dcos-commons.md §5.1) with one fault
// mended: counting rules count pods, not tasks. A rule is added as a row of operators in operator.go; what needs more
// than one offer and the pods that run (packing, preemption, reservations) does not belong here.
package offer
