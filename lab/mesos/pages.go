package mesos

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	api "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/dcos-scaleio/scaleio/lab/mesos/internal/stout"
)

// object is a JSON object in the order in which it is written.
type object []member

type member struct {
	key   string
	value any // nil, bool, string, float64, int, json.RawMessage, object, []object, []string
}

func (o object) write(out []byte) []byte {
	out = append(out, '{')
	for i, m := range o {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(stout.AppendString(out, m.key), ':')
		out = writeValue(out, m.value)
	}
	return append(out, '}')
}

func writeValue(out []byte, value any) []byte {
	switch v := value.(type) {
	case object:
		return v.write(out)
	case []object:
		out = append(out, '[')
		for i, o := range v {
			if i > 0 {
				out = append(out, ',')
			}
			out = o.write(out)
		}
		return append(out, ']')
	case []string:
		out = append(out, '[')
		for i, s := range v {
			if i > 0 {
				out = append(out, ',')
			}
			out = stout.AppendString(out, s)
		}
		return append(out, ']')
	case json.RawMessage:
		return append(out, v...)
	case string:
		return stout.AppendString(out, v)
	case float64:
		return stout.AppendDouble(out, v)
	case int:
		return strconv.AppendInt(out, int64(v), 10)
	case bool:
		return strconv.AppendBool(out, v)
	}
	return append(out, "null"...)
}

func versionPage() []byte {
	return object{{"build_date", buildDate}, {"build_time", buildTime}, {"build_user", "root"}, {"git_sha", gitSHA}, {"version", version}}.write(nil)
}

// amounts is a bag as the old endpoints show it: four scalars always, others when there are any.
func amounts(b bag) object {
	names := []string{"disk", "mem", "gpus", "cpus"}
	var others object
	for _, it := range b {
		switch name := it.like.Name; {
		case it.like.GetType() == api.RANGES:
			others = append(others, member{name, rangesText(it.spans)})
		case it.like.GetType() == api.SET:
			others = append(others, member{name, "{" + strings.Join(it.set, ", ") + "}"})
		case !slices.Contains(names, name):
			names = append(names, name)
		}
	}
	out := object{}
	for _, name := range names {
		out = append(out, member{name, float64(b.scalar(name)) / 1000})
	}
	return append(out, others...)
}

// attributesPage: of a name that occurs twice the last one wins (mesos.md §3.3.3).
func attributesPage(attributes []api.Attribute) object {
	out := object{}
	for _, a := range attributes {
		var value any
		switch a.Type {
		case api.SCALAR:
			value = a.GetScalar().GetValue()
		case api.RANGES:
			var spans []span
			for _, r := range a.GetRanges().GetRange() {
				spans = append(spans, span{r.Begin, r.End})
			}
			value = rangesText(spans)
		default:
			value = a.GetText().GetValue()
		}
		out = slices.DeleteFunc(out, func(m member) bool { return m.key == a.Name })
		out = append(out, member{a.Name, value})
	}
	return out
}

func capabilityNames() []string {
	var out []string
	for _, c := range agentCapabilities {
		out = append(out, c.Type.String())
	}
	return out
}

// reserved splits a bag by the roles that it is reserved to; "*" is nobody's.
func reserved(b bag) map[string]bag {
	roles := map[string]bag{}
	for _, it := range b {
		role := reservedTo(it.like)
		roles[role] = append(roles[role], it)
	}
	return roles
}

// byRole shows what is reserved.
func byRole(roles map[string]bag, show func(bag) any) object {
	out := object{}
	for _, role := range slices.Sorted(maps.Keys(roles)) {
		if role != "*" {
			out = append(out, member{role, show(roles[role])})
		}
	}
	return out
}

// page shows an agent, full with its resources as messages too.
func (s *slave) page(full bool) object {
	m := s.agent.master
	roles := reserved(s.total)
	out := object{{"id", s.id()}, {"hostname", s.info.Hostname}, {"port", int(s.info.GetPort())}, {"attributes", attributesPage(s.info.Attributes)},
		{"pid", "slave(1)@" + s.address}, {"registered_time", seconds(s.registered)}}
	if !s.reregistered.IsZero() {
		out = append(out, member{"reregistered_time", seconds(s.reregistered)})
	}
	out = append(out, object{{"resources", amounts(s.total)}, {"used_resources", amounts(s.used)}, {"offered_resources", amounts(s.offered)},
		{"reserved_resources", byRole(roles, func(b bag) any { return amounts(b) })}, {"unreserved_resources", amounts(roles["*"])},
		{"active", s.connected && !m.deactivated[s.id()]},
		{"deactivated", m.deactivated[s.id()]}, {"version", version}, {"capabilities", capabilityNames()}}...)
	if full {
		out = append(out, object{{"reserved_resources_full", byRole(roles, func(b bag) any { return messages(b) })},
			{"unreserved_resources_full", messages(roles["*"])},
			{"used_resources_full", messages(s.used)}, {"offered_resources_full", messages(s.onOffer())}}...)
	}
	return out
}

func messages(b bag) json.RawMessage {
	parts := [][]byte{}
	for _, r := range b.shown() {
		parts = append(parts, stout.Marshal(&r))
	}
	return slices.Concat([]byte{'['}, bytes.Join(parts, []byte{','}), []byte{']'})
}

func (m *Master) slavePages(id string, full bool) []object {
	var out []object
	for _, s := range sorted(m.slaves) {
		if id == "" || s.id() == id {
			out = append(out, s.page(full))
		}
	}
	return out
}

func (m *Master) slavesPage(q url.Values) []byte {
	return object{{"slaves", m.slavePages(q.Get("slave_id"), true)}, {"recovered_slaves", []object{}}}.write(nil)
}

func (t *task) page() object {
	executor := ""
	if t.info.ExecutorID != nil {
		executor = t.info.ExecutorID.Value
	}
	role := ""
	if len(t.uses) > 0 {
		role = t.uses[0].like.GetAllocationInfo().GetRole()
	}
	statuses := []object{}
	for _, s := range t.info.Statuses {
		one := object{{"state", s.GetState().String()}, {"timestamp", s.GetTimestamp()}}
		if s.ContainerStatus != nil {
			short := *s.ContainerStatus
			short.ExecutorPID = nil
			one = append(one, member{"container_status", json.RawMessage(stout.Marshal(&short))})
		}
		statuses = append(statuses, one)
	}
	return object{{"id", t.id()}, {"name", t.info.Name}, {"framework_id", t.info.FrameworkID.Value}, {"executor_id", executor},
		{"slave_id", t.info.AgentID.Value}, {"state", t.info.GetState().String()}, {"resources", amounts(t.uses)}, {"role", role}, {"statuses", statuses}}
}

func taskPages(tasks []*task) []object {
	out := []object{}
	for _, t := range tasks {
		out = append(out, t.page())
	}
	return out
}

func (m *Master) tasksPage(q url.Values) []byte {
	out := []object{}
	for _, f := range slices.Concat(sorted(m.frameworks), m.completed) {
		for _, t := range slices.Concat(sorted(f.tasks), sorted(f.unreachable), f.done) {
			if id := q.Get("task_id"); id == "" || id == t.id() {
				out = append(out, t.page())
			}
		}
	}
	if limit, err := strconv.Atoi(q.Get("limit")); err == nil && limit < len(out) {
		out = out[:limit]
	}
	return object{{"tasks", out}}.write(nil)
}

func (f *framework) page() object {
	var used, offered bag
	for _, t := range f.tasks {
		if !t.freed {
			used = used.plus(t.uses)
		}
	}
	offers := []object{}
	for _, o := range sorted(f.offers) {
		offered = offered.plus(o.holds)
		offers = append(offers, object{{"id", o.id}, {"framework_id", f.id()}, {"allocation_info", object{{"role", o.role}}},
			{"slave_id", o.slave.id()}, {"resources", amounts(o.holds)}})
	}
	capabilities := []string{}
	for _, c := range f.info.Capabilities {
		capabilities = append(capabilities, c.Type.String())
	}
	out := object{{"id", f.id()}, {"name", f.info.Name}, {"used_resources", amounts(used)}, {"offered_resources", amounts(offered)},
		{"capabilities", capabilities}, {"hostname", f.info.GetHostname()}, {"webui_url", f.info.GetWebUiURL()}, {"active", f.connected()},
		{"connected", f.connected()}, {"recovered", f.recovered}, {"user", f.info.User}, {"failover_timeout", f.info.GetFailoverTimeout()},
		{"checkpoint", f.info.GetCheckpoint()}, {"registered_time", zeroOr(f.registered)}, {"unregistered_time", zeroOr(f.unregistered)}}
	if f.info.Principal != nil {
		out = append(out, member{"principal", f.info.GetPrincipal()})
	}
	out = append(out, member{"resources", amounts(used.plus(offered))})
	if !f.reregistered.IsZero() && !f.reregistered.Equal(f.registered) {
		out = append(out, member{"reregistered_time", seconds(f.reregistered)})
	}
	if hasCapability(f.info, api.FrameworkInfo_Capability_MULTI_ROLE) {
		out = append(out, member{"roles", f.info.Roles})
	} else {
		out = append(out, member{"role", f.info.GetRole()})
	}
	return append(out, object{{"tasks", taskPages(sorted(f.tasks))}, {"unreachable_tasks", taskPages(sorted(f.unreachable))},
		{"completed_tasks", taskPages(f.done)}, {"offers", offers}, {"executors", []object{}}, {"offer_constraints", object{}}}...)
}

func frameworkPages(frameworks []*framework, id string) []object {
	out := []object{}
	for _, f := range frameworks {
		if id == "" || f.id() == id {
			out = append(out, f.page())
		}
	}
	return out
}

func (m *Master) frameworksPage(q url.Values) []byte {
	id := q.Get("framework_id")
	return object{{"frameworks", frameworkPages(sorted(m.frameworks), id)}, {"completed_frameworks", frameworkPages(m.completed, id)},
		{"unregistered_frameworks", []object{}}}.write(nil)
}

func (m *Master) statePage(url.Values) []byte {
	active, inactive := 0, 0
	for _, s := range m.slaves {
		if s.offerable() {
			active++
		} else {
			inactive++
		}
	}
	pid := m.info().GetPID()
	return object{{"version", version}, {"git_sha", gitSHA}, {"build_date", buildDate}, {"build_time", buildTime}, {"build_user", "root"},
		{"start_time", seconds(m.started)}, {"elected_time", seconds(m.elected)}, {"id", m.id}, {"pid", pid}, {"hostname", m.info().GetHostname()},
		{"capabilities", []string{"AGENT_UPDATE", "AGENT_DRAINING", "QUOTA_V2"}}, {"activated_slaves", float64(active)},
		{"deactivated_slaves", float64(inactive)}, {"unreachable_slaves", float64(len(m.unreachable))}, {"leader", pid},
		{"slaves", m.slavePages("", false)}, {"recovered_slaves", []object{}}, {"frameworks", frameworkPages(sorted(m.frameworks), "")},
		{"completed_frameworks", frameworkPages(m.completed, "")}, {"orphan_tasks", []object{}}, {"unregistered_frameworks", []object{}}}.write(nil)
}

// metricsPage is a few of the many metrics, for those who look whether the master leads.
func (m *Master) metricsPage() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	active := 0
	for _, f := range m.frameworks {
		active += btoi(f.connected())
	}
	connected := 0
	for _, s := range m.slaves {
		connected += btoi(s.connected)
	}
	return object{{"master/elected", float64(btoi(m.leader != nil))}, {"master/frameworks_active", float64(active)},
		{"master/slaves_connected", float64(connected)}, {"master/slaves_disconnected", float64(len(m.slaves) - connected)}}.write(nil)
}

func (a *Agent) statePage() []byte {
	return object{{"version", version}, {"git_sha", gitSHA}, {"build_date", buildDate}, {"build_time", buildTime}, {"build_user", "root"},
		{"id", a.id()}, {"pid", "slave(1)@" + a.addr}, {"hostname", a.info.Hostname}, {"capabilities", capabilityNames()},
		{"resources", amounts(newBag(a.info.Resources))}, {"attributes", attributesPage(a.info.Attributes)}}.write(nil)
}

func zeroOr(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return seconds(t)
}

func (m *Master) weightsPage(url.Values) []byte {
	pages := []object{}
	for _, info := range m.weightViews().WeightInfos {
		pages = append(pages, object{{"role", info.GetRole()}, {"weight", info.Weight}})
	}
	return writeValue(nil, pages)
}
