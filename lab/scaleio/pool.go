package scaleio

// pool is a storage pool with its capacity kept as sums, so that asking costs the same for any number of devices and volumes.
type pool struct {
	object
	domain  *domain
	devices roster[*device]
	volumes roster[*volume]
	vtrees  roster[*vtree]
	hosts   roster[*sds] // the SDSs of its devices
	perHost map[*sds]int // how many of its devices each has
	media   string       // HDD, SSD, Transitional; "" below 3.0
	spare   int64        // percent

	limitKB, maxKB int64 // of the devices that are in use
	unreachableKB  int64 // of those, what is lost or out of reach
	thinKB         int64 // volumes' sizes, one copy
	thinWrittenKB  int64
	thickKB        int64
	counts         volumeCounts

	spread      spread
	rebuild     *transfer // forward: copies made anew elsewhere; backward: devices brought up to date
	backward    bool
	rebalance   *transfer
	rebalanceKB int64 // what a new device still has to be given
	returning   roster[*device]
	lost        roster[*device]
	leaving     roster[*device]
	servicing   roster[*sds] // in maintenance or on the way
}

type volumeCounts struct{ thick, thin, snapshots, mapped, total int64 }

// spareKB follows the real 2.6 numbers [scaleio.md §1.11]: the percentage of the sum, down to a whole MiB.
func (p *pool) spareKB() int64 { return floor(p.limitKB*p.spare/100, mib) }

func (p *pool) allocatedKB() int64 { return 2 * (p.thinKB + p.thickKB) }

func (p *pool) thinInUseKB() int64 {
	return min(2*p.thinWrittenKB, max(0, p.limitKB-p.spareKB()-2*p.thickKB))
}

func (p *pool) inUseKB() int64 { return 2*p.thickKB + p.thinInUseKB() }

// availableKB is what new volumes can take, down to whole steps of 8 GiB [scaleio.md §1.11].
func (p *pool) availableKB() int64 {
	return max(0, floor((p.limitKB-p.spareKB()-p.allocatedKB())/2, volumeStep))
}

func floor(n, step int64) int64 { return n / step * step }

func (d *device) weight() int64 { return max(1, d.limitKB/gib) }

// enlist counts a device in: it passed its test, or it is back after its data was made anew elsewhere.
func (s *System) enlist(d *device) {
	p := d.pool
	d.stored = true
	p.spread.change(d.sds.unit(), d.weight(), 0)
	if share := p.spread.portion(p.inUseKB(), d.weight()); share > 0 {
		p.rebalanceKB += share
	}
}

// resize counts a device's new limit.
func (s *System) resize(d *device, limitKB int64) {
	p := d.pool
	before := d.weight()
	if d.counted() {
		p.limitKB += limitKB - d.limitKB
		if d.lost || !d.stored {
			p.unreachableKB += limitKB - d.limitKB
		}
	}
	d.limitKB = limitKB
	if d.stored {
		delta := d.weight() - before
		p.spread.change(d.sds.unit(), delta, when(d.lost, delta))
	}
}

// counted says whether a device is part of its pool's capacity: from the end of its test to its removal.
func (d *device) counted() bool { return d.state == "Normal" || d.state == "RemovePending" }

func when(condition bool, n int64) int64 {
	if condition {
		return n
	}
	return 0
}

// reassess brings a device's part in its pool in line with whether its copies can be reached.
func (s *System) reassess(d *device) {
	if !d.counted() {
		return
	}
	p := d.pool
	away := d.failed || !d.sds.connected() && !d.sds.maintenance.holds()
	switch {
	case away && d.returning:
		d.returning = false
		p.returning.remove(d)
		p.lost.add(d)
	case away && d.stored && !d.lost:
		d.lost = true
		p.unreachableKB += d.limitKB
		p.lost.add(d)
		p.spread.change(d.sds.unit(), 0, d.weight())
	case !away && d.lost && !d.returning:
		p.lost.remove(d)
		d.returning = true
		p.returning.add(d)
	case !away && !d.stored:
		p.unreachableKB -= d.limitKB
		s.enlist(d)
	}
	s.reconsider(p)
}

// reconsider starts the work that the pool needs next: bringing returned devices up to date, then making lost copies anew, then
// rebalance. Progress of what it interrupts is lost, but for rebalance.
func (s *System) reconsider(p *pool) {
	s.halt(p)
	degraded, failed := p.spread.parts(p.inUseKB())
	switch {
	case p.returning.len() > 0:
		p.backward = true
		p.rebuild = s.move(degraded+failed, func() { s.returned(p) })
	case p.lost.len() > 0:
		p.backward = false
		if failed == 0 && p.flag("rebuildEnabled") && (degraded == 0 || p.limitKB-p.unreachableKB >= p.inUseKB()) {
			p.rebuild = s.move(degraded, func() { s.rebuilt(p) })
		}
	case p.rebalanceKB > 0 && p.flag("rebalanceEnabled"):
		p.rebalance = s.move(p.rebalanceKB, func() { p.rebalance, p.rebalanceKB = nil, 0 })
	}
}

func (s *System) halt(p *pool) {
	if p.rebuild != nil {
		s.cancel(p.rebuild.due)
		p.rebuild = nil
	}
	if p.rebalance != nil {
		p.rebalanceKB = s.left(p.rebalance)
		s.cancel(p.rebalance.due)
		p.rebalance = nil
	}
}

// returned ends the backward rebuild: every returned device holds good copies again.
func (s *System) returned(p *pool) {
	p.rebuild = nil
	for d := range p.returning.all() {
		p.returning.remove(d)
		d.lost, d.returning = false, false
		p.unreachableKB -= d.limitKB
		p.spread.change(d.sds.unit(), 0, -d.weight())
		if d.leaving != nil { // its removal could not end while it was away
			s.cancel(d.leaving.due)
			s.evacuate(d)
		}
	}
	s.reconsider(p)
}

// rebuilt ends the forward rebuild: the lost devices hold nothing that is needed.
func (s *System) rebuilt(p *pool) {
	p.rebuild = nil
	var gone []*device
	for d := range p.lost.all() {
		p.lost.remove(d)
		d.lost, d.stored = false, false
		p.spread.change(d.sds.unit(), -d.weight(), -d.weight())
		if d.leaving != nil {
			gone = append(gone, d)
		}
	}
	for _, d := range gone {
		s.dismiss(d)
	}
	s.reconsider(p)
}

// dismiss takes a device out of its pool and its SDS, and the SDS out of the system if it waited for that.
func (s *System) dismiss(d *device) {
	p, host := d.pool, d.sds
	s.cancel(d.test)
	if d.leaving != nil {
		s.cancel(d.leaving.due)
	}
	if d.counted() {
		p.limitKB -= d.limitKB
		p.maxKB -= d.maxKB
		if d.lost || !d.stored {
			p.unreachableKB -= d.limitKB
		}
	}
	if d.stored {
		p.spread.change(host.unit(), -d.weight(), -when(d.lost, d.weight()))
	}
	for _, list := range []*roster[*device]{&p.devices, &p.lost, &p.returning, &p.leaving, &host.devices, &s.inError} {
		list.remove(d)
	}
	if p.perHost[host]--; p.perHost[host] == 0 {
		delete(p.perHost, host)
		p.hosts.remove(host)
	}
	s.devices.drop(d)
	s.reconsider(p)
	if host.removing && host.devices.len() == 0 {
		s.dropSDS(host)
	}
}

// health is a pool's data by what became of its copies, in KiB of both copies.
type health struct {
	degradedHealthy, degradedFailed, failed, protected, maintenance int64
	fwdRebuild, bckRebuild, pendingRebuild, rebalance, moving       int64
	enterPMM, exitPMM                                               int64
}

func (s *System) health(p *pool) health {
	inUse := p.inUseKB()
	degraded, failed := p.spread.parts(inUse)
	h := health{failed: failed, rebalance: p.rebalanceKB}
	switch {
	case p.rebuild == nil:
		h.pendingRebuild = degraded
	case p.backward:
		h.bckRebuild = s.left(p.rebuild)
		if failed == 0 {
			degraded = min(degraded, h.bckRebuild)
		}
	default:
		degraded = min(degraded, s.left(p.rebuild))
		h.fwdRebuild = degraded
	}
	h.degradedFailed, h.degradedHealthy = degraded, degraded
	if p.rebalance != nil {
		h.rebalance = s.left(p.rebalance)
	}
	for d := range p.leaving.all() {
		h.moving += s.left(d.leaving)
	}
	for host := range p.servicing.all() {
		m := host.maintenance
		share := p.shareOf(host)
		h.maintenance += share
		switch {
		case m.transfer == nil || m.kind != protected:
		case m.state == exiting:
			h.exitPMM += min(share, s.left(m.transfer))
		default:
			h.enterPMM += min(share, s.left(m.transfer))
		}
	}
	h.protected = max(0, inUse-h.degradedFailed-h.degradedHealthy-failed-h.maintenance)
	return h
}

// shareOf is how much of the pool's data lies on an SDS.
func (p *pool) shareOf(host *sds) int64 {
	var weight int64
	for d := range host.devices.all() {
		if d.pool == p && d.stored {
			weight += d.weight()
		}
	}
	return p.spread.portion(p.inUseKB(), weight)
}
