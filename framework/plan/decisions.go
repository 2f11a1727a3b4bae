package plan

// Decisions are what operators decided about a plan: kept in the store, so that a restart forgets nothing.
type Decisions struct {
	Interrupted bool                      `json:"interrupted,omitempty"`
	Released    int                       `json:"released,omitempty"`
	Phases      map[string]PhaseDecisions `json:"phases,omitempty"`
}

// PhaseDecisions are those about one phase.
type PhaseDecisions struct {
	Interrupted bool     `json:"interrupted,omitempty"`
	Released    int      `json:"released,omitempty"`
	Forced      []string `json:"forced,omitempty"` // steps, by name
}

// Decisions gives what is to be stored.
func (p *Plan) Decisions() Decisions {
	d := Decisions{Interrupted: p.interrupted, Released: p.released}
	for _, ph := range p.Phases {
		pd := PhaseDecisions{Interrupted: ph.interrupted, Released: ph.released}
		for _, s := range ph.Steps {
			if s.forced {
				pd.Forced = append(pd.Forced, s.Name)
			}
		}
		if pd.Interrupted || pd.Released > 0 || pd.Forced != nil {
			if d.Phases == nil {
				d.Phases = map[string]PhaseDecisions{}
			}
			d.Phases[ph.Name] = pd
		}
	}
	return d
}

// Recall applies stored decisions. Forced steps that do not exist yet are applied by recalling again when they do.
func (p *Plan) Recall(d Decisions) {
	p.interrupted, p.released = d.Interrupted, d.Released
	for _, ph := range p.Phases {
		pd := d.Phases[ph.Name]
		ph.interrupted, ph.released = pd.Interrupted, pd.Released
		for _, name := range pd.Forced {
			if s := ph.Step(name); s != nil {
				s.forced = true
			}
		}
	}
}
