package gateway

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/layout"
)

// A small system in the words of a real 2.6 (traffic/scaleio/rest-2.6-real-fields.json): no name of its own, nulls, no media type.
const (
	someDomains = `[{"id":"d1","name":"mydomain","protectionDomainState":"Active","rebuildNetworkThrottlingInKbps":null}]`
	someSets    = `[{"id":"f1","name":"rack-1","protectionDomainId":"d1"}]`
	somePools   = `[{"id":"p2","name":"slow","protectionDomainId":"d1","sparePercentage":10},{"id":"p1","name":"mypool","protectionDomainId":"d1","mediaType":"HDD","sparePercentage":34}]`
	someSDSs    = `[{"id":"s2","name":"sds-b","protectionDomainId":"d1","faultSetId":null,"ipList":[{"ip":"10.0.0.2","role":"all"}],"port":7072,"membershipState":"Decoupled","mdmConnectionState":"Disconnected","maintenanceState":"NoMaintenance","softwareVersionInfo":null,"numOfIoBuffers":null,"certificateInfo":null},
		{"id":"s1","name":"sds-a","protectionDomainId":"d1","faultSetId":"f1","ipList":[{"ip":"10.0.0.1","role":"sdsOnly"},{"ip":"10.1.0.1","role":"sdcOnly"}],"port":7072,"membershipState":"Joined","mdmConnectionState":"Connected","maintenanceState":"InMaintenance"}]`
	someDevices = `[{"id":"v1","name":"wwn-1","sdsId":"s1","storagePoolId":"p1","deviceCurrentPathName":"/dev/sdc","deviceOriginalPathName":"/dev/sdb","deviceState":"Normal","errorState":"None","capacityLimitInKb":103808000,"longSuccessfulIos":{"shortWindow":null}}]`
	someSDCs    = `[{"id":"c1","name":null,"sdcGuid":"F8ECB844-23B8-4629-92BB-B6E49A1744CF","sdcIp":"10.0.0.9","mdmConnectionState":"Connected","sdcApprovedIps":[]},
		{"id":"c2","name":"x","sdcGuid":"00ECB844-23B8-4629-92BB-B6E49A1744CF","sdcIps":["10.0.0.8","10.1.0.8"],"mdmConnectionState":"Disconnected"}]`
	figuresP1 = `{"capacityLimitInKb":311424000,"spareCapacityInKb":105884160,"capacityInUseInKb":67108864,"capacityAvailableForVolumeAllocationInKb":33554432,"failedCapacityInKb":3,"degradedHealthyCapacityInKb":1,"degradedFailedCapacityInKb":1,"pendingRebalanceCapacityInKb":5,"totalReadBwc":{"numSeconds":0}}`
	figuresP2 = `{"capacityLimitInKb":0,"rebalanceCapacityInKb":0}`
)

func (f *fake) inhabit() *fake {
	f.on("GET /api/types/System/instances", say(200, `[{"id":"499634a44778afc0","name":null,"mdmCluster":{"name":"old"}}]`))
	f.on("GET /api/instances", say(200, `{"System":{"id":"499634a44778afc0"},"protectionDomainList":`+someDomains+`,"faultSetList":`+someSets+`,"storagePoolList":`+somePools+
		`,"sdsList":`+someSDSs+`,"deviceList":`+someDevices+`,"sdcList":`+someSDCs+`,"volumeList":[{"id":"x"}],"isDirty":false}`))
	for kind, list := range map[string]string{"ProtectionDomain": someDomains, "FaultSet": someSets, "StoragePool": somePools, "Sds": someSDSs, "Device": someDevices, "Sdc": someSDCs} {
		f.on("GET /api/types/"+kind+"/instances", say(200, list))
	}
	f.on("POST /api/instances/querySelectedStatistics", say(200, `{"StoragePool":{"p1":`+figuresP1+`,"p2":`+figuresP2+`}}`))
	f.on("GET /api/instances/StoragePool::p1/relationships/Statistics", say(200, figuresP1))
	f.on("GET /api/instances/StoragePool::p2/relationships/Statistics", say(200, figuresP2))
	f.on("POST /api/instances/System/queryMdmCluster", say(200, `{"id":"5302483491453710272","clusterState":"ClusteredDegraded","master":{"ips":["10.0.0.12"]},
		"slaves":[{"ips":["10.0.0.2","10.0.0.110"],"status":"Disconnected"}],"tieBreakers":[{"ips":["10.0.0.3"]}],"standbyMDMs":[{"ips":["10.0.0.4"]}]}`))
	f.on("POST /api/instances/System/action/querySystemLimits", say(200, `{"systemLimitEntryList":[{"type":"devicesPerSds","description":"x","maxVal":"64","minVal":"1"},
		{"type":"sdss","maxVal":"1024"},{"type":"capacityTimeLeft","maxVal":"Unlimited"}]}`))
	return f
}

func inhabited() *layout.Observed {
	return &layout.Observed{
		ID: "499634a44778afc0", Name: "old", APIVersion: "3.6", Cluster: "ClusteredDegraded", MDMs: []string{"10.0.0.2", "10.0.0.12", "10.0.0.110"},
		Domains:   []layout.ObservedDomain{{ID: "d1", Name: "mydomain", State: "Active"}},
		FaultSets: []layout.ObservedFaultSet{{ID: "f1", Name: "rack-1", Domain: "mydomain"}},
		Pools: []layout.ObservedPool{
			{ID: "p1", Name: "mypool", Domain: "mydomain", Media: "HDD", SparePercent: 34, CapacityKB: 311424000, SpareKB: 105884160, UsedKB: 67108864,
				AvailableKB: 33554432, Busy: true, DegradedKB: 2, FailedKB: 3},
			{ID: "p2", Name: "slow", Domain: "mydomain", SparePercent: 10},
		},
		SDSs: []layout.ObservedSDS{
			{ID: "s1", Name: "sds-a", Domain: "mydomain", FaultSet: "rack-1", Addresses: []string{"10.0.0.1", "10.1.0.1"}, Port: 7072, Membership: "Joined",
				Connection: "Connected", Maintenance: "InMaintenance"},
			{ID: "s2", Name: "sds-b", Domain: "mydomain", Addresses: []string{"10.0.0.2"}, Port: 7072, Membership: "Decoupled", Connection: "Disconnected",
				Maintenance: "NoMaintenance"},
		},
		Devices: []layout.ObservedDevice{{ID: "v1", SDS: "sds-a", Pool: "mypool", Domain: "mydomain", Path: "/dev/sdc", OriginalPath: "/dev/sdb", CapacityKB: 103808000,
			State: "Normal", ErrorState: "None"}},
		SDCs: []layout.ObservedSDC{{ID: "c2", Name: "x", GUID: "00ECB844-23B8-4629-92BB-B6E49A1744CF", Address: "10.0.0.8", Connection: "Disconnected"},
			{ID: "c1", GUID: "F8ECB844-23B8-4629-92BB-B6E49A1744CF", Address: "10.0.0.9", Connection: "Connected"}},
		Limits: map[string]layout.ObservedLimit{"devicesPerSds": {Min: 1, Max: 64}, "sdss": {Max: 1024}},
	}
}

func TestObserveInThreeCalls(t *testing.T) {
	f := newFake(t).inhabit()
	c := f.dial(t)
	for range 2 {
		got, err := c.Observe(t.Context())
		if diff := cmp.Diff(inhabited(), got); err != nil || diff != "" {
			t.Fatal(err, diff)
		}
	}
	want := []string{
		"GET /api/login", "GET /api/version", "GET /api/types/System/instances",
		"GET /api/instances", "POST /api/instances/querySelectedStatistics", "POST /api/instances/System/queryMdmCluster",
		"POST /api/instances/System/action/querySystemLimits", // once: a system's limits do not change while it runs
		"GET /api/instances", "POST /api/instances/querySelectedStatistics", "POST /api/instances/System/queryMdmCluster",
	}
	if diff := cmp.Diff(want, f.called()); diff != "" {
		t.Error(diff)
	}
}

func TestObserveByListsWhereTheGatewayKnowsNoOtherWay(t *testing.T) {
	for name, no := range map[string]http.HandlerFunc{
		"JSON 404": nil, "page 404": say(404, page("Not Found")), "page 405": say(405, page("Method Not Allowed")), "400": say(400, `{"message":"Bad Request","httpStatusCode":400,"errorCode":0}`),
		"501": say(501, ""), "nothing in it": say(200, `{}`),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t).inhabit()
			for _, key := range []string{"GET /api/instances", "POST /api/instances/querySelectedStatistics", "POST /api/instances/System/action/querySystemLimits"} {
				f.on(key, no)
			}
			c := f.dial(t)
			want := inhabited()
			want.Limits = map[string]layout.ObservedLimit{}
			for range 2 {
				got, err := c.Observe(t.Context())
				if diff := cmp.Diff(want, got); err != nil || diff != "" {
					t.Fatal(err, diff)
				}
			}
			for _, key := range []string{"GET /api/instances", "POST /api/instances/querySelectedStatistics", "POST /api/instances/System/action/querySystemLimits"} {
				if n := f.count(key); n != 1 {
					t.Errorf("%s was asked %d times: once is enough to know", key, n)
				}
			}
		})
	}
}

// A system that cannot be read whole is not read at all: a list that is missing must not look like an empty one.
func TestObserveGivesNothingWhenAPartIsMissing(t *testing.T) {
	for _, key := range []string{"GET /api/types/Device/instances", "GET /api/types/StoragePool/instances", "GET /api/instances/StoragePool::p2/relationships/Statistics", "POST /api/instances/System/queryMdmCluster"} {
		for name, no := range map[string]http.HandlerFunc{"busy": mdm("MDM_BUSY", ""), "empty": say(200, ""), "unknown": nil, "hung up": hangUp(nil)} {
			f := newFake(t).inhabit()
			f.on("GET /api/instances", nil)
			f.on("POST /api/instances/querySelectedStatistics", nil)
			f.on(key, no)
			if got, err := f.dial(t).Observe(t.Context()); err == nil || got != nil {
				t.Errorf("%s %s: %+v", key, name, got)
			} else if name != "unknown" && !fault.IsTemporary(err) {
				t.Errorf("%s %s: %v", key, name, err)
			}
		}
	}
}

func TestSystemNameIsThatOfTheClusterWhereTheSystemHasNone(t *testing.T) {
	f := newFake(t).inhabit()
	if _, err := f.dial(t, func(c *Config) { c.SystemName = "old" }).Observe(t.Context()); err != nil {
		t.Error(err)
	}
}
