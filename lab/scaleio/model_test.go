package scaleio

import (
	"fmt"
	"testing"
	"time"

	types "github.com/dell/goscaleio/types/v1"
	"pgregory.net/rapid"
)

// TestTextsAreTheMDMs: the catalogue in goscaleio was generated from the product.
func TestTextsAreTheMDMs(t *testing.T) {
	for code, text := range texts {
		if code == "SPEF_ONLY" {
			continue
		}
		if want := types.TranslateErrorCodeToErrorMessage(code); text != want {
			t.Errorf("%s: %q, the catalogue says %q", code, text, want)
		}
	}
}

// machine is a system that random operations are done to.
type machine struct {
	s     *System
	now   time.Time
	ips   []string
	pools []string
	pd    string
}

func newMachine(t *rapid.T) *machine {
	m := &machine{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	m.s = New(Config{MDMs: []string{"10.9.0.1"}, Now: func() time.Time { return m.now }, DeviceTest: 10 * time.Second,
		Lenient: rapid.Bool().Draw(t, "lenient")})
	m.pd = m.post("ProtectionDomain", body{"name": "pd"})
	racks := []string{m.post("FaultSet", body{"name": "r1", "protectionDomainId": m.pd}), m.post("FaultSet", body{"name": "r2", "protectionDomainId": m.pd}), ""}
	for i := range 2 {
		m.pools = append(m.pools, m.post("StoragePool", body{"name": fmt.Sprint("pool", i), "protectionDomainId": m.pd, "mediaType": "HDD"}))
	}
	for i := range 6 {
		ip := fmt.Sprintf("10.0.0.%d", i+1)
		m.ips = append(m.ips, ip)
		m.s.StartSDS(ip, nil)
		m.post("Sds", body{"name": ip, "protectionDomainId": m.pd, "faultSetId": racks[i%3],
			"sdsIpList": []any{map[string]any{"SdsIp": map[string]any{"ip": ip, "role": "all"}}}})
		m.post("Device", body{"sdsId": m.sdsID(ip), "storagePoolId": m.pools[0], "deviceCurrentPathname": "/dev/sdb"})
	}
	m.advance(time.Minute)
	return m
}

// post makes an object; "" if it is refused.
func (m *machine) post(kindName string, b body) (id string) {
	m.s.do(func() {
		if made, err := kinds[kindName].create(m.s, b); err == nil {
			id = made.(fields)["id"].(string)
		}
	})
	return id
}

func (m *machine) act(kindName, id, action string, b body) {
	m.s.do(func() {
		if t, there := kinds[kindName].find(m.s, id); there {
			_, _ = kinds[kindName].actions[action](m.s, t, b) // refusals are as good as work
		}
	})
}

func (m *machine) advance(d time.Duration) {
	m.now = m.now.Add(d)
	m.s.look(func() {})
}

func (m *machine) sdsID(ip string) string {
	for _, one := range m.s.Snapshot().SDSs {
		if one.Name == ip {
			return one.ID
		}
	}
	return ""
}

func (m *machine) anyDevice(t *rapid.T) string {
	if all := m.s.Snapshot().Devices; len(all) > 0 {
		return all[rapid.IntRange(0, len(all)-1).Draw(t, "device")].ID
	}
	return ""
}

func (m *machine) anyVolume(t *rapid.T) string {
	if all := m.s.Snapshot().Volumes; len(all) > 0 {
		return all[rapid.IntRange(0, len(all)-1).Draw(t, "volume")].ID
	}
	return ""
}

// operations are what can be done to a machine.
func (m *machine) operations() map[string]func(*rapid.T) {
	ip := func(t *rapid.T) string { return rapid.SampledFrom(m.ips).Draw(t, "ip") }
	pool := func(t *rapid.T) string { return rapid.SampledFrom(m.pools).Draw(t, "pool") }
	return map[string]func(*rapid.T){
		"advance": func(t *rapid.T) { m.advance(time.Duration(rapid.IntRange(1, 2000).Draw(t, "seconds")) * time.Second) },
		"stop":    func(t *rapid.T) { m.s.StopSDS(ip(t)) },
		"start":   func(t *rapid.T) { m.s.StartSDS(ip(t), nil) },
		"break":   func(t *rapid.T) { m.s.FailDevice(ip(t), "/dev/sdb") },
		"heal":    func(t *rapid.T) { m.s.HealDevice(ip(t), "/dev/sdb") },
		"removeSDS": func(t *rapid.T) {
			m.act("Sds", m.sdsID(ip(t)), "removeSds", body{"force": rapid.Bool().Draw(t, "force")})
		},
		"keepSDS": func(t *rapid.T) { m.act("Sds", m.sdsID(ip(t)), "abortRemoveSds", body{}) },
		"addSDS": func(t *rapid.T) {
			at := ip(t)
			m.post("Sds", body{"name": at, "protectionDomainId": m.pd, "sdsIpList": []any{map[string]any{"ip": at, "role": "all"}}})
		},
		"addDevice": func(t *rapid.T) {
			m.post("Device", body{"sdsId": m.sdsID(ip(t)), "storagePoolId": pool(t), "deviceCurrentPathname": rapid.SampledFrom([]string{"/dev/sdb", "/dev/sdc"}).Draw(t, "path"),
				"testMode": rapid.SampledFrom([]string{"noTest", "testOnly", "testAndActivate"}).Draw(t, "test")})
		},
		"activate": func(t *rapid.T) { m.act("Device", m.anyDevice(t), "activateDevice", body{}) },
		"removeDevice": func(t *rapid.T) {
			m.act("Device", m.anyDevice(t), "removeDevice", body{"forceRemove": rapid.Bool().Draw(t, "force")})
		},
		"keepDevice": func(t *rapid.T) { m.act("Device", m.anyDevice(t), "abortRemoveDevice", body{}) },
		"limitDevice": func(t *rapid.T) {
			m.act("Device", m.anyDevice(t), "setDeviceCapacityLimit", body{"capacityLimitInGB": fmt.Sprint(rapid.IntRange(1, 600).Draw(t, "gb"))})
		},
		"createVolume": func(t *rapid.T) {
			m.post("Volume", body{"storagePoolId": pool(t), "volumeSizeInGb": fmt.Sprint(rapid.IntRange(1, 500).Draw(t, "gb")),
				"volumeType": rapid.SampledFrom([]string{"ThinProvisioned", "ThickProvisioned"}).Draw(t, "type")})
		},
		"write": func(t *rapid.T) { m.s.Write(m.anyVolume(t), int64(rapid.IntRange(0, 500).Draw(t, "gb"))*gib) },
		"snap": func(t *rapid.T) {
			m.act("System", m.s.ID(), "snapshotVolumes", body{"snapshotDefs": []any{map[string]any{"volumeId": m.anyVolume(t)}}})
		},
		"grow": func(t *rapid.T) {
			m.act("Volume", m.anyVolume(t), "setVolumeSize", body{"sizeInGB": fmt.Sprint(rapid.IntRange(1, 600).Draw(t, "gb"))})
		},
		"removeVolume": func(t *rapid.T) {
			m.act("Volume", m.anyVolume(t), "removeVolume", body{"removeMode": rapid.SampledFrom([]string{"ONLY_ME", "INCLUDING_DESCENDANTS", "DESCENDANTS_ONLY", "WHOLE_VTREE"}).Draw(t, "mode")})
		},
		"migrate": func(t *rapid.T) { m.act("Volume", m.anyVolume(t), "migrateVTree", body{"destSPId": pool(t)}) },
		"map":     func(t *rapid.T) { m.act("Volume", m.anyVolume(t), "addMappedSdc", body{"allSdcs": "TRUE"}) },
		"unmap":   func(t *rapid.T) { m.act("Volume", m.anyVolume(t), "removeMappedSdc", body{"allSdcs": "TRUE"}) },
		"connect": func(t *rapid.T) { _, _ = m.s.ConnectSDC("GUID-"+ip(t), ip(t), nil) },
		"rebuild": func(t *rapid.T) {
			m.act("StoragePool", pool(t), "setRebuildEnabled", body{"rebuildEnabled": rapid.Bool().Draw(t, "on")})
		},
		"enter": func(t *rapid.T) {
			kind := rapid.SampledFrom([]maintenanceKind{instant, protected}).Draw(t, "kind")
			m.s.do(func() { _, _ = m.s.enterMaintenance(body{"sdsId": m.idOf(ip(t))}, kind) })
		},
		"exit": func(t *rapid.T) {
			kind := rapid.SampledFrom([]maintenanceKind{instant, protected}).Draw(t, "kind")
			m.s.do(func() { _, _ = m.s.exitMaintenance(body{"sdsId": m.idOf(ip(t)), "forceFailedSds": true}, kind) })
		},
		"": func(t *rapid.T) { m.check(t) },
	}
}

// idOf is sdsID for when the mutex is held.
func (m *machine) idOf(ip string) string {
	if d, there := m.s.sdss.named("", ip); there {
		return d.id
	}
	return ""
}

// check counts everything anew that the system keeps as sums.
func (m *machine) check(t *rapid.T) {
	m.s.look(func() {
		for p := range m.s.pools.all() {
			m.checkPool(t, p)
		}
		for d := range m.s.devices.all() {
			if !d.sds.devices.has(d) || !d.pool.devices.has(d) || m.s.sdss.byID[d.sds.id] != d.sds {
				t.Fatalf("device %s hangs loose", d.id)
			}
			if d.lost && !d.stored || d.returning && !d.lost || d.pool.lost.has(d) != (d.lost && !d.returning) || d.pool.returning.has(d) != d.returning {
				t.Fatalf("device %s: stored %v, lost %v, returning %v", d.id, d.stored, d.lost, d.returning)
			}
		}
		for d := range m.s.sdss.all() {
			if m.s.disconnected.has(d) == d.connected() {
				t.Fatalf("SDS %s: connected %v, listed as disconnected %v", d.name, d.connected(), m.s.disconnected.has(d))
			}
		}
	})
}

func (m *machine) checkPool(t *rapid.T, p *pool) {
	var again pool
	hosts := map[*sds]int{}
	for d := range p.devices.all() {
		hosts[d.sds]++
		if !d.counted() {
			continue
		}
		again.limitKB, again.maxKB = again.limitKB+d.limitKB, again.maxKB+d.maxKB
		again.unreachableKB += when(d.lost || !d.stored, d.limitKB)
		if d.stored {
			again.spread.change(d.sds.unit(), d.weight(), when(d.lost, d.weight()))
		}
	}
	for v := range p.volumes.all() {
		again.count(v, +1)
		again.countMapped(v, +1)
		again.charge(v, v.sizeKB, v.writtenKB)
	}
	for what, pair := range map[string][2]any{
		"limit": {p.limitKB, again.limitKB}, "max": {p.maxKB, again.maxKB}, "unreachable": {p.unreachableKB, again.unreachableKB},
		"thin": {p.thinKB, again.thinKB}, "written": {p.thinWrittenKB, again.thinWrittenKB}, "thick": {p.thickKB, again.thickKB},
		"counts": {p.counts, again.counts}, "hosts": {p.hosts.len(), len(hosts)}, "units": {len(p.spread.units), len(again.spread.units)},
		"weight": {p.spread.weight, again.spread.weight}, "lost": {p.spread.lost, again.spread.lost},
		"weight²": {p.spread.weight2, again.spread.weight2}, "lost²": {p.spread.lost2, again.spread.lost2}, "cross": {p.spread.cross, again.spread.cross},
	} {
		if pair[0] != pair[1] {
			t.Fatalf("%s of %s is kept as %v, is %v", what, p.name, pair[0], pair[1])
		}
	}
	h := m.s.health(p)
	if inUse := p.inUseKB(); h.degradedFailed < 0 || h.failed < 0 || h.protected < 0 || h.degradedFailed*2+h.failed > inUse || h.protected > inUse {
		t.Fatalf("of %d KB in %s: %+v", inUse, p.name, h)
	}
}

// TestSumsHold does whatever can be done in any order: what is kept as sums is what counting anew gives, and once every node is back
// and nothing is left to move, nothing is degraded.
func TestSumsHold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newMachine(t)
		m.check(t)
		t.Repeat(m.operations())
		for _, ip := range m.ips {
			m.s.StartSDS(ip, nil)
			m.s.HealDevice(ip, "/dev/sdb")
			for _, kind := range []maintenanceKind{instant, protected} {
				m.s.do(func() { _, _ = m.s.exitMaintenance(body{"sdsId": m.idOf(ip)}, kind) })
			}
		}
		for range 20 { // what ends lets the next thing start
			m.advance(24 * time.Hour)
		}
		m.check(t)
		for _, p := range m.s.Snapshot().Pools {
			if p.DegradedKB != 0 || p.FailedKB != 0 || p.RebuildKB != 0 || p.MovingKB != 0 || p.RebalanceKB != 0 {
				t.Fatalf("after all is well: %+v", p)
			}
		}
		for _, d := range m.s.Snapshot().SDSs {
			if d.Removing || d.Maintenance != "NoMaintenance" {
				t.Fatalf("after all is well: %+v", d)
			}
		}
	})
}
