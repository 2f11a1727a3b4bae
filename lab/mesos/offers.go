package mesos

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/gogo/protobuf/proto"
	api "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// offer is an outstanding offer. Guarded by Master.mu.
type offer struct {
	seq       int64
	id        string
	framework *framework
	slave     *slave
	role      string
	holds     bag // allocated to role
	timeout   *time.Timer
}

func (o *offer) order() int64 { return o.seq }

func (o *offer) stop() {
	if o.timeout != nil {
		o.timeout.Stop()
	}
}

// filterKey is what a refusal is about: the agent, and the role that it was offered to.
type filterKey struct{ role, agent string }

// filter holds back offers that are a subset of what was refused (26/022-028).
type filter struct {
	refused bag
	expiry  *time.Timer
}

// message gives the offer as its framework sees it (mesos.md §3.3.1), or with everything, as the operator does.
func (o *offer) message(operator bool) api.Offer {
	s := o.slave
	out := api.Offer{
		ID: api.OfferID{Value: o.id}, FrameworkID: *o.framework.info.ID, AgentID: *s.info.ID, Hostname: s.info.Hostname,
		URL: s.url(), Domain: s.info.Domain, Attributes: s.info.Attributes,
		AllocationInfo: &api.Resource_AllocationInfo{Role: &o.role},
	}
	for _, e := range sorted(s.executors[o.framework.id()]) {
		out.ExecutorIDs = append(out.ExecutorIDs, e.info.ExecutorID)
	}
	holds := o.holds
	if !operator && !o.framework.can(api.FrameworkInfo_Capability_MULTI_ROLE) {
		out.AllocationInfo = nil
		holds = holds.unallocated()
	}
	if operator || o.framework.can(api.FrameworkInfo_Capability_RESERVATION_REFINEMENT) {
		out.Resources = holds.resources()
	} else {
		out.Resources = holds.downgraded()
	}
	return out
}

// allocator decides who is offered what. It runs when something becomes free: at once for news (a subscription, REVIVE, an agent),
// in the next cycle for what was given back. Guarded by Master.mu.
type allocator struct {
	master *Master
	since  time.Time // cycles are counted from here
	timer  *time.Timer
	all    bool // every agent is a candidate
	some   map[*slave]bool
	shares shares
}

// soon allocates now; nil means every agent.
func (a *allocator) soon(s *slave) {
	a.candidate(s)
	a.run()
}

// later allocates in the next cycle; without cycles, as soon as the lock is free.
func (a *allocator) later(s *slave) {
	a.candidate(s)
	if a.timer != nil {
		return
	}
	wait := time.Duration(0)
	if cycle := a.master.cfg.AllocationInterval; cycle > 0 {
		wait = cycle - time.Since(a.since)%cycle
	}
	var timer *time.Timer
	timer = a.master.after(wait, func() {
		if a.master.allocator.timer == timer {
			a.master.allocator.timer = nil
			a.master.allocator.run()
		}
	})
	a.timer = timer
}

func (a *allocator) candidate(s *slave) {
	if s == nil {
		a.all = true
		return
	}
	if a.some == nil {
		a.some = map[*slave]bool{}
	}
	a.some[s] = true
}

func (a *allocator) stop() {
	if a.timer != nil {
		a.timer.Stop()
	}
	a.timer = nil
}

// claim is a framework in one of its roles.
type claim struct {
	framework *framework
	role      string
}

// run offers the candidates' free resources and sends one OFFERS event per framework.
func (a *allocator) run() {
	var candidates []*slave
	if a.all {
		candidates = sorted(a.master.slaves)
	} else {
		for s := range a.some {
			candidates = append(candidates, s)
		}
		slices.SortFunc(candidates, func(x, y *slave) int { return cmp.Compare(x.seq, y.seq) })
	}
	a.all, a.some = false, nil
	claims := a.claims()
	if len(claims) == 0 {
		return
	}
	made := map[*framework][]api.Offer{}
	for _, s := range candidates {
		if !s.offerable() {
			continue
		}
		if len(claims) > 1 {
			a.shares.fair(claims, a.master.weights)
		}
		for _, c := range claims {
			if o := a.offer(s, c); o != nil {
				made[c.framework] = append(made[c.framework], o.message(false))
			}
		}
	}
	for _, f := range sorted(a.master.frameworks) {
		if offers := made[f]; len(offers) > 0 {
			f.send(&scheduler.Event{Type: scheduler.Event_OFFERS, Offers: &scheduler.Event_Offers{Offers: offers}})
		}
	}
}

func (a *allocator) claims() []claim {
	var out []claim
	for _, f := range sorted(a.master.frameworks) {
		if !f.connected() {
			continue
		}
		for _, role := range f.roles() {
			if !f.suppressed[role] {
				out = append(out, claim{f, role})
			}
		}
	}
	return out
}

func (a *allocator) offer(s *slave, c claim) *offer {
	free := s.free().allocatableTo(c.role)
	if !free.offerable() || c.framework.filtered(filterKey{c.role, s.id()}, free) {
		return nil
	}
	m := a.master
	o := &offer{seq: m.next(), id: fmt.Sprintf("%s-O%d", m.id, m.nextOffer), framework: c.framework, slave: s, role: c.role,
		holds: free.allocated(c.role).rangesFirst()}
	m.nextOffer++
	m.offers[o.id], c.framework.offers[o.id], s.offers[o.id] = o, o, o
	s.offered = s.offered.plus(free)
	a.shares.charge(c.framework.id(), o.holds, 1)
	if m.cfg.OfferTimeout > 0 {
		o.timeout = m.after(m.cfg.OfferTimeout, func() {
			if m.offers[o.id] == o {
				m.rescind(o)
			}
		})
	}
	return o
}

// take removes an offer: its resources are free, used or refused, as the caller says next.
func (m *Master) take(o *offer) {
	o.stop()
	delete(m.offers, o.id)
	delete(o.framework.offers, o.id)
	delete(o.slave.offers, o.id)
	o.slave.offered = o.slave.offered.minus(o.holds.unallocated())
	m.allocator.shares.charge(o.framework.id(), o.holds, -1)
}

// rescind takes an offer back from its framework.
func (m *Master) rescind(o *offer) {
	m.take(o)
	o.framework.send(&scheduler.Event{Type: scheduler.Event_RESCIND, Rescind: &scheduler.Event_Rescind{OfferID: api.OfferID{Value: o.id}}})
	m.allocator.later(o.slave)
}

// discardOffers takes a framework's offers away without telling it: it has reconnected, or is gone (mesos.md §3.3.7).
func (f *framework) discardOffers() {
	for _, o := range sorted(f.offers) {
		f.master.take(o)
		f.master.allocator.later(o.slave)
	}
}

// decline gives offers back; unknown ones do not matter.
func (m *Master) decline(f *framework, call *scheduler.Call_Decline) {
	for _, id := range call.OfferIDs {
		if o := m.offers[id.Value]; o != nil && o.framework == f {
			m.take(o)
			m.refuse(f, o.slave, o.role, o.holds, call.Filters)
		}
	}
}

// refuse notes that f does not want what it gave back, for as long as filters say, and lets it be allocated again.
func (m *Master) refuse(f *framework, s *slave, role string, rest bag, filters *api.Filters) {
	if len(rest) == 0 {
		return
	}
	timeout := m.refuseTimeout(filters)
	if timeout == 0 {
		m.allocator.later(s)
		return
	}
	// A filter outlives the next cycle in any case, or it would not filter anything (hierarchical.cpp).
	timeout = max(timeout, m.cfg.AllocationInterval)
	key := filterKey{role, s.id()}
	one := &filter{refused: rest.unallocated()}
	f.filters[key] = append(f.filters[key], one)
	one.expiry = m.after(timeout, func() {
		kept := slices.DeleteFunc(f.filters[key], func(other *filter) bool { return other == one })
		if f.filters[key] = kept; len(kept) == 0 {
			delete(f.filters, key)
		}
		m.allocator.later(s)
	})
	m.allocator.later(s) // for others
}

// refuseTimeout: unset or negative is the default of 5 s (26/005-010), absurd is a year.
func (m *Master) refuseTimeout(filters *api.Filters) time.Duration {
	if filters == nil || filters.RefuseSeconds == nil || filters.GetRefuseSeconds() < 0 || math.IsNaN(filters.GetRefuseSeconds()) {
		return m.cfg.DefaultRefuse
	}
	return time.Duration(min(filters.GetRefuseSeconds(), 365*24*3600) * float64(time.Second))
}

func (f *framework) filtered(key filterKey, free bag) bool {
	return slices.ContainsFunc(f.filters[key], func(one *filter) bool { return one.refused.contains(free) })
}

func (f *framework) dropFilters(which func(filterKey) bool) {
	for key, filters := range f.filters {
		if which(key) {
			for _, one := range filters {
				one.expiry.Stop()
			}
			delete(f.filters, key)
		}
	}
}

// named gives the roles that a REVIVE or SUPPRESS is about, false when one of them is not the framework's: then it is ignored.
func (f *framework) named(roles []string) ([]string, bool) {
	if len(roles) == 0 {
		return f.roles(), true
	}
	for _, role := range roles {
		if !slices.Contains(f.roles(), role) {
			return nil, false
		}
	}
	return roles, true
}

// revive clears filters and suppression: offers follow at once.
func (f *framework) revive(roles []string) {
	roles, ok := f.named(roles)
	if !ok {
		return
	}
	for _, role := range roles {
		delete(f.suppressed, role)
	}
	f.dropFilters(func(key filterKey) bool { return slices.Contains(roles, key.role) })
	f.master.allocator.soon(nil)
}

// suppress stops new offers; those that are out stay valid.
func (f *framework) suppress(roles []string) {
	roles, _ = f.named(roles)
	for _, role := range roles {
		f.suppressed[role] = true
	}
}

// url is where an agent's own API is.
func (s *slave) url() *api.URL {
	host, port := hostPort(s.address)
	return &api.URL{Scheme: "http", Path: proto.String("/slave(1)"),
		Address: api.Address{Hostname: &s.info.Hostname, IP: &host, Port: port}}
}
