package mesos

import (
	"slices"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/lab/mesos/internal/libprocess"
)

// Failover says how a master is lost.
type Failover struct {
	// Down is how long nobody leads: a single master is down that long (its address refuses connections), standbys point to the dead
	// one that long (ZooKeeper's session timeout). 0 is at once.
	Down time.Duration
	// Recovery is how long the new leader answers 503 "Master has not finished recovery".
	Recovery time.Duration
}

// Failover kills the leading master: its streams break, and another one leads, with a new id: the next address that serves, or the
// same one after a restart. Frameworks, tasks and offers are forgotten; agents bring tasks along when they re-register. It returns
// when the new leader's term has begun.
func (m *Master) Failover(how Failover) error {
	m.mu.Lock()
	dead := m.leader
	if m.closed || dead == nil {
		m.mu.Unlock()
		return fault.New(fault.Conflict, "master", "fail over", "there is no leading master")
	}
	m.endTerm()
	next := m.successor(dead)
	standbys := next != nil
	if standbys {
		dead.dead = true
	}
	server := dead.server
	server.Shut()
	m.mu.Unlock()

	down := time.NewTimer(how.Down)
	defer down.Stop()
	select {
	case <-down.C:
	case <-m.done:
	}

	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return fault.New(fault.Conflict, "master", "fail over", "the master was closed meanwhile")
	}
	if !standbys {
		if err := dead.restart(); err != nil {
			return err
		}
		next = dead
	}
	m.leader = next
	m.begin("")
	if how.Recovery > 0 {
		m.recovering = true
		m.after(how.Recovery, m.lead)
		return nil
	}
	m.lead()
	return nil
}

// endTerm breaks everything that the leading master holds; the agents are on their own.
func (m *Master) endTerm() {
	for _, f := range sorted(m.frameworks) {
		f.drop()
	}
	for sub := range m.subscribers {
		sub.cut()
	}
	for _, s := range m.slaves {
		if s.timer != nil {
			s.timer.Stop()
		}
	}
	if m.recoveredTimer != nil {
		m.recoveredTimer.Stop()
	}
	m.allocator.stop()
	m.allocator.shares = shares{}
	for _, a := range m.agents {
		a.slave, a.registered = nil, false
		a.inbox, a.outbox = nil, nil
		a.pause()
	}
	m.frameworks, m.slaves, m.offers, m.subscribers = map[string]*framework{}, map[string]*slave{}, map[string]*offer{}, map[*events]bool{}
	m.recovering = true
}

func (m *Master) successor(dead *front) *front {
	at := slices.Index(m.fronts, dead)
	for _, f := range slices.Concat(m.fronts[at+1:], m.fronts[:at]) {
		if !f.dead {
			return f
		}
	}
	return nil
}

// restart serves a master's address again.
func (f *front) restart() error {
	m := f.master
	f.server = libprocess.NewServer(f.handle, m.cfg.Now)
	if f.listener == nil { // below net/http, which still listens
		return nil
	}
	l, err := m.cfg.Listen(f.addr)
	if err != nil {
		return fault.New(fault.Temporary, "master "+f.addr, "listen again", "%w", err)
	}
	f.listener, f.dead = l, false
	server := f.server
	m.wg.Go(func() {
		if err := server.Serve(l); err != nil {
			m.cfg.Log.Error("master stopped listening", "address", f.addr, "error", err)
		}
	})
	return nil
}

// lead is the end of a new master's recovery: it knows from the registry which agents there were, and they come back when they
// notice. Those that do not within AgentReregisterTimeout are unreachable.
func (m *Master) lead() {
	m.recovering = false
	if m.cfg.Registry == ReplicatedLog {
		for id, info := range m.registry {
			m.recovered[id] = info
		}
	}
	m.recoveredTimer = m.after(m.cfg.AgentReregisterTimeout, func() {
		for id := range m.recovered {
			m.unreachable[id] = m.cfg.Now()
			delete(m.recovered, id)
		}
	})
	for _, a := range m.agents {
		if a.running {
			a.joinAfter(m.cfg.AgentNotice)
		}
	}
}

// Revive starts the dead masters of an ensemble again, as standbys.
func (m *Master) Revive() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range m.fronts {
		if f.dead {
			if err := f.restart(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Depose leaves the masters without a leader (503 "No leader elected") until Elect.
func (m *Master) Depose() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.leader != nil {
		m.endTerm()
		m.leader = nil
	}
}

// Elect lets the living master at addr lead, in a new term.
func (m *Master) Elect(addr string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := slices.IndexFunc(m.fronts, func(f *front) bool { return f.addr == addr && !f.dead })
	if at < 0 {
		return fault.New(fault.NotFound, "master "+addr, "elect", "no living master serves there")
	}
	if m.leader != nil {
		m.endTerm()
	}
	m.leader = m.fronts[at]
	m.begin("")
	m.lead()
	return nil
}

// BreakStreams breaks the connections of all scheduler and operator streams, as a network that drops them; the master goes on.
func (m *Master) BreakStreams() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, f := range sorted(m.frameworks) {
		if f.stream != nil {
			f.stream.cut()
			f.disconnect()
		}
	}
	for sub := range m.subscribers {
		sub.cut()
		delete(m.subscribers, sub)
	}
}
