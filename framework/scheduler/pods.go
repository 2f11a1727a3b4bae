package scheduler

import (
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/plan"
)

// Replacement is how far the replacement of a node's executor is.
type Replacement string

// The stages of a replacement. Nothing of it touches what the node has for ScaleIO: SDS, devices and volumes stay.
const (
	ReplaceWanted Replacement = "wanted" // by an operator; waits for its turn
	ReplaceBegun  Replacement = "begun"  // the old executor is given up; a new one is to come and to look at the node from scratch
)

// maxReplaced bounds how many nodes are replaced at once.
const maxReplaced = 1

// CommandPod does what an operator asks of a pod, and gives the names of its tasks. All of it holds over restarts.
//
//	restart  kills the task; it comes back where it was.
//	replace  kills the task, or gives it up when another agent comes, and begins the node anew; one node at a time.
//	pause    kills the task and launches none until resume. The storage serves on.
//	resume   ends a pause.
func (c *Core) CommandPod(now time.Time, verb Verb, pod string) ([]string, error) {
	c.now = now
	n := c.Pod(pod)
	if n == nil {
		return nil, fault.New(fault.NotFound, "pod "+pod, string(verb), "there is no such pod")
	}
	switch verb {
	case Restart:
		n.kill()
	case Replace:
		if n.Paused {
			return nil, fault.New(fault.Conflict, "pod "+pod, string(verb), "it is paused; resume it first")
		}
		n.replace()
	case Pause:
		n.Paused = true
		n.kill()
	case Resume:
		n.Paused = false
		n.Since = now
	default:
		return nil, fault.New(fault.Invalid, "pod "+pod, string(verb), "it is no command of pods")
	}
	n.RetryAt, n.Failures = time.Time{}, 0
	c.forgetForced(n)
	c.mark(n)
	return []string{n.TaskName()}, nil
}

// kill has the task end, however often that must be said.
func (n *Node) kill() {
	if n.Task != nil {
		n.Task.Killing, n.killAt = true, time.Time{}
	}
}

func (n *Node) replace() { n.Replace, n.Replaced = ReplaceWanted, "" }

// setReplace says where the replacement of a node stands, and ends it.
func (c *Core) setReplace(n *Node) {
	if n.Replace == "" {
		if s := c.recovery.Phase(string(roleReplace)).Step(n.Name); s != nil {
			c.set(s, standing{plan.Complete, "begun anew"})
		}
		return
	}
	ph := c.replacePhase()
	switch {
	case n.Replace == ReplaceWanted:
		c.set(ph.AddStep(n.Name), standing{plan.Pending, "waits for its turn: at most " + count(maxReplaced, "node") + " at a time"})
	case n.renewed():
		n.Replace, n.Replaced = "", ""
		c.mark(n)
		c.set(ph.AddStep(n.Name), standing{plan.Complete, "begun anew"})
	default:
		c.set(ph.AddStep(n.Name), c.replaceStatus(n))
	}
}

// replacePhase gives the phase, which is there only once it is needed.
func (c *Core) replacePhase() *plan.Phase {
	if ph := c.recovery.Phase(string(roleReplace)); ph != nil {
		return ph
	}
	ph := c.recovery.AddPhase(string(roleReplace), plan.Parallel, maxReplaced)
	c.roles[ph] = roleReplace
	c.recovery.Recall(c.decisions[c.recovery.Name])
	return ph
}

// renewed says whether another executor has told that it is done with all that the node is to be.
func (n *Node) renewed() bool {
	return n.running() && n.Task.ID != n.Replaced && n.ReportTask == n.Task.ID && n.Desired != nil && n.Desired.Probe == n.Probe &&
		n.Report.Reached(inventory.StageInstall, n.Desired.Generation)
}

// replaceStatus counts as running all the while, so that the next node waits.
func (c *Core) replaceStatus(n *Node) standing {
	switch {
	case n.Paused:
		return standing{plan.Started, "paused by the operator; resume pod " + n.Pod() + " to go on"}
	case n.Task != nil && n.Task.ID == n.Replaced && n.inDoubt(), n.Task != nil && n.Task.ID == n.Replaced && lost(n.Task.State):
		return standing{plan.Starting, "the old executor may still run; waits for its agent, or for another one in its place"}
	case n.Task != nil && n.Task.ID == n.Replaced:
		return standing{plan.Started, "the old executor ends"}
	case n.Task == nil || !n.running():
		return standing{plan.Starting, c.launchStatus(n).message}
	case n.Desired == nil:
		return standing{plan.Started, "not told yet"}
	}
	return standing{plan.Started, stageStatus(n, inventory.StageInstall, n.Desired.Generation).message}
}

// workReplace begins the replacement of a node whose turn it is.
func (c *Core) workReplace(n *Node) {
	if n.Replace != ReplaceWanted || n.Paused {
		return
	}
	n.Replace = ReplaceBegun
	if n.Task != nil { // one that Mesos has lost sight of may still run: it is killed when its agent is back, and gone when another one is
		n.Replaced = n.Task.ID
		n.kill()
	}
	c.again(n)
	c.setReplace(n)
}
