package scheduler

import (
	"fmt"
	"strings"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mesosscheduler "github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"

	"github.com/dcos-scaleio/scaleio/framework/offer"
)

// launch puts the node's executor and its one task on the offer in hand, if that fits.
func (c *Core) launch(n *Node) {
	o := n.offer
	if o == nil || n.Task != nil || n.Paused || c.now.Before(n.RetryAt) {
		return
	}
	task := c.cfg.Spec.Pods["node"].Tasks["agent"]
	decision := offer.Evaluate(offer.Need{Role: c.role, CPUs: task.CPUs, MemMB: task.Memory, Placement: c.placement}, o, c.placed(n))
	if !decision.Fits {
		n.misfit = strings.Join(decision.Reasons, "; ")
		return
	}
	n.misfit, n.offer = "", nil
	n.Launches++
	n.Task = &Task{
		ID: fmt.Sprintf("%s__%d", n.TaskName(), n.Launches), ExecutorID: fmt.Sprintf("%s-executor__%d", n.Pod(), n.Launches),
		AgentID: o.AgentID.Value, State: mesos.TASK_STAGING.String(), Since: c.now,
	}
	n.Since = c.now
	c.tasks[n.Task.ID] = n
	c.mark(n)
	accept := calls.Accept(calls.OfferOperations{calls.OpLaunch(c.taskInfo(n, decision.Resources))}.WithOffers(o.ID))
	refuse := unwanted.Seconds()
	accept.Accept.Filters = &mesos.Filters{RefuseSeconds: &refuse}
	c.call(accept)
}

// placed are the pods of other nodes, as placement rules see them.
func (c *Core) placed(except *Node) []offer.Placed {
	var all []offer.Placed
	if !c.placement.Counts() {
		return nil
	}
	for _, n := range c.order {
		if n != except && n.Task != nil {
			all = append(all, n.place)
		}
	}
	return all
}

// taskInfo splits the resources between the executor, which does the work, and its task, which Mesos wants to have some.
func (c *Core) taskInfo(n *Node, resources mesos.Resources) mesos.TaskInfo {
	executor, task := halves(resources)
	name := "scaleio-executor"
	return mesos.TaskInfo{
		Name: n.TaskName(), TaskID: mesos.TaskID{Value: n.Task.ID}, AgentID: mesos.AgentID{Value: n.Task.AgentID}, Resources: task,
		Executor: &mesos.ExecutorInfo{
			Type: mesos.ExecutorInfo_CUSTOM, ExecutorID: mesos.ExecutorID{Value: n.Task.ExecutorID}, Name: &name,
			FrameworkID: &mesos.FrameworkID{Value: c.frameworkID}, Command: c.command(n), Resources: executor,
		},
	}
}

// command fetches the executor and checks it before it runs: Mesos' fetcher checks nothing, so a line of the agent's shell does. All parts
// of the line are ours or were validated (hexadecimal digits; a path without quotes).
func (c *Core) command(n *Node) *mesos.CommandInfo {
	const file = "scaleio-executor"
	line := "exec ./" + file + " run"
	if c.cfg.Executor.SHA256 != "" {
		line = fmt.Sprintf("echo '%s  %s' | sha256sum -c - >&2 && %s", c.cfg.Executor.SHA256, file, line)
	}
	if root := c.cfg.Executor.HostRoot; root != "" {
		line += " -host-root '" + root + "'"
	}
	shell, executable, extract, output := true, true, false, file
	return &mesos.CommandInfo{
		Shell: &shell, Value: &line,
		URIs: []mesos.CommandInfo_URI{{Value: c.cfg.Executor.URL, Executable: &executable, Extract: &extract, OutputFile: &output}},
	}
}

// halves splits scalar resources in two.
func halves(all mesos.Resources) (executor, task mesos.Resources) {
	for _, r := range all {
		half := r
		if s := r.GetScalar(); s != nil {
			half.Scalar = &mesos.Value_Scalar{Value: s.Value / 2}
		}
		executor, task = append(executor, half), append(task, half)
	}
	return executor, task
}

// settleOffers gives back what nobody needs, and tells Mesos whether we want offers at all.
func (c *Core) settleOffers() {
	if !c.subscribed {
		return
	}
	needed, revive := false, false
	for _, n := range c.order {
		if n.Task == nil && !n.Paused && (n.Agent.Active || n.listed) {
			needed = true
			if !n.RetryAt.IsZero() && c.now.Before(n.RetryAt) {
				c.by(n.RetryAt)
			}
			if n.misfit == "" {
				revive = revive || n.offer == nil && n.declined
				continue // the offer, if any, is kept for the launch that is to come
			}
		}
		if n.offer != nil {
			c.spare = append(c.spare, n.offer)
			n.offer, n.declined = nil, true
		}
	}
	c.decline()
	c.wantOffers(needed || !c.agentsKnown || c.agentsErr != nil, revive)
}

// decline gives offers back; those whose return may not have arrived, once more, and so that what is needed is offered again at once.
func (c *Core) decline() {
	var ids []mesos.OfferID
	for _, o := range c.spare {
		ids = append(ids, o.ID)
	}
	c.spare = nil
	c.refuse(ids, unwanted)
	if len(c.returned) > 0 && c.now.Before(c.retryAt) {
		c.by(c.retryAt)
		return
	}
	c.refuse(c.returned, 0)
	c.returned = nil
}

func (c *Core) refuse(ids []mesos.OfferID, refused time.Duration) {
	if len(ids) == 0 {
		return
	}
	decline := calls.Decline(ids...)
	seconds := refused.Seconds()
	decline.Decline.Filters = &mesos.Filters{RefuseSeconds: &seconds}
	c.call(decline)
}

// wantOffers suppresses and revives. A call that failed is repeated after a pause.
func (c *Core) wantOffers(wanted, revive bool) {
	if c.unsure && c.now.Before(c.retryAt) {
		c.by(c.retryAt)
		return
	}
	switch {
	case wanted && (c.suppressed || c.unsure || revive):
		c.call(&mesosscheduler.Call{Type: mesosscheduler.Call_REVIVE})
		for _, n := range c.order {
			n.declined = false
		}
	case !wanted && (!c.suppressed || c.unsure):
		c.call(&mesosscheduler.Call{Type: mesosscheduler.Call_SUPPRESS})
	default:
		return
	}
	c.suppressed, c.unsure = !wanted, false
}
