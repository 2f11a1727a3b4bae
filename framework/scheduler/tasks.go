package scheduler

import (
	"fmt"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mesosscheduler "github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"
)

const (
	// reconcileEvery is how often Mesos is asked again for a task that it did not speak of, or whose state cannot be the last word.
	reconcileEvery = 15 * time.Second
	// implicitEvery is how often Mesos is asked for all that it knows of us: so executors are found that no node wants, and news that got lost.
	implicitEvery = time.Hour
	// killEvery is how often a KILL is repeated until the task has ended: it may meet an agent that is away.
	killEvery = 5 * time.Second
	// retryCall is the pause after a call that failed.
	retryCall = time.Second
)

// settleTasks ends what has ended, kills what is to be killed, and asks for what is in doubt.
func (c *Core) settleTasks() {
	for _, n := range c.order {
		if n.Task == nil {
			continue
		}
		if lost(n.Task.State) && (n.Agent.Active || n.listed) && n.Agent.ID != n.Task.AgentID {
			c.end(n, fmt.Sprintf("the agent on %s is another one (%s) than that of its executor (%s): the executor is gone with it", n.Name, n.Agent.ID, n.Task.AgentID))
			continue
		}
		if n.reconcileAt.IsZero() && (n.inDoubt() || n.late(c.now)) {
			n.reconcileAt = c.now.Add(reconcileEvery)
		}
		c.killAgain(n)
	}
	c.reconcile()
}

// inDoubt says whether what Mesos said of the task and what it said of the agent do not go together.
func (n *Node) inDoubt() bool {
	if lost(n.Task.State) {
		return n.Agent.Active
	}
	return !n.Agent.Active || n.Agent.ID != n.Task.AgentID
}

// late says whether the launch takes so long that it may have been lost.
func (n *Node) late(now time.Time) bool {
	return n.Task.State == mesos.TASK_STAGING.String() && now.Sub(n.Task.Since) >= patience
}

// end takes the task off the node; it is launched again after a pause.
func (c *Core) end(n *Node, why string) {
	delete(c.tasks, n.Task.ID)
	n.failed(c.now, why)
	c.forgetForced(n)
	c.mark(n)
}

// killAgain sends the KILL that an operator asked for, until the task has ended.
func (c *Core) killAgain(n *Node) {
	switch {
	case !n.Task.Killing || !c.subscribed || lost(n.Task.State) || n.inDoubt(): // it would not arrive
	case c.now.Before(n.killAt):
		c.by(n.killAt)
	default:
		c.call(calls.Kill(n.Task.ID, n.Task.AgentID))
		n.killAt = c.now.Add(killEvery)
		c.by(n.killAt)
	}
}

// reconcile asks for the tasks whose state Mesos has not told since the subscription, or that are in doubt; and for all of them now and then.
func (c *Core) reconcile() {
	if !c.subscribed {
		return
	}
	tasks := map[string]string{}
	for _, n := range c.order {
		if n.Task == nil || n.reconcileAt.IsZero() {
			continue
		}
		if !c.now.Before(n.reconcileAt) {
			tasks[n.Task.ID] = n.Task.AgentID
			n.reconcileAt = c.now.Add(reconcileEvery)
		}
		c.by(n.reconcileAt)
	}
	if len(tasks) > 0 {
		c.call(calls.Reconcile(calls.ReconcileTasks(tasks)))
	}
	if !c.now.Before(c.implicitAt) {
		c.call(calls.Reconcile())
		for _, n := range c.order { // it tells nothing of a task that Mesos does not know
			if n.Task != nil && n.reconcileAt.IsZero() {
				n.reconcileAt = c.now.Add(reconcileEvery)
				c.by(n.reconcileAt)
			}
		}
		c.implicitAt = c.now.Add(implicitEvery)
	}
	c.by(c.implicitAt)
}

// callFailed handles the calls whose loss matters: Mesos may or may not have got them. The others are repeated anyhow.
func (c *Core) callFailed(in CallFailed) {
	switch in.Call.GetType() {
	case mesosscheduler.Call_REVIVE, mesosscheduler.Call_SUPPRESS:
		c.unsure, c.retryAt = true, c.now.Add(retryCall)
	case mesosscheduler.Call_DECLINE:
		c.returned, c.retryAt = append(c.returned, in.Call.Decline.OfferIDs...), c.now.Add(retryCall)
	case mesosscheduler.Call_ACCEPT:
		for _, op := range in.Call.Accept.Operations {
			for _, t := range op.GetLaunch().GetTaskInfos() {
				if n := c.tasks[t.TaskID.Value]; n != nil && n.Task != nil {
					n.reconcileAt = c.now.Add(retryCall) // it may have arrived all the same
				}
			}
		}
		c.returned, c.retryAt = append(c.returned, in.Call.Accept.OfferIDs...), c.now.Add(retryCall) // if it did not, Mesos would hold the offer out to us for ever
	}
}
