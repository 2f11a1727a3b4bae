package scaleio

// mapVolume maps to one SDC (by id, guid or ip of the SDC) or to all; a second one only with allowMultipleMappings [scaleio.md §1.10].
func mapVolume(s *System, v *volume, b body) error {
	access := "ReadWrite"
	if b.has("accessMode") {
		if _, err := accessModes(b, "accessMode"); err != nil {
			return err
		}
		access = b.text("accessMode")
	}
	if b.on("allSdcs") {
		return s.mapToAll(v, access)
	}
	c, err := s.sdcOf(b)
	if err != nil {
		return err
	}
	switch {
	case v.toAll:
		return refuse("VOL_ALREADY_MAPPED_TO_ALL_INIS")
	case v.to[c] != nil:
		return refuse("VOL_ALREADY_MAPPED_TO_THIS_INI")
	case v.mappings.len() > 0 && !b.on("allowMultipleMappings"):
		return refuse("VOL_ALREADY_MAPPED_TO_AN_INI")
	case !s.allowed(c):
		return refuse("INITIATOR_NOT_APPROVED")
	case c.mappings.len() >= s.limit("volumesPerSdc"):
		return refuse("INI_MAPPED_TO_TOO_MANY_VOLS")
	case v.pool.domain.state != "Active":
		return refuse("FD_NOT_ACTIVE")
	}
	s.mapTo(v, c, access)
	return nil
}

// mapHost is 4.x's name for mapping, with hostId for sdcId.
func mapHost(s *System, v *volume, b body) error {
	if b.has("hostId") {
		b["sdcId"] = b["hostId"]
	}
	return mapVolume(s, v, b)
}

// sdcOf is the SDC that a request means.
func (s *System) sdcOf(b body) (*sdc, error) {
	for _, param := range []string{"sdcId", "hostId"} {
		if b.has(param) {
			return lookup(&s.sdcs, b.text(param), "INI_NOT_FOUND")
		}
	}
	if c := s.sdcByGUID[b.text("guid")]; c != nil {
		return c, nil
	}
	return nil, refuse("INI_NOT_FOUND")
}

func (s *System) mapToAll(v *volume, access string) error {
	if v.toAll {
		return refuse("VOL_ALREADY_MAPPED_TO_ALL_INIS")
	}
	v.toAll, v.access = true, access
	s.toAll.add(v)
	for c := range s.sdcs.all() {
		if v.to[c] == nil {
			s.mapTo(v, c, access)
		}
	}
	return nil
}

func (s *System) mapTo(v *volume, c *sdc, access string) {
	m := &mapping{volume: v, sdc: c, access: access}
	if v.mappings.len() == 0 {
		v.pool.counts.mapped++
		if !v.thick && v.writtenKB == 0 {
			s.write(v, v.sizeKB)
		}
	}
	v.mappings.add(m)
	v.to[c] = m
	c.mappings.add(m)
	s.touch("Volume")
	s.announceOne(m)
}

// countMapped counts v among the pool's mapped volumes if it is one.
func (p *pool) countMapped(v *volume, sign int64) {
	p.counts.mapped += when(v.mappings.len() > 0, sign)
}

func unmapVolume(s *System, v *volume, b body) error {
	if b.on("allSdcs") {
		if v.mappings.len() == 0 && !v.toAll {
			return refuse("VOL_NOT_MAPPED_TO_INI")
		}
		v.toAll = false
		s.toAll.remove(v)
		for m := range v.mappings.all() {
			s.unmap(m)
		}
		return nil
	}
	c, err := s.sdcOf(b)
	if err != nil {
		return err
	}
	switch m := v.to[c]; {
	case v.toAll:
		return refuse("VOL_MAPPED_TO_ALL_INIS")
	case m == nil:
		return refuse("VOL_NOT_MAPPED_TO_INI")
	default:
		s.unmap(m)
		return nil
	}
}

func (s *System) unmap(m *mapping) {
	s.withdraw(m)
	m.volume.mappings.remove(m)
	delete(m.volume.to, m.sdc)
	m.sdc.mappings.remove(m)
	if m.volume.mappings.len() == 0 {
		m.volume.pool.counts.mapped--
	}
	s.touch("Volume")
}

// limitMapping takes IOPS and KB/s; 0 is no limit, a bandwidth is whole MB.
func limitMapping(s *System, v *volume, b body) error {
	m, err := s.mappingOf(v, b)
	if err != nil {
		return err
	}
	iops, mbps := m.iops, m.mbps
	if b.has("iopsLimit") {
		if iops, err = b.number("iopsLimit"); err != nil {
			return err
		}
	}
	if b.has("bandwidthLimitInKbps") {
		kbps, err := b.number("bandwidthLimitInKbps")
		if err != nil {
			return err
		}
		if kbps%1024 != 0 {
			return refuse("INVALID_THROTTLE_INFO")
		}
		mbps = kbps / 1024
	}
	if iops < 0 || mbps < 0 || iops > 0 && iops <= 10 {
		return refuse("INVALID_THROTTLE_INFO")
	}
	m.iops, m.mbps = iops, mbps
	return nil
}

func setMappingAccess(s *System, v *volume, b body) error {
	m, err := s.mappingOf(v, b)
	if err != nil {
		return err
	}
	if _, err := accessModes(b, "accessMode"); err != nil {
		return err
	}
	m.access = b.text("accessMode")
	return nil
}

func (s *System) mappingOf(v *volume, b body) (*mapping, error) {
	c, err := s.sdcOf(b)
	if err != nil {
		return nil, err
	}
	if v.to[c] == nil {
		return nil, refuse("VOL_NOT_MAPPED_TO_INI")
	}
	return v.to[c], nil
}
