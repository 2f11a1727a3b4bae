package scaleio

// Maintenance mode takes an SDS, or a whole fault set, out of service without a rebuild [scaleio.md §1.7, §5.5]: instant, with the
// other copy alone meanwhile, or protected (3.5+), with a temporary copy elsewhere.

type maintenanceState string

const (
	none     maintenanceState = "NoMaintenance"
	entering maintenanceState = "SetMaintenanceInProgress"
	inside   maintenanceState = "InMaintenance"
	exiting  maintenanceState = "ExitMaintenanceInProgress"
)

type maintenanceKind string

const (
	instant   maintenanceKind = "InstantMaintenance"
	protected maintenanceKind = "ProtectedMaintenance"
)

type maintenance struct {
	state    maintenanceState
	kind     maintenanceKind
	transfer *transfer // of the way in or out
}

// holds says whether the SDS may be away without its data counting as lost.
func (m maintenance) holds() bool { return m.state == inside || m.state == exiting }

func (m maintenance) kindShown() string {
	if m.state == none {
		return "NoMaintenance"
	}
	return string(m.kind)
}

// enterMaintenance is the action of both kinds.
func (s *System) enterMaintenance(b body, kind maintenanceKind) ([]*sds, error) {
	hosts, err := s.maintained(b)
	if err != nil {
		return nil, err
	}
	for _, d := range hosts {
		if err := s.mayEnter(d, hosts, b); err != nil {
			return nil, err
		}
	}
	for _, d := range hosts {
		d.maintenance = maintenance{state: entering, kind: kind}
		var share int64
		for p := range d.pools() {
			p.servicing.add(d)
			if kind == protected {
				share += p.shareOf(d)
			}
		}
		d.maintenance.transfer = s.move(share, func() {
			d.maintenance.state, d.maintenance.transfer = inside, nil
			s.reassessAll(d)
		})
		s.touch("Sds")
	}
	return hosts, nil
}

// maintained is the SDS of sdsId or every SDS of fsId.
func (s *System) maintained(b body) ([]*sds, error) {
	if b.has("fsId") {
		f, err := lookup(&s.faultSets, b.text("fsId"), "FAULT_SET_NOT_FOUND")
		if err != nil {
			return nil, err
		}
		var hosts []*sds
		for d := range f.sdss.all() {
			hosts = append(hosts, d)
		}
		return hosts, nil
	}
	d, err := lookup(&s.sdss, b.text("sdsId"), "TGT_NOT_FOUND")
	return []*sds{d}, err
}

func (d *sds) pools() map[*pool]bool {
	all := map[*pool]bool{}
	for one := range d.devices.all() {
		all[one.pool] = true
	}
	return all
}

// mayEnter checks the conditions of [scaleio.md §5.5]; together are the SDSs that go with d.
func (s *System) mayEnter(d *sds, together []*sds, b body) error {
	switch {
	case d.maintenance.state != none:
		return refuse("TGT_ALREADY_IN_MM")
	case d.removing:
		return refuse("TGT_BEING_REMOVED")
	case !d.connected():
		return refuse("TGT_IS_DOWN")
	}
	for p := range d.pools() {
		if err := s.poolAllowsMaintenance(p, d, together, b); err != nil {
			return err
		}
	}
	if !s.healthyBeside(d, together, 2) {
		return refuse("NOT_ENOUGH_HEALTHY_TGTS_FOR_MM")
	}
	return nil
}

func (s *System) poolAllowsMaintenance(p *pool, d *sds, together []*sds, b body) error {
	if !p.flag("rebuildEnabled") {
		return refuse("MM_FAILED_REBUILD_DISABLED_ON_SP")
	}
	for other := range p.servicing.all() {
		if other.unit() != d.unit() {
			return refuse("TGT_MM_CONFILICT")
		}
	}
	h := s.health(p)
	if h.degradedFailed+h.failed > 0 && !b.on("forceDegradedOrFailed") {
		return refuse("DEGRADED_OR_FAILED_DATA")
	}
	var share int64
	for _, one := range together {
		share += p.shareOf(one)
	}
	if p.limitKB-p.unreachableKB-p.inUseKB() < share && !b.on("forceInsufficientSpace") {
		return refuse("TGT_MM_INSUFFICIENT_FREE_CAP")
	}
	return nil
}

// healthyBeside says whether at least n other SDSs of the domain are healthy. It stops when it found them.
func (s *System) healthyBeside(d *sds, together []*sds, n int) bool {
	going := map[*sds]bool{}
	for _, one := range together {
		going[one] = true
	}
	for other := range d.domain.sdss.all() {
		if n > 0 && !going[other] && other.connected() && other.maintenance.state == none {
			n--
		}
		if n == 0 {
			return true
		}
	}
	return false
}

// exitMaintenance starts the way out; it ends when what was written meanwhile was brought over: a sixteenth of what the SDS
// holds, as nobody writes in the emulator [design].
func (s *System) exitMaintenance(b body, kind maintenanceKind) ([]*sds, error) {
	hosts, err := s.maintained(b)
	if err != nil {
		return nil, err
	}
	for _, d := range hosts {
		switch {
		case d.maintenance.state == exiting:
			return nil, refuse("TGT_EXIT_MAINTENANCE_IN_PROGRESS")
		case d.maintenance.state == none, d.maintenance.kind != kind:
			return nil, refuse("TGT_NOT_IN_MM")
		case !d.connected() && !b.on("forceFailedSds"):
			return nil, refuse("TGT_IS_DOWN")
		}
	}
	for _, d := range hosts {
		if t := d.maintenance.transfer; t != nil {
			s.cancel(t.due)
		}
		var share int64
		for p := range d.pools() {
			share += p.shareOf(d)
		}
		d.maintenance.state = exiting
		d.maintenance.transfer = s.move(share/16, func() { s.leftMaintenance(d) })
		s.touch("Sds")
	}
	return hosts, nil
}

func (s *System) leftMaintenance(d *sds) {
	d.maintenance = maintenance{state: none}
	for p := range d.pools() {
		p.servicing.remove(d)
	}
	s.reassessAll(d)
}

// perSDS is the answer of the protected kind's actions.
func perSDS(hosts []*sds, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	list := []fields{}
	for _, d := range hosts {
		list = append(list, fields{"sdsId": d.id, "message": "", "resultCode": "SUCCESS"})
	}
	return list, nil
}
