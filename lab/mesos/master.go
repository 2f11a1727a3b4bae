package mesos

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/gogo/protobuf/proto"
	api "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/lab/mesos/internal/libprocess"
)

// version is what this package claims to be.
const version = "1.12.0"

// Master is the master (or the masters, one of which leads) of a cluster, with the agents that AddAgent gave it.
type Master struct {
	cfg Config
	wg  sync.WaitGroup // launches and waits of executors

	mu     sync.Mutex // guards everything below, and all of agents, frameworks, tasks, offers
	closed bool
	done   chan struct{} // closed with it
	fronts []*front
	leader *front // nil: nobody leads
	// Redirects point to leader, which may be dead: the others learn of a new one only after a while.

	id             string // of the leading master's term
	recovering     bool   // right after a start: 503
	started        time.Time
	elected        time.Time
	nextFramework  int
	nextAgent      int
	nextOffer      int
	sequence       int64 // gives everything that is iterated an order
	frameworks     map[string]*framework
	completed      []*framework
	slaves         map[string]*slave // registered, connected or not
	recovered      map[string]*api.AgentInfo
	recoveredTimer *time.Timer
	unreachable    map[string]time.Time
	gone           map[string]time.Time
	deactivated    map[string]bool
	draining       map[string]*api.DrainInfo
	drainStart     map[string]time.Time
	registry       map[string]*api.AgentInfo // what survives a master
	byAddress      map[string]*slave
	offers         map[string]*offer
	subscribers    map[*events]bool
	agents         []*Agent
	weights        map[string]float64
	allocator      allocator
	stats          Stats
	fetched        *cache
	temp           string // sandboxes of agents without a WorkDir
}

// front is one master's address.
type front struct {
	master   *Master
	listener net.Listener
	server   *libprocess.Server
	addr     string
	dead     bool
}

// NewMaster makes a cluster without agents. Nothing listens until Serve, ServeHTTP or Handler is used.
func NewMaster(cfg Config) *Master {
	m := &Master{cfg: cfg.withDefaults(), done: make(chan struct{}), registry: map[string]*api.AgentInfo{}, gone: map[string]time.Time{},
		weights: map[string]float64{}}
	m.stats.reset()
	m.fetched = newCache()
	m.begin(m.cfg.MasterID)
	return m
}

// begin starts a master's term: what masters do not hand on to each other is forgotten.
func (m *Master) begin(id string) {
	if id == "" {
		id = m.cfg.UUID().String()
	}
	m.id = id
	m.started, m.elected = m.cfg.Now(), m.cfg.Now()
	m.nextFramework, m.nextAgent, m.nextOffer = 0, 0, 0
	m.frameworks, m.completed = map[string]*framework{}, nil
	m.slaves, m.byAddress = map[string]*slave{}, map[string]*slave{}
	m.recovered, m.unreachable = map[string]*api.AgentInfo{}, map[string]time.Time{}
	m.deactivated, m.draining, m.drainStart = map[string]bool{}, map[string]*api.DrainInfo{}, map[string]time.Time{}
	m.offers, m.subscribers = map[string]*offer{}, map[*events]bool{}
	m.allocator = allocator{master: m, since: time.Now()}
}

// Serve serves a master at the listener until it is closed. The first address leads; each further one is a standby that answers 307.
// The address is known (Addr) as soon as Listen, or Serve's accepting, has begun.
func (m *Master) Serve(l net.Listener) error {
	f, err := m.add(l)
	if err != nil {
		return err
	}
	return f.server.Serve(l)
}

// Start listens on addr ("127.0.0.1:0") and serves in the background until Close.
func (m *Master) Start(addr string) error {
	l, err := m.cfg.Listen(addr)
	if err != nil {
		return fault.New(fault.Temporary, "master", "listen on "+addr, "%w", err)
	}
	f, err := m.add(l)
	if err != nil {
		return err
	}
	m.wg.Go(func() {
		if err := f.server.Serve(l); err != nil {
			m.cfg.Log.Error("master stopped listening", "address", f.addr, "error", err)
		}
	})
	return nil
}

func (m *Master) add(l net.Listener) (*front, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		l.Close()
		return nil, fault.New(fault.Conflict, "master", "serve", "the master is closed")
	}
	f := &front{master: m, listener: l, addr: l.Addr().String()}
	f.server = libprocess.NewServer(f.handle, m.cfg.Now)
	m.fronts = append(m.fronts, f)
	if m.leader == nil && len(m.fronts) == 1 {
		m.leader = f
	}
	return f, nil
}

// Handler serves the leading master below net/http. It takes connections over (http.Hijacker), so HTTP/2 is not for it.
func (m *Master) Handler() http.Handler {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := &front{master: m, addr: "127.0.0.1:5050"}
	f.server = libprocess.NewServer(f.handle, m.cfg.Now)
	m.fronts = append(m.fronts, f)
	if m.leader == nil {
		m.leader = f
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		server := f.server // a failover makes a new one
		m.mu.Unlock()
		server.ServeHTTP(w, r)
	})
}

// Addr is the address of the leading master, "" without one.
func (m *Master) Addr() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.leader == nil {
		return ""
	}
	return m.leader.addr
}

// Addrs are the addresses of all masters that live, in the order in which they began to serve.
func (m *Master) Addrs() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for _, f := range m.fronts {
		if !f.dead {
			out = append(out, f.addr)
		}
	}
	return out
}

// ID is the id of the leading master's term.
func (m *Master) ID() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.id
}

// Close ends masters, agents, executors and streams, and returns when no goroutine of theirs is left.
func (m *Master) Close() {
	m.mu.Lock()
	if !m.closed {
		m.closed = true
		close(m.done)
		m.fetched.end()
	}
	fronts, agents, temp := m.fronts, m.agents, m.temp
	var servers []*libprocess.Server
	for _, f := range fronts {
		servers = append(servers, f.server)
	}
	for _, a := range agents {
		if a.server != nil {
			servers = append(servers, a.server)
		}
		a.end()
	}
	m.allocator.stop()
	for _, f := range m.frameworks {
		f.drop()
	}
	for sub := range m.subscribers {
		sub.cut()
	}
	m.mu.Unlock()
	for _, s := range servers {
		s.Close()
	}
	m.wg.Wait()
	if temp != "" {
		os.RemoveAll(temp) // best effort: it is below os.TempDir
	}
}

// after runs what under the lock in d from now, unless the master was closed; at once is still later than now.
func (m *Master) after(d time.Duration, what func()) *time.Timer {
	return time.AfterFunc(d, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if !m.closed {
			what()
		}
	})
}

// next numbers things, so that maps of them can be gone through in order.
func (m *Master) next() int64 {
	m.sequence++
	return m.sequence
}

func (m *Master) seconds() float64 { return seconds(m.cfg.Now()) }

// seconds is a time as Mesos keeps it: a double.
func seconds(t time.Time) float64 { return float64(t.UnixNano()) / 1e9 }

// timeInfo is a time as Mesos prints it after it was a double of seconds (13-operator-api/002).
func timeInfo(t time.Time) *api.TimeInfo {
	if t.IsZero() {
		return &api.TimeInfo{}
	}
	return &api.TimeInfo{Nanoseconds: int64(seconds(t) * 1e9)}
}

// info is the leading master as SUBSCRIBED and GET_MASTER show it.
func (m *Master) info() *api.MasterInfo {
	host, port := "127.0.0.1", int32(5050)
	if m.leader != nil {
		host, port = hostPort(m.leader.addr)
	}
	name := m.cfg.Hostname
	if name == "" {
		name = host
	}
	info := &api.MasterInfo{
		ID: m.id, IP: ipNumber(host), Port: proto.Uint32(uint32(port)), PID: proto.String(fmt.Sprintf("master@%s:%d", host, port)),
		Hostname: &name, Version: proto.String(version), Address: &api.Address{Hostname: &name, IP: &host, Port: port},
		Capabilities: []api.MasterInfo_Capability{{Type: api.MasterInfo_Capability_AGENT_UPDATE}, {Type: api.MasterInfo_Capability_AGENT_DRAINING}, {Type: 3}},
	}
	info.Domain = domain(m.cfg.Region, m.cfg.Zone)
	return info
}

func domain(region, zone string) *api.DomainInfo {
	if region == "" && zone == "" {
		return nil
	}
	return &api.DomainInfo{FaultDomain: &api.DomainInfo_FaultDomain{
		Region: api.DomainInfo_FaultDomain_RegionInfo{Name: region}, Zone: api.DomainInfo_FaultDomain_ZoneInfo{Name: zone}}}
}

func hostPort(addr string) (string, int32) {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return addr, 0
	}
	port, _ := strconv.ParseInt(text, 10, 32) // an address that was listened on
	return host, int32(port)
}

// ipNumber is an IPv4 address as a little-endian number: 127.0.0.1 is 16777343 (mesos.md §3.1.4).
func ipNumber(host string) uint32 {
	ip := net.ParseIP(host).To4()
	if ip == nil {
		return 0
	}
	return uint32(ip[0]) | uint32(ip[1])<<8 | uint32(ip[2])<<16 | uint32(ip[3])<<24
}

// sorted gives the values of a map in the order in which they came to be.
func sorted[K comparable, V interface{ order() int64 }](m map[K]V) []V {
	out := make([]V, 0, len(m))
	for _, v := range m {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b V) int { return int(a.order() - b.order()) })
	return out
}
