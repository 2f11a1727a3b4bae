package scaleio

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
