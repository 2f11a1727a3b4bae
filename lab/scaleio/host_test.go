package scaleio_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/lab/scaleio"
)

// node is an SDC's host that writes down what it is told.
type node struct {
	s    *scaleio.System // asked at every news, as a host may
	mu   sync.Mutex
	news []string
}

func (n *node) Mapped(v scaleio.MappedVolume)   { n.note("+", v) }
func (n *node) Unmapped(v scaleio.MappedVolume) { n.note("-", v) }

func (n *node) note(sign string, v scaleio.MappedVolume) {
	if n.s != nil {
		n.s.Snapshot()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.news = append(n.news, sign+v.Name)
}

func (n *node) told() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	told := n.news
	n.news = nil
	return told
}

func (n *node) wants(t *testing.T, when string, want ...string) {
	t.Helper()
	if got := n.told(); !slices.Equal(got, want) {
		t.Errorf("%s the host was told %q, want %q", when, got, want)
	}
}

const guid = "271BAD82-08EE-44F2-A2B1-7E2787C27BE1"

func connect(t *testing.T, s *scaleio.System, guid, ip string, h scaleio.SDCHost) string {
	t.Helper()
	id, err := s.ConnectSDC(guid, ip, h)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestSDCHostIsTold(t *testing.T) {
	r := newRig(t)
	a, b := r.volume("a", 8), r.volume("b", 8)
	host := &node{s: r.s}
	id := connect(t, r.s, guid, "10.0.0.11", host)
	r.act("Volume", a, "addMappedSdc", o{"sdcId": id})
	host.wants(t, "after a map", "+a")
	r.refused("VOL_ALREADY_MAPPED_TO_THIS_INI", "POST", "/api/instances/Volume::"+a+"/action/addMappedSdc", o{"sdcId": id})
	r.act("Volume", b, "addMappedSdc", o{"guid": guid})
	host.wants(t, "after a map by guid", "+b")
	r.act("Volume", a, "removeMappedSdc", o{"sdcId": id})
	host.wants(t, "after an unmap", "-a")
	r.refused("VOL_NOT_MAPPED_TO_INI", "POST", "/api/instances/Volume::"+a+"/action/removeMappedSdc", o{"sdcId": id})
	r.refused("VOL_MAPPED", "POST", "/api/instances/Volume::"+b+"/action/removeVolume", nil)

	r.s.DisconnectSDC(guid)
	if got := r.get("Sdc", id); got["mdmConnectionState"] != "Disconnected" || got["softwareVersionInfo"] != nil {
		t.Errorf("the SDC is %v, version %v", got["mdmConnectionState"], got["softwareVersionInfo"])
	}
	r.act("Volume", a, "addMappedSdc", o{"sdcId": id})
	host.wants(t, "while it is away")
	again := &node{s: r.s}
	if got := connect(t, r.s, guid, "10.0.0.11", again); got != id {
		t.Errorf("it came back as %s, was %s", got, id)
	}
	again.wants(t, "when it is back", "+b", "+a")
	if _, err := r.s.ConnectSDC(guid, "10.0.0.99", nil); fault.KindOf(err) != fault.Conflict {
		t.Error("two hosts have one guid")
	}
}

// TestOneMappingUnlessAllowed is what keeps two nodes from one file system.
func TestOneMappingUnlessAllowed(t *testing.T) {
	r := newRig(t)
	v := r.volume("v", 8)
	one, two := connect(t, r.s, guid, "10.0.0.11", nil), connect(t, r.s, "3D1C3B4A-2222-4444-8888-AAAAAAAAAAAA", "10.0.0.12", nil)
	r.act("Volume", v, "addMappedSdc", o{"sdcId": one})
	r.refused("VOL_ALREADY_MAPPED_TO_AN_INI", "POST", "/api/instances/Volume::"+v+"/action/addMappedSdc", o{"sdcId": two, "allowMultipleMappings": "false"})
	r.act("Volume", v, "addMappedSdc", o{"sdcId": two, "allowMultipleMappings": "TRUE", "accessMode": "ReadOnly"})
	if got := r.get("Volume", v)["mappedSdcInfo"].([]any); len(got) != 2 || got[1].(o)["accessMode"] != "ReadOnly" {
		t.Errorf("mapped to %v", got)
	}
	r.act("Volume", v, "removeMappedSdc", o{"allSdcs": "true", "ignoreScsiInitiators": "true"})
	if got := r.get("Volume", v)["mappedSdcInfo"]; got != nil {
		t.Errorf("mapped to %v", got)
	}
}

// TestMappedToAll: those that come later, too.
func TestMappedToAll(t *testing.T) {
	r := newRig(t)
	v := r.volume("v", 8)
	r.act("Volume", v, "addMappedSdc", o{"allSdcs": "TRUE"})
	host := &node{}
	connect(t, r.s, guid, "10.0.0.11", host)
	host.wants(t, "on coming", "+v")
	r.refused("VOL_ALREADY_MAPPED_TO_ALL_INIS", "POST", "/api/instances/Volume::"+v+"/action/addMappedSdc", o{"allSdcs": "TRUE"})
	r.act("Volume", v, "removeMappedSdc", o{"allSdcs": "TRUE"})
	host.wants(t, "at the end", "-v")
}

// TestRestrictedMode: an SDC that is not approved gets nothing.
func TestRestrictedMode(t *testing.T) {
	r := newRig(t)
	v := r.volume("v", 8)
	id := connect(t, r.s, guid, "10.0.0.11", nil)
	system := "/api/instances/System::" + r.s.ID() + "/action/"
	r.must("POST", system+"setRestrictedSdcMode", o{"restrictedSdcMode": "Guid"})
	r.refused("INITIATOR_NOT_APPROVED", "POST", "/api/instances/Volume::"+v+"/action/addMappedSdc", o{"sdcId": id})
	if got := r.get("Sdc", id)["sdcApproved"]; got != false {
		t.Errorf("approved: %v", got)
	}
	r.must("POST", system+"approveSdc", o{"sdcGuid": guid, "name": "sdc-1"})
	r.refused("SDC_ALREADY_APPROVED", "POST", system+"approveSdc", o{"sdcGuid": guid})
	r.refused("INI_NOT_FOUND", "POST", system+"approveSdc", o{"sdcGuid": "00000000-0000-0000-0000-000000000000"})
	r.act("Volume", v, "addMappedSdc", o{"sdcId": id})
	r.refused("APPROVED_SDC_HAS_WRONG_IP", "POST", system+"setRestrictedSdcMode", o{"restrictedSdcMode": "ApprovedIp"})
	r.refused("UNAPPROVED_SDC_IPS", "POST", system+"setApprovedSdcIps", o{"sdcId": id, "sdcApprovedIps": []string{"10.0.0.99"}})
	r.must("POST", system+"setApprovedSdcIps", o{"sdcId": id, "sdcApprovedIps": []string{"10.0.0.11"}})
	r.must("POST", system+"setRestrictedSdcMode", o{"restrictedSdcMode": "ApprovedIp"})
	r.refused("INI_MUST_BE_DISCONNECTED", "POST", "/api/instances/Sdc::"+id+"/action/removeSdc", nil)
	r.s.DisconnectSDC(guid)
	r.refused("INI_HAS_MAPPINGS", "POST", "/api/instances/Sdc::"+id+"/action/removeSdc", nil)
	r.act("Volume", v, "removeMappedSdc", o{"sdcId": id})
	r.act("Sdc", id, "removeSdc", nil)
}

func TestDrvCfg(t *testing.T) {
	r := newRig(t)
	v := r.volume("v", 8)
	id := connect(t, r.s, guid, "10.0.0.11", &node{})
	r.act("Volume", v, "addMappedSdc", o{"sdcId": id})
	mdms, volumes := r.s.DrvCfg(guid)
	installation := mdms[0].Installation
	for got, want := range map[string]string{
		scaleio.QueryGUID("271bad82-08ee-44f2-a2b1-7e2787c27be1"): guid + "\n",
		scaleio.QueryMDMs(mdms):                                   fmt.Sprintf("Retrieved 1 mdm(s)\nMDM-ID %s SDC ID %s INSTALLATION ID %s IPs [0]-10.9.0.1 [1]-10.9.0.2\n", r.s.ID(), id, installation),
		scaleio.QueryVols(volumes):                                fmt.Sprintf("Retrieved 1 volume(s)\nVOL-ID %s MDM-ID %s\n", v, r.s.ID()),
		scaleio.QueryMDMs(nil):                                    "Retrieved 0 mdm(s)\n",
		scaleio.QueryVols(nil):                                    "Retrieved 0 volume(s)\n",
	} {
		if got != want {
			t.Errorf("drv_cfg prints %q, want %q", got, want)
		}
	}
	r.s.DisconnectSDC(guid)
	if mdms, volumes := r.s.DrvCfg(guid); mdms != nil || volumes != nil {
		t.Errorf("a driver that is not connected knows %v and %v", mdms, volumes)
	}
}
