package simulation

import (
	"fmt"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mesosscheduler "github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/dcos-scaleio/scaleio/framework/plan"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
)

// durable now and then makes a core of the store alone, tells it what Mesos and ScaleIO would, and compares.
func (w *watch) durable() {
	w.moves()
	if w.looks++; w.roll("durable")%25 != 0 || w.process.stream == 0 || w.failure != nil {
		return
	}
	live := w.process.core
	again := w.reborn(live, false)
	if again == nil {
		return
	}
	w.compareNodes(live, again)
	if s := live.Plan("deploy").Phase("layout").Step("layout"); live.Observed() != nil && !w.ahead && s != nil && s.Status() == plan.Complete {
		w.comparePlans(live, again)
	}
	if live.Plan("deploy").Status() == plan.Complete {
		if blind := w.reborn(live, true); blind.Plan("deploy").Status() != plan.Complete {
			w.fail("plan-moves", "deploy is COMPLETE, and after a restart without a gateway %s: %s", blind.Plan("deploy").Status(), incomplete(blind.Plan("deploy")))
		}
	}
}

// reborn is a core as it stands after a restart.
func (w *watch) reborn(live *scheduler.Core, blind bool) *scheduler.Core {
	core, err := scheduler.New(w.process.cfg)
	if err == nil {
		err = core.Restore(w.process.stored())
	}
	if err != nil {
		w.fail("store-is-all", "%v", err)
		return nil
	}
	now := w.wall()
	var agents []scheduler.Agent
	for _, n := range live.Nodes() {
		if n.Agent.Active { // of the others it is not known whether the master lists them
			agents = append(agents, n.Agent)
		}
	}
	core.Step(now, scheduler.MesosEvent{Event: &mesosscheduler.Event{Type: mesosscheduler.Event_SUBSCRIBED,
		Subscribed: &mesosscheduler.Event_Subscribed{FrameworkID: &mesos.FrameworkID{Value: live.FrameworkID()}}}})
	core.Step(now, scheduler.AgentsListed{Agents: agents})
	core.Ready(now)
	if o := live.Observed(); o != nil && !blind {
		core.Step(now, scheduler.SystemObserved{System: o.Clone()})
	}
	core.Ready(now)
	return core
}

func (w *watch) compareNodes(live, again *scheduler.Core) {
	a, b := live.Nodes(), again.Nodes()
	if len(a) != len(b) {
		w.fail("store-is-all", "the core has %d nodes, the store %d", len(a), len(b))
		return
	}
	word := func(n scheduler.NodeView) string {
		task := ""
		if n.Task != nil {
			task = n.Task.ID + " on " + n.Task.AgentID + " " + n.Task.State
		}
		return fmt.Sprintf("%s %s plan %s, task %q, installed %v, serves %v, drivers %v, reported %d", n.Pod, n.Name, n.Plan, task, n.Installed, n.Serves, n.Drivers, n.Reported)
	}
	for i := range a {
		if len(a[i].Drivers) == 0 {
			b[i].Drivers = nil // told to serve by the other one just now
		}
		if x, y := word(a[i]), word(b[i]); x != y {
			w.fail("store-is-all", "the core says %s, the store %s", x, y)
		}
		if a[i].Generation > b[i].Generation {
			w.fail("store-is-all", "%s has generation %d, in the store %d", a[i].Name, a[i].Generation, b[i].Generation)
		}
	}
}

// comparePlans compares which steps there are, and which are COMPLETE: how far the others are is told anew.
func (w *watch) comparePlans(live, again *scheduler.Core) {
	for _, name := range []string{"deploy", "expand"} {
		x, y := completeness(live.Plan(name)), completeness(again.Plan(name))
		for path, complete := range x {
			other, ok := y[path]
			if !ok && complete && name == "expand" && strings.HasPrefix(path, "storage/") {
				continue // of domains and pools it is history
			}
			if !ok || other != complete {
				w.fail("store-is-all", "%s: step %s is complete: %v; made of the store it exists: %v, complete: %v\n%s", name, path, complete, ok, other, incomplete(again.Plan(name)))
				return
			}
		}
		for path := range y {
			if _, ok := x[path]; !ok {
				w.fail("store-is-all", "%s: the core has no step %s, the store makes one", name, path)
			}
		}
		if live.Plan(name).Decisions().Interrupted != again.Plan(name).Decisions().Interrupted {
			w.fail("store-is-all", "%s: whether it is interrupted was forgotten", name)
		}
	}
}

func completeness(p *plan.Plan) map[string]bool {
	all := map[string]bool{}
	for _, ph := range p.Phases {
		for _, s := range ph.Steps {
			if ph.Name != "verify" { // looks at the system, which is not in the store
				all[s.Path().String()] = s.Status() == plan.Complete
			}
		}
	}
	return all
}

func incomplete(p *plan.Plan) (text string) {
	for _, ph := range p.Phases {
		for _, s := range ph.Steps {
			if s.Status() != plan.Complete {
				text += fmt.Sprintf("%s is %s: %s\n", s.Path(), s.Status(), s.Message())
			}
		}
	}
	return text
}
