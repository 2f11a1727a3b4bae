package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
)

// Progress is how far a host is with its steps. It is owned by one goroutine.
type Progress struct {
	steps    []Step
	states   []inventory.Step
	doubtful []bool // to be checked whatever its state
	failures int    // of the step that is next, in a row
	changed  func([]inventory.Step)
}

// NewProgress begins with steps; each is checked before anything is done. changed, unless nil, is told of every change.
func NewProgress(steps []Step, changed func([]inventory.Step)) *Progress {
	p := &Progress{steps: steps, doubtful: make([]bool, len(steps)), changed: changed}
	for _, s := range steps {
		p.states = append(p.states, inventory.Step{Name: s.Name, Stage: s.Stage, State: inventory.Pending})
	}
	return p
}

// States gives a copy of the steps as a report holds them.
func (p *Progress) States() []inventory.Step { return slices.Clone(p.states) }

// Follow takes over how far another Progress of the same steps is, and makes Advance check every step once more: also the done ones, and the
// failed ones, which an operator may have mended. What is still so stays Done meanwhile.
func (p *Progress) Follow(before *Progress) {
	if len(before.states) != len(p.states) {
		return
	}
	p.states = slices.Clone(before.states)
	for i := range p.doubtful {
		p.doubtful[i] = true
	}
}

// next gives the step that is to be looked at, if any.
func (p *Progress) next() (i int, any bool) {
	for i, s := range p.states {
		if s.State != inventory.Done || p.doubtful[i] {
			return i, true
		}
	}
	return 0, false
}

// Due says when Advance has something to do: at once if the time is not after now. Without anything to do until something else changes it
// says no.
func (p *Progress) Due() (at time.Time, any bool) {
	i, any := p.next()
	if !any {
		return time.Time{}, false
	}
	switch s := p.states[i]; {
	case p.doubtful[i]:
		return time.Time{}, true
	case s.State == inventory.Failed:
		return time.Time{}, false
	case s.State == inventory.Retry && s.At != nil:
		return *s.At, true
	}
	return time.Time{}, true
}

// Advance takes the host at most one step closer. A step that fails in a way that may pass is tried again after backoff(how often it has
// failed in a row); any other failure waits for the operator. Calling it when nothing is due changes nothing.
func (p *Progress) Advance(ctx context.Context, now func() time.Time, backoff func(failures int) time.Duration) {
	at, any := p.Due()
	if !any || at.After(now()) {
		return
	}
	i, _ := p.next()
	if p.doubtful[i] {
		p.failures = 0
	}
	p.doubtful[i] = false
	message, err := p.one(ctx, i)
	switch {
	case ctx.Err() != nil: // we are being stopped; whatever it was, it is no fault of the step
		p.set(i, inventory.Step{State: inventory.Pending})
	case err == nil:
		p.failures = 0
		p.set(i, inventory.Step{State: inventory.Done, Message: message})
	case kindOf(err) == fault.Temporary:
		p.failures++
		at := now().Add(backoff(p.failures)).UTC().Round(time.Millisecond)
		p.set(i, inventory.Step{State: inventory.Retry, Message: trouble(err, p.failures), Kind: fault.Temporary, At: &at})
	default:
		p.failures = 0
		p.set(i, inventory.Step{State: inventory.Failed, Message: trouble(err, 1), Kind: kindOf(err)})
	}
}

// one checks a step, makes it so, and checks it again.
func (p *Progress) one(ctx context.Context, i int) (string, error) {
	s := p.steps[i]
	is, found, err := s.Check(ctx)
	if err != nil || is {
		if is && p.states[i].State == inventory.Done {
			found = p.states[i].Message
		}
		return found, err
	}
	p.set(i, inventory.Step{State: inventory.Running, Message: s.Explain})
	did, err := s.Apply(ctx)
	if err != nil {
		return "", err
	}
	is, found, err = s.Check(ctx)
	if err == nil && !is {
		err = fault.New(fault.Temporary, "", "", "%s, but: %s", did, found)
	}
	return did, err
}

func (p *Progress) set(i int, to inventory.Step) {
	to.Name, to.Stage = p.steps[i].Name, p.steps[i].Stage
	was := p.states[i]
	if was.State == to.State && was.Message == to.Message && was.Kind == to.Kind && was.At == to.At {
		return
	}
	p.states[i] = to
	if p.changed != nil {
		p.changed(p.States())
	}
}

// kindOf is fault.KindOf, but takes a plain error of the host (a full disk, a file that cannot be read) for one that may pass.
func kindOf(err error) fault.Kind {
	var known *fault.Error
	if !errors.As(err, &known) {
		return fault.Temporary
	}
	return known.Kind
}

// maxMessage bounds what a report tells of one step, in bytes.
const maxMessage = 1000

func trouble(err error, failures int) string {
	text := err.Error()
	if len(text) > maxMessage {
		text = text[:maxMessage/2] + " … " + text[len(text)-maxMessage/2:]
	}
	if failures > 1 {
		text = fmt.Sprintf("%s (failed %d times)", text, failures)
	}
	return text
}
