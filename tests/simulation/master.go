package simulation

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mesosscheduler "github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/dcos-scaleio/scaleio/framework/scheduler"
)

// master is the leading Mesos master (mesos.md §3).
type master struct {
	*world
	up        bool
	inMemory  bool // its registry: agents are forgotten with it
	framework string
	removed   int // frameworks that were
	streams   int
	stream    int           // of the framework; 0: disconnected
	arrival   time.Duration // of the last event on it
	follower  int           // life of the process that follows the operator's stream; 0: nobody
	told      time.Duration // the last event on that
	hidden    bool          // nobody may follow

	suppressed bool
	filters    map[string]filter // by agent id
	offers     map[string]given
	offered    int

	agents      map[string]*agent
	unreachable map[string]bool
	gone        map[string]bool
	recovered   map[string]bool // in the registry, and not back since the failover
	tasks       map[string]*known
	allocating  bool
}

// agent is a registered one.
type agent struct {
	host      *host
	connected bool
}

type filter struct {
	cpus  float64
	until time.Duration
}

type given struct {
	agent string
	cpus  float64
}

// known is a task as the master knows it.
type known struct {
	agent, executor string
	state           mesos.TaskState
	cpus            float64
}

func newMaster(w *world) *master {
	m := &master{world: w, up: true, framework: "framework-0001", gone: map[string]bool{}, unreachable: map[string]bool{}, recovered: map[string]bool{}}
	m.forget()
	return m
}

// forget is what a new master does not know.
func (m *master) forget() {
	m.agents, m.tasks = map[string]*agent{}, map[string]*known{}
	m.offers, m.filters, m.suppressed = map[string]given{}, map[string]filter{}, false
	m.stream, m.follower = 0, 0
}

// failOver has another master lead.
func (m *master) failOver(inMemory bool) {
	if !m.up {
		return
	}
	m.say("the master dies (registry in memory: %v)", inMemory)
	recovered := m.recovered
	if !inMemory {
		for id := range m.agents {
			recovered[id] = true
		}
	} else {
		recovered = map[string]bool{}
		m.unreachable = map[string]bool{}
	}
	for id := range recovered {
		m.after(10*time.Minute, func() {
			if m.recovered[id] { // it did not come back
				delete(m.recovered, id)
				m.unreachable[id] = true
			}
		})
	}
	m.forget()
	m.up, m.inMemory, m.recovered = false, inMemory, recovered
	m.process.lost()
	m.process.after(time.Millisecond, m.process.mine(m.process.listAgents))
	m.after(m.between("election", time.Second, 12*time.Second), func() {
		m.say("another master leads")
		m.up = true
		for _, h := range m.hosts {
			if h.agentUp() {
				m.after(m.between("reregister", 500*time.Millisecond, 20*time.Second), h.register)
			}
		}
	})
}

func (m *master) subscribe(call *mesosscheduler.Call) int {
	if !m.up {
		return 0
	}
	id := call.Subscribe.FrameworkInfo.GetID().GetValue()
	if id != "" && id != m.framework {
		m.streams++
		m.stream, m.arrival = m.streams, m.now
		m.end()
		return m.stream
	}
	m.streams++
	m.stream, m.arrival, m.suppressed = m.streams, m.now, false
	clear(m.offers)
	clear(m.filters)
	m.say("framework subscribes as %q, stream %d", call.Subscribe.FrameworkInfo.GetID().GetValue(), m.stream)
	m.event(&mesosscheduler.Event{Type: mesosscheduler.Event_SUBSCRIBED, Subscribed: &mesosscheduler.Event_Subscribed{
		FrameworkID: &mesos.FrameworkID{Value: m.framework}}})
	for _, h := range m.hosts {
		h.redeliver()
	}
	m.allocate()
	return m.stream
}

// removeFramework is what follows the failover timeout, or a teardown: its executors end, and nobody tells it.
func (m *master) removeFramework() {
	if !m.up {
		return
	}
	m.say("the framework %s is removed", m.framework)
	clear(m.tasks)
	clear(m.offers)
	for _, h := range m.hosts {
		h.vanish() // one that is away ends its executor when it is back
	}
	m.removed++
	m.framework = fmt.Sprintf("framework-%04d", m.removed+1)
	m.end()
}

// end tells a framework that was removed, and hangs up.
func (m *master) end() {
	message := "Framework has been removed"
	m.event(&mesosscheduler.Event{Type: mesosscheduler.Event_ERROR, Error: &mesosscheduler.Event_Error{Message: message}})
}

// event goes out on the framework's stream.
func (m *master) event(e *mesosscheduler.Event) {
	if m.stream == 0 {
		return
	}
	d := m.between("event", time.Millisecond, 30*time.Millisecond)
	if m.chance("event", 2) {
		d = m.between("event", 0, 4*time.Second)
	}
	m.arrival = max(m.arrival, m.now+d)
	stream := m.stream
	m.at(m.arrival, m.process.mine(func() {
		if m.process.stream == stream && m.stream == stream {
			m.process.feed(scheduler.MesosEvent{Event: e})
		}
	}))
}

// breakStream ends the subscription.
func (m *master) breakStream() {
	if m.stream != 0 {
		m.stream = 0
		clear(m.offers)
		m.process.lost()
	}
}

// follow begins the operator's stream with the list of agents.
func (m *master) follow() bool {
	if !m.up {
		return false
	}
	if m.hidden {
		m.process.feed(scheduler.AgentsHidden{Err: fmt.Errorf("403 Forbidden")})
		return true
	}
	m.follower, m.told = m.process.life, m.now
	m.tell(scheduler.AgentsListed{Agents: m.listed()})
	return true
}

func (m *master) listed() (all []scheduler.Agent) {
	for _, id := range slices.Sorted(maps.Keys(m.agents)) {
		all = append(all, m.agents[id].host.agentInfo(id, m.agents[id].connected))
	}
	return all
}

// tell sends on the operator's stream.
func (m *master) tell(in scheduler.Input) {
	if m.follower == 0 || m.follower != m.process.life {
		return
	}
	m.told = max(m.told, m.now+m.between("tell", time.Millisecond, 60*time.Millisecond))
	follower := m.follower
	m.at(m.told, m.process.mine(func() {
		if m.follower == follower {
			m.process.feed(in)
		}
	}))
}

// breakOperator ends the operator's stream.
func (m *master) breakOperator() {
	m.follower = 0
	m.after(time.Millisecond, m.process.mine(m.process.listAgents))
}

// allocate makes offers, once a second while there is something to offer.
func (m *master) allocate() {
	if m.allocating {
		return
	}
	m.allocating = true
	m.after(time.Second, func() {
		m.allocating = false
		if m.up && m.stream != 0 && !m.suppressed {
			m.offer()
			m.allocate()
		}
	})
}

const agentCPUs = 4.0

func (m *master) offer() {
	var offers []mesos.Offer
	for _, id := range slices.Sorted(maps.Keys(m.agents)) {
		a := m.agents[id]
		cpus := m.available(id)
		f, filtered := m.filters[id]
		if !a.connected || cpus <= 0.001 || filtered && m.now < f.until && cpus <= f.cpus+0.001 {
			continue
		}
		m.offered++
		o := fmt.Sprintf("O%d", m.offered)
		m.offers[o] = given{id, cpus}
		offers = append(offers, mesos.Offer{ID: mesos.OfferID{Value: o}, AgentID: mesos.AgentID{Value: id}, Hostname: a.host.name,
			FrameworkID: mesos.FrameworkID{Value: m.framework}, Attributes: a.host.wireAttributes(),
			Resources: mesos.Resources{scalar("cpus", cpus), scalar("mem", 8192)}})
		m.say("offer %s of %s (%s)", o, a.host.name, id)
	}
	if len(offers) > 0 {
		m.event(&mesosscheduler.Event{Type: mesosscheduler.Event_OFFERS, Offers: &mesosscheduler.Event_Offers{Offers: offers}})
	}
}

// available is what is neither used nor offered.
func (m *master) available(id string) float64 {
	cpus := agentCPUs
	for _, name := range slices.Sorted(maps.Keys(m.tasks)) {
		if t := m.tasks[name]; t.agent == id {
			cpus -= t.cpus
		}
	}
	for _, o := range m.offers {
		if o.agent == id {
			cpus -= o.cpus
		}
	}
	return cpus
}

func scalar(name string, value float64) mesos.Resource {
	kind, star := mesos.SCALAR, "*"
	return mesos.Resource{Name: name, Type: &kind, Scalar: &mesos.Value_Scalar{Value: value}, Role: &star}
}

// rescind takes back the offers of an agent, or all.
func (m *master) rescind(id string) {
	for _, o := range slices.SortedFunc(maps.Keys(m.offers), func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }) {
		if id == "" || m.offers[o].agent == id {
			delete(m.offers, o)
			m.say("offer %s is rescinded", o)
			m.event(&mesosscheduler.Event{Type: mesosscheduler.Event_RESCIND, Rescind: &mesosscheduler.Event_Rescind{OfferID: mesos.OfferID{Value: o}}})
		}
	}
}

// status is an update made by the master: it has no uuid.
func (m *master) status(task, agent string, state mesos.TaskState, reason mesos.TaskStatus_Reason, message string) {
	m.say("master says %s is %s (%s)", task, state, message)
	s := mesos.TaskStatus{TaskID: mesos.TaskID{Value: task}, State: &state, Reason: &reason, Message: &message, Source: mesos.SOURCE_MASTER.Enum()}
	if agent != "" {
		s.AgentID = &mesos.AgentID{Value: agent}
	}
	m.event(&mesosscheduler.Event{Type: mesosscheduler.Event_UPDATE, Update: &mesosscheduler.Event_Update{Status: s}})
}

// failed is FAILURE of an agent or an executor.
func (m *master) failed(agent, executor string) {
	f := &mesosscheduler.Event_Failure{AgentID: &mesos.AgentID{Value: agent}}
	if executor != "" {
		f.ExecutorID = &mesos.ExecutorID{Value: executor}
	}
	m.event(&mesosscheduler.Event{Type: mesosscheduler.Event_FAILURE, Failure: f})
}
