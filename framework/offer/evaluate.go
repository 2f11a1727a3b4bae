package offer

import (
	"fmt"
	"math"
	"slices"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// Need is what a pod wants of an agent.
type Need struct {
	Role                string // of the framework; "" is "*"
	CPUs, MemMB, DiskMB float64
	Placement           Rule
}

// Decision is what to do with an offer, and why.
type Decision struct {
	Fits bool
	// Reasons are all that speak against it, in words; empty if it fits.
	Reasons []string
	// Resources are those to take, exactly as much as is needed, with the roles, reservations and allocation_info that
	// the offer has; nil if it does not fit. They share what they do not change with the offer.
	Resources mesos.Resources
}

// Evaluate decides whether o fits need beside the pods that run. It leaves o as it is.
func Evaluate(need Need, o *mesos.Offer, running []Placed) Decision {
	var d Decision
	if role := o.GetAllocationInfo().GetRole(); role != "" && role != need.role() {
		d.Reasons = append(d.Reasons, fmt.Sprintf("allocated to role %s, wanted role %s", role, need.role()))
	}
	for _, want := range need.amounts() {
		taken, why := take(want, need.role(), o.Resources)
		if why != "" {
			d.Reasons = append(d.Reasons, why)
		}
		d.Resources = append(d.Resources, taken...)
	}
	d.Reasons = append(d.Reasons, need.Placement.Explain(placeOf(o), running)...)
	if d.Fits = len(d.Reasons) == 0; !d.Fits {
		d.Resources = nil
	}
	return d
}

func (n Need) role() string {
	if n.Role == "" {
		return mesos.DefaultRole
	}
	return n.Role
}

// amount is how much of a scalar resource is wanted.
type amount struct {
	name, unit string
	much       milli
}

func (n Need) amounts() []amount {
	return []amount{{"cpus", "", milliOf(n.CPUs)}, {"mem", " MB", milliOf(n.MemMB)}, {"disk", " MB", milliOf(n.DiskMB)}}
}

// milli is a thousandth: Mesos computes scalars with three decimals.
type milli int64

// milliOf reads what is no amount (negative, NaN) as nothing.
func milliOf(f float64) milli {
	if !(f > 0) {
		return 0
	}
	return milli(math.Round(min(f*1000, 1<<53)))
}

func (m milli) String() string { return plain(m.value()) }
func (m milli) value() float64 { return float64(m) / 1000 }

// take gives pieces of resources that make up want, those reserved for role first, or says why they do not.
func take(want amount, role string, resources []mesos.Resource) (taken mesos.Resources, why string) {
	var usable []*mesos.Resource
	var others milli // the same thing, reserved for somebody else
	for i := range resources {
		r := &resources[i]
		switch {
		case r.Name != want.name || r.Scalar == nil:
		case !isPlain(r):
		case nearness(r, role) < 0 || isLabelled(r):
			others += milliOf(r.Scalar.Value)
		default:
			usable = append(usable, r)
		}
	}
	slices.SortStableFunc(usable, func(a, b *mesos.Resource) int { return nearness(b, role) - nearness(a, role) })
	missing := want.much
	var offered milli
	for _, r := range usable {
		have := milliOf(r.Scalar.Value)
		offered += have
		if piece := min(have, missing); piece > 0 {
			one := *r
			one.Scalar = &mesos.Value_Scalar{Value: piece.value()}
			taken, missing = append(taken, one), missing-piece
		}
	}
	if missing == 0 {
		return taken, ""
	}
	why = fmt.Sprintf("%s %v%s wanted, %v%s offered", want.name, want.much, want.unit, offered, want.unit)
	if others > 0 {
		why += fmt.Sprintf(" (and %v%s reserved for others)", others, want.unit)
	}
	return nil, why
}

// isPlain says that r can be used by any task as it is: not revocable, not shared, no volume, no disk of its own, not of
// a resource provider.
func isPlain(r *mesos.Resource) bool {
	return r.Disk == nil && r.Revocable == nil && r.Shared == nil && r.ProviderID == nil
}

// isLabelled says that r was reserved with labels: frameworks that share a role write into them what is whose (the
// SDK's resource_id), and we reserve nothing.
func isLabelled(r *mesos.Resource) bool {
	if len(r.GetReservation().GetLabels().GetLabels()) > 0 {
		return true
	}
	return slices.ContainsFunc(r.Reservations, func(i mesos.Resource_ReservationInfo) bool { return len(i.GetLabels().GetLabels()) > 0 })
}

// nearness orders what a role may use: what is reserved for it, then for a role above it, then what is not reserved.
// What is reserved for anybody else is -1.
func nearness(r *mesos.Resource, role string) int {
	switch of := roleOf(r); {
	case of == mesos.DefaultRole:
		return 0
	case of == role:
		return 2
	case strings.HasPrefix(role, of+"/"):
		return 1
	}
	return -1
}

// roleOf gives the role that r is reserved for, "*" if none, in the format before and since reservation refinement.
func roleOf(r *mesos.Resource) string {
	if n := len(r.Reservations); n > 0 {
		return r.Reservations[n-1].GetRole()
	}
	return r.GetRole() // "*" by default
}
