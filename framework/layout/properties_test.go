package layout_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// situation is all that Plan is given.
type situation struct {
	spec     spec.ScaleIO
	nodes    []layout.Node
	observed *layout.Observed
}

func (s situation) plan() *layout.Layout { return layout.Plan(&s.spec, s.nodes, s.observed) }

// drawSituation makes a small world with many collisions in it: few names, few addresses, and a system in which some of the work was done.
func drawSituation(t *rapid.T) situation {
	s := situation{spec: spec.ScaleIO{
		Pools: spec.Pools{
			Mode:       rapid.SampledFrom([]spec.PoolMode{spec.Global, spec.Imperative}).Draw(t, "mode"),
			Default:    spec.Pool{ProtectionDomain: "d1", StoragePool: "p1"},
			Onboarding: rapid.SampledFrom([]spec.Onboarding{spec.Propose, spec.Auto}).Draw(t, "onboarding"),
			FaultSetBy: rapid.SampledFrom([]string{"", "", "", "@zone", "rack"}).Draw(t, "faultSetBy"),
		},
		Network: rapid.SampledFrom([]string{"", "", "10.0.0.0/16"}).Draw(t, "network"),
		Devices: spec.Devices{MinSize: 100 << 30},
		REXRay:  spec.REXRay{DefaultPool: rapid.SampledFrom([]string{"", "d1/p2"}).Draw(t, "default")},
	}}
	// Wild worlds find what is never thought of, but most of them are blocked; in calm ones most nodes are right, so that work is done.
	if wild := rapid.IntRange(0, 2).Draw(t, "wild") == 0; wild {
		for i := range rapid.IntRange(0, 8).Draw(t, "nodes") {
			s.nodes = append(s.nodes, drawNode(t, i))
		}
	} else {
		kinds := rapid.SampledFrom([][]int{{0}, {1}, {2}, {3}, {1, 2}, {0, 2}, {0, 1, 2, 3}}).Draw(t, "kinds")
		for i := range rapid.IntRange(4, 9).Draw(t, "nodes") {
			if rapid.IntRange(0, 5).Draw(t, "odd") == 0 {
				s.nodes = append(s.nodes, drawNode(t, i))
			} else {
				s.nodes = append(s.nodes, drawRightNode(t, i, kinds[i%len(kinds)]))
			}
		}
	}
	if rapid.Bool().Draw(t, "observed") {
		s.observed = drawObserved(t, s)
	}
	return s
}

func drawNode(t *rapid.T, i int) layout.Node {
	n := layout.Node{
		Name:      fmt.Sprintf("agent-%d", i),
		Zone:      rapid.SampledFrom([]string{"z1", "z2", "z3", ""}).Draw(t, "zone"),
		Addresses: []string{fmt.Sprintf("10.0.0.%d", i), "172.17.0.1"},
		Consent:   rapid.Bool().Draw(t, "consent"),
	}
	if rapid.IntRange(0, 9).Draw(t, "sameAddress") == 0 {
		n.Addresses[0] = "10.0.0.0"
	}
	if rapid.Bool().Draw(t, "attributes") {
		n.Attributes = drawAttributes(t)
	}
	for j := range rapid.IntRange(0, 4).Draw(t, "devices") {
		path := "/dev/sd" + string(rune('b'+j))
		d := inventory.Device{ID: fmt.Sprintf("wwn-0x%d%d", i, j), Path: path, Type: "disk", Links: []string{fmt.Sprintf("/dev/disk/by-id/wwn-0x%d%d", i, j)},
			Size:  rapid.SampledFrom([]uint64{50 << 30, 2 << 40, 2 << 40, 2 << 40, 4 << 40}).Draw(t, "size"),
			Media: rapid.SampledFrom([]string{"HDD", "HDD", "HDD", "SSD", ""}).Draw(t, "media")}
		switch rapid.IntRange(0, 12).Draw(t, "fact") {
		case 0:
			d.Signature = "ext4"
		case 1:
			d.ID, d.Links = path, nil
		case 2:
			d.ID = "wwn-0x00" // of another disk, too
		}
		n.Devices = append(n.Devices, d)
	}
	return n
}

// drawRightNode makes a node with nothing wrong. Kind 0 has no attributes (in pool mode global all its devices are looked for), 1 provides
// to one pool and consumes it by attribute, 2 only provides, 3 provides to two pools.
func drawRightNode(t *rapid.T, i, kind int) layout.Node {
	n := layout.Node{
		Name: fmt.Sprintf("agent-%d", i), Zone: fmt.Sprint("z", i%3), Addresses: []string{fmt.Sprintf("10.0.0.%d", i), "172.17.0.1"}, Consent: true,
		Attributes: []layout.Attribute{{Name: "rack", Text: fmt.Sprint("r ", i%3)}},
	}
	for j := range 3 {
		link := fmt.Sprintf("wwn-0x%d%d", i, j)
		n.Devices = append(n.Devices, inventory.Device{ID: link, Path: "/dev/sd" + string(rune('b'+j)), Type: "disk", Links: []string{"/dev/disk/by-id/" + link},
			Size: rapid.SampledFrom([]uint64{2 << 40, 2 << 40, 2<<40 + 5000, 3 << 40}).Draw(t, "size"), Media: "HDD"})
	}
	add := func(name, text string) {
		n.Attributes = append(n.Attributes, layout.Attribute{Name: name, Type: "TEXT", Text: text})
	}
	if kind == 0 {
		return n
	}
	add("scaleio-sds-domains", "d1")
	add("scaleio-sds-p1", "/dev/sdb")
	if kind == 3 {
		add("scaleio-sds-d1", "p1,p2")
		add("scaleio-sds-p2", "/dev/sdc,/dev/disk/by-id/"+n.Devices[2].ID)
	} else {
		add("scaleio-sds-d1", "p1")
	}
	if kind == 1 {
		add("scaleio-sdc-domains", "d1")
		add("scaleio-sdc-d1", "p1")
	}
	return n
}

func drawAttributes(t *rapid.T) []layout.Attribute {
	var all []layout.Attribute
	add := func(name string, values ...string) {
		if value := rapid.SampledFrom(values).Draw(t, name); value != "" {
			all = append(all, layout.Attribute{Name: name, Type: "TEXT", Text: value})
		}
	}
	add("scaleio-sds-domains", "d1", "d1", "d1", "d2", "d1,d2", "", "p1")
	add("scaleio-sds-d1", "p1", "p1,p2", "")
	add("scaleio-sds-d2", "p3", "")
	add("scaleio-sds-p1", "/dev/sdb", "/dev/sdb,/dev/sdc", "")
	add("scaleio-sds-p2", "/dev/sdd", "/dev/sdc", "")
	add("scaleio-sds-p3", "/dev/sdb", "/dev/sdx", "")
	add("scaleio-sdc-domains", "", "", "d1", "d1,d2")
	add("scaleio-sdc-d1", "p1", "p1,p2", "")
	add("scaleio-sdc-d2", "p3", "nobody", "")
	add("scaleio-fault-set", "", "", "f1", "f2", "f3")
	add("rack", "r1", "r 2", "r3", "")
	return all
}

// drawObserved makes a system in which a part of the work for a part of the nodes was done, and strangers live.
func drawObserved(t *rapid.T, s situation) *layout.Observed {
	o := &layout.Observed{ID: "1", APIVersion: "3.6"}
	if rapid.IntRange(0, 3).Draw(t, "started") > 0 && len(s.nodes) > 0 {
		earlier := situation{spec: s.spec, nodes: s.nodes[:max(rapid.IntRange(0, len(s.nodes)).Draw(t, "earlier"), len(s.nodes)*2/3)], observed: o}
		operations := layout.Diff(earlier.plan(), o)
		for _, op := range operations[:len(operations)*rapid.SampledFrom([]int{0, 2, 3, 4, 4}).Draw(t, "quarters done")/4] {
			apply(o, op)
		}
	}
	if rapid.IntRange(0, 3).Draw(t, "strangers") == 0 {
		o.Domains = append(o.Domains, layout.ObservedDomain{Name: "d9", State: "Active"})
		o.Pools = append(o.Pools, layout.ObservedPool{Name: rapid.SampledFrom([]string{"p1", "p9", "p9", "p9"}).Draw(t, "name"), Domain: "d9", SparePercent: 10, Ours: true})
		where := rapid.SampledFrom([]string{"d1", "d9"}).Draw(t, "where")
		o.SDSs = append(o.SDSs, layout.ObservedSDS{Name: "sds_10.0.0.1", Domain: where, Addresses: []string{"10.0.0.1"}})
		o.Devices = append(o.Devices, layout.ObservedDevice{ID: "f", SDS: "sds_10.0.0.1", Domain: where, Pool: "p1", Path: "/dev/sdb", CapacityKB: 1 << 31})
	}
	for i := range o.Pools {
		o.Pools[i].Ours = rapid.Bool().Draw(t, "ours")
	}
	return o
}

// TestPlanIsIndependentOfOrder: the same input in any order gives the same layout, and changes nothing in its input.
func TestPlanIsIndependentOfOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSituation(t)
		before := text(s.nodes) + text(s.observed)
		want := s.plan()
		if after := text(s.nodes) + text(s.observed); after != before {
			t.Fatalf("Plan changed its input: %s", gocmp.Diff(before, after))
		}
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		shuffle(r, s.nodes)
		for i := range s.nodes {
			s.nodes[i].Devices, s.nodes[i].Attributes = slices.Clone(s.nodes[i].Devices), slices.Clone(s.nodes[i].Attributes)
			shuffle(r, s.nodes[i].Devices)
			shuffle(r, s.nodes[i].Attributes)
		}
		if o := s.observed; o != nil {
			shuffle(r, o.Domains)
			shuffle(r, o.FaultSets)
			shuffle(r, o.Pools)
			shuffle(r, o.SDSs)
			shuffle(r, o.Devices)
		}
		got := s.plan()
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		if diff := gocmp.Diff(layout.Diff(want, s.observed), layout.Diff(got, s.observed)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func shuffle[T any](r *rand.Rand, all []T) {
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
}

func text(v any) string {
	b, _ := json.Marshal(v)
	return string(b)
}

// TestEveryDeviceHasOneVerdict, sorted; what is taken is in exactly one SDS, passes every check or is attached already, and belongs to no
// node with an error unless it is attached.
func TestEveryDeviceHasOneVerdict(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSituation(t)
		l := s.plan()
		var want, got []string
		for _, n := range s.nodes {
			for _, d := range n.Devices {
				want = append(want, n.Name+" "+d.Path)
			}
		}
		slices.Sort(want)
		wrong := map[string]bool{}
		for _, p := range l.Problems {
			wrong[p.Node] = wrong[p.Node] || p.Severity == layout.Error
			if p.Message == "" || p.Fix == "" || strings.ContainsAny(p.Message+p.Fix, "\n\r") || p.Node != "" && !strings.Contains(p.Message, "agent "+p.Node) {
				t.Fatalf("not a sentence for an operator: %+v", p)
			}
		}
		placed := map[string]layout.Device{}
		for _, sds := range l.SDSs {
			for _, d := range sds.Devices {
				key := sds.Node + " " + d.Path
				if _, twice := placed[key]; twice {
					t.Fatalf("%s is placed twice", key)
				}
				placed[key] = d
				if d.Pool.ProtectionDomain != sds.Domain && d.Attached == "" {
					t.Fatalf("%s of SDS in %s goes to %s", key, sds.Domain, d.Pool)
				}
			}
		}
		for _, v := range l.Verdicts {
			key := v.Node + " " + v.Device.Path
			got = append(got, key)
			d, in := placed[key]
			switch {
			case v.Reason == "":
				t.Fatalf("%s has no reason", key)
			case in != (v.Outcome == layout.Taken), (v.Pool == nil) != (v.Outcome == layout.Refused):
				t.Fatalf("%s is %s, in an SDS: %v, pool %v", key, v.Outcome, in, v.Pool)
			case v.Outcome == layout.Refused || d.Attached != "":
			case len(inventory.Examine(v.Device, layout.DeviceLimits(s.spec.Devices))) > 0:
				t.Fatalf("%s is %s, but a check refuses it", key, v.Outcome)
			case v.Outcome == layout.Taken && wrong[v.Node]:
				t.Fatalf("%s is taken, but its agent has an error", key)
			}
		}
		if !slices.Equal(want, got) {
			t.Fatalf("verdicts of\n%q\nexpected\n%q", got, want)
		}
	})
}

// TestDiffConverges: carrying everything out leaves nothing to do; after any prefix exactly the rest is left; an operation comes after all
// that it needs; a blocked layout touches nothing.
func TestDiffConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSituation(t)
		if s.observed == nil {
			s.observed = &layout.Observed{}
		}
		l := s.plan()
		operations := layout.Diff(l, s.observed)
		if l.Blocked() && len(operations) > 0 {
			t.Fatal("blocked, and yet there is something to do")
		}
		seen := map[string]bool{}
		for _, op := range operations {
			for _, key := range op.After {
				if !seen[key] {
					t.Fatalf("%s comes after %s, which comes later or never", op.Key(), key)
				}
			}
			if seen[op.Key()] {
				t.Fatalf("%s twice", op.Key())
			}
			seen[op.Key()] = true
		}
		for i, op := range operations {
			apply(s.observed, op)
			if diff := gocmp.Diff(keys(operations[i+1:]), keys(layout.Diff(l, s.observed))); diff != "" {
				t.Fatalf("after %s: %s", op.Key(), diff)
			}
		}
		if l.Blocked() {
			return
		}
		for _, sds := range l.SDSs { // what we did not make may be in any state
			if missing := layout.Converged(&layout.Layout{SDSs: []layout.SDS{sds}}, s.observed); len(missing) > 0 && !strings.HasPrefix(sds.Name, "sds_") {
				t.Fatal(missing)
			}
		}
		// Planned anew, the system may at most want a spare percentage corrected by what ScaleIO keeps for itself.
		for range 2 {
			l = s.plan()
			for _, op := range layout.Diff(l, s.observed) {
				if op.Kind != layout.SetSpare {
					t.Fatalf("planned anew: %s", op.Key())
				}
				apply(s.observed, op)
			}
		}
		if left := layout.Diff(s.plan(), s.observed); len(left) > 0 {
			t.Fatalf("never at rest: %v", keys(left))
		}
	})
}

func keys(operations []layout.Operation) []string {
	all := make([]string, len(operations))
	for i, op := range operations {
		all[i] = op.Key()
	}
	return all
}

// TestAnyOrderThatAfterAllows: the scheduler runs operations side by side; any order that After allows ends in the same system.
func TestAnyOrderThatAfterAllows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSituation(t)
		s.observed = &layout.Observed{}
		l := s.plan()
		left := layout.Diff(l, s.observed)
		done := map[string]bool{}
		for len(left) > 0 {
			var ready []int
			for i, op := range left {
				if !slices.ContainsFunc(op.After, func(key string) bool { return !done[key] }) {
					ready = append(ready, i)
				}
			}
			if len(ready) == 0 {
				t.Fatalf("nothing can go on: %v", keys(left))
			}
			i := rapid.SampledFrom(ready).Draw(t, "next")
			check(t, s.observed, left[i])
			apply(s.observed, left[i])
			done[left[i].Key()] = true
			left = slices.Delete(left, i, i+1)
		}
		if again := layout.Diff(l, s.observed); len(again) > 0 {
			t.Fatal(keys(again))
		}
	})
}

// check refuses what a gateway would refuse: something to be made in what is not there.
func check(t *rapid.T, o *layout.Observed, op layout.Operation) {
	has := func(ok bool, what string) {
		if !ok {
			t.Fatalf("%s without its %s", op.Key(), what)
		}
	}
	domain := slices.ContainsFunc(o.Domains, func(d layout.ObservedDomain) bool { return d.Name == op.Domain })
	pool := slices.ContainsFunc(o.Pools, func(p layout.ObservedPool) bool {
		return p.Name == op.Pool.StoragePool && p.Domain == op.Pool.ProtectionDomain
	})
	switch op.Kind {
	case layout.CreateFaultSet, layout.CreatePool:
		has(domain, "domain")
	case layout.SetSpare:
		has(pool, "pool")
	case layout.CreateSDS:
		has(domain, "domain")
		has(op.FaultSet == "" || slices.ContainsFunc(o.FaultSets, func(f layout.ObservedFaultSet) bool { return f.Name == op.FaultSet && f.Domain == op.Domain }), "fault set")
	case layout.AddDevice:
		has(pool, "pool")
		has(slices.ContainsFunc(o.SDSs, func(s layout.ObservedSDS) bool { return s.Name == op.SDS.Name }), "SDS")
	}
}

// TestSpareHoldsTheLargestUnit: with nothing there yet the arithmetic is exact, and one percent less would not do.
func TestSpareHoldsTheLargestUnit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSituation(t)
		s.observed = nil
		l := s.plan()
		for _, pool := range l.Pools {
			units, total := map[string]uint64{}, uint64(0)
			for _, sds := range l.SDSs {
				for _, d := range sds.Devices {
					if d.Pool == pool.Pool {
						units[cmp.Or(sds.FaultSet, sds.Name)] += uint64(d.Size)
						total += uint64(d.Size)
					}
				}
			}
			largest := uint64(0)
			for _, size := range units {
				largest = max(largest, size)
			}
			spare := uint64(pool.SparePercent)
			if len(units) > 1 && total*spare < 100*largest || spare > 0 && total*(spare-1) >= 100*largest {
				t.Fatalf("pool %s: %d %% of %d for %d", pool, spare, total, largest)
			}
			if len(units) < 3 && !l.Blocked() {
				t.Fatalf("pool %s has %d units, and the plan goes on", pool, len(units))
			}
		}
	})
}

// TestConsumersUseWhatIsThere: REX-Ray starts with none of its pools if it misses one.
func TestConsumersUseWhatIsThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSituation(t)
		l := s.plan()
		if !slices.IsSortedFunc(l.Consumers, func(a, b layout.Consumer) int { return cmp.Compare(a.Node, b.Node) }) {
			t.Fatal("not sorted")
		}
		for _, c := range l.Consumers {
			for i, pool := range c.Pools {
				there := s.observed == nil || slices.ContainsFunc(l.Pools, func(p layout.Pool) bool { return p.Pool == pool }) ||
					slices.ContainsFunc(s.observed.Pools, func(p layout.ObservedPool) bool {
						return p.Domain == pool.ProtectionDomain && p.Name == pool.StoragePool
					})
				if !there || slices.Contains(c.Pools[:i], pool) || i > 0 && pool.String() == s.spec.REXRay.DefaultPool {
					t.Fatalf("%s consumes %v", c.Node, c.Pools)
				}
			}
		}
	})
}
