package plan

import (
	"slices"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// Result is what a command did.
type Result int

// The results of a command, besides an error of kind fault.NotFound.
const (
	Done        Result = iota
	AlreadyDone        // HTTP 208: "Command has already been reported or completed"
)

// Continue lets an interrupted plan (phase "" ) or phase go on, frees the next canary, and agrees to steps that wait for the operator.
func (p *Plan) Continue(phase string) (Result, error) {
	phases, err := p.phases(phase)
	if err != nil {
		return Done, err
	}
	did := false
	if phase == "" {
		did = p.interrupted
		p.interrupted = false
		if !did && p.released < p.Strategy.canaries() && !p.allPhasesComplete() {
			p.released++
			did = true
		}
	}
	for _, ph := range phases {
		did = ph.proceed() || did
	}
	if !did {
		return AlreadyDone, nil
	}
	return Done, nil
}

// proceed says whether it changed anything.
func (ph *Phase) proceed() bool {
	did := ph.interrupted
	ph.interrupted = false
	if !did && ph.released < ph.Strategy.canaries() && !ph.complete() {
		ph.released++
		did = true
	}
	for _, s := range ph.Steps {
		if s.hold && !s.agreed {
			s.agreed, did = true, true
		}
	}
	return did
}

// Interrupt keeps steps that have not begun from beginning.
func (p *Plan) Interrupt(phase string) (Result, error) {
	phases, err := p.phases(phase)
	if err != nil {
		return Done, err
	}
	if phase == "" {
		if p.interrupted || p.Status() == Complete {
			return AlreadyDone, nil
		}
		p.interrupted = true
		return Done, nil
	}
	did := false
	for _, ph := range phases {
		if !ph.interrupted && ph.Status() != Complete {
			ph.interrupted, did = true, true
		}
	}
	if !did {
		return AlreadyDone, nil
	}
	return Done, nil
}

// ForceComplete declares the plan, a phase or a step complete.
func (p *Plan) ForceComplete(phase, step string) (Result, error) {
	steps, err := p.steps(phase, step)
	if err != nil {
		return Done, err
	}
	if !slices.ContainsFunc(steps, func(s *Step) bool { return s.Status() != Complete }) {
		return AlreadyDone, nil
	}
	for _, s := range steps {
		s.forced = s.forced || s.status != Complete
	}
	return Done, nil
}

// Restart makes the plan, a phase or a step PENDING and lets it go on. It gives the steps: what they stand for must be done again by the
// caller, who alone knows the facts.
func (p *Plan) Restart(phase, step string) ([]*Step, Result, error) {
	steps, err := p.steps(phase, step)
	if err != nil {
		return nil, Done, err
	}
	if !slices.ContainsFunc(steps, func(s *Step) bool { return s.Status() != Pending }) {
		return nil, AlreadyDone, nil
	}
	if phase == "" {
		p.interrupted = false
	}
	for _, s := range steps {
		s.forced, s.agreed, s.phase.interrupted = false, false, false
		s.Set(Pending, "restarted by the operator")
	}
	return steps, Done, nil
}

// Phase is the one that the step belongs to.
func (s *Step) Phase() *Phase { return s.phase }

// Path is "phase/step".
func (s *Step) Path() Ref { return Ref{Phase: s.phase.Name, Step: s.Name} }

func (p *Plan) allPhasesComplete() bool {
	return !slices.ContainsFunc(p.Phases, func(ph *Phase) bool { return !ph.complete() })
}

// phases finds those of a name or UUID; "" is all of them.
func (p *Plan) phases(name string) ([]*Phase, error) {
	if name == "" {
		return p.Phases, nil
	}
	var found []*Phase
	for _, ph := range p.Phases {
		if ph.Name == name || ph.ID() == name {
			found = append(found, ph)
		}
	}
	if len(found) == 0 {
		return nil, fault.New(fault.NotFound, "plan "+p.Name, "find phase", "it has no phase %q", name)
	}
	return found, nil
}

// steps finds those of a plan, a phase, or the one of a name or UUID; a step without its phase is Invalid, as in the SDK.
func (p *Plan) steps(phase, step string) ([]*Step, error) {
	if phase == "" && step != "" {
		return nil, fault.New(fault.Invalid, "plan "+p.Name, "find step", "Missing phase")
	}
	phases, err := p.phases(phase)
	if err != nil {
		return nil, err
	}
	if phase != "" {
		phases = phases[:1]
	}
	var found []*Step
	for _, ph := range phases {
		for _, s := range ph.Steps {
			if step == "" || s.Name == step || s.ID() == step {
				found = append(found, s)
			}
		}
	}
	if step != "" && len(found) != 1 {
		return nil, fault.New(fault.NotFound, "plan "+p.Name, "find step", "phase %q has no step %q", phase, step)
	}
	return found, nil
}
