package api

import (
	"encoding/json"

	"github.com/dcos-scaleio/scaleio/framework/plan"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
)

// stepEvent is where a step, a phase (Step "") or a plan (Phase "") stands.
type stepEvent struct {
	Plan    string      `json:"plan"`
	Phase   string      `json:"phase,omitempty"`
	Step    string      `json:"step,omitempty"`
	Status  plan.Status `json:"status"`
	Message string      `json:"message,omitempty"`
}

func (e stepEvent) json() []byte {
	data, _ := json.Marshal(e) // strings only: cannot fail
	return data
}

// stepEvents gives the steps before their phase, and the phases before their plan: who sees a plan COMPLETE has seen all its steps.
func stepEvents(core *scheduler.Core) []stepEvent {
	var all []stepEvent
	for _, name := range core.Plans() {
		p := core.Plan(name)
		for _, ph := range p.Phases {
			for _, s := range ph.Steps {
				all = append(all, stepEvent{name, ph.Name, s.Name, s.Status(), s.Message()})
			}
			all = append(all, stepEvent{Plan: name, Phase: ph.Name, Status: ph.Status()})
		}
		all = append(all, stepEvent{Plan: name, Status: p.Status()})
	}
	return all
}
