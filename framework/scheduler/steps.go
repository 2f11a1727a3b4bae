package scheduler

import (
	"cmp"
	"slices"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/plan"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// role is what a phase of deploy or expand does. Phases of pods are known by their name, the others by their operation (spec.Phase).
type role string

const (
	roleInstall role = "install"
	roleLayout  role = "layout"
	roleStorage role = "storage"
	roleREXRay  role = "rexray"
	roleVerify  role = "verify"
	roleReplace role = "replace"
)

// buildPlans makes the plans of the spec, without steps, and the recovery plan.
func (c *Core) buildPlans() {
	c.phases, c.roles = map[*plan.Plan]map[role]*plan.Phase{}, map[*plan.Phase]role{}
	c.deploy, c.expand = c.buildPlan("deploy"), c.buildPlan("expand")
	c.recovery = plan.New("recovery", plan.Parallel)
	c.recovery.AddPhase("executors", plan.Parallel, 8)
	c.plans = []*plan.Plan{c.deploy, c.expand, c.recovery}
}

func (c *Core) buildPlan(name string) *plan.Plan {
	of := c.cfg.Spec.Plans[name]
	p := plan.New(name, plan.Strategy(cmp.Or(of.Strategy, string(plan.Serial))))
	c.phases[p] = map[role]*plan.Phase{}
	for _, from := range of.Phases {
		ph := p.AddPhase(from.Name, plan.Strategy(cmp.Or(from.Strategy, string(plan.Serial))), from.MaxParallel)
		does := role(cmp.Or(from.Operation, from.Name))
		c.phases[p][does], c.roles[ph] = ph, does
	}
	return p
}

// phase gives the phase of a plan that plays a role, or nil.
func (c *Core) phase(p *plan.Plan, r role) *plan.Phase { return c.phases[p][r] }

// planOf is the plan that a node belongs to.
func (c *Core) planOf(n *Node) *plan.Plan {
	if n.Later {
		return c.expand
	}
	return c.deploy
}

// syncSteps gives every plan the steps that its nodes and the layout call for. It runs only when those have changed.
func (c *Core) syncSteps() {
	if !c.storage.stepsStale {
		return
	}
	c.storage.stepsStale = false
	for _, p := range []*plan.Plan{c.deploy, c.expand} {
		var members []*Node
		for _, n := range c.order {
			if c.planOf(n) == p {
				members = append(members, n)
			}
		}
		c.syncPlan(p, members)
	}
	c.changed = true
	for _, p := range c.plans {
		p.Recall(c.decisions[p.Name])
	}
}

func (c *Core) syncPlan(p *plan.Plan, members []*Node) {
	install, storage, rexray := c.phase(p, roleInstall), c.phase(p, roleStorage), c.phase(p, roleREXRay)
	for _, n := range members {
		if install != nil {
			install.AddStep(n.Name)
		}
		c.syncStorage(storage, install, n)
		if rexray != nil && c.cfg.Spec.ScaleIO.REXRay.Mode != "off" {
			rexray.AddStep(n.Name, c.servedAfter(p, n)...)
		}
	}
	if p == c.expand && storage != nil && c.deployment.Complete && len(members) > 0 {
		for name := range c.storage.byStep {
			if c.nodes[name] == nil {
				storage.AddStep(name)
			}
		}
	}
	c.forgetPools(p, storage, members)
	if storage != nil {
		storage.SortSteps(func(a, b *plan.Step) int {
			return cmp.Or(cmp.Compare(c.rank(a), c.rank(b)), cmp.Compare(a.Name, b.Name))
		})
	}
	for _, r := range []role{roleLayout, roleVerify} {
		ph := c.phase(p, r)
		if ph == nil || p == c.expand && len(members) == 0 {
			continue
		}
		var after []plan.Ref
		for _, before := range p.Phases {
			if r == roleVerify && before != ph {
				after = append(after, plan.Ref{Phase: before.Name})
			}
		}
		ph.AddStep(string(r), after...)
	}
}

// forgetPools takes away the steps of domains and pools that no node of the deployment goes to any more. Those of expand are its history.
func (c *Core) forgetPools(p *plan.Plan, storage *plan.Phase, members []*Node) {
	if p != c.deploy || storage == nil || !c.deployment.Committed || c.storage.current == nil {
		return
	}
	wanted := map[string]bool{}
	for _, n := range members {
		if sds := c.storage.sds(n); sds != nil {
			for _, name := range append([]string{domainStep(sds.Domain)}, poolSteps(sds)...) {
				wanted[name] = true
			}
		}
	}
	for _, s := range slices.Clone(storage.Steps) {
		if c.nodes[s.Name] == nil && !wanted[s.Name] {
			storage.RemoveStep(s.Name)
		}
	}
}

// syncStorage gives the storage phase a step for a node that provides devices, and for the domains, fault sets and pools that they go to.
func (c *Core) syncStorage(storage, install *plan.Phase, n *Node) {
	if storage == nil {
		return
	}
	sds := c.storage.sds(n)
	decided := c.deployment.Committed && n.Report != nil && c.storage.current != nil
	switch {
	case sds == nil && decided && !c.storage.awaited(n.Name), sds == nil && !decided && !c.provides(n):
		storage.RemoveStep(n.Name)
		return
	case install != nil:
		storage.AddStep(n.Name, plan.Ref{Phase: install.Name, Step: n.Name})
	default:
		storage.AddStep(n.Name)
	}
	if sds == nil || !c.deployment.Committed {
		return
	}
	for _, name := range append([]string{domainStep(sds.Domain)}, poolSteps(sds)...) {
		if c.phase(c.deploy, roleStorage).Step(name) == nil { // what deploy has made, expand need not
			storage.AddStep(name)
		}
	}
}

func domainStep(name string) string { return "domain " + name }
func poolStep(p spec.Pool) string   { return "pool " + p.String() }

// poolSteps are the steps of the pools that an SDS's devices go to.
func poolSteps(sds *layout.SDS) []string {
	var names []string
	for _, d := range sds.Devices {
		if name := poolStep(d.Pool); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// rank orders the steps of the storage phase: domains, pools, nodes.
func (c *Core) rank(s *plan.Step) int {
	if n := c.nodes[s.Name]; n != nil {
		return 2 + n.Index
	}
	if strings.HasPrefix(s.Name, "domain ") {
		return 0
	}
	return 1
}

// servedAfter is what REX-Ray on a node has to wait for: it exits when a pool of its configuration is missing (rexray.md §0.11).
func (c *Core) servedAfter(p *plan.Plan, n *Node) []plan.Ref {
	var after []plan.Ref
	if install := c.phase(p, roleInstall); install != nil {
		after = append(after, plan.Ref{Phase: install.Name, Step: n.Name})
	}
	storage := c.phase(p, roleStorage)
	for _, pool := range c.storage.consumed(n.Name) {
		if storage != nil && storage.Step(poolStep(pool)) != nil {
			after = append(after, plan.Ref{Phase: storage.Name, Step: poolStep(pool)})
		}
	}
	return after
}

// provides guesses, before there is a layout, whether the node will give devices: its attributes say so, or the mode takes what is free.
func (c *Core) provides(n *Node) bool {
	imperative := false
	for _, a := range n.Agent.Attributes {
		switch {
		case a.Name == "scaleio-sds-domains" && strings.Trim(a.Text, ", \t") != "":
			return true
		case a.Name == "scaleio-sds-domains", a.Name == "scaleio-sdc-domains":
			imperative = true
		}
	}
	if imperative || c.cfg.Spec.ScaleIO.Pools.Mode != spec.Global || n.Report == nil {
		return false
	}
	limits := c.limits()
	return slices.ContainsFunc(n.Report.Devices, func(d inventory.Device) bool { return len(inventory.Examine(d, limits)) == 0 })
}

// setNodeSteps says where a node's steps stand.
func (c *Core) setNodeSteps(n *Node) {
	phases := c.phases[c.planOf(n)]
	if s := phases[roleInstall].Step(n.Name); s != nil {
		c.set(s, c.installStatus(n))
	}
	if s := phases[roleStorage].Step(n.Name); s != nil {
		c.set(s, c.storageStatus(n))
	}
	if s := phases[roleREXRay].Step(n.Name); s != nil {
		c.set(s, c.rexrayStatus(n))
	}
	c.setRecovery(n)
	c.setReplace(n)
}

// standing is a status with its reason.
type standing struct {
	status  plan.Status
	message string
}

func (c *Core) set(s *plan.Step, to standing) {
	if s.Set(to.status, to.message) {
		c.changed, c.moved = true, true
	}
}

func (c *Core) installStatus(n *Node) standing {
	if n.Installed {
		return standing{plan.Complete, "installed"}
	}
	launch := c.launchStatus(n)
	if launch.status != plan.Started {
		return launch
	}
	return stageStatus(n, inventory.StageInstall, n.InstallFrom)
}

// stageStatus says where the host steps of a stage stand, from the node's own words.
func stageStatus(n *Node, stage inventory.Stage, from uint64) standing {
	switch {
	case n.Desired == nil || from == 0:
		return standing{plan.Pending, "not told yet"}
	case n.Report.Generation < from:
		return standing{plan.Starting, "waits for the node's answer"}
	}
	s := worst(n.Report, stage)
	if s == nil {
		return standing{plan.Complete, string(stage) + " is done"}
	}
	message := s.Name + ": " + s.Message
	switch s.State {
	case inventory.Failed:
		return standing{plan.Error, "node " + n.Name + ": " + message}
	case inventory.Retry:
		if s.At != nil {
			message += "; next try at " + clock(*s.At)
		}
		return standing{plan.Delayed, message}
	}
	return standing{plan.Started, message}
}

func (c *Core) rexrayStatus(n *Node) standing {
	switch {
	case n.Serves:
		return standing{plan.Complete, n.serving}
	case c.storage.observed == nil:
		return c.unobserved()
	case n.Desired == nil || n.Desired.REXRay == nil:
		return standing{plan.Pending, "waits for its turn"}
	case !n.running():
		return c.launchStatus(n)
	}
	return stageStatus(n, inventory.StageREXRay, n.REXRayFrom)
}

func drivers(n *Node) []string {
	if n.Desired == nil || n.Desired.REXRay == nil {
		return nil
	}
	var names []string
	for _, s := range n.Desired.REXRay.Services {
		names = append(names, s.Driver)
	}
	return names
}

// candidates are the steps that may run, of all plans.
func (c *Core) candidates() []candidate {
	var all []candidate
	for _, p := range c.plans {
		for _, s := range p.Candidates() {
			all = append(all, candidate{p, s})
		}
	}
	return all
}

type candidate struct {
	plan *plan.Plan
	step *plan.Step
}

// work does what a candidate step asks for now.
func (c *Core) work(s candidate) {
	n := c.nodes[s.step.Name]
	switch c.roles[s.step.Phase()] {
	case roleInstall:
		c.workInstall(n)
	case roleStorage:
		c.workStorage(s.plan, s.step.Name)
	case roleREXRay:
		c.workREXRay(n)
	case roleVerify:
		c.workVerify()
	case roleReplace:
		c.workReplace(n)
	case "": // recovery
		c.launch(n)
	}
}

func (c *Core) workInstall(n *Node) {
	c.launch(n)
	if n.running() && n.Desired == nil {
		n.Desired = &inventory.Desired{Node: n.Name}
		n.review = true
	}
	c.set(c.phase(c.planOf(n), roleInstall).Step(n.Name), c.installStatus(n))
}
