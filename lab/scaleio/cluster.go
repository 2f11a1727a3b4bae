package scaleio

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// cluster is the MDM cluster: its members in order, the master first.
type cluster struct {
	mode       string // OneNode, ThreeNodes, FiveNodes
	members    []*mdm
	standbys   []*mdm
	virtualIPs []string
	profile    string
}

type mdm struct {
	id, name   string
	ips        []string
	management []string
	manager    bool // or a tie-breaker
	port       int
	interfaces []string
}

const mdmPort = 9011

// size is how many managers and tie-breakers a mode has.
var clusterSize = map[string]struct{ managers, tieBreakers int }{"OneNode": {1, 0}, "ThreeNodes": {2, 1}, "FiveNodes": {3, 2}}

// newCluster makes the biggest cluster that the ips are enough for; more ips are standby managers.
func (s *System) newCluster(ips []string) *cluster {
	c := &cluster{mode: "OneNode", profile: s.profile()}
	for _, mode := range []string{"ThreeNodes", "FiveNodes"} {
		if size := clusterSize[mode]; len(ips) >= size.managers+size.tieBreakers {
			c.mode = mode
		}
	}
	size := clusterSize[c.mode]
	for i, ip := range ips {
		m := &mdm{id: s.ids.random("Mdm"), ips: []string{ip}, port: mdmPort, manager: i < size.managers || i >= size.managers+size.tieBreakers}
		if m.name = fmt.Sprintf("mdm%d", i+1); !m.manager {
			m.name = fmt.Sprintf("tb%d", i+1-size.managers)
		} else {
			m.management = []string{ip}
		}
		if i < size.managers+size.tieBreakers {
			c.members = append(c.members, m)
		} else {
			c.standbys = append(c.standbys, m)
		}
	}
	return c
}

// managers are the addresses that clients are given: every manager's, the master's first.
func (c *cluster) managers() []string {
	var ips []string
	for _, m := range c.members {
		if m.manager {
			ips = append(ips, m.ips...)
		}
	}
	return ips
}

func (c *cluster) all() []*mdm { return append(slices.Clone(c.members), c.standbys...) }

func (c *cluster) find(id string) *mdm {
	for _, m := range c.all() {
		if m.id == id {
			return m
		}
	}
	return nil
}

// StopMDM says that the MDM at ip is gone. If it was the master, the first slave that is up takes over; without one, or without a
// majority, the cluster answers nothing (503).
func (s *System) StopMDM(ip string) {
	s.do(func() {
		s.downMDMs[ip] = true
		if c := s.cluster; c != nil && s.down(c.members[0]) {
			for i, m := range c.members {
				if m.manager && !s.down(m) {
					c.members[0], c.members[i] = c.members[i], c.members[0]
					break
				}
			}
		}
	})
}

// StartMDM says that the MDM at ip is back, as a slave.
func (s *System) StartMDM(ip string) { s.do(func() { delete(s.downMDMs, ip) }) }

func (s *System) down(m *mdm) bool {
	for _, ip := range m.ips {
		if s.downMDMs[ip] {
			return true
		}
	}
	return false
}

// quorum says whether the cluster works: its master is up, and more than half of it.
func (s *System) quorum() bool {
	up := 0
	for _, m := range s.cluster.members {
		if !s.down(m) {
			up++
		}
	}
	return !s.down(s.cluster.members[0]) && 2*up > len(s.cluster.members)
}

// view is queryMdmCluster's answer, and the system's mdmCluster; its id is the system's in decimal [scaleio.md §1.1].
func (c *cluster) view(s *System) fields {
	id, _ := strconv.ParseUint(s.id, 16, 64) // the id of a Config may be anything; then 0
	v := fields{
		"id": strconv.FormatUint(id, 10), "name": s.name, "clusterMode": c.mode, "clusterState": "ClusteredNormal",
		"virtualIps": emptyNotNull(c.virtualIPs), "perfProfile": c.profile,
		"slaves": []fields{}, "tieBreakers": []fields{}, "standbyMDMs": []fields{},
	}
	good, replicas := 0, 0
	for i, m := range c.members {
		if !s.down(m) {
			good++
			replicas += int(when(m.manager, 1))
		}
		switch {
		case i == 0:
			v["master"] = m.view(s, true)
		case m.manager:
			v["slaves"] = append(v["slaves"].([]fields), m.view(s, false))
		default:
			v["tieBreakers"] = append(v["tieBreakers"].([]fields), m.view(s, false))
		}
	}
	for _, m := range c.standbys {
		v["standbyMDMs"] = append(v["standbyMDMs"].([]fields), m.view(s, true))
	}
	if good < len(c.members) {
		v["clusterState"] = "ClusteredDegraded"
	}
	v["goodNodesNum"], v["goodReplicasNum"] = good, replicas
	return v
}

// view: the master (and a standby) has no status; a disconnected member has no version [scaleio.md §1.3].
func (m *mdm) view(s *System, withoutStatus bool) fields {
	v := fields{
		"id": m.id, "name": m.name, "ips": m.ips, "managementIPs": emptyNotNull(m.management), "port": m.port, "role": "TieBreaker",
		"versionInfo": s.release(), "opensslVersion": "OpenSSL 1.0.2k-fips  26 Jan 2017", "virtualInterfaces": emptyNotNull(m.interfaces),
		"links": []fields{{"rel": "self", "href": "/api/instances/Mdm::" + m.id}},
	}
	if m.manager {
		v["role"] = "Manager"
	}
	if !withoutStatus {
		v["status"] = "Normal"
	}
	if s.down(m) {
		v["status"], v["opensslVersion"] = "Disconnected", "N/A"
		delete(v, "versionInfo")
	}
	return v
}

func emptyNotNull(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// readMDM takes a new member's addresses, name and port.
func (s *System) readMDM(b body) (*mdm, error) {
	m := &mdm{ips: b.list("ips"), management: b.list("managementIps"), name: b.text("name"), interfaces: b.list("virtIpIntfs"), port: mdmPort}
	if len(m.ips) == 0 {
		return nil, missing("ips")
	}
	if err := checkName(m.name); err != nil {
		return nil, err
	}
	if b.has("port") {
		n, err := port(b, "port")
		if err != nil {
			return nil, err
		}
		m.port = n
	}
	for _, ip := range append(slices.Clone(m.ips), m.management...) {
		if net.ParseIP(ip) == nil {
			return nil, refuse("BAD_HOSTNAME")
		}
		if strings.HasPrefix(ip, "0.") { // nobody answers there; the recordings' refusal
			return nil, refuse("COMMUNICATION_ERROR")
		}
	}
	return m, nil
}

func createCluster(s *System, b body) (any, error) {
	if s.cluster != nil {
		return nil, refuse("ACTOR_ALREADY_CONFIGURED")
	}
	if !b.has("ips") && b.has("mdmIp") {
		b["ips"] = b["mdmIp"]
	}
	m, err := s.readMDM(b)
	if err != nil {
		return nil, err
	}
	m.id, m.manager = s.ids.random("Mdm"), true
	s.cluster = &cluster{mode: "OneNode", members: []*mdm{m}, virtualIPs: b.list("virtIPs"), profile: s.profile()}
	s.gatewayMDMs = s.cluster.managers()
	s.born = s.now()
	return fields{"mdmId": m.id}, nil
}

// addStandby does not add the address to the gateway's configuration [scaleio.md §1.3].
func addStandby(s *System, b body) (any, error) {
	if _, err := oneOf("Manager", "TieBreaker")(b, "role"); err != nil {
		return nil, err
	}
	m, err := s.readMDM(b)
	if err != nil {
		return nil, err
	}
	m.manager = b.text("role") == "Manager"
	for _, other := range s.cluster.all() {
		if m.name != "" && other.name == m.name {
			return nil, refuse("MDM_NAME_ALREADY_EXISTS")
		}
		for _, ip := range m.ips {
			if slices.Contains(other.ips, ip) {
				return nil, refuse("MDM_IP_ALREADY_EXISTS")
			}
		}
	}
	if len(m.interfaces) > 0 && !m.manager {
		return nil, refuse("VIRT_IP_INTF_NOT_ALLOWED_FOR_TB")
	}
	m.id = s.ids.random("Mdm")
	s.cluster.standbys = append(s.cluster.standbys, m)
	return fields{"id": m.id}, nil
}

func removeStandby(s *System, b body) (any, error) {
	c := s.cluster
	m := c.find(b.text("id"))
	switch {
	case m == nil:
		return nil, refuse("MDM_DOES_NOT_EXIST")
	case slices.Contains(c.members, m):
		return nil, refuse("MDM_IN_CLUSTER")
	}
	c.standbys = without(c.standbys, m)
	return nil, nil
}

func without(list []*mdm, m *mdm) []*mdm {
	return slices.DeleteFunc(slices.Clone(list), func(one *mdm) bool { return one == m })
}

func changeOwnership(s *System, b body) (any, error) {
	c := s.cluster
	m := c.find(b.text("id"))
	at := slices.Index(c.members, m)
	switch {
	case m == nil:
		return nil, refuse("MDM_DOES_NOT_EXIST")
	case at < 0:
		return nil, refuse("CMD_ERROR_ID_NOT_IN_CLUSTER")
	case !m.manager:
		return nil, refuse("MDM_IS_TB")
	case s.down(m):
		return nil, refuse("MDM_NOT_CONNECTED")
	}
	c.members[0], c.members[at] = c.members[at], c.members[0]
	return nil, nil
}

// switchMode adds standbys to the cluster or takes members out of it, so that the mode's numbers come out.
func switchMode(s *System, b body) (any, error) {
	if _, err := oneOf("OneNode", "ThreeNodes", "FiveNodes")(b, "mode"); err != nil {
		return nil, err
	}
	members, standbys, err := s.exchange(b)
	if err != nil {
		return nil, err
	}
	if err := fitsMode(members, b.text("mode")); err != nil {
		return nil, err
	}
	s.cluster.mode, s.cluster.members, s.cluster.standbys = b.text("mode"), members, standbys
	return nil, nil
}

// replaceMembers keeps the mode.
func replaceMembers(s *System, b body) (any, error) {
	members, standbys, err := s.exchange(b)
	if err != nil {
		return nil, err
	}
	if err := fitsMode(members, s.cluster.mode); err != nil {
		return nil, err
	}
	s.cluster.members, s.cluster.standbys = members, standbys
	return nil, nil
}

func fitsMode(members []*mdm, mode string) error {
	managers := 0
	for _, m := range members {
		managers += int(when(m.manager, 1))
	}
	if size := clusterSize[mode]; managers != size.managers || len(members)-managers != size.tieBreakers {
		return refuse("WRONG_CMD_PARAMS")
	}
	return nil
}

// exchange is the cluster after the four lists of switchClusterMode and replaceClusterMdm.
func (s *System) exchange(b body) (members, standbys []*mdm, err error) {
	c := s.cluster
	members, standbys = slices.Clone(c.members), slices.Clone(c.standbys)
	for _, list := range []struct {
		param        string
		manager, add bool
	}{{"addSlaveMdmIdList", true, true}, {"addTBIdList", false, true}, {"removeSlaveMdmIdList", true, false}, {"removeTBIdList", false, false}} {
		for _, id := range b.list(list.param) {
			m := c.find(id)
			switch {
			case m == nil:
				return nil, nil, refuse("MDM_DOES_NOT_EXIST")
			case m.manager != list.manager:
				return nil, nil, refuse("MDM_IS_TB")
			case list.add && slices.Contains(c.members, m):
				return nil, nil, refuse("MDM_ALREADY_IN_CLUSTER")
			case list.add && s.down(m):
				return nil, nil, refuse("MDM_NOT_CONNECTED")
			case !list.add && m == c.members[0]:
				return nil, nil, refuse("CANNOT_REMOVE_MASTER")
			case !list.add && !slices.Contains(c.members, m):
				return nil, nil, refuse("MDM_NOT_IN_CLUSTER")
			case !list.add && s.down(m) && !b.on("allowLeaveFailed"):
				return nil, nil, refuse("MDM_NOT_CONNECTED")
			case list.add:
				members, standbys = append(members, m), without(standbys, m)
			default:
				members, standbys = without(members, m), append(standbys, m)
			}
		}
	}
	return members, standbys, nil
}

func renameMDM(s *System, b body) (any, error) {
	m := s.cluster.find(b.text("id"))
	if m == nil {
		return nil, refuse("MDM_DOES_NOT_EXIST")
	}
	name, err := b.must("newName")
	if err != nil {
		return nil, err
	}
	if err := checkName(name); err != nil {
		return nil, err
	}
	for _, other := range s.cluster.all() { // itself, too: the same name again is refused [scaleio.md §2.3]
		if other.name == name {
			return nil, refuse("MDM_NAME_ALREADY_EXISTS")
		}
	}
	m.name = name
	return nil, nil
}
