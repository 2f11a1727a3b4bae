package mesos

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	api "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/lab/mesos/internal/libprocess"
)

// Agent is a machine with a Mesos agent on it. Its methods make happen what happens to machines. All fields are guarded by Master.mu.
type Agent struct {
	master *Master
	cfg    AgentConfig
	seq    int64
	addr   string // once known, kept over restarts
	info   *api.AgentInfo
	server *libprocess.Server

	running     bool // the agent's process
	recovering  bool // started, waiting for executors of before: only SUBSCRIBE is served
	registered  bool // with the leading master, as far as the agent knows
	partitioned bool
	slave       *slave   // the master's record, while it has one
	inbox       []letter // what the network holds back while partitioned
	outbox      []letter
	joining     *time.Timer
	recovery    *time.Timer
	draining    *api.DrainConfig
	frameworks  map[string]*hosted
	updates     map[string]*updateStream
}

// letter is a message between the master's record of an agent and the agent.
type letter struct {
	slave *slave
	what  func()
}

// hosted is a framework as its agent knows it.
type hosted struct {
	seq         int64
	info        *api.FrameworkInfo
	executors   map[string]*executor
	terminating bool
}

func (h *hosted) order() int64 { return h.seq }

func (a *Agent) order() int64 { return a.seq }
func (a *Agent) id() string   { return a.info.GetID().GetValue() }

// AddAgent puts a machine into the cluster; its agent listens and is registered when AddAgent returns (if a master leads).
func (m *Master) AddAgent(cfg AgentConfig) (*Agent, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, fault.New(fault.Conflict, "agent "+cfg.Hostname, "add", "the master is closed")
	}
	a := &Agent{master: m, seq: m.next(), frameworks: map[string]*hosted{}, updates: map[string]*updateStream{}}
	if err := a.configure(cfg); err != nil {
		return nil, err
	}
	if err := a.listen(); err != nil {
		return nil, err
	}
	m.agents = append(m.agents, a)
	a.join()
	return a, nil
}

// configure takes cfg over, with defaults, and makes the AgentInfo without id and port.
func (a *Agent) configure(cfg AgentConfig) error {
	m := a.master
	if cfg.Address == "" {
		cfg.Address = "127.0.0.1:0"
	}
	if cfg.Resources == "" {
		cfg.Resources = defaultResources
	}
	if cfg.Launcher == nil {
		cfg.Launcher = Processes{}
	}
	if cfg.Hostname == "" {
		return fault.New(fault.Invalid, "agent", "add", "it has no hostname")
	}
	if cfg.WorkDir == "" {
		if m.temp == "" {
			temp, err := os.MkdirTemp("", "lab-mesos-")
			if err != nil {
				return fault.New(fault.Temporary, "agent "+cfg.Hostname, "make its work directory", "%w", err)
			}
			m.temp = temp
		}
		cfg.WorkDir = filepath.Join(m.temp, fmt.Sprintf("agent-%d", a.seq))
	}
	resources, err := parseResources(cfg.Resources)
	if err != nil {
		return err
	}
	info := &api.AgentInfo{Hostname: cfg.Hostname, Domain: domain(cfg.Region, cfg.Zone), Resources: newBag(resources).resources()}
	for _, attribute := range cfg.Attributes {
		message, err := attribute.message()
		if err != nil {
			return err
		}
		info.Attributes = append(info.Attributes, message)
	}
	if info.Domain != nil && m.cfg.Region == "" { // a master without a domain lets no agent with one in
		m.cfg.Region, m.cfg.Zone = cfg.Region, cfg.Zone
	}
	a.cfg, a.info = cfg, info
	return nil
}

func (a *Agent) listen() error {
	addr := a.addr
	if addr == "" {
		addr = a.cfg.Address
	}
	l, err := a.master.cfg.Listen(addr)
	if err != nil {
		return fault.New(fault.Temporary, "agent "+a.cfg.Hostname, "listen on "+addr, "%w", err)
	}
	a.addr = l.Addr().String()
	_, port := hostPort(a.addr)
	a.info.Port = &port
	server := libprocess.NewServer(a.handle, a.master.cfg.Now)
	a.server, a.running = server, true
	a.master.wg.Go(func() {
		if err := server.Serve(l); err != nil {
			a.master.cfg.Log.Error("agent stopped listening", "agent", a.cfg.Hostname, "error", err)
		}
	})
	return nil
}

// ID is the agent's id, "" until it has registered.
func (a *Agent) ID() string { return locked(a, (*Agent).id) }

// Addr is where the agent listens.
func (a *Agent) Addr() string { return locked(a, func(a *Agent) string { return a.addr }) }

// Hostname is the agent's hostname.
func (a *Agent) Hostname() string { return locked(a, func(a *Agent) string { return a.cfg.Hostname }) }

// Registered says whether the leading master has the agent and is connected to it.
func (a *Agent) Registered() bool {
	return locked(a, func(a *Agent) bool { return a.slave != nil && a.slave.connected })
}

func locked[T any](a *Agent, get func(*Agent) T) T {
	a.master.mu.Lock()
	defer a.master.mu.Unlock()
	return get(a)
}

// join (re-)registers with the leading master, if there is a way to it.
func (a *Agent) join() {
	m := a.master
	if !a.running || a.recovering || a.partitioned || a.registered || m.closed || m.recovering {
		return
	}
	if a.info.ID == nil {
		m.register(a)
		a.resume()
		return
	}
	if !m.reregister(a) {
		a.shutDown()
	}
}

func (a *Agent) joinAfter(d time.Duration) {
	if a.joining != nil {
		a.joining.Stop()
	}
	a.joining = a.master.after(d, a.join)
}

// deliver brings a message of the master's to the agent's process, now or when the partition heals.
func (a *Agent) deliver(s *slave, what func(*Agent)) {
	switch {
	case a.slave != s || !a.running:
	case a.partitioned:
		a.inbox = append(a.inbox, letter{s, func() { what(a) }})
	case !a.recovering:
		what(a)
	}
}

// report brings a message of the agent's to the master, now or when the partition heals; without a master it is dropped.
func (a *Agent) report(what func(*slave)) {
	s := a.slave
	switch {
	case s == nil || !a.running || !s.connected:
	case a.partitioned:
		a.outbox = append(a.outbox, letter{s, func() { what(s) }})
	default:
		what(s)
	}
}

// What the agent tells a master that it registers with.

func (a *Agent) frameworkInfos() []*api.FrameworkInfo {
	var out []*api.FrameworkInfo
	for _, h := range sorted(a.frameworks) {
		out = append(out, h.info)
	}
	return out
}

func (a *Agent) taskInfos() []*api.Task {
	var out []*api.Task
	for _, h := range sorted(a.frameworks) {
		for _, e := range sorted(h.executors) {
			for _, t := range sorted(e.tasks) {
				out = append(out, t.message())
			}
		}
	}
	return out
}

func (a *Agent) executorInfos() map[string][]*api.ExecutorInfo {
	out := map[string][]*api.ExecutorInfo{}
	for id, h := range a.frameworks {
		for _, e := range sorted(h.executors) {
			if !e.command && e.state != executorTerminated {
				out[id] = append(out[id], e.info)
			}
		}
	}
	return out
}

func (a *Agent) runs(framework, executor string) bool {
	h := a.frameworks[framework]
	return h != nil && h.executors[executor] != nil && h.executors[executor].state != executorTerminated
}

func (a *Agent) knows(framework, taskID string) bool { return a.taskOf(framework, taskID) != nil }

func (a *Agent) taskOf(framework, taskID string) *agentTask {
	if h := a.frameworks[framework]; h != nil {
		for _, e := range h.executors {
			if t := e.tasks[taskID]; t != nil {
				return t
			}
		}
	}
	return nil
}

// updateFramework is news of a framework: that it subscribed, or changed. What it has not acknowledged is sent again.
func (a *Agent) updateFramework(info *api.FrameworkInfo) {
	if h := a.frameworks[info.ID.Value]; h != nil {
		h.info = info
	}
	a.flush()
}

// deny answers for a task that the master has and the agent does not: it is lost. (Slave::reregistered)
func (a *Agent) deny(framework *api.FrameworkInfo, taskID string) {
	status := a.status(taskID, "", lostState(framework), api.REASON_RECONCILIATION, "Reconciliation: task unknown to the agent")
	a.enqueue(framework.ID.Value, status, status.GetState())
}

// status makes a status of the agent's own.
func (a *Agent) status(taskID, executorID string, state api.TaskState, reason api.TaskStatus_Reason, message string) *api.TaskStatus {
	status := newStatus(a.master.seconds(), taskID, a.id(), state, api.SOURCE_AGENT, reason, message)
	if executorID != "" {
		status.ExecutorID = &api.ExecutorID{Value: executorID}
	}
	status.UUID = a.master.uuid()
	return status
}

func (m *Master) uuid() []byte {
	id := m.cfg.UUID()
	return id[:]
}

// drain kills all tasks (DRAIN_AGENT); their statuses say why.
func (a *Agent) drain(config api.DrainConfig) {
	a.draining = &config
	for _, h := range sorted(a.frameworks) {
		for _, e := range sorted(h.executors) {
			for _, t := range sorted(e.tasks) {
				if !terminal(t.state) {
					a.killTask(h.info.ID.Value, t.id(), nil)
				}
			}
		}
	}
}
