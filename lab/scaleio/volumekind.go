package scaleio

func (v *volume) kindName() string { return "Volume" }

func (v *volume) parents() []parent {
	list := []parent{{"storagePoolId", "StoragePool", v.pool.id}, {"vtreeId", "VTree", v.vtree.id}}
	if v.ancestor != nil {
		list = append(list, parent{"ancestorVolumeId", "Volume", v.ancestor.id})
	}
	return list
}

func (v *volume) view(s *System) fields {
	shown := fields{
		"sizeInKb": v.sizeKB, "volumeType": v.volumeType(), "vtreeId": v.vtree.id, "storagePoolId": v.pool.id,
		"ancestorVolumeId": nil, "consistencyGroupId": orNull(v.group), "creationTime": v.created.Unix(),
		"mappedSdcInfo": nil, "mappingToAllSdcsEnabled": v.toAll,
	}
	if v.ancestor != nil {
		shown["ancestorVolumeId"] = v.ancestor.id
	}
	if v.mappings.len() > 0 {
		list := []fields{}
		for m := range v.mappings.all() {
			list = append(list, m.view(s))
		}
		shown["mappedSdcInfo"] = list // null when there is none: an array of REX-Ray's would do, but the real one says null
	}
	if !s.version.atLeast(v25) {
		shown["mappedScsiInitiatorInfo"] = nil // gone at a real 2.6; REX-Ray breaks if it is a list [rexray.md §2.2]
	}
	if s.from(v3) {
		shown["dataLayout"] = v.pool.text("dataLayout")
		shown["secureSnapshotExpTime"] = when(!v.keptUntil.IsZero(), v.keptUntil.Unix())
	}
	return shown
}

func (m *mapping) view(s *System) fields {
	shown := fields{"sdcId": m.sdc.id, "sdcIp": m.sdc.ips[0], "limitIops": m.iops, "limitBwInMbps": m.mbps}
	if s.from(v3) {
		shown["sdcName"], shown["accessMode"] = m.sdc.name, m.access
	}
	return shown
}

func (v *volume) volumeType() string {
	switch {
	case v.snapshot():
		return "Snapshot"
	case v.thick:
		return "ThickProvisioned"
	}
	return "ThinProvisioned"
}

// Values of a real 2.6 [scaleio.md §1.10].
var volumePresets = []preset{
	{"useRmcache", false, v2}, {"isObfuscated", false, v2}, {"isVvol", false, v2},
	{"accessModeLimit", "ReadWrite", v3}, {"compressionMethod", "None", v3}, {"lockedAutoSnapshot", false, v3},
}

func volumeKind() *kind {
	volumes := func(s *System) *table[*volume] { return &s.volumes }
	return &kind{
		name: "Volume", listKey: "volumeList", absent: "VOL_NOT_FOUND",
		find: found(volumes), all: every(volumes), create: createVolume,
		key: func(s *System, b body) (string, error) {
			if v, there := s.volumes.named("", b.text("name")); there {
				return v.id, nil
			}
			return "", refuse("VOL_NOT_FOUND")
		},
		rels:  []rel{{"Statistics", v2}},
		stats: func(s *System, t thing) fields { return s.volumeStatistics(t.(*volume)) },
		actions: map[string]action{
			"addMappedSdc":               do(mapVolume),
			"addMappedHost":              do(mapHost),
			"removeMappedSdc":            do(unmapVolume),
			"removeMappedHost":           do(unmapVolume),
			"setMappedSdcLimits":         do(limitMapping),
			"setVolumeMappingAccessMode": do(setMappingAccess),
			"setVolumeSize":              do(growVolume),
			"setVolumeName":              do(renameVolume),
			"setVolumeUseRmcache":        set(setting{param: "useRmcache", field: "useRmcache", read: boolean}),
			"setVolumeAccessModeLimit":   set(setting{param: "accessModeLimit", field: "accessModeLimit", read: accessModes}),
			"lockAutoSnapshot":           do(func(*System, *volume, body) error { return refuse("VOL_NOT_AUTO_SNAP") }),
			"unlockAutoSnapshot":         do(func(*System, *volume, body) error { return refuse("VOL_NOT_AUTO_SNAP") }),
			"modifyCompressionMethod":    do(compressVolume),
			"setSnapshotSecurity":        do(secureSnapshot),
			"removeVolume":               ask(removeVolume),
			"overwriteVolumeContent":     do(overwriteVolume),
			"migrateVTree":               do(migrateVTree),
		},
	}
}

var accessModes = oneOf("ReadWrite", "ReadOnly", "NoAccess")

// createVolume rounds up to 8 GiB and refuses what the pool cannot take [scaleio.md §1.10, §5.2].
func createVolume(s *System, b body) (any, error) {
	p, err := s.volumePool(b)
	if err != nil {
		return nil, err
	}
	name := b.text("name")
	if err := freshName(&s.volumes, "", name, "VOL_NAME_IN_USE"); err != nil {
		return nil, err
	}
	sizeKB, err := s.volumeSize(b)
	if err != nil {
		return nil, err
	}
	thick, err := thickness(b)
	if err != nil {
		return nil, err
	}
	if err := s.volumeFits(p, sizeKB, thick); err != nil {
		return nil, err
	}
	v := &volume{object: object{s.ids.next("Volume"), name, s.presets(volumePresets)}, pool: p, sizeKB: sizeKB, thick: thick, created: s.now()}
	if err := apply(&v.object, b, []setting{{"useRmcache", "useRmcache", boolean, true},
		{"compressionMethod", "compressionMethod", oneOf("None", "Normal"), true}}); err != nil {
		return nil, err
	}
	s.plant(v, s.ids.next("VTree"))
	return fields{"id": v.id}, nil
}

// volumePool is the pool of a create call; its domain, if told, must be the pool's own.
func (s *System) volumePool(b body) (*pool, error) {
	p, err := lookup(&s.pools, b.text("storagePoolId"), "STORAGE_POOL_NOT_FOUND")
	if err != nil {
		return nil, err
	}
	if id := b.text("protectionDomainId"); id != "" && id != p.domain.id {
		if _, err := lookup(&s.domains, id, "FD_NOT_FOUND"); err != nil {
			return nil, err
		}
		return nil, refuse("FD_AND_SP_MISMATCH")
	}
	if p.domain.state != "Active" {
		return nil, refuse("FD_NOT_ACTIVE")
	}
	if s.volumes.len() >= s.limit("volumes") {
		return nil, refuse("EXCEED_SYSTEM_CAPACITY_LIMITATIONS")
	}
	return p, nil
}

func (s *System) volumeSize(b body) (int64, error) {
	param, factor := "volumeSizeInKb", int64(1)
	if !b.has(param) && b.has("volumeSizeInGb") {
		param, factor = "volumeSizeInGb", gib
	}
	n, err := b.number(param)
	if err != nil {
		return 0, err
	}
	if n > int64(s.limit("volumeSizeGb"))*gib/factor {
		return 0, refuse("VOL_SIZE_TOO_LARGE")
	}
	if n <= 0 {
		return 0, refuse("VOL_SIZE_ILLEGAL")
	}
	return (n*factor + volumeStep - 1) / volumeStep * volumeStep, nil
}

func thickness(b body) (bool, error) {
	if !b.has("volumeType") {
		return false, nil
	}
	_, err := oneOf("ThinProvisioned", "ThickProvisioned")(b, "volumeType")
	return b.text("volumeType") == "ThickProvisioned", err
}

// volumeFits asks for three fault units and room: thick volumes what is there to allocate, thin ones five times what is not used.
func (s *System) volumeFits(p *pool, sizeKB int64, thick bool) error {
	if s.config.Lenient {
		return nil
	}
	if len(p.spread.units) < 3 {
		return refuse("NOT_ENOUGH_FSS_IN_STORAGE_POOL")
	}
	if thick && p.text("dataLayout") == "FineGranularity" {
		return refuse("THICK_VOLUME_CANNOT_BE_ADDED_TO_SPEF_SP")
	}
	if thick && sizeKB > p.availableKB() || !thick && p.thinKB+sizeKB > 5*(p.limitKB-p.inUseKB()) {
		return refuse("TOO_MUCH_THIN_CAPACITY")
	}
	return nil
}

// plant makes a volume the base of a vtree of its own.
func (s *System) plant(v *volume, vtreeID string) {
	v.vtree = &vtree{object: object{vtreeID, "", s.presets(vtreePresets)}, pool: v.pool, base: v}
	s.vtrees.insert(v.vtree)
	v.pool.vtrees.add(v.vtree)
	s.adoptVolume(v)
	v.pool.charge(v, v.sizeKB, 0)
}

func (s *System) adoptVolume(v *volume) {
	v.to = map[*sdc]*mapping{}
	s.volumes.insert(v)
	v.vtree.volumes.add(v)
	v.pool.volumes.add(v)
	v.pool.count(v, +1)
	s.touch("Volume")
	s.touch("VTree")
}

// count keeps the pool's numbers of volumes; charge its sums of sizes. Snapshots take no capacity here.
func (p *pool) count(v *volume, sign int64) {
	p.counts.total += sign
	switch {
	case v.snapshot():
		p.counts.snapshots += sign
	case v.thick:
		p.counts.thick += sign
	default:
		p.counts.thin += sign
	}
}

func (p *pool) charge(v *volume, sizeKB, writtenKB int64) {
	switch {
	case v.snapshot():
	case v.thick:
		p.thickKB += sizeKB
	default:
		p.thinKB += sizeKB
		p.thinWrittenKB += writtenKB
	}
}
