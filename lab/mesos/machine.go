package mesos

import (
	"slices"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// Partition cuts the network between agent and master. The master notices by the pings that stay away.
func (a *Agent) Partition() {
	a.master.mu.Lock()
	defer a.master.mu.Unlock()
	if a.partitioned {
		return
	}
	a.partitioned = true
	a.pause()
	if s := a.slave; s != nil && s.connected {
		a.master.expect(s)
	}
}

// Heal mends the network. An agent that was given up registers again; of its id and tasks nothing is lost.
func (a *Agent) Heal() {
	a.master.mu.Lock()
	defer a.master.mu.Unlock()
	if !a.partitioned {
		return
	}
	a.partitioned = false
	letters := slices.Concat(a.inbox, a.outbox)
	a.inbox, a.outbox = nil, nil
	s := a.slave
	if s == nil || !s.connected {
		a.registered = false
		a.joinAfter(a.master.cfg.RegistrationBackoff)
		return
	}
	s.timer.Stop()
	for _, l := range letters {
		if l.slave == s && a.slave == s {
			l.what()
		}
	}
	a.resume()
}

// Stop kills the agent's process only: executors live on if their framework checkpoints, and wait for it.
func (a *Agent) Stop() {
	a.master.mu.Lock()
	defer a.master.mu.Unlock()
	a.stop()
}

func (a *Agent) stop() {
	if !a.running {
		return
	}
	a.running, a.registered, a.recovering = false, false, false
	a.server.Shut()
	a.pause()
	for _, timer := range []*time.Timer{a.joining, a.recovery} {
		if timer != nil {
			timer.Stop()
		}
	}
	a.inbox, a.outbox = nil, nil
	for _, h := range sorted(a.frameworks) {
		for _, e := range sorted(h.executors) {
			e.orphan()
		}
		if !h.info.GetCheckpoint() {
			delete(a.frameworks, h.info.ID.Value)
			a.forget(func(u *updateStream) bool { return u.framework == h.info.ID.Value })
		}
	}
	a.forget(func(u *updateStream) bool { return a.taskOf(u.framework, u.task) == nil }) // what is checkpointed with a task stays
	if s := a.slave; s != nil {
		a.slave = nil
		if a.partitioned {
			a.master.expect(s)
			s.agent = a
		} else {
			a.master.agentLost(s)
		}
	}
}

// Start starts the agent's process again with the same work directory: it keeps its id, waits for its executors
// (ExecutorReregistrationTimeout), kills those that do not come, and re-registers.
func (a *Agent) Start() error {
	a.master.mu.Lock()
	defer a.master.mu.Unlock()
	return a.start()
}

func (a *Agent) start() error {
	m := a.master
	if a.running {
		return nil
	}
	if m.closed {
		return fault.New(fault.Conflict, "agent "+a.cfg.Hostname, "start", "the master is closed")
	}
	if err := a.listen(); err != nil {
		return err
	}
	waiting := false
	for _, h := range sorted(a.frameworks) {
		for _, e := range sorted(h.executors) {
			waiting = e.recover() || waiting
		}
	}
	if !waiting {
		a.joinAfter(m.cfg.RegistrationBackoff)
		return nil
	}
	a.recovering = true
	a.recovery = m.after(m.cfg.ExecutorReregistrationTimeout, func() {
		for _, h := range sorted(a.frameworks) {
			for _, e := range sorted(h.executors) {
				e.missed()
			}
		}
		a.recovering = false
		a.joinAfter(m.cfg.RegistrationBackoff)
	})
	return nil
}

// Restart stops and starts the agent's process.
func (a *Agent) Restart() error {
	a.Stop()
	return a.Start()
}

// RestartWith restarts the agent with a changed configuration on the same work directory. What a real agent with
// --reconfiguration_policy=equal refuses (other attributes, resources, hostname or domain) leaves it stopped and is an error.
func (a *Agent) RestartWith(change func(*AgentConfig)) error {
	a.master.mu.Lock()
	defer a.master.mu.Unlock()
	a.stop()
	old, oldCfg := a.info, a.cfg
	cfg := a.cfg
	cfg.Attributes = slices.Clone(cfg.Attributes)
	change(&cfg)
	if err := a.configure(cfg); err != nil {
		a.info, a.cfg = old, oldCfg
		return err
	}
	a.info.ID, a.info.Port = old.ID, old.Port
	if !sameMessage(old, a.info) {
		a.info, a.cfg = old, oldCfg
		return fault.New(fault.Conflict, "agent "+oldCfg.Hostname, "restart",
			"incompatible agent info detected: the configuration changed and the work directory is that of agent %s", old.GetID().GetValue())
	}
	return a.start()
}

// Replace starts the agent with a new work directory, and a changed configuration if change is given: a new agent at the same
// address. The master drops the old one when the new one registers.
func (a *Agent) Replace(change func(*AgentConfig)) error {
	a.master.mu.Lock()
	defer a.master.mu.Unlock()
	a.wipe()
	a.stop()
	cfg := a.cfg
	cfg.Attributes = slices.Clone(cfg.Attributes)
	if change != nil {
		change(&cfg)
	}
	if err := a.configure(cfg); err != nil {
		return err
	}
	return a.start()
}

// Kill is the death of the machine: every process on it ends and all its connections break. Start is what follows a boot.
func (a *Agent) Kill() {
	a.master.mu.Lock()
	defer a.master.mu.Unlock()
	a.stop()
	a.wipe()
}

// Reboot kills the machine and boots it: the agent comes back with its id and without executors.
func (a *Agent) Reboot() error {
	a.Kill()
	return a.Start()
}

// Unregister ends the agent's process as SIGUSR1 does: it tells the master, its executors end, its id is not used again.
func (a *Agent) Unregister() {
	a.master.mu.Lock()
	defer a.master.mu.Unlock()
	if s := a.slave; s != nil && a.running && !a.partitioned {
		a.master.removeSlave(s, "the agent unregistered")
	}
	a.shutDown()
}

// KillExecutor kills the process of a running executor, of whatever framework, and says whether there was one.
func (a *Agent) KillExecutor(id string) bool {
	a.master.mu.Lock()
	defer a.master.mu.Unlock()
	for _, h := range sorted(a.frameworks) {
		if e := h.executors[id]; e != nil && e.state != executorTerminated {
			e.kill()
			return true
		}
	}
	return false
}

// shutDown is the agent's own end on the master's word (gone): its executors are killed, its id is void.
func (a *Agent) shutDown() {
	a.stop()
	a.wipe()
	info := *a.info
	info.ID = nil
	a.info = &info
}

// wipe kills every executor and forgets them.
func (a *Agent) wipe() {
	for _, h := range sorted(a.frameworks) {
		for _, e := range sorted(h.executors) {
			e.kill()
			e.abandoned = true
			e.disconnect()
		}
	}
	a.frameworks = map[string]*hosted{}
	a.forget(func(*updateStream) bool { return true })
	a.draining = nil
}

// end is Close.
func (a *Agent) end() {
	a.running = false
	for _, timer := range []*time.Timer{a.joining, a.recovery} {
		if timer != nil {
			timer.Stop()
		}
	}
	if a.slave != nil && a.slave.timer != nil {
		a.slave.timer.Stop()
	}
	a.wipe()
}
