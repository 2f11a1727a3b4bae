package scaleio

import (
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// Disks answers for a node what is at a path, so that a device is refused as a real SDS would refuse it. It is called with the
// system's mutex held: it must not call the System.
type Disks interface {
	Disk(path string) (disk Disk, there bool)
}

// DiskMap is Disks by path.
type DiskMap map[string]Disk

// Disk is Disks.
func (m DiskMap) Disk(path string) (Disk, bool) { disk, there := m[path]; return disk, there }

// Disk is what an SDS finds at a path.
type Disk struct {
	Bytes       int64
	Media       string // HDD, SSD; empty: unknown
	Content     string // a file system or other content: "ext4"
	Mounted     string // where
	Partitioned bool   // has partitions (a partition itself may be a device)
	Taken       bool   // carries the header of an SDS of another system
	Failed      bool   // cannot be opened
	Serial      string
	Model       string
	Vendor      string
}

// process is an SDS process of a node.
type process struct {
	ip    string
	port  int
	disks Disks
	sdss  roster[*sds]
}

const sdsPort = 7072

// StartSDS says that an SDS process listens at ip (port 7072, or "ip:port"); SDSs with that address connect.
func (s *System) StartSDS(ip string, disks Disks) {
	address := withPort(ip)
	s.do(func() {
		s.stopProcess(address)
		host, port, _ := splitAddress(address)
		p := &process{ip: host, port: port, disks: disks}
		s.processes[address] = p
		if d := s.addresses[address]; d != nil {
			s.attach(d, p)
		}
	})
}

// StopSDS says that the SDS process at ip is gone: killed, stopped, or its machine down.
func (s *System) StopSDS(ip string) {
	address := withPort(ip)
	s.do(func() {
		if d := s.addresses[address]; d != nil && d.virtual {
			d.virtual = false
			s.reassessAll(d)
		}
		s.stopProcess(address)
	})
}

func (s *System) stopProcess(address string) {
	p := s.processes[address]
	if p == nil {
		return
	}
	delete(s.processes, address)
	for d := range p.sdss.all() {
		d.host = s.processOf(d)
		if d.host != nil {
			d.host.sdss.add(d)
		}
		s.reassessAll(d)
	}
}

// attach makes d a device server that runs.
func (s *System) attach(d *sds, p *process) {
	d.host, d.virtual = p, false
	p.sdss.add(d)
	s.reassessAll(d)
}

// processOf is a process at any of the addresses of d, or nil.
func (s *System) processOf(d *sds) *process {
	for _, address := range d.ips {
		if p := s.processes[joinAddress(address.ip, d.port)]; p != nil {
			return p
		}
	}
	return nil
}

func (s *System) reassessAll(d *sds) {
	if d.connected() {
		s.disconnected.remove(d)
	} else {
		s.disconnected.add(d)
	}
	for one := range d.devices.all() {
		s.reassess(one)
	}
	s.touch("Sds")
}

// FailDevice breaks the disk behind a device; HealDevice mends it. They say whether the device is known.
func (s *System) FailDevice(ip, path string) bool { return s.breakDevice(ip, path, true) }

// HealDevice is the end of FailDevice; the device's error stays shown until clearDeviceError.
func (s *System) HealDevice(ip, path string) bool { return s.breakDevice(ip, path, false) }

func (s *System) breakDevice(ip, path string, failed bool) (known bool) {
	s.do(func() {
		d := s.addresses[withPort(ip)]
		if d == nil {
			return
		}
		for one := range d.devices.all() {
			if one.path == path {
				known, one.failed = true, failed
				if failed {
					s.inError.add(one)
					one.settings["errorState"] = "Error"
					one.settings["aggregatedState"] = "FailedNow"
				}
				s.reassess(one)
			}
		}
	})
	return known
}

func withPort(address string) string {
	if _, _, ok := splitAddress(address); ok {
		return address
	}
	return joinAddress(address, sdsPort)
}

func joinAddress(ip string, port int) string { return net.JoinHostPort(ip, fmt.Sprint(port)) }

func splitAddress(address string) (ip string, port int, ok bool) {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, false
	}
	if _, err := fmt.Sscan(portText, &port); err != nil {
		return "", 0, false
	}
	return host, port, true
}

// SDCHost is a node with an SDC: it is told of the volumes that it has. The calls come one after another, without the system's
// mutex held; they may read the System but must not map, unmap, connect or disconnect.
type SDCHost interface {
	Mapped(MappedVolume)
	Unmapped(MappedVolume)
}

// MappedVolume is a volume as the driver of a node knows it: /dev/disk/by-id/emc-vol-<SystemID>-<ID>.
type MappedVolume struct {
	SystemID, ID, Name string
	SizeKB             int64
	ReadOnly           bool
}

// ConnectSDC says that the driver with guid on ip found the MDMs; the SDC appears if it is new. It returns the SDC's id, or an
// error if the same guid is connected from elsewhere. h may be nil.
func (s *System) ConnectSDC(guid, ip string, h SDCHost) (id string, err error) {
	guid = strings.ToUpper(guid)
	s.do(func() {
		c := s.sdcByGUID[guid]
		if c != nil && c.connected && c.ips[0] != ip {
			err = fault.New(fault.Conflict, "sdc "+guid, "connect from "+ip, "%w: it is connected from %s", refuse("SDC_GUID_ALREADY_EXISTS"), c.ips[0])
			return
		}
		if c == nil {
			c = s.newSDC("", guid, ip)
		}
		s.connectSDC(c, ip, h)
		id = c.id
	})
	return id, err
}

func (s *System) connectSDC(c *sdc, ip string, h SDCHost) {
	if s.sdcByIP[c.ips[0]] == c {
		delete(s.sdcByIP, c.ips[0])
	}
	c.ips = []string{ip}
	s.sdcByIP[ip] = c
	c.connected, c.host = true, h
	s.touch("Sdc")
	for m := range c.mappings.all() {
		m.attached = false
	}
	s.announce(c)
}

// announce tells a connected, allowed SDC of the volumes that it was not told of.
func (s *System) announce(c *sdc) {
	if !c.connected || !s.allowed(c) {
		return
	}
	for m := range c.mappings.all() {
		s.announceOne(m)
	}
}

func (s *System) announceOne(m *mapping) {
	if m.attached || !m.sdc.connected || !s.allowed(m.sdc) {
		return
	}
	m.attached = true
	s.notices.add(m.sdc.host, s.mappedVolume(m), true)
}

func (s *System) withdraw(m *mapping) {
	if m.attached {
		m.attached = false
		s.notices.add(m.sdc.host, s.mappedVolume(m), false)
	}
}

func (s *System) mappedVolume(m *mapping) MappedVolume {
	return MappedVolume{s.id, m.volume.id, m.volume.name, m.volume.sizeKB, m.access == "ReadOnly"}
}

// DisconnectSDC says that the driver with guid is gone. Its host is told nothing: it has its own news.
func (s *System) DisconnectSDC(guid string) {
	s.do(func() {
		if c := s.sdcByGUID[strings.ToUpper(guid)]; c != nil {
			c.connected, c.host = false, nil
			for m := range c.mappings.all() {
				m.attached = false
			}
			s.touch("Sdc")
		}
	})
}

// notice is what a host is to be told.
type notice struct {
	host   SDCHost
	volume MappedVolume
	mapped bool
}

// notices are told in the order in which they came about, without the system's mutex held.
type notices struct {
	telling sync.Mutex // held from the change that gave notices until they were told, so that they stay in order
	waiting []notice   // guarded by the system's mutex
}

func (n *notices) add(host SDCHost, volume MappedVolume, mapped bool) {
	if host != nil {
		n.waiting = append(n.waiting, notice{host, volume, mapped})
	}
}

func (n *notices) take() []notice {
	taken := n.waiting
	n.waiting = nil
	return taken
}

func (n *notices) deliver(change func() []notice) {
	n.telling.Lock()
	defer n.telling.Unlock()
	for _, one := range change() {
		if one.mapped {
			one.host.Mapped(one.volume)
		} else {
			one.host.Unmapped(one.volume)
		}
	}
}
