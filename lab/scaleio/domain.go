package scaleio

func (d *domain) kindName() string  { return "ProtectionDomain" }
func (d *domain) parents() []parent { return []parent{{"systemId", "System", d.system}} }

func (d *domain) view(*System) fields {
	return fields{"systemId": d.system, "protectionDomainState": d.state}
}

// Values of a real 2.6 [scaleio.md §1.4]; those of later versions as recorded.
var domainPresets = []preset{
	{"rebuildNetworkThrottlingEnabled", false, v2}, {"rebuildNetworkThrottlingInKbps", nil, v2},
	{"rebalanceNetworkThrottlingEnabled", false, v2}, {"rebalanceNetworkThrottlingInKbps", nil, v2},
	{"overallIoNetworkThrottlingEnabled", false, v2}, {"overallIoNetworkThrottlingInKbps", nil, v2},
	{"vtreeMigrationNetworkThrottlingEnabled", false, v3}, {"vtreeMigrationNetworkThrottlingInKbps", nil, v3},
	{"protectedMaintenanceModeNetworkThrottlingEnabled", false, v35}, {"protectedMaintenanceModeNetworkThrottlingInKbps", nil, v35},
	{"rfcacheEnabled", true, v2}, {"rfcachePageSizeKb", 64, v2}, {"rfcacheMaxIoSizeKb", 128, v2}, {"rfcacheOpertionalMode", "WriteMiss", v2},
	{"fglDefaultNumConcurrentWrites", 1000, v3}, {"fglMetadataCacheEnabled", false, v3}, {"fglDefaultMetadataCacheSize", 0, v3},
	{"sdsDecoupledCounterParameters", counterWindows, v2}, {"sdsConfigurationFailureCounterParameters", counterWindows, v2},
	{"mdmSdsNetworkDisconnectionsCounterParameters", counterWindows, v2},
	{"sdsSdsNetworkDisconnectionsCounterParameters", counterWindows, v2},
	{"sdsReceiveBufferAllocationFailuresCounterParameters", counterWindows, v2},
}

// counterWindows is the shape of the oscillating counters' parameters [scaleio.md §1.3]; the values are ours, nothing depends on them.
var counterWindows = fields{
	"shortWindow":  fields{"threshold": 300, "windowSizeInSec": 60},
	"mediumWindow": fields{"threshold": 500, "windowSizeInSec": 3600},
	"longWindow":   fields{"threshold": 700, "windowSizeInSec": 86400},
}

func domainKind() *kind {
	domains := func(s *System) *table[*domain] { return &s.domains }
	return &kind{
		name: "ProtectionDomain", listKey: "protectionDomainList", absent: "FD_NOT_FOUND",
		find: found(domains), all: every(domains), create: createDomain,
		key: func(s *System, b body) (string, error) {
			d, there := s.domains.named("", b.text("name"))
			if !there {
				return "", refuse("FD_NOT_FOUND")
			}
			return d.id, nil
		},
		rels: []rel{{"Statistics", v2}, {"StoragePool", v2}, {"Sds", v2}, {"FaultSet", v2}},
		relations: map[string]relation{
			"StoragePool": related(func(d *domain) *roster[*pool] { return &d.pools }),
			"Sds":         related(func(d *domain) *roster[*sds] { return &d.sdss }),
			"FaultSet":    related(func(d *domain) *roster[*faultSet] { return &d.faultSets }),
		},
		stats: func(s *System, t thing) fields { return s.domainStatistics(t.(*domain)) },
		actions: map[string]action{
			"removeProtectionDomain":         do(removeDomain),
			"setProtectionDomainName":        do(renameDomain),
			"activateProtectionDomain":       do(func(_ *System, d *domain, _ body) error { d.state = "Active"; return nil }),
			"inactivateProtectionDomain":     do(inactivateDomain),
			"setSdsNetworkLimits":            do(limitNetwork),
			"setRfcacheParameters":           set(rfcacheSettings...),
			"enableSdsRfcache":               fix("rfcacheEnabled", true),
			"disableSdsRfcache":              fix("rfcacheEnabled", false),
			"enableFglMetadataCache":         fix("fglMetadataCacheEnabled", true),
			"disableFglMetadataCache":        fix("fglMetadataCacheEnabled", false),
			"setDefaultFglMetadataCacheSize": set(setting{param: "cacheSizeInMB", field: "fglDefaultMetadataCacheSize", read: anyNumber}),
			"setSdsPerformanceParameters":    onEverySDS(func(d *domain) *roster[*sds] { return &d.sdss }, "perfProfile", "perfProfile", profiles),
			"setSdsRmcacheEnabled":           onEverySDS(func(d *domain) *roster[*sds] { return &d.sdss }, "rmcacheEnabled", "rmcacheEnabled", boolean),
			"setSdsRmcacheSize":              onEverySDS(func(d *domain) *roster[*sds] { return &d.sdss }, "rmcacheSizeInMB", "rmcacheSizeInKb", rmcacheSize),
			"queryProtectionDomainNetwork":   ask(domainNetwork),
			"startDevicesTest":               nothing,
			"queryDevicesTestResults":        ask(func(*System, *domain, body) (any, error) { return []fields{}, nil }),
		},
	}
}

// RFcache pages are powers of two from 4 to 64 KB, IOs from 32 to 256 KB [scaleio.md §5.1].
var rfcacheSettings = []setting{
	{"pageSizeKb", "rfcachePageSizeKb", powerOfTwo(4, 64), true},
	{"maxIOSizeKb", "rfcacheMaxIoSizeKb", powerOfTwo(32, 256), true},
	{"rfcacheOperationMode", "rfcacheOpertionalMode", oneOf("None", "Read", "Write", "ReadAndWrite", "WriteMiss"), true},
}

func powerOfTwo(low, high int64) reader {
	return func(b body, param string) (any, error) {
		n, err := b.number(param)
		if err != nil {
			return nil, err
		}
		if n < low || n > high || n&(n-1) != 0 {
			return nil, refuse("PARAMETER_OUT_OF_RANGE")
		}
		return n, nil
	}
}

func createDomain(s *System, b body) (any, error) {
	name, err := b.must("name")
	if err != nil {
		return nil, err
	}
	if err := freshName(&s.domains, "", name, "FD_NAME_IN_USE"); err != nil {
		return nil, err
	}
	if s.domains.len() >= s.limit("protectionDomains") {
		return nil, refuse("EXCEED_SYSTEM_CAPACITY_LIMITATIONS")
	}
	return fields{"id": s.newDomain(s.ids.next("ProtectionDomain"), name).id}, nil
}

func (s *System) newDomain(id, name string) *domain {
	d := &domain{object: object{id, name, s.presets(domainPresets)}, system: s.id, state: "Active"}
	s.domains.insert(d)
	return d
}

func removeDomain(s *System, d *domain, _ body) error {
	switch {
	case d.sdss.len() > 0:
		return refuse("FD_HAS_TGTS")
	case d.pools.len() > 0:
		return refuse("FD_HAS_STORAGE_POOLS")
	case d.faultSets.len() > 0:
		return refuse("FD_HAS_FAULT_SETS")
	}
	s.domains.drop(d)
	return nil
}

func renameDomain(s *System, d *domain, b body) error {
	name, err := b.must("name")
	if err != nil {
		return err
	}
	if err := freshName(&s.domains, "", name, "FD_NAME_IN_USE"); err != nil {
		return err
	}
	s.domains.rename(d, name)
	return nil
}

// inactivateDomain is the planned full stop: it needs every SDS up, none in maintenance, no rebuild [scaleio.md §5.5].
func inactivateDomain(s *System, d *domain, b body) error {
	if b.on("forceShutdown") {
		d.state = "Inactive"
		return nil
	}
	for host := range d.sdss.all() {
		if host.maintenance.state != none {
			return refuse("FD_CAPACITY_NOT_PROTECTED")
		}
		if !host.connected() {
			return refuse("TGT_NOT_HEALTHY")
		}
	}
	for p := range d.pools.all() {
		if h := s.health(p); h.degradedFailed+h.failed+h.bckRebuild > 0 {
			return refuse("FD_CAPACITY_NOT_PROTECTED")
		}
	}
	d.state = "Inactive"
	return nil
}

// networkLimits are the parameters of setSdsNetworkLimits and the fields that show them; the overall limit is last.
var networkLimits = []struct{ param, field string }{
	{"rebuildLimitInKbps", "rebuildNetworkThrottling"},
	{"rebalanceLimitInKbps", "rebalanceNetworkThrottling"},
	{"vtreeMigrationLimitInKbps", "vtreeMigrationNetworkThrottling"},
	{"protectedMaintenanceModeLimitInKbps", "protectedMaintenanceModeNetworkThrottling"},
	{"overallLimitInKbps", "overallIoNetworkThrottling"},
}

// limitNetwork takes limits of more than 5 MB/s or 0 for none, the overall one the largest [scaleio.md §1.4].
func limitNetwork(_ *System, d *domain, b body) error {
	limits := map[string]int64{}
	var largest int64
	for i, one := range networkLimits {
		limits[one.field] = d.number(one.field + "InKbps")
		if b.has(one.param) {
			n, err := b.number(one.param)
			if err != nil {
				return err
			}
			limits[one.field] = n
		}
		n := limits[one.field]
		overall := i == len(networkLimits)-1
		if n < 0 || n > 0 && n <= 5*mib || overall && n > 0 && n < largest {
			return refuse("INVALID_TGT_NETWORK_LIMITS")
		}
		largest = max(largest, n)
	}
	for _, one := range networkLimits {
		if b.has(one.param) {
			n := limits[one.field]
			d.settings[one.field+"Enabled"] = n > 0
			d.settings[one.field+"InKbps"] = orNone(n)
		}
	}
	return nil
}

func orNone(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}

func domainNetwork(_ *System, d *domain, _ body) (any, error) {
	disconnected := []string{}
	for host := range d.sdss.all() {
		if !host.connected() {
			disconnected = append(disconnected, host.id)
		}
	}
	return fields{"disconnectedSdsIds": disconnected, "networkResponse": []fields{}}, nil
}

// onEverySDS makes an action of a domain or a fault set that sets a field of each of its SDSs.
func onEverySDS[T thing](of func(T) *roster[*sds], param, field string, read reader) action {
	return do(func(_ *System, t T, b body) error {
		for host := range of(t).all() {
			if err := apply(host.identity(), b, []setting{{param, field, read, false}}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *faultSet) kindName() string { return "FaultSet" }
func (f *faultSet) parents() []parent {
	return []parent{{"protectionDomainId", "ProtectionDomain", f.domain.id}}
}
func (f *faultSet) view(*System) fields { return fields{"protectionDomainId": f.domain.id} }
func (f *faultSet) all() *roster[*sds]  { return &f.sdss }

func faultSetKind() *kind {
	faultSets := func(s *System) *table[*faultSet] { return &s.faultSets }
	return &kind{
		name: "FaultSet", listKey: "faultSetList", absent: "FAULT_SET_NOT_FOUND",
		find: found(faultSets), all: every(faultSets), create: createFaultSet,
		key: func(s *System, b body) (string, error) {
			f, there := s.faultSets.named("", b.text("name"))
			if !there {
				return "", refuse("FAULT_SET_NOT_FOUND")
			}
			return f.id, nil
		},
		rels:      []rel{{"Statistics", v2}, {"Sds", v2}},
		relations: map[string]relation{"Sds": related((*faultSet).all)},
		stats:     func(s *System, t thing) fields { return s.sdsSumStatistics(&t.(*faultSet).sdss) },
		actions: map[string]action{
			"setFaultSetName":             do(renameFaultSet),
			"removeFaultSet":              do(removeFaultSet),
			"setSdsPerformanceParameters": onEverySDS((*faultSet).all, "perfProfile", "perfProfile", profiles),
			"clearFaultSet":               do(clearFaultSet),
		},
	}
}

func createFaultSet(s *System, b body) (any, error) {
	d, err := lookup(&s.domains, b.text("protectionDomainId"), "FD_NOT_FOUND")
	if err != nil {
		return nil, err
	}
	if err := freshName(&s.faultSets, "", b.text("name"), "FAULT_SET_NAME_ALREADY_EXISTS"); err != nil {
		return nil, err
	}
	if d.faultSets.len() >= s.limit("faultSetsPerProtectionDomain") {
		return nil, refuse("EXCEED_SYSTEM_CAPACITY_LIMITATIONS")
	}
	return fields{"id": s.newFaultSet(s.ids.next("FaultSet"), b.text("name"), d).id}, nil
}

func (s *System) newFaultSet(id, name string, d *domain) *faultSet {
	f := &faultSet{object: object{id, name, fields{}}, domain: d}
	s.faultSets.insert(f)
	d.faultSets.add(f)
	return f
}

func renameFaultSet(s *System, f *faultSet, b body) error {
	name, err := b.must("newName")
	if err != nil {
		return err
	}
	if err := freshName(&s.faultSets, "", name, "FAULT_SET_NAME_ALREADY_EXISTS"); err != nil {
		return err
	}
	s.faultSets.rename(f, name)
	return nil
}

func removeFaultSet(s *System, f *faultSet, _ body) error {
	if f.sdss.len() > 0 {
		return refuse("FAULT_SET_HAS_TGTS")
	}
	s.faultSets.drop(f)
	f.domain.faultSets.remove(f)
	return nil
}

// clearFaultSet starts the removal of every SDS of the fault set ("clear SDSs from the fault set", scaleio.md §1.6).
func clearFaultSet(s *System, f *faultSet, b body) error {
	for host := range f.sdss.all() {
		if err := removeSDS(s, host, b); err != nil {
			return err
		}
	}
	return nil
}
