package layout_test

import (
	"fmt"
	"testing"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// fleet makes n nodes with the given number of disks, in domains of 100 SDSs with a pool for every 12 nodes, so that all limits hold.
func fleet(n, disks int) []layout.Node {
	nodes := make([]layout.Node, n)
	for i := range nodes {
		domain, pool := fmt.Sprintf("d%03d", i/96), fmt.Sprintf("p%03d", i/12)
		list := ""
		for j := range disks {
			path := fmt.Sprintf("/dev/sd%c", 'b'+j)
			id := fmt.Sprintf("wwn-0x%04d%02d", i, j)
			nodes[i].Devices = append(nodes[i].Devices, inventory.Device{ID: id, Path: path, Size: 2 << 40, Media: "HDD", Type: "disk",
				Links: []string{"/dev/disk/by-id/ata-" + id, "/dev/disk/by-id/" + id}})
			list += path + ","
		}
		nodes[i].Name, nodes[i].Addresses = fmt.Sprintf("agent-%04d", i), []string{fmt.Sprintf("10.0.%d.%d", i/250, i%250+1)}
		nodes[i].Attributes = attributes("scaleio-sds-domains="+domain, "scaleio-sds-"+domain+"="+pool, "scaleio-sds-"+pool+"="+list[:len(list)-1])
	}
	return nodes
}

// roomy is a system that takes 2 000 SDSs, and more than 300 devices in a pool.
func roomy() *layout.Observed {
	return &layout.Observed{Limits: map[string]layout.ObservedLimit{"sdss": {Max: 4096}}}
}

func BenchmarkPlan(b *testing.B) {
	for _, size := range [][2]int{{16, 1}, {1000, 1}, {2000, 1}, {2000, 24}} {
		nodes := fleet(size[0], size[1])
		s := settings(spec.Imperative)
		empty, full := roomy(), roomy()
		l := layout.Plan(s, nodes, empty)
		if l.Blocked() || len(l.SDSs) != size[0] {
			b.Fatal(len(l.SDSs), l.Problems)
		}
		operations := layout.Diff(l, empty)
		for _, op := range operations {
			apply(full, op)
		}
		inPlace := layout.Plan(s, nodes, full)
		name := fmt.Sprintf("%dx%d", size[0], size[1])
		b.Run("plan/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				layout.Plan(s, nodes, empty)
			}
		})
		b.Run("plan-in-place/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				layout.Plan(s, nodes, full)
			}
		})
		b.Run("diff/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				layout.Diff(l, empty)
			}
		})
		b.Run("diff-in-place/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if left := layout.Diff(inPlace, full); len(left) > 0 {
					b.Fatal(keys(left[:1]))
				}
			}
		})
	}
}
