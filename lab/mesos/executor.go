package mesos

import (
	"context"
	"net/http"
	"slices"
	"time"

	api "github.com/mesos/mesos-go/api/v1/lib"
	exec "github.com/mesos/mesos-go/api/v1/lib/executor"

	"github.com/dcos-scaleio/scaleio/lab/mesos/internal/libprocess"
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

// taskDone is the acknowledgement of a task's terminal status.
func (a *Agent) taskDone(framework, taskID string) {
	t := a.taskOf(framework, taskID)
	if t == nil {
		return
	}
	delete(t.executor.tasks, taskID)
	if e := t.executor; e.state == executorTerminated && len(e.tasks) == 0 {
		e.remove()
	}
}

// statusUpdate takes a status, of an executor or of the agent itself, and says whether its executor is known: only then is an
// executor told that its status is safe. (Slave::statusUpdate)
func (a *Agent) statusUpdate(h *hosted, status *api.TaskStatus) (known bool) {
	if h.terminating {
		return false
	}
	if state := status.GetState(); a.draining != nil && (state == api.TASK_KILLED || state == api.TASK_KILLING) {
		status.Reason = api.REASON_AGENT_DRAINING.Enum()
		if a.draining.GetMarkGone() && hasCapability(h.info, api.FrameworkInfo_Capability_PARTITION_AWARE) {
			status.State = api.TASK_GONE_BY_OPERATOR.Enum()
		}
	}
	t := a.taskOf(h.info.ID.Value, status.TaskID.Value)
	if t == nil { // never launched, or ended and acknowledged: passed on as it is (03/090-093)
		a.enqueue(h.info.ID.Value, status, status.GetState())
		return false
	}
	if terminal(t.state) {
		return true
	}
	if !t.queued && t.executor.state != executorTerminated {
		t.executor.describe(status)
	}
	t.queued = false
	t.state = status.GetState()
	if n := len(t.statuses); n > 0 && t.statuses[n-1].GetState() == t.state {
		t.statuses = t.statuses[:n-1]
	}
	kept := *status
	kept.Data = nil
	t.statuses = append(slices.Clip(t.statuses), kept)
	a.enqueue(h.info.ID.Value, status, t.state)
	return true
}

// describe adds the container to a status.
func (e *executor) describe(status *api.TaskStatus) {
	if status.ContainerStatus == nil {
		status.ContainerStatus = &api.ContainerStatus{}
	}
	c := status.ContainerStatus
	if c.ContainerID == nil {
		c.ContainerID = &api.ContainerID{Value: e.container}
	}
	if e.pid != 0 {
		c.ExecutorPID = &e.pid
	}
	if len(c.NetworkInfos) == 0 {
		host, _ := hostPort(e.agent.addr)
		c.NetworkInfos = []api.NetworkInfo{{IPAddresses: []api.NetworkInfo_IPAddress{{IPAddress: &host}}}}
	}
}

// executorCall answers POST /api/v1/executor. (Http::executor)
func (a *Agent) executorCall(r *libprocess.Request) *libprocess.Response {
	m := a.master
	var call exec.Call
	typed, refusal := readCall(r, &call, "mesos.executor.Call_Type", func() int32 { return int32(call.Type) })
	if refusal != nil {
		return refusal
	}
	if reason := refusesExecutorCall(&call, typed); reason != "" {
		return badRequest("Failed to validate Executor::Call: %s", reason)
	}
	media := jsonType
	if call.Type == exec.Call_SUBSCRIBE {
		var ok bool
		if media, ok = accepts(r.Header); !ok {
			return notAcceptable()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !a.running || m.closed {
		return nil // the process is dying: no answer
	}
	m.stats.ExecutorCalls[call.Type.String()]++
	if call.Type == exec.Call_HEARTBEAT {
		return bare(http.StatusAccepted)
	}
	if call.Type != exec.Call_SUBSCRIBE && a.recovering {
		return unavailable("Agent has not finished recovery")
	}
	h := a.frameworks[call.FrameworkID.Value]
	if h == nil {
		return badRequest("Framework cannot be found")
	}
	e := h.executors[call.ExecutorID.Value]
	if e == nil {
		return badRequest("Executor cannot be found")
	}
	if e.state == executorRegistering && call.Type != exec.Call_SUBSCRIBE {
		return forbidden("Executor is not subscribed")
	}
	switch call.Type {
	case exec.Call_SUBSCRIBE:
		return e.subscribe(media, call.Subscribe)
	case exec.Call_UPDATE:
		e.update(&call.Update.Status)
	case exec.Call_MESSAGE:
		data := call.Message.Data
		a.report(func(s *slave) { m.executorMessage(s, h.info.ID.Value, e.info.ExecutorID, data) })
	default:
		return &libprocess.Response{Status: http.StatusNotImplemented}
	}
	return bare(http.StatusAccepted)
}

func refusesExecutorCall(call *exec.Call, typed bool) string {
	switch {
	case !typed:
		return "Expecting 'type' to be present"
	case call.Type == exec.Call_SUBSCRIBE && call.Subscribe == nil:
		return "Expecting 'subscribe' to be present"
	case call.Type == exec.Call_UPDATE && call.Update == nil:
		return "Expecting 'update' to be present"
	case call.Type == exec.Call_MESSAGE && call.Message == nil:
		return "Expecting 'message' to be present"
	case call.Type == exec.Call_UPDATE:
		return refusesStatus(call, &call.Update.Status)
	}
	return ""
}

func refusesStatus(call *exec.Call, status *api.TaskStatus) string {
	who := "executor " + call.ExecutorID.Value + " of framework " + call.FrameworkID.Value
	switch {
	case status.UUID == nil:
		return "Expecting 'uuid' to be present"
	case len(status.UUID) != 16:
		return "Not a valid UUID"
	case status.ExecutorID != nil && status.ExecutorID.Value != call.ExecutorID.Value:
		return "ExecutorID in Call: " + call.ExecutorID.Value + " does not match ExecutorID in TaskStatus: " + status.ExecutorID.Value
	case status.GetSource() != api.SOURCE_EXECUTOR:
		return "Received Call from " + who + " with invalid source, expecting 'SOURCE_EXECUTOR'"
	case status.GetState() == api.TASK_STAGING:
		return "Received TASK_STAGING from " + who + " which is not allowed"
	}
	return ""
}

// update is a status from the executor's process.
func (e *executor) update(status *api.TaskStatus) {
	a := e.agent
	a.master.stats.fromExecutor(a.cfg.Hostname, len(status.Data))
	status.AgentID = a.info.ID
	status.ExecutorID = &e.info.ExecutorID
	if status.Timestamp == nil {
		now := a.master.seconds()
		status.Timestamp = &now
	}
	uuid := status.UUID
	if a.statusUpdate(e.framework, status) {
		e.send(&exec.Event{Type: exec.Event_ACKNOWLEDGED, Acknowledged: &exec.Event_Acknowledged{TaskID: status.TaskID, UUID: uuid}})
	}
}

// subscribe is an executor's SUBSCRIBE, the first or a later one. (Slave::subscribe)
func (e *executor) subscribe(media mediaType, call *exec.Call_Subscribe) *libprocess.Response {
	m := e.agent.master
	var stream *events
	stream = newEvents(media, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		stream.stop()
		if e.stream == stream {
			e.stream = nil
		}
	}, func(kind string) { m.stats.executorEvent(kind) })
	if e.framework.terminating || e.state == executorTerminating || e.state == executorTerminated {
		stream.send("SHUTDOWN", &exec.Event{Type: exec.Event_SHUTDOWN})
		stream.end()
		return stream.response()
	}
	if e.stream != nil {
		e.stream.end()
	}
	if e.timer != nil {
		e.timer.Stop()
	}
	e.state, e.stream = executorRunning, stream
	stream.heartbeat(m, executorHeartbeat, func() { stream.send("HEARTBEAT", &exec.Event{Type: exec.Event_HEARTBEAT}) })
	for i := range call.UnacknowledgedUpdates {
		e.update(&call.UnacknowledgedUpdates[i].Status)
	}
	e.dropUnknown(call.UnacknowledgedTasks)
	if !e.sentTask && !e.hasQueued() {
		e.shutdown()
		return stream.response()
	}
	e.send(&exec.Event{Type: exec.Event_SUBSCRIBED, Subscribed: &exec.Event_Subscribed{
		ExecutorInfo: *e.info, FrameworkInfo: *e.framework.info, AgentInfo: *e.agent.info, ContainerID: &api.ContainerID{Value: e.container}}})
	e.launchQueued()
	return stream.response()
}

// dropUnknown ends tasks that were delivered and that the executor does not know: the agent died in between.
func (e *executor) dropUnknown(known []api.TaskInfo) {
	for _, t := range sorted(e.tasks) {
		if t.state != api.TASK_STAGING || t.queued || slices.ContainsFunc(known, func(k api.TaskInfo) bool { return k.TaskID.Value == t.id() }) {
			continue
		}
		e.agent.statusUpdate(e.framework, e.agent.status(t.id(), e.id(), lostState(e.framework.info), api.REASON_AGENT_RESTARTED, "Task launched during agent restart"))
	}
}
