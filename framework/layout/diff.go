package layout

import (
	"slices"

	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// Diff gives what is missing of the layout, in an order in which it can be done: domains, fault sets, pools, higher spare percentages, SDSs,
// devices, lower spare percentages. After names what an operation needs of the others. Nothing is ever removed or moved; done once, an
// operation is not asked for again. A blocked layout, and a system that was not asked, give none.
func Diff(l *Layout, o *Observed) []Operation {
	if l == nil || o == nil || l.Blocked() {
		return nil
	}
	d := &differ{now: newIndex(o), layout: l, keys: map[any]string{}}
	if room := d.room(); room > 0 {
		d.operations = make([]Operation, 0, room+len(l.Domains)+len(l.FaultSets)+len(l.Pools))
	}
	d.createDomains()
	d.createPools()
	d.createSDSs()
	d.addDevices()
	d.lowerSpares()
	return d.operations
}

// differ is one run of Diff.
type differ struct {
	now        *index
	layout     *Layout
	operations []Operation
	keys       map[any]string // of the operation that makes a thing: a domain (string), FaultSet, spec.Pool, *SDS
	lower      []Operation    // spare percentages; each comes after the devices that make it safe
	added      map[spec.Pool][]string
}

// room counts the devices to come at most, so that the list grows once.
func (d *differ) room() int {
	n := 0
	for i := range d.layout.SDSs {
		if s := &d.layout.SDSs[i]; len(s.Devices) > len(d.now.devices[s.Name]) {
			n += 1 + len(s.Devices)
		}
	}
	return n
}

// add appends the operation; it makes the thing, and comes after what makes the needed ones.
func (d *differ) add(op Operation, thing any, needs ...any) {
	for _, need := range needs {
		if key := d.keys[need]; key != "" {
			op.After = append(op.After, key)
		}
	}
	if thing != nil {
		d.keys[thing] = op.Key()
	}
	d.operations = append(d.operations, op)
}

func (d *differ) createDomains() {
	for _, name := range d.layout.Domains {
		if d.now.domains[name] == nil {
			d.add(Operation{Kind: CreateDomain, Domain: name}, name)
		}
	}
	for _, set := range d.layout.FaultSets {
		if !d.now.sets[set] {
			d.add(Operation{Kind: CreateFaultSet, Domain: set.Domain, FaultSet: set.Name}, set, set.Domain)
		}
	}
}

// createPools makes pools, and raises spare percentages before devices make them too low. A percentage that is higher than needed is
// lowered only in a pool of ours, where no operator has chosen it, and only to what the layout needs, once its devices are there.
func (d *differ) createPools() {
	var raise []Operation
	for _, pool := range d.layout.Pools {
		op := Operation{Kind: SetSpare, Domain: pool.ProtectionDomain, Pool: pool}
		switch now := d.now.pools[pool.Pool]; {
		case now == nil:
			op.Kind = CreatePool
			d.add(op, pool.Pool, pool.ProtectionDomain)
		case now.SparePercent < pool.SparePercent:
			raise = append(raise, op)
		case now.SparePercent > pool.SparePercent && now.Ours:
			d.lower = append(d.lower, op)
		}
	}
	for _, op := range raise {
		d.add(op, op.Pool.Pool)
	}
}

func (d *differ) createSDSs() {
	for i := range d.layout.SDSs {
		s := &d.layout.SDSs[i]
		if d.now.standing(s) == nil {
			d.add(Operation{Kind: CreateSDS, Domain: s.Domain, FaultSet: s.FaultSet, SDS: s.bare(), Node: s.Node}, s, s.Domain, FaultSet{Domain: s.Domain, Name: s.FaultSet})
		}
	}
}

// bare is the SDS without its devices, as operations carry it.
func (s *SDS) bare() SDS {
	b := *s
	b.Devices = nil
	return b
}

func (d *differ) addDevices() {
	pools := make(map[spec.Pool]Pool, len(d.layout.Pools))
	for _, pool := range d.layout.Pools {
		pools[pool.Pool] = pool
	}
	d.added = map[spec.Pool][]string{}
	for i := range d.layout.SDSs {
		s := &d.layout.SDSs[i]
		standing := d.now.standing(s)
		if standing != nil && (standing.Name != s.Name || standing.Domain != s.Domain) {
			continue // the layout was made of something else: plan again
		}
		for j, found := range attached(s.names(), d.now.devices[s.Name]) {
			if found != nil {
				continue
			}
			device := s.Devices[j]
			op := Operation{Kind: AddDevice, Domain: s.Domain, FaultSet: s.FaultSet, Pool: pools[device.Pool], SDS: s.bare(), Device: device, Node: s.Node}
			d.add(op, nil, device.Pool, s)
			d.added[device.Pool] = append(d.added[device.Pool], op.Key())
		}
	}
}

func (s *SDS) names() []names {
	all := make([]names, len(s.Devices))
	for i, d := range s.Devices {
		all[i] = names{attached: d.Attached, id: d.ID, path: d.Path}
	}
	return all
}

func (d *differ) lowerSpares() {
	for _, op := range d.lower {
		op.After = slices.Clone(d.added[op.Pool.Pool])
		d.operations = append(d.operations, op)
	}
}
