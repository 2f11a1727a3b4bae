package scaleio_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/dcos-scaleio/scaleio/lab/scaleio"
)

// TestRefusals: every line is something that an MDM refuses, with its code.
func TestRefusals(t *testing.T) {
	r := newRig(t)
	volume := r.volume("v", 8)
	otherPD := r.create("ProtectionDomain", o{"name": "pd2"})
	empty := r.create("StoragePool", o{"name": "empty", "protectionDomainId": otherPD, "mediaType": "SSD"})
	fast := r.create("StoragePool", o{"name": "fast", "protectionDomainId": r.pd, "mediaType": "SSD"})
	either := r.create("StoragePool", o{"name": "either", "protectionDomainId": r.pd, "mediaType": "Transitional"})
	rack := r.create("FaultSet", o{"name": "rack", "protectionDomainId": otherPD})
	sds, device := r.sds["10.0.0.1"], r.s.Snapshot().Devices[0].ID
	types := func(kind string) string { return "/api/types/" + kind + "/instances" }
	act := func(kind, id, action string) string {
		return "/api/instances/" + kind + "::" + id + "/action/" + action
	}
	addSDS := func(name, ip string, more o) o {
		b := o{"name": name, "protectionDomainId": r.pd, "sdsIpList": []o{{"SdsIp": o{"ip": ip, "role": "all"}}}}
		for key, value := range more {
			b[key] = value
		}
		return b
	}
	addDevice := func(path, pool string) o {
		return o{"deviceCurrentPathname": path, "sdsId": sds, "storagePoolId": pool}
	}
	addVolume := func(name string, more o) o {
		b := o{"name": name, "storagePoolId": r.pool, "volumeSizeInKb": "8388608"}
		for key, value := range more {
			b[key] = value
		}
		return b
	}
	for _, c := range []struct {
		code, path string
		body       o
	}{
		{"FD_NAME_IN_USE", types("ProtectionDomain"), o{"name": "pd"}},
		{"LONG_NAME", types("ProtectionDomain"), o{"name": strings.Repeat("x", 32)}},
		{"INVALID_NAME", types("ProtectionDomain"), o{"name": "a b"}},
		{"FD_HAS_TGTS", act("ProtectionDomain", r.pd, "removeProtectionDomain"), nil},
		{"FD_HAS_STORAGE_POOLS", act("ProtectionDomain", otherPD, "removeProtectionDomain"), nil},
		{"FD_NOT_FOUND", act("ProtectionDomain", "nope", "removeProtectionDomain"), nil},
		{"INVALID_TGT_NETWORK_LIMITS", act("ProtectionDomain", r.pd, "setSdsNetworkLimits"), o{"rebuildLimitInKbps": "5120"}},
		{"INVALID_TGT_NETWORK_LIMITS", act("ProtectionDomain", r.pd, "setSdsNetworkLimits"), o{"rebuildLimitInKbps": "20480", "overallLimitInKbps": "10240"}},
		{"PARAMETER_OUT_OF_RANGE", act("ProtectionDomain", r.pd, "setRfcacheParameters"), o{"pageSizeKb": "15"}},
		{"STORAGE_POOL_NAME_ALREADY_EXISTS", types("StoragePool"), o{"name": "pool", "protectionDomainId": r.pd, "mediaType": "HDD"}},
		{"FD_NOT_FOUND", types("StoragePool"), o{"name": "p", "protectionDomainId": "nope", "mediaType": "HDD"}},
		{"INVALID_SPARE_PERCENTAGE", act("StoragePool", r.pool, "setSparePercentage"), o{"sparePercentage": "100"}},
		{"STORAGE_POOL_HAS_VOLS", act("StoragePool", r.pool, "removeStoragePool"), nil},
		{"STORAGE_POOL_HAS_DEVS", act("StoragePool", r.pool, "setZeroPaddingPolicy"), o{"zeroPadEnabled": "TRUE"}},
		{"MEDIA_TYPE_MISMATCH", act("StoragePool", r.pool, "setMediaType"), o{"mediaType": "SSD"}},
		{"ZEROPAD_AND_SCANNER", act("StoragePool", r.pool, "enableBackgroundDeviceScanner"), o{"readErrorAction": "ReportAndFix", "compareErrorAction": "ReportOnly"}},
		{"FAULT_SET_NAME_ALREADY_EXISTS", types("FaultSet"), o{"name": "rack", "protectionDomainId": otherPD}},
		{"TGT_NAME_IN_USE", types("Sds"), addSDS("sds-10.0.0.1", "10.0.0.9", nil)},
		{"TGT_ADDR_AND_PORT_IN_USE", types("Sds"), addSDS("new", "10.0.0.1", nil)},
		{"TGT_NOT_LISTENING_ON_PORT", types("Sds"), addSDS("new", "10.0.0.9", nil)},
		{"FD_AND_FS_MISMATCH", types("Sds"), addSDS("new", "10.0.0.9", o{"faultSetId": rack})},
		{"FAULT_SET_NOT_FOUND", types("Sds"), addSDS("new", "10.0.0.9", o{"faultSetId": "nope"})},
		{"TGT_MUST_HAVE_TGT_IP_ROLE", types("Sds"), addSDS("new", "10.0.0.9", o{"sdsIpList": []o{{"SdsIp": o{"ip": "10.0.0.9", "role": "sdcOnly"}}}})},
		{"TGT_MUST_HAVE_INI_IP_ROLE", act("Sds", sds, "setSdsIpRole"), o{"sdsIpToSet": "10.0.0.1", "newRole": "sdsOnly"}},
		{"TGT_IP_NOT_FOUND", act("Sds", sds, "removeSdsIp"), o{"ip": "10.0.0.9"}},
		{"TGT_NOT_LISTENING_ON_PORT", act("Sds", sds, "setSdsPort"), o{"sdsPort": "7073"}},
		{"TGT_NAME_IN_USE", act("Sds", sds, "setSdsName"), o{"name": "sds-10.0.0.2"}},
		{"TGT_ADD_DEV_IS_MOUNTED", types("Device"), addDevice("/dev/sda", r.pool)},
		{"TGT_ADD_DEV_IS_PARTITIONED", types("Device"), addDevice("/dev/parts", r.pool)},
		{"USER_CONTENT_DETECTED", types("Device"), addDevice("/dev/content", r.pool)},
		{"DEV_ALREADY_TAKEN_BY_ANOTHER", types("Device"), addDevice("/dev/taken", r.pool)},
		{"TGT_ADD_DEV_OPEN_ERROR", types("Device"), addDevice("/dev/broken", r.pool)},
		{"TGT_ADD_DEV_SIZE_PROBLEM", types("Device"), addDevice("/dev/small", r.pool)},
		{"INVALID_DEVICE_PATH", types("Device"), addDevice("/dev/nowhere", r.pool)},
		{"DEV_PATH_ALREADY_EXISTS", types("Device"), addDevice("/dev/sdb", r.pool)},
		{"DEV_NAME_ALREADY_EXISTS", types("Device"), o{"deviceCurrentPathname": "/dev/sdc", "sdsId": sds, "storagePoolId": r.pool, "name": "b"}},
		{"MEDIA_TYPE_MISMATCH", types("Device"), addDevice("/dev/ssd", r.pool)},
		{"MEDIA_TYPE_MISMATCH", types("Device"), addDevice("/dev/sdc", fast)},
		{"SP_AND_TGT_MUST_BELONG_TO_SAME_FD", types("Device"), addDevice("/dev/sdc", empty)},
		{"TGT_NOT_FOUND", types("Device"), o{"deviceCurrentPathname": "/dev/sdc", "sdsId": "nope", "storagePoolId": r.pool}},
		{"DEV_SIZE_TOO_LARGE", act("Device", device, "setDeviceCapacityLimit"), o{"capacityLimitInGB": "2000"}},
		{"NOT_ENOUGH_FSS_IN_STORAGE_POOL", types("Volume"), addVolume("new", o{"storagePoolId": either})},
		{"VOL_NAME_IN_USE", types("Volume"), addVolume("v", nil)},
		{"LONG_NAME", types("Volume"), addVolume(strings.Repeat("v", 32), nil)},
		{"VOL_SIZE_ILLEGAL", types("Volume"), addVolume("new", o{"volumeSizeInKb": "0"})},
		{"VOL_SIZE_TOO_LARGE", types("Volume"), addVolume("new", o{"volumeSizeInKb": "1099511627777"})},
		{"FD_AND_SP_MISMATCH", types("Volume"), addVolume("new", o{"protectionDomainId": otherPD})},
		{"TOO_MUCH_THIN_CAPACITY", types("Volume"), addVolume("new", o{"volumeSizeInKb": "1099511627776"})},
		{"TOO_MUCH_THIN_CAPACITY", types("Volume"), addVolume("new", o{"volumeType": "ThickProvisioned", "volumeSizeInKb": "2147483648"})},
		{"VOL_DECREASE_NOT_SUPPORTED", act("Volume", r.volume("w", 16), "setVolumeSize"), o{"sizeInGB": "8"}},
		{"INI_NOT_FOUND", act("Volume", volume, "addMappedSdc"), o{"sdcId": "nope"}},
		{"SPEF_ONLY", act("Volume", volume, "modifyCompressionMethod"), o{"compressionMethod": "None"}},
		{"USER_ALREADY_EXIST", types("User"), o{"name": "admin", "userRole": "Monitor", "password": "Abcdef12"}},
		{"PASSWORD_LACKS_DIVERSITY", types("User"), o{"name": "new", "userRole": "Monitor", "password": "abcdefgh"}},
		{"MDM_IP_ALREADY_EXISTS", "/api/instances/System/action/addStandbyMdm", o{"ips": []string{"10.9.0.1"}, "role": "Manager"}},
		{"COMMUNICATION_ERROR", "/api/instances/System/action/addStandbyMdm", o{"ips": []string{"0.1.1.1"}, "role": "Manager"}},
		{"MDM_DOES_NOT_EXIST", "/api/instances/System/action/removeStandbyMdm", o{"id": "nope"}},
		{"ACTOR_ALREADY_CONFIGURED", "/api/instances/System/action/createMdmCluster", o{"mdmIp": "10.9.0.9"}},
	} {
		r.refused(c.code, "POST", c.path, c.body)
	}
	before := len(r.s.Snapshot().Devices)
	r.refused("TGT_ADD_DEV_IS_MOUNTED", "POST", types("Sds"), func() o {
		r.s.StartSDS("10.0.0.9", disks)
		return addSDS("new", "10.0.0.9", o{"deviceInfoList": []o{{"devicePath": "/dev/sdb", "storagePoolId": r.pool}, {"devicePath": "/dev/sda", "storagePoolId": r.pool}}})
	}())
	if after := r.s.Snapshot(); len(after.Devices) != before || len(after.SDSs) != 4 {
		t.Errorf("a refused SDS left %d devices and %d SDSs", len(after.Devices)-before, len(after.SDSs))
	}
}

// TestForceDeviceTakeover takes what would be refused, for the devices that it is said of.
func TestForceDeviceTakeover(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"/dev/taken", "/dev/content"} {
		r.create("Device", o{"deviceCurrentPathname": path, "sdsId": r.sds["10.0.0.1"], "storagePoolId": r.pool, "forceDeviceTakeover": "TRUE"})
	}
	r.refused("TGT_ADD_DEV_IS_MOUNTED", "POST", "/api/types/Device/instances",
		o{"deviceCurrentPathname": "/dev/sda", "sdsId": r.sds["10.0.0.1"], "storagePoolId": r.pool, "forceDeviceTakeover": "TRUE"})
}

// TestBadRequests are what the gateway refuses by itself.
func TestBadRequests(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		status       int
		method, path string
		body         any
	}{
		{400, "POST", "/api/types/StoragePool/instances", o{"name": "p", "protectionDomainId": r.pd}},
		{400, "POST", "/api/types/StoragePool/instances", o{"name": "p", "protectionDomainId": r.pd, "mediaType": "Tape"}},
		{400, "POST", "/api/instances/StoragePool::" + r.pool + "/action/setRebuildEnabled", o{"rebuildEnabled": "perhaps"}},
		{400, "POST", "/api/instances/StoragePool::" + r.pool + "/action/setRebuildEnabled", nil},
		{400, "POST", "/api/instances/StoragePool::" + r.pool + "/action/setSparePercentage", o{"sparePercentage": "many"}},
		{400, "POST", "/api/types/ProtectionDomain/instances", []string{"no", "object"}},
		{404, "POST", "/api/instances/StoragePool::" + r.pool + "/action/fly", nil},
		{404, "GET", "/api/instances/StoragePool::" + r.pool + "/relationships/Cat", nil},
		{404, "GET", "/api/types/Cat/instances", nil},
		{404, "GET", "/", nil},
		{404, "POST", "/api/instances/System/action/snapshotVolumes", nil}, // with the system's id only
		{405, "DELETE", "/api/instances/StoragePool::" + r.pool, nil},
	} {
		if status, answer := r.ask(c.method, c.path, c.body); status != c.status {
			t.Errorf("%s %s %v answers %d %v, want %d", c.method, c.path, c.body, status, answer, c.status)
		}
	}
}

// TestErrorShapes: below 3.0 a message alone, from then on with the code, unless plain errors are asked for.
func TestErrorShapes(t *testing.T) {
	const text = "Could not find the volume"
	for _, c := range []struct {
		version string
		plain   bool
		message string
		details bool
	}{{"2.0", false, text, false}, {"2.6", false, text, false}, {"3.0", false, "Error with details", true}, {"3.6", true, text, false}, {"4.5", false, "Error with details", true}} {
		s := scaleio.New(scaleio.Config{APIVersion: c.version, PlainErrors: c.plain, MDMs: []string{"10.0.0.1"}})
		status, answer := newClient(t, s).ask("GET", "/api/instances/Volume::nope", nil)
		body := answer.(o)
		if status != http.StatusInternalServerError || body["httpStatusCode"] != 500.0 || body["message"] != c.message {
			t.Errorf("%s: %d %v", c.version, status, body)
		}
		details, _ := body["details"].([]any)
		if c.details != (len(details) == 1) || c.details && (details[0].(o)["error"] != "VOL_NOT_FOUND" || details[0].(o)["errorMessage"] != text) {
			t.Errorf("%s: details are %v", c.version, body["details"])
		}
	}
}
