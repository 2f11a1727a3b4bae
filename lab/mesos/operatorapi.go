package mesos

import (
	"fmt"
	"net/http"
	"time"

	"github.com/gogo/protobuf/proto"
	api "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/maintenance"
	"github.com/mesos/mesos-go/api/v1/lib/master"
	"github.com/mesos/mesos-go/api/v1/lib/quota"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/dcos-scaleio/scaleio/lab/mesos/internal/libprocess"
	"github.com/dcos-scaleio/scaleio/lab/mesos/internal/stout"
)

// operatorAlso is what the handlers of the operator API print beyond the v1 messages (13-operator-api/002, 034-039).
var operatorAlso = stout.Also{
	Empty: map[string][]string{
		"Response_GetTasks": {"tasks", "unreachable_tasks", "completed_tasks"}, "Response_GetExecutors": {"executors"},
		"Response_GetFrameworks": {"frameworks", "completed_frameworks"}, "Response_GetAgents": {"agents", "recovered_agents"},
	},
}

// operatorAlsoAll adds what only GET_* and SUBSCRIBED print: they write internal messages, which have more fields.
var operatorAlsoAll = stout.Also{Empty: operatorAlso.Empty, Extra: map[string]string{
	"AgentInfo": `"checkpoint":true`, "Response_GetFrameworks_Framework": `"offer_constraints":{}`}}

// operatorCall answers POST /api/v1.
func (m *Master) operatorCall(r *libprocess.Request) *libprocess.Response {
	var call master.Call
	typed, refusal := readCall(r, &call, "mesos.master.Call_Type", func() int32 { return int32(call.Type) })
	if refusal != nil {
		return refusal
	}
	if reason := refusesOperatorCall(&call, typed); reason != "" {
		return badRequest("Failed to validate master::Call: %s", reason)
	}
	media, ok := accepts(r.Header)
	if !ok {
		return notAcceptable()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.OperatorCalls[call.Type.String()]++
	if call.Type == master.Call_SUBSCRIBE {
		return m.watch(media)
	}
	if answer := m.ask(&call); answer != nil {
		return answerCall(media, media.encode(answer, operatorAlsoAll))
	}
	return m.order(&call)
}

func refusesOperatorCall(call *master.Call, typed bool) string {
	missing := func(name string, present bool) string {
		if present {
			return ""
		}
		return "Expecting '" + name + "' to be present"
	}
	switch {
	case !typed:
		return "Expecting 'type' to be present"
	case call.Type == master.Call_GET_METRICS:
		return missing("get_metrics", call.GetMetrics != nil)
	case call.Type == master.Call_SET_LOGGING_LEVEL:
		return missing("set_logging_level", call.SetLoggingLevel != nil)
	case call.Type == master.Call_LIST_FILES:
		return missing("list_files", call.ListFiles != nil)
	case call.Type == master.Call_READ_FILE:
		return missing("read_file", call.ReadFile != nil)
	case call.Type == master.Call_UPDATE_WEIGHTS:
		return missing("update_weights", call.UpdateWeights != nil)
	case call.Type == master.Call_DRAIN_AGENT:
		return missing("drain_agent", call.DrainAgent != nil)
	case call.Type == master.Call_DEACTIVATE_AGENT:
		return missing("deactivate_agent", call.DeactivateAgent != nil)
	case call.Type == master.Call_REACTIVATE_AGENT:
		return missing("reactivate_agent", call.ReactivateAgent != nil)
	case call.Type == master.Call_TEARDOWN:
		return missing("teardown", call.Teardown != nil)
	case call.Type == master.Call_MARK_AGENT_GONE:
		return missing("mark_agent_gone", call.MarkAgentGone != nil)
	}
	return ""
}

// ask answers the calls that only look; nil is another call.
func (m *Master) ask(call *master.Call) proto.Message {
	out := &master.Response{}
	switch call.Type {
	case master.Call_GET_HEALTH:
		out.Type, out.GetHealth = master.Response_GET_HEALTH, &master.Response_GetHealth{Healthy: true}
	case master.Call_GET_VERSION:
		out.Type, out.GetVersion = master.Response_GET_VERSION, &master.Response_GetVersion{VersionInfo: *versionInfo()}
	case master.Call_GET_LOGGING_LEVEL:
		out.Type, out.GetLoggingLevel = master.Response_GET_LOGGING_LEVEL, &master.Response_GetLoggingLevel{}
	case master.Call_GET_MASTER:
		out.Type, out.GetMaster = master.Response_GET_MASTER, &master.Response_GetMaster{MasterInfo: m.info(),
			StartTime: proto.Float64(seconds(m.started)), ElectedTime: proto.Float64(seconds(m.elected))}
	case master.Call_GET_STATE:
		out.Type, out.GetState = master.Response_GET_STATE, m.state()
	case master.Call_GET_AGENTS:
		out.Type, out.GetAgents = master.Response_GET_AGENTS, m.agentViews()
	case master.Call_GET_FRAMEWORKS:
		out.Type, out.GetFrameworks = master.Response_GET_FRAMEWORKS, m.frameworkViews()
	case master.Call_GET_EXECUTORS:
		out.Type, out.GetExecutors = master.Response_GET_EXECUTORS, m.executorViews()
	case master.Call_GET_OPERATIONS:
		out.Type, out.GetOperations = master.Response_GET_OPERATIONS, &master.Response_GetOperations{}
	case master.Call_GET_TASKS:
		out.Type, out.GetTasks = master.Response_GET_TASKS, m.taskViews()
	case master.Call_GET_ROLES:
		out.Type, out.GetRoles = master.Response_GET_ROLES, &master.Response_GetRoles{Roles: m.roleViews()}
	case master.Call_GET_WEIGHTS:
		out.Type = master.Response_GET_WEIGHTS
		if len(m.weights) > 0 {
			out.GetWeights = m.weightViews()
		}
	case master.Call_GET_QUOTA:
		out.Type, out.GetQuota = master.Response_GET_QUOTA, &master.Response_GetQuota{Status: quota.QuotaStatus{}}
	case master.Call_GET_MAINTENANCE_STATUS:
		out.Type, out.GetMaintenanceStatus = master.Response_GET_MAINTENANCE_STATUS, &master.Response_GetMaintenanceStatus{Status: maintenance.ClusterStatus{}}
	case master.Call_GET_MAINTENANCE_SCHEDULE:
		out.Type, out.GetMaintenanceSchedule = master.Response_GET_MAINTENANCE_SCHEDULE, &master.Response_GetMaintenanceSchedule{Schedule: maintenance.Schedule{}}
	default:
		return nil
	}
	return out
}

// order carries out the calls that change something; what is not emulated is 501.
func (m *Master) order(call *master.Call) *libprocess.Response {
	switch call.Type {
	case master.Call_SET_LOGGING_LEVEL:
	case master.Call_LIST_FILES, master.Call_READ_FILE:
		return answerText(http.StatusNotFound, "")
	case master.Call_TEARDOWN:
		return m.teardownByID(call.Teardown.FrameworkID.Value)
	case master.Call_UPDATE_WEIGHTS:
		m.updateWeights(call.UpdateWeights.WeightInfos)
	case master.Call_MARK_AGENT_GONE:
		return m.markAgentGone(call.MarkAgentGone.AgentID.Value)
	case master.Call_DRAIN_AGENT, master.Call_DEACTIVATE_AGENT, master.Call_REACTIVATE_AGENT:
		return m.agentOrder(call)
	default:
		return &libprocess.Response{Status: http.StatusNotImplemented}
	}
	return bare(http.StatusOK)
}

func (m *Master) agentOrder(call *master.Call) *libprocess.Response {
	var id string
	switch call.Type {
	case master.Call_DRAIN_AGENT:
		id = call.DrainAgent.AgentID.Value
	case master.Call_DEACTIVATE_AGENT:
		id = call.DeactivateAgent.AgentID.Value
	default:
		id = call.ReactivateAgent.AgentID.Value
	}
	s := m.slaves[id]
	if s == nil {
		return badRequest("Unknown agent")
	}
	switch call.Type {
	case master.Call_DRAIN_AGENT:
		config := api.DrainConfig{MarkGone: call.DrainAgent.MarkGone}
		if grace := call.DrainAgent.MaxGracePeriod; grace != nil {
			config.MaxGracePeriod = &api.DurationInfo{Nanoseconds: grace.Seconds*int64(time.Second) + int64(grace.Nanos)}
		}
		m.drain(s, config)
	case master.Call_DEACTIVATE_AGENT:
		m.deactivated[id] = true
		m.rescindAll(s)
	default:
		delete(m.deactivated, id)
		delete(m.draining, id)
		delete(m.drainStart, id)
		s.tell(func(a *Agent) { a.draining = nil })
		m.allocator.soon(s)
	}
	return bare(http.StatusOK)
}

func (m *Master) markAgentGone(id string) *libprocess.Response {
	if _, done := m.gone[id]; done {
		return bare(http.StatusOK)
	}
	if s := m.slaves[id]; s != nil {
		m.markGone(s)
		return bare(http.StatusOK)
	}
	_, unreachable := m.unreachable[id]
	_, recovered := m.recovered[id]
	if !unreachable && !recovered {
		return answerText(http.StatusNotFound, fmt.Sprintf("Agent '%s' not found", id))
	}
	m.gone[id] = m.cfg.Now()
	delete(m.registry, id)
	if recovered {
		return bare(http.StatusOK)
	}
	delete(m.unreachable, id)
	for _, f := range sorted(m.frameworks) {
		for _, t := range sorted(f.unreachable) {
			if t.agentID != id {
				continue
			}
			state, reason := api.TASK_GONE_BY_OPERATOR, api.REASON_AGENT_REMOVED_BY_OPERATOR
			if !f.partitionAware() {
				state, reason = api.TASK_LOST, api.REASON_AGENT_REMOVED
			}
			status := t.status(state, api.SOURCE_MASTER, reason, "Agent has been marked gone")
			m.updateTask(t, status, state)
			m.removeTask(t, false)
			f.sendStatus(status)
		}
	}
	return bare(http.StatusOK)
}

// updateWeights notes weights; offers of the roles are taken back, so that they could be dealt out anew (13/048-050).
func (m *Master) updateWeights(infos []api.WeightInfo) {
	for _, info := range infos {
		m.weights[info.GetRole()] = info.Weight
		for _, o := range sorted(m.offers) {
			if o.role == info.GetRole() {
				m.rescind(o)
			}
		}
	}
}

// watch is the operator's event stream: the whole state, then what changes.
func (m *Master) watch(media mediaType) *libprocess.Response {
	var stream *events
	stream = newEvents(media, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		stream.stop()
		delete(m.subscribers, stream)
	}, func(kind string) { m.stats.OperatorEvents[kind]++ })
	stream.also = operatorAlsoAll
	interval := m.cfg.HeartbeatInterval
	stream.send("SUBSCRIBED", &master.Event{Type: master.Event_SUBSCRIBED, Subscribed: &master.Event_Subscribed{
		GetState: m.state(), HeartbeatIntervalSeconds: proto.Float64(interval.Seconds())}})
	stream.also = operatorAlso
	beat := func() { stream.send("HEARTBEAT", &master.Event{Type: master.Event_HEARTBEAT}) }
	beat()
	stream.heartbeat(m, interval, beat)
	m.subscribers[stream] = true
	return stream.response()
}

// tell sends an event to all operator streams.
func (m *Master) tell(e *master.Event) {
	for sub := range m.subscribers {
		sub.send(e.Type.String(), e)
	}
}

// executorMessage is an executor's MESSAGE on its way to the scheduler.
func (m *Master) executorMessage(s *slave, framework string, executor api.ExecutorID, data []byte) {
	m.stats.fromAgent(s.hostname(), len(data))
	if f := m.frameworks[framework]; f != nil {
		f.send(&scheduler.Event{Type: scheduler.Event_MESSAGE, Message: &scheduler.Event_Message{AgentID: *s.info.ID, ExecutorID: executor, Data: data}})
	}
}

// Views: what the operator API shows.
