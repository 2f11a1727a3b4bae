package scaleio

import "time"

// snapshotVolumes makes snapshots of several volumes as one consistency group.
func snapshotVolumes(s *System, _ *systemThing, b body) (any, error) {
	defs := b.objects("snapshotDefs")
	if len(defs) == 0 {
		return nil, missing("snapshotDefs")
	}
	names := map[string]bool{}
	sources := make([]*volume, len(defs))
	for i, def := range defs {
		v, err := lookup(&s.volumes, def.text("volumeId"), "VOL_NOT_FOUND")
		if err != nil {
			return nil, err
		}
		name := def.text("snapshotName")
		if err := freshName(&s.volumes, "", name, "VOL_NAME_IN_USE"); err != nil {
			return nil, err
		}
		if name != "" && names[name] {
			return nil, refuse("VOL_NAME_IN_USE")
		}
		if v.vtree.volumes.len() >= s.limit("volumePerVtree") {
			return nil, refuse("TOO_MANY_SNAPS_IN_VTREE")
		}
		names[name], sources[i] = true, v
	}
	access := "ReadWrite"
	if b.has("accessModeLimit") {
		if _, err := accessModes(b, "accessModeLimit"); err != nil {
			return nil, err
		}
		access = b.text("accessModeLimit")
	}
	var kept time.Time
	if b.has("retentionPeriodInMin") {
		minutes, err := b.number("retentionPeriodInMin")
		if err != nil {
			return nil, err
		}
		kept = s.now().Add(time.Duration(minutes) * time.Minute)
	}
	group := s.ids.next("ConsistencyGroup")
	list := []string{}
	for i, def := range defs {
		snap := s.snapshot(sources[i], def.text("snapshotName"), group)
		snap.keptUntil = kept
		if s.from(v3) {
			snap.settings["accessModeLimit"] = access
		}
		list = append(list, snap.id)
	}
	return fields{"volumeIdList": list, "snapshotGroupId": group}, nil
}

func (s *System) snapshot(of *volume, name, group string) *volume {
	snap := &volume{object: object{s.ids.next("Volume"), name, s.presets(volumePresets)}, pool: of.pool, vtree: of.vtree,
		sizeKB: of.sizeKB, ancestor: of, group: group, created: s.now()}
	of.children.add(snap)
	s.adoptVolume(snap)
	s.groups[group] = append(s.groups[group], snap.id)
	return snap
}

func removeGroup(s *System, _ *systemThing, b body) (any, error) {
	ids := s.groups[b.text("snapGroupId")]
	if len(ids) == 0 {
		return nil, refuse("VOL_NOT_FOUND_FOR_SNAP_GROUP")
	}
	members := append([]string{}, ids...)
	for _, id := range members {
		if v := s.volumes.byID[id]; v.mappings.len() > 0 || v.toAll {
			return nil, refuse("VOL_MAPPED")
		}
	}
	for _, id := range members {
		s.uproot(s.volumes.byID[id])
	}
	return fields{"numberOfVolumes": len(members)}, nil
}

func (s *System) forgetInGroup(v *volume) {
	var left []string
	for _, id := range s.groups[v.group] {
		if id != v.id {
			left = append(left, id)
		}
	}
	if s.groups[v.group] = left; len(left) == 0 {
		delete(s.groups, v.group)
	}
}

func (t *vtree) kindName() string { return "VTree" }

func (t *vtree) parents() []parent {
	return []parent{{"baseVolumeId", "Volume", t.base.id}, {"storagePoolId", "StoragePool", t.pool.id}}
}

// view names a vtree after its base volume from 3.0 on; a real 2.6 says null [scaleio.md §1.10].
func (t *vtree) view(s *System) fields {
	shown := fields{"baseVolumeId": t.base.id, "storagePoolId": t.pool.id, "name": nil}
	if s.from(v3) {
		shown["name"] = orNull(t.base.name)
		roots := []string{}
		for v := range t.volumes.all() {
			if v.ancestor == nil {
				roots = append(roots, v.id)
			}
		}
		shown["rootVolumes"], shown["dataLayout"], shown["compressionMethod"] = roots, t.pool.text("dataLayout"), t.pool.text("compressionMethod")
	}
	return shown
}

var vtreePresets = []preset{{"vtreeMigrationInfo", nil, v3}, {"inDeletion", false, v3}}

func vtreeKind() *kind {
	vtrees := func(s *System) *table[*vtree] { return &s.vtrees }
	return &kind{
		name: "VTree", listKey: "vTreeList", absent: "NOT_FOUND",
		find: found(vtrees), all: every(vtrees),
		rels:      []rel{{"Statistics", v2}, {"Volume", v2}},
		relations: map[string]relation{"Volume": related(func(t *vtree) *roster[*volume] { return &t.volumes })},
		stats:     func(s *System, t thing) fields { return s.vtreeStatistics(t.(*vtree)) },
		actions:   map[string]action{"modifyCompressionMethod": do(func(s *System, t *vtree, b body) error { return compressVolume(s, t.base, b) })},
	}
}
