package scheduler

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/plan"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// settleLayoutStep says where a layout step stands; with proposals it holds until the operator agrees.
func (c *Core) settleLayoutStep(p *plan.Plan, step *plan.Step) {
	s := &c.storage
	if p == c.deploy && c.deployment.Complete && s.current == nil {
		c.set(step, standing{plan.Complete, "deployed; ScaleIO has not been looked at since the scheduler started"})
		return
	}
	if why := c.unready(p); why != "" {
		status := plan.Pending
		if s.observed == nil && s.err != nil {
			status = plan.Error
			if fault.IsTemporary(s.err) {
				status = plan.Delayed
			}
		}
		c.set(step, standing{status, why})
		return
	}
	if s.current == nil {
		c.set(step, standing{plan.Pending, "not planned yet"})
		return
	}
	if errors := c.layoutErrors(p); len(errors) > 0 {
		c.set(step, standing{plan.Error, strings.Join(errors, "; ")})
		return
	}
	proposals := c.proposals(p)
	step.Hold(len(proposals) > 0)
	if len(proposals) > 0 {
		c.set(step, standing{plan.Pending, fmt.Sprintf("would take %s; continue plan %s to agree", strings.Join(proposals, ", "), p.Name)})
		return
	}
	c.set(step, standing{plan.Complete, c.layoutSummary(p)})
}

// layoutErrors are those of everything and those of the plan's nodes.
func (c *Core) layoutErrors(p *plan.Plan) []string {
	errors := slices.Clone(c.storage.problems[""])
	for _, n := range c.order {
		if c.planOf(n) == p {
			errors = append(errors, c.storage.problems[n.Name]...)
		}
	}
	return errors
}

func (c *Core) proposals(p *plan.Plan) []string {
	var all []string
	if len(c.storage.proposed) == 0 {
		return nil
	}
	for _, v := range c.storage.current.Verdicts {
		if n := c.nodes[v.Node]; v.Outcome == layout.Proposed && n != nil && c.planOf(n) == p {
			all = append(all, fmt.Sprintf("%s of %s (%s) into %s", v.Device.Path, v.Node, spec.Size(v.Device.Size), v.Pool))
		}
	}
	return all
}

// agree records the operator's consent to exactly what is proposed now.
func (c *Core) agree(p *plan.Plan) {
	for name, devices := range c.storage.proposed {
		n := c.nodes[name]
		if n == nil || c.planOf(n) != p {
			continue
		}
		if n.Consented == nil {
			n.Consented = map[string]bool{}
		}
		for _, d := range devices {
			n.Consented[d] = true
		}
		c.mark(n)
	}
	c.storage.stale = true
}

func (c *Core) layoutSummary(p *plan.Plan) string {
	nodes, devices := 0, 0
	var aside []string
	for _, n := range c.order {
		if c.planOf(n) != p {
			continue
		}
		if sds := c.storage.sds(n); sds != nil {
			nodes++
			devices += len(sds.Devices)
		}
		if why := n.trouble(c.now); n.Report == nil && why != "" {
			aside = append(aside, n.Name+" ("+why+")")
		}
	}
	summary := strings.Join([]string{count(devices, "device"), "of", count(nodes, "node"), "in", count(len(c.storage.current.Pools), "pool")}, " ")
	if len(aside) > 0 {
		summary += "; without " + some(aside, 3) + ", which joins when it is back"
	}
	return summary
}
