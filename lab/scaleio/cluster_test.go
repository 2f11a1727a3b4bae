package scaleio_test

import (
	"testing"

	"github.com/dcos-scaleio/scaleio/lab/scaleio"
)

func cluster(c *client) o { return c.must("POST", "/api/instances/System/queryMdmCluster", o{}).(o) }

// TestMastership moves when the master goes; without a majority nothing is answered.
func TestMastership(t *testing.T) {
	s := scaleio.New(scaleio.Config{MDMs: []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}})
	c := newClient(t, s)
	s.StopMDM("10.0.0.1")
	got := cluster(c)
	if got["clusterState"] != "ClusteredDegraded" || got["goodNodesNum"] != 2.0 || got["goodReplicasNum"] != 1.0 {
		t.Errorf("without its master: %v, %v nodes, %v replicas", got["clusterState"], got["goodNodesNum"], got["goodReplicasNum"])
	}
	if ip := got["master"].(o)["ips"].([]any)[0]; ip != "10.0.0.2" {
		t.Errorf("the master is %v", ip)
	}
	slave := got["slaves"].([]any)[0].(o)
	if _, has := slave["versionInfo"]; has || slave["status"] != "Disconnected" || slave["opensslVersion"] != "N/A" {
		t.Errorf("the old master is %v", slave)
	}
	s.StopMDM("10.0.0.3")
	if status, _ := c.ask("GET", systems, nil); status != 503 {
		t.Errorf("one of three answers %d", status)
	}
	s.StartMDM("10.0.0.1")
	s.StartMDM("10.0.0.3")
	if got := cluster(c); got["clusterState"] != "ClusteredNormal" || got["master"].(o)["ips"].([]any)[0] != "10.0.0.2" {
		t.Errorf("all back: %v", got)
	}
	if alerts := c.must("GET", "/api/types/Alert/instances", nil).([]any); len(alerts) != 0 {
		t.Errorf("alerts: %v", alerts)
	}
}

// TestClusterGrows goes from one to five MDMs and back to three.
func TestClusterGrows(t *testing.T) {
	s := scaleio.New(scaleio.Config{MDMs: []string{"10.0.0.1"}})
	c := newClient(t, s)
	add := func(ip, role string) string {
		return c.must("POST", "/api/instances/System/action/addStandbyMdm", o{"ips": []string{ip}, "role": role, "name": role + "-" + ip}).(o)["id"].(string)
	}
	const mode = "/api/instances/System/action/switchClusterMode"
	m2, m3, t1, t2 := add("10.0.0.2", "Manager"), add("10.0.0.3", "Manager"), add("10.0.0.4", "TieBreaker"), add("10.0.0.5", "TieBreaker")
	c.refused("WRONG_CMD_PARAMS", "POST", mode, o{"mode": "ThreeNodes", "addSlaveMdmIdList": []string{m2}})
	c.refused("MDM_IS_TB", "POST", mode, o{"mode": "ThreeNodes", "addSlaveMdmIdList": []string{t1}, "addTBIdList": []string{t2}})
	c.must("POST", mode, o{"mode": "FiveNodes", "addSlaveMdmIdList": []string{m2, m3}, "addTBIdList": []string{t1, t2}})
	c.refused("MDM_IN_CLUSTER", "POST", "/api/instances/System/action/removeStandbyMdm", o{"id": m3})
	c.refused("MDM_IS_TB", "POST", "/api/instances/System/action/changeMdmOwnership", o{"id": t1})
	c.must("POST", "/api/instances/System/action/changeMdmOwnership", o{"id": m2})
	got := cluster(c)
	if got["clusterMode"] != "FiveNodes" || got["master"].(o)["id"] != m2 || len(got["slaves"].([]any)) != 2 || len(got["tieBreakers"].([]any)) != 2 {
		t.Errorf("five: %v", got)
	}
	c.refused("CANNOT_REMOVE_MASTER", "POST", mode, o{"mode": "ThreeNodes", "removeSlaveMdmIdList": []string{m2}, "removeTBIdList": []string{t1}})
	c.must("POST", mode, o{"mode": "ThreeNodes", "removeSlaveMdmIdList": []string{m3}, "removeTBIdList": []string{t2}})
	c.must("POST", "/api/instances/System/action/removeStandbyMdm", o{"id": m3})
	if got := s.Snapshot().Cluster; got.Mode != "ThreeNodes" || got.Members != 3 || got.Master != "10.0.0.2" {
		t.Errorf("three: %+v", got)
	}
	// The gateway still knows only the first address, until it is told [scaleio.md §1.3].
	if got := c.must("GET", "/api/Configuration", nil).(o)["mdmAddresses"].([]any); len(got) != 1 {
		t.Errorf("the gateway knows %v", got)
	}
	c.must("POST", "/api/updateConfiguration", o{"mdmAddresses": []string{"10.0.0.2", "10.0.0.1"}})
	if got := c.must("GET", "/api/Configuration", nil).(o)["mdmAddresses"].([]any); len(got) != 2 {
		t.Errorf("the gateway knows %v", got)
	}
}

func TestAlerts(t *testing.T) {
	r := newRig(t)
	r.volume("v", 400)
	r.s.StopSDS("10.0.0.2")
	kinds := map[any]bool{}
	for _, one := range r.must("GET", "/api/types/Alert/instances", nil).([]any) {
		alert := one.(o)
		kinds[alert["alertType"]] = true
		if again := r.get("Alert", alert["id"].(string)); again["alertType"] != alert["alertType"] {
			t.Errorf("by its id the alert is %v", again)
		}
	}
	if !kinds["SDS_DISCONNECTED"] || !kinds["STORAGE_POOL_HAS_DEGRADED_CAPACITY"] {
		t.Errorf("alerts are %v", kinds)
	}
	four := scaleio.New(scaleio.Config{APIVersion: "4.5", MDMs: []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}})
	four.StopMDM("10.0.0.2")
	if got := newClient(t, four).must("GET", "/rest/v1/alerts", nil).(o)["results"].([]any); len(got) != 1 || got[0].(o)["severity"] != "CRITICAL" {
		t.Errorf("4.x has %v", got)
	}
}

func TestUpgradeState(t *testing.T) {
	s := scaleio.New(scaleio.Config{MDMs: []string{"10.0.0.1"}})
	c := newClient(t, s)
	state := func() any { return c.get("System", s.ID())["upgradeState"] }
	for _, step := range []struct{ action, state string }{
		{"startUpgrade", "UpgradeInProgress"}, {"allowCommandsDuringUpgrade", "UpgradeInProgress"}, {"finalizeUpgrade", "NoUpgrade"},
	} {
		c.must("POST", "/api/instances/System/action/"+step.action, nil)
		if got := state(); got != step.state {
			t.Errorf("after %s it is %v", step.action, got)
		}
	}
}
