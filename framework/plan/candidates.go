package plan

// Candidates are the steps that may run now, in order: eligible under every strategy above them, with all they come After complete, and
// within their phase's bound on running steps. Steps that already run are among them.
func (p *Plan) Candidates() []*Step {
	if p.interrupted {
		return nil
	}
	var all []*Step
	for i, open := range p.offeredPhases() {
		if open {
			all = append(all, p.Phases[i].candidates(true)...)
		}
	}
	return all
}

func (p *Plan) offeredPhases() []bool {
	return p.Strategy.offered(len(p.Phases), p.released, func(i int) bool { return p.Phases[i].complete() })
}

// candidates of one phase; bound says whether MaxParallel counts (it bounds work, not the status shown).
func (ph *Phase) candidates(bound bool) []*Step {
	if ph.interrupted {
		return nil
	}
	offered := ph.Strategy.offered(len(ph.Steps), ph.released, func(i int) bool { return ph.Steps[i].Status() == Complete })
	room := len(ph.Steps)
	if bound && ph.MaxParallel > 0 {
		room = ph.MaxParallel
		for i, s := range ph.Steps {
			if offered[i] && s.Status().Running() {
				room--
			}
		}
	}
	var found []*Step
	for i, s := range ph.Steps {
		status := s.Status()
		if !offered[i] || status == Error || status == Waiting || !ph.plan.allComplete(s.After) {
			continue
		}
		if !status.Running() {
			if room <= 0 {
				continue
			}
			room--
		}
		found = append(found, s)
	}
	return found
}

func (p *Plan) allComplete(refs []Ref) bool {
	for _, ref := range refs {
		if !p.complete(ref) {
			return false
		}
	}
	return true
}

// Status of the phase.
func (ph *Phase) Status() Status {
	c := children{all: map[Status]int{}, candidates: map[Status]int{}, total: len(ph.Steps)}
	for _, s := range ph.Steps {
		c.all[s.Status()]++
	}
	for _, s := range ph.candidates(false) {
		c.candidates[s.Status()]++
	}
	// A step that waits for the operator is never a candidate to run, but it is what the phase waits for.
	for i, open := range ph.Strategy.offered(len(ph.Steps), len(ph.Steps), func(i int) bool { return ph.Steps[i].Status() == Complete }) {
		if open && ph.Steps[i].Status() == Waiting {
			c.candidates[Waiting]++
		}
	}
	return aggregate(c, ph.interrupted, false)
}

// Status of the plan.
func (p *Plan) Status() Status {
	c := children{all: map[Status]int{}, candidates: map[Status]int{}, total: len(p.Phases)}
	offered := p.offeredPhases()
	for i, ph := range p.Phases {
		status := ph.Status()
		c.all[status]++
		if offered[i] && status != Error && status != Complete && (status != Pending || len(ph.candidates(false)) > 0) {
			c.candidates[status]++
		}
	}
	return aggregate(c, p.interrupted, len(p.Errors) > 0)
}
