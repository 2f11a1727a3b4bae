package scaleio_test

import (
	"testing"
	"time"

	"github.com/dcos-scaleio/scaleio/lab/scaleio"
)

// rig is four SDSs with a disk of 1 TiB each in one pool, in strict mode, on a clock that the test moves; 1 GiB/s moves.
type rig struct {
	*client
	clock    *clock
	pd, pool string
	sds      map[string]string // ip → id
	ips      []string
}

func newRig(t *testing.T, change ...func(*scaleio.Config)) *rig {
	t.Helper()
	clock := newClock()
	config := scaleio.Config{APIVersion: "3.6", Name: "lab", MDMs: []string{"10.9.0.1", "10.9.0.2", "10.9.0.3"}, Now: clock.Now}
	for _, one := range change {
		one(&config)
	}
	s := scaleio.New(config)
	r := &rig{client: newClient(t, s), clock: clock, sds: map[string]string{}, ips: []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"}}
	r.pd = r.create("ProtectionDomain", o{"name": "pd"})
	r.pool = r.create("StoragePool", o{"name": "pool", "protectionDomainId": r.pd, "mediaType": "HDD", "sparePercentage": "25"})
	for _, ip := range r.ips {
		s.StartSDS(ip, disks)
		r.sds[ip] = r.create("Sds", o{"name": "sds-" + ip, "protectionDomainId": r.pd, "sdsIpList": []o{{"SdsIp": o{"ip": ip, "role": "all"}}}})
		r.create("Device", o{"deviceCurrentPathname": "/dev/sdb", "sdsId": r.sds[ip], "storagePoolId": r.pool, "name": "b"})
	}
	return r
}

// disks is what every node of a rig has. /dev/sdb and /dev/sdc are fit; each of the others is not, in its own way.
var disks = scaleio.DiskMap{
	"/dev/sda":     {Bytes: 1 << 40, Media: "HDD", Mounted: "/"},
	"/dev/sdb":     {Bytes: 1<<40 + 1<<20, Media: "HDD", Serial: "S1"},
	"/dev/sdc":     {Bytes: 1<<40 + 1<<20, Media: "HDD"},
	"/dev/parts":   {Bytes: 1 << 40, Media: "HDD", Partitioned: true},
	"/dev/content": {Bytes: 1 << 40, Media: "HDD", Content: "ext4"},
	"/dev/taken":   {Bytes: 1 << 40, Media: "HDD", Taken: true},
	"/dev/broken":  {Bytes: 1 << 40, Media: "HDD", Failed: true},
	"/dev/small":   {Bytes: 50 << 30, Media: "HDD"},
	"/dev/ssd":     {Bytes: 1 << 40, Media: "SSD"},
}

// volume makes a volume that is full.
func (r *rig) volume(name string, sizeGB int) string {
	r.t.Helper()
	id := r.create("Volume", o{"name": name, "storagePoolId": r.pool, "protectionDomainId": r.pd, "volumeSizeInGb": sizeGB})
	r.s.Write(id, int64(sizeGB)*gib)
	return id
}

func (r *rig) poolNow() scaleio.PoolSnapshot { return r.s.Snapshot().Pools[0] }

// TestLostSDS: what it held is degraded at once, is made anew at the system's rate, and the SDS shows as a real one did. When it is
// back it is given data again.
func TestLostSDS(t *testing.T) {
	r := newRig(t)
	r.volume("v", 800) // 1600 GiB of copies on four SDSs: 400 on each
	r.s.StopSDS("10.0.0.2")
	if p := r.poolNow(); p.DegradedKB != 400*gib || p.FailedKB != 0 || p.RebuildKB != 400*gib {
		t.Fatalf("just after the loss: %+v", p)
	}
	lost := r.get("Sds", r.sds["10.0.0.2"])
	for field, want := range map[string]any{"membershipState": "Decoupled", "mdmConnectionState": "Disconnected", "sdsState": "Normal", "softwareVersionInfo": nil,
		"rmcacheMemoryAllocationState": "RmcacheMemoryAllocationStateInvalid"} {
		if lost[field] != want {
			t.Errorf("the lost SDS has %s %v, want %v", field, lost[field], want)
		}
	}
	stats := r.stats("StoragePool", r.pool)
	total := 0.0
	for _, part := range []string{"protectedCapacityInKb", "degradedHealthyCapacityInKb", "degradedFailedCapacityInKb", "failedCapacityInKb"} {
		total += stats[part].(float64)
	}
	if total != stats["capacityInUseInKb"] {
		t.Errorf("the parts add up to %.0f, in use are %.0f", total, stats["capacityInUseInKb"])
	}
	r.clock.Advance(100 * time.Second)
	if p := r.poolNow(); p.DegradedKB != 300*gib {
		t.Errorf("after 100 s %d GiB are degraded, want 300", p.DegradedKB/gib)
	}
	r.clock.Advance(300 * time.Second)
	if p := r.poolNow(); p.DegradedKB != 0 || p.RebuildKB != 0 {
		t.Errorf("after the rebuild: %+v", p)
	}
	r.s.StartSDS("10.0.0.2", disks)
	if p := r.poolNow(); p.DegradedKB != 0 || p.RebalanceKB != 400*gib {
		t.Errorf("when it is back: %+v", p)
	}
	r.clock.Advance(400 * time.Second)
	if p := r.poolNow(); p.RebalanceKB != 0 {
		t.Errorf("after the rebalance: %+v", p)
	}
}

// TestLostSDSBackBeforeRebuild: it is brought up to date, and nothing is degraded any more.
func TestLostSDSBackBeforeRebuild(t *testing.T) {
	r := newRig(t)
	r.volume("v", 800)
	r.s.StopSDS("10.0.0.2")
	r.clock.Advance(100 * time.Second)
	r.s.StartSDS("10.0.0.2", disks)
	if p := r.poolNow(); p.DegradedKB == 0 || p.RebuildKB == 0 {
		t.Errorf("just back: %+v", p)
	}
	r.clock.Advance(400 * time.Second)
	if p := r.poolNow(); p.DegradedKB != 0 || p.RebuildKB != 0 || p.RebalanceKB != 0 {
		t.Errorf("up to date: %+v", p)
	}
}

// TestTwoLostSDSs: what lay on both is failed, and comes back with them.
func TestTwoLostSDSs(t *testing.T) {
	r := newRig(t)
	r.volume("v", 600) // 1200 GiB: of the 12 ordered pairs of SDSs, 2 are the lost ones, 8 hold one of them
	r.s.StopSDS("10.0.0.1")
	r.s.StopSDS("10.0.0.2")
	if p := r.poolNow(); p.FailedKB != 200*gib || p.DegradedKB != 400*gib || p.RebuildKB != 0 {
		t.Errorf("two lost: failed %d GiB, degraded %d GiB, want 200 and 400; %+v", p.FailedKB/gib, p.DegradedKB/gib, p)
	}
	r.s.StartSDS("10.0.0.1", disks)
	r.s.StartSDS("10.0.0.2", disks)
	r.clock.Advance(time.Hour)
	if p := r.poolNow(); p.FailedKB != 0 || p.DegradedKB != 0 {
		t.Errorf("both back: %+v", p)
	}
}

// TestFaultSetLost: the loss of a whole fault set fails nothing.
func TestFaultSetLost(t *testing.T) {
	s := scaleio.New(scaleio.Config{MDMs: []string{"10.9.0.1"}, Now: newClock().Now})
	shot := scaleio.Snapshot{
		Domains: []scaleio.DomainSnapshot{{Name: "pd", FaultSets: []scaleio.FaultSetSnapshot{{Name: "r1"}, {Name: "r2"}, {Name: "r3"}}}},
		Pools:   []scaleio.PoolSnapshot{{Name: "pool", Domain: "pd", SparePercent: 34}},
	}
	for i, rack := range []string{"r1", "r1", "r2", "r2", "r3", "r3"} {
		ip := []string{"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"}[i]
		s.StartSDS(ip, nil)
		shot.SDSs = append(shot.SDSs, scaleio.SDSSnapshot{Name: ip, Domain: "pd", FaultSet: rack, IPs: []string{ip}})
		shot.Devices = append(shot.Devices, scaleio.DeviceSnapshot{SDS: ip, Pool: "pool", Path: "/dev/sdb", CapacityKB: 1024 * gib})
	}
	shot.Volumes = []scaleio.VolumeSnapshot{{Name: "v", Domain: "pd", Pool: "pool", SizeKB: 600 * gib}}
	if err := s.Load(shot); err != nil {
		t.Fatal(err)
	}
	s.Write(s.Snapshot().Volumes[0].ID, 600*gib)
	s.StopSDS("10.0.0.1")
	s.StopSDS("10.0.0.2")
	if p := s.Snapshot().Pools[0]; p.FailedKB != 0 || p.DegradedKB != 400*gib {
		t.Errorf("a rack of three is lost: %+v", p)
	}
}

func TestRebuildNeedsPermissionAndRoom(t *testing.T) {
	r := newRig(t)
	r.volume("v", 800)
	r.act("StoragePool", r.pool, "setRebuildEnabled", o{"rebuildEnabled": "FALSE"})
	r.s.StopSDS("10.0.0.2")
	r.clock.Advance(time.Hour)
	if p := r.poolNow(); p.DegradedKB != 400*gib || p.RebuildKB != 0 {
		t.Errorf("rebuild is off: %+v", p)
	}
	r.act("StoragePool", r.pool, "setRebuildEnabled", o{"rebuildEnabled": "TRUE"})
	r.clock.Advance(time.Hour)
	if p := r.poolNow(); p.DegradedKB != 0 {
		t.Errorf("rebuild is on: %+v", p)
	}
	r.volume("w", 736) // with v 3072 GiB of copies: just what three are enough for
	r.s.StopSDS("10.0.0.3")
	r.clock.Advance(24 * time.Hour)
	if p := r.poolNow(); p.DegradedKB == 0 {
		t.Errorf("there is no room to rebuild: %+v", p)
	}
}

func TestDeviceTestTakesTime(t *testing.T) {
	r := newRig(t, func(c *scaleio.Config) { c.DeviceTest = time.Minute })
	r.clock.Advance(time.Minute)
	state := func(id string) string { return r.get("Device", id)["deviceState"].(string) }
	before := r.poolNow().CapacityKB
	add := func(ip string, more o) string {
		more["deviceCurrentPathname"], more["sdsId"], more["storagePoolId"] = "/dev/sdc", r.sds[ip], r.pool
		return r.create("Device", more)
	}
	tested, untested, only := add("10.0.0.1", o{}), add("10.0.0.2", o{"testMode": "noTest"}), add("10.0.0.3", o{"testMode": "testOnly", "testTimeSecs": "10"})
	if a, b := state(tested), state(untested); a != "InitialTest" || b != "Normal" {
		t.Errorf("at first: %s and %s", a, b)
	}
	r.clock.Advance(10 * time.Second)
	if a, b := state(tested), state(only); a != "InitialTest" || b != "InitialTestDone" {
		t.Errorf("after 10 s: %s and %s", a, b)
	}
	if got := r.poolNow().CapacityKB - before; got != 1024*gib {
		t.Errorf("the pool grew by %d GiB while two are tested", got/gib)
	}
	r.act("Sds", r.sds["10.0.0.3"], "activateDevices", nil)
	r.clock.Advance(50 * time.Second)
	if a, b := state(tested), state(only); a != "Normal" || b != "Normal" {
		t.Errorf("at last: %s and %s", a, b)
	}
	if got := r.poolNow().CapacityKB - before; got != 3*1024*gib {
		t.Errorf("the pool grew by %d GiB", got/gib)
	}
	r.refused("TGT_DEV_ALREADY_ACTIVE", "POST", "/api/instances/Device::"+only+"/action/activateDevice", o{"sdsId": r.sds["10.0.0.3"]})
}

// TestRemoveSDS: the data moves first; until then the removal can be taken back.
func TestRemoveSDS(t *testing.T) {
	r := newRig(t)
	r.volume("v", 400) // 200 GiB on each
	id := r.sds["10.0.0.4"]
	r.act("Sds", id, "removeSds", nil)
	if got := r.get("Sds", id)["sdsState"]; got != "RemovePending" {
		t.Errorf("the SDS is %v", got)
	}
	if p := r.poolNow(); p.MovingKB != 200*gib {
		t.Errorf("moving are %d GiB", p.MovingKB/gib)
	}
	r.refused("TGT_BEING_REMOVED", "POST", "/api/instances/Sds::"+id+"/action/removeSds", nil)
	r.clock.Advance(100 * time.Second)
	r.act("Sds", id, "abortRemoveSds", nil)
	r.clock.Advance(time.Hour)
	if got := r.get("Sds", id)["sdsState"]; got != "Normal" {
		t.Errorf("after the abort the SDS is %v", got)
	}
	r.act("Sds", id, "removeSds", nil)
	r.clock.Advance(200 * time.Second)
	r.refused("TGT_NOT_FOUND", "GET", "/api/instances/Sds::"+id, nil)
	if p := r.poolNow(); p.Devices != 3 || p.SDSs != 3 || p.CapacityKB != 3*1024*gib {
		t.Errorf("without it: %+v", p)
	}
	r.refused("NOT_ENOUGH_FSS_IN_STORAGE_POOL", "POST", "/api/instances/Sds::"+r.sds["10.0.0.3"]+"/action/removeSds", nil)
}

// TestRemoveLostSDS: only by force, and only once its data was made anew.
func TestRemoveLostSDS(t *testing.T) {
	r := newRig(t)
	r.volume("v", 400)
	id := r.sds["10.0.0.4"]
	r.s.StopSDS("10.0.0.4")
	r.refused("TGT_IS_DOWN", "POST", "/api/instances/Sds::"+id+"/action/removeSds", nil)
	r.act("Sds", id, "removeSds", o{"force": "TRUE"})
	r.clock.Advance(time.Second)
	if p := r.poolNow(); p.Devices != 4 || p.DegradedKB == 0 {
		t.Errorf("gone before its data was made anew: %+v", p)
	}
	r.clock.Advance(time.Hour)
	if p := r.poolNow(); p.Devices != 3 || p.DegradedKB != 0 {
		t.Errorf("not gone: %+v", p)
	}
}

func TestRemoveDevice(t *testing.T) {
	r := newRig(t)
	r.volume("v", 400)
	first := r.s.Snapshot().Devices[0].ID
	r.refused("NOT_ENOUGH_TGT_DEV", "POST", "/api/instances/Device::"+first+"/action/removeDevice", nil)
	second := r.create("Device", o{"deviceCurrentPathname": "/dev/sdc", "sdsId": r.sds["10.0.0.1"], "storagePoolId": r.pool})
	r.refused("DEV_IS_NOT_IN_ERROR", "POST", "/api/instances/Device::"+second+"/action/removeDevice", o{"forceRemove": "TRUE"})
	r.act("Device", second, "removeDevice", nil)
	r.refused("TGT_DEV_BEING_REMOVED", "POST", "/api/instances/Device::"+second+"/action/removeDevice", nil)
	r.act("Device", second, "abortRemoveDevice", nil)
	r.refused("DEV_NOT_UNDER_REMOVAL", "POST", "/api/instances/Device::"+second+"/action/abortRemoveDevice", nil)
	r.act("Device", second, "removeDevice", nil)
	r.clock.Advance(time.Hour)
	r.refused("TGT_DEVICE_NOT_FOUND", "GET", "/api/instances/Device::"+second, nil)
}

// TestBrokenDisk: its data is lost, its error shows until it is cleared, and it can be removed by force.
func TestBrokenDisk(t *testing.T) {
	r := newRig(t)
	r.volume("v", 400)
	device := r.s.Snapshot().Devices[1].ID
	if !r.s.FailDevice("10.0.0.2", "/dev/sdb") || r.s.FailDevice("10.0.0.2", "/dev/nowhere") {
		t.Error("FailDevice does not say what it knows")
	}
	if got := r.get("Device", device); got["errorState"] != "Error" || got["aggregatedState"] != "FailedNow" {
		t.Errorf("the device is %v, %v", got["errorState"], got["aggregatedState"])
	}
	if failed := r.must("POST", "/api/instances/Device/action/queryFailedDevices", nil).([]any); len(failed) != 1 {
		t.Errorf("failed devices are %v", failed)
	}
	if p := r.poolNow(); p.DegradedKB != 200*gib {
		t.Errorf("degraded are %d GiB", p.DegradedKB/gib)
	}
	r.refused("DEVICE_ERROR_CANNOT_BE_CLEARED", "POST", "/api/instances/Device::"+device+"/action/clearDeviceError", nil)
	r.s.HealDevice("10.0.0.2", "/dev/sdb")
	r.act("Device", device, "clearDeviceError", nil)
	r.clock.Advance(time.Hour)
	if p := r.poolNow(); p.DegradedKB != 0 || r.get("Device", device)["errorState"] != "None" {
		t.Errorf("healed: %+v", p)
	}
}

func TestMaintenance(t *testing.T) {
	r := newRig(t)
	r.volume("v", 400)
	id, other := r.sds["10.0.0.1"], r.sds["10.0.0.2"]
	state := func(id string) any { return r.get("Sds", id)["maintenanceState"] }
	const enter, exit = "/api/instances/System/action/enterMaintenanceMode", "/api/instances/System/action/exitMaintenanceMode"
	r.refused("TGT_NOT_IN_MM", "POST", exit, o{"sdsId": id})
	r.must("POST", enter, o{"sdsId": id})
	if got := state(id); got != "InMaintenance" {
		t.Errorf("instant maintenance is %v", got)
	}
	r.refused("TGT_ALREADY_IN_MM", "POST", enter, o{"sdsId": id})
	r.refused("TGT_MM_CONFILICT", "POST", enter, o{"sdsId": other})
	r.refused("TGT_MM_SDS_FAIL", "POST", "/api/instances/Sds::"+id+"/action/removeSds", nil)
	r.s.StopSDS("10.0.0.1")
	if p := r.poolNow(); p.DegradedKB != 0 {
		t.Errorf("an SDS in maintenance may be down: %+v", p)
	}
	if got := r.stats("StoragePool", r.pool)["inMaintenanceCapacityInKb"]; got != 200.0*gib {
		t.Errorf("in maintenance are %v KB", got)
	}
	r.refused("TGT_IS_DOWN", "POST", exit, o{"sdsId": id})
	r.s.StartSDS("10.0.0.1", disks)
	r.must("POST", exit, o{"sdsId": id})
	if got := state(id); got != "ExitMaintenanceInProgress" {
		t.Errorf("leaving maintenance is %v", got)
	}
	r.refused("TGT_EXIT_MAINTENANCE_IN_PROGRESS", "POST", exit, o{"sdsId": id})
	r.clock.Advance(time.Minute)
	if got := state(id); got != "NoMaintenance" {
		t.Errorf("after maintenance it is %v", got)
	}
}

func TestMaintenanceConditions(t *testing.T) {
	r := newRig(t)
	const enter = "/api/instances/System/action/enterMaintenanceMode"
	r.volume("v", 400)
	r.act("StoragePool", r.pool, "setRebuildEnabled", o{"rebuildEnabled": "FALSE"})
	r.refused("MM_FAILED_REBUILD_DISABLED_ON_SP", "POST", enter, o{"sdsId": r.sds["10.0.0.1"]})
	r.act("StoragePool", r.pool, "setRebuildEnabled", o{"rebuildEnabled": "TRUE"})
	r.s.StopSDS("10.0.0.4")
	r.refused("DEGRADED_OR_FAILED_DATA", "POST", enter, o{"sdsId": r.sds["10.0.0.1"]})
	r.refused("TGT_IS_DOWN", "POST", enter, o{"sdsId": r.sds["10.0.0.4"]})
	r.clock.Advance(time.Hour)
	r.s.StopSDS("10.0.0.3")
	r.clock.Advance(time.Hour)
	r.refused("NOT_ENOUGH_HEALTHY_TGTS_FOR_MM", "POST", enter, o{"sdsId": r.sds["10.0.0.1"]})
}

// TestProtectedMaintenance makes a temporary copy first; older versions do not know it.
func TestProtectedMaintenance(t *testing.T) {
	r := newRig(t)
	r.volume("v", 400)
	system := "/api/instances/System::" + r.s.ID() + "/action/"
	answer := r.must("POST", system+"enterProtectedMaintenanceMode", o{"sdsId": r.sds["10.0.0.1"]}).([]any)
	if len(answer) != 1 || answer[0].(o)["sdsId"] != r.sds["10.0.0.1"] {
		t.Errorf("the answer is %v", answer)
	}
	if got := r.stats("StoragePool", r.pool)["enterProtectedMaintenanceModeCapacityInKb"]; got != 200.0*gib {
		t.Errorf("entering are %v KB", got)
	}
	if got := r.get("Sds", r.sds["10.0.0.1"])["maintenanceState"]; got != "SetMaintenanceInProgress" {
		t.Errorf("entering it is %v", got)
	}
	r.clock.Advance(200 * time.Second)
	if got := r.get("Sds", r.sds["10.0.0.1"])["maintenanceState"]; got != "InMaintenance" {
		t.Errorf("it is %v", got)
	}
	r.refused("TGT_NOT_IN_MM", "POST", "/api/instances/System/action/exitMaintenanceMode", o{"sdsId": r.sds["10.0.0.1"]})
	r.must("POST", system+"exitProtectedMaintenanceMode", o{"sdsId": r.sds["10.0.0.1"]})
	old := newRig(t, func(c *scaleio.Config) { c.APIVersion = "3.0" })
	if status, _ := old.ask("POST", "/api/instances/System::"+old.s.ID()+"/action/enterProtectedMaintenanceMode", o{"sdsId": old.sds["10.0.0.1"]}); status != 404 {
		t.Errorf("3.0 answers %d", status)
	}
}
