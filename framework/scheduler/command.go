package scheduler

import (
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/plan"
)

// Verb is what an operator may do to a plan.
type Verb string

// The verbs, as the API's paths say them.
const (
	Continue      Verb = "continue"
	Interrupt     Verb = "interrupt"
	ForceComplete Verb = "forceComplete"
	Restart       Verb = "restart"
	Start         Verb = "start"
	Stop          Verb = "stop"
)

// The verbs for pods; Restart is one, too.
const (
	Replace Verb = "replace"
	Pause   Verb = "pause"
	Resume  Verb = "resume"
)

// CommandPlan does what an operator asks of a plan, a phase or a step (names or UUIDs). Errors are of kind NotFound or Invalid, and then
// nothing has changed.
func (c *Core) CommandPlan(now time.Time, name string, verb Verb, phase, step string) (plan.Result, error) {
	c.now = now
	p := c.Plan(name)
	if p == nil {
		return plan.Done, fault.New(fault.NotFound, "plan "+name, string(verb), "there is no such plan")
	}
	result, err := c.commandPlan(p, verb, phase, step)
	if err == nil && result == plan.Done {
		c.decide(p)
	}
	return result, err
}

// decide keeps what operators decided of a plan.
func (c *Core) decide(p *plan.Plan) {
	c.decisions[p.Name] = p.Decisions()
	c.put(keyPlan+p.Name, c.decisions[p.Name])
	c.changed = true
}

func (c *Core) commandPlan(p *plan.Plan, verb Verb, phase, step string) (plan.Result, error) {
	switch verb {
	case Continue:
		result, err := p.Continue(phase)
		c.consent(p)
		return result, err
	case Interrupt:
		return p.Interrupt(phase)
	case ForceComplete:
		return p.ForceComplete(phase, step)
	case Restart:
		return c.restart(p, phase, step)
	case Start:
		if p.Status() == plan.Complete {
			return c.restart(p, "", "")
		}
		result, err := p.Continue("")
		c.consent(p)
		return result, err
	case Stop:
		stopped, err := p.Interrupt("")
		if err != nil {
			return plan.Done, err
		}
		restarted, err := c.restart(p, "", "")
		p.Interrupt("")                     // stopped: PENDING and not going on
		return min(stopped, restarted), err // Done if either did something
	}
	return plan.Done, fault.New(fault.Invalid, "plan "+p.Name, string(verb), "it is no command of plans")
}

// consent takes a continued layout step as the operator's yes to what it showed.
func (c *Core) consent(p *plan.Plan) {
	s := c.phase(p, roleLayout).Step(string(roleLayout))
	if s != nil && s.Agreed() {
		c.agree(p)
		s.Hold(false)
	}
}

// restart has steps done again: what they stand for is looked at or told anew. Nothing on a node or in ScaleIO is undone by it.
func (c *Core) restart(p *plan.Plan, phase, step string) (plan.Result, error) {
	steps, result, err := p.Restart(phase, step)
	for _, s := range steps {
		c.redo(p, s)
	}
	return result, err
}

func (c *Core) redo(p *plan.Plan, s *plan.Step) {
	n := c.nodes[s.Name]
	switch c.roles[s.Phase()] {
	case roleInstall:
		n.Installed, n.InstallFrom, n.RetryAt = false, 0, time.Time{} // what it said before counts no more
		c.again(n)
	case roleREXRay:
		n.Serves, n.REXRayFrom = false, 0
		c.again(n)
	case roleStorage:
		for _, op := range c.storage.byStep[s.Name] {
			if a := c.storage.attempts[op.Key()]; a != nil {
				a.retryAt = time.Time{}
			}
		}
		c.storage.wanted, c.storage.retryAt = true, time.Time{}
	case roleLayout:
		for _, n := range c.order { // somebody may have cleared a device, or changed one
			if c.planOf(n) == p {
				c.again(n)
			}
		}
		c.lookAgain()
	case roleVerify:
		c.lookAgain()
	case roleReplace:
		if !n.Paused {
			n.replace()
			c.mark(n)
		}
	default: // recovery
		n.RetryAt = time.Time{}
		c.mark(n)
	}
	if p == c.deploy && c.deployment.Complete {
		c.deployment.Complete = false
		c.put(keyDeployment, c.deployment)
	}
}

func (c *Core) lookAgain() {
	c.storage.wanted, c.storage.retryAt, c.storage.fresh = true, time.Time{}, false
}

// again asks a node for its state with a new generation, so that failed steps are tried once more.
func (c *Core) again(n *Node) {
	n.Probe++
	c.mark(n)
}
