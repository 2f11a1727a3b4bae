package layout

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// Plan makes the layout of the nodes: which device goes to which pool, and everything that speaks against it. What is attached already
// stays where it is. A node with an error of its own contributes nothing new, the others go on; an error without a node is of everything
// (Blocked). Observed is nil as long as the system was not asked: then nothing is assumed to exist or to be missing.
func Plan(s *spec.ScaleIO, nodes []Node, observed *Observed) *Layout {
	p := &planner{spec: s, now: newIndex(observed), limits: DeviceLimits(s.Devices)}
	p.checkSpec()
	p.gather(nodes)
	for _, m := range p.members {
		p.decide(m)
	}
	p.compare()
	for _, m := range p.members {
		m.holdBack()
	}
	l := p.build()
	p.judge(l)
	l.Consumers = p.consumers(l)
	l.Problems = sortProblems(p.problems)
	return l
}

// Blocked says whether an error stops the whole plan.
func (l *Layout) Blocked() bool {
	return slices.ContainsFunc(l.Problems, func(p Problem) bool { return p.Severity == Error && p.Node == "" })
}

// DeviceLimits are the operator's limits as the checks read them.
func DeviceLimits(d spec.Devices) inventory.Limits {
	return inventory.Limits{MinSize: uint64(d.MinSize), MaxSize: uint64(d.MaxSize), Exclude: d.Exclude, AllowLoop: d.AllowLoop}
}

// planner is one run of Plan.
type planner struct {
	spec     *spec.ScaleIO
	now      *index
	limits   inventory.Limits
	network  netip.Prefix // zero: any address
	members  []*member    // sorted by name
	shared   map[string]int
	problems []Problem
}

// member is a node while it is planned.
type member struct {
	node     *Node
	wishes   Wishes
	why      string // the first error of its own; "" as long as there is none
	unheard  bool   // its attributes could not be understood
	domain   string // that it is to provide to; "" if to none
	address  string
	set      string       // the fault set that is wished for it
	unset    *Problem     // why that is not known; it matters once a device is to be attached
	standing *ObservedSDS // that it has already
	places   []place      // one for each device, sorted by path
}

// place is what becomes of one device.
type place struct {
	device   *inventory.Device
	attached *ObservedDevice
	pool     spec.Pool
	outcome  Outcome
	refusals []inventory.Refusal
	reason   string
}

// fresh says whether the device is to be attached by this layout.
func (p *place) fresh() bool { return p.outcome == Taken && p.attached == nil }

func (m *member) fresh() bool {
	return slices.ContainsFunc(m.places, func(p place) bool { return p.fresh() })
}

func (m *member) providing() bool {
	return slices.ContainsFunc(m.places, func(p place) bool { return p.outcome == Taken })
}

// say adds a problem of the member; an error holds back what is new of it.
func (p *planner) say(m *member, problem Problem) {
	if problem.Severity == Error && m.why == "" {
		m.why = problem.Message
	}
	problem.Node, problem.Message = m.node.Name, "agent "+m.node.Name+": "+problem.Message
	p.problems = append(p.problems, problem)
}

func (p *planner) fail(m *member, r rule, format string, args ...any) {
	p.say(m, r.problem("", format, args...))
}

func (p *planner) checkSpec() {
	pools := p.spec.Pools
	switch pools.Mode {
	case spec.Imperative:
	case spec.Global:
		for _, name := range []string{pools.Default.ProtectionDomain, pools.Default.StoragePool} {
			if why := spec.CheckName(name); why != "" {
				p.problems = append(p.problems, ruleMode.problem("", "the default pool is %q: %s", pools.Default, why))
			}
		}
	default:
		p.problems = append(p.problems, ruleMode.problem("", "pool mode %q is not in this version; expected %s or %s", pools.Mode, spec.Global, spec.Imperative))
	}
	if p.spec.Network == "" {
		return
	}
	network, err := netip.ParsePrefix(p.spec.Network)
	if err != nil {
		p.problems = append(p.problems, ruleAddress.problem("", "network %q is not a CIDR: %v; expected such as 10.0.0.0/24", p.spec.Network, err))
	}
	p.network = network.Masked()
}

// gather makes the members, sorted, with what each of them wishes and what stands of it already.
func (p *planner) gather(nodes []Node) {
	p.shared = make(map[string]int, len(nodes))
	p.members = make([]*member, len(nodes))
	for i := range nodes {
		m := &member{node: &nodes[i]}
		for _, a := range m.node.Addresses {
			p.shared[a]++
		}
		p.members[i] = m
	}
	slices.SortStableFunc(p.members, func(a, b *member) int {
		return cmp.Or(cmp.Compare(a.node.Name, b.node.Name), slices.Compare(a.node.Addresses, b.node.Addresses))
	})
	for _, m := range p.members {
		p.listen(m)
		m.address = p.addressOf(m.node)
		m.standing = p.standingOf(m)
		m.places = make([]place, len(m.node.Devices))
		for i := range m.node.Devices {
			m.places[i].device = &m.node.Devices[i]
		}
		slices.SortStableFunc(m.places, func(a, b place) int {
			return cmp.Or(cmp.Compare(a.device.Path, b.device.Path), cmp.Compare(a.device.ID, b.device.ID))
		})
		if m.standing != nil {
			m.findAttached(p.now.devices[m.standing.Name])
		}
	}
}

// listen reads the attributes.
func (p *planner) listen(m *member) {
	own := m.node.Attributes
	if by := p.spec.Pools.FaultSetBy; strings.HasPrefix(by, "scaleio-") && by != faultSet {
		own = slices.DeleteFunc(slices.Clone(own), func(a Attribute) bool { return a.Name == by }) // read elsewhere
	}
	wishes, problems := ParseAttributes(own)
	for _, problem := range problems {
		p.say(m, problem)
	}
	m.wishes, m.unheard = wishes, m.why != ""
	switch {
	case len(wishes.Provides) > 0:
		m.domain = wishes.Provides[0].Pool.ProtectionDomain
	case p.discovers(m):
		m.domain = p.spec.Pools.Default.ProtectionDomain
	}
	m.set, m.unset = p.faultSetOf(m)
}

// discovers says whether devices of the node are looked for without attributes.
func (p *planner) discovers(m *member) bool {
	return p.spec.Pools.Mode == spec.Global && !m.wishes.Imperative
}

// faultSetOf is the fault set that the node is to be in: its attribute's, or that of the source which the operator chose. Only a node that
// may provide is asked for one.
func (p *planner) faultSetOf(m *member) (string, *Problem) {
	by := p.spec.Pools.FaultSetBy
	switch {
	case m.wishes.FaultSet != "" || by == "" || m.domain == "":
		return m.wishes.FaultSet, nil
	case by == "@zone":
		if m.node.Zone == "" {
			return unset(ruleFaultSetForAll, "it has no zone, and pool.fault_set_by is @zone; expected one for every agent that provides")
		}
		return derived(m.node.Zone), nil
	}
	value := ""
	for _, a := range m.node.Attributes {
		if strings.TrimSpace(a.Name) != by {
			continue
		}
		text, why := plain(a)
		if why == "" && text == "" {
			why = "is empty; expected the name of a fault set"
		}
		if why != "" {
			return unset(ruleType, "attribute %s=%s %s", by, oneLine(a.Text), why)
		}
		if value != "" && value != text {
			return unset(ruleDuplicate, "attribute %s is given with different values, %s; expected one", by, oneLine(min(value, text)+" and "+max(value, text)))
		}
		value = text
	}
	if value == "" {
		return unset(ruleFaultSetForAll, "it has no attribute %s, and pool.fault_set_by is %s; expected one for every agent that provides", by, by)
	}
	return derived(value), nil
}

func unset(r rule, format string, args ...any) (string, *Problem) {
	problem := r.problem("", format, args...)
	return "", &problem
}

// addressOf is the first address that the network admits, or "".
func (p *planner) addressOf(n *Node) string {
	for _, text := range n.Addresses {
		if p.network == (netip.Prefix{}) {
			return text
		}
		if a, err := netip.ParseAddr(text); err == nil && p.network.Contains(a) {
			return text
		}
	}
	return ""
}

// standingOf finds the SDS that the system has for the node: at its address, at another address that only this node has (docker0 is the
// same everywhere), or under the name that we would give it.
func (p *planner) standingOf(m *member) *ObservedSDS {
	if s := p.now.address[m.address]; s != nil && m.address != "" {
		return s
	}
	for _, a := range m.node.Addresses {
		if s := p.now.address[a]; s != nil && p.shared[a] == 1 {
			return s
		}
	}
	return p.now.sdss[sdsName(m.node.Name)]
}

func (m *member) findAttached(observed []*ObservedDevice) {
	devices := make([]names, len(m.places))
	for i, place := range m.places {
		devices[i] = names{id: place.device.ID, path: place.device.Path, links: place.device.Links}
	}
	for i, found := range attached(devices, observed) {
		m.places[i].attached = found
	}
}

// holdBack takes what is new of a member with an error out of the layout.
func (m *member) holdBack() {
	if m.why == "" {
		return
	}
	for i := range m.places {
		if m.places[i].fresh() {
			m.places[i].outcome, m.places[i].reason = Refused, "held back with its agent: "+m.why
		}
	}
}

// build puts the layout together from the places.
func (p *planner) build() *Layout {
	l := &Layout{Domains: []string{}, Pools: []Pool{}, SDSs: []SDS{}, Verdicts: make([]Verdict, 0, p.devices())}
	for _, m := range p.members {
		for i := range m.places {
			l.Verdicts = append(l.Verdicts, m.places[i].verdict(m.node.Name))
		}
		if m.providing() {
			l.SDSs = append(l.SDSs, m.sds())
		}
	}
	domains, sets, pools := map[string]bool{}, map[FaultSet]bool{}, map[spec.Pool]bool{}
	for _, s := range l.SDSs {
		domains[s.Domain] = true
		if s.FaultSet != "" {
			sets[FaultSet{Domain: s.Domain, Name: s.FaultSet}] = true
		}
		for _, d := range s.Devices {
			pools[d.Pool] = true
		}
	}
	for domain := range domains {
		l.Domains = append(l.Domains, domain)
	}
	for set := range sets {
		l.FaultSets = append(l.FaultSets, set)
	}
	for pool := range pools {
		l.Pools = append(l.Pools, Pool{Pool: pool})
	}
	slices.Sort(l.Domains)
	slices.SortFunc(l.FaultSets, func(a, b FaultSet) int { return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Name, b.Name)) })
	slices.SortFunc(l.Pools, func(a, b Pool) int { return comparePools(a.Pool, b.Pool) })
	return l
}

func comparePools(a, b spec.Pool) int {
	return cmp.Or(cmp.Compare(a.ProtectionDomain, b.ProtectionDomain), cmp.Compare(a.StoragePool, b.StoragePool))
}

func (p *planner) devices() int {
	n := 0
	for _, m := range p.members {
		n += len(m.places)
	}
	return n
}

func (p *place) verdict(node string) Verdict {
	v := Verdict{Node: node, Device: *p.device, Outcome: p.outcome, Refusals: p.refusals, Reason: p.reason}
	if p.outcome != Refused {
		pool := p.pool
		v.Pool = &pool
	}
	return v
}

// sds is the member's SDS with its devices: as it stands, if it stands.
func (m *member) sds() SDS {
	s := SDS{Name: sdsName(m.node.Name), Node: m.node.Name, Domain: m.domain, FaultSet: m.set, Addresses: []string{m.address}}
	if m.standing != nil {
		s.Name, s.Domain, s.FaultSet, s.Addresses = m.standing.Name, m.standing.Domain, m.standing.FaultSet, slices.Clone(m.standing.Addresses)
	}
	for _, p := range m.places {
		if p.outcome != Taken {
			continue
		}
		d := Device{ID: p.device.ID, Path: p.device.Path, Size: spec.Size(p.device.Size), Media: p.device.Media, Pool: p.pool}
		if p.attached != nil {
			d.Attached = p.attached.ID
		}
		s.Devices = append(s.Devices, d)
	}
	return s
}

// some lists the first few of many, for a sentence.
func some(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
