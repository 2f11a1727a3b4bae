package simulation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/plan"
	"github.com/dcos-scaleio/scaleio/framework/spec"
	"github.com/dcos-scaleio/scaleio/framework/state"
)

// Result is what a run showed.
type Result struct {
	Failure    *Failure
	Steps      int            // of the core
	Faults     map[string]int // injected, by kind
	Virtual    time.Duration  // that passed
	Layout     []string       // of ScaleIO in the end, sorted
	Transcript string
}

// Options change what a run stands on.
type Options struct {
	Record bool                          // write a transcript
	Store  state.Store                   // nil: in memory
	Reopen func(state.Store) state.Store // as after a crash; nil: the same
}

// Run plays a script.
func Run(s Script, o Options) Result {
	w := &world{script: s, dice: map[string]uint64{}, faults: map[string]int{}, record: o.Record}
	if o.Store == nil {
		o.Store = state.NewMemory()
	}
	faulty := &faultyStore{Store: o.Store}
	w.process = newProcess(w, faulty, func(state.Store) state.Store {
		if o.Reopen != nil {
			faulty.Store = o.Reopen(faulty.Store)
		}
		return faulty
	})
	w.master, w.gateway = newMaster(w), newGateway(w)
	w.watch = newWatch(w)
	for range s.Agents {
		w.join()
	}
	w.process.start()
	var last time.Duration
	for _, e := range s.Events {
		w.at(e.At, func() {
			w.faults[e.Kind]++
			w.say("%s (%d)", strings.ToUpper(e.Kind), e.Arg%1000)
			w.kind(e.Kind).do(w, e.Arg)
		})
		last = e.At
	}
	w.until(last+time.Duration(w.roll("rest")%uint64(3*time.Minute)), nil)
	w.mend()
	w.converge()
	r := Result{Failure: w.failure, Steps: w.steps, Faults: w.faults, Virtual: w.now, Layout: w.layout()}
	if o.Record {
		r.Transcript = s.String() + "\n" + strings.Join(w.lines, "\n") + "\n"
	}
	return r
}

func (w *world) kind(name string) kind {
	return kinds[slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })]
}

// mend ends all faults.
func (w *world) mend() {
	w.say("NO MORE FAULTS")
	p, g := w.process, w.gateway
	p.failCall, g.errors, g.slow, g.downTil, g.denied = 0, nil, 0, 0, false
	p.crash = nil
	p.store.(*faultyStore).fail = false
	w.master.hidden = false
	for _, h := range w.hosts {
		h.dies, h.silent, h.loses = 0, 0, 0
		clear(h.failing)
		h.devices = slices.Clone(h.devices)
		for i := range h.devices {
			if h.devices[i].Signature == "ext4" && !h.devices[i].Root {
				h.devices[i].Signature = ""
			}
		}
		w.mendAttributes(h)
		h.heal()
		h.comeBack()
		h.boots()
	}
	if w.master.follower == 0 {
		w.process.after(0, w.process.mine(w.process.listAgents))
	}
}

// mendAttributes gives an agent attributes that its devices can have; a change needs a fresh agent.
func (w *world) mendAttributes(h *host) {
	pool, paths := h.pool(), []string{"/dev/xvdf"}
	for _, d := range w.gateway.truth.Devices {
		if d.SDS == "sds-"+h.name {
			if d.Pool != pool {
				pool, paths = d.Pool, nil
			}
			if !slices.Contains(paths, d.Path) {
				paths = append(paths, d.Path)
			}
		}
	}
	slices.Sort(paths)
	want := attributes(pool, paths...)
	if w.script.Mode == spec.Global {
		want = nil
	}
	if !slices.Equal(h.attributes, want) {
		h.attributes = want
		h.vanish()
		h.newID()
		if h.reachable() {
			h.register()
		}
	}
}

// converge waits until all is as it should be, and then for the peace after it.
func (w *world) converge() {
	end := w.now + 4*time.Hour
	w.until(w.now+time.Minute, nil)
	w.lookAgain()
	w.agree()
	for w.failure == nil && w.now < end {
		if w.until(w.now+30*time.Second, w.settled) {
			if w.until(w.now+4*time.Minute, nil); w.settled() { // what was mended has been noticed by now
				break
			}
		}
		w.agree()
	}
	if w.failure == nil && !w.settled() {
		w.fail("converges", "%s", w.standing())
	}
	if w.failure != nil {
		return
	}
	w.say("CONVERGED")
	w.watch.quiet = true
	w.until(w.now+10*time.Minute, nil)
	w.watch.quiet = false
	w.watch.rested()
	w.watch.placed()
}

func (w *world) settled() bool {
	if !w.process.alive || w.process.core == nil {
		return false
	}
	for _, name := range w.process.core.Plans() {
		if w.process.core.Plan(name).Status() != plan.Complete {
			return false
		}
	}
	return len(w.process.core.Nodes()) == len(w.hosts)
}

// standing is all plans as an operator reads them.
func (w *world) standing() string {
	if !w.process.alive {
		return "the scheduler is down"
	}
	var lines []string
	for _, name := range w.process.core.Plans() {
		v := w.process.core.Plan(name).View()
		lines = append(lines, fmt.Sprintf("%s %s", name, v.Status))
		for _, ph := range v.Phases {
			for _, s := range ph.Steps {
				if s.Status != plan.Complete {
					lines = append(lines, fmt.Sprintf("  %s/%s %s %s", ph.Name, s.Name, s.Status, s.Message))
				}
			}
		}
	}
	return strings.Join(lines, "\n")
}

// layout is what ScaleIO holds in the end.
func (w *world) layout() []string {
	all := map[string]bool{}
	for _, p := range w.gateway.truth.Pools {
		all["pool "+p.Domain+"/"+p.Name] = true
	}
	for _, s := range w.gateway.truth.SDSs {
		all["SDS "+s.Name+" in "+s.Domain] = true
	}
	for _, d := range w.gateway.truth.Devices {
		all["device "+d.SDS+" "+d.Path+" in "+d.Domain+"/"+d.Pool] = true
	}
	return slices.Sorted(maps.Keys(all))
}
