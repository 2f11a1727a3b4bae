package mesos

import (
	"context"
	"slices"
	"time"

	api "github.com/mesos/mesos-go/api/v1/lib"
	exec "github.com/mesos/mesos-go/api/v1/lib/executor"
)

type executorState int

const (
	executorRegistering executorState = iota // launched, has not subscribed (again)
	executorRunning
	executorTerminating // asked to end, or being killed
	executorTerminated  // its process is gone, statuses are still unacknowledged
)

const executorHeartbeat = 30 * time.Minute // DEFAULT_EXECUTOR_HEARTBEAT_INTERVAL

// executor is an executor on its agent; a command task has one too, played by the agent (command.go). Guarded by Master.mu.
type executor struct {
	seq       int64
	agent     *Agent
	framework *hosted
	info      *api.ExecutorInfo
	container string
	sandbox   string
	command   bool
	state     executorState
	tasks     map[string]*agentTask
	sentTask  bool // ever

	stream    *events
	cancel    context.CancelFunc // of the launch
	process   Process            // nil until launched
	pid       uint32
	killed    bool
	away      bool // its process ended while the agent's process was down
	pending   *termination
	timer     *time.Timer // registration, or shutdown grace
	run       *commandRun
	abandoned bool // forgotten by the agent: only its process still matters
}

// termination is why an executor's tasks end with it.
type termination struct {
	state   api.TaskState
	reason  api.TaskStatus_Reason
	message string
}

// agentTask is a task on its agent.
type agentTask struct {
	seq      int64
	executor *executor
	info     *api.TaskInfo
	state    api.TaskState // the latest
	queued   bool          // not delivered to the executor yet
	statuses []api.TaskStatus
}

func (e *executor) order() int64  { return e.seq }
func (t *agentTask) order() int64 { return t.seq }
func (t *agentTask) id() string   { return t.info.TaskID.Value }
func (e *executor) id() string    { return e.info.ExecutorID.Value }

func (e *executor) frameworkID() string { return e.framework.info.ID.Value }

// message is the task as the agent tells it to a master that it registers with.
func (t *agentTask) message() *api.Task {
	out := &api.Task{Name: t.info.Name, TaskID: t.info.TaskID, FrameworkID: *t.executor.framework.info.ID, AgentID: *t.executor.agent.info.ID,
		State: t.state.Enum(), Resources: t.info.Resources, Statuses: slices.Clone(t.statuses), Labels: t.info.Labels,
		Discovery: t.info.Discovery, Container: t.info.Container, HealthCheck: t.info.HealthCheck, KillPolicy: t.info.KillPolicy}
	if !t.executor.command {
		out.ExecutorID = &t.executor.info.ExecutorID
	}
	if n := len(t.statuses); n > 0 {
		last := t.statuses[n-1]
		if u := t.executor.agent.updates[updateKey(out.FrameworkID.Value, t.id())]; u != nil && len(u.queue) > 0 {
			last = *u.queue[0]
		}
		out.StatusUpdateState, out.StatusUpdateUUID = last.State, last.UUID
	}
	return out
}

// runTask starts a task on its executor, new or running. (Slave::run)
func (a *Agent) runTask(framework *api.FrameworkInfo, info *api.TaskInfo) {
	h := a.frameworks[framework.ID.Value]
	if h == nil {
		h = &hosted{seq: a.master.next(), info: framework, executors: map[string]*executor{}}
		a.frameworks[framework.ID.Value] = h
	}
	if h.terminating {
		return
	}
	about := info.Executor
	if about == nil {
		about = commandExecutor(framework, info)
	}
	e := h.executors[about.ExecutorID.Value]
	fresh := e == nil
	if fresh {
		e = &executor{seq: a.master.next(), agent: a, framework: h, info: about, container: a.master.cfg.UUID().String(),
			command: info.Executor == nil, tasks: map[string]*agentTask{}}
		h.executors[e.id()] = e
	}
	t := &agentTask{seq: a.master.next(), executor: e, info: info, state: api.TASK_STAGING, queued: true}
	e.tasks[t.id()] = t
	switch {
	case fresh:
		a.launchExecutor(e)
	case e.state == executorRunning:
		e.launchQueued()
	case e.state == executorTerminating:
		e.drop(t, "Executor terminating")
	case e.state == executorTerminated:
		e.drop(t, "Executor terminated")
	}
}

func (e *executor) drop(t *agentTask, message string) {
	e.agent.statusUpdate(e.framework, e.agent.status(t.id(), e.id(), lostState(e.framework.info), api.REASON_EXECUTOR_TERMINATED, message))
}

// commandExecutor is the ExecutorInfo that an agent generates for a command task.
func commandExecutor(framework *api.FrameworkInfo, info *api.TaskInfo) *api.ExecutorInfo {
	return &api.ExecutorInfo{Type: api.ExecutorInfo_CUSTOM, ExecutorID: api.ExecutorID{Value: info.TaskID.Value}, FrameworkID: framework.ID,
		Command: info.Command, Container: info.Container, Resources: info.Resources, Name: &info.Name}
}

// launchQueued hands the queued tasks over to a running executor.
func (e *executor) launchQueued() {
	for _, t := range sorted(e.tasks) {
		if !t.queued {
			continue
		}
		t.queued, e.sentTask = false, true
		e.send(&exec.Event{Type: exec.Event_LAUNCH, Launch: &exec.Event_Launch{Task: *t.info}})
	}
}

func (e *executor) send(event *exec.Event) {
	if e.stream != nil {
		e.stream.send(event.Type.String(), event)
	}
}

// frameworkMessage is a scheduler's MESSAGE; to nobody, it is dropped.
func (a *Agent) frameworkMessage(framework, executor string, data []byte) {
	if h := a.frameworks[framework]; h != nil {
		if e := h.executors[executor]; e != nil && e.state == executorRunning {
			e.send(&exec.Event{Type: exec.Event_MESSAGE, Message: &exec.Event_Message{Data: data}})
		}
	}
}

// killTask kills a task: here, when it has not been delivered, else the executor is told.
func (a *Agent) killTask(framework, taskID string, policy *api.KillPolicy) {
	t := a.taskOf(framework, taskID)
	if t == nil || terminal(t.state) {
		return
	}
	e := t.executor
	switch {
	case e.state == executorTerminating || e.state == executorTerminated:
	case t.queued:
		a.statusUpdate(e.framework, a.status(taskID, e.id(), api.TASK_KILLED, api.REASON_TASK_KILLED_DURING_LAUNCH, "Killed before delivery to the executor"))
		if e.state == executorRunning && !e.sentTask && !e.hasQueued() {
			e.shutdown()
		}
	case e.command:
		e.run.kill(policy)
	default:
		e.send(&exec.Event{Type: exec.Event_KILL, Kill: &exec.Event_Kill{TaskID: t.info.TaskID, KillPolicy: policy}})
	}
}

func (e *executor) hasQueued() bool {
	for _, t := range e.tasks {
		if t.queued {
			return true
		}
	}
	return false
}

// shutdownExecutor is a scheduler's SHUTDOWN.
func (a *Agent) shutdownExecutor(framework, id string) {
	if h := a.frameworks[framework]; h != nil && !h.terminating {
		if e := h.executors[id]; e != nil {
			e.shutdown()
		}
	}
}

// shutdownFramework ends all executors of a removed framework; its statuses are of no use to anybody any more.
func (a *Agent) shutdownFramework(id string) {
	h := a.frameworks[id]
	if h == nil || h.terminating {
		return
	}
	h.terminating = true
	a.forget(func(u *updateStream) bool { return u.framework == id })
	for _, e := range sorted(h.executors) {
		if e.state == executorTerminated {
			e.remove()
		} else {
			e.shutdown()
		}
	}
}

// shutdown asks an executor to end, and kills it after its grace period.
func (e *executor) shutdown() {
	if e.state != executorRegistering && e.state != executorRunning {
		return
	}
	e.state = executorTerminating
	e.send(&exec.Event{Type: exec.Event_SHUTDOWN})
	if e.command && e.run != nil {
		e.run.kill(nil)
	}
	grace := e.agent.master.cfg.ExecutorShutdownGrace
	if p := e.info.ShutdownGracePeriod; p != nil {
		grace = time.Duration(p.Nanoseconds)
	}
	e.arm(grace, e.kill)
}

// arm sets the executor's one timer.
func (e *executor) arm(d time.Duration, what func()) {
	if e.timer != nil {
		e.timer.Stop()
	}
	e.timer = e.agent.master.after(d, what)
}

// kill kills the executor's process, launched or not.
func (e *executor) kill() {
	e.killed = true
	if e.cancel != nil {
		e.cancel()
	}
	if e.process != nil {
		e.process.Kill()
	}
	if e.timer != nil {
		e.timer.Stop()
	}
}

func (e *executor) disconnect() {
	if e.stream != nil {
		e.stream.cut()
		e.stream = nil
	}
}

// orphan is what an executor sees of its agent's process ending. Without checkpoint it is on its own: it must exit, and is killed
// if the agent comes back first.
func (e *executor) orphan() {
	e.disconnect()
	if e.timer != nil {
		e.timer.Stop()
	}
	if !e.framework.info.GetCheckpoint() {
		e.abandoned = true
		if e.command {
			e.kill()
		}
	}
}

// recover is the agent's restart as its executor sees it; it says whether the agent is to wait for it.
func (e *executor) recover() bool {
	switch {
	case e.state == executorTerminated:
		return false
	case e.away: // found dead: nobody knows its status
		e.away = false
		e.terminated(-1)
		return false
	case e.command:
		e.run.reconnect()
		return true
	}
	e.state = executorRegistering
	return true
}

// missed ends an executor that did not subscribe again in time. (Slave::reregisterExecutorTimeout)
func (e *executor) missed() {
	if e.state != executorRegistering || e.command {
		return
	}
	state := api.TASK_GONE
	if !hasCapability(e.framework.info, api.FrameworkInfo_Capability_PARTITION_AWARE) {
		state = api.TASK_LOST
	}
	e.state = executorTerminating
	e.pending = &termination{state, api.REASON_EXECUTOR_REREGISTRATION_TIMEOUT,
		"Executor did not reregister within " + durationText(e.agent.master.cfg.ExecutorReregistrationTimeout)}
	e.kill()
}

// terminated is the end of the executor's process: its tasks end with it, the framework is told (but not of command tasks).
func (e *executor) terminated(status int) {
	a := e.agent
	if e.timer != nil {
		e.timer.Stop()
	}
	e.disconnect()
	e.state = executorTerminated
	if !e.command {
		id := e.id()
		framework := e.frameworkID()
		a.report(func(s *slave) { a.master.exitedExecutor(s, framework, id, status) }) // before the statuses (mesos.md §3.4.7)
	}
	why := termination{api.TASK_FAILED, api.REASON_EXECUTOR_TERMINATED, "Executor terminated"}
	if e.pending != nil {
		why = *e.pending
	}
	if !e.framework.terminating {
		for _, t := range sorted(e.tasks) {
			if !terminal(t.state) {
				a.statusUpdate(e.framework, a.status(t.id(), e.id(), why.state, why.reason, why.message))
			}
		}
	}
	if e.framework.terminating || len(e.tasks) == 0 {
		e.remove()
	}
}

func (e *executor) remove() {
	h := e.framework
	delete(h.executors, e.id())
	if len(h.executors) == 0 && e.agent.frameworks[h.info.ID.Value] == h {
		delete(e.agent.frameworks, h.info.ID.Value)
	}
}
