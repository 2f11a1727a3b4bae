package simulation

import (
	"time"

	"github.com/dcos-scaleio/scaleio/framework/plan"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
)

// commandPlan is an operator who presses buttons.
func (w *world) commandPlan(arg uint64) {
	verbs := []scheduler.Verb{scheduler.Continue, scheduler.Continue, scheduler.Interrupt, scheduler.Interrupt, scheduler.Restart, scheduler.ForceComplete, scheduler.Start, scheduler.Stop}
	verb := verbs[mix(arg)%uint64(len(verbs))]
	name := []string{"deploy", "deploy", "expand", "recovery"}[mix(arg+1)%4]
	w.process.ask(func(core *scheduler.Core, now time.Time) {
		phase, step := "", ""
		if phases := core.Plan(name).Phases; mix(arg+2)%2 == 0 && len(phases) > 0 {
			ph := phases[mix(arg+3)%uint64(len(phases))]
			phase = ph.Name
			if len(ph.Steps) > 0 && mix(arg+4)%2 == 0 {
				step = ph.Steps[mix(arg+5)%uint64(len(ph.Steps))].Name
			}
		}
		if verb == scheduler.ForceComplete && step == "" {
			return // of a whole plan it is no more than of each of its steps
		}
		w.command(core, now, name, verb, phase, step)
	})
}

func (w *world) command(core *scheduler.Core, now time.Time, name string, verb scheduler.Verb, phase, step string) {
	w.watch.commands(name, verb, phase, step)
	result, err := core.CommandPlan(now, name, verb, phase, step)
	w.say("operator: %s %s %s %s: result %d, error %v", verb, name, phase, step, result, err)
}

func (w *world) commandPod(arg uint64) {
	w.process.ask(func(core *scheduler.Core, now time.Time) {
		if nodes := core.Nodes(); len(nodes) > 0 {
			n := nodes[mix(arg)%uint64(len(nodes))]
			verb := []scheduler.Verb{scheduler.Restart, scheduler.Restart, scheduler.Replace, scheduler.Pause, scheduler.Resume}[mix(arg+1)%5]
			w.watch.mayKill(n.Name, verb)
			_, err := core.CommandPod(now, verb, n.Pod)
			w.say("operator: %s pod %s of %s: %v", verb, n.Pod, n.Name, err)
		}
	})
}

// lookAgain is the operator who has cleared devices, and wants them looked at.
func (w *world) lookAgain() {
	w.process.ask(func(core *scheduler.Core, now time.Time) {
		for _, name := range []string{"deploy", "expand"} {
			w.command(core, now, name, scheduler.Restart, "layout", "")
		}
	})
}

// agree is the operator who takes everything back that was ordered, and says yes to what is proposed.
func (w *world) agree() {
	w.process.ask(func(core *scheduler.Core, now time.Time) {
		for _, n := range core.Nodes() {
			if n.Paused {
				_, err := core.CommandPod(now, scheduler.Resume, n.Pod)
				w.say("operator: resumes pod %s of %s: %v", n.Pod, n.Name, err)
			}
		}
		for _, name := range core.Plans() {
			for _, ph := range core.Plan(name).Phases {
				for _, s := range ph.Steps {
					if s.Forced() {
						w.command(core, now, name, scheduler.Restart, ph.Name, s.Name)
					}
				}
			}
			if status := core.Plan(name).Status(); status == plan.Waiting || status == plan.Error {
				w.command(core, now, name, scheduler.Continue, "", "")
			}
			for _, ph := range core.Plan(name).Phases {
				for _, s := range ph.Steps {
					if s.Status() == plan.Waiting {
						w.command(core, now, name, scheduler.Continue, ph.Name, "")
					}
					if s.Status() == plan.Error {
						w.command(core, now, name, scheduler.Restart, ph.Name, s.Name)
					}
				}
			}
		}
	})
}
