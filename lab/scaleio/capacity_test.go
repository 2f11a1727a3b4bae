package scaleio_test

import (
	"testing"

	"github.com/dcos-scaleio/scaleio/lab/scaleio"
)

// TestCapacityOfReal26 has the numbers of a real 2.6 system [reference/scaleio.md §1.11]: three disks of 99 GiB, 10 % spare, two thin
// volumes of 16 GiB.
func TestCapacityOfReal26(t *testing.T) {
	s := scaleio.New(scaleio.Config{APIVersion: "2.6", MDMs: []string{"10.0.0.1"}})
	c := newClient(t, s)
	pd := c.create("ProtectionDomain", o{"name": "pd"})
	pool := c.create("StoragePool", o{"name": "pool", "protectionDomainId": pd})
	for _, ip := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"} {
		s.StartSDS(ip, scaleio.DiskMap{"/dev/sdb": {Bytes: 99 << 30, Media: "HDD"}})
		sds := c.create("Sds", o{"name": ip, "protectionDomainId": pd, "sdsIpList": []o{{"SdsIp": o{"ip": ip, "role": "all"}}}})
		c.create("Device", o{"deviceCurrentPathname": "/dev/sdb", "sdsId": sds, "storagePoolId": pool})
	}
	for _, name := range []string{"a", "b"} {
		c.create("Volume", o{"name": name, "storagePoolId": pool, "volumeSizeInKb": "16777216", "volumeType": "ThinProvisioned"})
	}
	stats := c.stats("StoragePool", pool)
	for name, want := range map[string]float64{
		"capacityLimitInKb": 311424000, "spareCapacityInKb": 31141888, "thinCapacityAllocatedInKb": 67108864, "inUseVacInKb": 67108864,
		"primaryVacInKb": 33554432, "secondaryVacInKb": 33554432, "capacityAvailableForVolumeAllocationInKb": 100663296,
	} {
		if stats[name] != want {
			t.Errorf("%s is %.0f, of the real one %.0f", name, stats[name], want)
		}
	}
	if unused := stats["capacityLimitInKb"].(float64) - stats["spareCapacityInKb"].(float64) - stats["capacityInUseInKb"].(float64); stats["unusedCapacityInKb"] != unused {
		t.Errorf("unused is %v, not limit - spare - in use = %v", stats["unusedCapacityInKb"], unused)
	}
	sum := c.stats("System", s.ID())
	if sum["capacityAvailableForVolumeAllocationInKb"] != stats["capacityAvailableForVolumeAllocationInKb"] {
		t.Errorf("the system's capacity is not the sum of its pools: %v", sum["capacityAvailableForVolumeAllocationInKb"])
	}
}

func TestSelectedStatistics(t *testing.T) {
	s := scaleio.New(scaleio.Config{MDMs: []string{"10.0.0.1"}, Lenient: true})
	if err := s.Load(small()); err != nil {
		t.Fatal(err)
	}
	c, pool := newClient(t, s), s.Snapshot().Pools[0]
	got := c.must("POST", "/api/instances/querySelectedStatistics", o{"selectedStatisticsList": []o{
		{"type": "System", "properties": []string{"capacityLimitInKb"}},
		{"type": "StoragePool", "allIds": []string{}, "properties": []string{"capacityLimitInKb", "numOfDevices"}},
		{"type": "Sds", "ids": []string{s.Snapshot().SDSs[1].ID}, "properties": []string{"capacityLimitInKb"}},
	}}).(o)
	if limit := got["System"].(o)["capacityLimitInKb"]; limit != 3*1024.0*gib {
		t.Errorf("the system has %v KB", limit)
	}
	if of := got["StoragePool"].(o)[pool.ID].(o); of["numOfDevices"] != 3.0 || len(of) != 2 {
		t.Errorf("the pool has %v", of)
	}
	if of := got["Sds"].(o); len(of) != 1 || of[s.Snapshot().SDSs[1].ID].(o)["capacityLimitInKb"] != 1024.0*gib {
		t.Errorf("the SDS has %v", of)
	}
	if status, _ := c.ask("POST", "/api/instances/querySelectedStatistics", o{"selectedStatisticsList": []o{{"type": "Cat", "properties": []string{"x"}}}}); status != 400 {
		t.Errorf("an unknown type answers %d", status)
	}
}
