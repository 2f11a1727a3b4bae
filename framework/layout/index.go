package layout

import (
	"slices"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// index finds things in what was observed without searching. It refers to the Observed that it was made of and changes nothing in it.
type index struct {
	known   bool // there is an Observed: what is not in it does not exist
	limits  map[string]ObservedLimit
	domains map[string]*ObservedDomain
	sets    map[FaultSet]bool
	pools   map[spec.Pool]*ObservedPool
	sdss    map[string]*ObservedSDS // by name
	address map[string]*ObservedSDS
	devices map[string][]*ObservedDevice // by the name of the SDS
}

func newIndex(o *Observed) *index {
	if o == nil {
		return &index{}
	}
	x := &index{
		known: true, limits: o.Limits, domains: make(map[string]*ObservedDomain, len(o.Domains)), sets: make(map[FaultSet]bool, len(o.FaultSets)),
		pools: make(map[spec.Pool]*ObservedPool, len(o.Pools)), sdss: make(map[string]*ObservedSDS, len(o.SDSs)),
		address: make(map[string]*ObservedSDS, len(o.SDSs)), devices: make(map[string][]*ObservedDevice, len(o.SDSs)),
	}
	for i := range o.Domains {
		x.domains[o.Domains[i].Name] = &o.Domains[i]
	}
	for _, f := range o.FaultSets {
		x.sets[FaultSet{Domain: f.Domain, Name: f.Name}] = true
	}
	for i := range o.Pools {
		x.pools[spec.Pool{ProtectionDomain: o.Pools[i].Domain, StoragePool: o.Pools[i].Name}] = &o.Pools[i]
	}
	for i := range o.SDSs {
		s := &o.SDSs[i]
		x.sdss[s.Name] = s
		for _, a := range s.Addresses {
			if other := x.address[a]; other == nil || s.Name < other.Name { // the same one in any order of the input
				x.address[a] = s
			}
		}
	}
	for i := range o.Devices {
		d := &o.Devices[i]
		x.devices[d.SDS] = append(x.devices[d.SDS], d)
	}
	return x
}

// limit is the maximum that the system states, or ours.
func (x *index) limit(name string, otherwise uint64) uint64 {
	if l, ok := x.limits[name]; ok && l.Max > 0 {
		return l.Max
	}
	return otherwise
}

// standing finds the SDS of a layout: by name, or in its domain by address, because an SDS may be renamed by anybody.
func (x *index) standing(s *SDS) *ObservedSDS {
	if found := x.sdss[s.Name]; found != nil {
		return found
	}
	for _, a := range s.Addresses {
		if found := x.address[a]; found != nil && found.Domain == s.Domain {
			return found
		}
	}
	return nil
}

// names are what a device is called by whoever looks at it.
type names struct {
	attached string // the id that it is known to have in the system, if any
	id, path string
	links    []string
}

// attached gives for each device the observed one that it is, or nil. Stable names are asked before kernel paths, which move at a reboot,
// and the path that a device has now before the one that it was added with; no observed device is two.
func attached(devices []names, observed []*ObservedDevice) []*ObservedDevice {
	found := make([]*ObservedDevice, len(devices))
	if len(observed) == 0 {
		return found
	}
	taken := make(map[*ObservedDevice]bool, len(observed))
	for _, same := range []func(names, *ObservedDevice) bool{
		func(n names, o *ObservedDevice) bool { return n.attached != "" && n.attached == o.ID },
		func(n names, o *ObservedDevice) bool { return n.stable(o.Path) },
		func(n names, o *ObservedDevice) bool { return n.stable(o.OriginalPath) },
		func(n names, o *ObservedDevice) bool { return n.path != "" && n.path == o.Path },
		func(n names, o *ObservedDevice) bool { return n.path != "" && n.path == o.OriginalPath },
	} {
		for i, n := range devices {
			if found[i] != nil {
				continue
			}
			for _, o := range observed {
				if same(n, o) && !taken[o] && (found[i] == nil || o.ID < found[i].ID) {
					found[i] = o
				}
			}
			if found[i] != nil {
				taken[found[i]] = true
			}
		}
	}
	return found
}

// stable says whether the path is a lasting name of the device: one of its links, or that of its id.
func (n names) stable(name string) bool {
	if !strings.HasPrefix(name, "/dev/disk/") {
		return false
	}
	id, ok := strings.CutPrefix(name, "/dev/disk/by-id/")
	return ok && id == n.id || slices.Contains(n.links, name)
}
