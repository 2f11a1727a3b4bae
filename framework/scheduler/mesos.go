package scheduler

import (
	"encoding/json"
	"fmt"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mesosscheduler "github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
)

// unwanted is how long Mesos keeps an offer that nobody needs from us (design §5.6).
const unwanted = time.Hour

// Subscribe is the call to (re-)subscribe with.
func (c *Core) Subscribe() *mesosscheduler.Call {
	timeout, checkpoint := c.cfg.FailoverTimeout.Seconds(), true
	info := &mesos.FrameworkInfo{
		User: c.cfg.Spec.Scheduler.User, Name: c.cfg.Spec.Name, Role: &c.role, FailoverTimeout: &timeout, Checkpoint: &checkpoint,
		Capabilities: []mesos.FrameworkInfo_Capability{{Type: mesos.FrameworkInfo_Capability_PARTITION_AWARE}},
	}
	set := func(field **string, value string) {
		if value != "" {
			*field = &value
		}
	}
	set(&info.Hostname, c.cfg.Hostname)
	set(&info.WebUiURL, c.cfg.WebUI)
	set(&info.Principal, c.cfg.Spec.Scheduler.Principal)
	call := &mesosscheduler.Call{Type: mesosscheduler.Call_SUBSCRIBE, Subscribe: &mesosscheduler.Call_Subscribe{FrameworkInfo: info}}
	if c.frameworkID != "" {
		info.ID = &mesos.FrameworkID{Value: c.frameworkID}
		call.FrameworkID = &mesos.FrameworkID{Value: c.frameworkID}
	}
	return call
}

func (c *Core) call(call *mesosscheduler.Call) {
	call.FrameworkID = &mesos.FrameworkID{Value: c.frameworkID}
	c.calls = append(c.calls, call)
}

func (c *Core) mesosEvent(e *mesosscheduler.Event) {
	switch e.GetType() {
	case mesosscheduler.Event_SUBSCRIBED:
		c.onSubscribed(e.GetSubscribed())
	case mesosscheduler.Event_OFFERS:
		for i := range e.GetOffers().GetOffers() {
			c.onOffer(&e.Offers.Offers[i])
		}
	case mesosscheduler.Event_RESCIND:
		c.onRescind(e.GetRescind().GetOfferID().Value)
	case mesosscheduler.Event_UPDATE:
		if u := e.GetUpdate(); u != nil {
			c.onUpdate(&u.Status)
		}
	case mesosscheduler.Event_FAILURE:
		if f := e.GetFailure(); f != nil && f.AgentID != nil && f.ExecutorID == nil {
			c.agentGone(f.AgentID.Value)
		}
	case mesosscheduler.Event_ERROR:
		c.onError(e.GetError().GetMessage())
	default: // heartbeats, inverse offers, and what newer versions say
	}
}

func (c *Core) onSubscribed(s *mesosscheduler.Event_Subscribed) {
	c.subscribed, c.suppressed, c.unsure, c.returned = true, false, false, nil
	c.implicitAt = c.now.Add(implicitEvery)
	c.dropOffers()
	if id := s.GetFrameworkID().GetValue(); id != "" && id != c.frameworkID {
		c.frameworkID = id
		c.put(keyFramework, frameworkRecord{ID: id})
	}
	c.changed = true
	for _, n := range c.order {
		if n.Task != nil {
			n.reconcileAt, n.killAt = c.now, time.Time{}
		}
	}
}

func (c *Core) dropOffers() {
	for _, n := range c.order {
		n.offer = nil
	}
	c.spare = nil
}

// onOffer keeps one offer of a node that will need it, and gives the others back.
func (c *Core) onOffer(o *mesos.Offer) {
	n := c.nodes[o.Hostname]
	if n != nil && n.Agent.ID != o.AgentID.Value && c.agentsKnown && c.agentsErr == nil {
		// The list of agents, which comes on a stream of its own, knows another one there: which of the two is old, it will tell.
		c.spare, n.declined = append(c.spare, o), true
		return
	}
	c.agentSeen(agentOfOffer(o))
	n = c.nodes[o.Hostname]
	if n == nil {
		c.spare = append(c.spare, o)
		return
	}
	if n.offer != nil { // of two, the newer one: the older may be void
		c.spare, n.declined = append(c.spare, n.offer), true
	}
	n.offer = o
}

func (c *Core) onRescind(id string) {
	for _, n := range c.order {
		if n.offer != nil && n.offer.ID.Value == id {
			n.offer = nil
		}
	}
}

// onUpdate takes the state of a task. Updates with a uuid are acknowledged, after the records of this step are durable.
func (c *Core) onUpdate(s *mesos.TaskStatus) {
	if len(s.UUID) > 0 && s.AgentID != nil {
		c.call(calls.Acknowledge(s.AgentID.Value, s.TaskID.Value, s.UUID))
	}
	state := s.GetState()
	n := c.tasks[s.TaskID.Value]
	if n == nil || n.Task == nil || n.Task.ID != s.TaskID.Value {
		if alive(state) {
			c.call(calls.Kill(s.TaskID.Value, s.GetAgentID().GetValue())) // an executor of ours that no node wants
		}
		return
	}
	n.reconcileAt = time.Time{}
	switch {
	case alive(state):
		c.onAlive(n, s)
	case lost(state.String()):
		n.Task.State, n.Task.Message = state.String(), s.GetMessage()
		if state == mesos.TASK_UNREACHABLE && n.Agent.ID == n.Task.AgentID {
			n.Agent.Active = false
		}
		c.mark(n)
	case final(state):
		c.end(n, ended(n, s))
	default: // a state of a newer Mesos: shown, not acted upon
		n.Task.State, n.Task.Message = state.String(), s.GetMessage()
		c.mark(n)
	}
}

func alive(s mesos.TaskState) bool {
	return s == mesos.TASK_STAGING || s == mesos.TASK_STARTING || s == mesos.TASK_RUNNING || s == mesos.TASK_KILLING
}

// lost states are not the end: the agent may come back and its executor with it, and a master without a registry says so of tasks whose
// agents have not yet registered again (mesos.md §3.6, §3.7). settleTasks finds out.
func lost(state string) bool {
	return state == mesos.TASK_UNREACHABLE.String() || state == mesos.TASK_LOST.String() || state == mesos.TASK_UNKNOWN.String()
}

// final states end the task for us.
func final(s mesos.TaskState) bool {
	switch s {
	case mesos.TASK_FINISHED, mesos.TASK_FAILED, mesos.TASK_KILLED, mesos.TASK_ERROR, mesos.TASK_DROPPED, mesos.TASK_GONE,
		mesos.TASK_GONE_BY_OPERATOR:
		return true
	}
	return false
}

// ended says in words how the executor ended.
func ended(n *Node, s *mesos.TaskStatus) string {
	why := fmt.Sprintf("the executor on %s ended: %s", n.Name, s.GetState())
	if s.Reason != nil { // the getter invents one
		why += " " + s.GetReason().String()
	}
	if s.GetMessage() != "" {
		why += " (" + s.GetMessage() + ")"
	}
	return why
}

func (c *Core) onAlive(n *Node, s *mesos.TaskStatus) {
	state := s.GetState().String()
	if n.Task.State != state || !n.Agent.Active {
		n.Task.State, n.Task.Message = state, s.GetMessage()
		n.Agent.Active = true
		c.mark(n)
	}
	if len(s.Data) == 0 {
		return
	}
	var r inventory.Report
	if err := json.Unmarshal(s.Data, &r); err != nil {
		n.badReport = "its report cannot be read: " + err.Error()
		c.changed = true
		return
	}
	if r.Node != n.Name {
		n.badReport = fmt.Sprintf("its report is of node %q: two agents share a name, or a message went astray", r.Node)
		c.changed = true
		return
	}
	n.badReport = ""
	c.onReport(n, &r)
}
