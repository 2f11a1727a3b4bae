package layout

import (
	"slices"

	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// consumers says for each node, sorted, what its apps may use: what its sdc attributes name, else every pool that it provides to, else the
// default pool; only pools that are there or are to be made, because REX-Ray starts with none of its pools if it misses one. A node that
// can use nothing is not listed.
func (p *planner) consumers(l *Layout) []Consumer {
	there := make(map[spec.Pool]bool, len(l.Pools))
	for _, pool := range l.Pools {
		there[pool.Pool] = true
	}
	usable := func(pool spec.Pool) bool { return there[pool] || p.now.pools[pool] != nil || !p.now.known }
	all := make([]Consumer, 0, len(p.members))
	var idle []string
	for _, m := range p.members {
		wanted := p.wanted(m)
		pools := slices.DeleteFunc(slices.Clone(wanted), func(pool spec.Pool) bool { return !usable(pool) })
		if m.wishes.Consuming && m.why == "" {
			p.warnOfMissing(m, wanted, pools)
		}
		switch {
		case len(pools) > 0:
			all = append(all, Consumer{Node: m.node.Name, Pools: p.defaultFirst(pools)})
		case m.why == "":
			idle = append(idle, m.node.Name)
		}
	}
	if len(idle) > 0 {
		p.report(ruleNothingToConsume, Warning, "%s can use no volume: no pool that they provide to or name is there, nor is the default pool %s", some(idle, 4), p.spec.Pools.Default)
	}
	p.warnOfDefault(l)
	return all
}

// wanted lists the pools of a node in the order of its attributes.
func (p *planner) wanted(m *member) []spec.Pool {
	if m.wishes.Consuming {
		return m.wishes.Consumes
	}
	var pools []spec.Pool
	add := func(pool spec.Pool) {
		if !slices.Contains(pools, pool) {
			pools = append(pools, pool)
		}
	}
	for _, provision := range m.wishes.Provides {
		add(provision.Pool)
	}
	for _, place := range m.places {
		if place.outcome == Taken {
			add(place.pool)
		}
	}
	if len(pools) == 0 && !m.unheard { // of attributes that cannot be understood nothing follows
		add(p.spec.Pools.Default)
	}
	return pools
}

func (p *planner) warnOfMissing(m *member, wanted, usable []spec.Pool) {
	for _, pool := range wanted {
		if !slices.Contains(usable, pool) {
			p.say(m, ruleUnknownPool.problem("", "pool %s, which attribute scaleio-sdc-%s names, is not there yet; it is left out", pool, pool.ProtectionDomain).as(Warning))
		}
	}
}

func (p *planner) defaultFirst(pools []spec.Pool) []spec.Pool {
	i := slices.IndexFunc(pools, func(pool spec.Pool) bool { return pool.String() == p.spec.REXRay.DefaultPool })
	if i <= 0 {
		return pools
	}
	first := pools[i]
	copy(pools[1:i+1], pools[:i])
	pools[0] = first
	return pools
}

func (p *planner) warnOfDefault(l *Layout) {
	name := p.spec.REXRay.DefaultPool
	if name == "" || !p.now.known {
		return
	}
	for _, pool := range l.Pools {
		if pool.String() == name {
			return
		}
	}
	for pool := range p.now.pools {
		if pool.String() == name {
			return
		}
	}
	p.report(ruleUnknownPool, Warning, "option rexray.default_pool is %s, and there is no such pool; the first pool of each node takes its place", name)
}
