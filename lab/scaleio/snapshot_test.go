package scaleio_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/lab/scaleio"
)

// TestSnapshotLoads: a snapshot makes a system that gives the same snapshot.
func TestSnapshotLoads(t *testing.T) {
	config := scaleio.Config{Name: "one", MDMs: []string{"10.0.0.1"}, Lenient: true, MoveRate: -1, Now: newClock().Now}
	s := scaleio.New(config)
	if err := s.Load(small()); err != nil {
		t.Fatal(err)
	}
	shot := s.Snapshot()
	if p := shot.Pools[0]; p.Name != "pool" || p.SDSs != 3 || p.Devices != 3 || p.CapacityKB != 3*1024*gib || p.SparePercent != 34 {
		t.Errorf("the pool is %+v", p)
	}
	again := scaleio.New(config)
	if err := again.Load(shot); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(shot, again.Snapshot()); d != "" {
		t.Error(d)
	}
}

// TestSameSeedSameIDs: the same calls give the same ids; another seed gives others; all look like ids.
func TestSameSeedSameIDs(t *testing.T) {
	shot := func(seed string) scaleio.Snapshot {
		r := newRig(t, func(c *scaleio.Config) { c.Seed = seed })
		r.volume("v", 8)
		return r.s.Snapshot()
	}
	one := shot("a")
	if d := cmp.Diff(one, shot("a")); d != "" {
		t.Error(d)
	}
	if other := shot("b"); other.ID == one.ID || other.Volumes[0].ID == one.Volumes[0].ID {
		t.Error("another seed gives the same ids")
	}
	for _, id := range []string{one.ID, one.Pools[0].ID, one.SDSs[2].ID, one.Devices[2].ID, one.Volumes[0].ID} {
		if !idText.MatchString(id) || len(id) != 16 {
			t.Errorf("%q is no id", id)
		}
	}
	// A device's low half is its SDS's index and its place there [reference/scaleio.md §1.1].
	if got := one.Devices[2].ID[8:]; got != "00020000" {
		t.Errorf("the third SDS's first device ends in %s", got)
	}
}

func TestLoadSaysWhatIsWrong(t *testing.T) {
	for want, shot := range map[string]scaleio.Snapshot{
		`pool p: load: there is no domain "nope"`:       {Pools: []scaleio.PoolSnapshot{{Name: "p", Domain: "nope"}}},
		`device /dev/sdb: load: there is no SDS "nope"`: {Devices: []scaleio.DeviceSnapshot{{SDS: "nope", Path: "/dev/sdb"}}},
		`sds s: load: it has no ip`:                     {Domains: []scaleio.DomainSnapshot{{Name: "d"}}, SDSs: []scaleio.SDSSnapshot{{Name: "s", Domain: "d"}}},
		`domain a b: load: The given name contains`:     {Domains: []scaleio.DomainSnapshot{{Name: "a b"}}},
	} {
		err := scaleio.New(scaleio.Config{MDMs: []string{"10.0.0.1"}}).Load(shot)
		if err == nil || !strings.HasPrefix(err.Error(), want) || fault.KindOf(err) != fault.Invalid {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// TestVolumesAndSnapshots walks through a volume's life.
func TestVolumesAndSnapshots(t *testing.T) {
	r := newRig(t)
	system := "/api/instances/System::" + r.s.ID() + "/action/"
	v := r.create("Volume", o{"name": "v", "storagePoolId": r.pool, "volumeSizeInKb": "8388609"})
	if got := r.get("Volume", v); got["sizeInKb"] != 16.0*gib || got["volumeType"] != "ThinProvisioned" || got["mappedSdcInfo"] != nil {
		t.Errorf("8 GiB and a bit is %v", got)
	}
	r.act("Volume", v, "setVolumeSize", o{"sizeInGB": "17"})
	if got := r.get("Volume", v)["sizeInKb"]; got != 24.0*gib {
		t.Errorf("17 GB is %v", got)
	}
	r.act("Volume", v, "setVolumeName", o{"newName": "w"})
	if got := r.must("POST", "/api/types/Volume/instances/action/queryIdByKey", o{"name": "w"}); got != v {
		t.Errorf("by its new name it is %v", got)
	}
	r.refused("VOL_NOT_FOUND", "POST", "/api/types/Volume/instances/action/queryIdByKey", o{"name": "v"})
	made := r.must("POST", system+"snapshotVolumes", o{"snapshotDefs": []o{{"volumeId": v, "snapshotName": "s"}}, "retentionPeriodInMin": "10"}).(o)
	snap := made["volumeIdList"].([]any)[0].(string)
	if got := r.get("Volume", snap); got["volumeType"] != "Snapshot" || got["ancestorVolumeId"] != v || got["consistencyGroupId"] != made["snapshotGroupId"] {
		t.Errorf("the snapshot is %v", got)
	}
	r.refused("PERMISSION_DENIED", "POST", "/api/instances/Volume::"+snap+"/action/removeVolume", nil)
	r.clock.Advance(11 * time.Minute)
	r.act("Volume", v, "removeVolume", o{"removeMode": "ONLY_ME"})
	tree := r.get("Volume", snap)["vtreeId"].(string)
	if got := r.get("VTree", tree); got["baseVolumeId"] != snap || got["name"] != "s" {
		t.Errorf("the vtree is %v", got)
	}
	if got := r.must("POST", system+"removeConsistencyGroupSnapshots", o{"snapGroupId": made["snapshotGroupId"]}).(o)["numberOfVolumes"]; got != 1.0 {
		t.Errorf("removed are %v", got)
	}
	if shot := r.s.Snapshot(); len(shot.Volumes) != 0 || shot.Pools[0].Volumes != 0 {
		t.Errorf("left are %+v", shot.Volumes)
	}
	r.act("ProtectionDomain", r.pd, "inactivateProtectionDomain", nil)
	r.refused("FD_NOT_ACTIVE", "POST", "/api/types/Volume/instances", o{"storagePoolId": r.pool, "volumeSizeInGb": 8})
}

// TestNamesAreFreeAgain: the name of what was removed or renamed can be given anew, and finds nothing before that.
func TestNamesAreFreeAgain(t *testing.T) {
	r := newRig(t)
	r.s.StartSDS("10.0.0.9", disks)
	for _, c := range []struct {
		kind, remove, rename, param string
		body                        o
	}{
		{"ProtectionDomain", "removeProtectionDomain", "setProtectionDomainName", "name", o{}},
		{"StoragePool", "removeStoragePool", "setStoragePoolName", "name", o{"protectionDomainId": r.pd, "mediaType": "HDD"}},
		{"FaultSet", "removeFaultSet", "setFaultSetName", "newName", o{"protectionDomainId": r.pd}},
		{"Sds", "removeSds", "setSdsName", "name", o{"protectionDomainId": r.pd, "sdsIpList": []o{{"ip": "10.0.0.9"}}}},
		{"Volume", "removeVolume", "setVolumeName", "newName", o{"storagePoolId": r.pool, "volumeSizeInGb": 8}},
	} {
		c.body["name"] = "again"
		find := o{"name": "again", "protectionDomainId": r.pd}
		id := r.create(c.kind, c.body)
		r.act(c.kind, id, c.rename, o{c.param: "other"})
		if status, answer := r.ask("POST", "/api/types/"+c.kind+"/instances/action/queryIdByKey", find); status != 500 {
			t.Errorf("%s: the old name finds %v", c.kind, answer)
		}
		r.act(c.kind, id, c.rename, o{c.param: "again"})
		r.act(c.kind, id, c.remove, nil)
		if status, answer := r.ask("POST", "/api/types/"+c.kind+"/instances/action/queryIdByKey", find); status != 500 {
			t.Errorf("%s: a removed one's name finds %v", c.kind, answer)
		}
		r.act(c.kind, r.create(c.kind, c.body), c.remove, nil)
	}
}
