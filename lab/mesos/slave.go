package mesos

import (
	"fmt"
	"time"

	api "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/master"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// slave is the master's record of a registered agent; Agent is the agent itself. Guarded by Master.mu.
type slave struct {
	seq                      int64
	agent                    *Agent
	info                     *api.AgentInfo
	address                  string
	total                    bag
	used, offered            bag // used is allocated, offered is not
	connected                bool
	registered, reregistered time.Time
	offers                   map[string]*offer
	tasks                    map[string]map[string]*task            // framework, task
	executors                map[string]map[string]*runningExecutor // framework, executor; not those of command tasks
	kills                    map[*task]bool                         // asked to kill, told again at re-registration
	timer                    *time.Timer                            // until it is marked unreachable
}

// runningExecutor is an executor as the master knows it.
type runningExecutor struct {
	seq  int64
	info *api.ExecutorInfo
}

func (e *runningExecutor) order() int64 { return e.seq }

func (s *slave) order() int64     { return s.seq }
func (s *slave) id() string       { return s.info.ID.Value }
func (s *slave) hostname() string { return s.info.Hostname }

// tell hands the agent a message of the master's. One to a disconnected agent is dropped, as Mesos drops it; one to an agent behind
// a partition waits in TCP until the partition heals, unless the agent has been given up by then.
func (s *slave) tell(what func(*Agent)) {
	if s.connected {
		s.agent.deliver(s, what)
	}
}

func (s *slave) free() bag { return s.total.minus(s.used.unallocated()).minus(s.offered) }

// offerable says whether the allocator may use the agent.
func (s *slave) offerable() bool {
	m := s.agent.master
	return s.connected && !m.deactivated[s.id()] && m.draining[s.id()] == nil
}

func (s *slave) hasExecutor(framework, id string) bool { return s.executors[framework][id] != nil }

func (s *slave) addExecutor(framework string, info *api.ExecutorInfo) {
	if s.executors[framework] == nil {
		s.executors[framework] = map[string]*runningExecutor{}
	}
	s.executors[framework][info.ExecutorID.Value] = &runningExecutor{s.agent.master.next(), info}
	s.use(framework, newBag(info.Resources))
}

func (s *slave) removeExecutor(framework, id string) {
	e := s.executors[framework][id]
	if e == nil {
		return
	}
	delete(s.executors[framework], id)
	if len(s.executors[framework]) == 0 {
		delete(s.executors, framework)
	}
	s.release(framework, newBag(e.info.Resources))
}

func (s *slave) removeExecutors(framework string) {
	for _, e := range sorted(s.executors[framework]) {
		s.removeExecutor(framework, e.info.ExecutorID.Value)
	}
}

func (m *Master) newSlave(a *Agent) *slave {
	s := &slave{seq: m.next(), agent: a, info: a.info, address: a.addr, total: newBag(a.info.Resources), connected: true,
		registered: m.cfg.Now(), offers: map[string]*offer{}, tasks: map[string]map[string]*task{},
		executors: map[string]map[string]*runningExecutor{}, kills: map[*task]bool{}}
	m.slaves[s.id()], m.byAddress[s.address] = s, s
	m.allocator.shares.cluster = m.allocator.shares.cluster.plus(amountOf(s.total), 1)
	m.registry[s.id()] = s.info
	a.slave = s
	return s
}

// register lets an agent in that has no id yet. Another agent at its address must be gone (25).
func (m *Master) register(a *Agent) {
	if old := m.byAddress[a.addr]; old != nil {
		m.removeSlave(old, "a new agent registered at the same address")
	}
	info := *a.info
	info.ID = &api.AgentID{Value: fmt.Sprintf("%s-S%d", m.id, m.nextAgent)}
	m.nextAgent++
	a.info = &info
	s := m.newSlave(a)
	m.tell(&master.Event{Type: master.Event_AGENT_ADDED, AgentAdded: &master.Event_AgentAdded{Agent: s.operatorView()}})
	m.allocator.soon(s)
}

// reregister lets an agent in again that has an id. It says whether the agent may stay.
func (m *Master) reregister(a *Agent) bool {
	id := a.id()
	if _, gone := m.gone[id]; gone {
		return false
	}
	if s := m.slaves[id]; s != nil {
		m.reconnect(s, a)
		return true
	}
	m.readmit(a)
	return true
}

// reconnect is the return of an agent that was not given up yet. (Master::___reregisterSlave, reconcileKnownSlave)
func (m *Master) reconnect(s *slave, a *Agent) {
	if s.timer != nil {
		s.timer.Stop()
	}
	a.slave, s.connected, s.reregistered = s, true, m.cfg.Now()
	for _, f := range sorted(m.frameworks) {
		for _, e := range sorted(s.executors[f.id()]) {
			if !a.runs(f.id(), e.info.ExecutorID.Value) {
				s.removeExecutor(f.id(), e.info.ExecutorID.Value)
			}
		}
	}
	m.welcome(a)
	for _, f := range sorted(m.frameworks) {
		for _, t := range sorted(s.tasks[f.id()]) {
			switch {
			case !a.knows(f.id(), t.id()):
				a.deny(f.info, t.id()) // it never got the task, or lost it in a reboot
			case s.kills[t] && !t.ended():
				a.killTask(f.id(), t.id(), nil)
			}
		}
	}
	m.allocator.soon(s)
}

// readmit is the return of an agent that this master does not have: unreachable, or unknown since a failover. Its tasks are told
// to their frameworks, again. (Master::__reregisterSlave)
func (m *Master) readmit(a *Agent) {
	_, was := m.unreachable[a.id()]
	_, expected := m.recovered[a.id()]
	if old := m.byAddress[a.addr]; old != nil {
		m.removeSlave(old, "a new agent registered at the same address")
	}
	s := m.newSlave(a)
	s.reregistered = m.cfg.Now()
	for _, info := range a.frameworkInfos() {
		if m.frameworks[info.ID.Value] == nil && !m.isCompleted(info.ID.Value) {
			m.newFramework(info).recovered = true
		}
	}
	message := "Unknown agent reregistered"
	if was {
		message = "Unreachable agent re-reregistered" // sic
	}
	for _, info := range a.taskInfos() {
		f := m.frameworks[info.FrameworkID.Value]
		if f == nil {
			continue // completed: shut down below
		}
		t := m.adopt(f, s, info)
		if !expected {
			f.sendStatus(t.report(t.info.GetState(), api.REASON_AGENT_REREGISTERED, message))
		}
	}
	for framework, executors := range a.executorInfos() {
		if m.frameworks[framework] == nil {
			continue
		}
		for _, info := range executors {
			s.addExecutor(framework, info)
		}
	}
	for _, f := range m.frameworks { // what the agent did not bring back is no longer unreachable
		for _, t := range sorted(f.unreachable) {
			if t.agentID == s.id() {
				delete(f.unreachable, t.id())
			}
		}
	}
	delete(m.unreachable, s.id())
	delete(m.recovered, s.id())
	m.tell(&master.Event{Type: master.Event_AGENT_ADDED, AgentAdded: &master.Event_AgentAdded{Agent: s.operatorView()}})
	m.allocator.soon(s)
	m.welcome(a)
	for _, info := range a.frameworkInfos() {
		if m.isCompleted(info.ID.Value) {
			a.shutdownFramework(info.ID.Value)
		}
	}
}

// adopt takes over a task that an agent brought along.
func (m *Master) adopt(f *framework, s *slave, info *api.Task) *task {
	t := &task{seq: m.next(), info: *info, framework: f, agentID: s.id(), uses: newBag(info.Resources)}
	delete(f.unreachable, t.id())
	kept := f.done[:0]
	for _, old := range f.done {
		if old.id() != t.id() {
			kept = append(kept, old)
		}
	}
	f.done = kept
	m.keepTask(t, s)
	return t
}

// welcome tells the agent that it is registered and of its frameworks: it sends all unacknowledged statuses, for each reason once.
func (m *Master) welcome(a *Agent) {
	a.resume()
	for _, info := range a.frameworkInfos() {
		if f := m.frameworks[info.ID.Value]; f != nil {
			a.updateFramework(f.info)
		}
	}
	m.drainAgain(a)
}

// agentLost is what the master sees of an agent's process dying: its TCP connection breaks.
func (m *Master) agentLost(s *slave) {
	if !s.connected {
		return
	}
	s.connected = false
	m.rescindAll(s)
	for _, f := range sorted(m.frameworks) {
		if !f.info.GetCheckpoint() {
			m.removeFromAgent(s, f)
			s.removeExecutors(f.id())
		}
	}
	m.expect(s)
}

// removeFromAgent ends the tasks of a framework without checkpoint: they die with the agent's process (19).
func (m *Master) removeFromAgent(s *slave, f *framework) {
	for _, t := range sorted(s.tasks[f.id()]) {
		status := t.status(api.TASK_LOST, api.SOURCE_MASTER, api.REASON_AGENT_DISCONNECTED, fmt.Sprintf("Agent %s disconnected", s.hostname()))
		m.updateTask(t, status, api.TASK_LOST)
		m.removeTask(t, false)
		f.sendStatus(status)
	}
}

// expect marks the agent unreachable when its pings stay away: pings go out every PingTimeout since it registered, and
// MaxPingTimeouts of them must be missed in a row (75 to 90 s by default; 87.6 s measured).
func (m *Master) expect(s *slave) {
	if s.timer != nil {
		s.timer.Stop()
	}
	ping := m.cfg.PingTimeout
	since := s.registered
	if s.reregistered.After(since) {
		since = s.reregistered
	}
	next := ping - m.cfg.Now().Sub(since)%ping
	s.timer = m.after(next+time.Duration(m.cfg.MaxPingTimeouts)*ping, func() {
		if m.slaves[s.id()] == s {
			m.markUnreachable(s, "health check timed out")
		}
	})
}

func (m *Master) rescindAll(s *slave) {
	for _, o := range sorted(s.offers) {
		m.rescind(o)
	}
}

func (m *Master) markUnreachable(s *slave, message string) {
	now := m.cfg.Now()
	m.unreachable[s.id()] = now
	m.endSlave(s, func(f *framework, t *task) (*api.TaskStatus, bool) {
		state := api.TASK_UNREACHABLE
		if !f.partitionAware() {
			state = api.TASK_LOST
		}
		status := t.status(state, api.SOURCE_MASTER, api.REASON_AGENT_REMOVED, message)
		status.UnreachableTime = timeInfo(now)
		return status, true
	})
}

func (m *Master) markGone(s *slave) {
	m.gone[s.id()] = m.cfg.Now()
	delete(m.registry, s.id())
	s.tell((*Agent).shutDown)
	m.endSlave(s, func(f *framework, t *task) (*api.TaskStatus, bool) {
		if f.partitionAware() {
			return t.status(api.TASK_GONE_BY_OPERATOR, api.SOURCE_MASTER, api.REASON_AGENT_REMOVED_BY_OPERATOR, "Agent has been marked gone"), false
		}
		return t.status(api.TASK_LOST, api.SOURCE_MASTER, api.REASON_AGENT_REMOVED, "Agent has been marked gone"), true
	})
}

// removeSlave forgets an agent that unregistered or was replaced: TASK_LOST even for the partition aware (25).
func (m *Master) removeSlave(s *slave, cause string) {
	delete(m.registry, s.id())
	delete(m.draining, s.id())
	delete(m.deactivated, s.id())
	m.endSlave(s, func(f *framework, t *task) (*api.TaskStatus, bool) {
		return t.status(api.TASK_LOST, api.SOURCE_MASTER, api.REASON_AGENT_REMOVED, fmt.Sprintf("Agent %s removed: %s", s.hostname(), cause)), false
	})
	m.tell(&master.Event{Type: master.Event_AGENT_REMOVED, AgentRemoved: &master.Event_AgentRemoved{AgentID: *s.info.ID}})
}

// endSlave takes an agent out: a status per task, RESCIND per offer, FAILURE, in this order (05/030-032).
func (m *Master) endSlave(s *slave, last func(*framework, *task) (status *api.TaskStatus, unreachable bool)) {
	if s.timer != nil {
		s.timer.Stop()
	}
	s.connected = false
	for _, f := range sorted(m.frameworks) {
		for _, t := range sorted(s.tasks[f.id()]) {
			status, unreachable := last(f, t)
			m.updateTask(t, status, status.GetState())
			m.removeTask(t, unreachable)
			f.sendStatus(status)
		}
		s.removeExecutors(f.id())
	}
	m.rescindAll(s)
	for _, f := range m.frameworks {
		f.dropFilters(func(key filterKey) bool { return key.agent == s.id() })
	}
	delete(m.slaves, s.id())
	m.allocator.shares.cluster = m.allocator.shares.cluster.plus(amountOf(s.total), -1)
	if m.byAddress[s.address] == s {
		delete(m.byAddress, s.address)
	}
	if s.agent.slave == s {
		s.agent.slave = nil
	}
	for _, f := range sorted(m.frameworks) {
		f.send(&scheduler.Event{Type: scheduler.Event_FAILURE, Failure: &scheduler.Event_Failure{AgentID: s.info.ID}})
	}
}

// exitedExecutor is an executor's end as the agent reports it; not for command tasks.
func (m *Master) exitedExecutor(s *slave, framework, id string, status int) {
	if !s.hasExecutor(framework, id) {
		return
	}
	s.removeExecutor(framework, id)
	if f := m.frameworks[framework]; f != nil {
		code := int32(status)
		f.send(&scheduler.Event{Type: scheduler.Event_FAILURE, Failure: &scheduler.Event_Failure{
			AgentID: s.info.ID, ExecutorID: &api.ExecutorID{Value: id}, Status: &code}})
	}
}

// Drain and deactivation (11/034-044).

func (m *Master) drain(s *slave, config api.DrainConfig) {
	m.draining[s.id()] = &api.DrainInfo{State: api.DrainState_DRAINING, Config: config}
	m.drainStart[s.id()] = m.cfg.Now().Truncate(time.Second)
	m.deactivated[s.id()] = true
	m.rescindAll(s)
	s.tell(func(a *Agent) { a.drain(config) })
	m.checkDrained(s)
}

func (m *Master) drainAgain(a *Agent) {
	if info := m.draining[a.id()]; info != nil {
		a.drain(info.Config)
	}
}

// checkDrained moves a draining agent on when its last task is gone.
func (m *Master) checkDrained(s *slave) {
	info := m.draining[s.id()]
	if info == nil || info.State != api.DrainState_DRAINING || len(s.tasks) > 0 {
		return
	}
	info.State = api.DrainState_DRAINED
	if info.Config.GetMarkGone() {
		m.markGone(s)
	}
}
