package scaleio

import "iter"

func (p *pool) kindName() string { return "StoragePool" }
func (p *pool) parents() []parent {
	return []parent{{"protectionDomainId", "ProtectionDomain", p.domain.id}}
}

func (p *pool) view(s *System) fields {
	v := fields{"protectionDomainId": p.domain.id, "sparePercentage": p.spare}
	if s.from(v3) {
		v["mediaType"] = p.media
		v["capacityUsageState"] = p.usage(p.inUseKB(), p.limitKB-p.spareKB())
		v["addressSpaceUsage"] = p.usage(p.allocatedKB(), 5*(p.limitKB-p.inUseKB()))
	}
	return v
}

// usage is Normal, High, Critical or Full by the pool's own thresholds.
func (p *pool) usage(used, of int64) string {
	switch percent := percentage(used, of); {
	case percent >= 100:
		return "Full"
	case percent >= p.number("capacityAlertCriticalThreshold"):
		return "Critical"
	case percent >= p.number("capacityAlertHighThreshold"):
		return "High"
	}
	return "Normal"
}

func percentage(part, whole int64) int64 {
	if whole <= 0 {
		return when(part > 0, 100)
	}
	return part * 100 / whole
}

// Values of a new pool of a real 2.6 [scaleio.md §1.5]; those of later versions as recorded.
var poolPresets = []preset{
	{"rebuildEnabled", true, v2}, {"rebuildIoPriorityPolicy", "limitNumOfConcurrentIos", v2},
	{"rebuildIoPriorityNumOfConcurrentIosPerDevice", 1, v2}, {"rebuildIoPriorityBwLimitPerDeviceInKbps", 10240, v2},
	{"rebuildIoPriorityAppIopsPerDeviceThreshold", nil, v2}, {"rebuildIoPriorityAppBwPerDeviceThresholdInKbps", nil, v2},
	{"rebuildIoPriorityQuietPeriodInMsec", nil, v2},
	{"rebalanceEnabled", true, v2}, {"rebalanceIoPriorityPolicy", "favorAppIos", v2},
	{"rebalanceIoPriorityNumOfConcurrentIosPerDevice", 1, v2}, {"rebalanceIoPriorityBwLimitPerDeviceInKbps", 10240, v2},
	{"rebalanceIoPriorityAppIopsPerDeviceThreshold", nil, v2}, {"rebalanceIoPriorityAppBwPerDeviceThresholdInKbps", nil, v2},
	{"rebalanceIoPriorityQuietPeriodInMsec", nil, v2},
	{"vtreeMigrationIoPriorityPolicy", "favorAppIos", v3}, {"vtreeMigrationIoPriorityNumOfConcurrentIosPerDevice", 1, v3},
	{"vtreeMigrationIoPriorityBwLimitPerDeviceInKbps", 10240, v3},
	{"protectedMaintenanceModeIoPriorityPolicy", "limitNumOfConcurrentIos", v35},
	{"protectedMaintenanceModeIoPriorityNumOfConcurrentIosPerDevice", 1, v35},
	{"protectedMaintenanceModeIoPriorityBwLimitPerDeviceInKbps", 10240, v35},
	{"numOfParallelRebuildRebalanceJobsPerDevice", 2, v2},
	{"zeroPaddingEnabled", false, v2}, {"useRmcache", false, v2}, {"rmcacheWriteHandlingMode", "Cached", v2}, {"useRfcache", false, v2},
	{"backgroundScannerMode", "Disabled", v2}, {"backgroundScannerBWLimitKBps", 3072, v2}, {"checksumEnabled", false, v2},
	{"capacityAlertHighThreshold", 80, v2}, {"capacityAlertCriticalThreshold", 90, v2},
	{"dataLayout", "MediumGranularity", v3}, {"externalAccelerationType", "None", v3}, {"compressionMethod", "None", v3},
	{"fragmentationEnabled", true, v3}, {"persistentChecksumEnabled", false, v3}, {"persistentChecksumState", "NotReady", v3},
	{"replicationCapacityMaxRatio", 0, v35},
}

var (
	mediaTypes    = oneOf("HDD", "SSD", "Transitional")
	accelerations = oneOf("None", "Read", "Write", "ReadAndWrite")
	writeHandling = oneOf("Passthrough", "Cached")
	layouts       = oneOf("MediumGranularity", "FineGranularity")
)

// ioPolicy makes the action that sets one of the pool's four policies [scaleio.md §1.5].
func ioPolicy(of string, policies reader) action {
	return set(
		setting{"policy", of + "IoPriorityPolicy", policies, false},
		setting{"numOfConcurrentIosPerDevice", of + "IoPriorityNumOfConcurrentIosPerDevice", within(1, 20, "PARAMETER_OUT_OF_RANGE"), true},
		setting{"bwLimitPerDeviceInKbps", of + "IoPriorityBwLimitPerDeviceInKbps", within(1024, 1048576, "PARAMETER_OUT_OF_RANGE"), true},
	)
}

func poolKind() *kind {
	pools := func(s *System) *table[*pool] { return &s.pools }
	policies := oneOf("unlimited", "limitNumOfConcurrentIos", "favorAppIos")
	alerts := within(0, 100, "INVALID_PERCENTAGE")
	return &kind{
		name: "StoragePool", listKey: "storagePoolList", absent: "STORAGE_POOL_NOT_FOUND",
		find: found(pools), all: every(pools), create: createPool, key: poolKey,
		// SpSds is missing at a real 2.6 [scaleio.md §1.2].
		rels: []rel{{"Statistics", v2}, {"Device", v2}, {"Volume", v2}, {"VTree", v2}, {"SpSds", v3}},
		relations: map[string]relation{
			"Device": related(func(p *pool) *roster[*device] { return &p.devices }),
			"Volume": related(func(p *pool) *roster[*volume] { return &p.volumes }),
			"VTree":  related(func(p *pool) *roster[*vtree] { return &p.vtrees }),
			"SpSds":  {of: func(_ *System, t thing) iter.Seq[thing] { return things(&t.(*pool).hosts) }, since: v3},
		},
		stats: func(s *System, t thing) fields { return s.poolStatistics(t.(*pool)) },
		actions: map[string]action{
			"removeStoragePool":    do(removePool),
			"setStoragePoolName":   do(renamePool),
			"setMediaType":         answeringID(do(setPoolMedia)),
			"setZeroPaddingPolicy": do(setZeroPadding),
			"setSparePercentage":   do(setSpare),
			"setRebuildEnabled":    reconsidering(set(setting{param: "rebuildEnabled", field: "rebuildEnabled", read: boolean})),
			"setRebalanceEnabled":  reconsidering(set(setting{param: "rebalanceEnabled", field: "rebalanceEnabled", read: boolean})),
			"setRebuildRebalanceParallelism": set(setting{param: "limit", field: "numOfParallelRebuildRebalanceJobsPerDevice",
				read: within(1, 10, "PARAMETER_OUT_OF_RANGE")}),
			"setRebuildIoPriorityPolicy":                  ioPolicy("rebuild", policies),
			"setRebalanceIoPriorityPolicy":                ioPolicy("rebalance", policies),
			"setProtectedMaintenanceModeIoPriorityPolicy": ioPolicy("protectedMaintenanceMode", policies),
			"setVTreeMigrationIoPriorityPolicy":           ioPolicy("vtreeMigration", oneOf("limitNumOfConcurrentIos", "favorAppIos")),
			"setUseRmcache":                               set(setting{param: "useRmcache", field: "useRmcache", read: boolean}),
			"setRmcacheWriteHandlingMode":                 set(setting{param: "rmcacheWriteHandlingMode", field: "rmcacheWriteHandlingMode", read: writeHandling}),
			"enableRfcache":                               fix("useRfcache", true),
			"disableRfcache":                              fix("useRfcache", false),
			"enableFragmentation":                         fix("fragmentationEnabled", true),
			"disableFragmentation":                        fix("fragmentationEnabled", false),
			"setReplicationJournalCapacity":               set(setting{param: "replicationJournalCapacityMaxRatio", field: "replicationCapacityMaxRatio", read: anyNumber}),
			"setCapacityAlertThresholds": set(
				setting{"capacityAlertHighThresholdPercent", "capacityAlertHighThreshold", alerts, true},
				setting{"capacityAlertCriticalThresholdPercent", "capacityAlertCriticalThreshold", alerts, true}),
			"enableBackgroundDeviceScanner":  do(enableScanner),
			"disableBackgroundDeviceScanner": fix("backgroundScannerMode", "Disabled"),
			"setChecksumEnabled":             set(setting{param: "checksumEnabled", field: "checksumEnabled", read: boolean}),
			"enablePersistentChecksum":       fix("persistentChecksumEnabled", true),
			"modifyPersistentChecksum":       nothing,
			"disablePersistentChecksum":      fix("persistentChecksumEnabled", false),
			"setExternalAccelerationType":    set(setting{param: "externalAccelerationType", field: "externalAccelerationType", read: accelerations}),
			"modifyCompressionMethod":        do(compressPool),
			"startDevicesTest":               nothing,
			"queryDevicesTestResults":        ask(func(*System, *pool, body) (any, error) { return []fields{}, nil }),
		},
	}
}

func reconsidering(a action) action {
	return func(s *System, t thing, b body) (any, error) {
		answer, err := a(s, t, b)
		if err == nil {
			s.reconsider(t.(*pool))
		}
		return answer, err
	}
}

// poolKey finds a pool by its name in a domain; by name alone if the domain is left out: the first that has it.
func poolKey(s *System, b body) (string, error) {
	domains := &s.domains.roster
	if b.has("protectionDomainId") || b.has("protectionDomainName") {
		d, there := s.domains.named("", b.text("protectionDomainName"))
		if b.has("protectionDomainId") {
			d, there = s.domains.byID[b.text("protectionDomainId")]
		}
		if !there {
			return "", refuse("FD_NOT_FOUND")
		}
		domains = &roster[*domain]{}
		domains.add(d)
	}
	for d := range domains.all() {
		if p, there := s.pools.named(d.id, b.text("name")); there {
			return p.id, nil
		}
	}
	return "", refuse("STORAGE_POOL_NOT_FOUND")
}

func createPool(s *System, b body) (any, error) {
	d, err := lookup(&s.domains, b.text("protectionDomainId"), "FD_NOT_FOUND")
	if err != nil {
		return nil, err
	}
	name := b.text("name")
	if err := freshName(&s.pools, d.id, name, "STORAGE_POOL_NAME_ALREADY_EXISTS"); err != nil {
		return nil, err
	}
	if d.pools.len() >= s.limit("storagePoolsPerProtectionDomain") || s.pools.len() >= s.limit("storagePools") {
		return nil, refuse("EXCEED_SYSTEM_CAPACITY_LIMITATIONS")
	}
	p := &pool{object: object{"", name, s.presets(poolPresets)}, domain: d}
	if err := p.configure(s, b); err != nil {
		return nil, err
	}
	p.id = s.ids.next("StoragePool")
	s.adopt(p)
	return fields{"id": p.id}, nil
}

func (s *System) adopt(p *pool) {
	p.perHost = map[*sds]int{}
	s.pools.insert(p)
	p.domain.pools.add(p)
}

// configure takes what a create call says about a new pool.
func (p *pool) configure(s *System, b body) error {
	p.spare = 10 // "the default is 10 %" [scaleio.md §1.5]
	if b.has("sparePercentage") {
		if err := setSpare(s, p, b); err != nil {
			return err
		}
	}
	if b.has("mediaType") {
		if _, err := mediaTypes(b, "mediaType"); err != nil {
			return err
		}
		p.media = b.text("mediaType")
	} else if s.version.atLeast(v3) && !s.config.Lenient {
		return missing("mediaType")
	} else {
		p.media = "HDD"
	}
	return apply(&p.object, b, []setting{
		{"rebuildEnabled", "rebuildEnabled", boolean, true}, {"rebalanceEnabled", "rebalanceEnabled", boolean, true},
		{"zeroPaddingEnabled", "zeroPaddingEnabled", boolean, true}, {"useRmcache", "useRmcache", boolean, true},
		{"useRfcache", "useRfcache", boolean, true}, {"rmcacheWriteHandlingMode", "rmcacheWriteHandlingMode", writeHandling, true},
		{"checksumEnabled", "checksumEnabled", boolean, true}, {"dataLayout", "dataLayout", layouts, true},
		{"externalAccelerationType", "externalAccelerationType", accelerations, true},
		{"compressionMethod", "compressionMethod", oneOf("None", "Normal"), true},
	})
}

func removePool(s *System, p *pool, _ body) error {
	switch {
	case p.volumes.len() > 0:
		return refuse("STORAGE_POOL_HAS_VOLS")
	case p.devices.len() > 0:
		return refuse("STORAGE_POOL_HAS_DEVS")
	}
	s.halt(p)
	s.pools.drop(p)
	p.domain.pools.remove(p)
	return nil
}

func renamePool(s *System, p *pool, b body) error {
	name, err := b.must("name")
	if err != nil {
		return err
	}
	if name == p.name { // as recorded (full-3.6): no refusal
		return nil
	}
	if err := freshName(&s.pools, p.domain.id, name, "STORAGE_POOL_NAME_ALREADY_EXISTS"); err != nil {
		return err
	}
	s.pools.rename(p, name)
	return nil
}

// setPoolMedia refuses a type that a device of the pool does not have, unless it is told to override.
func setPoolMedia(_ *System, p *pool, b body) error {
	if _, err := mediaTypes(b, "mediaType"); err != nil {
		return err
	}
	media := b.text("mediaType")
	for d := range p.devices.all() {
		if media != "Transitional" && d.media != "" && d.media != media {
			if !b.on("overrideDeviceConfiguration") {
				return refuse("MEDIA_TYPE_MISMATCH")
			}
			d.media = media
		}
	}
	p.media = media
	return nil
}

// setZeroPadding works only while the pool has no devices [scaleio.md §5.2]; the same value again is fine.
func setZeroPadding(_ *System, p *pool, b body) error {
	on, err := b.flag("zeroPadEnabled")
	if err != nil {
		return err
	}
	if !b.has("zeroPadEnabled") {
		return missing("zeroPadEnabled")
	}
	if on != p.flag("zeroPaddingEnabled") && p.devices.len() > 0 {
		return refuse("STORAGE_POOL_HAS_DEVS")
	}
	if p.text("dataLayout") == "FineGranularity" {
		return refuse("ZERO_PADDING_NOT_CONFIGURABLE_FOR_SPEF_SP")
	}
	p.settings["zeroPaddingEnabled"] = on
	return nil
}

func setSpare(_ *System, p *pool, b body) error {
	n, err := within(0, 99, "INVALID_SPARE_PERCENTAGE")(b, "sparePercentage")
	if err != nil {
		return err
	}
	was := p.spare
	p.spare = n.(int64)
	if p.spare > was && p.limitKB > 0 && p.limitKB-p.spareKB() < p.inUseKB() {
		p.spare = was
		return refuse("NO_SPARES")
	}
	return nil
}

func enableScanner(_ *System, p *pool, b body) error {
	mode := "DeviceOnly"
	if compare := b.text("compareErrorAction"); compare != "" && compare != "NoCompare" {
		if mode = "DataComparison"; !p.flag("zeroPaddingEnabled") {
			return refuse("ZEROPAD_AND_SCANNER")
		}
	}
	if err := apply(&p.object, b, []setting{{"bandwidthLimitInKbpsPerDevice", "backgroundScannerBWLimitKBps",
		within(10, 10240, "INVALID_SCANNER_BW_LIMIT"), true}}); err != nil {
		return err
	}
	p.settings["backgroundScannerMode"] = mode
	return nil
}

func compressPool(_ *System, p *pool, b body) error {
	if p.text("dataLayout") != "FineGranularity" {
		return refuse("SPEF_ONLY")
	}
	return apply(&p.object, b, []setting{{"compressionMethod", "compressionMethod", oneOf("None", "Normal"), false}})
}
