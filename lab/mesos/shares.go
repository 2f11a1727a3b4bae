package mesos

import (
	"cmp"
	"slices"
)

// shares are the books of the allocator: what roles and frameworks have, in use or on offer. They say who is served next.
type shares struct {
	cluster    amount
	roles      map[string]amount
	frameworks map[share]amount
}

type share struct{ role, framework string }

// amount is what dominant shares are made of: cpus, mem and disk in thousandths.
type amount [3]int64

func amountOf(b bag) amount {
	return amount{b.scalar("cpus"), b.scalar("mem"), b.scalar("disk")}
}

func (a amount) plus(b amount, sign int64) amount {
	for i := range a {
		a[i] += sign * b[i]
	}
	return a
}

// dominant is the largest part that a has of any kind of resource.
func (a amount) dominant(all amount) (part float64) {
	for i := range a {
		if all[i] > 0 {
			part = max(part, float64(a[i])/float64(all[i]))
		}
	}
	return part
}

// charge books what a framework gets (+1) or gives back (-1), to the roles that b is allocated to.
func (s *shares) charge(framework string, b bag, sign int64) {
	if s.roles == nil {
		s.roles, s.frameworks = map[string]amount{}, map[share]amount{}
	}
	for i := range b {
		one := share{b[i].like.GetAllocationInfo().GetRole(), framework}
		what := amountOf(b[i : i+1])
		book(s.roles, one.role, what, sign)
		book(s.frameworks, one, what, sign)
	}
}

func book[K comparable](accounts map[K]amount, key K, what amount, sign int64) {
	if sum := accounts[key].plus(what, sign); sum != (amount{}) {
		accounts[key] = sum
	} else {
		delete(accounts, key)
	}
}

// fair puts the claims in the order in which they are served: the role with the smallest dominant share first, by its weight, and in it the
// framework with the smallest one.
func (s *shares) fair(claims []claim, weights map[string]float64) {
	role := map[string]float64{}
	for _, c := range claims {
		weight := 1.0
		if w, ok := weights[c.role]; ok {
			weight = w
		}
		role[c.role] = s.roles[c.role].dominant(s.cluster) / weight
	}
	slices.SortStableFunc(claims, func(x, y claim) int {
		if x.role != y.role {
			return cmp.Or(cmp.Compare(role[x.role], role[y.role]), cmp.Compare(x.role, y.role))
		}
		return cmp.Compare(s.frameworks[share{x.role, x.framework.id()}].dominant(s.cluster), s.frameworks[share{y.role, y.framework.id()}].dominant(s.cluster))
	})
}

// use and release book what runs on an agent.

func (s *slave) use(framework string, b bag) {
	s.used = s.used.plus(b)
	s.agent.master.allocator.shares.charge(framework, b, 1)
}

func (s *slave) release(framework string, b bag) {
	s.used = s.used.minus(b)
	s.agent.master.allocator.shares.charge(framework, b, -1)
	s.agent.master.allocator.later(s)
}
