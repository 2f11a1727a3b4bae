package layout

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// stock is a pool of the layout with all that is, or is to be, in it: also what stands there and belongs to no node that we know.
type stock struct {
	pool    *Pool
	now     *ObservedPool
	fresh   bool              // something new goes in: what is wrong with it can still be prevented
	devices int               // of the layout and of others
	units   map[string]uint64 // bytes by fault unit
	raw     bool              // the size of some device is known from the node only,
	real    bool              // that of some other from ScaleIO, which keeps a little for itself
	media   map[string][]string
}

// severity of a rule that the pool does not keep: an error as long as something can be prevented by stopping.
func (s *stock) severity() Severity {
	if s.fresh {
		return Error
	}
	return Warning
}

func (s *stock) add(unit string, raw uint64, o *ObservedDevice) {
	s.devices++
	if o != nil && o.CapacityKB > 0 {
		s.units[unit] += o.CapacityKB << 10
		s.real = true
		return
	}
	s.units[unit] += raw
	s.raw = true
}

// total gives the bytes of all units and those of the largest, by name.
func (s *stock) total() (total, largest uint64, name string) {
	for _, unit := range slices.Sorted(maps.Keys(s.units)) {
		total += s.units[unit]
		if s.units[unit] > largest {
			largest, name = s.units[unit], unit
		}
	}
	return total, largest, name
}

// sparePercent is the least percentage that holds the largest unit: ceil(100 × largest / total) (scaleio.md §5.2.4). While raw sizes stand
// beside real ones, less than a thousandth between them is ScaleIO's header and no difference of the units.
func (s *stock) sparePercent() int {
	total, largest, _ := s.total()
	if s.raw && s.real {
		largest -= largest / 1000
	}
	for largest >= 1<<56 { // 100 × largest must fit
		largest, total = largest>>8, total>>8
	}
	if total == 0 {
		return 0
	}
	return int(min((100*largest+total-1)/total, 99)) // 99 is the most that ScaleIO accepts
}

func (s *stock) median() uint64 {
	sizes := slices.Sorted(maps.Values(s.units))
	n := len(sizes)
	return (sizes[(n-1)/2] + sizes[n/2]) / 2
}

// unit names the fault unit of an SDS.
func unit(set, sds string) string {
	if set != "" {
		return "fault set " + set
	}
	return "SDS " + sds
}

// stocks counts what is in each pool of the layout.
func (p *planner) stocks(l *Layout) []*stock {
	byPool := make(map[spec.Pool]*stock, len(l.Pools))
	all := make([]*stock, len(l.Pools))
	for i := range l.Pools {
		pool := l.Pools[i].Pool
		all[i] = &stock{pool: &l.Pools[i], now: p.now.pools[pool], fresh: p.now.pools[pool] == nil, units: map[string]uint64{}, media: map[string][]string{}}
		byPool[pool] = all[i]
	}
	ours := map[*ObservedDevice]bool{}
	for _, m := range p.members {
		if !m.providing() {
			continue
		}
		name, set := sdsName(m.node.Name), m.set
		if m.standing != nil {
			name, set = m.standing.Name, m.standing.FaultSet
		}
		for i := range m.places {
			place := &m.places[i]
			if place.outcome != Taken {
				continue
			}
			s := byPool[place.pool]
			s.add(unit(set, name), place.device.Size, place.attached)
			s.fresh = s.fresh || place.attached == nil
			if media := place.device.Media; oneMedia(media) {
				s.media[media] = append(s.media[media], m.node.Name+" "+place.device.Path)
			}
			if place.attached != nil {
				ours[place.attached] = true
			}
		}
	}
	for name, devices := range p.now.devices {
		for _, d := range devices {
			s := byPool[spec.Pool{ProtectionDomain: d.Domain, StoragePool: d.Pool}]
			if s == nil || ours[d] {
				continue
			}
			set := ""
			if sds := p.now.sdss[name]; sds != nil {
				set = sds.FaultSet
			}
			s.add(unit(set, name), 0, d)
		}
	}
	return all
}

// judge sets what follows from a pool's content, and applies the rules that no single node breaks.
func (p *planner) judge(l *Layout) {
	stocks := p.stocks(l)
	for _, s := range stocks {
		s.pool.SparePercent = s.sparePercent()
		s.pool.Media = s.settledMedia()
		for _, rule := range poolRules {
			rule(p, s)
		}
	}
	l.settleMedia()
	p.judgeNames(l, stocks)
	p.judgeDomains(l, stocks)
}

func (p *planner) report(r rule, severity Severity, format string, args ...any) {
	p.problems = append(p.problems, r.problem("", format, args...).as(severity))
}

// poolRules are asked for each pool of the layout.
var poolRules = []func(*planner, *stock){
	(*planner).judgeUnits, (*planner).judgeBalance, (*planner).judgeMedia, (*planner).judgeCapacity, (*planner).judgeSpare,
}

func (p *planner) judgeUnits(s *stock) {
	if len(s.units) >= 3 {
		return
	}
	names := slices.Sorted(maps.Keys(s.units))
	p.report(ruleThreeUnits, s.severity(), "pool %s has devices on %s (%s); ScaleIO needs 3 before the first volume", s.pool, count(len(names), "fault unit"), strings.Join(names, ", "))
}

func (p *planner) judgeBalance(s *stock) {
	if len(s.units) < 3 {
		return // said already
	}
	total, largest, name := s.total()
	switch median := s.median(); {
	case largest > total-largest:
		p.report(ruleHalf, s.severity(), "pool %s: %s holds %s of %s, more than half: %s of it can never be used", s.pool, name, spec.Size(largest), spec.Size(total), spec.Size(2*largest-total))
	case largest > median+median/2:
		p.report(ruleMedian, Warning, "pool %s: %s holds %s, and the median is %s; %d %% of the pool are spare capacity because of it", s.pool, name, spec.Size(largest), spec.Size(median), s.pool.SparePercent)
	}
}

func (p *planner) judgeMedia(s *stock) {
	if len(s.media) < 2 || s.now != nil && s.now.Media != "" { // what does not fit a pool that stands was said of its node
		return
	}
	p.report(ruleMedia, s.severity(), "pool %s would have devices of two media types: HDD: %s; SSD: %s", s.pool, some(s.media["HDD"], 4), some(s.media["SSD"], 4))
}

// settledMedia is the media type of the pool: the one that it has, or that of its devices. Devices that do not say count as HDD, the slower
// one: a pool of VxFlex OS 3.0 and later must have a type, ScaleIO 2.x asks for none (scaleio.md §5.2.6).
func (s *stock) settledMedia() string {
	if s.now != nil && s.now.Media != "" {
		return s.now.Media
	}
	if len(s.media["SSD"]) > 0 && len(s.media["HDD"]) == 0 {
		return "SSD"
	}
	return "HDD"
}

// settleMedia gives devices that do not say the media type of their pool.
func (l *Layout) settleMedia() {
	media := map[spec.Pool]string{}
	for _, p := range l.Pools {
		if media[p.Pool] = "HDD"; oneMedia(p.Media) {
			media[p.Pool] = p.Media
		}
	}
	for i := range l.SDSs {
		for j := range l.SDSs[i].Devices {
			d := &l.SDSs[i].Devices[j]
			d.Media = cmp.Or(d.Media, media[d.Pool])
		}
	}
}

// smallestPool in bytes (scaleio.md §5.1).
const smallestPool = 300 * gigabyte

func (p *planner) judgeCapacity(s *stock) {
	if total, _, _ := s.total(); total < smallestPool {
		p.report(ruleCapacity, Warning, "pool %s has %s; ScaleIO wants at least %s", s.pool, spec.Size(total), spec.Size(smallestPool))
	}
	if most := p.now.limit("devicePerStoragePool", 300); uint64(s.devices) > most {
		p.report(ruleCounts, s.severity(), "pool %s would have %d devices; at most %d are allowed", s.pool, s.devices, most)
	}
}

func (p *planner) judgeSpare(s *stock) {
	if s.now == nil || s.now.SparePercent >= s.pool.SparePercent {
		return
	}
	need := s.now.CapacityKB / 100 * uint64(s.pool.SparePercent)
	if s.now.CapacityKB > 0 && s.now.UsedKB+need > s.now.CapacityKB {
		p.report(ruleSpare, Warning, "pool %s needs %d %% spare capacity (it has %d %%), but %s of its %s are in use", s.pool, s.pool.SparePercent, s.now.SparePercent,
			spec.Size(s.now.UsedKB<<10), spec.Size(s.now.CapacityKB<<10))
	}
}

// judgeNames finds pools of one name in two domains, of which at least one is ours.
func (p *planner) judgeNames(l *Layout, stocks []*stock) {
	byName := map[string][]string{}
	for _, pool := range l.Pools {
		byName[pool.StoragePool] = append(byName[pool.StoragePool], pool.String())
	}
	for pool := range p.now.pools {
		if ours := byName[pool.StoragePool]; len(ours) > 0 && !slices.Contains(ours, pool.String()) {
			byName[pool.StoragePool] = append(ours, pool.String())
		}
	}
	fresh := map[string]bool{}
	for _, s := range stocks {
		fresh[s.pool.StoragePool] = fresh[s.pool.StoragePool] || s.now == nil
	}
	for name, pools := range byName {
		if len(pools) < 2 {
			continue
		}
		slices.Sort(pools)
		severity := Warning
		if fresh[name] {
			severity = Error
		}
		p.report(rulePoolName, severity, "pools %s have one name; REX-Ray would make volumes in either", strings.Join(pools, " and "))
	}
}

// district is a protection domain with everything in it.
type district struct {
	fresh             bool
	sdss, sets, pools map[string]bool
	lone              int // SDSs without a fault set
}

func (d *district) severity() Severity { return (&stock{fresh: d.fresh}).severity() }

// judgeDomains applies the rules for protection domains, and those for the system as a whole.
func (p *planner) judgeDomains(l *Layout, stocks []*stock) {
	domains := map[string]*district{}
	for _, name := range l.Domains {
		domains[name] = &district{sdss: map[string]bool{}, sets: map[string]bool{}, pools: map[string]bool{}}
	}
	everywhere := map[string]bool{}
	enter := func(sds, domain, set string) {
		everywhere[sds] = true
		d := domains[domain]
		if d == nil || d.sdss[sds] {
			return
		}
		d.sdss[sds] = true
		if set != "" {
			d.sets[set] = true
		} else {
			d.lone++
		}
	}
	for _, s := range l.SDSs {
		enter(s.Name, s.Domain, s.FaultSet)
	}
	for _, s := range p.now.sdss {
		enter(s.Name, s.Domain, s.FaultSet)
	}
	for pool := range p.now.pools {
		if d := domains[pool.ProtectionDomain]; d != nil {
			d.pools[pool.StoragePool] = true
		}
	}
	anything := false
	for _, s := range stocks {
		anything = anything || s.fresh
		if d := domains[s.pool.ProtectionDomain]; d != nil { // else its devices are in a pool of another domain than their SDS: not of our making
			d.pools[s.pool.StoragePool] = true
			d.fresh = d.fresh || s.fresh
		}
	}
	for name, d := range domains {
		p.judgeDomain(name, d)
	}
	total := len(p.now.domains)
	for _, name := range l.Domains {
		if p.now.domains[name] == nil {
			total++
		}
	}
	system := &district{fresh: anything}
	p.atMost(system, "the system", total, "protection domain", "protectionDomains", 256)
	p.atMost(system, "the system", len(everywhere), "SDS", "sdss", 1024)
}

func (p *planner) judgeDomain(name string, d *district) {
	where := "protection domain " + name
	p.atMost(d, where, len(d.sdss), "SDS", "sdssPerProtectionDomain", 128)
	p.atMost(d, where, len(d.pools), "pool", "storagePoolsPerProtectionDomain", 64)
	p.atMost(d, where, len(d.sets), "fault set", "faultSetsPerProtectionDomain", 64)
	if n := len(d.sets); n > 0 && n < 3 {
		p.report(ruleThreeFaultSets, d.severity(), "%s would have %s (%s); ScaleIO needs none or at least 3", where, count(n, "fault set"), strings.Join(slices.Sorted(maps.Keys(d.sets)), ", "))
	}
	if len(d.sets) > 0 && d.lone > 0 {
		p.report(ruleFaultSetForAll, Warning, "%s has %s and %s without one; each of these counts as a fault unit of its own", where, count(len(d.sets), "fault set"), count(d.lone, "SDS"))
	}
}

func (p *planner) atMost(d *district, where string, n int, what, limit string, otherwise uint64) {
	if most := p.now.limit(limit, otherwise); uint64(n) > most {
		p.report(ruleCounts, d.severity(), "%s would have %s; at most %d are allowed", where, count(n, what), most)
	}
}

func count(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
