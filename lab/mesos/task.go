package mesos

import (
	"slices"

	"github.com/gogo/protobuf/proto"
	api "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/master"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// task is the master's record of a task. Guarded by Master.mu.
type task struct {
	seq       int64
	info      api.Task
	framework *framework
	agentID   string
	uses      bag
	freed     bool // resources were given back
}

func (t *task) order() int64 { return t.seq }
func (t *task) id() string   { return t.info.TaskID.Value }
func (t *task) ended() bool  { return terminal(t.info.GetState()) }

// terminal: a task in such a state never runs again. TASK_UNREACHABLE and TASK_UNKNOWN are not among them.
func terminal(state api.TaskState) bool {
	switch state {
	case api.TASK_FINISHED, api.TASK_FAILED, api.TASK_KILLED, api.TASK_LOST, api.TASK_ERROR, api.TASK_DROPPED, api.TASK_GONE, api.TASK_GONE_BY_OPERATOR:
		return true
	}
	return false
}

// addTask notes a launched task in TASK_STAGING, a state that no scheduler is ever told.
func (m *Master) addTask(info *api.TaskInfo, f *framework, s *slave) *task {
	t := &task{seq: m.next(), framework: f, agentID: s.id(), uses: newBag(info.Resources), info: api.Task{
		Name: info.Name, TaskID: info.TaskID, FrameworkID: *f.info.ID, AgentID: info.AgentID, State: api.TASK_STAGING.Enum(),
		Resources: newBag(info.Resources).resources(), Labels: info.Labels, Discovery: info.Discovery, Container: info.Container,
		HealthCheck: info.HealthCheck, KillPolicy: info.KillPolicy,
	}}
	if info.Executor != nil {
		t.info.ExecutorID = &info.Executor.ExecutorID
	}
	if info.Command != nil && info.Command.User != nil {
		t.info.User = info.Command.User
	} else if info.Executor != nil && info.Executor.Command != nil {
		t.info.User = info.Executor.Command.User
	}
	m.keepTask(t, s)
	m.tell(&master.Event{Type: master.Event_TASK_ADDED, TaskAdded: &master.Event_TaskAdded{Task: t.info}})
	return t
}

// keepTask puts a task into the tables of its framework and agent.
func (m *Master) keepTask(t *task, s *slave) {
	t.framework.tasks[t.id()] = t
	if s.tasks[t.framework.id()] == nil {
		s.tasks[t.framework.id()] = map[string]*task{}
	}
	s.tasks[t.framework.id()][t.id()] = t
	if !t.ended() {
		s.use(t.framework.id(), t.uses)
	} else {
		t.freed = true
	}
}

// status makes a status of the master's: without uuid, so that nobody acknowledges it.
func (t *task) status(state api.TaskState, source api.TaskStatus_Source, reason api.TaskStatus_Reason, message string) *api.TaskStatus {
	status := newStatus(t.framework.master.seconds(), t.id(), t.agentID, state, source, reason, message)
	status.ExecutorID = t.info.ExecutorID
	return status
}

func newStatus(now float64, taskID, agentID string, state api.TaskState, source api.TaskStatus_Source, reason api.TaskStatus_Reason, message string) *api.TaskStatus {
	status := &api.TaskStatus{TaskID: api.TaskID{Value: taskID}, State: &state, Source: &source, Reason: &reason, Message: &message, Timestamp: &now}
	if agentID != "" {
		status.AgentID = &api.AgentID{Value: agentID}
	}
	return status
}

func (f *framework) sendStatus(status *api.TaskStatus) {
	f.send(&scheduler.Event{Type: scheduler.Event_UPDATE, Update: &scheduler.Event_Update{Status: *status}})
}

// forward sends a status on and notes what the framework is going to acknowledge.
func (m *Master) forward(f *framework, status *api.TaskStatus) {
	if t := f.tasks[status.TaskID.Value]; t != nil && status.UUID != nil {
		t.info.StatusUpdateState, t.info.StatusUpdateUUID = status.State, status.UUID
	}
	f.sendStatus(status)
}

// statusUpdate is a status that an agent sent; latest is the newest state that the agent knows of, of which the scheduler may not
// have been told because earlier statuses are not acknowledged.
func (m *Master) statusUpdate(s *slave, frameworkID string, status *api.TaskStatus, latest api.TaskState) {
	m.stats.update(s.hostname(), len(status.Data))
	if f := m.frameworks[frameworkID]; f != nil && f.connected() {
		m.forward(f, status)
	} // else it is dropped here; the agent sends it again
	if t := s.tasks[frameworkID][status.TaskID.Value]; t != nil {
		m.updateTask(t, status, latest)
	}
}

// updateTask notes a status: the task's state is the latest one, and stays when it is terminal. (Master::updateTask)
func (m *Master) updateTask(t *task, status *api.TaskStatus, latest api.TaskState) {
	if !t.ended() {
		t.info.State = &latest
	}
	kept := *status
	kept.Data = nil // the master does not keep it: no reconciliation answer has data
	news := true
	switch status.GetReason() {
	case api.REASON_TASK_CHECK_STATUS_UPDATED, api.REASON_TASK_HEALTH_CHECK_STATUS_UPDATED:
	default:
		n := len(t.info.Statuses)
		news = n == 0 || t.info.Statuses[n-1].GetState() != status.GetState()
	}
	if n := len(t.info.Statuses); n > 0 && t.info.Statuses[n-1].GetState() == status.GetState() {
		t.info.Statuses = t.info.Statuses[:n-1]
	}
	t.info.Statuses = append(slices.Clip(t.info.Statuses), kept)
	if news {
		m.tell(&master.Event{Type: master.Event_TASK_UPDATED, TaskUpdated: &master.Event_TaskUpdated{
			FrameworkID: t.info.FrameworkID, Status: kept, State: t.info.State}})
	}
	if !t.freed && (t.ended() || t.info.GetState() == api.TASK_UNREACHABLE) {
		t.freed = true
		if s := m.slaves[t.agentID]; s != nil {
			s.release(t.framework.id(), t.uses)
		}
	}
}

// removeTask takes a task out of the tables: to the completed ones, or to the unreachable ones, which may come back.
func (m *Master) removeTask(t *task, unreachable bool) {
	f := t.framework
	delete(f.tasks, t.id())
	delete(f.unreachable, t.id())
	if s := m.slaves[t.agentID]; s != nil {
		delete(s.tasks[f.id()], t.id())
		if len(s.tasks[f.id()]) == 0 {
			delete(s.tasks, f.id())
		}
	}
	if unreachable {
		f.unreachable[t.id()] = t
		return
	}
	f.done = append(f.done, t)
	if len(f.done) > maxCompletedTasks {
		f.done = f.done[1:]
	}
}

// acknowledge passes an acknowledgement on to the agent; whatever is wrong with it is ignored (02/036-037, 24/032).
func (m *Master) acknowledge(f *framework, call *scheduler.Call_Acknowledge) {
	s := m.slaves[call.AgentID.Value]
	if s == nil || !s.connected {
		return
	}
	if t := s.tasks[f.id()][call.TaskID.Value]; t != nil {
		if t.info.StatusUpdateState == nil {
			return
		}
		if terminal(t.info.GetStatusUpdateState()) && string(t.info.StatusUpdateUUID) == string(call.UUID) {
			m.removeTask(t, false)
		}
	}
	s.tell(func(a *Agent) { a.acknowledged(f.id(), call.TaskID.Value, call.UUID) })
	m.checkDrained(s)
}

// kill asks the agent to kill a task; a task that the master does not know is reconciled instead.
func (m *Master) kill(f *framework, call *scheduler.Call_Kill) {
	t := f.tasks[call.TaskID.Value]
	if t == nil {
		m.reconcile(f, []scheduler.Call_Reconcile_Task{{TaskID: call.TaskID, AgentID: call.AgentID}})
		return
	}
	if call.AgentID != nil && call.AgentID.Value != t.agentID {
		return
	}
	s := m.slaves[t.agentID]
	if s == nil {
		return
	}
	s.kills[t] = true // told again when the agent re-registers
	s.tell(func(a *Agent) { a.killTask(f.id(), t.id(), call.KillPolicy) })
}

// latest is the status that reconciliation answers with for a known task.
func (t *task) latest() *api.TaskStatus {
	state := t.info.GetState()
	if t.info.StatusUpdateState != nil {
		state = t.info.GetStatusUpdateState()
	}
	return t.report(state, api.REASON_RECONCILIATION, "Reconciliation: Latest task state")
}

// report is a status of the master's with what it knows of the task's container and health.
func (t *task) report(state api.TaskState, reason api.TaskStatus_Reason, message string) *api.TaskStatus {
	status := t.status(state, api.SOURCE_MASTER, reason, message)
	if n := len(t.info.Statuses); n > 0 {
		last := t.info.Statuses[n-1]
		status.Healthy, status.CheckStatus = last.Healthy, last.CheckStatus
	}
	for _, old := range t.info.Statuses {
		if old.ContainerStatus != nil {
			status.ContainerStatus = old.ContainerStatus
		}
	}
	return status
}

// reconcile answers with what the master knows (mesos.md §3.6): of the named tasks, or of all without names.
func (m *Master) reconcile(f *framework, named []scheduler.Call_Reconcile_Task) {
	if len(named) == 0 {
		for _, t := range sorted(f.tasks) {
			f.sendStatus(t.latest())
		}
		return
	}
	for i := range named {
		agentID := ""
		if named[i].AgentID != nil {
			agentID = named[i].AgentID.Value
		}
		if t := f.tasks[named[i].TaskID.Value]; t != nil {
			f.sendStatus(t.latest())
		} else if status := m.unknownTask(f, named[i].TaskID.Value, agentID); status != nil {
			f.sendStatus(status)
		}
	}
}

// unknownTask is the answer for a task that the master does not know; nil while agents that may run it have not come back.
func (m *Master) unknownTask(f *framework, taskID, agentID string) *api.TaskStatus {
	if _, waiting := m.recovered[agentID]; waiting || agentID == "" && len(m.recovered) > 0 {
		return nil
	}
	since, unreachable := m.unreachable[agentID]
	_, gone := m.gone[agentID]
	state, message := api.TASK_UNKNOWN, "Reconciliation: Task is unknown"
	switch {
	case m.slaves[agentID] != nil:
		state, message = api.TASK_GONE, "Reconciliation: Task is unknown to the agent"
	case unreachable:
		state, message = api.TASK_UNREACHABLE, "Reconciliation: Task is unreachable"
	case gone:
		state, message = api.TASK_GONE_BY_OPERATOR, "Reconciliation: Task is gone"
	}
	if !f.partitionAware() {
		state = api.TASK_LOST
	}
	status := newStatus(m.seconds(), taskID, agentID, state, api.SOURCE_MASTER, api.REASON_RECONCILIATION, message)
	if unreachable && m.slaves[agentID] == nil {
		status.UnreachableTime = timeInfo(since)
	}
	return status
}

func (m *Master) reconcileOperations(f *framework, named []scheduler.Call_ReconcileOperations_Operation) {
	for i := range named {
		f.sendOperation(&api.OperationStatus{OperationID: &named[i].OperationID, State: api.OPERATION_UNKNOWN,
			Message: proto.String("Reconciliation: Operation is unknown"), AgentID: named[i].AgentID})
	}
}

func (f *framework) sendOperation(status *api.OperationStatus) {
	f.send(&scheduler.Event{Type: scheduler.Event_UPDATE_OPERATION_STATUS,
		UpdateOperationStatus: &scheduler.Event_UpdateOperationStatus{Status: *status}})
}
