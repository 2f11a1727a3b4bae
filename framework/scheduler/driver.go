package scheduler

import (
	"context"
	"errors"
	"hash/fnv"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/master"
	mesosscheduler "github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/gateway"
	"github.com/dcos-scaleio/scaleio/framework/layout"
	wire "github.com/dcos-scaleio/scaleio/framework/mesos"
	"github.com/dcos-scaleio/scaleio/framework/state"
)

// Mesos is the scheduler's side of the wire (framework/mesos.Scheduler).
type Mesos interface {
	Run(ctx context.Context, subscribe func() *mesosscheduler.Call, handle func(wire.Received)) error
	Call(ctx context.Context, call *mesosscheduler.Call) error
}

// Cluster tells which agents there are (framework/mesos.Operator).
type Cluster interface {
	Run(ctx context.Context, handle func(event *master.Event, lost error)) error
}

// Edges are all that the driver touches.
type Edges struct {
	Store   state.Store
	Mesos   Mesos
	Cluster Cluster
	Gateway gateway.Storage
	// Secret gives a secret in the clear by its name in inventory; a node is sent only what its desired state needs.
	Secret func(name string) (string, error)
	Now    func() time.Time
	Log    *slog.Logger
}

// Driver runs a core: it feeds it what happens, stores what it wants stored, and then sends what it wants sent.
type Driver struct {
	core  *Core // owned by the loop
	edges Edges

	inputs    chan Input
	asks      chan ask
	gatewayQ  *queue[func(context.Context) Input]
	lanes     []*queue[func(context.Context)]
	subscribe atomic.Pointer[mesosscheduler.Call]
	Metrics   *Metrics

	mu      sync.Mutex
	changed chan struct{} // closed and replaced at every change that operators see
}

type ask struct {
	do   func(*Core, time.Time)
	done chan struct{}
}

const lanes = 8 // connections to the master for calls; calls about one agent keep their order

// NewDriver takes a restored core.
func NewDriver(core *Core, edges Edges) *Driver {
	d := &Driver{
		core: core, edges: edges, inputs: make(chan Input, 1024), asks: make(chan ask), gatewayQ: newQueue[func(context.Context) Input](),
		changed: make(chan struct{}), Metrics: newMetrics(),
	}
	for range lanes {
		d.lanes = append(d.lanes, newQueue[func(context.Context)]())
	}
	d.subscribe.Store(core.Subscribe())
	return d
}

// Run goes on until ctx ends (nil) or something final happens: the framework was removed, another scheduler took its place, the store
// failed. All goroutines have ended when it returns.
func (d *Driver) Run(ctx context.Context) error {
	if err := d.core.Over(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel(nil)
	wg.Go(func() { d.runMesos(ctx, cancel) })
	wg.Go(func() { d.runCluster(ctx) })
	wg.Go(func() { d.gatewayQ.run(ctx, func(do func(context.Context) Input) { d.feed(ctx, do(ctx)) }) })
	for _, lane := range d.lanes {
		wg.Go(func() { lane.run(ctx, func(do func(context.Context)) { do(ctx) }) })
	}
	err := d.loop(ctx)
	if cause := context.Cause(ctx); err == nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return err
}

func (d *Driver) runMesos(ctx context.Context, cancel context.CancelCauseFunc) {
	err := d.edges.Mesos.Run(ctx, func() *mesosscheduler.Call { return d.subscribe.Load() }, func(r wire.Received) {
		if r.Event != nil {
			d.Metrics.events.WithLabelValues(r.Event.GetType().String()).Inc()
			d.feed(ctx, MesosEvent{r.Event})
		} else {
			d.feed(ctx, MesosLost{r.Lost})
		}
	})
	if err != nil && ctx.Err() == nil {
		cancel(err)
	}
}

// runCluster follows the list of agents. Without permission to see it the scheduler still works, on offers alone.
func (d *Driver) runCluster(ctx context.Context) {
	err := d.edges.Cluster.Run(ctx, func(e *master.Event, _ error) {
		switch {
		case e == nil: // lost; the next SUBSCRIBED tells all
		case e.GetType() == master.Event_SUBSCRIBED:
			var agents []Agent
			for _, a := range e.GetSubscribed().GetGetState().GetGetAgents().GetAgents() {
				agents = append(agents, AgentOf(&a.AgentInfo, a.Active))
			}
			d.feed(ctx, AgentsListed{agents})
		case e.GetType() == master.Event_AGENT_ADDED:
			d.feed(ctx, AgentAdded{AgentOf(&e.GetAgentAdded().Agent.AgentInfo, true)})
		case e.GetType() == master.Event_AGENT_REMOVED:
			d.feed(ctx, AgentRemoved{e.GetAgentRemoved().AgentID.Value})
		}
	})
	if err != nil && ctx.Err() == nil {
		d.edges.Log.Warn("the list of agents is not available; nodes are known by their offers alone", "error", err)
		d.feed(ctx, AgentsHidden{err})
	}
}

func (d *Driver) feed(ctx context.Context, in Input) {
	select {
	case d.inputs <- in:
	case <-ctx.Done():
	}
}

// Do runs f on the core's goroutine and returns when what it changed is durable. The core must not be kept.
func (d *Driver) Do(ctx context.Context, f func(core *Core, now time.Time)) error {
	a := ask{f, make(chan struct{})}
	select {
	case d.asks <- a:
	case <-ctx.Done():
		return fault.New(fault.Temporary, "scheduler", "ask", "it is stopping or too busy: %w", ctx.Err())
	}
	<-a.done
	return nil
}

// Changed gives a channel that is closed at the next change that operators see.
func (d *Driver) Changed() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.changed
}

func (d *Driver) loop(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	d.core.Step(d.edges.Now(), Tick{}) // what the store held is settled before anybody is answered
	for done := chan struct{}(nil); ; {
		wake, err := d.flush(ctx)
		if done != nil {
			close(done)
		}
		if err != nil && ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return nil // told to stop in the middle of a commit: nothing of it was sent, the next start goes on from the store
		}
		if err != nil {
			return err
		}
		if !wake.IsZero() {
			timer.Reset(max(0, wake.Sub(d.edges.Now())))
		}
		done = nil
		select {
		case <-ctx.Done():
			return nil
		case in := <-d.inputs:
			d.core.Step(d.edges.Now(), in)
			d.drain()
		case a := <-d.asks:
			a.do(d.core, d.edges.Now())
			done = a.done
		case <-timer.C:
			d.core.Step(d.edges.Now(), Tick{})
		}
	}
}

// drain takes what has queued up meanwhile, so that one transaction serves many inputs.
func (d *Driver) drain() {
	for range cap(d.inputs) {
		select {
		case in := <-d.inputs:
			d.core.Step(d.edges.Now(), in)
		default:
			return
		}
	}
}

// flush stores, then sends.
func (d *Driver) flush(ctx context.Context) (wake time.Time, err error) {
	r := d.core.Ready(d.edges.Now())
	if len(r.Records) > 0 {
		if err := d.edges.Store.Commit(ctx, r.Records...); err != nil {
			return wake, fault.New(fault.KindOf(err), "store", "commit", "%w; nothing of this step was sent", err)
		}
		d.subscribe.Store(d.core.Subscribe())
	}
	for _, call := range r.Calls {
		d.send(call)
	}
	for _, m := range r.Desired {
		if call := d.message(m); call != nil {
			d.send(call)
		}
	}
	if r.Observe {
		d.gatewayQ.put(d.observe)
	}
	for _, op := range r.Apply {
		d.gatewayQ.put(func(ctx context.Context) Input { return d.apply(ctx, op) })
	}
	if r.Changed {
		d.mu.Lock()
		close(d.changed)
		d.changed = make(chan struct{})
		d.mu.Unlock()
	}
	return r.Wake, r.Stop
}

func (d *Driver) observe(ctx context.Context) Input {
	system, err := d.edges.Gateway.Observe(ctx)
	d.Metrics.gateway("observe", err)
	return SystemObserved{system, err}
}

func (d *Driver) apply(ctx context.Context, op layout.Operation) Input {
	_, err := d.edges.Gateway.Apply(ctx, op)
	d.Metrics.gateway(string(op.Kind), err)
	if err != nil {
		d.edges.Log.Warn("ScaleIO operation failed", "operation", op.Key(), "error", err)
	} else {
		d.edges.Log.Info("ScaleIO operation done", "operation", op.Key())
	}
	return Applied{op, err}
}

// send puts a call on the lane of its agent.
func (d *Driver) send(call *mesosscheduler.Call) {
	lane := 0
	if agent := agentOfCall(call); agent != "" {
		h := fnv.New32a()
		h.Write([]byte(agent))
		lane = int(h.Sum32() % lanes)
	}
	d.lanes[lane].put(func(ctx context.Context) {
		err := d.edges.Mesos.Call(ctx, call)
		d.Metrics.calls.WithLabelValues(call.GetType().String()).Inc()
		if err != nil && ctx.Err() == nil {
			d.edges.Log.Debug("call failed", "call", call.GetType(), "error", err)
			d.feed(ctx, CallFailed{call, err})
		}
	})
}

func agentOfCall(call *mesosscheduler.Call) string {
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

// message wraps a desired state into a MESSAGE.
func (d *Driver) message(m Message) *mesosscheduler.Call {
	data, err := m.Seal(d.edges.Secret)
	if err != nil {
		d.edges.Log.Error("a desired state is not sent as it should be", "node", m.Desired.Node, "error", err)
	}
	if data == nil {
		return nil
	}
	d.Metrics.messageBytes.Add(float64(len(data)))
	call := calls.Message(m.AgentID, m.ExecutorID, data)
	id := d.subscribe.Load().FrameworkID
	call.FrameworkID = id
	return call
}
