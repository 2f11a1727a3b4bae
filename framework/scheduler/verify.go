package scheduler

import (
	"fmt"
	"strings"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/plan"
)

// verification is the state of looking whether all is as it should be.
type verification struct {
	tries int
	at    time.Time // look again then
}

// setVerify says where the verify steps stand.
func (c *Core) setVerify() {
	for _, p := range []*plan.Plan{c.deploy, c.expand} {
		s := c.phase(p, roleVerify).Step(string(roleVerify))
		if s == nil {
			continue
		}
		if s.Blocked() != "" {
			c.set(s, standing{plan.Pending, "looks at the system when all else is done"})
			continue
		}
		c.set(s, c.verifyStatus(p))
	}
}

func (c *Core) verifyStatus(p *plan.Plan) standing {
	switch {
	case p == c.deploy && c.deployment.Complete:
		return standing{plan.Complete, "the system is as the layout wants it"}
	case c.storage.observed == nil:
		return c.unobserved()
	case c.storage.current == nil || !c.storage.fresh || c.storage.running:
		return standing{plan.Pending, "looks at the system"}
	}
	if missing := c.missing(p); len(missing) > 0 {
		return standing{plan.Pending, some(missing, 3)}
	}
	return standing{plan.Complete, "the system is as the layout wants it"}
}

// workVerify looks at the system again: at once after an operation, then less and less often.
func (c *Core) workVerify() {
	s := &c.storage
	if s.running || s.wanted {
		return
	}
	if !s.fresh {
		s.wanted, c.verification = true, verification{}
		c.settleGateway()
		return
	}
	v := &c.verification
	if v.at.IsZero() {
		v.tries++
		v.at = c.now.Add(retryAfter(v.tries, time.Second, 30*time.Second))
	}
	if c.now.Before(v.at) {
		c.by(v.at)
		return
	}
	v.at, s.wanted = time.Time{}, true
	c.settleGateway()
}

// missing is what of a plan's nodes is not as the layout wants it, in words.
func (c *Core) missing(p *plan.Plan) []string {
	part := *c.storage.current
	part.SDSs, part.Consumers = nil, nil
	for _, sds := range c.storage.current.SDSs {
		if n := c.nodes[sds.Node]; n != nil && c.planOf(n) == p {
			part.SDSs = append(part.SDSs, sds)
		}
	}
	missing := layout.Converged(&part, c.storage.observed)
	connected := map[string]bool{}
	for _, sdc := range c.storage.observed.SDCs {
		connected[strings.ToUpper(sdc.GUID)] = sdc.Connection == "Connected"
	}
	for _, n := range c.order {
		if c.planOf(n) == p && n.Installed && n.Report != nil && n.Report.SDCGUID != "" && !connected[strings.ToUpper(n.Report.SDCGUID)] {
			missing = append(missing, fmt.Sprintf("the SDC of %s is not connected to the system", n.Name))
		}
	}
	return missing
}
