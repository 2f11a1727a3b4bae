package scaleio

// counters are the statistics of capacity that pools, domains and the system share; they add up.
type counters struct {
	limit, max, inUse, thick, thinInUse, thinAllocated   int64
	unused, unreachable, spare, available, allocatable   int64
	health                                               health
	devices, sdss, volumes, snapshots, thin, thickVolume int64
	unmapped, vtrees                                     int64
}

func (c *counters) add(o counters) {
	for _, pair := range [][2]*int64{
		{&c.limit, &o.limit}, {&c.max, &o.max}, {&c.inUse, &o.inUse}, {&c.thick, &o.thick}, {&c.thinInUse, &o.thinInUse},
		{&c.thinAllocated, &o.thinAllocated}, {&c.unused, &o.unused}, {&c.unreachable, &o.unreachable}, {&c.spare, &o.spare},
		{&c.available, &o.available}, {&c.allocatable, &o.allocatable}, {&c.devices, &o.devices}, {&c.sdss, &o.sdss},
		{&c.volumes, &o.volumes}, {&c.snapshots, &o.snapshots}, {&c.thin, &o.thin}, {&c.thickVolume, &o.thickVolume},
		{&c.unmapped, &o.unmapped}, {&c.vtrees, &o.vtrees},
	} {
		*pair[0] += *pair[1]
	}
	c.health.add(o.health)
}

func (h *health) add(o health) {
	for _, pair := range [][2]*int64{
		{&h.degradedHealthy, &o.degradedHealthy}, {&h.degradedFailed, &o.degradedFailed}, {&h.failed, &o.failed},
		{&h.protected, &o.protected}, {&h.maintenance, &o.maintenance}, {&h.fwdRebuild, &o.fwdRebuild}, {&h.bckRebuild, &o.bckRebuild},
		{&h.pendingRebuild, &o.pendingRebuild}, {&h.rebalance, &o.rebalance}, {&h.moving, &o.moving}, {&h.enterPMM, &o.enterPMM},
		{&h.exitPMM, &o.exitPMM},
	} {
		*pair[0] += *pair[1]
	}
}

func (s *System) count(p *pool) counters {
	inUse, spare := p.inUseKB(), p.spareKB()
	return counters{
		limit: p.limitKB, max: p.maxKB, inUse: inUse, thick: 2 * p.thickKB, thinInUse: p.thinInUseKB(), thinAllocated: 2 * p.thinKB,
		unused: max(0, p.limitKB-spare-inUse-p.unreachableKB), unreachable: min(p.unreachableKB, max(0, p.limitKB-spare-inUse)),
		spare: spare, available: p.availableKB(), allocatable: 5 * (p.limitKB - inUse), health: s.health(p),
		devices: int64(p.devices.len()), sdss: int64(p.hosts.len()), volumes: p.counts.total, snapshots: p.counts.snapshots,
		thin: p.counts.thin, thickVolume: p.counts.thick, unmapped: p.counts.total - p.counts.mapped, vtrees: int64(p.vtrees.len()),
	}
}

// fields are the counters under their names in the API [scaleio.md §1.11]; a real 2.6's answer checked the arithmetic.
func (c counters) fields(s *System) fields {
	h := c.health
	vac := c.thinAllocated + c.thick
	f := fields{
		"capacityLimitInKb": c.limit, "maxCapacityInKb": c.max, "capacityInUseInKb": c.inUse, "thickCapacityInUseInKb": c.thick,
		"thinCapacityInUseInKb": c.thinInUse, "thinCapacityAllocatedInKb": c.thinAllocated, "snapCapacityInUseInKb": 0,
		"snapCapacityInUseOccupiedInKb": 0, "unusedCapacityInKb": c.unused, "unreachableUnusedCapacityInKb": c.unreachable,
		"spareCapacityInKb": c.spare, "capacityAvailableForVolumeAllocationInKb": c.available, "atRestCapacityInKb": h.protected,
		"protectedCapacityInKb": h.protected, "degradedHealthyCapacityInKb": h.degradedHealthy, "semiProtectedCapacityInKb": 0,
		"degradedFailedCapacityInKb": h.degradedFailed, "failedCapacityInKb": h.failed, "inMaintenanceCapacityInKb": h.maintenance,
		"inUseVacInKb": vac, "primaryVacInKb": vac / 2, "secondaryVacInKb": vac / 2,
		"fwdRebuildCapacityInKb": h.fwdRebuild + h.pendingRebuild, "activeFwdRebuildCapacityInKb": h.fwdRebuild,
		"pendingFwdRebuildCapacityInKb": h.pendingRebuild, "bckRebuildCapacityInKb": h.bckRebuild,
		"activeBckRebuildCapacityInKb": h.bckRebuild, "pendingBckRebuildCapacityInKb": 0, "normRebuildCapacityInKb": 0,
		"activeNormRebuildCapacityInKb": 0, "pendingNormRebuildCapacityInKb": 0, "rebalanceCapacityInKb": h.rebalance,
		"activeRebalanceCapacityInKb": h.rebalance, "pendingRebalanceCapacityInKb": 0, "movingCapacityInKb": h.moving,
		"activeMovingCapacityInKb": h.moving, "pendingMovingCapacityInKb": h.moving,
		"rmPendingAllocatedInKb": 0, "numOfDevices": c.devices, "numOfVolumes": c.volumes, "numOfSnapshots": c.snapshots,
		"numOfThinBaseVolumes": c.thin, "numOfThickBaseVolumes": c.thickVolume, "numOfUnmappedVolumes": c.unmapped,
		"numOfVtrees": c.vtrees, "numOfVolumesInDeletion": 0, "numOfMappedToAllVolumes": 0, "numOfRfcacheDevices": 0,
		"mappedSdcIds": []string{}, "numOfMappedSdcs": 0,
	}
	if s.from(v35) {
		f["enterProtectedMaintenanceModeCapacityInKb"] = h.enterPMM
		f["activeEnterProtectedMaintenanceModeCapacityInKb"] = h.enterPMM
		f["pendingEnterProtectedMaintenanceModeCapacityInKb"] = 0
		f["exitProtectedMaintenanceModeCapacityInKb"] = h.exitPMM
		f["activeExitProtectedMaintenanceModeCapacityInKb"] = h.exitPMM
		f["pendingExitProtectedMaintenanceModeCapacityInKb"] = 0
		f["compressionRatio"] = 1
		f["volumeAllocationLimitInKb"] = c.allocatable
	}
	return withBandwidth(f)
}

// bandwidths are counters of traffic; nobody reads or writes in the emulator.
var bandwidths = []string{"primaryRead", "primaryWrite", "secondaryRead", "secondaryWrite", "totalRead", "totalWrite", "fwdRebuildRead",
	"fwdRebuildWrite", "bckRebuildRead", "bckRebuildWrite", "normRebuildRead", "normRebuildWrite", "rebalanceRead", "rebalanceWrite",
	"primaryReadFromDev", "secondaryReadFromDev", "primaryReadFromRmcache", "secondaryReadFromRmcache", "userDataRead", "userDataWrite"}

func quiet() fields { return fields{"numSeconds": 0, "totalWeightInKb": 0, "numOccured": 0} }

func withBandwidth(f fields) fields {
	for _, name := range bandwidths {
		f[name+"Bwc"] = quiet()
	}
	return f
}

func (s *System) poolStatistics(p *pool) fields {
	f := s.count(p).fields(s)
	f["numOfSds"] = p.hosts.len()
	return f
}

func (s *System) domainCounters(d *domain) counters {
	var sum counters
	for p := range d.pools.all() {
		sum.add(s.count(p))
	}
	return sum
}

func (s *System) domainStatistics(d *domain) fields {
	f := s.domainCounters(d).fields(s)
	f["numOfSds"], f["numOfStoragePools"], f["numOfFaultSets"] = d.sdss.len(), d.pools.len(), d.faultSets.len()
	return f
}

func (s *System) systemStatistics() fields {
	var sum counters
	domainIDs, sdcIDs := []string{}, []string{}
	for d := range s.domains.all() {
		sum.add(s.domainCounters(d))
		domainIDs = append(domainIDs, d.id)
	}
	for c := range s.sdcs.all() {
		sdcIDs = append(sdcIDs, c.id)
	}
	f := sum.fields(s)
	f["numOfDevices"], f["numOfSds"], f["numOfSdc"] = s.devices.len(), s.sdss.len(), s.sdcs.len()
	f["numOfProtectionDomains"], f["numOfStoragePools"], f["numOfFaultSets"] = s.domains.len(), s.pools.len(), s.faultSets.len()
	f["numOfMappedToAllVolumes"], f["numOfScsiInitiators"] = s.toAll.len(), 0
	f["protectionDomainIds"], f["sdcIds"], f["scsiInitiatorIds"] = domainIDs, sdcIDs, []string{}
	return f
}

// deviceCounters is a device's part of its pool's data.
func (s *System) deviceCounters(d *device) counters {
	c := counters{limit: d.limitKB, max: d.maxKB, devices: 1}
	if d.stored {
		c.inUse = d.pool.spread.portion(d.pool.inUseKB(), d.weight())
		c.thinInUse = d.pool.spread.portion(d.pool.thinInUseKB(), d.weight())
		c.thick = c.inUse - c.thinInUse
		c.thinAllocated = d.pool.spread.portion(2*d.pool.thinKB, d.weight())
		if d.lost {
			c.health.degradedFailed = min(c.inUse, s.health(d.pool).degradedFailed)
		} else {
			c.health.protected = c.inUse
		}
	}
	if d.lost || !d.stored {
		c.unreachable = c.limit - c.inUse
	} else {
		c.unused = c.limit - c.inUse
	}
	if d.leaving != nil {
		c.health.moving = s.left(d.leaving)
	}
	return c
}

func (s *System) deviceStatistics(d *device) fields { return s.deviceCounters(d).fields(s) }

func (s *System) sdsCounters(host *sds) counters {
	var sum counters
	for d := range host.devices.all() {
		sum.add(s.deviceCounters(d))
	}
	if host.maintenance.state != none {
		sum.health.maintenance, sum.health.protected = sum.inUse, 0
	}
	return sum
}

func (s *System) sdsStatistics(host *sds) fields {
	f := s.sdsCounters(host).fields(s)
	f["rmcacheSizeInKb"], f["rmcacheSizeInUseInKb"] = host.settings["rmcacheSizeInKb"], 0
	return f
}

// sdsSumStatistics are a fault set's.
func (s *System) sdsSumStatistics(hosts *roster[*sds]) fields {
	var sum counters
	for host := range hosts.all() {
		sum.add(s.sdsCounters(host))
	}
	f := sum.fields(s)
	f["numOfSds"] = hosts.len()
	return f
}

func (s *System) sdcStatistics(c *sdc) fields {
	list := []string{}
	for m := range c.mappings.all() {
		list = append(list, m.volume.id)
	}
	return fields{"numOfMappedVolumes": len(list), "volumeIds": list, "userDataReadBwc": quiet(), "userDataWriteBwc": quiet()}
}

func (s *System) volumeStatistics(v *volume) fields {
	children, descendants, mapped := []string{}, []string{}, []string{}
	for child := range v.children.all() {
		children = append(children, child.id)
	}
	for _, one := range v.family("DESCENDANTS_ONLY") {
		descendants = append(descendants, one.id)
	}
	for m := range v.mappings.all() {
		mapped = append(mapped, m.sdc.id)
	}
	return fields{
		"numOfChildVolumes": len(children), "childVolumeIds": children, "numOfDescendantVolumes": len(descendants),
		"descendantVolumeIds": descendants, "numOfMappedSdcs": len(mapped), "mappedSdcIds": mapped,
		"userDataReadBwc": quiet(), "userDataWriteBwc": quiet(),
	}
}

func (s *System) vtreeStatistics(t *vtree) fields {
	ids := []string{}
	for v := range t.volumes.all() {
		ids = append(ids, v.id)
	}
	return fields{"numOfVolumes": len(ids), "volumeIds": ids, "baseNetCapacityInUseInKb": t.base.writtenKB,
		"netCapacityInUseInKb": t.base.writtenKB, "snapshotCapacityInUseInKb": 0}
}
