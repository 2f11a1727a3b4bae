package scheduler

import (
	"fmt"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"pgregory.net/rapid"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/plan"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// Whatever goes wrong, in whatever order: once it stops going wrong, every plan completes, every device is where it belongs, and nothing
// was done that must not be (world.check).
func TestAfterAnyFaultsEverythingConverges(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(r, serviceOf(spec.Imperative, "", spec.Propose))
		agents := 3
		join := func() {
			w.join(fmt.Sprintf("agent-%02d", len(w.order)+1), seed("mydomain/mypool:/dev/xvdf"), deviceOf("/dev/xvdf", 2<<40))
		}
		for range agents {
			join()
		}
		any := func() *worldHost { return w.hosts[rapid.SampledFrom(w.order).Draw(r, "agent")] }
		faults := map[string]func(){
			"agent joins":        join,
			"executor ends":      func() { ifTask(any(), func(h *worldHost) { w.end(h, mesos.TASK_FAILED) }) },
			"executors die":      func() { any().dies = rapid.IntRange(1, 3).Draw(r, "times") },
			"agent dies":         func() { w.die(any()) },
			"agent is back":      func() { w.back(any()) },
			"gateway down":       func() { w.gatewayErr = fault.New(fault.Temporary, "", "", "connection refused") },
			"gateway up":         func() { w.gatewayErr = nil },
			"scheduler restarts": func() { w.start() },
			"messages get lost":  func() { w.dropDesired += rapid.IntRange(1, 4).Draw(r, "messages") },
			"stream breaks":      func() { w.feed(MesosLost{fmt.Errorf("unexpected EOF")}); w.subscribe() },
			"operation fails": func() {
				kind := rapid.SampledFrom([]layout.Kind{layout.CreateDomain, layout.CreatePool, layout.CreateSDS, layout.AddDevice, layout.SetSpare}).Draw(r, "kind")
				w.failures[string(kind)] = &failure{times: 2, after: rapid.Bool().Draw(r, "done"), err: fault.New(fault.Temporary, "", "", "no answer")}
			},
		}
		names := []string{"agent joins", "executor ends", "executors die", "agent dies", "agent is back", "gateway down", "gateway up",
			"scheduler restarts", "messages get lost", "stream breaks", "operation fails"}
		for range rapid.IntRange(1, 12).Draw(r, "faults") {
			faults[rapid.SampledFrom(names).Draw(r, "fault")]()
			w.pass(time.Duration(rapid.IntRange(0, 5000).Draw(r, "milliseconds")) * time.Millisecond)
		}
		w.gatewayErr, w.dropDesired = nil, 0
		clear(w.failures)
		for _, name := range w.order {
			w.hosts[name].dies = 0
			w.back(w.hosts[name])
		}
		done := func() bool {
			return w.core.Plan("deploy").Status() == plan.Complete && w.core.Plan("expand").Status() == plan.Complete &&
				w.core.Plan("recovery").Status() == plan.Complete
		}
		if !w.until(30*time.Minute, done) {
			r.Fatalf("not converged:\n%s%s%s", w.show("deploy"), w.show("expand"), w.show("recovery"))
		}
		if len(w.attached) != len(w.order) {
			r.Fatalf("%d devices are attached, %d agents have one", len(w.attached), len(w.order))
		}
		for _, name := range w.order {
			if w.hosts[name].task == nil {
				r.Fatalf("%s has no task", name)
			}
		}
	})
}

func ifTask(h *worldHost, do func(*worldHost)) {
	if h.task != nil {
		do(h)
	}
}

func (w *world) die(h *worldHost) {
	if !h.agent.Active {
		return
	}
	h.agent.Active = false
	ifTask(h, func(h *worldHost) { w.status(h, mesos.TASK_UNREACHABLE, nil) })
	w.feed(AgentRemoved{h.agent.ID})
}

func (w *world) back(h *worldHost) {
	h.agent.Active = true
	w.feed(AgentAdded{h.agent})
	ifTask(h, func(h *worldHost) { w.reconcile(h.task.TaskID.Value, h.agent.ID) })
	w.offer()
}
