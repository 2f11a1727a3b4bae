package simulation

import (
	"fmt"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mesosscheduler "github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
)

// host is a machine with its Mesos agent.
type host struct {
	*world
	n       int
	name    string
	id      string // of the agent
	ids     int
	up      bool // the machine
	process bool // the agent's
	cut     bool // from the network
	contact int  // changes whenever the agent comes or goes

	attributes []layout.Attribute
	devices    []inventory.Device
	machine    int
	boot       int
	done       map[string]bool // what the machine has, by step
	failing    map[string]inventory.State
	told       map[string]bool          // devices that were reported
	checked    map[string]time.Duration // when the last look at a claimed device found nothing against it

	executor *executor
	dies     int  // that many executors end right after their start
	silent   int  // that many never say a word
	loses    int  // messages
	dead     bool // it comes back as another agent
	queues   map[string]*queue
	tasks    []string // the keys of queues, in order
	uuids    int
}

// queue holds the updates of a task that the framework has not acknowledged; the first is on its way.
type queue struct {
	executor string
	state    mesos.TaskState // the latest
	updates  []mesos.TaskStatus
	resend   time.Duration
	turn     int
	arrival  time.Duration
}

func newHost(w *world) *host {
	n := len(w.hosts) + 1
	root := inventory.Device{ID: "/dev/xvda", Path: "/dev/xvda", Size: 50 << 30, Media: "SSD", Type: "disk", Root: true, Signature: "ext4", Mounts: []string{"/"}}
	disk := func(path string, size uint64) inventory.Device {
		return inventory.Device{ID: path, Path: path, Size: size, Media: "HDD", Type: "disk"}
	}
	h := &host{world: w, n: n, name: fmt.Sprintf("agent-%02d", n), up: true, process: true, done: map[string]bool{}, failing: map[string]inventory.State{},
		told: map[string]bool{}, checked: map[string]time.Duration{}, queues: map[string]*queue{},
		devices: []inventory.Device{root, disk("/dev/xvdf", 2<<40), disk("/dev/xvdg", 2<<40)}}
	if w.script.Mode == "imperative" {
		h.attributes = attributes(h.pool(), "/dev/xvdf")
	}
	h.newID()
	w.hosts = append(w.hosts, h)
	return h
}

// pool is where the attributes of the host send its devices at first.
func (h *host) pool() string {
	if h.script.Pools == 2 && h.n%2 == 0 {
		return "otherpool"
	}
	return "mypool"
}

func (h *host) newID() { h.ids++; h.id = fmt.Sprintf("S%d-%d", h.n, h.ids) }

func (h *host) agentUp() bool   { return h.up && h.process }
func (h *host) reachable() bool { return h.up && h.process && !h.cut }

func (h *host) agentInfo(id string, active bool) scheduler.Agent {
	return scheduler.Agent{ID: id, Hostname: h.name, Attributes: h.attributes, Active: active}
}

func (h *host) wireAttributes() (all []mesos.Attribute) {
	for _, a := range h.attributes {
		all = append(all, mesos.Attribute{Name: a.Name, Type: mesos.TEXT, Text: &mesos.Value_Text{Value: a.Text}})
	}
	return all
}

// disconnect is the end of the agent's connection: noticed at once, or only by missing pings.
func (h *host) disconnect(atOnce bool) {
	h.contact++
	contact, id := h.contact, h.id
	if a := h.master.agents[id]; a != nil && atOnce {
		a.connected = false
		h.master.rescind(id)
	}
	h.after(h.between("ping", 75*time.Second, 90*time.Second), func() {
		if h.contact == contact && h.master.agents[id] != nil {
			h.master.unreachable[id] = true
			h.master.remove(id, mesos.TASK_UNREACHABLE, mesos.REASON_AGENT_REMOVED, "health check timed out")
		}
	})
}

// remove takes an agent off the list.
func (m *master) remove(id string, state mesos.TaskState, reason mesos.TaskStatus_Reason, text string) {
	delete(m.agents, id)
	m.rescind(id)
	for _, task := range m.tasksOf(id) {
		delete(m.tasks, task)
		m.status(task, id, state, reason, text)
	}
	m.failed(id, "")
	m.tell(scheduler.AgentRemoved{ID: id})
}

func (m *master) tasksOf(agent string) (all []string) {
	for task, t := range m.tasks {
		if t.agent == agent {
			all = append(all, task)
		}
	}
	slices.Sort(all)
	return all
}

// register has the agent (re-)register. Whoever was at its address before under another id is removed.
func (h *host) register() {
	m := h.master
	if !m.up || !h.reachable() {
		return
	}
	h.contact++
	for old := 1; old < h.ids; old++ {
		if id := fmt.Sprintf("S%d-%d", h.n, old); m.agents[id] != nil {
			m.remove(id, mesos.TASK_LOST, mesos.REASON_AGENT_REMOVED, "a new agent registered at the same address")
		}
	}
	h.say("%s registers as %s", h.name, h.id)
	if a := m.agents[h.id]; a != nil {
		a.connected = true
	} else {
		m.agents[h.id] = &agent{host: h, connected: true}
		m.tell(scheduler.AgentAdded{Agent: h.agentInfo(h.id, true)})
		h.adopt()
	}
	for _, task := range m.tasksOf(h.id) {
		if h.queues[task] == nil { // its launch was lost
			h.queues[task] = &queue{executor: m.tasks[task].executor}
			h.tasks = append(h.tasks, task)
			h.push(task, mesos.TASK_DROPPED, nil, "unknown to the agent")
		}
	}
	h.redeliver()
	m.allocate()
}

// adopt has the master learn the tasks of an agent that comes back.
func (h *host) adopt() {
	m := h.master
	back := m.unreachable[h.id]
	silent := m.recovered[h.id]
	delete(m.unreachable, h.id)
	delete(m.recovered, h.id)
	for _, task := range h.tasks {
		q := h.queues[task]
		if terminal(q.state) {
			continue
		}
		m.tasks[task] = &known{agent: h.id, executor: q.executor, state: q.state, cpus: 0.1}
		switch {
		case back:
			m.status(task, h.id, q.state, mesos.REASON_AGENT_REREGISTERED, "Unreachable agent re-reregistered")
		case !silent:
			m.status(task, h.id, q.state, mesos.REASON_AGENT_REREGISTERED, "Unknown agent reregistered")
		}
	}
}

func terminal(s mesos.TaskState) bool {
	switch s {
	case mesos.TASK_STAGING, mesos.TASK_STARTING, mesos.TASK_RUNNING, mesos.TASK_KILLING:
		return false
	}
	return true
}

// push queues an update of the executor or of the agent.
func (h *host) push(task string, state mesos.TaskState, data []byte, message string) {
	q := h.queues[task]
	if q == nil || terminal(q.state) {
		return
	}
	h.uuids++
	s := mesos.TaskStatus{TaskID: mesos.TaskID{Value: task}, State: &state, AgentID: &mesos.AgentID{Value: h.id}, Data: data, Message: &message,
		UUID: []byte(fmt.Sprintf("%04d%012d", h.n, h.uuids)), Source: mesos.SOURCE_EXECUTOR.Enum()}
	q.state = state
	q.updates = append(q.updates, s)
	if len(q.updates) == 1 {
		h.deliver(task)
	}
}

// deliver sends the first update of a task, and again until it is acknowledged.
func (h *host) deliver(task string) {
	q := h.queues[task]
	if q == nil || len(q.updates) == 0 {
		return
	}
	q.turn++
	q.resend = 10 * time.Second
	h.transmit(q, q.turn, q.updates[0])
	if h.chance("twice", 3) {
		h.transmit(q, q.turn, q.updates[0])
	}
	h.again(task, q, q.turn)
}

func (h *host) again(task string, q *queue, turn int) {
	h.after(q.resend, func() {
		if h.queues[task] == q && q.turn == turn && len(q.updates) > 0 {
			q.resend = min(2*q.resend, 10*time.Minute)
			h.transmit(q, turn, q.updates[0])
			h.again(task, q, turn)
		}
	})
}

// transmit carries an update over the master to the framework; what meets a broken link is lost.
func (h *host) transmit(q *queue, turn int, s mesos.TaskStatus) {
	if !h.reachable() {
		return
	}
	d := h.between("update", time.Millisecond, 30*time.Millisecond)
	if h.chance("update", 3) {
		d = h.between("update", 0, 6*time.Second)
	}
	q.arrival = max(q.arrival, h.now+d) // those of one task keep their order, those of different tasks do not
	h.at(q.arrival, func() {
		m, a := h.master, h.master.agents[s.AgentID.Value]
		if !m.up || a == nil || !a.connected || !h.reachable() {
			return
		}
		if t := m.tasks[s.TaskID.Value]; t != nil {
			t.state = s.GetState()
			if terminal(t.state) {
				t.cpus = 0
				m.allocate()
			}
		}
		if h.record {
			h.say("%s is %s, %s", s.TaskID.Value, s.GetState(), brief(s.Data))
		}
		m.event(&mesosscheduler.Event{Type: mesosscheduler.Event_UPDATE, Update: &mesosscheduler.Event_Update{Status: s}})
	})
}

// redeliver is what an agent does when the framework or the master is back.
func (h *host) redeliver() {
	for _, task := range h.tasks {
		h.deliver(task)
	}
}

func (h *host) acknowledged(task, uuid string) {
	q := h.queues[task]
	if q == nil || len(q.updates) == 0 || string(q.updates[0].UUID) != uuid {
		return
	}
	over := terminal(q.updates[0].GetState())
	q.updates = q.updates[1:]
	if over && len(q.updates) == 0 {
		delete(h.queues, task)
		h.tasks = slices.DeleteFunc(h.tasks, func(t string) bool { return t == task })
		delete(h.master.tasks, task)
		return
	}
	h.deliver(task)
}
