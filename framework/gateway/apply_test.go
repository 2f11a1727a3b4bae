package gateway

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

var (
	mypool = layout.Pool{Pool: spec.Pool{ProtectionDomain: "mydomain", StoragePool: "mypool"}, Media: "HDD", SparePercent: 34}
	mysds  = layout.SDS{Name: "sds-agent-02", Node: "agent-02", Domain: "mydomain", Addresses: []string{"10.0.0.2"}}
	mydisk = layout.Device{ID: "wwn-0x5000c500a1b2c3d4", Path: "/dev/xvdf", Media: "HDD", Pool: mypool.Pool}
)

const (
	domainByName = "POST /api/types/ProtectionDomain/instances/action/queryIdByKey"
	sdsByName    = "POST /api/types/Sds/instances/action/queryIdByKey"
	poolsOf      = "GET /api/instances/ProtectionDomain::d1/relationships/StoragePool"
	faultSetsOf  = "GET /api/instances/ProtectionDomain::d1/relationships/FaultSet"
	sdsNow       = "GET /api/instances/Sds::s1"
	devicesOf    = "GET /api/instances/Sds::s1/relationships/Device"
	newPool      = "POST /api/types/StoragePool/instances"
	newSDS       = "POST /api/types/Sds/instances"
	newDevice    = "POST /api/types/Device/instances"
)

// furnish gives the fake a domain d1, a pool p1 and an SDS s1 as the operations above name them.
func (f *fake) furnish() *fake {
	f.on(domainByName, say(200, `"d1"`))
	f.on(poolsOf, say(200, `[{"id":"p0","name":"other"},{"id":"p1","name":"mypool","mediaType":"HDD","sparePercentage":34,"zeroPaddingEnabled":true,"rebuildEnabled":true,"rebalanceEnabled":true}]`))
	f.on(faultSetsOf, say(200, `[{"id":"f1","name":"rack-1"}]`))
	f.on(sdsByName, say(200, `"s1"`))
	f.on(sdsNow, say(200, `{"id":"s1","name":"sds-agent-02","protectionDomainId":"d1","faultSetId":null,"sdsState":"Normal","ipList":[{"ip":"10.0.0.2","role":"all"}]}`))
	f.on(devicesOf, say(200, `[]`))
	return f
}

// record answers like h and keeps the body of the last request.
func record(into *map[string]any, h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		*into = nil
		_ = json.Unmarshal(raw, into)
		h(w, r)
	}
}

func TestCreatePoolSendsEverySettingThatTheVersionHas(t *testing.T) {
	for said, media := range map[string]any{`"2.0"`: nil, `"2.6"`: nil, `"3.0"`: "HDD", `"4.5"`: "HDD"} {
		f := newFake(t).furnish()
		f.on("GET /api/version", say(200, said))
		var sent map[string]any
		f.on(poolsOf, turns(say(200, `[]`), say(200, `[{"id":"p1","name":"mypool","sparePercentage":34,"zeroPaddingEnabled":true,"rebuildEnabled":true,"rebalanceEnabled":true}]`)))
		f.on(newPool, record(&sent, say(200, `{"id":"p1"}`)))
		got, err := f.dial(t).Apply(t.Context(), layout.Operation{Kind: layout.CreatePool, Pool: mypool})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(Outcome{Result: Created, Domain: "d1", Pool: "p1"}, got); diff != "" {
			t.Error(diff)
		}
		want := map[string]any{"name": "mypool", "protectionDomainId": "d1", "sparePercentage": "34", "zeroPaddingEnabled": "TRUE", "rebuildEnabled": true, "rebalanceEnabled": true}
		if media != nil {
			want["mediaType"] = media
		}
		if diff := cmp.Diff(want, sent); diff != "" {
			t.Errorf("%s: %s", said, diff)
		}
	}
}

// A version that takes a setting only afterwards gets it before the first device.
func TestCreatePoolSetsWhatWasNotTakenAtCreation(t *testing.T) {
	f := newFake(t).furnish()
	f.on(poolsOf, turns(say(200, `[]`), say(200, `[{"id":"p1","name":"mypool","sparePercentage":10,"zeroPaddingEnabled":false,"rebuildEnabled":false,"rebalanceEnabled":false}]`)))
	f.on(newPool, say(200, `{"id":"p1"}`))
	action := "POST /api/instances/StoragePool::p1/action/"
	bodies := map[string]*map[string]any{}
	for _, name := range []string{"setZeroPaddingPolicy", "setSparePercentage", "setRebuildEnabled", "setRebalanceEnabled"} {
		bodies[name] = &map[string]any{}
		f.on(action+name, record(bodies[name], say(200, "")))
	}
	if _, err := f.dial(t).Apply(t.Context(), layout.Operation{Kind: layout.CreatePool, Pool: mypool}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]map[string]any{
		"setZeroPaddingPolicy": {"zeroPadEnabled": "TRUE"}, "setSparePercentage": {"sparePercentage": "34"},
		"setRebuildEnabled": {"rebuildEnabled": "TRUE"}, "setRebalanceEnabled": {"rebalanceEnabled": "TRUE"},
	} {
		if diff := cmp.Diff(want, *bodies[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestAddDeviceSendsTheDeviceSafely(t *testing.T) {
	for said, media := range map[string]any{`"2.0"`: nil, `"3.6"`: "HDD"} {
		f := newFake(t).furnish()
		f.on("GET /api/version", say(200, said))
		var sent map[string]any
		f.on(newDevice, record(&sent, say(200, `{"id":"v1"}`)))
		got, err := f.dial(t).Apply(t.Context(), layout.Operation{Kind: layout.AddDevice, SDS: mysds, Pool: mypool, Device: mydisk})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(Outcome{Result: Created, Domain: "d1", Pool: "p1", SDS: "s1", Device: "v1"}, got); diff != "" {
			t.Error(diff)
		}
		want := map[string]any{"name": "wwn-0x5000c500a1b2c3d4", "deviceCurrentPathname": "/dev/xvdf", "sdsId": "s1", "storagePoolId": "p1", "testMode": "testAndActivate"}
		if media != nil {
			want["mediaType"] = media
		}
		if diff := cmp.Diff(want, sent); diff != "" { // in particular no forceDeviceTakeover
			t.Errorf("%s: %s", said, diff)
		}
	}
}

func TestCreateSDSSendsRolesAndFaultSet(t *testing.T) {
	f := newFake(t).furnish()
	var sent map[string]any
	f.on(sdsByName, mdm("TGT_NOT_FOUND", "Could not find SDS"))
	f.on(newSDS, record(&sent, say(200, `{"id":"s1"}`)))
	op := layout.Operation{Kind: layout.CreateSDS, SDS: mysds}
	op.SDS.FaultSet, op.SDS.Addresses = "rack-1", []string{"10.0.0.2", "10.1.0.2"}
	got, err := f.dial(t).Apply(t.Context(), op)
	if diff := cmp.Diff(Outcome{Result: Created, Domain: "d1", FaultSet: "f1", SDS: "s1"}, got); err != nil || diff != "" {
		t.Fatal(err, diff)
	}
	ip := func(text string) any { return map[string]any{"SdsIp": map[string]any{"ip": text, "role": "all"}} }
	want := map[string]any{"name": "sds-agent-02", "protectionDomainId": "d1", "faultSetId": "f1", "rmcacheEnabled": "FALSE", "sdsIpList": []any{ip("10.0.0.2"), ip("10.1.0.2")}}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Error(diff)
	}
}

// What stands there under our name is never touched, and never taken for ours unless it is as we would have it.
func TestWhatIsThereDecides(t *testing.T) {
	pool := func(settings string) http.HandlerFunc { return say(200, `[{"id":"p1","name":"mypool",`+settings+`}]`) }
	sds := func(settings string) http.HandlerFunc {
		return say(200, `{"id":"s1","name":"sds-agent-02",`+settings+`}`)
	}
	device := func(settings string) http.HandlerFunc { return say(200, `[{"id":"v1",`+settings+`}]`) }
	createPool := layout.Operation{Kind: layout.CreatePool, Pool: mypool}
	createSDS := layout.Operation{Kind: layout.CreateSDS, SDS: mysds}
	addDevice := layout.Operation{Kind: layout.AddDevice, SDS: mysds, Pool: mypool, Device: mydisk}
	type answers map[string]http.HandlerFunc
	for name, c := range map[string]struct {
		op   layout.Operation
		set  answers
		want string // a part of the error; "": unchanged
		kind fault.Kind
	}{
		"pool as wanted":                      {createPool, nil, "", 0},
		"pool of a version that tells little": {createPool, answers{poolsOf: pool(`"sparePercentage":34`)}, "", 0},
		"pool with more spare":                {createPool, answers{poolsOf: pool(`"sparePercentage":50`)}, "", 0},
		"pool for both media":                 {createPool, answers{poolsOf: pool(`"mediaType":"Transitional"`)}, "", 0},
		"pool of SSDs":                        {createPool, answers{poolsOf: pool(`"mediaType":"SSD"`)}, "its media type is SSD, the layout has HDD", fault.Conflict},
		"pool with devices, unpadded":         {createPool, answers{poolsOf: pool(`"zeroPaddingEnabled":false`), "POST /api/instances/StoragePool::p1/action/setZeroPaddingPolicy": mdm("STORAGE_POOL_HAS_DEVS", "The Storage Pool has SDS devices")}, "only while it has no devices", fault.Conflict},
		"pool of no domain":                   {createPool, answers{domainByName: mdm("FD_NOT_FOUND", "")}, "there is no protection domain mydomain", fault.NotFound},
		"spare as wanted":                     {layout.Operation{Kind: layout.SetSpare, Pool: mypool}, nil, "", 0},
		"spare of no pool":                    {layout.Operation{Kind: layout.SetSpare, Pool: mypool}, answers{poolsOf: say(200, `[]`)}, "there is no storage pool mydomain/mypool", fault.NotFound},
		"SDS as wanted":                       {createSDS, nil, "", 0},
		"SDS with one address more":           {createSDS, answers{sdsNow: sds(`"protectionDomainId":"d1","ipList":[{"ip":"10.9.9.9"},{"ip":"10.0.0.2"}]`)}, "", 0},
		"SDS in another domain":               {createSDS, answers{sdsNow: sds(`"protectionDomainId":"d2","ipList":[{"ip":"10.0.0.2"}]`)}, "another protection domain (id d2)", fault.Conflict},
		"SDS in a fault set":                  {createSDS, answers{sdsNow: sds(`"protectionDomainId":"d1","faultSetId":"f7","ipList":[{"ip":"10.0.0.2"}]`)}, "fault set", fault.Conflict},
		"SDS of another machine":              {createSDS, answers{sdsNow: sds(`"protectionDomainId":"d1","ipList":[{"ip":"10.0.0.99"}]`)}, "10.0.0.99, expected 10.0.0.2", fault.Conflict},
		"SDS being removed":                   {createSDS, answers{sdsNow: sds(`"protectionDomainId":"d1","sdsState":"RemovePending","ipList":[{"ip":"10.0.0.2"}]`)}, "being removed", fault.Temporary},
		"SDS by a list":                       {createSDS, answers{sdsByName: nil, "GET /api/types/Sds/instances": say(200, `[{"id":"s0","name":"x"},{"id":"s1","name":"sds-agent-02"}]`)}, "", 0},
		"address in use":                      {createSDS, answers{sdsByName: mdm("TGT_NOT_FOUND", ""), newSDS: mdm("TGT_ADDR_AND_PORT_IN_USE", "The SDS IP address and port already in use.")}, "already in use", fault.Conflict},
		"SDS does not listen yet":             {createSDS, answers{sdsByName: mdm("TGT_NOT_FOUND", ""), newSDS: mdm("TGT_NOT_LISTENING_ON_PORT", "The SDS is not listening")}, "not listening", fault.Temporary},
		"device by name":                      {addDevice, answers{devicesOf: device(`"name":"wwn-0x5000c500a1b2c3d4","deviceCurrentPathName":"/dev/xvdg","storagePoolId":"p1"`)}, "", 0},
		"device by path":                      {addDevice, answers{devicesOf: device(`"deviceCurrentPathName":"/dev/xvdf","storagePoolId":"p1"`)}, "", 0},
		"device in another pool":              {addDevice, answers{devicesOf: device(`"deviceCurrentPathName":"/dev/xvdf","storagePoolId":"p0"`)}, "another storage pool (id p0)", fault.Conflict},
		"device being removed":                {addDevice, answers{devicesOf: device(`"deviceCurrentPathName":"/dev/xvdf","storagePoolId":"p1","deviceState":"RemovePending"`)}, "being removed", fault.Temporary},
		"device of no SDS":                    {addDevice, answers{sdsByName: mdm("TGT_NOT_FOUND", "")}, "no such SDS", fault.NotFound},
		"device mounted":                      {addDevice, answers{newDevice: mdm("TGT_ADD_DEV_IS_MOUNTED", "Unable to add a device that was already mounted")}, "Unable to add a device that was already mounted (TGT_ADD_DEV_IS_MOUNTED)", fault.Denied},
		"device with content":                 {addDevice, answers{newDevice: mdm("USER_CONTENT_DETECTED", "User Content is present on device")}, "User Content is present", fault.Denied},
		"device too small, 2.x":               {addDevice, answers{newDevice: say(500, `{"message":"The SDS device size is out of the supported range","httpStatusCode":500,"errorCode":11}`)}, "out of the supported range", fault.Denied},
		"device not opened":                   {addDevice, answers{newDevice: mdm("TGT_ADD_DEV_OPEN_ERROR", "Could not open SDS device")}, "Could not open SDS device", fault.Temporary},
		"another device being added":          {addDevice, answers{newDevice: mdm("TGT_ALREADY_ADDING_DEV", "A device is being added to this SDS")}, "being added", fault.Temporary},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t).furnish()
			for key, answer := range c.set {
				f.on(key, answer)
			}
			got, err := f.dial(t).Apply(t.Context(), c.op)
			switch {
			case c.want == "" && (err != nil || got.Result != Unchanged):
				t.Errorf("expected unchanged, got %+v %v", got, err)
			case c.want != "" && (err == nil || fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.want)):
				t.Errorf("expected %s (%v), got %+v %v (%v)", c.want, c.kind, got, err, fault.KindOf(err))
			case c.want != "" && got != Outcome{}:
				t.Errorf("an error comes without an outcome, got %+v", got)
			}
			for _, call := range f.called() {
				creates := call == newPool || call == newSDS || call == newDevice
				if creates && c.set[call] == nil {
					t.Errorf("%s although it is there", call)
				}
			}
		})
	}
}

// Somebody else, or an earlier call of ours whose answer was lost, made it between the look-up and the creation.
func TestNameTakenInBetweenIsOursWhenItIsAsWanted(t *testing.T) {
	f := newFake(t)
	f.on(domainByName, turns(mdm("FD_NOT_FOUND", ""), say(200, `"d1"`)))
	f.on("POST /api/types/ProtectionDomain/instances", mdm("FD_NAME_IN_USE", "Protection Domain name already in use."))
	got, err := f.dial(t).Apply(t.Context(), domain("mydomain"))
	if diff := cmp.Diff(Outcome{Result: Unchanged, Domain: "d1"}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

// A fault set's name is unique in the system: ours may be taken in another domain.
func TestNameTakenElsewhereIsAConflict(t *testing.T) {
	f := newFake(t).furnish()
	f.on("POST /api/types/FaultSet/instances", mdm("FAULT_SET_NAME_ALREADY_EXISTS", "This Fault Set name already exists."))
	_, err := f.dial(t).Apply(t.Context(), layout.Operation{Kind: layout.CreateFaultSet, Domain: "mydomain", FaultSet: "rack-9"})
	if want := "fault set mydomain/rack-9: create: ScaleIO refuses: This Fault Set name already exists. (FAULT_SET_NAME_ALREADY_EXISTS)"; err == nil ||
		fault.KindOf(err) != fault.Conflict || err.Error() != want {
		t.Errorf("got %v, expected %s", err, want)
	}
}

func TestCreationWithoutAnIDIsLookedUp(t *testing.T) {
	f := newFake(t)
	f.on(domainByName, turns(mdm("FD_NOT_FOUND", ""), say(200, `"d1"`)))
	f.on("POST /api/types/ProtectionDomain/instances", say(200, ""))
	if got, err := f.dial(t).Apply(t.Context(), domain("mydomain")); err != nil || got.Domain != "d1" {
		t.Error(got, err)
	}
	f.on(domainByName, mdm("FD_NOT_FOUND", ""))
	if _, err := f.dial(t).Apply(t.Context(), domain("mydomain")); !fault.IsTemporary(err) {
		t.Error(err)
	}
}

func TestDeviceName(t *testing.T) {
	for id, want := range map[string]string{"wwn-0x5000c500a1b2c3d4": "wwn-0x5000c500a1b2c3d4", "/dev/xvdf": "xvdf", "scsi-SATA disk 1": "scsi-SATA-disk-1-"} {
		if got := deviceName(id); !strings.HasPrefix(got, want) || strings.HasSuffix(want, "-") == (got == want) {
			t.Errorf("%s: %s", id, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		name := deviceName(a)
		if len(name) > maxName || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
			t.Errorf("%q is no name in ScaleIO", name)
		}
		if a != b && strings.TrimPrefix(a, "/dev/") != strings.TrimPrefix(b, "/dev/") && name == deviceName(b) {
			t.Errorf("%q and %q are both %q", a, b, name)
		}
	})
}
