package layout

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// decide finds the place of each device of one member, and then whether the member itself may take new ones.
func (p *planner) decide(m *member) {
	named := m.resolve(p)
	for i := range m.places {
		place := &m.places[i]
		wish := named[i]
		switch {
		case place.attached != nil:
			p.keep(m, place, wish)
		case wish != nil:
			p.takeNamed(m, place, wish)
		default:
			p.discover(m, place)
		}
	}
	if m.fresh() {
		p.admit(m)
	}
}

// resolve finds the device that each wish means, by path, link or id; named holds for each place its wish, or nil.
func (m *member) resolve(p *planner) (named []*Provision) {
	named = make([]*Provision, len(m.places))
	for i := range m.wishes.Provides {
		provision := &m.wishes.Provides[i]
		for _, text := range provision.Devices {
			at := slices.IndexFunc(m.places, func(p place) bool {
				return text == p.device.Path || text == p.device.ID || slices.Contains(p.device.Links, text)
			})
			switch {
			case at < 0:
				p.fail(m, ruleUnknownDevice, "attribute %s: %s", provision.Attribute, m.unknown(text))
			case named[at] == nil:
				named[at] = provision
			case named[at].Pool != provision.Pool:
				p.fail(m, ruleTwoPools, "attributes %s and %s name device %s for two pools, %s and %s; expected one",
					named[at].Attribute, provision.Attribute, m.places[at].device.Path, named[at].Pool, provision.Pool)
			default:
				p.fail(m, ruleEmptyItem, "attribute %s names device %s twice, as %s, too; it counts once", provision.Attribute, m.places[at].device.Path, oneLine(text))
			}
		}
	}
	return named
}

// unknown says what is known instead of a device that is not there.
func (m *member) unknown(text string) string {
	var paths []string
	for _, p := range m.places {
		if slices.Contains(p.device.Partitions, text) {
			return fmt.Sprintf("check type refuses %s: it is a partition of %s; expected a whole disk", oneLine(text), p.device.Path)
		}
		paths = append(paths, p.device.Path)
	}
	if len(paths) == 0 {
		return fmt.Sprintf("check exists refuses %s: the agent reports no device at all", oneLine(text))
	}
	return fmt.Sprintf("check exists refuses %s: the agent has no such device; it has %s", oneLine(text), some(paths, 8))
}

// keep leaves an attached device where it is, whatever else is true of it now.
func (p *planner) keep(m *member, place *place, wish *Provision) {
	o := place.attached
	place.pool = spec.Pool{ProtectionDomain: o.Domain, StoragePool: o.Pool}
	place.outcome, place.reason = Taken, fmt.Sprintf("is attached to SDS %s already", o.SDS)
	switch {
	case wish != nil && wish.Pool != place.pool:
		p.fail(m, ruleElsewhere, "attribute %s names device %s for pool %s, but it is attached in pool %s", wish.Attribute, place.device.Path, wish.Pool, place.pool)
	case wish == nil && !m.unheard && !p.discovers(m):
		place.reason += ", and no attribute names it: it stays, because nothing is removed by itself"
		p.fail(m, ruleUnwished, "device %s is attached in pool %s, and no attribute names it; it stays", place.device.Path, place.pool)
	}
}

// takeNamed takes a device that an attribute names, if it is safe.
func (p *planner) takeNamed(m *member, place *place, wish *Provision) {
	place.pool, place.refusals = wish.Pool, p.examine(place.device)
	if len(place.refusals) == 0 {
		place.outcome, place.reason = Taken, fmt.Sprintf("is named by attribute %s and passes every check", wish.Attribute)
		p.warnOfSize(m, place.device)
		return
	}
	place.outcome, place.reason = Refused, reasons(place.refusals)
	for _, r := range place.refusals {
		p.fail(m, ruleRefusedDevice, "attribute %s: check %s refuses device %s: %s", wish.Attribute, r.Check, place.device.Path, r.Reason)
	}
}

// discover decides about a device that nothing names.
func (p *planner) discover(m *member, place *place) {
	place.refusals = p.examine(place.device)
	why := ""
	switch {
	case m.unheard:
		why = "held back with its agent: " + m.why
	case p.discovers(m):
	case m.wishes.Imperative && len(m.wishes.Provides) == 0:
		why = "the attributes of its agent let it consume only"
	case m.wishes.Imperative:
		why = "no attribute of its agent names it"
	default:
		why = fmt.Sprintf("its agent has no attributes, and pool mode %s takes only what they name", p.spec.Pools.Mode)
	}
	switch consent := m.node.Consent || m.node.Consented[place.device.ID] || p.spec.Pools.Onboarding == spec.Auto; {
	case why != "" && len(place.refusals) > 0:
		place.outcome, place.reason = Refused, why+"; "+reasons(place.refusals)
	case why != "":
		place.outcome, place.reason = Refused, why
	case len(place.refusals) > 0:
		place.outcome, place.reason = Refused, reasons(place.refusals)
	case consent:
		place.pool, place.outcome, place.reason = p.spec.Pools.Default, Taken, "passes every check, and pool mode global takes it"
		p.warnOfSize(m, place.device)
	default:
		place.pool, place.outcome, place.reason = p.spec.Pools.Default, Proposed, "passes every check, and waits for consent (pool.onboarding is propose)"
	}
}

func reasons(refusals []inventory.Refusal) string {
	all := make([]string, len(refusals))
	for i, r := range refusals {
		all[i] = r.Reason
	}
	return strings.Join(all, "; ")
}

// admit asks whether the member may get a new device: its address, its standing SDS, its fault set.
func (p *planner) admit(m *member) {
	if m.unset != nil {
		p.say(m, *m.unset)
	}
	s := m.standing
	switch {
	case s == nil && len(m.node.Addresses) == 0:
		p.fail(m, ruleAddress, "it reports no address")
	case s == nil && m.address == "":
		p.fail(m, ruleAddress, "none of its addresses (%s) is in network %s", some(m.node.Addresses, 8), p.spec.Network)
	case s == nil:
	case s.Domain != m.domain:
		p.fail(m, ruleStandingSDS, "ScaleIO has SDS %s (%s) for it in protection domain %s; wished for is domain %s", s.Name, strings.Join(s.Addresses, ", "), s.Domain, m.domain)
	case !slices.ContainsFunc(s.Addresses, func(a string) bool { return slices.Contains(m.node.Addresses, a) }):
		p.fail(m, ruleStandingSDS, "ScaleIO has SDS %s at %s, but the agent reports %s", s.Name, strings.Join(s.Addresses, ", "), some(m.node.Addresses, 8))
	case m.unset == nil && s.FaultSet != m.set:
		p.fail(m, ruleStandingFaultSet, "its SDS %s is in %s; wished for is %s", s.Name, inSet(s.FaultSet), inSet(m.set))
	}
}

func inSet(name string) string {
	if name == "" {
		return "no fault set"
	}
	return "fault set " + name
}

// Sizes of devices in bytes (scaleio.md §5.1): 100 GB with the margin that makes up for GB meant as GiB; and the most that we are sure of.
const (
	gigabyte       = 1e9
	smallestDevice = 96 * gigabyte
	largestDevice  = 8 << 40
	deviceSizeInGb = "mediumGranularityDeviceSizeInGb"
)

// examine asks the checks, and the system's own limits in the name of the check size.
func (p *planner) examine(d *inventory.Device) []inventory.Refusal {
	refusals := inventory.Examine(*d, p.limits)
	if d.Size == 0 || slices.ContainsFunc(refusals, func(r inventory.Refusal) bool { return r.Check == "size" }) {
		return refusals
	}
	least, most := uint64(smallestDevice), uint64(0)
	if l, ok := p.now.limits[deviceSizeInGb]; ok {
		least, most = l.Min*(smallestDevice/100), l.Max<<30
	}
	switch {
	case d.Size < least:
		refusals = append(refusals, inventory.Refusal{Check: "size", Reason: fmt.Sprintf("%s has %s, and ScaleIO takes devices from %s on", d.Path, spec.Size(d.Size), spec.Size(least))})
	case most > 0 && d.Size > most:
		refusals = append(refusals, inventory.Refusal{Check: "size", Reason: fmt.Sprintf("%s has %s, and ScaleIO takes devices up to %s", d.Path, spec.Size(d.Size), spec.Size(most))})
	}
	return refusals
}

func (p *planner) warnOfSize(m *member, d *inventory.Device) {
	if _, stated := p.now.limits[deviceSizeInGb]; !stated && d.Size > largestDevice {
		p.fail(m, ruleDeviceSize, "device %s has %s, more than %s; the system states no limit, so it may refuse the device", d.Path, spec.Size(d.Size), spec.Size(largestDevice))
	}
}
