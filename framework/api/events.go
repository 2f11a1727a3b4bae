package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/plan"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
)

const eventsPath = "/v1/scaleio/events"

// beat is how often an idle stream says that it lives: proxies end one that is silent for a minute. patience is how long a reader may take
// for what it was sent before it is given up.
const (
	beat     = 15 * time.Second
	patience = 30 * time.Second
)

// perStep is how long a stream leaves the core alone after a change, for each of its steps: looking at thousands of them at every single
// change took a quarter of the scheduler's time with 1000 nodes.
const perStep = 30 * time.Microsecond

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

// stream is one reader's view of the events.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	last    map[[3]string]stepEvent
}

// events streams every change of a step, after a snapshot of all (server-sent events), until the request ends. Changes that follow each
// other closely may come as one.
func (s server) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no") // nginx, as DC/OS has it, would hold the events back
	out := stream{w, http.NewResponseController(w), map[[3]string]stepEvent{}}
	ticker := time.NewTicker(beat)
	defer ticker.Stop()
	for {
		changed := s.Scheduler.Changed() // before the look, so that no change falls between
		var now []stepEvent
		if !s.do(w, r, func(core *scheduler.Core, _ time.Time) { now = stepEvents(core) }) {
			return
		}
		if out.send(now) != nil {
			return
		}
		if !out.wait(r, changed, ticker.C) || !rest(r, time.Duration(len(now))*perStep) {
			return
		}
	}
}

// send writes what is new.
func (o stream) send(now []stepEvent) error {
	if err := o.control.SetWriteDeadline(time.Now().Add(patience)); err != nil { // the server's own bound is for answers that end
		return err
	}
	for _, e := range now {
		key := [3]string{e.Plan, e.Phase, e.Step}
		if o.last[key] == e {
			continue
		}
		o.last[key] = e
		if _, err := fmt.Fprintf(o.w, "data: %s\n\n", e.json()); err != nil {
			return err
		}
	}
	return o.control.Flush()
}

// rest lets d pass, and says whether the reader is still there.
func rest(r *http.Request, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// wait returns at the next change, and says whether the reader is still there.
func (o stream) wait(r *http.Request, changed <-chan struct{}, beats <-chan time.Time) bool {
	for {
		select {
		case <-changed:
			return true
		case <-r.Context().Done():
			return false
		case <-beats:
			if o.comment() != nil {
				return false
			}
		}
	}
}

func (o stream) comment() error {
	if err := o.control.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := fmt.Fprint(o.w, ":\n\n"); err != nil {
		return err
	}
	return o.control.Flush()
}
