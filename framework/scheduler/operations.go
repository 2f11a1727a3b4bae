package scheduler

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/plan"
)

// setPoolSteps says where the steps of domains and pools stand.
func (c *Core) setPoolSteps() {
	for _, p := range []*plan.Plan{c.deploy, c.expand} {
		ph := c.phase(p, roleStorage)
		if ph == nil {
			continue
		}
		for _, s := range ph.Steps {
			if c.nodes[s.Name] == nil {
				c.set(s, c.operationsStatus(p, s.Name))
			}
		}
	}
}

// operationsStatus is where the operations of a step stand.
func (c *Core) operationsStatus(p *plan.Plan, step string) standing {
	if c.storage.observed == nil {
		return c.unobserved()
	}
	ops := c.storage.byStep[step]
	if len(ops) == 0 || c.nodes[step] == nil && p != c.owner(step) {
		return standing{plan.Complete, "in place"}
	}
	for _, op := range ops {
		a := c.storage.attempts[op.Key()]
		switch {
		case a != nil && a.running:
			return standing{plan.Started, op.Key()}
		case a != nil && a.err != nil && c.now.Before(a.retryAt):
			c.by(a.retryAt)
			return standing{plan.Delayed, fmt.Sprintf("%s: %v; try %d failed, next at %s", op.Key(), a.err, a.tries, clock(a.retryAt))}
		}
	}
	return standing{plan.Pending, ops[0].Key()}
}

// owner is the plan that carries out the operations of a domain or pool: once deployed, what later nodes bring about belongs to expand.
func (c *Core) owner(step string) *plan.Plan {
	if c.deployment.Complete && c.phase(c.expand, roleStorage).Step(step) != nil || c.phase(c.deploy, roleStorage).Step(step) == nil {
		return c.expand
	}
	return c.deploy
}

func (c *Core) unobserved() standing {
	if c.storage.err == nil {
		return standing{plan.Pending, "waits for the ScaleIO gateway's answer"}
	}
	return standing{plan.Pending, "waits for the ScaleIO gateway: " + c.storage.err.Error()}
}

// storageStatus is where a node's storage stands.
func (c *Core) storageStatus(n *Node) standing {
	s := &c.storage
	sds := s.sds(n)
	switch {
	case !n.Later && c.deployment.Complete && len(s.byStep[n.Name]) == 0:
		return standing{plan.Complete, "in place"}
	case c.deployment.Committed && c.storage.current == nil:
		return c.unobserved()
	case !c.deployment.Committed || n.Report == nil:
		return standing{plan.Pending, "waits for the layout"}
	case len(s.problems[n.Name]) > 0:
		return standing{plan.Pending, "waits for the layout: " + strings.Join(s.problems[n.Name], "; ")}
	case sds == nil && len(s.proposed[n.Name]) > 0:
		return standing{plan.Pending, "waits for the operator's consent to the layout"}
	case sds == nil:
		return standing{plan.Complete, "provides no device"}
	}
	status := c.operationsStatus(c.planOf(n), n.Name)
	if status.status != plan.Pending || !n.claiming {
		return status
	}
	if refused := c.refused(n); refused != "" {
		return standing{plan.Delayed, refused}
	}
	return standing{plan.Started, "the node checks its devices once more"}
}

// refused says what the node's last look at its claimed devices found, or "".
func (c *Core) refused(n *Node) string {
	if n.Report == nil || n.Report.Generation < n.ClaimFrom {
		return ""
	}
	var reasons []string
	for _, claim := range c.storage.claims(n) {
		for _, r := range n.Report.Claims[claim.Device] {
			reasons = append(reasons, r.Reason)
		}
	}
	return strings.Join(reasons, "; ")
}

// workStorage starts the operations of a step whose turn it is.
func (c *Core) workStorage(p *plan.Plan, step string) {
	n := c.nodes[step]
	if n == nil && p != c.owner(step) {
		return
	}
	s := &c.storage
	if s.observed == nil || !c.deployment.Committed || s.err != nil && s.wanted {
		return
	}
	for _, op := range s.byStep[step] {
		c.start(op, n)
	}
	ph := c.phase(p, roleStorage)
	if n != nil {
		c.set(ph.Step(step), c.storageStatus(n))
	} else {
		c.set(ph.Step(step), c.operationsStatus(p, step))
	}
}

// start sends an operation to the gateway if nothing speaks against it.
func (c *Core) start(op layout.Operation, n *Node) {
	s := &c.storage
	a := s.attempts[op.Key()]
	switch {
	case a != nil && a.running:
		return
	case a != nil && c.now.Before(a.retryAt):
		c.by(a.retryAt)
		return
	case slices.ContainsFunc(op.After, func(key string) bool { return s.remaining[key] }):
		return
	case n != nil && (!n.running() || !n.Installed):
		return
	case op.Kind == layout.AddDevice && !c.claimed(n, op.Device.ID):
		return
	}
	if a == nil {
		a = &attempt{}
		s.attempts[op.Key()] = a
	}
	if name := op.Pool.String(); op.Kind == layout.CreatePool && !c.deployment.Pools[name] {
		if c.deployment.Pools == nil {
			c.deployment.Pools = map[string]bool{}
		}
		c.deployment.Pools[name] = true
		c.put(keyDeployment, c.deployment)
	}
	a.running, a.retryAt = true, time.Time{}
	s.sends = append(s.sends, op)
	c.changed = true
}

// claimAge is how old a node's last look at a device may be when the device is attached. It counts from when the node was asked: an answer
// may have been on its way for long. A scheduler that was restarted asks anew.
const claimAge = 2 * time.Minute

// claimed says whether the node itself has just found that the device may be taken; if it was not asked yet, it is.
func (c *Core) claimed(n *Node, device string) bool {
	asked := slices.ContainsFunc(n.Desired.Claims, func(claim inventory.Claim) bool { return claim.Device == device })
	if !n.claiming || !asked {
		n.claiming, n.review = true, true
		return false
	}
	if n.Desired.Probe != n.Probe || n.ReportTask != n.Task.ID || n.Report.Generation < n.ClaimFrom {
		return false
	}
	refusals, answered := n.Report.Claims[device]
	if answered && c.now.Sub(n.asked) >= claimAge {
		c.again(n)
		return false
	}
	return answered && len(refusals) == 0
}
