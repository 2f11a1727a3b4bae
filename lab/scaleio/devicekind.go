package scaleio

import (
	"strings"
	"time"
)

func (d *device) kindName() string { return "Device" }

func (d *device) parents() []parent {
	return []parent{{"sdsId", "Sds", d.sds.id}, {"storagePoolId", "StoragePool", d.pool.id}}
}

func (d *device) view(s *System) fields {
	v := fields{
		"deviceCurrentPathName": d.path, "deviceOriginalPathName": d.original, "deviceState": d.state,
		"capacityLimitInKb": d.limitKB, "maxCapacityInKb": d.maxKB, "sdsId": d.sds.id, "storagePoolId": d.pool.id,
	}
	if s.from(v3) {
		v["mediaType"], v["autoDetectMediaType"] = d.media, d.disk.Media
		if d.disk.Media == "" {
			v["autoDetectMediaType"] = "Unknown"
		}
		v["modelName"], v["serialNumber"], v["vendorName"] = orNull(d.disk.Model), orNull(d.disk.Serial), orNull(d.disk.Vendor)
		v["mediaFailing"] = d.failed
	}
	return v
}

// Values of a real 2.6 [scaleio.md §1.8]; those of later versions as recorded.
var devicePresets = []preset{
	{"errorState", "None", v2}, {"aggregatedState", "NeverFailed", v2}, {"temperatureState", "NeverFailed", v2},
	{"ssdEndOfLifeState", "NeverFailed", v2}, {"ledSetting", "Off", v2}, {"rfcacheErrorDeviceDoesNotExist", false, v2},
	{"longSuccessfulIos", counterWindowsOfDevice, v2},
	{"externalAccelerationType", "None", v3}, {"storageProps", nil, v3}, {"rfcacheProps", nil, v3}, {"firmwareVersion", nil, v3},
	{"logicalSectorSizeInBytes", 512, v3}, {"physicalSectorSizeInBytes", 512, v3},
}

var counterWindowsOfDevice = fields{"shortWindow": nil, "mediumWindow": nil, "longWindow": nil}

func deviceKind() *kind {
	devices := func(s *System) *table[*device] { return &s.devices }
	return &kind{
		name: "Device", listKey: "deviceList", absent: "TGT_DEVICE_NOT_FOUND",
		find: found(devices), all: every(devices), create: createDevice, key: deviceKey,
		rels:  []rel{{"Statistics", v2}},
		stats: func(s *System, t thing) fields { return s.deviceStatistics(t.(*device)) },
		static: map[string]staticAction{
			"queryFailedDevices": func(s *System, _ body) (any, error) {
				list := []fields{}
				for d := range s.inError.all() {
					list = append(list, s.show(d))
				}
				return list, nil
			},
		},
		actions: map[string]action{
			"removeDevice":                 do(removeDevice),
			"abortRemoveDevice":            do(abortRemoveDevice),
			"clearDeviceError":             do(clearDeviceError),
			"activateDevice":               do(activateDevice),
			"setDeviceName":                do(renameDevice),
			"setMediaType":                 do(setDeviceMedia),
			"setExternalAccelerationType":  set(setting{param: "externalAccelerationType", field: "externalAccelerationType", read: accelerations}),
			"setDeviceCapacityLimit":       do(limitDevice),
			"updateDeviceOriginalPathname": do(func(_ *System, d *device, _ body) error { d.original = d.path; return nil }),
			"setDeviceLedOn":               fix("ledSetting", "On"),
			"setDeviceLedOff":              fix("ledSetting", "Off"),
			"startDeviceTest":              nothing,
			"queryDeviceTestResults":       ask(func(*System, *device, body) (any, error) { return []fields{}, nil }),
		},
	}
}

func deviceKey(s *System, b body) (string, error) {
	host, err := lookup(&s.sdss, b.text("sdsId"), "TGT_NOT_FOUND")
	if err != nil {
		named, there := s.sdss.named("", b.text("sdsName"))
		if !there {
			return "", err
		}
		host = named
	}
	for d := range host.devices.all() {
		if d.name == b.text("name") && d.name != "" {
			return d.id, nil
		}
	}
	return "", refuse("TGT_DEVICE_NOT_FOUND")
}

// createDevice asks the node's disks what is at the path and refuses what a real SDS refuses [scaleio.md §5.3].
func createDevice(s *System, b body) (any, error) {
	host, err := lookup(&s.sdss, b.text("sdsId"), "TGT_NOT_FOUND")
	if err != nil {
		return nil, err
	}
	p, err := lookup(&s.pools, b.text("storagePoolId"), "STORAGE_POOL_NOT_FOUND")
	if err != nil {
		return nil, err
	}
	path, err := b.must("deviceCurrentPathname")
	if err != nil {
		return nil, err
	}
	d := &device{object: object{"", b.text("name"), s.presets(devicePresets)}, sds: host, pool: p, path: path, original: path}
	if err := s.placeDevice(d); err != nil {
		return nil, err
	}
	if err := s.faults.deviceRefused(host.ips[0].ip, path); err != nil {
		return nil, err
	}
	if err := s.probe(d, b.on("forceDeviceTakeover")); err != nil {
		return nil, err
	}
	if err := d.configure(b); err != nil {
		return nil, err
	}
	mode, wait, err := s.testOf(b)
	if err != nil {
		return nil, err
	}
	d.id = s.ids.with("Device", host.index<<16|host.everHad)
	s.adoptDevice(d)
	s.test(d, mode, wait)
	return fields{"id": d.id}, nil
}

// placeDevice refuses by what the system knows.
func (s *System) placeDevice(d *device) error {
	host, p := d.sds, d.pool
	switch {
	case p.domain != host.domain:
		return refuse("SP_AND_TGT_MUST_BELONG_TO_SAME_FD")
	case host.removing:
		return refuse("TGT_BEING_REMOVED")
	case !host.connected():
		return refuse("TGT_IS_DOWN")
	case host.maintenance.state != none:
		return refuse("TGT_MM_SDS_FAIL")
	case host.devices.len() >= s.limit("devicesPerSds"), p.devices.len() >= s.limit("devicePerStoragePool"):
		return refuse("EXCEED_SYSTEM_CAPACITY_LIMITATIONS")
	}
	if err := checkName(d.name); err != nil {
		return err
	}
	for other := range host.devices.all() {
		if other.path == d.path {
			return refuse("DEV_PATH_ALREADY_EXISTS")
		}
		if d.name != "" && other.name == d.name {
			return refuse("DEV_NAME_ALREADY_EXISTS")
		}
	}
	if host.host != nil {
		for neighbour := range host.host.sdss.all() {
			for other := range neighbour.devices.all() {
				if other.path == d.path {
					return refuse("DEV_ALREADY_TAKEN_BY_ANOTHER")
				}
			}
		}
	}
	return nil
}

// lenientDisk is what a Lenient SDS without a process has at every path: the recordings' 500 GiB.
var lenientDisk = Disk{Bytes: 500<<30 + 1<<20, Media: "HDD"}

// probe looks at the disk: size, content, who has it.
func (s *System) probe(d *device, takeover bool) error {
	disk, there := lenientDisk, strings.HasPrefix(d.path, "/dev/")
	if p := d.sds.host; p != nil && p.disks != nil {
		disk, there = p.disks.Disk(d.path)
	}
	switch {
	case !there:
		return refuse("INVALID_DEVICE_PATH")
	case disk.Failed:
		return refuse("TGT_ADD_DEV_OPEN_ERROR")
	case disk.Mounted != "":
		return refuse("TGT_ADD_DEV_IS_MOUNTED")
	case disk.Partitioned:
		return refuse("TGT_ADD_DEV_IS_PARTITIONED")
	case disk.Taken && !takeover:
		return refuse("DEV_ALREADY_TAKEN_BY_ANOTHER")
	case disk.Content != "" && !takeover:
		return refuse("USER_CONTENT_DETECTED")
	}
	d.disk = disk
	d.maxKB = usable(disk.Bytes)
	d.limitKB = d.maxKB
	size := s.limitOf("mediumGranularityDeviceSizeInGb")
	if !s.config.Lenient && (disk.Bytes < int64(size.low)*960e6 || disk.Bytes > int64(size.high)<<30) {
		return refuse("TGT_ADD_DEV_SIZE_PROBLEM") // the low limit with the margin between GB and GiB that [scaleio.md §5.1] asks for
	}
	return nil
}

// usable is what of a disk can be used: whole MiB but one. A real 2.6 showed 103808000 KB of a disk of 99 GiB [scaleio.md §1.8].
func usable(bytes int64) int64 { return max(0, floor(bytes/1024, mib)-mib) }

// configure takes what a create call says of a new device.
func (d *device) configure(b body) error {
	d.media = d.disk.Media
	if b.has("mediaType") {
		if _, err := oneOf("HDD", "SSD", "NVDIMM")(b, "mediaType"); err != nil {
			return err
		}
		d.media = b.text("mediaType")
	}
	if d.media == "" && d.pool.media != "Transitional" {
		d.media = d.pool.media
	}
	if err := d.fits(d.pool.media); err != nil {
		return err
	}
	if b.has("capacityLimitInKb") {
		n, err := b.number("capacityLimitInKb")
		if err != nil {
			return err
		}
		if n > d.maxKB {
			return refuse("DEV_SIZE_TOO_LARGE")
		}
		d.limitKB = n
	}
	return apply(&d.object, b, []setting{{"externalAccelerationType", "externalAccelerationType", accelerations, true}})
}

// fits is the media rule of 3.x: one type per pool; a Transitional pool takes both, but the type must be told [scaleio.md §5.2].
func (d *device) fits(pool string) error {
	switch {
	case pool == "Transitional" && d.media == "":
		return refuse("INVALID_MEDIA_TYPE")
	case pool != "" && pool != "Transitional" && d.media != "" && d.media != pool:
		return refuse("MEDIA_TYPE_MISMATCH")
	}
	return nil
}

func (s *System) adoptDevice(d *device) {
	s.devices.insert(d)
	d.sds.everHad++
	d.sds.devices.add(d)
	d.pool.devices.add(d)
	d.pool.perHost[d.sds]++
	d.pool.hosts.add(d.sds)
	s.touch("Device")
}

// testOf is how a new device is to be tested: noTest, testAndActivate (the default) or testOnly, and how long.
func (s *System) testOf(b body) (mode string, wait time.Duration, err error) {
	mode, wait = "testAndActivate", s.config.DeviceTest
	if b.has("testMode") {
		if _, err := oneOf("testOnly", "noTest", "testAndActivate")(b, "testMode"); err != nil {
			return "", 0, err
		}
		mode = b.text("testMode")
	}
	if b.has("testTimeSecs") {
		seconds, err := b.number("testTimeSecs")
		if err != nil {
			return "", 0, err
		}
		wait = min(wait, time.Duration(seconds)*time.Second)
	}
	return mode, wait, nil
}

// test runs the initial test of a new device; after testOnly the device waits for activateDevice.
func (s *System) test(d *device, mode string, wait time.Duration) {
	if mode == "noTest" {
		s.activate(d)
		return
	}
	d.state = "InitialTest"
	d.test = s.after(wait, func() {
		if mode == "testOnly" {
			d.state = "InitialTestDone"
			return
		}
		s.activate(d)
	})
}

// activate makes a device part of its pool.
func (s *System) activate(d *device) {
	p := d.pool
	d.state = "Normal"
	p.limitKB += d.limitKB
	p.maxKB += d.maxKB
	s.enlist(d)
	s.reassess(d)
	s.touch("Device")
}

func activateDevice(s *System, d *device, _ body) error {
	switch d.state {
	case "InitialTestDone":
		s.activate(d)
		return nil
	case "InitialTest":
		return refuse("TGT_DEV_TEST_IN_PROGRESS")
	}
	return refuse("TGT_DEV_ALREADY_ACTIVE")
}

func activateDevices(s *System, host *sds, b body) error {
	for d := range host.devices.all() {
		if d.state == "InitialTestDone" {
			s.activate(d)
		}
	}
	return nil
}

func renameDevice(_ *System, d *device, b body) error {
	name, err := b.must("newName")
	if err != nil {
		return err
	}
	if err := checkName(name); err != nil {
		return err
	}
	for other := range d.sds.devices.all() {
		if other != d && other.name == name {
			return refuse("DEV_NAME_ALREADY_EXISTS")
		}
	}
	d.name = name
	return nil
}

func setDeviceMedia(_ *System, d *device, b body) error {
	if _, err := oneOf("HDD", "SSD", "NVDIMM")(b, "mediaType"); err != nil {
		return err
	}
	before := d.media
	d.media = b.text("mediaType")
	if err := d.fits(d.pool.media); err != nil {
		d.media = before
		return err
	}
	return nil
}

// limitDevice takes GB as the gateway does: 300 is 314572800 KB [scaleio.md §2.3].
func limitDevice(s *System, d *device, b body) error {
	n, err := b.number("capacityLimitInGB")
	if err != nil {
		return err
	}
	limitKB := n * gib
	switch {
	case limitKB > d.maxKB:
		return refuse("DEV_SIZE_TOO_LARGE")
	case limitKB <= 0:
		return refuse("DEV_SIZE_TOO_SMALL")
	}
	s.resize(d, limitKB)
	s.reconsider(d.pool)
	return nil
}

// clearDeviceError takes the error away if its cause is gone.
func clearDeviceError(s *System, d *device, _ body) error {
	if d.failed {
		return refuse("DEVICE_ERROR_CANNOT_BE_CLEARED")
	}
	d.settings["errorState"] = "None"
	s.inError.remove(d)
	if d.text("aggregatedState") == "FailedNow" {
		d.settings["aggregatedState"] = "FailedPast"
	}
	s.reassess(d)
	return nil
}

func clearDevicesError(s *System, host *sds, b body) error {
	for d := range host.devices.all() {
		if err := clearDeviceError(s, d, b); err != nil {
			return err
		}
	}
	return nil
}
