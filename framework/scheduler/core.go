package scheduler

import (
	"cmp"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mesosscheduler "github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/offer"
	"github.com/dcos-scaleio/scaleio/framework/plan"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// Config is what a core is made for. It does not change while the core lives.
type Config struct {
	Spec            *spec.Service
	Hostname        string // of the scheduler, for FrameworkInfo
	WebUI           string // URL, may be empty
	FailoverTimeout time.Duration
	Executor        Executor
}

// Executor is the program that agents fetch and run.
type Executor struct {
	URL      string
	SHA256   string // hex; checked on the agent before it runs
	HostRoot string // for the lab: where the host's files are; "{hostname}" stands for the agent's name
}

// Core is the state machine. See doc.go for its contract.
type Core struct {
	cfg       Config
	role      string
	placement offer.Rule

	frameworkID string
	subscribed  bool
	suppressed  bool
	unsure      bool            // whether Mesos got the last SUPPRESS or REVIVE
	returned    []mesos.OfferID // offers whose DECLINE or ACCEPT may not have arrived
	retryAt     time.Time       // of calls that failed
	implicitAt  time.Time       // ask Mesos for all tasks then
	agentsKnown bool
	agentsErr   error     // why the list cannot be had
	newest      time.Time // when the last new agent was seen
	stop        error

	nodes  map[string]*Node // by hostname
	order  []*Node          // by index
	tasks  map[string]*Node // by task id
	agents map[string]*Node // by agent id

	plans                    []*plan.Plan // in the order of the API
	deploy, expand, recovery *plan.Plan
	phases                   map[*plan.Plan]map[role]*plan.Phase // of deploy and expand, by what they do
	roles                    map[*plan.Phase]role
	decisions                map[string]plan.Decisions
	deployment               Deployment

	storage      storage
	verification verification

	now     time.Time
	dirty   map[*Node]bool // to be stored
	records map[string]any // by key
	calls   []*mesosscheduler.Call
	out     []Message
	spare   []*mesos.Offer // offers that nobody needs
	wake    time.Time
	changed bool
	moved   bool // some step's status changed
}

// Deployment is how far the service as a whole is.
type Deployment struct {
	Committed bool `json:"committed"` // the first layout was accepted
	Complete  bool `json:"complete"`  // the deploy plan was COMPLETE once
	// Pools are those that we create or created: only their spare capacity is lowered again when there are more nodes to share it.
	Pools map[string]bool `json:"pools,omitempty"`
}

// New makes a core for a validated spec.
func New(cfg Config) (*Core, error) {
	rule, err := offer.ParsePlacement(cfg.Spec.Pods["node"].Placement)
	if err != nil {
		return nil, err
	}
	c := &Core{
		cfg: cfg, role: cfg.Spec.Scheduler.Role, placement: rule,
		nodes: map[string]*Node{}, tasks: map[string]*Node{}, agents: map[string]*Node{}, dirty: map[*Node]bool{}, records: map[string]any{},
		decisions: map[string]plan.Decisions{}, storage: newStorage(),
	}
	c.buildPlans()
	return c, nil
}

// Step tells the core one thing that happened. It never blocks and never fails: what is wrong with the input becomes part of the state
// that operators see.
func (c *Core) Step(now time.Time, in Input) {
	c.now = now
	switch in := in.(type) {
	case MesosEvent:
		c.mesosEvent(in.Event)
	case MesosLost:
		c.subscribed = false
		c.dropOffers()
	case AgentsListed:
		c.agentsListed(in.Agents)
	case AgentsHidden:
		c.agentsErr, c.changed = in.Err, true // and offers are wanted: they alone tell of new agents
	case AgentAdded:
		c.agentSeen(in.Agent)
	case AgentRemoved:
		c.agentGone(in.ID)
	case CallFailed:
		c.callFailed(in)
	case SystemObserved:
		c.systemObserved(in)
	case Applied:
		c.applied(in)
	case Tick:
	}
}

// Ready returns what the core wants done since the last call. The driver must make Ready.Records durable before it sends the rest.
func (c *Core) Ready(now time.Time) Ready {
	c.now = now
	c.wake = time.Time{}
	c.settle()
	r := Ready{
		Records: c.takeRecords(), Calls: c.calls, Desired: c.out, Observe: c.storage.takeObserve(), Apply: c.storage.takeSends(),
		Wake: c.wake, Changed: c.changed, Stop: c.stop,
	}
	c.calls, c.out, c.changed = nil, nil, false
	return r
}

// settle derives everything that follows from the facts: statuses, launches, desired states, operations on ScaleIO.
func (c *Core) settle() {
	c.settleTasks()
	for range 4 { // what one step reaches, others may have waited for
		c.settleSteps()
		if !c.moved {
			break
		}
	}
	for _, n := range c.order {
		c.converge(n)
	}
	c.settleOffers()
	if !c.deployment.Complete && c.deployment.Committed && c.deploy.Status() == plan.Complete {
		c.deployment.Complete = true
		c.put(keyDeployment, c.deployment)
	}
}

// settleSteps sets the statuses of all steps and does what may be done. Moved says whether that changed a status.
func (c *Core) settleSteps() {
	c.syncSteps()
	c.settleLayout()
	c.setPoolSteps()
	for _, n := range c.order {
		c.setNodeSteps(n)
	}
	c.setVerify()
	c.moved = false
	for _, s := range c.candidates() {
		c.work(s)
	}
}

// by asks to be woken at t at the latest.
func (c *Core) by(t time.Time) {
	if c.wake.IsZero() || t.Before(c.wake) {
		c.wake = t
	}
}

// node gives the node of that hostname, made if it is new.
func (c *Core) node(a Agent) *Node {
	n := c.nodes[a.Hostname]
	if n == nil {
		n = &Node{Name: a.Hostname, Index: len(c.order), Later: c.deployment.Committed, Since: c.now}
		n.Consent = !n.Later && c.cfg.Spec.ScaleIO.Pools.Mode == spec.Global // choosing global is the consent for those present
		c.newest = c.now
		c.nodes[n.Name] = n
		c.order = append(c.order, n)
		c.storage.stepsStale = true
		c.mark(n)
	}
	return n
}

// agentSeen takes what Mesos tells of an agent.
func (c *Core) agentSeen(a Agent) {
	if a.Hostname == "" || a.ID == "" {
		return // not an agent that can be addressed
	}
	n := c.node(a)
	n.listed = true
	old := n.Agent
	if old.ID == a.ID && old.Active == a.Active && old.Region == a.Region && old.Zone == a.Zone && slices.Equal(old.Attributes, a.Attributes) {
		return
	}
	if old.ID != a.ID {
		delete(c.agents, old.ID)
		if n.offer != nil && n.offer.AgentID.Value != a.ID {
			c.spare, n.offer = append(c.spare, n.offer), nil
		}
		if n.Task != nil {
			n.reconcileAt = c.now
		}
	}
	c.agents[a.ID] = n
	n.setAgent(a)
	if !slices.Equal(old.Attributes, a.Attributes) || old.Zone != a.Zone {
		c.storage.stale = true
	}
	c.mark(n)
}

func (c *Core) agentGone(id string) {
	n := c.agents[id]
	if n == nil || n.Agent.ID != id {
		return
	}
	n.listed = false
	if !n.Agent.Active {
		return
	}
	n.Agent.Active = false
	c.mark(n)
}

// agentsListed takes the whole list: what is not in it is not there.
func (c *Core) agentsListed(all []Agent) {
	c.agentsKnown, c.agentsErr = true, nil
	listed := map[string]bool{}
	for _, a := range all {
		listed[a.ID] = true
		c.agentSeen(a)
	}
	for _, n := range c.order {
		if !listed[n.Agent.ID] {
			c.agentGone(n.Agent.ID)
		}
	}
}

// mark has the node stored by the next Ready.
func (c *Core) mark(n *Node) {
	c.dirty[n] = true
	n.review = true
	c.changed = true
}

func byIndex(a, b *Node) int { return cmp.Compare(a.Index, b.Index) }

// layoutNode is the node as the planner sees it.
func (n *Node) layoutNode() layout.Node {
	return layout.Node{
		Name: n.Name, Zone: n.Agent.Zone, Attributes: n.Agent.Attributes, Addresses: n.Report.Addresses, Devices: n.Report.Devices,
		Consent: n.Consent, Consented: n.Consented,
	}
}
