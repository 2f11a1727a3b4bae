package scaleio

import (
	"time"
)

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

// Write says how much of a volume holds data. A thin volume that was never mapped holds none, one that was is taken as full until
// told otherwise: so that the loss of an SDS shows [design].
func (s *System) Write(volumeID string, kib int64) {
	s.do(func() {
		if v, there := s.volumes.byID[volumeID]; there {
			s.write(v, min(max(0, kib), v.sizeKB))
		}
	})
}

func (s *System) write(v *volume, kib int64) {
	v.pool.charge(v, 0, kib-v.writtenKB)
	v.writtenKB = kib
	s.reconsider(v.pool)
}

func growVolume(s *System, v *volume, b body) error {
	n, err := b.number("sizeInGB")
	if err != nil {
		return err
	}
	if n > int64(s.limit("volumeSizeGb")) {
		return refuse("VOL_SIZE_TOO_LARGE")
	}
	sizeKB := (n*gib + volumeStep - 1) / volumeStep * volumeStep
	switch {
	case n <= 0:
		return refuse("VOL_SIZE_ILLEGAL")
	case sizeKB < v.sizeKB:
		return refuse("VOL_DECREASE_NOT_SUPPORTED")
	}
	if err := s.volumeFits(v.pool, sizeKB-v.sizeKB, v.thick); err != nil && !v.snapshot() {
		return err
	}
	v.pool.charge(v, sizeKB-v.sizeKB, 0)
	v.sizeKB = sizeKB
	return nil
}

func renameVolume(s *System, v *volume, b body) error {
	name, err := b.must("newName")
	if err != nil {
		return err
	}
	if err := freshName(&s.volumes, "", name, "VOL_NAME_IN_USE"); err != nil {
		return err
	}
	s.volumes.rename(v, name)
	return nil
}

func compressVolume(_ *System, v *volume, b body) error {
	if v.pool.text("dataLayout") != "FineGranularity" {
		return refuse("SPEF_ONLY")
	}
	return apply(&v.object, b, []setting{{"compressionMethod", "compressionMethod", oneOf("None", "Normal"), false}})
}

// overwriteVolume needs both volumes in one vtree; there is no content to overwrite.
func overwriteVolume(s *System, v *volume, b body) error {
	source, err := lookup(&s.volumes, b.text("srcVolumeId"), "VOL_NOT_FOUND")
	switch {
	case err != nil:
		return err
	case source == v:
		return refuse("VOLUME_AND_SNAPSHOT_MATCH")
	case source.vtree != v.vtree:
		return refuse("VTREE_ID_MISMATCH")
	}
	return nil
}

// migrateVTree moves a whole vtree to another pool, at once.
func migrateVTree(s *System, v *volume, b body) error {
	target, err := lookup(&s.pools, b.text("destSPId"), "STORAGE_POOL_NOT_FOUND")
	switch {
	case err != nil:
		return err
	case target == v.pool:
		return refuse("VTREE_MIGRATE_SAME_SP")
	case target.flag("zeroPaddingEnabled") != v.pool.flag("zeroPaddingEnabled"):
		return refuse("VTREE_MAY_NOT_MIGRATED_TO_DIFFERENT_ZERO_PADDING")
	}
	if err := s.volumeFits(target, v.vtree.base.sizeKB, v.vtree.base.thick); err != nil {
		return err
	}
	source := v.pool
	source.vtrees.remove(v.vtree)
	target.vtrees.add(v.vtree)
	v.vtree.pool = target
	for one := range v.vtree.volumes.all() {
		source.volumes.remove(one)
		source.count(one, -1)
		source.countMapped(one, -1)
		source.charge(one, -one.sizeKB, -one.writtenKB)
		one.pool = target
		target.volumes.add(one)
		target.count(one, +1)
		target.countMapped(one, +1)
		target.charge(one, one.sizeKB, one.writtenKB)
	}
	s.reconsider(source)
	s.reconsider(target)
	return nil
}

// removeVolume takes away the volume, its descendants, or all of its vtree. ONLY_ME leaves the snapshots, which then descend from
// what the volume descended from.
func removeVolume(s *System, v *volume, b body) (any, error) {
	mode := "ONLY_ME"
	if b.has("removeMode") {
		if _, err := oneOf("ONLY_ME", "INCLUDING_DESCENDANTS", "DESCENDANTS_ONLY", "WHOLE_VTREE")(b, "removeMode"); err != nil {
			return nil, err
		}
		mode = b.text("removeMode")
	}
	going := v.family(mode)
	for _, one := range going {
		switch {
		case one.mappings.len() > 0 || one.toAll:
			return nil, refuse("VOL_MAPPED")
		case one.keptUntil.After(s.now()):
			return nil, refuse("PERMISSION_DENIED") // the real code for a secure snapshot is not known
		}
	}
	for _, one := range going {
		s.uproot(one)
	}
	return nil, nil
}

func (v *volume) family(mode string) []*volume {
	var all []*volume
	if mode == "WHOLE_VTREE" {
		for one := range v.vtree.volumes.all() {
			all = append(all, one)
		}
		return all
	}
	if mode != "ONLY_ME" {
		for child := range v.children.all() {
			all = append(all, child.family("INCLUDING_DESCENDANTS")...)
		}
	}
	if mode != "DESCENDANTS_ONLY" {
		all = append(all, v)
	}
	return all
}

// uproot removes one volume. A base that leaves snapshots hands its place in the vtree to the first of them.
func (s *System) uproot(v *volume) {
	p, tree := v.pool, v.vtree
	p.volumes.remove(v)
	p.count(v, -1)
	p.charge(v, -v.sizeKB, -v.writtenKB)
	s.volumes.drop(v)
	tree.volumes.remove(v)
	if v.ancestor != nil {
		v.ancestor.children.remove(v)
	}
	for child := range v.children.all() {
		child.ancestor = v.ancestor
		if v.ancestor != nil {
			v.ancestor.children.add(child)
		}
	}
	if tree.base == v {
		tree.base = tree.volumes.first()
	}
	if tree.volumes.len() == 0 {
		s.vtrees.drop(tree)
		p.vtrees.remove(tree)
	}
	s.forgetInGroup(v)
	s.reconsider(p)
	s.touch("Volume")
}

// secureSnapshot keeps a snapshot for some minutes from now.
func secureSnapshot(s *System, v *volume, b body) error {
	minutes, err := b.number("retentionPeriodInMin")
	if err != nil {
		return err
	}
	if minutes > 0 {
		v.keptUntil = s.now().Add(time.Duration(minutes) * time.Minute)
	}
	return nil
}
