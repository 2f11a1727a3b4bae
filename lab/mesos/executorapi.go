package mesos

import (
	"net/http"
	"slices"

	api "github.com/mesos/mesos-go/api/v1/lib"
	exec "github.com/mesos/mesos-go/api/v1/lib/executor"

	"github.com/dcos-scaleio/scaleio/lab/mesos/internal/libprocess"
)

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
		status := e.agent.status(t.id(), e.id(), lostState(e.framework.info), api.REASON_AGENT_RESTARTED, "Task launched during agent restart")
		e.agent.statusUpdate(e.framework, status)
	}
}
