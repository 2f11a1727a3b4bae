package layout

import (
	"fmt"

	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// Converged says in words what of the layout is not there yet, or not as it should be; nothing means that all of it stands and runs. What
// is above the layout (more devices, more spare capacity) is no difference.
func Converged(l *Layout, o *Observed) []string {
	if l == nil || o == nil {
		return []string{"the state of ScaleIO is not known yet"}
	}
	c := &converging{now: newIndex(o)}
	for _, p := range l.Problems {
		if p.Severity == Error && p.Node == "" {
			c.miss("the layout is blocked: %s", p.Message)
		}
	}
	for _, name := range l.Domains {
		c.domain(name)
	}
	for _, set := range l.FaultSets {
		if !c.now.sets[set] {
			c.miss("fault set %s of protection domain %s does not exist", set.Name, set.Domain)
		}
	}
	for _, pool := range l.Pools {
		c.pool(pool)
	}
	for i := range l.SDSs {
		c.sds(&l.SDSs[i])
	}
	return c.missing
}

type converging struct {
	now     *index
	missing []string
}

func (c *converging) miss(format string, args ...any) {
	c.missing = append(c.missing, fmt.Sprintf(format, args...))
}

func (c *converging) domain(name string) {
	switch d := c.now.domains[name]; {
	case d == nil:
		c.miss("protection domain %s does not exist", name)
	case d.State != "" && d.State != "Active":
		c.miss("protection domain %s is %s, not Active", name, d.State)
	}
}

func (c *converging) pool(pool Pool) {
	switch now := c.now.pools[pool.Pool]; {
	case now == nil:
		c.miss("pool %s does not exist", pool)
	case now.SparePercent < pool.SparePercent:
		c.miss("pool %s has %d %% spare capacity, not %d %%", pool, now.SparePercent, pool.SparePercent)
	}
}

func (c *converging) sds(s *SDS) {
	now := c.now.standing(s)
	where := fmt.Sprintf("SDS %s of agent %s", s.Name, s.Node)
	switch {
	case now == nil:
		c.miss("%s does not exist", where)
		return
	case now.Domain != s.Domain:
		c.miss("%s is in protection domain %s, not %s", where, now.Domain, s.Domain)
		return
	case now.Connection != "Connected" || now.Membership != "Joined":
		c.miss("%s is %s and %s, not Connected and Joined", where, word(now.Connection), word(now.Membership))
	case now.Maintenance != "" && now.Maintenance != "NoMaintenance":
		c.miss("%s is in maintenance (%s)", where, now.Maintenance)
	}
	if now.FaultSet != s.FaultSet {
		c.miss("%s is in %s, not %s", where, inSet(now.FaultSet), inSet(s.FaultSet))
	}
	for i, found := range attached(s.names(), c.now.devices[now.Name]) {
		c.device(s, s.Devices[i], found)
	}
}

func (c *converging) device(s *SDS, d Device, now *ObservedDevice) {
	where := fmt.Sprintf("device %s of agent %s", d.Path, s.Node)
	if now == nil {
		c.miss("%s is not attached", where)
		return
	}
	if in := (spec.Pool{ProtectionDomain: now.Domain, StoragePool: now.Pool}); in != d.Pool {
		c.miss("%s is in pool %s, not %s", where, in, d.Pool)
	}
	switch {
	case now.State != "Normal":
		c.miss("%s is %s, not Normal", where, word(now.State))
	case now.ErrorState == "Error" || now.ErrorState == "Unrecoverable" || now.ErrorState == "Acceleration": // the others only tell
		c.miss("%s has an error (%s)", where, now.ErrorState)
	}
}

func word(state string) string {
	if state == "" {
		return "in an unknown state"
	}
	return state
}
