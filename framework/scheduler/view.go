package scheduler

import (
	"slices"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/plan"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// What operators may look at. All of it is read on the core's goroutine (Driver.Do) and copied before it leaves.

// Plans are the names, in the order of the API.
func (c *Core) Plans() []string {
	var names []string
	for _, p := range c.plans {
		names = append(names, p.Name)
	}
	return names
}

// Plan gives a plan, or nil. The caller must not keep it.
func (c *Core) Plan(name string) *plan.Plan {
	for _, p := range c.plans {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// FrameworkID is empty before the first registration.
func (c *Core) FrameworkID() string { return c.frameworkID }

// Spec is the service specification in force.
func (c *Core) Spec() *spec.Service { return c.cfg.Spec }

// Observed is the system as last read, or nil.
func (c *Core) Observed() *layout.Observed { return c.storage.observed }

// Pod gives the node of a pod's name ("node-3"), or nil.
func (c *Core) Pod(name string) *Node {
	i := slices.IndexFunc(c.order, func(n *Node) bool { return n.Pod() == name })
	if i < 0 {
		return nil
	}
	return c.order[i]
}

// Preview is the layout as it would be made now, of all nodes that have reported: the same function as the commit's, run without it.
func (c *Core) Preview() *layout.Layout {
	if c.storage.current != nil && !c.storage.stale {
		return c.storage.current
	}
	return layout.Plan(&c.cfg.Spec.ScaleIO, c.layoutNodes(), c.storage.observed)
}

// Warnings are what the operator should know of the service as a whole.
func (c *Core) Warnings() []string {
	var all []string
	if c.cfg.Spec.ScaleIO.System.TLS.Insecure {
		all = append(all, "the gateway's certificate is not verified (insecure)")
	}
	if c.agentsErr != nil {
		all = append(all, "agents are known by their offers alone: "+c.agentsErr.Error())
	}
	return all
}

// NodeView is a node as the API shows it.
type NodeView struct {
	Name       string             `json:"name"`
	Pod        string             `json:"pod"`
	Agent      Agent              `json:"agent"`
	Plan       string             `json:"plan"` // deploy, or expand for one that came later
	Task       *Task              `json:"task,omitempty"`
	Installed  bool               `json:"installed"`
	Serves     bool               `json:"serves"` // REX-Ray is ready
	Drivers    []string           `json:"drivers,omitempty"`
	SDS        string             `json:"sds,omitempty"`
	Consumes   []string           `json:"consumes,omitempty"`
	Generation uint64             `json:"generation"` // wanted
	Reported   uint64             `json:"reported"`   // answered
	OS         inventory.OS       `json:"os"`
	Software   map[string]string  `json:"software,omitempty"`
	SDCGUID    string             `json:"sdc_guid,omitempty"`
	Addresses  []string           `json:"addresses,omitempty"`
	Steps      []inventory.Step   `json:"steps,omitempty"`
	Warnings   []string           `json:"warnings,omitempty"`
	Devices    []inventory.Device `json:"devices,omitempty"`
	Replace    Replacement        `json:"replace,omitempty"`
	Paused     bool               `json:"paused,omitempty"`
	Trouble    string             `json:"trouble,omitempty"`
}

// Nodes are all nodes by index.
func (c *Core) Nodes() []NodeView {
	views := make([]NodeView, 0, len(c.order))
	for _, n := range c.order {
		v := NodeView{
			Name: n.Name, Pod: n.Pod(), Agent: n.Agent, Plan: c.planOf(n).Name, Installed: n.Installed, Serves: n.Serves, Drivers: drivers(n),
			Trouble: n.trouble(c.now), Paused: n.Paused, Replace: n.Replace,
		}
		if n.Task != nil {
			task := *n.Task
			v.Task = &task
		}
		if sds := c.storage.sds(n); sds != nil {
			v.SDS = sds.Name
		}
		for _, pool := range c.storage.consumed(n.Name) {
			v.Consumes = append(v.Consumes, pool.String())
		}
		if n.Desired != nil {
			v.Generation = n.Desired.Generation
		}
		if r := n.Report; r != nil {
			v.Reported, v.OS, v.Software, v.SDCGUID = r.Generation, r.OS, r.Software, r.SDCGUID
			v.Addresses, v.Steps, v.Warnings, v.Devices = r.Addresses, r.Steps, r.Warnings, r.Devices
		}
		views = append(views, v)
	}
	return views
}

// TaskState is the state of the node's task without "TASK_", as the SDK shows it, with its words for a paused pod; "" for a pod that never ran.
func (v NodeView) TaskState() string {
	switch {
	case v.Paused && v.Task != nil:
		return "PAUSING"
	case v.Paused:
		return "PAUSED"
	case v.Task == nil:
		return ""
	}
	return strings.TrimPrefix(v.Task.State, "TASK_") // a state of a newer Mesos may have another form
}

// Health codes of the SDK (dcos-commons.md §1.6).
const (
	HealthErrors     = 500
	HealthNoID       = 318
	HealthDelayed    = 208
	HealthPending    = 204
	HealthStarting   = 202
	HealthWaiting    = 207
	HealthRecovering = 205
	HealthRunning    = 200
)

// Health is the SDK's code for the state of the service, and why.
func (c *Core) Health() (code int, reasons []string) {
	reasons = c.Warnings()
	has := func(p *plan.Plan, statuses ...plan.Status) bool {
		found := false
		for _, ph := range p.Phases {
			for _, s := range ph.Steps {
				if slices.Contains(statuses, s.Status()) {
					reasons = append(reasons, p.Name+"/"+s.Path().String()+" is "+string(s.Status())+": "+s.Message())
					found = true
				}
			}
		}
		return found
	}
	for _, p := range c.plans {
		if has(p, plan.Error) {
			return HealthErrors, reasons
		}
	}
	tests := []struct {
		holds func() bool
		code  int
	}{
		{func() bool { return c.frameworkID == "" }, HealthNoID},
		{func() bool { return has(c.deploy, plan.Delayed) }, HealthDelayed},
		{func() bool { return has(c.deploy, plan.Waiting) }, HealthWaiting},
		{func() bool { return has(c.deploy, plan.Pending, plan.Prepared) }, HealthPending},
		{func() bool { return has(c.deploy, plan.Starting, plan.Started) }, HealthStarting},
		{func() bool { return has(c.recovery, plan.Delayed) }, HealthDelayed},
		{func() bool { return has(c.recovery, plan.Pending, plan.Prepared, plan.Starting, plan.Started) }, HealthRecovering},
	}
	if c.frameworkID == "" {
		reasons = append(reasons, "not registered with Mesos yet")
	}
	for _, t := range tests {
		if t.holds() {
			return t.code, reasons
		}
	}
	return HealthRunning, reasons
}

// Tasks counts the tasks by state, for metrics.
func (c *Core) Tasks() map[string]int {
	count := map[string]int{mesos.TASK_RUNNING.String(): 0}
	for _, n := range c.order {
		if n.Task != nil {
			count[n.Task.State]++
		}
	}
	return count
}
