package mesos

import (
	"slices"
	"strings"

	"github.com/gogo/protobuf/proto"
	api "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/master"
)

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
