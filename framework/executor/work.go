package executor

import (
	"context"
	"slices"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/node"
)

// worker does the slow work on the host. It is owned by the driver's worker goroutine.
type worker struct {
	*driver
	host     node.Host
	family   string
	desired  *inventory.Desired // what it works towards
	probed   uint64             // the last Probe that was answered
	progress *node.Progress
	warnings []string // of the last probe
}

// work begins when the name of the node is known, and then does what it is ordered to, one thing after the other: what is newest comes first.
func (d *driver) work(ctx context.Context) {
	w := &worker{driver: d}
	select {
	case <-ctx.Done():
		return
	case name := <-d.hello:
		host, err := d.cfg.Host(name)
		if err != nil {
			d.step(func(c *core) { c.fail(err) })
			return
		}
		w.host = host
	}
	w.probe(ctx, 0)
	again := time.NewTimer(time.Hour)
	defer again.Stop()
	for ctx.Err() == nil {
		again.Stop()
		if at, due := w.due(); due {
			again.Reset(max(0, at.Sub(d.cfg.Now())))
		}
		select {
		case <-ctx.Done():
		case <-d.orders:
			w.obey(ctx)
		case <-again.C:
			w.progress.Advance(ctx, d.cfg.Now, d.cfg.Backoff)
		}
	}
}

func (w *worker) due() (time.Time, bool) {
	if w.progress == nil {
		return time.Time{}, false
	}
	return w.progress.Due()
}

// obey takes the latest order.
func (w *worker) obey(ctx context.Context) {
	w.mu.Lock()
	order := w.order
	w.order = nil
	w.mu.Unlock()
	if order == nil {
		return
	}
	fresh := w.desired == nil || order.Generation != w.desired.Generation
	w.desired = order
	if fresh && len(order.Claims) > 0 {
		claims, devices := node.Claims(ctx, w.host, order.Claims, order.Limits)
		w.step(func(c *core) { c.claimed(order.Generation, claims, devices) })
	}
	if order.Probe != w.probed {
		w.probe(ctx, order.Probe)
	} else if fresh {
		w.warn()
	}
	// The steps of the same generation, too, are made anew when a probe asks for it or its secrets come sealed to another key.
	before := w.progress
	w.progress = node.NewProgress(node.Steps(node.Work{Host: w.host, Desired: *order, Family: w.family, Open: w.key.Open, Client: w.cfg.Client}),
		w.tell(ctx, order.Generation))
	if !fresh {
		w.progress.Follow(before)
	}
}

// tell gives the function that passes on what became of the steps of a generation. When the last one of the installation is done the software
// is looked at again: a report must not say of a package both that it was installed and that it is not there.
func (w *worker) tell(ctx context.Context, generation uint64) func([]inventory.Step) {
	installed := false
	return func(steps []inventory.Step) {
		r := inventory.Report{Steps: steps}
		reached := r.Reached(inventory.StageInstall, 0)
		var software map[string]string
		var guid string
		if reached && !installed {
			software, guid = node.Software(ctx, w.host, w.family)
		}
		w.step(func(c *core) {
			if reached && !installed {
				c.report.Software, c.report.SDCGUID = software, guid
			}
			c.advanced(generation, steps)
		})
		installed = reached
	}
}

// probe makes an inventory.
func (w *worker) probe(ctx context.Context, probe uint64) {
	facts := node.Probe(ctx, w.host)
	if ctx.Err() != nil {
		return
	}
	w.family, w.probed, w.warnings = facts.OS.Package, probe, facts.Warnings
	w.step(func(c *core) { c.found(facts, probe) })
	w.warn()
}

// warn tells what the operator should know, which depends on what is desired.
func (w *worker) warn() {
	if w.desired == nil {
		return
	}
	all := append(slices.Clone(w.warnings), node.Warnings(w.host, *w.desired)...)
	w.step(func(c *core) { c.warned(all) })
}
