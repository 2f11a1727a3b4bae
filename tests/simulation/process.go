package simulation

import (
	"context"
	"errors"
	"strings"
	"time"

	mesosscheduler "github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/dcos-scaleio/scaleio/framework/scheduler"
	"github.com/dcos-scaleio/scaleio/framework/state"
)

// process is the scheduler's process: the driver's part, on virtual time. What it loses with a crash is everything but its store.
type process struct {
	*world
	cfg    scheduler.Config
	store  state.Store
	reopen func(state.Store) state.Store // after a crash
	core   *scheduler.Core

	life    int // of the process; what belongs to an earlier one is lost
	alive   bool
	stream  int // the subscription, as the master numbers them
	flushes bool
	timer   int
	lanes   map[string]time.Duration // when the last call of a lane arrives
	burst   int                      // flushes at one moment
	last    time.Duration

	crash    *crash
	failCall int // calls to fail
}

// crash is where the process ends: before it stores, after it, or when so many things were sent.
type crash struct {
	before bool // nothing is stored
	sends  int
}

func newProcess(w *world, store state.Store, reopen func(state.Store) state.Store) *process {
	return &process{world: w, store: store, reopen: reopen, lanes: map[string]time.Duration{}, cfg: scheduler.Config{
		Spec: serviceOf(w.script), FailoverTimeout: 14 * 24 * time.Hour, Executor: scheduler.Executor{URL: "http://scheduler/artifacts/scaleio-executor"},
	}}
}

// stored is all that the store holds.
func (p *process) stored() map[string][]byte {
	all, err := p.store.List(context.Background(), "")
	if err != nil {
		p.fail("store-is-all", "the store cannot be read: %v", err)
	}
	return all
}

// start makes a scheduler of what the store holds, as after a kill -9.
func (p *process) start() {
	p.reset()
	core, err := scheduler.New(p.cfg)
	if err == nil {
		err = core.Restore(p.stored())
	}
	if err != nil {
		p.fail("store-is-all", "the store does not restore: %v", err)
		return
	}
	p.life++
	p.core, p.alive, p.crash, p.flushes = core, true, nil, false
	clear(p.lanes)
	p.say("scheduler starts, framework id %q", core.FrameworkID())
	p.gateway.restart()
	p.watch.restarted()
	p.subscribe()
	p.listAgents()
}

// reset is the operator who reads that the framework was removed, and does what is said there.
func (p *process) reset() {
	stored := p.stored()
	if !strings.Contains(string(stored["framework"]), `"removed":"`) {
		return
	}
	core, err := scheduler.New(p.cfg)
	if err == nil {
		err = core.Restore(stored)
	}
	if err != nil || core.Over() == nil {
		p.fail("framework-id", "a removed framework would be used again (%v)", err)
		return
	}
	writes, err := scheduler.ResetFramework(stored)
	if err == nil {
		err = p.store.(*faultyStore).Store.Commit(context.Background(), writes...)
	}
	if err != nil {
		p.fail("framework-id", "the framework cannot be reset: %v", err)
	}
	p.say("operator: starts with -reset-framework")
}

// die ends the process; calls that are on their way may still arrive.
func (p *process) die(why string) {
	if !p.alive {
		return
	}
	p.say("scheduler dies %s", why)
	p.alive, p.crash = false, nil
	p.life++
	p.store = p.reopen(p.store)
	p.after(p.between("down", 100*time.Millisecond, 40*time.Second), p.start)
}

// mine runs do if the process is still the one that it was.
func (p *process) mine(do func()) func() {
	life := p.life
	return func() {
		if p.alive && p.life == life {
			do()
		}
	}
}

// subscribe tries until a master takes it.
func (p *process) subscribe() {
	p.after(p.between("subscribe", 5*time.Millisecond, 800*time.Millisecond), p.mine(func() {
		call := p.core.Subscribe()
		p.watch.subscribes(call)
		if p.stream = p.master.subscribe(call); p.stream == 0 {
			p.subscribe()
		}
	}))
}

// lost is what the process notices when its stream breaks.
func (p *process) lost() {
	p.after(p.between("notice", time.Millisecond, 200*time.Millisecond), p.mine(func() {
		p.stream = 0
		p.feed(scheduler.MesosLost{Err: errors.New("unexpected EOF")})
		p.subscribe()
	}))
}

// listAgents follows the operator's stream anew.
func (p *process) listAgents() {
	p.after(p.between("operator", 5*time.Millisecond, 3*time.Second), p.mine(func() {
		if !p.master.follow() {
			p.listAgents()
		}
	}))
}

// feed gives the core an input. Often several are taken before the core is asked what it wants, as the driver does.
func (p *process) feed(in scheduler.Input) {
	p.steps++
	p.watch.told(in)
	p.core.Step(p.wall(), in)
	if p.flushes {
		return
	}
	if p.chance("drain", 70) {
		p.flush()
		return
	}
	p.flushes = true
	p.after(p.between("drain", 0, 5*time.Millisecond), p.mine(func() { p.flushes = false; p.flush() }))
}

// ask does what an operator asks, and makes it durable.
func (p *process) ask(do func(core *scheduler.Core, now time.Time)) {
	if p.alive {
		do(p.core, p.wall())
		p.flush()
	}
}

func (p *process) flush() {
	if p.failure != nil {
		return
	}
	if p.last != p.now {
		p.last, p.burst = p.now, 0
	}
	if p.burst++; p.burst > 500 {
		p.fail("no-hot-loop", "the core never comes to rest at this moment")
		return
	}
	r := p.core.Ready(p.wall())
	p.watch.ready(r)
	if c := p.crash; c != nil && c.before {
		p.die("before it stores")
		return
	}
	if len(r.Records) > 0 {
		if err := p.store.Commit(context.Background(), r.Records...); err != nil {
			if !errors.Is(err, errStore) {
				p.fail("store-is-all", "the store refuses what the core wants stored: %v", err)
			}
			p.die("because the store failed: " + err.Error())
			return
		}
	}
	if r.Stop != nil {
		p.die("because " + r.Stop.Error())
		return
	}
	p.watch.durable()
	p.send(r)
	if p.alive && !r.Wake.IsZero() {
		p.timer++
		timer := p.timer
		p.at(r.Wake.Sub(time.Unix(1e9, 0)), p.mine(func() {
			if timer == p.timer {
				p.feed(scheduler.Tick{})
			}
		}))
	}
}

// send hands out what Ready gave, in its order, up to the crash.
func (p *process) send(r scheduler.Ready) {
	var sends []func()
	for _, call := range r.Calls {
		sends = append(sends, func() { p.call(call) })
	}
	for _, m := range r.Desired {
		sends = append(sends, func() { p.message(m) })
	}
	if r.Observe {
		sends = append(sends, p.gateway.observe)
	}
	for _, op := range r.Apply {
		sends = append(sends, func() { p.gateway.put(op) })
	}
	for i, send := range sends {
		if p.crash != nil && i >= p.crash.sends {
			p.die("between storing and sending")
			return
		}
		send()
	}
	if p.crash != nil && len(r.Records) > 0 {
		p.die("after sending")
	}
}

// call puts a call on the lane of its agent. It may arrive and its answer be lost.
func (p *process) call(call *mesosscheduler.Call) {
	p.watch.calls(call)
	lane := agentOf(call)
	at := max(p.lanes[lane], p.now+p.between("call", time.Millisecond, 25*time.Millisecond))
	p.lanes[lane] = at
	stream, fails, arrives := p.stream, false, true
	if p.failCall > 0 {
		p.failCall--
		fails, arrives = true, p.chance("arrives", 50)
	}
	failed := p.mine(func() { p.feed(scheduler.CallFailed{Call: call, Err: errors.New("no answer")}) })
	p.at(at, func() {
		if arrives && !p.master.call(stream, call) || fails {
			p.say("call %s fails (arrived: %v)", call.GetType(), arrives)
			p.after(p.between("call", time.Millisecond, 5*time.Second), failed)
		}
	})
}

func agentOf(call *mesosscheduler.Call) string {
	switch {
	case call.Message != nil:
		return call.Message.AgentID.Value
	case call.Acknowledge != nil:
		return call.Acknowledge.AgentID.Value
	case call.Kill != nil && call.Kill.AgentID != nil:
		return call.Kill.AgentID.Value
	}
	return ""
}

// message seals the secrets and sends.
func (p *process) message(m scheduler.Message) {
	seals := p.chance("seal", 10) // it is what takes most time here
	data, err := m.Seal(func(name string) (string, error) {
		if !seals {
			return "", nil
		}
		return planted + name, nil
	})
	if err != nil {
		p.fail("no-secret", "a message cannot be sealed: %v", err)
		return
	}
	call := &mesosscheduler.Call{Type: mesosscheduler.Call_MESSAGE, Message: &mesosscheduler.Call_Message{Data: data}}
	call.Message.AgentID.Value, call.Message.ExecutorID.Value = m.AgentID, m.ExecutorID
	p.watch.desired(&m.Desired)
	p.call(call)
}

// planted stands in every secret: it must not be seen anywhere but in a node's hands.
const planted = "planted-"
