package scaleio

import "strconv"

func (d *sds) kindName() string { return "Sds" }

func (d *sds) parents() []parent {
	list := []parent{{"protectionDomainId", "ProtectionDomain", d.domain.id}}
	if d.faultSet != nil {
		list = append(list, parent{"faultSetId", "FaultSet", d.faultSet.id})
	}
	return list
}

// view shows a lost SDS as a real 2.6 did: Decoupled, Disconnected, without a version, its state still Normal [scaleio.md §1.7].
func (d *sds) view(s *System) fields {
	ips := make([]fields, len(d.ips))
	for i, one := range d.ips {
		ips[i] = fields{"ip": one.ip, "role": one.role}
	}
	v := fields{
		"ipList": ips, "port": d.port, "protectionDomainId": d.domain.id, "faultSetId": nil,
		"sdsState": "Normal", "membershipState": "Joined", "mdmConnectionState": "Connected",
		"maintenanceState": string(d.maintenance.state), "softwareVersionInfo": s.release(),
		"rmcacheMemoryAllocationState": "AllocationSuccessful",
	}
	if s.from(v35) {
		v["maintenanceType"] = d.maintenance.kindShown()
	}
	if d.faultSet != nil {
		v["faultSetId"] = d.faultSet.id
	}
	if d.removing {
		v["sdsState"] = "RemovePending"
	}
	if !d.flag("rmcacheEnabled") {
		v["rmcacheMemoryAllocationState"] = "RmcacheDisabled"
	}
	if !d.connected() {
		v["membershipState"], v["mdmConnectionState"] = "Decoupled", "Disconnected"
		v["rmcacheMemoryAllocationState"], v["softwareVersionInfo"] = "RmcacheMemoryAllocationStateInvalid", nil
	}
	return v
}

// Values of a real 2.6 [scaleio.md §1.7]; those of later versions as recorded.
var sdsPresets = []preset{
	{"drlMode", "Volatile", v2}, {"rmcacheEnabled", true, v2}, {"rmcacheSizeInKb", 131072, v2}, {"rmcacheFrozen", false, v2},
	{"onVmWare", false, v2}, {"rfcacheEnabled", true, v2}, {"numOfIoBuffers", nil, v2}, {"certificateInfo", certificate, v2},
	{"authenticationError", "None", v2}, {"sdsDecoupled", nil, v2}, {"sdsConfigurationFailure", nil, v2},
	{"sdsReceiveBufferAllocationFailures", nil, v2}, {"rfcacheErrorDeviceDoesNotExist", false, v2},
	{"rfcacheErrorLowResources", false, v2}, {"rfcacheErrorApiVersionMismatch", false, v2},
	{"rfcacheErrorInconsistentCacheConfiguration", false, v2}, {"rfcacheErrorInconsistentSourceConfiguration", false, v2},
	{"rfcacheErrorInvalidDriverPath", false, v2},
	{"raidControllers", nil, v3}, {"numRestarts", 0, v3}, {"lastUpgradeTime", 0, v3},
	{"fglNumConcurrentWrites", 1000, v3}, {"fglMetadataCacheState", "Disabled", v3}, {"fglMetadataCacheSize", 0, v3},
}

// certificate has the shape of a real one; nothing depends on it.
var certificate = fields{"subject": "/GN=SDS", "issuer": "/GN=SDS", "validFrom": "Jan 1 00:00:00 2020 GMT",
	"validTo": "Jan 1 00:00:00 2040 GMT", "thumbprint": "00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00"}

var ipRoles = oneOf("all", "sdsOnly", "sdcOnly")

func rmcacheSize(b body, param string) (any, error) {
	n, err := within(128, 128*1024, "TGT_CACHE_EXCEEDS_LIMIT")(b, param) // 128 MB .. 128 GB [scaleio.md §5.1]
	if err != nil {
		return nil, err
	}
	return n.(int64) * mib, nil
}

func sdsKind() *kind {
	sdss := func(s *System) *table[*sds] { return &s.sdss }
	return &kind{
		name: "Sds", listKey: "sdsList", absent: "TGT_NOT_FOUND",
		find: found(sdss), all: every(sdss), create: createSDS,
		key: func(s *System, b body) (string, error) {
			if d, there := s.sdss.named("", b.text("name")); there {
				return d.id, nil
			}
			return "", refuse("TGT_NOT_FOUND")
		},
		rels: []rel{{"Statistics", v2}, {"Device", v2}, {"RfcacheDevice", v2}, {"SpSds", v3}},
		relations: map[string]relation{
			"Device":        related(func(d *sds) *roster[*device] { return &d.devices }),
			"RfcacheDevice": emptyRelation(v2),
			"SpSds":         emptyRelation(v3),
		},
		stats: func(s *System, t thing) fields { return s.sdsStatistics(t.(*sds)) },
		static: map[string]staticAction{
			"queryDisconnectedSdss": func(s *System, _ body) (any, error) {
				list := []fields{}
				for d := range s.disconnected.all() {
					list = append(list, s.show(d))
				}
				return list, nil
			},
		},
		actions: map[string]action{
			"removeSds":                   do(removeSDS),
			"abortRemoveSds":              do(abortRemoveSDS),
			"setSdsName":                  do(renameSDS),
			"addSdsIp":                    do(addSDSIP),
			"removeSdsIp":                 do(removeSDSIP),
			"setSdsIpRole":                do(setSDSIPRole),
			"setSdsPort":                  do(setSDSPort),
			"setDrlMode":                  set(setting{param: "drlMode", field: "drlMode", read: oneOf("Volatile", "NonVolatile")}),
			"enableRfcache":               fix("rfcacheEnabled", true),
			"disableRfcache":              fix("rfcacheEnabled", false),
			"setSdsRmcacheEnabled":        set(setting{param: "rmcacheEnabled", field: "rmcacheEnabled", read: boolean}),
			"setSdsRmcacheSize":           set(setting{param: "rmcacheSizeInMB", field: "rmcacheSizeInKb", read: rmcacheSize}),
			"setSdsPerformanceParameters": setProfile,
			"startSdsNetworkTest":         do(startNetworkTest),
			"querySdsNetworkTestResults":  ask(networkTestResults),
			"startDevicesTest":            nothing,
			"queryDevicesTestResults":     ask(func(*System, *sds, body) (any, error) { return []fields{}, nil }),
			"activateDevices":             do(activateDevices),
			"clearDevicesError":           do(clearDevicesError),
			"updateSdsOriginalPathnames":  do(updateSDSPaths),
		},
	}
}

// createSDS reaches out to the process at every address: nobody there is refused, unless Lenient.
func createSDS(s *System, b body) (any, error) {
	d, err := s.readSDS(b)
	if err != nil {
		return nil, err
	}
	if err := s.reachable(d); err != nil {
		return nil, err
	}
	id := s.ids.next("Sds")
	d.id = id
	s.adoptSDS(d)
	for _, one := range b.objects("deviceInfoList") {
		one["sdsId"], one["name"], one["deviceCurrentPathname"] = id, one["deviceName"], one["devicePath"]
		one["testMode"], one["testTimeSecs"], one["forceDeviceTakeover"] = b["deviceTestMode"], b["deviceTestTimeSecs"], b["forceDeviceTakeover"]
		if _, err := createDevice(s, one); err != nil {
			for host := range d.devices.all() {
				s.dismiss(host)
			}
			s.dropSDS(d)
			return nil, err
		}
	}
	return fields{"id": id}, nil
}

func (s *System) readSDS(b body) (*sds, error) {
	dom, err := lookup(&s.domains, b.text("protectionDomainId"), "FD_NOT_FOUND")
	if err != nil {
		return nil, err
	}
	d := &sds{object: object{"", b.text("name"), s.presets(sdsPresets)}, domain: dom, port: sdsPort}
	d.settings["perfProfile"] = s.profile()
	if err := freshName(&s.sdss, "", d.name, "TGT_NAME_IN_USE"); err != nil {
		return nil, err
	}
	if id := b.text("faultSetId"); id != "" {
		if d.faultSet, err = lookup(&s.faultSets, id, "FAULT_SET_NOT_FOUND"); err != nil {
			return nil, err
		}
		if d.faultSet.domain != dom {
			return nil, refuse("FD_AND_FS_MISMATCH")
		}
	}
	if b.has("sdsPort") {
		if d.port, err = port(b, "sdsPort"); err != nil {
			return nil, err
		}
	}
	if err := d.readIPs(b); err != nil {
		return nil, err
	}
	for _, one := range d.ips {
		if s.addresses[joinAddress(one.ip, d.port)] != nil {
			return nil, refuse("TGT_ADDR_AND_PORT_IN_USE")
		}
	}
	if dom.sdss.len() >= s.limit("sdssPerProtectionDomain") || s.sdss.len() >= s.limit("sdss") {
		return nil, refuse("EXCEED_SYSTEM_CAPACITY_LIMITATIONS")
	}
	return d, apply(&d.object, b, []setting{
		{"drlMode", "drlMode", oneOf("Volatile", "NonVolatile"), true}, {"rmcacheEnabled", "rmcacheEnabled", boolean, true},
		{"rmcacheSizeInKb", "rmcacheSizeInKb", anyNumber, true}, {"numOfIoBuffers", "numOfIoBuffers", anyNumber, true},
	})
}

func (s *System) reachable(d *sds) error {
	if s.processOf(d) == nil && !s.config.Lenient {
		return refuse("TGT_NOT_LISTENING_ON_PORT")
	}
	return nil
}

func (s *System) adoptSDS(d *sds) {
	index, _ := strconv.ParseUint(d.id[max(0, len(d.id)-4):], 16, 32) // ids that are not ours may not end in hex
	d.index = uint32(index)
	d.maintenance.state = none
	s.sdss.insert(d)
	d.domain.sdss.add(d)
	if d.faultSet != nil {
		d.faultSet.sdss.add(d)
	}
	for _, one := range d.ips {
		s.addresses[joinAddress(one.ip, d.port)] = d
	}
	if p := s.processOf(d); p != nil {
		s.attach(d, p)
	} else {
		d.virtual = s.config.Lenient
	}
}

func (s *System) dropSDS(d *sds) {
	for _, one := range d.ips {
		delete(s.addresses, joinAddress(one.ip, d.port))
	}
	if d.host != nil {
		d.host.sdss.remove(d)
	}
	if d.faultSet != nil {
		d.faultSet.sdss.remove(d)
	}
	d.domain.sdss.remove(d)
	s.disconnected.remove(d)
	s.sdss.drop(d)
	s.touch("Sds")
}

func renameSDS(s *System, d *sds, b body) error {
	name, err := b.must("name")
	if err != nil {
		return err
	}
	if err := freshName(&s.sdss, "", name, "TGT_NAME_IN_USE"); err != nil {
		return err
	}
	s.sdss.rename(d, name)
	return nil
}

// startNetworkTest makes results at once: one per other SDS of the domain, 1 GB/s.
func startNetworkTest(s *System, d *sds, b body) error {
	if d.domain.sdss.len() < 2 {
		return refuse("NOT_ENOUGH_TGTS_IN_FD_FOR_TEST")
	}
	size := int64(1)
	if b.has("networkTestSizeInGb") {
		n, err := b.number("networkTestSizeInGb")
		if err != nil {
			return err
		}
		size = n
	}
	results := []fields{}
	for peer := range d.domain.sdss.all() {
		if peer != d {
			results = append(results, fields{"peerSdsdId": peer.id, "peerSdsIp": peer.ips[0].ip, "dataTransferedInKb": size * gib,
				"testDurationInMsec": size * 1000, "testTime": s.now().Unix(), "rc": when(!peer.connected(), 1)})
		}
	}
	d.networkTest = results
	return nil
}

func networkTestResults(_ *System, d *sds, _ body) (any, error) {
	if d.networkTest == nil {
		return nil, refuse("NET_TEST_NOT_FOUND")
	}
	return d.networkTest, nil
}

func updateSDSPaths(_ *System, d *sds, _ body) error {
	for one := range d.devices.all() {
		one.original = one.path
	}
	return nil
}
