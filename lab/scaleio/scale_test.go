package scaleio_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/dcos-scaleio/scaleio/lab/scaleio"
)

// many is a system of n SDSs with a device each in one pool, n SDCs and n volumes, each mapped to one.
func many(t testing.TB, n int) (*scaleio.System, string) {
	t.Helper()
	s := scaleio.New(scaleio.Config{MDMs: []string{"10.9.0.1"}, Lenient: true, MoveRate: -1})
	shot := scaleio.Snapshot{Domains: []scaleio.DomainSnapshot{{Name: "pd"}}, Pools: []scaleio.PoolSnapshot{{Name: "pool", Domain: "pd"}}}
	for i := range n {
		ip := fmt.Sprintf("10.%d.%d.%d", i/65536, i/256%256, i%256+1)
		sdc := fmt.Sprintf("%016x", 0xc000_0000_0000_0000+uint64(i))
		shot.SDSs = append(shot.SDSs, scaleio.SDSSnapshot{Name: ip, Domain: "pd", IPs: []string{ip}})
		shot.Devices = append(shot.Devices, scaleio.DeviceSnapshot{SDS: ip, Pool: "pool", Path: "/dev/sdb", CapacityKB: 1024 * gib})
		shot.SDCs = append(shot.SDCs, scaleio.SDCSnapshot{ID: sdc, GUID: "GUID-" + ip, IP: ip, Connected: true})
		shot.Volumes = append(shot.Volumes, scaleio.VolumeSnapshot{Name: ip, Domain: "pd", Pool: "pool", SizeKB: 8 * gib, MappedTo: []string{sdc}})
	}
	if err := s.Load(shot); err != nil {
		t.Fatal(err)
	}
	return s, s.Snapshot().Pools[0].ID
}

// turns are calls that are about a few objects: what they cost must not depend on how many there are.
func turns(c *client, pool string) map[string]func() {
	s := c.s
	one := s.Snapshot()
	sds, sdc, volume := one.SDSs[len(one.SDSs)/2], one.SDCs[len(one.SDCs)/2], one.Volumes[len(one.Volumes)/2]
	return map[string]func(){
		"device": func() {
			id := c.create("Device", o{"deviceCurrentPathname": "/dev/sdc", "sdsId": sds.ID, "storagePoolId": pool})
			c.act("Device", id, "removeDevice", nil)
		},
		"volume": func() {
			id := c.create("Volume", o{"name": "new", "storagePoolId": pool, "volumeSizeInGb": "8"})
			c.act("Volume", id, "addMappedSdc", o{"sdcId": sdc.ID})
			c.act("Volume", id, "removeMappedSdc", o{"sdcId": sdc.ID})
			c.act("Volume", id, "removeVolume", nil)
		},
		"loss":   func() { s.StopSDS(sds.IPs[0]); s.StartSDS(sds.IPs[0], nil) },
		"get":    func() { c.get("Sds", sds.ID); c.get("Volume", volume.ID) },
		"key":    func() { c.must("POST", "/api/types/Volume/instances/action/queryIdByKey", o{"name": volume.Name}) },
		"stats":  func() { c.stats("StoragePool", pool) },
		"spread": func() { c.must("GET", "/api/instances/Sds::"+sds.ID+"/relationships/Device", nil) },
		"sds": func() {
			id := c.create("Sds", o{"name": "new", "protectionDomainId": c.get("StoragePool", pool)["protectionDomainId"], "sdsIpList": []o{{"ip": "10.255.0.1"}}})
			c.act("Sds", id, "removeSds", nil)
		},
	}
}

// TestCostDoesNotGrow compares a turn among 30 with one among 1000: thirty times as many must not cost four times as much.
func TestCostDoesNotGrow(t *testing.T) {
	if testing.Short() {
		t.Skip("measures time")
	}
	cost := func(n int) map[string]time.Duration {
		s, pool := many(t, n)
		c := newClient(t, s)
		best := map[string]time.Duration{}
		for name, turn := range turns(c, pool) {
			for range 5 { // the least of several: the machine does other things, too
				start := time.Now()
				for range 20 {
					turn()
				}
				if took := time.Since(start); best[name] == 0 || took < best[name] {
					best[name] = took
				}
			}
		}
		return best
	}
	few, lots := cost(30), cost(1000)
	for name := range few {
		if ratio := float64(lots[name]) / float64(few[name]); ratio > 4 {
			t.Errorf("%s: %v among 30, %v among 1000: %.1f times", name, few[name]/20, lots[name]/20, ratio)
		}
	}
}

func BenchmarkTurn(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		s, pool := many(b, n)
		c := newClient(b, s)
		for name, turn := range turns(c, pool) {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				for b.Loop() {
					turn()
				}
			})
		}
	}
}

func BenchmarkListSDSs(b *testing.B) {
	s, _ := many(b, 1000)
	c := newClient(b, s)
	for b.Loop() {
		c.must("GET", "/api/types/Sds/instances", nil)
	}
}

// TestManyAtOnce is for the race detector: clients, nodes, faults and lookers at the same time.
func TestManyAtOnce(t *testing.T) {
	s, pool := many(t, 10)
	w := serve(t, s)
	host := &node{s: s}
	var all sync.WaitGroup
	run := func(work func(i int)) {
		all.Go(func() {
			for i := range 10 {
				work(i)
			}
		})
	}
	for n := range 4 {
		run(func(i int) {
			name := fmt.Sprintf("v-%d-%d", n, i)
			if code, body, err := w.do(t.Context(), "POST", "/api/types/Volume/instances", `{"name":"`+name+`","storagePoolId":"`+pool+`","volumeSizeInGb":8}`); err != nil || code != 200 {
				t.Errorf("%d %s %v", code, body, err)
			}
		})
		run(func(int) {
			if code, _, err := w.do(t.Context(), "GET", "/api/instances", ""); err != nil || code != 200 {
				t.Errorf("%d %v", code, err)
			}
		})
	}
	run(func(i int) { s.StopSDS("10.0.0.5"); s.StartSDS("10.0.0.5", nil) })
	run(func(i int) {
		if _, err := s.ConnectSDC("GUID-NEW", "10.7.0.1", host); err != nil {
			t.Error(err)
		}
		s.DisconnectSDC("GUID-NEW")
	})
	run(func(int) { s.Snapshot(); s.Calls(); s.DrvCfg("GUID-10.0.0.1") })
	run(func(int) { s.Faults().Inject(scaleio.Fault{Method: "PATCH"})(); s.Faults().HideLinks(false) })
	all.Wait()
	if n := len(s.Snapshot().Volumes); n != 10+40 {
		t.Errorf("%d volumes", n)
	}
}
