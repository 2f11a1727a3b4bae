package mesos

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gogo/protobuf/proto"
	api "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/master"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/dcos-scaleio/scaleio/lab/mesos/internal/libprocess"
)

const (
	maxCompletedFrameworks = 50   // --max_completed_frameworks
	maxCompletedTasks      = 1000 // --max_completed_tasks_per_framework
)

// framework is the master's record of a framework. Guarded by Master.mu.
type framework struct {
	master    *Master
	seq       int64
	info      *api.FrameworkInfo
	stream    *events // nil: not connected
	recovered bool    // known from agents only, has not subscribed at this master
	removed   bool

	suppressed  map[string]bool
	filters     map[filterKey][]*filter
	tasks       map[string]*task // non-terminal, or terminal and unacknowledged
	unreachable map[string]*task
	done        []*task // completed
	offers      map[string]*offer

	registered, reregistered, unregistered time.Time
	failover                               *time.Timer
}

func (f *framework) order() int64    { return f.seq }
func (f *framework) id() string      { return f.info.ID.Value }
func (f *framework) connected() bool { return f.stream != nil }

func (f *framework) can(c api.FrameworkInfo_Capability_Type) bool { return hasCapability(f.info, c) }

func hasCapability(info *api.FrameworkInfo, c api.FrameworkInfo_Capability_Type) bool {
	return slices.ContainsFunc(info.Capabilities, func(have api.FrameworkInfo_Capability) bool { return have.Type == c })
}

func (f *framework) partitionAware() bool {
	return f.can(api.FrameworkInfo_Capability_PARTITION_AWARE)
}

// lostState is the state for tasks that never ran: TASK_DROPPED, or TASK_LOST for those who do not know it.
func (f *framework) lostState() api.TaskState { return lostState(f.info) }

func lostState(info *api.FrameworkInfo) api.TaskState {
	if hasCapability(info, api.FrameworkInfo_Capability_PARTITION_AWARE) {
		return api.TASK_DROPPED
	}
	return api.TASK_LOST
}

func (f *framework) roles() []string { return rolesOf(f.info) }

func rolesOf(info *api.FrameworkInfo) []string {
	if hasCapability(info, api.FrameworkInfo_Capability_MULTI_ROLE) {
		return info.Roles
	}
	return []string{info.GetRole()}
}

// send sends an event unless the framework is away.
func (f *framework) send(e *scheduler.Event) {
	if f.connected() {
		f.stream.send(e.Type.String(), e)
	}
}

func (m *Master) newFramework(info *api.FrameworkInfo) *framework {
	f := &framework{master: m, seq: m.next(), info: info, suppressed: map[string]bool{}, filters: map[filterKey][]*filter{},
		tasks: map[string]*task{}, unreachable: map[string]*task{}, offers: map[string]*offer{}}
	m.frameworks[info.ID.Value] = f
	return f
}

// subscribe answers a SUBSCRIBE: always 200 and a stream; a refusal is its only event.
func (m *Master) subscribe(media mediaType, call *scheduler.Call_Subscribe) *libprocess.Response {
	info := call.FrameworkInfo
	var f *framework
	var stream *events
	stream = newEvents(media, func() { // the peer is gone: the framework is disconnected, if this still is its stream
		m.mu.Lock()
		defer m.mu.Unlock()
		if f != nil && f.stream == stream && !m.closed {
			f.disconnect()
		}
	}, func(kind string) { m.stats.event(kind) })
	stream.id = m.cfg.UUID().String()
	if refusal := m.refuses(info, call.SuppressedRoles); refusal != "" {
		stream.send("ERROR", &scheduler.Event{Type: scheduler.Event_ERROR, Error: &scheduler.Event_Error{Message: refusal}})
		stream.end()
		return stream.response()
	}
	fresh := info.ID == nil || info.ID.Value == ""
	if fresh {
		info.ID = &api.FrameworkID{Value: fmt.Sprintf("%s-%04d", m.id, m.nextFramework)}
		m.nextFramework++
		f = m.newFramework(info)
		f.registered, f.reregistered = m.cfg.Now(), m.cfg.Now()
	} else {
		f = m.resume(info)
	}
	f.connect(stream, call.SuppressedRoles)
	if fresh {
		m.tell(&master.Event{Type: master.Event_FRAMEWORK_ADDED, FrameworkAdded: &master.Event_FrameworkAdded{Framework: f.operatorView(true)}})
	} else {
		m.tell(&master.Event{Type: master.Event_FRAMEWORK_UPDATED, FrameworkUpdated: &master.Event_FrameworkUpdated{Framework: f.operatorView(true)}})
	}
	m.allocator.soon(nil)
	if !fresh {
		m.announce(f)
	}
	return stream.response()
}

// resume gives the framework with the id of info, known, recovered or invented (all are accepted), with what may change changed.
func (m *Master) resume(info *api.FrameworkInfo) *framework {
	f := m.frameworks[info.ID.Value]
	if f == nil {
		f = m.newFramework(info)
		f.recovered = true
	}
	// User and checkpoint cannot change: they silently stay (07/042-043).
	info.User, info.Checkpoint = f.info.User, f.info.Checkpoint
	f.info = info
	if f.recovered {
		f.registered = m.cfg.Now()
	}
	f.recovered, f.reregistered = false, m.cfg.Now()
	return f
}

func (f *framework) connect(stream *events, suppressed []string) {
	if f.failover != nil {
		f.failover.Stop()
	}
	if old := f.stream; old != nil {
		f.send(&scheduler.Event{Type: scheduler.Event_ERROR, Error: &scheduler.Event_Error{Message: "Framework failed over"}})
		old.end()
	}
	f.discardOffers()
	f.stream = stream
	f.suppressed = map[string]bool{} // not remembered from before (10/046-052)
	for _, role := range suppressed {
		f.suppressed[role] = true
	}
	interval := f.master.cfg.HeartbeatInterval
	f.send(&scheduler.Event{Type: scheduler.Event_SUBSCRIBED, Subscribed: &scheduler.Event_Subscribed{
		FrameworkID: f.info.ID, HeartbeatIntervalSeconds: proto.Float64(interval.Seconds()), MasterInfo: f.master.info()}})
	beat := func() { stream.send("HEARTBEAT", &scheduler.Event{Type: scheduler.Event_HEARTBEAT}) }
	beat()
	stream.heartbeat(f.master, interval, beat)
}

// disconnect is what follows when the stream breaks: offers are void, filters go, and the framework has failover_timeout to return.
func (f *framework) disconnect() {
	f.stream.stop()
	f.stream = nil
	f.discardOffers()
	f.dropFilters(func(filterKey) bool { return true })
	timeout := time.Duration(f.info.GetFailoverTimeout() * float64(time.Second))
	f.failover = f.master.after(max(timeout, 0), func() {
		if !f.connected() && !f.removed {
			f.master.removeFramework(f)
		}
	})
	f.master.allocator.later(nil)
}

// drop ends timers and stream when the master goes.
func (f *framework) drop() {
	if f.failover != nil {
		f.failover.Stop()
	}
	f.dropFilters(func(filterKey) bool { return true })
	for _, o := range f.offers {
		o.stop()
	}
	if f.stream != nil {
		f.stream.cut()
		f.stream = nil
	}
}

// removeFramework is TEARDOWN or the end of failover_timeout: tasks are KILLED, which the operator's stream shows and the
// framework's own does not (mesos.md §3.8).
func (m *Master) removeFramework(f *framework) {
	f.removed = true
	f.discardOffers()
	f.dropFilters(func(filterKey) bool { return true })
	if f.failover != nil {
		f.failover.Stop()
	}
	for _, s := range sorted(m.slaves) {
		s.tell(func(a *Agent) { a.shutdownFramework(f.id()) })
	}
	for _, t := range slices.Concat(sorted(f.tasks), sorted(f.unreachable)) {
		status := t.status(api.TASK_KILLED, api.SOURCE_MASTER, api.REASON_FRAMEWORK_REMOVED, fmt.Sprintf("Framework %s removed", f.id()))
		m.updateTask(t, status, api.TASK_KILLED)
		m.removeTask(t, false)
	}
	for _, s := range sorted(m.slaves) {
		s.removeExecutors(f.id())
	}
	if f.stream != nil {
		f.stream.end()
		f.stream = nil
	}
	f.unregistered = m.cfg.Now()
	delete(m.frameworks, f.id())
	m.completed = append(m.completed, f)
	if len(m.completed) > maxCompletedFrameworks {
		m.completed = m.completed[1:]
	}
	m.tell(&master.Event{Type: master.Event_FRAMEWORK_REMOVED, FrameworkRemoved: &master.Event_FrameworkRemoved{FrameworkInfo: *f.info}})
	m.allocator.later(nil)
}

func (m *Master) isCompleted(id string) bool {
	return slices.ContainsFunc(m.completed, func(f *framework) bool { return f.id() == id })
}

// announce tells the agents about a framework that (re-)subscribed: they resend what it has not acknowledged at once.
func (m *Master) announce(f *framework) {
	for _, s := range sorted(m.slaves) {
		s.tell(func(a *Agent) { a.updateFramework(f.info) })
	}
}

// refuses gives the text of the ERROR event that ends a subscription, or "" (08/058-132).
func (m *Master) refuses(info *api.FrameworkInfo, suppressed []string) string {
	if reason := refusesInfo(info); reason != "" {
		return reason
	}
	if id := info.GetID().GetValue(); id != "" && m.isCompleted(id) {
		return "Framework has been removed"
	}
	if reason := refusesSuppressed(info, suppressed); reason != "" {
		return reason
	}
	if f := m.frameworks[info.GetID().GetValue()]; f != nil {
		return refusesPrincipal(f.info, info)
	}
	return ""
}

func refusesPrincipal(old, new *api.FrameworkInfo) string {
	if (old.Principal == nil) != (new.Principal == nil) || old.GetPrincipal() != new.GetPrincipal() {
		return "Changing framework's principal is not allowed."
	}
	return ""
}

func refusesInfo(info *api.FrameworkInfo) string {
	if reason := refusesRoles(info); reason != "" {
		return reason
	}
	if id := info.GetID().GetValue(); id != "" {
		if reason := refusesID(id); reason != "" {
			return reason
		}
	}
	// A stout Duration is nanoseconds in 64 bits.
	if t := info.GetFailoverTimeout(); math.Abs(t*1e9) > math.MaxInt64 || math.IsNaN(t) {
		return fmt.Sprintf("The framework failover_timeout (%s) is invalid", strconv.FormatFloat(t, 'g', 6, 64))
	}
	return ""
}

func refusesRoles(info *api.FrameworkInfo) string {
	if !hasCapability(info, api.FrameworkInfo_Capability_MULTI_ROLE) {
		if len(info.Roles) > 0 {
			return "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"
		}
		if reason := refusesRole(info.GetRole()); reason != "" {
			return "'FrameworkInfo.role' is not a valid role: " + reason
		}
		return ""
	}
	if info.Role != nil {
		return "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable"
	}
	seen, twice := map[string]bool{}, map[string]bool{}
	for _, role := range info.Roles {
		twice[role] = twice[role] || seen[role]
		seen[role] = true
	}
	maps.DeleteFunc(twice, func(_ string, is bool) bool { return !is })
	if len(twice) > 0 {
		return "'FrameworkInfo.roles' contains duplicate items: " + setText(twice)
	}
	for _, role := range info.Roles {
		if reason := refusesRole(role); reason != "" {
			return "'FrameworkInfo.roles' contains invalid role: " + reason
		}
	}
	return ""
}

func refusesSuppressed(info *api.FrameworkInfo, suppressed []string) string {
	strange := map[string]bool{}
	for _, role := range suppressed {
		if !slices.Contains(rolesOf(info), role) {
			strange[role] = true
		}
	}
	if len(strange) > 0 {
		return fmt.Sprintf("Suppressed roles %s are not contained in the set of roles", setText(strange))
	}
	return ""
}

func setText(set map[string]bool) string {
	return "{ " + strings.Join(slices.Sorted(maps.Keys(set)), ", ") + " }"
}

// refusesRole says what is wrong with a role (src/common/roles.cpp).
func refusesRole(role string) string {
	switch {
	case role == "*":
		return ""
	case strings.HasPrefix(role, "/"):
		return fmt.Sprintf("Role '%s' cannot start with a slash", role)
	case strings.HasSuffix(role, "/"):
		return fmt.Sprintf("Role '%s' cannot end with a slash", role)
	case strings.Contains(role, "//"):
		return fmt.Sprintf("Role '%s' cannot contain two adjacent slashes", role)
	case role == "":
		return "Role names cannot be the empty string"
	}
	for part := range strings.SplitSeq(role, "/") {
		switch {
		case part == "." || part == ".." || part == "*":
			return fmt.Sprintf("Role '%s' cannot include '%s' as a component", role, part)
		case strings.HasPrefix(part, "-"):
			return fmt.Sprintf("Role component '%s' is invalid because it starts with a dash", part)
		case strings.ContainsAny(part, "\t\n\v\f\r \x7f"):
			return fmt.Sprintf("Role component '%s' is invalid because it contains backspace or whitespace", part)
		}
	}
	return ""
}

// refusesID says what is wrong with an id (src/common/validation.cpp).
func refusesID(id string) string {
	switch {
	case id == "":
		return "ID must not be empty"
	case len(id) > 255:
		return "ID must not be greater than 255 characters"
	case id == "." || id == "..":
		return fmt.Sprintf("'%s' is disallowed", id)
	case strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r == 0x7f || r == '/' || r == '\\' }):
		return fmt.Sprintf("'%s' contains invalid characters", id)
	}
	return ""
}
