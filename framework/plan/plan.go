package plan

import (
	"slices"

	"github.com/google/uuid"
)

// Plan is an ordered set of phases.
type Plan struct {
	Name     string
	Strategy Strategy
	Phases   []*Phase
	Errors   []string

	interrupted bool
	released    int // canaries let go
}

// Phase is an ordered set of steps.
type Phase struct {
	Name        string
	Strategy    Strategy
	MaxParallel int // how many steps may run at once; 0: no bound
	Steps       []*Step

	plan        *Plan
	byName      map[string]*Step
	interrupted bool
	released    int
}

// Step is one fact that is to become true.
type Step struct {
	Name  string
	After []Ref // what has to be COMPLETE first

	phase   *Phase
	status  Status
	message string
	hold    bool // the caller wants the operator's word before this step goes on
	agreed  bool // the operator gave it
	forced  bool // the operator declared it complete
}

// Ref names a step of the same plan, or, with an empty Step, a whole phase.
type Ref struct{ Phase, Step string }

func (r Ref) String() string {
	if r.Step == "" {
		return r.Phase
	}
	return r.Phase + "/" + r.Step
}

// New makes a plan without phases.
func New(name string, strategy Strategy) *Plan { return &Plan{Name: name, Strategy: strategy} }

// AddPhase appends an empty phase.
func (p *Plan) AddPhase(name string, strategy Strategy, maxParallel int) *Phase {
	ph := &Phase{Name: name, Strategy: strategy, MaxParallel: maxParallel, plan: p, byName: map[string]*Step{}}
	p.Phases = append(p.Phases, ph)
	return ph
}

// Phase gives the phase of that name, or nil.
func (p *Plan) Phase(name string) *Phase {
	for _, ph := range p.Phases {
		if ph.Name == name {
			return ph
		}
	}
	return nil
}

// Step gives the step of that name, or nil.
func (ph *Phase) Step(name string) *Step {
	if ph == nil {
		return nil
	}
	return ph.byName[name]
}

// AddStep gives the step of that name, appended and PENDING if it is new.
func (ph *Phase) AddStep(name string, after ...Ref) *Step {
	s := ph.byName[name]
	if s == nil {
		s = &Step{Name: name, phase: ph, status: Pending}
		ph.byName[name] = s
		ph.Steps = append(ph.Steps, s)
	}
	s.After = after
	return s
}

// RemoveStep forgets a step that has lost its object.
func (ph *Phase) RemoveStep(name string) {
	if s := ph.byName[name]; s != nil {
		delete(ph.byName, name)
		ph.Steps = slices.DeleteFunc(ph.Steps, func(other *Step) bool { return other == s })
	}
}

// SortSteps orders the steps.
func (ph *Phase) SortSteps(less func(a, b *Step) int) { slices.SortStableFunc(ph.Steps, less) }

// Set records what the caller knows of the step, and why it stands where it stands. It says whether anything changed.
func (s *Step) Set(status Status, message string) bool {
	changed := s.status != status || s.message != message
	s.status, s.message = status, message
	return changed
}

// Hold makes the step WAIT for Continue while it is PENDING, once per call with a true value after a release.
func (s *Step) Hold(hold bool) {
	if hold != s.hold {
		s.agreed = false
	}
	s.hold = hold
}

// Agreed says whether the operator continued a held step.
func (s *Step) Agreed() bool { return s.hold && s.agreed }

// Forced says whether the operator declared the step complete.
func (s *Step) Forced() bool { return s.forced }

// Status is the status to show.
func (s *Step) Status() Status {
	switch {
	case s.forced:
		return Complete
	case s.status == Pending || s.status == Prepared:
		if s.hold && !s.agreed || s.interrupted() {
			return Waiting
		}
	}
	return s.status
}

// interrupted says whether the step is a canary that was not let go.
func (s *Step) interrupted() bool {
	ph := s.phase
	held := ph.Strategy.canaries()
	if ph.released >= held {
		return false
	}
	for i, other := range ph.Steps {
		if i >= held {
			return false
		}
		if other == s {
			return i >= ph.released
		}
	}
	return false
}

// Message is why the step stands where it stands.
func (s *Step) Message() string {
	if s.forced && s.status != Complete {
		return "declared complete by the operator; before: " + s.message
	}
	if s.status == Complete || s.status == Error || s.status.Running() || s.status == Delayed {
		return s.message
	}
	if why := s.Blocked(); why != "" {
		return why
	}
	return s.message
}

// Blocked says what keeps the step from being looked at, or "".
func (s *Step) Blocked() string {
	ph, p := s.phase, s.phase.plan
	switch {
	case p.interrupted:
		return "plan " + p.Name + " is interrupted; continue it to go on"
	case ph.interrupted:
		return "phase " + ph.Name + " is interrupted; continue it to go on"
	case s.interrupted():
		return "canary: continue plan " + p.Name + " to let it go"
	}
	for _, ref := range s.After {
		if !p.complete(ref) {
			return "waits for " + ref.String()
		}
	}
	if before := p.Strategy.serial() && !p.reached(ph); before {
		return "waits for the phases before it"
	}
	return ""
}

// reached says whether every phase before ph is complete.
func (p *Plan) reached(ph *Phase) bool {
	for _, before := range p.Phases {
		if before == ph {
			return true
		}
		if !before.complete() {
			return false
		}
	}
	return true
}

func (ph *Phase) complete() bool {
	return !slices.ContainsFunc(ph.Steps, func(s *Step) bool { return s.Status() != Complete })
}

// complete says whether the element that ref names is COMPLETE; what does not exist is not waited for.
func (p *Plan) complete(ref Ref) bool {
	ph := p.Phase(ref.Phase)
	if ph == nil {
		return true
	}
	if ref.Step == "" {
		return ph.complete()
	}
	s := ph.Step(ref.Step)
	return s == nil || s.Status() == Complete
}

// ID is stable over restarts: a name-based UUID of the path.
func id(path string) string { return uuid.NewSHA1(uuid.NameSpaceURL, []byte("plan:"+path)).String() }

// ID of the phase, as the API shows it.
func (ph *Phase) ID() string { return id(ph.plan.Name + "/" + ph.Name) }

// ID of the step, as the API shows it.
func (s *Step) ID() string { return id(s.phase.plan.Name + "/" + s.phase.Name + "/" + s.Name) }
