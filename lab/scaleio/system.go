package scaleio

import (
	"sync"
	"time"
)

// System is an emulated ScaleIO system. Its methods may be called from any goroutine.
type System struct {
	config  Config
	version version
	faults  *Faults
	calls   calls
	notices notices

	mu sync.Mutex // guards everything below

	id, installation string
	name             string
	born             time.Time
	self             object // the system as an object of the API
	ids              ids
	agenda           agenda
	sessions         sessions
	cluster          *cluster // nil: not created yet
	gatewayMDMs      []string // the gateway's own configuration: mdmAddresses
	changed          map[string]int

	domains   table[*domain]
	faultSets table[*faultSet]
	pools     table[*pool]
	sdss      table[*sds]
	devices   table[*device]
	sdcs      table[*sdc]
	volumes   table[*volume]
	vtrees    table[*vtree]
	users     table[*user]

	toAll     roster[*volume]     // mapped to all SDCs, those to come included
	groups    map[string][]string // consistency groups: ids of their snapshots
	processes map[string]*process // what listens at an ip
	addresses map[string]*sds     // "ip:port"
	sdcByGUID map[string]*sdc
	sdcByIP   map[string]*sdc
	downMDMs  map[string]bool // ips

	disconnected roster[*sds]
	inError      roster[*device]
}

// New makes a system without storage: an MDM cluster (or none yet) and its users.
func New(config Config) *System {
	config = config.withDefaults()
	s := &System{
		config: config, name: config.Name, born: config.Now(),
		changed: map[string]int{}, groups: map[string][]string{}, processes: map[string]*process{}, addresses: map[string]*sds{},
		sdcByGUID: map[string]*sdc{}, sdcByIP: map[string]*sdc{}, downMDMs: map[string]bool{},
	}
	s.version, _ = parseVersion(config.APIVersion) // unreadable: as 0.0, the least that there is
	s.faults = newFaults(s)
	s.ids.seed = config.Seed
	s.pools.scope = func(p *pool) string { return p.domain.id }
	s.id = config.ID
	if s.id == "" {
		s.id = s.ids.random("System")
	}
	s.installation = s.ids.random("installation")
	s.self.settings = s.systemDefaults()
	password, mustSet := config.Password, false
	if len(config.MDMs) > 0 {
		s.cluster = s.newCluster(config.MDMs)
		s.gatewayMDMs = s.cluster.managers()
	} else {
		password, mustSet = "admin", true // a fresh MDM [scaleio.md §3.2]
	}
	s.addUser(config.User, password, s.adminRole(), mustSet)
	return s
}

// ID is the system's id, as in emc-vol-<system id>-<volume id>.
func (s *System) ID() string { return s.id }

// Faults is where a test makes the system fail.
func (s *System) Faults() *Faults { return s.faults }

// Calls counts the requests so far by method and path template: "GET /api/instances/Volume::{id}".
func (s *System) Calls() map[string]int { return s.calls.snapshot() }

// do runs one change with the mutex held, after everything that is due, and tells the hosts of it afterwards.
func (s *System) do(change func()) {
	s.notices.deliver(func() []notice {
		s.look(change)
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.notices.take()
	})
}

// look runs one look, or the part of a change that needs the mutex.
func (s *System) look(work func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	work()
	s.settle() // what takes no time is done before the answer
}

// touch counts a change of a kind, as GET /api/instances shows it.
func (s *System) touch(kind string) { s.changed[kind]++ }
