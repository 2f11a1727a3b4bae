package scheduler

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mesosscheduler "github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/plan"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// world is all that is around a core: a Mesos, nodes, a ScaleIO and a store, on a clock of its own. It holds what must always hold.
type world struct {
	t     fatal
	core  *Core
	cfg   Config
	now   time.Time
	store map[string][]byte
	queue []Input

	subscribed bool
	suppressed bool
	hosts      map[string]*worldHost
	order      []string
	offers     int
	declined   map[string]bool // hosts whose offers Mesos holds back

	observed    *layout.Observed
	gatewayErr  error
	failures    map[string]*failure // of operations, by key prefix
	calls       map[string]int      // gateway calls by operation key
	mesosCalls  map[string]int
	lostCalls   map[string]int // that many of a type do not arrive
	dropDesired int            // MESSAGEs to lose
	attached    map[string]string
}

type worldHost struct {
	agent    Agent
	report   inventory.Report
	task     *mesos.TaskInfo
	dies     int // that many executors end right after their start
	fails    map[string]string
	silent   bool // the executor starts and never says anything
	messages int
	uuid     int
}

type failure struct {
	times int
	err   error
	after bool // the work is done, the answer is lost
}

// fatal ends a test, or one run of a property.
type fatal interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func newWorld(t fatal, s *spec.Service) *world {
	w := &world{
		t: t, now: time.Unix(0, 0).UTC(), store: map[string][]byte{}, hosts: map[string]*worldHost{}, declined: map[string]bool{},
		failures: map[string]*failure{}, calls: map[string]int{}, mesosCalls: map[string]int{}, lostCalls: map[string]int{}, attached: map[string]string{},
		cfg:      Config{Spec: s, FailoverTimeout: 14 * 24 * time.Hour, Executor: Executor{URL: "http://scheduler/artifacts/scaleio-executor"}},
		observed: &layout.Observed{ID: "454581a100000002", Name: "scaleio", APIVersion: "3.6", Cluster: "ClusteredNormal", MDMs: []string{"10.0.0.10", "10.0.0.11"}},
	}
	w.start()
	return w
}

// start makes a scheduler of what the store holds, as after a kill -9.
func (w *world) start() {
	core, err := New(w.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	if err := core.Restore(w.store); err != nil {
		w.t.Fatal(err)
	}
	w.core, w.queue, w.subscribed = core, nil, false
	w.subscribe()
}

func (w *world) subscribe() {
	call := w.core.Subscribe()
	id := call.Subscribe.FrameworkInfo.GetID().GetValue()
	if id == "" {
		for _, h := range w.hosts {
			if h.task != nil {
				w.t.Fatal("the scheduler forgot its framework id: Mesos takes it for another framework and kills its executors")
			}
		}
		id = "framework-0001"
	}
	w.subscribed, w.suppressed = true, false
	clear(w.declined)
	w.event(&mesosscheduler.Event{Type: mesosscheduler.Event_SUBSCRIBED, Subscribed: &mesosscheduler.Event_Subscribed{
		FrameworkID: &mesos.FrameworkID{Value: id}}})
	var agents []Agent
	for _, name := range w.order {
		agents = append(agents, w.hosts[name].agent)
	}
	w.feed(AgentsListed{agents})
	w.offer()
}

func (w *world) feed(in Input)                 { w.queue = append(w.queue, in) }
func (w *world) event(e *mesosscheduler.Event) { w.feed(MesosEvent{e}) }
func (w *world) host(name string) *worldHost   { return w.hosts[name] }
func deviceOf(path string, size spec.Size) inventory.Device {
	return inventory.Device{ID: path, Path: path, Size: uint64(size), Media: "HDD", Type: "disk"}
}

// join adds an agent with a root disk and devices.
func (w *world) join(name string, attributes []layout.Attribute, devices ...inventory.Device) *worldHost {
	n := len(w.order) + 1
	root := inventory.Device{ID: "/dev/xvda", Path: "/dev/xvda", Size: 50 << 30, Media: "SSD", Type: "disk", Root: true, Signature: "ext4", Mounts: []string{"/"}}
	h := &worldHost{
		agent: Agent{ID: fmt.Sprintf("S%d", n), Hostname: name, Attributes: attributes, Active: true},
		report: inventory.Report{
			Node: name, MachineID: fmt.Sprintf("machine-%d", n), PublicKey: make([]byte, 32), Version: "test",
			Addresses: []string{fmt.Sprintf("10.0.1.%d", n)}, Devices: append([]inventory.Device{root}, devices...),
			SDCGUID: fmt.Sprintf("GUID-%d", n),
		},
		fails: map[string]string{},
	}
	w.hosts[name] = h
	w.order = append(w.order, name)
	w.feed(AgentAdded{h.agent})
	w.offer()
	return h
}

// offer makes Mesos' offers: everything of every agent that has no task of ours, unless it was declined or we are suppressed.
func (w *world) offer() {
	if !w.subscribed || w.suppressed {
		return
	}
	var offers []mesos.Offer
	for _, name := range w.order {
		h := w.hosts[name]
		if h.task != nil || !h.agent.Active || w.declined[name] {
			continue
		}
		w.declined[name] = true // outstanding
		w.offers++
		offers = append(offers, mesos.Offer{
			ID: mesos.OfferID{Value: fmt.Sprintf("O%d", w.offers)}, AgentID: mesos.AgentID{Value: h.agent.ID}, Hostname: name,
			Attributes: wireAttributes(h.agent.Attributes), Resources: mesos.Resources{scalar("cpus", 4), scalar("mem", 8192)},
		})
	}
	if len(offers) > 0 {
		w.event(&mesosscheduler.Event{Type: mesosscheduler.Event_OFFERS, Offers: &mesosscheduler.Event_Offers{Offers: offers}})
	}
}

func scalar(name string, value float64) mesos.Resource {
	kind, star := mesos.SCALAR, "*"
	return mesos.Resource{Name: name, Type: &kind, Scalar: &mesos.Value_Scalar{Value: value}, Role: &star}
}

// run feeds and carries out until nothing is left to do at this moment.
func (w *world) run() {
	for range 100000 {
		for len(w.queue) > 0 {
			in := w.queue[0]
			w.queue = w.queue[1:]
			w.core.Step(w.now, in)
		}
		r := w.core.Ready(w.now)
		written := map[string]bool{}
		for _, record := range r.Records {
			if written[record.Key] {
				w.t.Fatalf("store key %s is written twice at once", record.Key)
			}
			written[record.Key] = true
			w.store[record.Key] = record.Value
			if strings.Contains(string(record.Value), "password") {
				w.t.Fatalf("store key %s holds a password", record.Key)
			}
		}
		w.carryOut(r)
		w.check()
		if len(w.queue) == 0 {
			return
		}
	}
	w.t.Fatal("the core never comes to rest")
}

// pass lets time go by, waking the core when it asked for it.
func (w *world) pass(d time.Duration) {
	end := w.now.Add(d)
	for {
		w.run()
		w.core.Step(w.now, Tick{})
		wake := w.core.Ready(w.now).Wake
		if wake.IsZero() || wake.After(end) {
			w.now = end
			w.feed(Tick{})
			w.run()
			return
		}
		w.now = maxTime(wake, w.now.Add(time.Millisecond))
		w.feed(Tick{})
	}
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// until passes time until the condition holds.
func (w *world) until(most time.Duration, holds func() bool) bool {
	for end := w.now.Add(most); w.now.Before(end); w.pass(100 * time.Millisecond) {
		w.run()
		if holds() {
			return true
		}
	}
	return holds()
}

func (w *world) carryOut(r Ready) {
	for _, call := range r.Calls {
		w.mesosCalls[call.GetType().String()]++
		if !w.loses(call) {
			w.mesosCall(call)
		}
	}
	for _, m := range r.Desired {
		w.deliver(m)
	}
	if r.Observe {
		w.calls["observe"]++
		if w.gatewayErr != nil {
			w.feed(SystemObserved{nil, w.gatewayErr})
		} else {
			w.feed(SystemObserved{w.look(), nil})
		}
	}
	for _, op := range r.Apply {
		w.feed(Applied{op, w.apply(op)})
	}
}

// look gives the system as the gateway would: devices are Normal, clients connected where their node has registered.
func (w *world) look() *layout.Observed {
	o := w.observed.Clone()
	for i := range o.SDSs {
		o.SDSs[i].Membership, o.SDSs[i].Connection, o.SDSs[i].Maintenance = "Joined", "Connected", "NoMaintenance"
	}
	for i := range o.Devices {
		o.Devices[i].State, o.Devices[i].ErrorState = "Normal", "None"
	}
	o.SDCs = nil
	for _, name := range w.order {
		if h := w.hosts[name]; h.messages > 0 {
			o.SDCs = append(o.SDCs, layout.ObservedSDC{GUID: h.report.SDCGUID, Connection: "Connected"})
		}
	}
	return o
}

func (w *world) apply(op layout.Operation) error {
	w.calls[op.Key()]++
	for prefix, f := range w.failures {
		if f.times > 0 && strings.HasPrefix(op.Key(), prefix) {
			f.times--
			if f.after {
				w.carry(op)
			}
			return f.err
		}
	}
	w.carry(op)
	return nil
}

// carry does the work unless it is done: the gateway looks up before it creates.
func (w *world) carry(op layout.Operation) {
	if op.Kind == layout.AddDevice {
		key := op.Node + " " + op.Device.ID
		if pool := w.attached[key]; pool != "" && pool != op.Device.Pool.String() {
			w.t.Fatalf("device %s goes to %s and is in %s", key, op.Device.Pool, pool)
		} else if pool != "" {
			return
		}
		w.attached[key] = op.Device.Pool.String()
	}
	if op.Kind == layout.CreateSDS && slices.ContainsFunc(w.observed.SDSs, func(s layout.ObservedSDS) bool { return s.Name == op.SDS.Name }) {
		return
	}
	w.observed.Absorb(op)
}

func (w *world) mesosCall(call *mesosscheduler.Call) {
	switch call.GetType() {
	case mesosscheduler.Call_ACCEPT:
		for _, op := range call.Accept.Operations {
			for _, info := range op.GetLaunch().GetTaskInfos() {
				w.launch(info)
			}
		}
	case mesosscheduler.Call_SUPPRESS:
		w.suppressed = true
	case mesosscheduler.Call_REVIVE:
		w.suppressed = false
		clear(w.declined)
		w.offer()
	case mesosscheduler.Call_KILL:
		for _, name := range w.order {
			if h := w.hosts[name]; h.task != nil && h.agent.Active && h.task.TaskID.Value == call.Kill.TaskID.Value {
				w.end(h, mesos.TASK_KILLED)
			}
		}
	case mesosscheduler.Call_RECONCILE:
		for _, t := range call.Reconcile.Tasks {
			w.reconcile(t.TaskID.Value, t.GetAgentID().GetValue())
		}
	}
}

func (w *world) launch(info mesos.TaskInfo) {
	for _, name := range w.order {
		h := w.hosts[name]
		if h.agent.ID != info.AgentID.Value {
			continue
		}
		if h.task != nil {
			w.t.Fatalf("a second task %s on %s, which runs %s", info.TaskID.Value, name, h.task.TaskID.Value)
		}
		h.task = &info
		h.report.Generation, h.report.Probe, h.report.Steps = 0, 0, nil
		w.status(h, mesos.TASK_STARTING, nil)
		switch {
		case h.dies > 0:
			h.dies--
			w.end(h, mesos.TASK_FAILED)
		case !h.silent:
			w.status(h, mesos.TASK_RUNNING, &h.report)
		}
		return
	}
	w.t.Fatalf("a launch on agent %s, which does not exist", info.AgentID.Value)
}

func (w *world) end(h *worldHost, state mesos.TaskState) {
	w.status(h, state, nil)
	h.task = nil
	delete(w.declined, h.agent.Hostname)
	w.offer()
}

func (w *world) status(h *worldHost, state mesos.TaskState, report *inventory.Report) {
	h.uuid++
	s := mesos.TaskStatus{
		TaskID: h.task.TaskID, State: &state, AgentID: &mesos.AgentID{Value: h.agent.ID}, UUID: []byte(fmt.Sprintf("%016d", h.uuid)),
	}
	if report != nil {
		s.Data, _ = json.Marshal(report)
	}
	w.event(&mesosscheduler.Event{Type: mesosscheduler.Event_UPDATE, Update: &mesosscheduler.Event_Update{Status: s}})
}

func (w *world) reconcile(task, agent string) {
	state := mesos.TASK_UNKNOWN
	for _, name := range w.order {
		h := w.hosts[name]
		if h.agent.ID != agent {
			continue
		}
		switch {
		case !h.agent.Active:
			state = mesos.TASK_UNREACHABLE
		case h.task != nil && h.task.TaskID.Value == task && h.silent:
			state = mesos.TASK_STARTING
		case h.task != nil && h.task.TaskID.Value == task:
			state = mesos.TASK_RUNNING
		default:
			state = mesos.TASK_GONE
		}
	}
	w.event(&mesosscheduler.Event{Type: mesosscheduler.Event_UPDATE, Update: &mesosscheduler.Event_Update{Status: mesos.TaskStatus{
		TaskID: mesos.TaskID{Value: task}, State: &state, AgentID: &mesos.AgentID{Value: agent}}}})
}

// deliver is the node's executor: it answers the receipt of a generation, and has done everything at once.
func (w *world) deliver(m Message) {
	if w.dropDesired > 0 {
		w.dropDesired--
		return
	}
	h := w.hosts[m.Desired.Node]
	if h == nil || h.task == nil || h.task.Executor.ExecutorID.Value != m.ExecutorID || h.silent || !h.agent.Active {
		return
	}
	h.messages++
	r := &h.report
	r.Generation, r.Probe = m.Desired.Generation, m.Desired.Probe
	r.Steps = nil
	step := func(name string, stage inventory.Stage) {
		s := inventory.Step{Name: name, Stage: stage, State: inventory.Done}
		if why, ok := h.fails[name]; ok {
			s.State, s.Message, s.Kind = inventory.Failed, why, fault.Invalid
		}
		r.Steps = append(r.Steps, s)
	}
	for _, p := range m.Desired.Packages {
		step("package-"+p.Component, inventory.StageInstall)
	}
	step("services", inventory.StageInstall)
	if m.Desired.REXRay != nil {
		step("rexray-ready", inventory.StageREXRay)
	}
	r.Claims = map[string][]inventory.Refusal{}
	for _, claim := range m.Desired.Claims {
		i := slices.IndexFunc(r.Devices, func(d inventory.Device) bool { return d.ID == claim.Device })
		if i < 0 {
			r.Claims[claim.Device] = []inventory.Refusal{{Check: "exists", Reason: claim.Path + " is gone"}}
			continue
		}
		r.Claims[claim.Device] = inventory.Examine(r.Devices[i], m.Desired.Limits)
	}
	w.status(h, mesos.TASK_RUNNING, r)
}

// check holds the invariants that must be true at every moment.
func (w *world) check() {
	for key := range w.attached {
		name, device, _ := strings.Cut(key, " ")
		h := w.hosts[name]
		i := slices.IndexFunc(h.report.Devices, func(d inventory.Device) bool { return d.ID == device })
		if i < 0 {
			w.t.Fatalf("device %s was attached and no node reported it", key)
		}
		if d := h.report.Devices[i]; d.Root || len(d.Mounts) > 0 || d.Signature != "" {
			w.t.Fatalf("device %s was attached although it is in use: %+v", key, d)
		}
	}
	seen := map[string]bool{}
	for _, sds := range w.observed.SDSs {
		if seen[sds.Name] {
			w.t.Fatalf("SDS %s exists twice", sds.Name)
		}
		seen[sds.Name] = true
	}
}

// show prints a plan as an operator reads it.
func (w *world) show(name string) string {
	v := w.core.Plan(name).View()
	lines := []string{fmt.Sprintf("%-32s %s", name, v.Status)}
	for _, ph := range v.Phases {
		lines = append(lines, fmt.Sprintf("  %-30s %s", ph.Name, ph.Status))
		for _, s := range ph.Steps {
			line := fmt.Sprintf("    %-28s %s", s.Name, s.Status)
			if s.Status != plan.Complete || ph.Name == "layout" {
				line += "  " + s.Message
			}
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n") + "\n"
}

func (w *world) counts(of map[string]int) string {
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(of)) {
		lines = append(lines, fmt.Sprintf("%s x%d", key, of[key]))
	}
	return strings.Join(lines, "\n") + "\n"
}
