package scheduler

import (
	"fmt"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/dcos-scaleio/scaleio/framework/plan"
)

// setRecovery has a step for every installed node whose executor is away.
func (c *Core) setRecovery(n *Node) {
	ph := c.recovery.Phases[0]
	away := n.Installed && (n.Task == nil || !n.running())
	if !away && ph.Step(n.Name) == nil {
		return
	}
	if !away {
		c.forgetForced(n)
		c.set(ph.AddStep(n.Name), standing{plan.Complete, "the executor runs again"})
		return
	}
	c.set(ph.AddStep(n.Name), c.launchStatus(n))
}

// forgetForced drops an operator's word that a recovery counts as complete: it was given for that one, not for those to come.
func (c *Core) forgetForced(n *Node) {
	for _, ph := range c.recovery.Phases {
		if s := ph.Step(n.Name); s != nil && s.Forced() {
			ph.RemoveStep(n.Name)
			c.decide(c.recovery)
		}
	}
}

// launchStatus says where the launch of a node's executor stands.
func (c *Core) launchStatus(n *Node) standing {
	switch {
	case n.Paused && n.Task != nil:
		return standing{plan.Waiting, "is being paused by the operator"}
	case n.Paused:
		return standing{plan.Waiting, "paused by the operator; resume pod " + n.Pod() + " to go on"}
	case n.Task == nil && !n.Agent.Active:
		return standing{plan.Pending, "the agent is not connected to the Mesos master"}
	case n.Task == nil && c.now.Before(n.RetryAt):
		return standing{plan.Delayed, fmt.Sprintf("%s; failure %d in a row, next try at %s", n.Failure, n.Failures, clock(n.RetryAt))}
	case n.Task == nil && n.misfit != "":
		return standing{plan.Prepared, "the agent's offer does not do: " + n.misfit}
	case n.Task == nil:
		return standing{plan.Pending, "waits for an offer of the agent"}
	case lost(n.Task.State) && n.Task.State != mesos.TASK_UNREACHABLE.String():
		return standing{plan.Delayed, "Mesos does not know the executor (" + n.Task.State + "), which may still run; waits for what its agent says"}
	case n.Task.State == mesos.TASK_UNREACHABLE.String():
		return standing{plan.Delayed, "the agent is unreachable; its executor may still run"}
	case n.badReport != "":
		return standing{plan.Error, n.badReport}
	case !n.running() && c.now.Sub(n.Task.Since) >= patience:
		return standing{plan.Delayed, "launched, but no report within " + patience.String()}
	case !n.running():
		c.by(n.Task.Since.Add(patience))
		return standing{plan.Starting, "the executor starts"}
	}
	return standing{plan.Started, "the executor runs"}
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05Z") }
