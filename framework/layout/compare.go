package layout

import (
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// compare looks at what only all members together show, and that is the fault of single ones.
func (p *planner) compare() {
	p.findStrangers()
	p.findTwins()
	p.findNameTakers()
	p.findOtherMedia()
	p.findUnknownPools()
	p.countDevices()
	p.findMixedFaultSets() // last: who has an error already does not count in the vote
}

// findTwins finds what two agents, or two devices of one, cannot both have.
func (p *planner) findTwins() {
	type thing struct{ kind, name string }
	first := make(map[thing]*member, 3*len(p.members))
	once := func(m *member, kind, name string) {
		t := thing{kind, name}
		other := first[t]
		if other == nil {
			first[t] = m
			return
		}
		p.fail(m, ruleOneOfAKind, "%s %s is also of agent %s", kind, name, other.node.Name)
		p.fail(other, ruleOneOfAKind, "%s %s is also of agent %s", kind, name, m.node.Name)
	}
	for _, m := range p.members {
		once(m, "hostname", m.node.Name)
		if !m.providing() {
			continue
		}
		switch {
		case m.why != "": // its own error says more
		case m.standing == nil:
			once(m, "address", m.address)
			once(m, "SDS name", sdsName(m.node.Name))
		default:
			once(m, "SDS", m.standing.Name)
		}
		for i, place := range m.places {
			id := place.device.ID
			for j, other := range m.places {
				if place.fresh() && i != j && other.device.ID == id {
					p.fail(m, ruleOneOfAKind, "its devices %s and %s have one id, %s", place.device.Path, other.device.Path, id)
				}
			}
			if place.outcome == Taken && strings.HasPrefix(id, "wwn-") { // the only ids that no two disks of the world share
				once(m, "disk", id)
			}
		}
	}
}

// findStrangers finds members whose SDS, by its address, bears the name of another agent's: addresses have been exchanged.
func (p *planner) findStrangers() {
	owner := make(map[string]*member, len(p.members))
	for _, m := range p.members {
		owner[sdsName(m.node.Name)] = m
	}
	for _, m := range p.members {
		if m.standing == nil || !m.fresh() {
			continue
		}
		if other := owner[m.standing.Name]; other != nil && other != m {
			p.fail(m, ruleStandingSDS, "ScaleIO has SDS %s, named for agent %s, at its address %s", m.standing.Name, other.node.Name, strings.Join(m.standing.Addresses, ", "))
		}
	}
}

// findNameTakers finds members that would make a pool whose name another domain of the system has already.
func (p *planner) findNameTakers() {
	standing := map[string]spec.Pool{}
	for pool := range p.now.pools {
		if other, ok := standing[pool.StoragePool]; !ok || comparePools(pool, other) < 0 {
			standing[pool.StoragePool] = pool
		}
	}
	p.eachFresh(func(m *member, place *place) {
		if other, ok := standing[place.pool.StoragePool]; ok && p.now.pools[place.pool] == nil {
			p.fail(m, rulePoolName, "device %s would go to the new pool %s, but the system has pool %s", place.device.Path, place.pool, other)
		}
	})
}

// findOtherMedia finds devices of another media type than the pool has that they are to join.
func (p *planner) findOtherMedia() {
	p.eachFresh(func(m *member, place *place) {
		pool := p.now.pools[place.pool]
		if pool != nil && oneMedia(pool.Media) && oneMedia(place.device.Media) && pool.Media != place.device.Media {
			p.fail(m, ruleMedia, "device %s is an %s, and pool %s is of %s", place.device.Path, place.device.Media, place.pool, pool.Media)
		}
	})
}

func oneMedia(media string) bool { return media == "HDD" || media == "SSD" }

func (p *planner) eachFresh(do func(*member, *place)) {
	for _, m := range p.members {
		for i := range m.places {
			if m.places[i].fresh() {
				do(m, &m.places[i])
			}
		}
	}
}

// countDevices counts the devices of each SDS against its limits.
func (p *planner) countDevices() {
	most := p.now.limit("devicesPerSds", 64)
	capacity := p.now.limit("capacityPerSdsInGb", 64<<10) << 30
	for _, m := range p.members {
		if !m.fresh() {
			continue
		}
		devices, size := uint64(0), uint64(0)
		for _, place := range m.places {
			if place.outcome == Taken {
				devices, size = devices+1, size+place.device.Size
			}
		}
		if m.standing != nil {
			devices = max(devices, uint64(len(p.now.devices[m.standing.Name])))
		}
		if devices > most {
			p.fail(m, ruleCounts, "its SDS would have %d devices; at most %d are allowed", devices, most)
		}
		if size > capacity {
			problem := ruleCounts.problem("", "its SDS would have %s; at most %s are allowed", spec.Size(size), spec.Size(capacity))
			if _, stated := p.now.limits["capacityPerSdsInGb"]; !stated { // later versions take more, and older ones do not say
				problem = problem.as(Warning)
			}
			p.say(m, problem)
		}
	}
}

// findMixedFaultSets finds, in each domain, those that have or lack a fault set unlike the others. SDSs that stand have a voice; so has
// the operator who chose a source of fault sets.
func (p *planner) findMixedFaultSets() {
	with, without := map[string]int{}, map[string]int{}
	vote := func(domain, set string) {
		if set != "" {
			with[domain]++
		} else {
			without[domain]++
		}
	}
	counted := map[*ObservedSDS]bool{}
	var voters []*member
	for _, m := range p.members {
		if m.why == "" && m.fresh() {
			s := m.sds()
			vote(s.Domain, s.FaultSet)
			voters = append(voters, m)
			counted[m.standing] = true
		}
	}
	for _, s := range p.now.sdss {
		if !counted[s] {
			vote(s.Domain, s.FaultSet)
		}
	}
	for _, m := range voters {
		s := m.sds()
		have, lack := with[s.Domain], without[s.Domain]
		if have == 0 || lack == 0 || m.standing != nil {
			continue
		}
		wanted := p.spec.Pools.FaultSetBy != "" || have >= lack
		switch {
		case wanted && s.FaultSet == "":
			p.fail(m, ruleFaultSetForAll, "it has no fault set, but %d SDSs of protection domain %s have one", have, s.Domain)
		case !wanted && s.FaultSet != "":
			p.fail(m, ruleFaultSetForAll, "it has fault set %s, but %d SDSs of protection domain %s have none", s.FaultSet, lack, s.Domain)
		}
	}
}

// findUnknownPools finds sdc attributes that name a pool of which nobody has heard.
func (p *planner) findUnknownPools() {
	if !p.now.known {
		return
	}
	heard := map[spec.Pool]bool{}
	if p.spec.Pools.Mode == spec.Global {
		heard[p.spec.Pools.Default] = true
	}
	for _, m := range p.members {
		for _, provision := range m.wishes.Provides {
			heard[provision.Pool] = true
		}
	}
	for _, m := range p.members {
		for _, pool := range m.wishes.Consumes {
			if !heard[pool] && p.now.pools[pool] == nil {
				p.fail(m, ruleUnknownPool, "attributes %s and scaleio-sdc-%s name pool %s, but ScaleIO has no such pool and no agent provides to it", sdcDomains, pool.ProtectionDomain, pool)
			}
		}
	}
}
