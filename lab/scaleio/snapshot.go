package scaleio

import (
	"fmt"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// Snapshot is a system at one moment, for assertions and for the lab's table; Load takes one as the storage that is there from the
// start. Lists are in the order in which the objects came.
type Snapshot struct {
	ID, Name string
	Cluster  ClusterSnapshot
	Domains  []DomainSnapshot
	Pools    []PoolSnapshot
	SDSs     []SDSSnapshot
	Devices  []DeviceSnapshot
	SDCs     []SDCSnapshot
	Volumes  []VolumeSnapshot
}

// ClusterSnapshot is the MDM cluster: empty before it exists.
type ClusterSnapshot struct {
	Mode, State string
	Master      string // ip
	Members     int
}

// DomainSnapshot is a protection domain with its fault sets.
type DomainSnapshot struct {
	ID, Name, State string
	FaultSets       []FaultSetSnapshot
}

// FaultSetSnapshot is a fault set.
type FaultSetSnapshot struct{ ID, Name string }

// PoolSnapshot is a storage pool with its capacity in KiB.
type PoolSnapshot struct {
	ID, Name, Domain, Media                                string
	SparePercent                                           int64
	ZeroPadding, Rebuild                                   bool
	SDSs, Devices, Volumes                                 int
	CapacityKB, SpareKB, InUseKB, UnusedKB, AvailableKB    int64
	DegradedKB, FailedKB, RebuildKB, RebalanceKB, MovingKB int64
}

// SDSSnapshot is an SDS; Domain and FaultSet are names.
type SDSSnapshot struct {
	ID, Name, Domain, FaultSet string
	IPs                        []string
	Port                       int
	Connected, Removing        bool
	Maintenance                string
}

// DeviceSnapshot is a device; SDS, Domain and Pool are names.
type DeviceSnapshot struct {
	ID, Name, SDS, Domain, Pool, Path, Media, State, Error string
	CapacityKB                                             int64
}

// SDCSnapshot is an SDC.
type SDCSnapshot struct {
	ID, Name, GUID, IP  string
	Connected, Approved bool
}

// VolumeSnapshot is a volume or a snapshot; Ancestor is an id, MappedTo holds SDCs' ids.
type VolumeSnapshot struct {
	ID, Name, Domain, Pool string
	SizeKB                 int64
	Thick                  bool
	Ancestor               string
	Created                time.Time
	MappedTo               []string
}

// Snapshot is the system now.
func (s *System) Snapshot() (shot Snapshot) {
	s.look(func() {
		shot = Snapshot{ID: s.id, Name: s.name, Cluster: s.clusterSnapshot()}
		for d := range s.domains.all() {
			one := DomainSnapshot{ID: d.id, Name: d.name, State: d.state}
			for f := range d.faultSets.all() {
				one.FaultSets = append(one.FaultSets, FaultSetSnapshot{f.id, f.name})
			}
			shot.Domains = append(shot.Domains, one)
		}
		for p := range s.pools.all() {
			shot.Pools = append(shot.Pools, s.poolSnapshot(p))
		}
		for d := range s.sdss.all() {
			shot.SDSs = append(shot.SDSs, d.snapshot())
		}
		for d := range s.devices.all() {
			shot.Devices = append(shot.Devices, DeviceSnapshot{ID: d.id, Name: d.name, SDS: d.sds.name, Domain: d.pool.domain.name, Pool: d.pool.name,
				Path: d.path, Media: d.media, State: d.state, Error: d.text("errorState"), CapacityKB: d.limitKB})
		}
		for c := range s.sdcs.all() {
			shot.SDCs = append(shot.SDCs, SDCSnapshot{c.id, c.name, c.guid, first(c.ips), c.connected, c.approved})
		}
		for v := range s.volumes.all() {
			shot.Volumes = append(shot.Volumes, v.shot())
		}
	})
	return shot
}

func (s *System) clusterSnapshot() ClusterSnapshot {
	if s.cluster == nil {
		return ClusterSnapshot{}
	}
	state, _ := s.cluster.view(s)["clusterState"].(string)
	return ClusterSnapshot{s.cluster.mode, state, first(s.cluster.members[0].ips), len(s.cluster.members)}
}

func (s *System) poolSnapshot(p *pool) PoolSnapshot {
	c := s.count(p)
	return PoolSnapshot{
		ID: p.id, Name: p.name, Domain: p.domain.name, Media: p.media, SparePercent: p.spare, ZeroPadding: p.flag("zeroPaddingEnabled"),
		Rebuild: p.flag("rebuildEnabled"), SDSs: p.hosts.len(), Devices: p.devices.len(), Volumes: p.volumes.len(), CapacityKB: c.limit,
		SpareKB: c.spare, InUseKB: c.inUse, UnusedKB: c.unused, AvailableKB: c.available, DegradedKB: c.health.degradedFailed,
		FailedKB: c.health.failed, RebuildKB: c.health.fwdRebuild + c.health.bckRebuild, RebalanceKB: c.health.rebalance, MovingKB: c.health.moving,
	}
}

func (d *sds) snapshot() SDSSnapshot {
	one := SDSSnapshot{ID: d.id, Name: d.name, Domain: d.domain.name, Port: d.port, Connected: d.connected(), Removing: d.removing,
		Maintenance: string(d.maintenance.state)}
	if d.faultSet != nil {
		one.FaultSet = d.faultSet.name
	}
	for _, ip := range d.ips {
		one.IPs = append(one.IPs, ip.ip)
	}
	return one
}

func (v *volume) shot() VolumeSnapshot {
	one := VolumeSnapshot{ID: v.id, Name: v.name, Domain: v.pool.domain.name, Pool: v.pool.name, SizeKB: v.sizeKB, Thick: v.thick, Created: v.created}
	if v.ancestor != nil {
		one.Ancestor = v.ancestor.id
	}
	for m := range v.mappings.all() {
		one.MappedTo = append(one.MappedTo, m.sdc.id)
	}
	return one
}

// Load adds the storage of a snapshot: what the caller leaves empty (ids, ports, states) is as the system would make it; capacity
// sums, clusters and states of work are not taken. It stops at the first object that does not fit.
func (s *System) Load(shot Snapshot) (err error) {
	s.do(func() {
		l := loader{s}
		for _, step := range []func(Snapshot) error{l.domains, l.pools, l.sdss, l.devices, l.sdcs, l.volumes} {
			if err = step(shot); err != nil {
				return
			}
		}
	})
	return err
}

type loader struct{ s *System }

func (l loader) fail(kind, name, format string, args ...any) error {
	return fault.New(fault.Invalid, kind+" "+name, "load", format, args...)
}

func (l loader) idOr(id, kind string) string {
	if id == "" {
		return l.s.ids.next(kind)
	}
	return id
}

func (l loader) domain(name string) (*domain, bool) { return l.s.domains.named("", name) }

func (l loader) domains(shot Snapshot) error {
	for _, one := range shot.Domains {
		if err := freshName(&l.s.domains, "", one.Name, "FD_NAME_IN_USE"); err != nil {
			return l.fail("domain", one.Name, "%w", err)
		}
		d := l.s.newDomain(l.idOr(one.ID, "ProtectionDomain"), one.Name)
		if one.State != "" {
			d.state = one.State
		}
		for _, f := range one.FaultSets {
			l.s.newFaultSet(l.idOr(f.ID, "FaultSet"), f.Name, d)
		}
	}
	return nil
}

func (l loader) pools(shot Snapshot) error {
	for _, one := range shot.Pools {
		d, there := l.domain(one.Domain)
		if !there {
			return l.fail("pool", one.Name, "there is no domain %q", one.Domain)
		}
		p := &pool{object: object{l.idOr(one.ID, "StoragePool"), one.Name, l.s.presets(poolPresets)}, domain: d, media: one.Media, spare: 10}
		if one.SparePercent != 0 {
			p.spare = one.SparePercent
		}
		if p.media == "" {
			p.media = "HDD"
		}
		p.settings["zeroPaddingEnabled"] = one.ZeroPadding
		l.s.adopt(p)
	}
	return nil
}

func (l loader) sdss(shot Snapshot) error {
	for _, one := range shot.SDSs {
		d, there := l.domain(one.Domain)
		if !there {
			return l.fail("sds", one.Name, "there is no domain %q", one.Domain)
		}
		host := &sds{object: object{l.idOr(one.ID, "Sds"), one.Name, l.s.presets(sdsPresets)}, domain: d, port: one.Port}
		host.settings["perfProfile"] = l.s.profile()
		if host.port == 0 {
			host.port = sdsPort
		}
		for _, ip := range one.IPs {
			host.ips = append(host.ips, sdsIP{ip, "all"})
		}
		if one.FaultSet != "" {
			if host.faultSet, there = l.s.faultSets.named("", one.FaultSet); !there {
				return l.fail("sds", one.Name, "there is no fault set %q", one.FaultSet)
			}
		}
		if len(host.ips) == 0 {
			return l.fail("sds", one.Name, "it has no ip")
		}
		l.s.adoptSDS(host)
	}
	return nil
}

func (l loader) devices(shot Snapshot) error {
	for _, one := range shot.Devices {
		host, there := l.s.sdss.named("", one.SDS)
		if !there {
			return l.fail("device", one.Path, "there is no SDS %q", one.SDS)
		}
		p, there := l.s.pools.named(host.domain.id, one.Pool)
		if !there {
			return l.fail("device", one.Path, "there is no pool %q in domain %s", one.Pool, host.domain.name)
		}
		id := one.ID
		if id == "" {
			id = l.s.ids.with("Device", host.index<<16|host.everHad)
		}
		d := &device{object: object{id, one.Name, l.s.presets(devicePresets)}, sds: host, pool: p, path: one.Path, original: one.Path,
			media: one.Media, maxKB: one.CapacityKB, limitKB: one.CapacityKB}
		if d.media == "" && p.media != "Transitional" {
			d.media = p.media
		}
		l.s.adoptDevice(d)
		l.s.activate(d)
	}
	return nil
}

func (l loader) sdcs(shot Snapshot) error {
	for _, one := range shot.SDCs {
		if l.s.sdcByGUID[one.GUID] != nil {
			return l.fail("sdc", one.GUID, "%w", refuse("SDC_GUID_ALREADY_EXISTS"))
		}
		c := l.s.newSDC(one.ID, one.GUID, one.IP)
		c.connected, c.approved = one.Connected, one.Approved
		l.s.sdcs.rename(c, one.Name)
	}
	return nil
}

func (l loader) volumes(shot Snapshot) error {
	for _, one := range shot.Volumes {
		d, there := l.domain(one.Domain)
		if !there {
			return l.fail("volume", one.Name, "there is no domain %q", one.Domain)
		}
		p, there := l.s.pools.named(d.id, one.Pool)
		if !there {
			return l.fail("volume", one.Name, "there is no pool %q in domain %s", one.Pool, one.Domain)
		}
		if one.Ancestor != "" {
			return l.fail("volume", one.Name, "a snapshot cannot be loaded; make it by snapshotVolumes")
		}
		v := &volume{object: object{l.idOr(one.ID, "Volume"), one.Name, l.s.presets(volumePresets)}, pool: p,
			sizeKB: (one.SizeKB + volumeStep - 1) / volumeStep * volumeStep, thick: one.Thick, created: one.Created}
		if v.created.IsZero() {
			v.created = l.s.now()
		}
		l.s.plant(v, l.s.ids.next("VTree"))
		for _, id := range one.MappedTo {
			c, there := l.s.sdcs.byID[id]
			if !there {
				return l.fail("volume", one.Name, "%s", fmt.Sprintf("there is no SDC %s to be mapped to", id))
			}
			l.s.mapTo(v, c, "ReadWrite")
		}
	}
	return nil
}
