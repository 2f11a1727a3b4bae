package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mesosscheduler "github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/dcos-scaleio/scaleio/framework/api"
	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// world is a real core on a clock of its own, with a Mesos, agents and a ScaleIO that do at once what they are asked. It is what the API
// talks to: Do runs inline, and what follows from it has happened when it returns.
type world struct {
	mu      sync.Mutex // guards all below
	core    *scheduler.Core
	now     time.Time
	queue   []scheduler.Input
	hosts   []*host
	system  *layout.Observed
	gateway error // what the gateway answers instead
	updates int
	changed chan struct{}
	away    bool // the scheduler stops
	dies    bool // executors end at once
}

type host struct {
	agent  scheduler.Agent
	report inventory.Report
	fails  string // what its install step says
}

func service() *spec.Service {
	step := func(name, operation string) spec.Phase {
		ph := spec.Phase{Name: name, Operation: operation, Strategy: "parallel"}
		if operation == "" {
			ph.Pod = "node"
		}
		return ph
	}
	phases := spec.Phases{step("install", ""), step("layout", "layout"), step("storage", "storage"), step("rexray", ""), step("verify", "verify")}
	return &spec.Service{
		Name: "scaleio", Scheduler: spec.Scheduler{User: "root", Role: "scaleio"},
		ScaleIO: spec.ScaleIO{
			System: spec.System{Gateways: []string{"https://10.0.0.10"}, MDM: spec.MDM{Addresses: []string{"10.0.0.10", "10.0.0.11", "10.0.0.12"}}, Credentials: spec.Credentials{User: "admin"}},
			Pools:  spec.Pools{Mode: spec.Global, Default: spec.Pool{ProtectionDomain: "mydomain", StoragePool: "mypool"}, Onboarding: spec.Propose},
			REXRay: spec.REXRay{Mode: "own", Size: 16, FSType: "ext4", FileMode: "0777"},
		},
		Pods:  map[string]spec.Pod{"node": {Tasks: map[string]spec.Task{"agent": {CPUs: 0.1, Memory: 64}}}},
		Plans: map[string]spec.Plan{"deploy": {Strategy: "dependency", Phases: phases}, "expand": {Strategy: "dependency", Phases: phases}},
	}
}

func newWorld(t testing.TB, of *spec.Service) *world {
	t.Helper()
	core, err := scheduler.New(scheduler.Config{Spec: of, Executor: scheduler.Executor{URL: "http://scheduler/artifacts/scaleio-executor"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := core.Restore(nil); err != nil {
		t.Fatal(err)
	}
	return &world{
		core: core, now: time.Unix(1700000000, 0), changed: make(chan struct{}),
		system: &layout.Observed{ID: "454581a100000002", Name: "scaleio", APIVersion: "3.6", Cluster: "ClusteredNormal", MDMs: []string{"10.0.0.10", "10.0.0.11"}},
	}
}

// agent makes a host with a root disk and the given ones.
func agent(n int, name string, devices ...inventory.Device) *host {
	for i := range devices {
		devices[i].ID += fmt.Sprintf("-%d", n)
	}
	root := inventory.Device{ID: "/dev/xvda", Path: "/dev/xvda", Size: 50 << 30, Media: "SSD", Type: "disk", Root: true, Signature: "ext4", Mounts: []string{"/"}}
	return &host{
		agent: scheduler.Agent{ID: fmt.Sprintf("S%d", n), Hostname: name, Active: true},
		report: inventory.Report{
			Node: name, PublicKey: make([]byte, 32), Addresses: []string{fmt.Sprintf("10.0.1.%d", n)}, Devices: append([]inventory.Device{root}, devices...),
			SDCGUID: fmt.Sprintf("GUID-%d", n), Version: "test",
		},
	}
}

func disk(path, signature string) inventory.Device {
	return inventory.Device{ID: "wwn-" + path[len("/dev/"):], Path: path, Size: 2 << 40, Media: "HDD", Type: "disk", Signature: signature}
}

// Do is the driver's: f runs on the core, and then everything that follows.
func (w *world) Do(ctx context.Context, f func(*scheduler.Core, time.Time)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.away {
		return fault.New(fault.Temporary, "scheduler", "ask", "it is stopping or too busy: %w", context.Canceled)
	}
	w.settle() // as after the driver's first tick
	f(w.core, w.now)
	w.settle()
	return ctx.Err()
}

func (w *world) Changed() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.changed
}

// step lets things happen, and all that follows.
func (w *world) step(all ...scheduler.Input) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queue = append(w.queue, all...)
	w.settle()
}

// register is Mesos' answer to the subscription; the agents are known then.
func (w *world) register() {
	var agents []scheduler.Agent
	for _, h := range w.hosts {
		agents = append(agents, h.agent)
	}
	w.step(event(&mesosscheduler.Event{Type: mesosscheduler.Event_SUBSCRIBED, Subscribed: &mesosscheduler.Event_Subscribed{
		FrameworkID: &mesos.FrameworkID{Value: "framework-1"}}}), scheduler.AgentsListed{Agents: agents})
}

func (w *world) join(h *host) {
	w.hosts = append(w.hosts, h)
	w.step(scheduler.AgentAdded{Agent: h.agent})
}

// offer offers every agent.
func (w *world) offer() {
	kind := mesos.SCALAR
	much := func(name string, value float64) mesos.Resource {
		return mesos.Resource{Name: name, Type: &kind, Scalar: &mesos.Value_Scalar{Value: value}}
	}
	var offers []mesos.Offer
	for _, h := range w.hosts {
		w.updates++
		var attributes []mesos.Attribute
		for _, a := range h.agent.Attributes {
			attributes = append(attributes, mesos.Attribute{Name: a.Name, Type: mesos.TEXT, Text: &mesos.Value_Text{Value: a.Text}})
		}
		offers = append(offers, mesos.Offer{ID: mesos.OfferID{Value: fmt.Sprintf("O%d", w.updates)}, AgentID: mesos.AgentID{Value: h.agent.ID}, Hostname: h.agent.Hostname,
			Attributes: attributes, Resources: mesos.Resources{much("cpus", 4), much("mem", 8192)}})
	}
	w.step(event(&mesosscheduler.Event{Type: mesosscheduler.Event_OFFERS, Offers: &mesosscheduler.Event_Offers{Offers: offers}}))
}

func (w *world) pass(d time.Duration) {
	for range int(d / time.Second) {
		w.mu.Lock()
		w.now = w.now.Add(time.Second)
		w.mu.Unlock()
		w.step(scheduler.Tick{})
	}
}

// deploy brings everything up, or as far as it goes.
func (w *world) deploy() {
	w.register()
	w.offer()
	w.pass(3 * time.Second)
}

func event(e *mesosscheduler.Event) scheduler.Input { return scheduler.MesosEvent{Event: e} }

// settle goes on until nothing is left to do at this moment.
func (w *world) settle() {
	for {
		for len(w.queue) > 0 {
			in := w.queue[0]
			w.queue = w.queue[1:]
			w.core.Step(w.now, in)
		}
		r := w.core.Ready(w.now)
		w.carryOut(r)
		if r.Changed {
			close(w.changed)
			w.changed = make(chan struct{})
		}
		if len(w.queue) == 0 {
			return
		}
	}
}

func (w *world) carryOut(r scheduler.Ready) {
	for _, call := range r.Calls {
		switch {
		case call.Accept != nil:
			for _, info := range call.Accept.Operations[0].Launch.TaskInfos {
				w.launch(info)
			}
		case call.Kill != nil:
			w.update(w.hostOf(call.Kill.AgentID.Value), call.Kill.TaskID, mesos.TASK_KILLED, nil)
		}
	}
	for _, m := range r.Desired {
		w.deliver(m)
	}
	if r.Observe && w.gateway != nil {
		w.queue = append(w.queue, scheduler.SystemObserved{Err: w.gateway})
	} else if r.Observe {
		w.queue = append(w.queue, scheduler.SystemObserved{System: w.look()})
	}
	for _, op := range r.Apply {
		w.system.Absorb(op)
		w.queue = append(w.queue, scheduler.Applied{Operation: op})
	}
}

func (w *world) look() *layout.Observed {
	o := w.system.Clone()
	for i := range o.SDSs {
		o.SDSs[i].Membership, o.SDSs[i].Connection, o.SDSs[i].Maintenance = "Joined", "Connected", "NoMaintenance"
	}
	for i := range o.Devices {
		o.Devices[i].State, o.Devices[i].ErrorState = "Normal", "None"
	}
	for _, h := range w.hosts {
		o.SDCs = append(o.SDCs, layout.ObservedSDC{GUID: h.report.SDCGUID, Connection: "Connected"})
	}
	return o
}

func (w *world) hostOf(agent string) *host {
	for _, h := range w.hosts {
		if h.agent.ID == agent {
			return h
		}
	}
	panic("no agent " + agent)
}

func (w *world) launch(info mesos.TaskInfo) {
	h := w.hostOf(info.AgentID.Value)
	h.report.Generation, h.report.Probe, h.report.Steps = 0, 0, nil
	if w.dies {
		w.update(h, info.TaskID, mesos.TASK_FAILED, nil)
		return
	}
	w.update(h, info.TaskID, mesos.TASK_RUNNING, &h.report)
}

func (w *world) update(h *host, task mesos.TaskID, state mesos.TaskState, report *inventory.Report) {
	w.updates++
	s := mesos.TaskStatus{TaskID: task, State: &state, AgentID: &mesos.AgentID{Value: h.agent.ID}, UUID: fmt.Appendf(nil, "%016d", w.updates)}
	if report != nil {
		s.Data, _ = json.Marshal(report)
	}
	w.queue = append(w.queue, event(&mesosscheduler.Event{Type: mesosscheduler.Event_UPDATE, Update: &mesosscheduler.Event_Update{Status: s}}))
}

// deliver is the node's executor, which has done everything at once.
func (w *world) deliver(m scheduler.Message) {
	h := w.hostOf(m.AgentID)
	r := &h.report
	r.Generation, r.Probe = m.Desired.Generation, m.Desired.Probe
	r.Steps = []inventory.Step{{Name: "services", Stage: inventory.StageInstall, State: inventory.Done}}
	if h.fails != "" {
		r.Steps[0].State, r.Steps[0].Message, r.Steps[0].Kind = inventory.Failed, h.fails, fault.Invalid
	}
	if m.Desired.REXRay != nil {
		r.Steps = append(r.Steps, inventory.Step{Name: "rexray-ready", Stage: inventory.StageREXRay, State: inventory.Done})
	}
	r.Claims = map[string][]inventory.Refusal{}
	for _, claim := range m.Desired.Claims {
		r.Claims[claim.Device] = nil
	}
	task := strings.Replace(m.ExecutorID, "-executor__", "-agent__", 1)
	w.update(h, mesos.TaskID{Value: task}, mesos.TASK_RUNNING, r)
}

// three is a world of three agents with a good disk each; the third also has one with a filesystem.
func three(t *testing.T) *world {
	w := newWorld(t, service())
	w.hosts = []*host{agent(1, "agent-01", disk("/dev/xvdf", "")), agent(2, "agent-02", disk("/dev/xvdf", "")), agent(3, "agent-03", disk("/dev/xvdf", ""), disk("/dev/xvdg", "xfs"))}
	return w
}

func (w *world) handler(artifacts map[string]string) http.Handler {
	registry := prometheus.NewRegistry()
	counter := prometheus.NewCounter(prometheus.CounterOpts{Name: "scaleio_test_total", Help: "Of the test."})
	registry.MustRegister(counter)
	return api.Handler(api.Config{Scheduler: w, Registry: registry, Version: "1.2.3", Artifacts: artifacts})
}

// ask is a request without a network.
func ask(h http.Handler, method, target, body string) *httptest.ResponseRecorder {
	r := httptest.NewRecorder()
	h.ServeHTTP(r, httptest.NewRequest(method, target, strings.NewReader(body)))
	return r
}

var errGateway = fault.New(fault.Denied, "gateway 10.0.0.10", "log in", "%w", errors.New("it refuses user admin: 401, expected 200; check scaleio.password"))
