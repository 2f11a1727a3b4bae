package scaleio

import (
	"iter"
)

// systemThing is the system as an object of the API.
type systemThing struct{ s *System }

func (t *systemThing) identity() *object { return &t.s.self }
func (t *systemThing) kindName() string  { return "System" }
func (t *systemThing) parents() []parent { return nil }

func (s *System) itself() *systemThing {
	s.self.id, s.self.name = s.id, s.name
	return &systemThing{s}
}

func (t *systemThing) view(s *System) fields {
	v := fields{
		"systemVersionName": s.product(), "installId": s.installation,
		"daysInstalled": int(s.now().Sub(s.born).Hours() / 24),
	}
	if s.cluster != nil {
		v["mdmCluster"] = s.cluster.view(s)
	}
	connectivity := fields{"sdcSdsConnectivityStatus": s.connectivity(), "disconnectedSdcId": nil, "disconnectedSdsId": nil}
	if d := s.disconnected.first(); d != nil {
		connectivity["disconnectedSdsId"] = d.id
	}
	v["sdcSdsConnectivityInfo"] = connectivity
	return v
}

// systemDefaults are the values of a real 2.6 [scaleio.md §1.3]. The fields of 1.3x that goscaleio's struct still has (mdmMode,
// mdmClusterState, ...) are not sent.
func (s *System) systemDefaults() fields {
	f := fields{
		"swid": "", "isInitialLicense": true, "maxCapacityInGb": "Unlimited", "capacityTimeLeftInDays": "Unlimited",
		"enterpriseFeaturesEnabled": true, "mdmManagementPort": 6611, "mdmToSdsPolicy": "Authentication", "perfProfile": s.profile(),
		"authenticationMethod": "Native", "capacityAlertHighThresholdPercent": int64(80), "capacityAlertCriticalThresholdPercent": int64(90),
		"restrictedSdcModeEnabled": false, "restrictedSdcMode": "None", "upgradeState": "NoUpgrade", "cliPasswordAllowed": true,
		"managementClientSecureCommunicationEnabled": true, "tlsVersion": "TLSv1.2", "showGuid": true,
		"remoteReadOnlyLimitState": false, "defaultIsVolumeObfuscated": false,
	}
	for _, counter := range []string{"LongOperations", "MdmNetworkDisconnections", "MemoryAllocationFailures", "SdsNetworkDisconnections", "SocketAllocationFailures"} {
		f["sdc"+counter+"CounterParameters"] = counterWindows
	}
	return f
}

func systemKind() *kind {
	return &kind{
		name: "System", absent: "NOT_FOUND",
		find: func(s *System, id string) (thing, bool) { return s.itself(), id == s.id },
		all:  func(s *System) iter.Seq[thing] { return func(yield func(thing) bool) { yield(s.itself()) } },
		key:  func(s *System, _ body) (string, error) { return s.id, nil },
		rels: []rel{{"Statistics", v2}, {"ProtectionDomain", v2}, {"Sdc", v2}, {"User", v2}},
		relations: map[string]relation{
			"ProtectionDomain": {of: func(s *System, _ thing) iter.Seq[thing] { return things(&s.domains.roster) }},
			"Sdc":              {of: func(s *System, _ thing) iter.Seq[thing] { return things(&s.sdcs.roster) }},
			"User":             {of: func(s *System, _ thing) iter.Seq[thing] { return things(&s.users.roster) }},
		},
		stats:   func(s *System, _ thing) fields { return s.systemStatistics() },
		actions: systemActions(),
		static:  clusterActions(),
	}
}

// systemActions are those of System::<id>, clusterActions those of System without an id, as the 4.5.5 document has them [OA].
func systemActions() map[string]action {
	return map[string]action{
		"snapshotVolumes":                 ask(snapshotVolumes),
		"removeConsistencyGroupSnapshots": ask(removeGroup),
		"setRestrictedSdcMode":            do(restrictSDCs),
		"approveSdc":                      ask(approveSDC),
		"setApprovedSdcIps":               do(setApprovedIPs),
		"setSystemName":                   do(renameSystem),
		"updateLicense":                   set(setting{param: "softwareId", field: "swid", read: text}),
		"setCapacityAlertThresholds":      do(setSystemAlerts),
		"queryDisconnections":             ask(queryDisconnections),
		"enterProtectedMaintenanceMode":   sinceAction(v35, ask(func(s *System, _ *systemThing, b body) (any, error) { return perSDS(s.enterMaintenance(b, protected)) })),
		"exitProtectedMaintenanceMode":    sinceAction(v35, ask(func(s *System, _ *systemThing, b body) (any, error) { return perSDS(s.exitMaintenance(b, protected)) })),
	}
}

// sinceAction is an action that older versions do not know.
func sinceAction(v version, a action) action {
	return func(s *System, t thing, b body) (any, error) {
		if !s.from(v) {
			return nil, errUnknownAction
		}
		return a(s, t, b)
	}
}

func clusterActions() map[string]staticAction {
	return map[string]staticAction{
		"createMdmCluster":            createCluster,
		"addStandbyMdm":               addStandby,
		"removeStandbyMdm":            removeStandby,
		"changeMdmOwnership":          changeOwnership,
		"switchClusterMode":           switchMode,
		"replaceClusterMdm":           replaceMembers,
		"renameMdm":                   renameMDM,
		"querySystemLimits":           querySystemLimits,
		"setMdmPerformanceParameters": setMDMProfile,
		"setSdsPerformanceParameters": setAllProfiles(func(s *System) iter.Seq[thing] { return things(&s.sdss.roster) }),
		"setSdcPerformanceParameters": setAllProfiles(func(s *System) iter.Seq[thing] { return things(&s.sdcs.roster) }),
		"setManagementIps":            setManagementIPs,
		"modifyClusterVirtualIPs":     setVirtualIPs,
		"modifyVirtualIpInterfaces":   setVirtualInterfaces,
		"enterMaintenanceMode":        func(s *System, b body) (any, error) { _, err := s.enterMaintenance(b, instant); return nil, err },
		"exitMaintenanceMode":         func(s *System, b body) (any, error) { _, err := s.exitMaintenance(b, instant); return nil, err },
		"startUpgrade":                upgradeState("NoUpgrade", "UpgradeInProgress"),
		"allowCommandsDuringUpgrade":  upgradeState("UpgradeInProgress", "UpgradeInProgress"),
		"finalizeUpgrade":             upgradeState("UpgradeInProgress", "NoUpgrade"),
		"abortUpgrade":                upgradeState("UpgradeInProgress", "NoUpgrade"),
	}
}

// upgradeState moves System.upgradeState from one value to the next.
func upgradeState(from, to string) staticAction {
	return func(s *System, _ body) (any, error) {
		if s.self.text("upgradeState") != from {
			return nil, refuse("INVALID_UPGRADE_ID")
		}
		s.self.settings["upgradeState"] = to
		return nil, nil
	}
}

func renameSystem(s *System, _ *systemThing, b body) error {
	name, err := b.must("newName")
	if err != nil {
		return err
	}
	if err := checkName(name); err != nil {
		return err
	}
	s.name = name
	return nil
}

// setSystemAlerts sets the system's thresholds, and those of every pool if told so.
func setSystemAlerts(s *System, t *systemThing, b body) error {
	percent := within(0, 100, "INVALID_PERCENTAGE")
	pair := func(suffix string) []setting {
		return []setting{
			{"capacityAlertHighThresholdPercent", "capacityAlertHighThreshold" + suffix, percent, true},
			{"capacityAlertCriticalThresholdPercent", "capacityAlertCriticalThreshold" + suffix, percent, true},
		}
	}
	if err := apply(t.identity(), b, pair("Percent")); err != nil {
		return err
	}
	if !b.on("allStoragePools") {
		return nil
	}
	for p := range s.pools.all() {
		if err := apply(&p.object, b, pair("")); err != nil {
			return err
		}
	}
	return nil
}

func setMDMProfile(s *System, b body) (any, error) {
	if _, err := profiles(b, "perfProfile"); err != nil {
		return nil, err
	}
	s.cluster.profile = b.text("perfProfile")
	s.self.settings["perfProfile"] = b.text("perfProfile")
	return nil, nil
}

func setAllProfiles(of func(*System) iter.Seq[thing]) staticAction {
	return func(s *System, b body) (any, error) {
		for t := range of(s) {
			if _, err := setProfile(s, t, b); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}
}

func setManagementIPs(s *System, b body) (any, error) {
	m := s.cluster.find(b.text("id"))
	if m == nil {
		return nil, refuse("MDM_DOES_NOT_EXIST")
	}
	m.management = b.list("mdmManagementIpList")
	if b.on("clearAll") {
		m.management = nil
	}
	return nil, nil
}

func setVirtualIPs(s *System, b body) (any, error) {
	s.cluster.virtualIPs = b.list("virtIPs")
	if b.on("clear") {
		s.cluster.virtualIPs = nil
	}
	return nil, nil
}

func setVirtualInterfaces(s *System, b body) (any, error) {
	m := s.cluster.find(b.text("id"))
	if m == nil {
		m = s.cluster.find(b.text("Id")) // the 4.5.5 document's spelling
	}
	switch {
	case m == nil:
		return nil, refuse("MDM_DOES_NOT_EXIST")
	case !m.manager:
		return nil, refuse("VIRT_IP_INTF_NOT_ALLOWED_FOR_TB")
	}
	m.interfaces = b.list("virtIpIntfs")
	if b.on("clear") {
		m.interfaces = nil
	}
	return nil, nil
}

// connectivity is AllConnected [ND]; what the API says otherwise is in no source.
func (s *System) connectivity() string {
	if s.disconnected.len() > 0 {
		return "SdsDisconnected"
	}
	return "AllConnected"
}

func queryDisconnections(s *System, _ *systemThing, b body) (any, error) {
	if !b.has("disconnectionType") {
		return nil, missing("disconnectionType")
	}
	list := []fields{}
	for d := range s.disconnected.all() {
		list = append(list, fields{"sdsId": d.id})
	}
	return fields{"sdcSdsConnectivityStatus": s.connectivity(), "sdcSdsDisconnections": list}, nil
}
