package progress

import (
	"cmp"
	"regexp"
	"slices"
	"sync"
	"time"
)

// Event is a change of a step, a phase (Step "") or a plan (Phase "").
type Event struct {
	Plan    string `json:"plan"`
	Phase   string `json:"phase"`
	Step    string `json:"step"`
	Status  string `json:"status"`
	Message string `json:"message"`
}

// Plan is what is known of a plan.
type Plan struct {
	Name   string
	Status string
	Phases []*Phase
}

// Phase is what is known of a phase. Started is when a step of it first did something, Ended when it was first COMPLETE.
type Phase struct {
	Name           string
	Status         string
	Steps          []*Step
	Started, Ended time.Time
}

// Step is what is known of a step.
type Step struct{ Name, Status, Message string }

// Done counts the steps that are COMPLETE.
func (p *Phase) Done() int {
	n := 0
	for _, s := range p.Steps {
		if s.Status == "COMPLETE" {
			n++
		}
	}
	return n
}

// Board is what is known of all plans. Safe for use by several goroutines.
type Board struct {
	mu      sync.Mutex // guards all below
	plans   []*Plan
	steps   map[Event]*Step // by plan, phase and name
	seen    map[Event]bool
	changed chan struct{} // closed at the next change
}

// NewBoard gives an empty one.
func NewBoard() *Board {
	return &Board{steps: map[Event]*Step{}, seen: map[Event]bool{}, changed: make(chan struct{})}
}

// Changed gives a channel that is closed when the board next changes.
func (b *Board) Changed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

// Apply takes an event that came at now.
func (b *Board) Apply(now time.Time, e Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := find(&b.plans, func(p *Plan) bool { return p.Name == e.Plan }, func() *Plan { return &Plan{Name: e.Plan} })
	switch {
	case e.Phase == "":
		p.Status = e.Status
	case e.Step == "":
		ph := p.phase(e.Phase)
		ph.Status = e.Status
		if e.Status == "COMPLETE" && ph.Ended.IsZero() {
			ph.Ended = now
		}
	default:
		ph := p.phase(e.Phase)
		key := Event{Plan: e.Plan, Phase: e.Phase, Step: e.Step}
		s := b.steps[key]
		if s == nil {
			s = &Step{Name: e.Step}
			b.steps[key] = s
			ph.Steps = append(ph.Steps, s)
		}
		s.Status, s.Message = e.Status, e.Message
		if ph.Started.IsZero() && e.Status != "PENDING" && e.Status != "WAITING" {
			ph.Started = now
		}
	}
	b.seen[e] = true
	close(b.changed)
	b.changed = make(chan struct{})
}

func (p *Plan) phase(name string) *Phase {
	return find(&p.Phases, func(ph *Phase) bool { return ph.Name == name }, func() *Phase { return &Phase{Name: name} })
}

func find[T any](all *[]*T, is func(*T) bool, fresh func() *T) *T {
	if i := slices.IndexFunc(*all, is); i >= 0 {
		return (*all)[i]
	}
	*all = append(*all, fresh())
	return (*all)[len(*all)-1]
}

// Plans gives a copy of all that is known.
func (b *Board) Plans() []Plan {
	b.mu.Lock()
	defer b.mu.Unlock()
	var plans []Plan
	for _, p := range b.plans {
		c := Plan{Name: p.Name, Status: p.Status}
		for _, ph := range p.Phases {
			copied := *ph
			copied.Steps = nil
			for _, s := range ph.Steps {
				step := *s
				copied.Steps = append(copied.Steps, &step)
			}
			c.Phases = append(c.Phases, &copied)
		}
		plans = append(plans, c)
	}
	return plans
}

// Condition is about a plan, about a phase of it, or, if it names a step or a message, about steps. Step and Message are regular
// expressions; an empty one fits all. An empty Status fits all.
type Condition struct{ Plan, Phase, Step, Status, Message string }

func (c Condition) fits() func(e Event) bool {
	step, message := regexp.MustCompile("^(?:"+c.Step+")$"), regexp.MustCompile(c.Message)
	aboutSteps := c.Step != "" || c.Message != ""
	return func(e Event) bool {
		switch {
		case e.Plan != c.Plan, c.Status != "" && e.Status != c.Status, c.Phase != "" && e.Phase != c.Phase:
			return false
		case aboutSteps:
			return e.Step != "" && (c.Step == "" || step.MatchString(e.Step)) && message.MatchString(e.Message)
		default:
			return e.Step == "" && e.Phase == c.Phase
		}
	}
}

// Holds says whether something that the condition is about is so now.
func (b *Board) Holds(c Condition) bool {
	fits := c.fits()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.plans {
		if p.Name != c.Plan {
			continue
		}
		if fits(Event{Plan: p.Name, Status: p.Status}) {
			return true
		}
		for _, ph := range p.Phases {
			if fits(Event{Plan: p.Name, Phase: ph.Name, Status: ph.Status}) {
				return true
			}
			for _, s := range ph.Steps {
				if fits(Event{p.Name, ph.Name, s.Name, s.Status, s.Message}) {
					return true
				}
			}
		}
	}
	return false
}

// Status gives a plan's status, "" when it is not known.
func (b *Board) Status(plan string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.plans {
		if p.Name == plan {
			return p.Status
		}
	}
	return ""
}

// Seen says whether it ever was so.
func (b *Board) Seen(c Condition) bool {
	fits := c.fits()
	b.mu.Lock()
	defer b.mu.Unlock()
	for e := range b.seen {
		if fits(e) {
			return true
		}
	}
	return false
}

// Waiting lists why steps do not go on, each reason once with the steps that it holds up, those first that hold up most.
func (p *Plan) Waiting() []Reason {
	var all []*Reason
	for _, ph := range p.Phases {
		for _, s := range ph.Steps {
			if s.Status == "COMPLETE" || s.Message == "" {
				continue
			}
			r := find(&all, func(r *Reason) bool { return r.Phase == ph.Name && r.Message == s.Message && r.Status == s.Status },
				func() *Reason { return &Reason{Phase: ph.Name, Status: s.Status, Message: s.Message} })
			r.Steps = append(r.Steps, s.Name)
		}
	}
	slices.SortStableFunc(all, func(a, b *Reason) int { return cmp.Compare(rank(a.Status), rank(b.Status)) })
	var reasons []Reason
	for _, r := range all {
		reasons = append(reasons, *r)
	}
	return reasons
}

// rank orders reasons: trouble first, what merely is not its turn last.
func rank(status string) int {
	switch status {
	case "ERROR":
		return 0
	case "WAITING", "DELAYED":
		return 1
	case "PENDING":
		return 3
	default:
		return 2
	}
}

// Reason is why steps of a phase do not go on.
type Reason struct {
	Phase, Status, Message string
	Steps                  []string
}
