package mesos

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
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

// handle answers a master's HTTP: one address of possibly several.
func (f *front) handle(r *libprocess.Request) *libprocess.Response {
	m := f.master
	path := strings.TrimSuffix(r.Path, "/")
	bare_ := strings.TrimPrefix(path, "/master")
	switch bare_ {
	case "/health":
		return bare(http.StatusOK)
	}
	if path == "/version" {
		return answerPage("application/json", versionPage())
	}
	route, ok := routes[bare_]
	if !ok {
		return f.other(path, r)
	}
	if refusal := f.standsBy(r, bare_); refusal != nil {
		return refusal
	}
	principal, ok := m.authenticate(r)
	if !ok {
		return answerText(http.StatusUnauthorized, "401 Unauthorized.",
			libprocess.Field{Name: "WWW-Authenticate", Value: fmt.Sprintf("Basic realm=%q", route.realm)})
	}
	return route.answer(m, r, principal)
}

// other answers pages that every master has, and everything that none has.
func (f *front) other(path string, r *libprocess.Request) *libprocess.Response {
	switch path {
	case "":
		return answerPage("text/html", []byte(homePage))
	case "/help":
		return answerCall("text/html", []byte(homePage))
	case "/metrics/snapshot":
		return answerPage("application/json", f.master.metricsPage())
	}
	return notFound()
}

// standsBy redirects to the leader, or says that there is none; nothing of the request is looked at before (18/008-020).
func (f *front) standsBy(r *libprocess.Request, path string) *libprocess.Response {
	f.master.mu.Lock()
	defer f.master.mu.Unlock()
	leader := f.master.leader
	switch {
	case leader == nil:
		return unavailable("No leader elected")
	case path == "/redirect":
		return redirect("//" + leader.addr)
	case leader != f:
		to := "//" + leader.addr + "/master" + path
		if r.Query != "" {
			to += "?" + r.Query
		}
		return redirect(to)
	case f.master.recovering:
		return unavailable("Master has not finished recovery")
	}
	return nil
}

const homePage = "<!doctype html><title>Mesos</title>\n"

func redirect(to string) *libprocess.Response {
	return &libprocess.Response{Status: http.StatusTemporaryRedirect, Header: []libprocess.Field{{Name: "Location", Value: to}}}
}

// authenticate gives the principal of a request; without Credentials everybody is nobody.
func (m *Master) authenticate(r *libprocess.Request) (string, bool) {
	if m.cfg.Credentials == nil {
		return "", true
	}
	in := http.Request{Header: r.Header}
	name, secret, ok := in.BasicAuth()
	want, known := m.cfg.Credentials[name]
	return name, ok && known && subtle.ConstantTimeCompare([]byte(secret), []byte(want)) == 1
}

// routes are the endpoints of the leading master, below / and /master alike.
var routes = map[string]struct {
	realm  string
	answer func(*Master, *libprocess.Request, string) *libprocess.Response
}{
	"/api/v1/scheduler": {"mesos-master-scheduler", (*Master).schedulerCall},
	"/api/v1":           {"mesos-master-readwrite", func(m *Master, r *libprocess.Request, _ string) *libprocess.Response { return m.operatorCall(r) }},
	"/redirect":         {"mesos-master-readonly", nil}, // answered by standsBy
	"/teardown":         {"mesos-master-readwrite", func(m *Master, r *libprocess.Request, _ string) *libprocess.Response { return m.teardown(r) }},
	"/state":            {"mesos-master-readonly", page((*Master).statePage)},
	"/slaves":           {"mesos-master-readonly", page((*Master).slavesPage)},
	"/frameworks":       {"mesos-master-readonly", page((*Master).frameworksPage)},
	"/tasks":            {"mesos-master-readonly", page((*Master).tasksPage)},
	"/weights":          {"mesos-master-readonly", page((*Master).weightsPage)},
}

func page(write func(*Master, url.Values) []byte) func(*Master, *libprocess.Request, string) *libprocess.Response {
	return func(m *Master, r *libprocess.Request, _ string) *libprocess.Response {
		query, err := url.ParseQuery(r.Query)
		if err != nil {
			return badRequest("Malformed query: %v", err)
		}
		m.mu.Lock()
		body := write(m, query)
		m.mu.Unlock()
		if call := query.Get("jsonp"); call != "" {
			return answerPage("text/javascript", fmt.Appendf(nil, "%s(%s);", call, body))
		}
		return answerPage("application/json", body)
	}
}

// teardown is the old endpoint: frameworkId=… as a form.
func (m *Master) teardown(r *libprocess.Request) *libprocess.Response {
	if r.Method != http.MethodPost {
		return methodNotAllowed(r.Method)
	}
	form, err := url.ParseQuery(string(r.Body))
	if err != nil || form.Get("frameworkId") == "" {
		return badRequest("Missing 'frameworkId' query parameter in the request body")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.teardownByID(form.Get("frameworkId"))
}

func (m *Master) teardownByID(id string) *libprocess.Response {
	f := m.frameworks[id]
	if f == nil {
		return badRequest("No framework found with specified ID")
	}
	m.removeFramework(f)
	return bare(http.StatusOK)
}

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

func (m *Master) state() *master.Response_GetState {
	return &master.Response_GetState{GetTasks: m.taskViews(), GetExecutors: m.executorViews(), GetFrameworks: m.frameworkViews(), GetAgents: m.agentViews()}
}

var agentCapabilities = []api.AgentInfo_Capability{
	{Type: api.AgentInfo_Capability_MULTI_ROLE}, {Type: api.AgentInfo_Capability_HIERARCHICAL_ROLE},
	{Type: api.AgentInfo_Capability_RESERVATION_REFINEMENT}, {Type: api.AgentInfo_Capability_RESOURCE_PROVIDER},
	{Type: api.AgentInfo_Capability_RESIZE_VOLUME}, {Type: api.AgentInfo_Capability_AGENT_OPERATION_FEEDBACK},
	{Type: api.AgentInfo_Capability_AGENT_DRAINING}, {Type: api.AgentInfo_Capability_TASK_RESOURCE_LIMITS},
}

func (s *slave) operatorView() master.Response_GetAgents_Agent {
	m := s.agent.master
	deactivated := m.deactivated[s.id()]
	out := master.Response_GetAgents_Agent{
		AgentInfo: *s.info, Active: s.connected && !deactivated, Deactivated: &deactivated, Version: version,
		PID: proto.String("slave(1)@" + s.address), RegisteredTime: timeInfo(s.registered), TotalResources: s.total.shown(),
		AllocatedResources: s.used.shown(), Capabilities: agentCapabilities,
	}
	if !s.reregistered.IsZero() {
		out.ReregisteredTime = timeInfo(s.reregistered)
	}
	out.OfferedResources = s.onOffer().shown()
	if info := m.draining[s.id()]; info != nil {
		out.DrainInfo, out.EstimatedDrainStartTime = info, timeInfo(m.drainStart[s.id()])
	}
	return out
}

// onOffer is what is offered, with the roles to which it is.
func (s *slave) onOffer() (sum bag) {
	for _, o := range sorted(s.offers) {
		sum = sum.plus(o.holds)
	}
	return sum
}

func (m *Master) agentViews() *master.Response_GetAgents {
	out := &master.Response_GetAgents{}
	for _, s := range sorted(m.slaves) {
		out.Agents = append(out.Agents, s.operatorView())
	}
	for _, info := range m.recovered {
		out.RecoveredAgents = append(out.RecoveredAgents, *info)
	}
	slices.SortFunc(out.RecoveredAgents, func(a, b api.AgentInfo) int { return strings.Compare(a.ID.Value, b.ID.Value) })
	return out
}

// operatorView shows a framework; events show unregistered_time always, GET_FRAMEWORKS only of completed ones.
func (f *framework) operatorView(event bool) master.Response_GetFrameworks_Framework {
	out := master.Response_GetFrameworks_Framework{FrameworkInfo: *f.info, Active: f.connected(), Connected: f.connected(), Recovered: f.recovered}
	if !f.registered.IsZero() {
		out.RegisteredTime, out.ReregisteredTime = timeInfo(f.registered), timeInfo(f.reregistered)
	}
	if event || f.removed {
		out.UnregisteredTime = timeInfo(f.unregistered)
	}
	if event {
		return out
	}
	var used, offered bag
	for _, t := range sorted(f.tasks) {
		if !t.freed {
			used = used.plus(t.uses)
		}
	}
	out.AllocatedResources = used.shown()
	for _, o := range sorted(f.offers) {
		out.Offers = append(out.Offers, o.message(true))
		offered = offered.plus(o.holds)
	}
	out.OfferedResources = offered.shown()
	return out
}

func (m *Master) frameworkViews() *master.Response_GetFrameworks {
	out := &master.Response_GetFrameworks{}
	for _, f := range sorted(m.frameworks) {
		out.Frameworks = append(out.Frameworks, f.operatorView(false))
	}
	for _, f := range m.completed {
		out.CompletedFrameworks = append(out.CompletedFrameworks, f.operatorView(false))
	}
	return out
}

func (m *Master) executorViews() *master.Response_GetExecutors {
	out := &master.Response_GetExecutors{}
	for _, s := range sorted(m.slaves) {
		for _, f := range sorted(m.frameworks) {
			for _, e := range sorted(s.executors[f.id()]) {
				out.Executors = append(out.Executors, master.Response_GetExecutors_Executor{ExecutorInfo: *e.info, AgentID: *s.info.ID})
			}
		}
	}
	return out
}

func (m *Master) taskViews() *master.Response_GetTasks {
	out := &master.Response_GetTasks{}
	for _, f := range slices.Concat(sorted(m.frameworks), m.completed) {
		for _, t := range sorted(f.tasks) {
			out.Tasks = append(out.Tasks, t.info)
		}
		for _, t := range sorted(f.unreachable) {
			out.UnreachableTasks = append(out.UnreachableTasks, t.info)
		}
		for _, t := range f.done {
			out.CompletedTasks = append(out.CompletedTasks, t.info)
		}
	}
	return out
}

func (m *Master) roleViews() []api.Role {
	views := map[string]*api.Role{}
	for _, f := range sorted(m.frameworks) {
		for _, role := range f.roles() {
			view := views[role]
			if view == nil {
				weight, ok := m.weights[role]
				if !ok {
					weight = 1
				}
				view = &api.Role{Name: role, Weight: weight}
				views[role] = view
			}
			view.Frameworks = append(view.Frameworks, *f.info.ID)
			held := f.heldBy(role)
			for _, name := range []string{"cpus", "disk", "mem"} {
				if amount := held.scalar(name); amount > 0 {
					view.Resources = append(view.Resources, api.Resource{Name: name, Type: api.SCALAR.Enum(), Scalar: &api.Value_Scalar{Value: float64(amount) / 1000}})
				}
			}
		}
	}
	var out []api.Role
	for _, view := range views {
		out = append(out, *view)
	}
	slices.SortFunc(out, func(a, b api.Role) int { return strings.Compare(a.Name, b.Name) })
	return out
}

func (f *framework) heldBy(role string) bag {
	var held bag
	for _, o := range f.offers {
		if o.role == role {
			held = held.plus(o.holds)
		}
	}
	for _, t := range f.tasks {
		if !t.freed {
			held = held.plus(slices.DeleteFunc(slices.Clone(t.uses), func(it item) bool { return it.like.GetAllocationInfo().GetRole() != role }))
		}
	}
	return held
}

func (m *Master) weightViews() *master.Response_GetWeights {
	out := &master.Response_GetWeights{}
	for role, weight := range m.weights {
		out.WeightInfos = append(out.WeightInfos, api.WeightInfo{Weight: weight, Role: &role})
	}
	slices.SortFunc(out.WeightInfos, func(a, b api.WeightInfo) int { return strings.Compare(a.GetRole(), b.GetRole()) })
	return out
}

const (
	buildDate = "2026-11-22 12:18:40 UTC" // of the recorded Mesos
	buildTime = 1795349920.0
	gitSHA    = "c1b42f79d"
)

func versionInfo() *api.VersionInfo {
	return &api.VersionInfo{Version: version, BuildDate: proto.String(buildDate), BuildTime: proto.Float64(buildTime),
		BuildUser: proto.String("root"), GitSHA: proto.String(gitSHA)}
}
