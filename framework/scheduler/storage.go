package scheduler

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/plan"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// storage is what the core knows and wants of ScaleIO. Nothing of it is stored: it follows from the nodes and from looking.
type storage struct {
	observed *layout.Observed
	fresh    bool // observed is newer than our last operation
	wanted   bool // an observation is needed
	running  bool // and asked for
	send     bool // to be handed out by Ready
	err      error
	tries    int
	retryAt  time.Time
	lookAt   time.Time // the next look without a reason: somebody else may change the system

	current    *layout.Layout
	byNode     map[string]*layout.SDS
	consumers  map[string][]spec.Pool
	proposed   map[string][]string // device ids that wait for consent, by node
	problems   map[string][]string // errors by node; "" holds those of everything
	stale      bool                // what Plan was given has changed
	stepsStale bool                // nodes or layout have changed

	byStep    map[string][]layout.Operation // that are still to be done, in their order, by the step that shows them
	remaining map[string]bool               // their keys
	attempts  map[string]*attempt
	sends     []layout.Operation
}

// attempt is how an operation fares.
type attempt struct {
	running bool
	tries   int
	err     error
	retryAt time.Time
}

func newStorage() storage {
	return storage{wanted: true, stale: true, stepsStale: true, attempts: map[string]*attempt{}, remaining: map[string]bool{}}
}

func (s *storage) takeObserve() bool {
	send := s.send
	s.send = false
	return send
}

func (s *storage) takeSends() []layout.Operation {
	sends := s.sends
	s.sends = nil
	return sends
}

// awaited says whether the node's place in the layout is still open: it has errors, or proposals, or has not reported.
func (s *storage) awaited(node string) bool {
	return len(s.problems[node]) > 0 || len(s.proposed[node]) > 0
}

// settleGateway asks for an observation when one is needed.
func (c *Core) settleGateway() {
	s := &c.storage
	if !s.lookAt.IsZero() && !c.now.Before(s.lookAt) {
		s.wanted = true
	}
	switch {
	case s.running:
	case s.wanted && c.now.Before(s.retryAt):
		c.by(s.retryAt)
	case s.wanted:
		s.wanted, s.running, s.send = false, true, true
		s.fresh = len(s.sends) == 0 && !s.busy() // an operation under way may or may not be seen
	case !s.lookAt.IsZero():
		c.by(s.lookAt)
	}
}

func (s *storage) busy() bool {
	for _, a := range s.attempts {
		if a.running {
			return true
		}
	}
	return false
}

// lookEvery is how often the system is read without a reason: it offers no event, and others may change it.
const lookEvery = time.Minute

func (c *Core) systemObserved(in SystemObserved) {
	s := &c.storage
	s.running = false
	s.err = in.Err
	c.changed = true
	if in.Err != nil {
		s.tries++
		most := 30 * time.Second
		if fault.KindOf(in.Err) != fault.Temporary {
			most = time.Minute // a wrong password must not lock the account
		}
		s.wanted, s.retryAt = true, c.now.Add(retryAfter(s.tries, time.Second, most))
		return
	}
	s.tries, s.retryAt, s.lookAt = 0, time.Time{}, c.now.Add(lookEvery)
	s.observed, s.stale = in.System, true
	c.markOurs()
}

// markOurs tells the planner which pools we created.
func (c *Core) markOurs() {
	pools := c.storage.observed.Pools
	for i := range pools {
		pools[i].Ours = c.deployment.Pools[pools[i].Domain+"/"+pools[i].Name]
	}
}

// applied takes the end of an operation. What failed is tried again, never taken for done (the original's W1).
func (c *Core) applied(in Applied) {
	s := &c.storage
	key := in.Operation.Key()
	c.changed = true
	a := s.attempts[key]
	if a == nil {
		a = &attempt{}
		s.attempts[key] = a
	}
	a.running, a.err = false, in.Err
	s.fresh = false
	if in.Err != nil {
		a.tries++
		a.retryAt = c.now.Add(retryAfter(a.tries, time.Second, 2*time.Minute))
		if n := c.nodes[in.Operation.Node]; n != nil && in.Operation.Kind == layout.AddDevice {
			n.Probe++ // the node looks at it again before the next try
			c.mark(n)
		}
		return
	}
	delete(s.attempts, key)
	delete(s.remaining, key)
	step := stepOf(in.Operation)
	s.byStep[step] = slices.DeleteFunc(s.byStep[step], func(o layout.Operation) bool { return o.Key() == key })
	if s.observed != nil {
		s.observed.Absorb(in.Operation)
		c.markOurs()
	}
	if n := c.nodes[in.Operation.Node]; n != nil {
		n.review = true
	}
}

// settleLayout plans anew when anything has changed, and says where the layout steps stand.
func (c *Core) settleLayout() {
	c.settleGateway()
	s := &c.storage
	why := c.unready(c.deploy)
	if s.stale && (c.deployment.Committed || why == "") && s.observed != nil {
		c.replan()
		if !c.deployment.Committed && !s.current.Blocked() {
			c.deployment.Committed = true
			c.put(keyDeployment, c.deployment)
		}
		s.stepsStale = true
		c.syncSteps()
	}
	for _, p := range []*plan.Plan{c.deploy, c.expand} {
		if step := c.phase(p, roleLayout).Step(string(roleLayout)); step != nil {
			c.settleLayoutStep(p, step)
		}
	}
}

// grace is how long the first layout waits for another agent where only offers tell which there are.
const grace = 15 * time.Second

// unready says in words what the layout of a plan waits for, or "".
func (c *Core) unready(p *plan.Plan) string {
	switch {
	case c.storage.observed == nil && c.storage.err != nil:
		return c.storage.err.Error() + "; next try at " + clock(c.storage.retryAt)
	case c.storage.observed == nil:
		return "waits for the ScaleIO gateway's answer"
	case !c.agentsKnown && !c.deployment.Committed && c.agentsErr == nil:
		return "waits for the list of agents from the Mesos master"
	case !c.agentsKnown && !c.deployment.Committed && c.now.Before(c.newest.Add(grace)):
		c.by(c.newest.Add(grace))
		return "waits for further agents until " + clock(c.newest.Add(grace)) + ": the list of agents cannot be had: " + c.agentsErr.Error()
	}
	reported, waiting := 0, []string(nil)
	for _, n := range c.order {
		switch {
		case c.planOf(n) != p:
		case n.Report != nil:
			reported++
		case n.trouble(c.now) == "":
			if n.Since.IsZero() { // stored by a version that did not keep it
				n.Since = c.now
			}
			waiting = append(waiting, n.Name)
			c.by(n.Since.Add(patience))
		}
	}
	switch {
	case len(waiting) > 0:
		return fmt.Sprintf("waits for the inventory of %s; %s reported so far", some(waiting, 4), count(reported, "node"))
	case reported == 0 && p == c.deploy && !c.deployment.Committed:
		return "waits for the first agent"
	}
	return ""
}

// count says "1 node", "2 nodes".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// some lists the first few of many names.
func some(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// replan makes the layout of all that have reported, and what is to be done for it.
func (c *Core) replan() {
	s := &c.storage
	s.stale = false
	s.current = layout.Plan(&c.cfg.Spec.ScaleIO, c.layoutNodes(), s.observed)
	s.byNode, s.consumers = map[string]*layout.SDS{}, map[string][]spec.Pool{}
	s.proposed, s.problems = map[string][]string{}, map[string][]string{}
	for i := range s.current.SDSs {
		s.byNode[s.current.SDSs[i].Node] = &s.current.SDSs[i]
	}
	for _, consumer := range s.current.Consumers {
		s.consumers[consumer.Node] = consumer.Pools
	}
	for _, v := range s.current.Verdicts {
		if v.Outcome == layout.Proposed {
			s.proposed[v.Node] = append(s.proposed[v.Node], v.Device.ID)
		}
	}
	for _, p := range s.current.Problems {
		if p.Severity == layout.Error {
			s.problems[p.Node] = append(s.problems[p.Node], fmt.Sprintf("%s %s; %s", p.Code, p.Message, p.Fix))
		}
	}
	s.remaining, s.byStep = map[string]bool{}, map[string][]layout.Operation{}
	if !s.current.Blocked() {
		for _, op := range layout.Diff(s.current, s.observed) {
			s.remaining[op.Key()] = true
			s.byStep[stepOf(op)] = append(s.byStep[stepOf(op)], op)
		}
	}
	for _, n := range c.order {
		n.review = true
	}
}

func (c *Core) layoutNodes() []layout.Node {
	var nodes []layout.Node
	for _, n := range c.order {
		if n.Report != nil {
			nodes = append(nodes, n.layoutNode())
		}
	}
	return nodes
}

// stepOf names the step that shows an operation.
func stepOf(op layout.Operation) string {
	switch op.Kind {
	case layout.CreateDomain, layout.CreateFaultSet:
		return domainStep(op.Domain)
	case layout.CreatePool, layout.SetSpare:
		return poolStep(op.Pool.Pool)
	}
	return op.Node
}

// claims are the devices of a node that are about to be attached, and that the node must look at once more.
func (s *storage) claims(n *Node) []inventory.Claim {
	if !n.claiming {
		return nil
	}
	var all []inventory.Claim
	for _, op := range s.byStep[n.Name] {
		if op.Kind == layout.AddDevice {
			all = append(all, inventory.Claim{Device: op.Device.ID, Path: op.Device.Path})
		}
	}
	return all
}
