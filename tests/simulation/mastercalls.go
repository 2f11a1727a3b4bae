package simulation

import (
	"cmp"
	"maps"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mesosscheduler "github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// call carries out a call of the framework; false: it was refused, or nobody is there.
func (m *master) call(stream int, c *mesosscheduler.Call) bool {
	if !m.up || m.stream == 0 || stream != m.stream {
		return false
	}
	switch c.GetType() {
	case mesosscheduler.Call_ACCEPT:
		m.accept(c.Accept)
	case mesosscheduler.Call_DECLINE:
		for _, id := range c.Decline.OfferIDs {
			m.giveBack(id.Value, c.Decline.Filters)
		}
	case mesosscheduler.Call_SUPPRESS:
		m.suppressed = true
	case mesosscheduler.Call_REVIVE:
		m.suppressed = false
		clear(m.filters)
	case mesosscheduler.Call_KILL:
		m.kill(c.Kill.TaskID.Value, c.Kill.GetAgentID().GetValue())
	case mesosscheduler.Call_ACKNOWLEDGE:
		m.toHost(c.Acknowledge.AgentID.Value, func(h *host) { h.acknowledged(c.Acknowledge.TaskID.Value, string(c.Acknowledge.UUID)) })
	case mesosscheduler.Call_MESSAGE:
		m.toHost(c.Message.AgentID.Value, func(h *host) { h.message(c.Message.ExecutorID.Value, c.Message.Data) })
	case mesosscheduler.Call_RECONCILE:
		m.reconcileAll(c.Reconcile.Tasks)
	}
	m.allocate()
	return true
}

// toHost sends to a connected agent; what meets a partition, or another agent, is lost.
func (m *master) toHost(id string, do func(*host)) {
	a := m.agents[id]
	if a == nil || !a.connected {
		return
	}
	m.after(m.between("agent", time.Millisecond, 20*time.Millisecond), func() {
		if a.host.reachable() && a.host.id == id {
			do(a.host)
		}
	})
}

func (m *master) giveBack(offer string, filters *mesos.Filters) {
	o, ok := m.offers[offer]
	if !ok {
		return
	}
	delete(m.offers, offer)
	m.filters[o.agent] = filter{m.available(o.agent), m.now + time.Duration(filters.GetRefuseSeconds()*float64(time.Second))}
	m.say("offer %s is declined for %vs", offer, filters.GetRefuseSeconds())
}

func (m *master) accept(a *mesosscheduler.Call_Accept) {
	valid := !slices.ContainsFunc(a.OfferIDs, func(id mesos.OfferID) bool { _, ok := m.offers[id.Value]; return !ok })
	for _, op := range a.Operations {
		for _, info := range op.GetLaunch().GetTaskInfos() {
			if !valid {
				m.status(info.TaskID.Value, info.AgentID.Value, mesos.TASK_DROPPED, mesos.REASON_INVALID_OFFERS, "Offer is no longer valid")
				continue
			}
			m.launch(info)
		}
	}
	for _, id := range a.OfferIDs {
		m.giveBack(id.Value, a.Filters)
	}
}

func (m *master) launch(info mesos.TaskInfo) {
	id, executor := info.TaskID.Value, info.Executor.ExecutorID.Value
	m.tasks[id] = &known{agent: info.AgentID.Value, executor: executor, state: mesos.TASK_STAGING, cpus: cpus(info.Resources) + cpus(info.Executor.Resources)}
	m.say("task %s is launched on %s", id, info.AgentID.Value)
	m.toHost(info.AgentID.Value, func(h *host) { h.launch(id, executor) })
}

func cpus(all mesos.Resources) (sum float64) {
	for _, r := range all {
		if r.Name == "cpus" {
			sum += r.Scalar.Value
		}
	}
	return sum
}

// kill of an unknown task is reconciliation of it.
func (m *master) kill(task, agent string) {
	t := m.tasks[task]
	if t == nil {
		m.reconcile(task, agent)
		return
	}
	m.toHost(t.agent, func(h *host) { h.kill(task) })
}

func (m *master) reconcileAll(asked []mesosscheduler.Call_Reconcile_Task) {
	if len(asked) == 0 {
		for _, id := range slices.Sorted(maps.Keys(m.tasks)) {
			if m.agents[m.tasks[id].agent] != nil {
				m.reconcile(id, m.tasks[id].agent)
			}
		}
		return
	}
	slices.SortFunc(asked, func(a, b mesosscheduler.Call_Reconcile_Task) int { return cmp.Compare(a.TaskID.Value, b.TaskID.Value) })
	for _, t := range asked {
		m.reconcile(t.TaskID.Value, t.GetAgentID().GetValue())
	}
}

// reconcile answers for one task, or does not (mesos.md §3.6).
func (m *master) reconcile(task, agent string) {
	say := func(state mesos.TaskState, text string) {
		m.status(task, agent, state, mesos.REASON_RECONCILIATION, "Reconciliation: "+text)
	}
	switch t := m.tasks[task]; {
	case t != nil && m.agents[t.agent] != nil:
		agent = t.agent
		say(t.state, "Latest task state")
	case m.recovered[agent]:
		m.say("master does not answer for %s", task)
	case len(m.recovered) > 0 && agent == "":
		m.say("master does not answer for %s", task)
	case m.gone[agent]:
		say(mesos.TASK_GONE_BY_OPERATOR, "Task is gone")
	case m.unreachable[agent]:
		say(mesos.TASK_UNREACHABLE, "Task is unreachable")
	case m.agents[agent] != nil:
		say(mesos.TASK_GONE, "Task is unknown to the agent")
	default:
		say(mesos.TASK_UNKNOWN, "Task is unknown")
	}
}
