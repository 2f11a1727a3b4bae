package mesos

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/gogo/protobuf/proto"
	api "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/dcos-scaleio/scaleio/lab/mesos/internal/stout"
)

// accept launches what an ACCEPT asks for and gives the rest back. (Master::accept, _accept)
func (m *Master) accept(f *framework, call *scheduler.Call_Accept) {
	if reason := m.refusesOffers(f, call.OfferIDs); reason != "" {
		for _, id := range call.OfferIDs {
			if o := m.offers[id.Value]; o != nil && o.framework == f {
				m.take(o)
				m.allocator.later(o.slave)
			}
		}
		m.dropOperations(f, call.Operations, reason)
		return
	}
	first := m.offers[call.OfferIDs[0].Value]
	s, role := first.slave, first.role
	var offered bag
	for _, id := range call.OfferIDs {
		o := m.offers[id.Value]
		offered = offered.plus(o.holds)
		m.take(o)
	}
	l := launching{master: m, framework: f, slave: s, role: role, rest: offered}
	for i := range call.Operations {
		l.operation(&call.Operations[i])
	}
	m.refuse(f, s, role, l.rest, call.Filters)
}

// refusesOffers is validation::offer::validate.
func (m *Master) refusesOffers(f *framework, ids []api.OfferID) string {
	if len(ids) == 0 {
		return "No offers specified"
	}
	for i, id := range ids {
		if slices.ContainsFunc(ids[:i], func(other api.OfferID) bool { return other.Value == id.Value }) {
			return fmt.Sprintf("Duplicate offer %s in offer list", id.Value)
		}
	}
	for _, id := range ids {
		if m.offers[id.Value] == nil {
			return fmt.Sprintf("Offer %s is no longer valid", id.Value)
		}
	}
	first := m.offers[ids[0].Value]
	for _, id := range ids {
		o := m.offers[id.Value]
		switch {
		case o.framework != f:
			return fmt.Sprintf("Offer %s has invalid framework %s while framework %s is expected", id.Value, o.framework.id(), f.id())
		case o.role != first.role: // the missing quotes are Mesos's
			return fmt.Sprintf("Aggregated offers must be allocated to the same role. Offer %s uses role '%s but another is using role '%s", id.Value, o.role, first.role)
		case o.slave != first.slave:
			return fmt.Sprintf("Aggregated offers must belong to one single agent. Offer %s uses agent %s and agent %s", id.Value, o.slave.id(), first.slave.id())
		}
	}
	return ""
}

// dropOperations answers operations whose offers are not valid: tasks are lost, operations with an id have failed.
func (m *Master) dropOperations(f *framework, operations []api.Offer_Operation, reason string) {
	for i := range operations {
		op := &operations[i]
		tasks, launch := tasksOf(op)
		if !launch {
			f.operationError(op, "Operation attempted with invalid offers: "+reason)
			continue
		}
		for i := range tasks {
			f.sendStatus(newStatus(m.seconds(), tasks[i].TaskID.Value, tasks[i].AgentID.Value, f.lostState(), api.SOURCE_MASTER,
				api.REASON_INVALID_OFFERS, "Task launched with invalid offers: "+reason))
		}
	}
}

func (f *framework) operationError(op *api.Offer_Operation, reason string) {
	if op.ID != nil {
		f.sendOperation(&api.OperationStatus{OperationID: op.ID, State: api.OPERATION_ERROR, Message: &reason})
	}
}

// tasksOf gives the tasks of a LAUNCH or LAUNCH_GROUP, and whether op is one of them.
func tasksOf(op *api.Offer_Operation) ([]api.TaskInfo, bool) {
	switch op.Type {
	case api.Offer_Operation_LAUNCH:
		return op.Launch.GetTaskInfos(), true
	case api.Offer_Operation_LAUNCH_GROUP:
		if op.LaunchGroup == nil {
			return nil, true
		}
		return op.LaunchGroup.TaskGroup.Tasks, true
	}
	return nil, false
}

// launching is an ACCEPT being carried out: rest is what is left of its offers.
type launching struct {
	master    *Master
	framework *framework
	slave     *slave
	role      string
	rest      bag // allocated to role
}

func (l *launching) operation(op *api.Offer_Operation) {
	tasks, launch := tasksOf(op)
	if !launch {
		// Reservations and volumes are not emulated: refused the way in which Mesos refuses invalid ones, silently without an id.
		l.framework.operationError(op, fmt.Sprintf("%s is not emulated", op.Type))
		return
	}
	group := op.Type == api.Offer_Operation_LAUNCH_GROUP
	reason, name := api.REASON_TASK_INVALID, "LAUNCH"
	if group {
		reason, name = api.REASON_TASK_GROUP_INVALID, "LAUNCH_GROUP"
	}
	refusal := refusesResources(tasks)
	if refusal == "" && op.ID != nil {
		refusal = fmt.Sprintf("The `id` field cannot be set on %s operations", name)
	}
	if refusal == "" && group {
		refusal = l.refusesGroup(op.LaunchGroup)
	}
	for i := range tasks {
		text := refusal
		if text == "" {
			l.normalise(&tasks[i])
			text = l.refusesTask(&tasks[i])
		}
		if text != "" {
			l.framework.sendStatus(newStatus(l.master.seconds(), tasks[i].TaskID.Value, tasks[i].AgentID.Value, api.TASK_ERROR,
				api.SOURCE_MASTER, reason, text))
			continue
		}
		l.launch(&tasks[i])
	}
}

// normalise fills in what the master adds: the allocation of resources and the framework of an executor.
func (l *launching) normalise(info *api.TaskInfo) {
	info.Resources = newBag(info.Resources).allocated(l.role).resources()
	if e := info.Executor; e != nil {
		e.Resources = newBag(e.Resources).allocated(l.role).resources()
		if e.FrameworkID == nil {
			e.FrameworkID = l.framework.info.ID
		}
	}
}

func (l *launching) launch(info *api.TaskInfo) {
	uses := newBag(info.Resources)
	if e := info.Executor; e != nil && !l.slave.hasExecutor(l.framework.id(), e.ExecutorID.Value) {
		l.slave.addExecutor(l.framework.id(), e)
		uses = uses.plus(newBag(e.Resources))
	}
	l.rest = l.rest.minus(uses)
	l.master.addTask(info, l.framework, l.slave)
	framework := l.framework.info
	l.slave.tell(func(a *Agent) { a.runTask(framework, info) })
}

// refusesResources is the check of all resources of an operation, before anything else is looked at (02/100).
func refusesResources(tasks []api.TaskInfo) string {
	for i := range tasks {
		all := tasks[i].Resources
		if tasks[i].Executor != nil {
			all = slices.Concat(all, tasks[i].Executor.Resources)
		}
		for j := range all {
			if reason := refusesResource(&all[j]); reason != "" {
				return fmt.Sprintf("Resource '%s' is invalid: %s", newItem(&all[j]), reason)
			}
		}
	}
	return ""
}

func refusesResource(r *api.Resource) string {
	if r.Name == "" {
		return "Empty resource name"
	}
	switch r.GetType() {
	case api.SCALAR:
		if r.Scalar == nil || r.Ranges != nil || r.Set != nil {
			return "Invalid scalar resource"
		}
		if v := r.Scalar.Value; v != 0 && v < 0.0005 {
			return "Invalid scalar resource: value <= 0"
		}
	case api.RANGES:
		if r.Scalar != nil || r.Ranges == nil || r.Set != nil {
			return "Invalid ranges resource"
		}
		for _, one := range r.Ranges.Range {
			if one.Begin > one.End {
				return "Invalid ranges resource: begin > end"
			}
		}
	case api.SET:
		if r.Scalar != nil || r.Ranges != nil || r.Set == nil {
			return "Invalid set resource"
		}
	default:
		return "Unsupported resource type"
	}
	if r.Role != nil {
		return refusesRole(r.GetRole())
	}
	return ""
}

// refusesTask is validation::task::validate, in its order.
func (l *launching) refusesTask(info *api.TaskInfo) string {
	id := info.TaskID.Value
	switch {
	case refusesID(id) != "":
		return refusesID(id)
	case l.framework.tasks[id] != nil:
		return "Task has duplicate ID: " + id
	case l.framework.unreachable[id] != nil:
		return "Task reuses the ID of an unreachable task: " + id
	case info.AgentID.Value != l.slave.id():
		return fmt.Sprintf("Task uses invalid agent %s while agent %s is expected", info.AgentID.Value, l.slave.id())
	case info.KillPolicy.GetGracePeriod().GetNanoseconds() < 0:
		return "Task's 'kill_policy.grace_period' must be non-negative"
	case info.MaxCompletionTime.GetNanoseconds() < 0:
		return "Task's `max_completion_time` must be non-negative"
	case len(info.Resources) == 0:
		return "Task uses no resources"
	case refusesEnvironment(info.Command) != "":
		return "Task's `CommandInfo` is invalid: " + refusesEnvironment(info.Command)
	case (info.Executor == nil) == (info.Command == nil):
		return "Task should have at least one (but not both) of CommandInfo or ExecutorInfo present"
	}
	total := newBag(info.Resources)
	if e := info.Executor; e != nil {
		if reason := l.refusesExecutor(e); reason != "" {
			return reason
		}
		if !l.slave.hasExecutor(l.framework.id(), e.ExecutorID.Value) {
			total = total.plus(newBag(e.Resources))
		}
	}
	if !l.rest.contains(total) {
		return fmt.Sprintf("Total resources %s required by task and its executor is more than available %s", total, l.rest)
	}
	return ""
}

// refusesExecutor is validation::executor::validate and what a LAUNCH asks for beyond it.
func (l *launching) refusesExecutor(e *api.ExecutorInfo) string {
	switch {
	case e.Type == api.ExecutorInfo_DEFAULT && e.Command != nil:
		return "'ExecutorInfo.command' must not be set for 'DEFAULT' executor"
	case e.Type == api.ExecutorInfo_CUSTOM && e.Command == nil:
		return "'ExecutorInfo.command' must be set for 'CUSTOM' executor"
	case refusesID(e.ExecutorID.Value) != "":
		return refusesID(e.ExecutorID.Value)
	case e.ShutdownGracePeriod.GetNanoseconds() < 0:
		return "ExecutorInfo's 'shutdown_grace_period' must be non-negative"
	case refusesEnvironment(e.Command) != "":
		return "Executor's `CommandInfo` is invalid: " + refusesEnvironment(e.Command)
	case e.FrameworkID == nil:
		return "'ExecutorInfo.framework_id' must be set"
	case e.FrameworkID.Value != l.framework.id():
		return fmt.Sprintf("ExecutorInfo has an invalid FrameworkID (Actual: %s vs Expected: %s)", e.FrameworkID.Value, l.framework.id())
	}
	if have := l.slave.executors[l.framework.id()][e.ExecutorID.Value]; have != nil && !sameMessage(have.info, e) {
		rule := "------------------------------------------------------------\n"
		return "ExecutorInfo is not compatible with existing ExecutorInfo with same ExecutorID.\n" + rule +
			"Existing ExecutorInfo:\n" + stout.Text(have.info) + "\n" + rule + "ExecutorInfo:\n" + stout.Text(e) + "\n" + rule
	}
	switch {
	case e.Type == api.ExecutorInfo_DEFAULT:
		return "'ExecutorInfo.type' must be 'CUSTOM'"
	case e.Command == nil:
		return "'ExecutorInfo.command' must be set"
	}
	return ""
}

// refusesGroup says why a task group is not launched. The default executor is not emulated: a group without fault is refused too.
func (l *launching) refusesGroup(group *api.Offer_Operation_LaunchGroup) string {
	e := &group.Executor
	if e.FrameworkID == nil {
		return "'ExecutorInfo.framework_id' must be set"
	}
	e.Resources = newBag(e.Resources).allocated(l.role).resources()
	total := newBag(e.Resources)
	for i := range group.TaskGroup.Tasks {
		info := &group.TaskGroup.Tasks[i]
		if info.Executor != nil {
			info.Executor.Resources = newBag(info.Executor.Resources).allocated(l.role).resources()
			if !sameMessage(info.Executor, e) {
				return fmt.Sprintf("The `ExecutorInfo` of task '%s' is different from executor '%s'", info.TaskID.Value, e.ExecutorID.Value)
			}
		}
		total = total.plus(newBag(info.Resources).allocated(l.role))
	}
	if !l.rest.contains(total) {
		return fmt.Sprintf("Total resources %s required by task group and its executor are more than available %s", total, l.rest)
	}
	return "LAUNCH_GROUP is not emulated"
}

func refusesEnvironment(c *api.CommandInfo) string {
	for _, v := range c.GetEnvironment().GetVariables() {
		if v.GetType() == api.Environment_Variable_VALUE && v.Value == nil {
			return fmt.Sprintf("Environment variable '%s' of type 'VALUE' must have a value set", v.Name)
		}
	}
	return ""
}

func sameMessage(a, b proto.Message) bool {
	x, err1 := proto.Marshal(a)
	y, err2 := proto.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}
