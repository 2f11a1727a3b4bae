package mesos

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gogo/protobuf/proto"
	api "github.com/mesos/mesos-go/api/v1/lib"
)

// bag is resources that can be added and subtracted: one item per identity (name, reservations, disk, allocation). The zero bag is
// empty; a bag is a value, its operations leave their operands alone.
type bag []item

// item is an amount of one resource. What it is stands in like, in the format of RESERVATION_REFINEMENT (no role) and without amount.
type item struct {
	key   string
	like  *api.Resource // shared, never changed
	milli int64         // Mesos counts scalars in thousandths
	spans []span        // sorted, disjoint, not adjacent
	set   []string      // sorted
}

type span struct{ begin, end uint64 }

// newBag reads resources, in either format of reservations.
func newBag(resources []api.Resource) bag {
	var b bag
	for i := range resources {
		b = b.plus(bag{newItem(&resources[i])})
	}
	return b.normal()
}

func newItem(r *api.Resource) item {
	var it item
	switch r.GetType() {
	case api.SCALAR:
		it.milli = int64(math.Round(r.GetScalar().GetValue() * 1000))
	case api.RANGES:
		for _, one := range r.GetRanges().GetRange() {
			it.spans = append(it.spans, span{one.Begin, one.End})
		}
		it.spans = joined(it.spans)
	case api.SET:
		it.set = slices.Sorted(slices.Values(r.GetSet().GetItem()))
	}
	like := *r
	like.Scalar, like.Ranges, like.Set = nil, nil, nil
	refine(&like)
	return it.as(like)
}

func (it item) as(like api.Resource) item {
	key, err := like.Marshal()
	if err != nil {
		key = []byte(like.String())
	}
	it.key, it.like = string(key), &like
	return it
}

// refine turns role and reservation into reservations, as the master does with everything that it is given.
func refine(r *api.Resource) {
	if len(r.Reservations) == 0 && r.GetRole() != "*" {
		info := api.Resource_ReservationInfo{Type: api.Resource_ReservationInfo_STATIC.Enum(), Role: r.Role}
		if r.Reservation != nil {
			info.Type, info.Principal, info.Labels = api.Resource_ReservationInfo_DYNAMIC.Enum(), r.Reservation.Principal, r.Reservation.Labels
		}
		r.Reservations = []api.Resource_ReservationInfo{info}
	}
	r.Role, r.Reservation = nil, nil
}

func joined(spans []span) []span {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.begin, b.begin) })
	var out []span
	for _, s := range spans {
		if last := len(out) - 1; last >= 0 && s.begin <= out[last].end+1 {
			out[last].end = max(out[last].end, s.end)
		} else {
			out = append(out, s)
		}
	}
	return out
}

func (it item) empty() bool { return it.milli <= 0 && len(it.spans) == 0 && len(it.set) == 0 }

func (b bag) normal() bag {
	return slices.DeleteFunc(b, item.empty)
}

func (b bag) find(key string) int {
	return slices.IndexFunc(b, func(it item) bool { return it.key == key })
}

func (b bag) plus(more bag) bag {
	sum := slices.Clone(b)
	for _, it := range more {
		at := sum.find(it.key)
		if at < 0 {
			sum = append(sum, it)
			continue
		}
		have := sum[at]
		have.milli += it.milli
		have.spans = joined(slices.Concat(have.spans, it.spans))
		have.set = slices.Compact(slices.Sorted(slices.Values(slices.Concat(have.set, it.set))))
		sum[at] = have
	}
	return sum
}

func (b bag) minus(less bag) bag {
	rest := slices.Clone(b)
	for _, it := range less {
		at := rest.find(it.key)
		if at < 0 {
			continue
		}
		have := rest[at]
		have.milli -= it.milli
		for _, s := range it.spans {
			have.spans = without(have.spans, s)
		}
		have.set = slices.DeleteFunc(slices.Clone(have.set), func(s string) bool { return slices.Contains(it.set, s) })
		rest[at] = have
	}
	return rest.normal()
}

func without(spans []span, cut span) []span {
	var out []span
	for _, s := range spans {
		if cut.end < s.begin || cut.begin > s.end {
			out = append(out, s)
			continue
		}
		if s.begin < cut.begin {
			out = append(out, span{s.begin, cut.begin - 1})
		}
		if s.end > cut.end {
			out = append(out, span{cut.end + 1, s.end})
		}
	}
	return out
}

// contains says whether less is a part of b.
func (b bag) contains(less bag) bool {
	for _, it := range less.normal() {
		at := b.find(it.key)
		if at < 0 || !b[at].contains(it) {
			return false
		}
	}
	return true
}

func (it item) contains(less item) bool {
	for _, s := range less.spans {
		if !slices.ContainsFunc(it.spans, func(have span) bool { return have.begin <= s.begin && s.end <= have.end }) {
			return false
		}
	}
	for _, s := range less.set {
		if !slices.Contains(it.set, s) {
			return false
		}
	}
	return it.milli >= less.milli
}

// each gives b with every identity changed by change.
func (b bag) each(change func(*api.Resource)) bag {
	var out bag
	for _, it := range b {
		like := *it.like
		change(&like)
		out = out.plus(bag{it.as(like)})
	}
	return out
}

// allocated marks what b holds as allocated to role, unless it is marked.
func (b bag) allocated(role string) bag {
	return b.each(func(r *api.Resource) {
		if r.AllocationInfo == nil {
			r.AllocationInfo = &api.Resource_AllocationInfo{Role: &role}
		}
	})
}

func (b bag) unallocated() bag { return b.each(func(r *api.Resource) { r.AllocationInfo = nil }) }

// allocatableTo gives what may be offered to a role: unreserved, reserved to it, or reserved to one of its ancestors.
func (b bag) allocatableTo(role string) bag {
	var out bag
	for _, it := range b {
		owner := reservedTo(it.like)
		if owner == "*" || owner == role || strings.HasPrefix(role, owner+"/") {
			out = append(out, it)
		}
	}
	return out
}

// scalar gives the amount of a scalar resource in thousandths, reserved or not.
func (b bag) scalar(name string) int64 {
	var sum int64
	for _, it := range b {
		if it.like.Name == name {
			sum += it.milli
		}
	}
	return sum
}

// offerable says whether b is worth an offer: --min_allocatable_resources=cpus:0.01|mem:32.
func (b bag) offerable() bool { return b.scalar("cpus") >= 10 || b.scalar("mem") >= 32000 }

// rangesFirst puts ranges and sets before scalars, as offers have them (01/005).
func (b bag) rangesFirst() bag {
	out := slices.Clone(b)
	slices.SortStableFunc(out, func(x, y item) int {
		return cmp.Compare(btoi(x.like.GetType() == api.SCALAR), btoi(y.like.GetType() == api.SCALAR))
	})
	return out
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// resources gives b as messages, reservations refined.
func (b bag) resources() []api.Resource {
	out := make([]api.Resource, 0, len(b))
	for _, it := range b {
		r := *it.like
		switch r.GetType() {
		case api.SCALAR:
			r.Scalar = &api.Value_Scalar{Value: float64(it.milli) / 1000}
		case api.RANGES:
			r.Ranges = &api.Value_Ranges{}
			for _, s := range it.spans {
				r.Ranges.Range = append(r.Ranges.Range, api.Value_Range{Begin: s.begin, End: s.end})
			}
		case api.SET:
			r.Set = &api.Value_Set{Item: it.set}
		}
		out = append(out, r)
	}
	return out
}

// downgraded gives b as messages in the format before RESERVATION_REFINEMENT: a role, and reservation when it is a dynamic one.
func (b bag) downgraded() []api.Resource {
	out := b.shown()
	for i := range out {
		out[i].Reservations = nil
	}
	return out
}

// shown gives b as messages in both formats, as operators see it.
func (b bag) shown() []api.Resource {
	out := b.resources()
	for i := range out {
		r := &out[i]
		r.Role = proto.String("*")
		if n := len(r.Reservations); n > 0 {
			last := r.Reservations[n-1]
			r.Role = last.Role
			if last.GetType() == api.Resource_ReservationInfo_DYNAMIC {
				r.Reservation = &api.Resource_ReservationInfo{Principal: last.Principal, Labels: last.Labels}
			}
		}
	}
	return out
}

// String prints b as Mesos puts resources into texts.
func (b bag) String() string {
	if len(b) == 0 {
		return "{}"
	}
	parts := make([]string, 0, len(b))
	for _, it := range b {
		parts = append(parts, it.String())
	}
	return strings.Join(parts, "; ")
}

func (it item) String() string {
	var out strings.Builder
	out.WriteString(it.like.Name)
	if info := it.like.AllocationInfo; info != nil {
		fmt.Fprintf(&out, "(allocated: %s)", info.GetRole())
	}
	if len(it.like.Reservations) > 0 {
		var stack []string
		for _, info := range it.like.Reservations {
			text := fmt.Sprintf("(%s,%s", info.GetType(), info.GetRole())
			if info.Principal != nil {
				text += "," + info.GetPrincipal()
			}
			stack = append(stack, text+")")
		}
		fmt.Fprintf(&out, "(reservations: [%s])", strings.Join(stack, ", "))
	}
	out.WriteString(":" + it.amount())
	return out.String()
}

func (it item) amount() string {
	switch it.like.GetType() {
	case api.RANGES:
		return rangesText(it.spans)
	case api.SET:
		return "{" + strings.Join(it.set, ", ") + "}"
	default:
		return strconv.FormatFloat(float64(it.milli)/1000, 'f', -1, 64)
	}
}

func rangesText(spans []span) string {
	parts := make([]string, 0, len(spans))
	for _, s := range spans {
		parts = append(parts, fmt.Sprintf("%d-%d", s.begin, s.end))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// reservedTo gives the role that a refined resource is reserved to, "*" for none.
func reservedTo(r *api.Resource) string {
	if n := len(r.Reservations); n > 0 {
		return r.Reservations[n-1].GetRole()
	}
	return "*"
}
