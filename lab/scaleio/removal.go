package scaleio

// Removal is asynchronous: the data moves away first, at the system's rate [scaleio.md §5.3].

// removeDevice refuses what the pool cannot afford; force is for a device in error or whose SDS is disconnected.
func removeDevice(s *System, d *device, b body) error {
	switch {
	case d.leaving != nil || d.state == "RemovePending":
		return refuse("TGT_DEV_BEING_REMOVED")
	case d.sds.maintenance.state != none:
		return refuse("TGT_MM_SDS_FAIL")
	case d.sds.devices.len() == 1 && !d.sds.removing && !s.config.Lenient:
		return refuse("NOT_ENOUGH_TGT_DEV")
	}
	if err := s.removable(d, b.on("forceRemove")); err != nil {
		return err
	}
	if err := s.affords(d.pool, []*device{d}); err != nil {
		return err
	}
	s.evacuate(d)
	return nil
}

// removable says whether a device's state allows removal, forced or not.
func (s *System) removable(d *device, force bool) error {
	broken := d.failed || !d.sds.connected()
	switch {
	case broken && !force:
		return refuse("TGT_IS_DOWN")
	case !broken && force:
		return refuse("DEV_IS_NOT_IN_ERROR")
	}
	return nil
}

// affords says whether a pool can do without some devices: room for its data and its volumes, and three fault units while it has
// volumes.
func (s *System) affords(p *pool, without []*device) error {
	if p.volumes.len() == 0 {
		return nil
	}
	units := map[any]int64{}
	limit := p.limitKB
	for _, d := range without {
		if !d.counted() {
			continue
		}
		limit -= d.limitKB
		if d.stored {
			units[d.sds.unit()] += d.weight()
		}
	}
	left := len(p.spread.units)
	for unit, weight := range units {
		if p.spread.units[unit].weight == weight {
			left--
		}
	}
	spare := floor(limit*p.spare/100, mib)
	switch {
	case s.config.Lenient:
		return nil
	case left < 3:
		return refuse("NOT_ENOUGH_FSS_IN_STORAGE_POOL")
	case limit-spare < p.inUseKB():
		return refuse("STORAGE_POOL_WOULD_BECOME_CRITICAL")
	case limit-spare < 2*p.thickKB:
		return refuse("NO_SPARES")
	case p.thinKB > 5*(limit-p.inUseKB()):
		return refuse("TOO_MUCH_THIN_CAPACITY_FOR_REMOVAL")
	}
	return nil
}

// evacuate moves a device's data away and then takes the device out. A device whose copies are out of reach goes when they were
// made anew; one without data at once.
func (s *System) evacuate(d *device) {
	p := d.pool
	tested := d.counted()
	var share int64
	if d.stored {
		share = p.spread.portion(p.inUseKB(), d.weight())
	}
	s.cancel(d.test)
	if !tested || !d.stored {
		s.dismiss(d)
		return
	}
	d.state = "RemovePending"
	p.leaving.add(d)
	d.leaving = s.move(share, func() {
		if d.lost && p.inUseKB() > 0 {
			return // rebuilt dismisses it
		}
		s.dismiss(d)
	})
	s.touch("Device")
}

func abortRemoveDevice(s *System, d *device, _ body) error {
	switch {
	case d.leaving == nil:
		return refuse("DEV_NOT_UNDER_REMOVAL")
	case d.sds.removing: // it goes with its SDS; abortRemoveSds keeps both
		return refuse("TGT_BEING_REMOVED")
	}
	s.stay(d)
	return nil
}

func (s *System) stay(d *device) {
	s.cancel(d.leaving.due)
	d.leaving = nil
	d.state = "Normal"
	d.pool.leaving.remove(d)
	s.touch("Device")
}

// removeSDS starts the removal of an SDS with all of its devices; force is for a disconnected one.
func removeSDS(s *System, d *sds, b body) error {
	switch {
	case d.removing:
		return refuse("TGT_BEING_REMOVED")
	case d.maintenance.state != none:
		return refuse("TGT_MM_SDS_FAIL")
	case !d.connected() && d.devices.len() > 0 && !b.on("force"):
		return refuse("TGT_IS_DOWN")
	}
	byPool := map[*pool][]*device{}
	for one := range d.devices.all() {
		byPool[one.pool] = append(byPool[one.pool], one)
	}
	for p, devices := range byPool {
		if err := s.affords(p, devices); err != nil {
			return err
		}
	}
	d.removing = true
	if d.devices.len() == 0 {
		s.dropSDS(d)
		return nil
	}
	for one := range d.devices.all() {
		if one.leaving == nil {
			s.evacuate(one)
		}
	}
	return nil
}

// abortRemoveSDS keeps what is still there; devices that were emptied already are gone [scaleio.md §1.7].
func abortRemoveSDS(s *System, d *sds, _ body) error {
	if !d.removing {
		return refuse("TGT_NOT_UNDER_REMOVAL")
	}
	d.removing = false
	for one := range d.devices.all() {
		if one.leaving != nil {
			s.stay(one)
		}
	}
	return nil
}
