package simulation

import (
	"fmt"
	"slices"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
)

// gateway is ScaleIO behind its gateway. It does one thing after the other for a process, as the driver asks.
type gateway struct {
	*world
	truth   *layout.Observed
	queue   []layout.Operation // kind "" is an observation
	busy    bool
	downTil time.Duration
	denied  bool
	slow    int
	errors  []bool // operations that will fail; true: the work is done
}

func newGateway(w *world) *gateway {
	return &gateway{world: w, truth: &layout.Observed{ID: "454581a100000002", Name: "scaleio", APIVersion: "3.6", Cluster: "ClusteredNormal",
		MDMs: []string{"10.0.0.10", "10.0.0.11"}}}
}

// restart forgets what an earlier process asked for; what was under way goes on.
func (g *gateway) restart() { g.queue, g.busy = nil, false }

func (g *gateway) observe() { g.put(layout.Operation{}) }

func (g *gateway) put(op layout.Operation) {
	g.queue = append(g.queue, op)
	g.next()
}

func (g *gateway) next() {
	if g.busy || len(g.queue) == 0 {
		return
	}
	g.busy = true
	op := g.queue[0]
	g.queue = g.queue[1:]
	took := g.between("gateway", 10*time.Millisecond, 200*time.Millisecond)
	if g.slow > 0 {
		g.slow--
		took = g.between("gateway", time.Second, 30*time.Second)
	}
	answer := func(in scheduler.Input) func() {
		return g.process.mine(func() { g.busy = false; g.process.feed(in); g.next() })
	}
	half := took / 2
	if err := g.refusal(); err != nil {
		in := scheduler.Input(scheduler.Applied{Operation: op, Err: err})
		if op.Kind == "" {
			in = scheduler.SystemObserved{Err: err}
		}
		g.after(took, answer(in))
		return
	}
	if op.Kind == "" {
		var seen *layout.Observed
		g.after(half, func() { seen = g.look() })
		life := g.process.life
		g.after(took, func() {
			if g.process.life == life {
				answer(scheduler.SystemObserved{System: seen})()
			}
		})
		return
	}
	fails, done := false, true
	if len(g.errors) > 0 {
		fails, done = true, g.errors[0]
		g.errors = g.errors[1:]
	}
	var err error
	life := g.process.life
	g.after(half, func() {
		if done {
			err = g.carry(op)
		}
	})
	g.after(took, func() {
		if fails {
			err = fault.New(fault.Temporary, "gateway", "", "no answer")
		}
		g.say("gateway: %s: %v", op.Key(), err)
		if g.process.life == life {
			answer(scheduler.Applied{Operation: op, Err: err})()
		}
	})
}

func (g *gateway) refusal() error {
	switch {
	case g.now < g.downTil:
		return fault.New(fault.Temporary, "gateway https://10.0.0.10", "", "connection refused")
	case g.denied:
		return fault.New(fault.Denied, "gateway https://10.0.0.10", "log in", "401 Unauthorized")
	}
	return nil
}

// look gives the system as the gateway tells it.
func (g *gateway) look() *layout.Observed {
	o := g.truth.Clone()
	for i := range o.SDSs {
		s := &o.SDSs[i]
		s.Membership, s.Connection, s.Maintenance = "Joined", "Disconnected", "NoMaintenance"
		if h := g.hostAt(s.Addresses); h != nil && h.up && !h.cut && h.done["service-sds"] {
			s.Connection = "Connected"
		}
	}
	for i := range o.Devices {
		o.Devices[i].State, o.Devices[i].ErrorState = "Normal", "None"
	}
	for _, h := range g.hosts {
		if h.done["sdc-mdms"] && h.up && !h.cut {
			o.SDCs = append(o.SDCs, layout.ObservedSDC{GUID: fmt.Sprintf("GUID-%d", h.n), Connection: "Connected"})
		}
	}
	return o
}

func (g *gateway) hostAt(addresses []string) *host {
	for _, h := range g.hosts {
		if slices.Contains(addresses, fmt.Sprintf("10.0.1.%d", h.n)) {
			return h
		}
	}
	return nil
}

// carry looks up before it creates, and then does what ScaleIO does.
func (g *gateway) carry(op layout.Operation) error {
	g.watch.carried(op)
	o := g.truth
	switch op.Kind {
	case layout.CreateDomain:
		if slices.ContainsFunc(o.Domains, func(d layout.ObservedDomain) bool { return d.Name == op.Domain }) {
			return nil
		}
	case layout.CreatePool:
		if slices.ContainsFunc(o.Pools, func(p layout.ObservedPool) bool {
			return p.Name == op.Pool.StoragePool && p.Domain == op.Pool.ProtectionDomain
		}) {
			return nil
		}
	case layout.CreateSDS:
		if slices.ContainsFunc(o.SDSs, func(s layout.ObservedSDS) bool { return s.Name == op.SDS.Name }) {
			return nil
		}
		if h := g.hostAt(op.SDS.Addresses); h == nil || !h.up || h.cut || !h.done["service-sds"] {
			return fault.New(fault.Temporary, "SDS "+op.SDS.Name, "create", "it does not answer")
		}
	case layout.AddDevice:
		return g.attach(op)
	}
	o.Absorb(op)
	return nil
}

func (g *gateway) attach(op layout.Operation) error {
	for _, d := range g.truth.Devices {
		if d.SDS == op.SDS.Name && d.Path == op.Device.Path {
			if d.Pool != op.Device.Pool.StoragePool {
				g.fail("device-one-pool", "device %s of %s goes to %s and is in %s", d.Path, op.Node, op.Device.Pool.StoragePool, d.Pool)
			}
			return nil
		}
	}
	h := g.hostAt(op.SDS.Addresses)
	i := slices.IndexFunc(h.devices, func(d inventory.Device) bool { return d.ID == op.Device.ID })
	if !h.up || h.cut || i < 0 {
		return fault.New(fault.Temporary, "SDS "+op.SDS.Name, "add device", "it does not answer")
	}
	if h.n%2 == 0 { // some kernels show what an SDS has written
		h.devices = slices.Clone(h.devices)
		h.devices[i].Signature = "scaleio"
	}
	g.truth.Absorb(op)
	return nil
}
