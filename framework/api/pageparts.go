package api

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/plan"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// rows is how many of many a list of the page shows: a page of thousands of agents still has to be read, and sent every second.
const rows = 100

// pagePlan is a plan on the page.
type pagePlan struct {
	Name        string
	Status      plan.Status
	Done, Total int
	Phases      []pagePhase
}

// pagePhase is a phase: its open steps one by one, the others as a list of names.
type pagePhase struct {
	ID, Name    string
	Status      plan.Status
	Done, Total int
	Open        bool
	Steps       []plan.StepView // what is not complete
	LeftOut     int
	Complete    []plan.StepView
	MoreDone    int
}

func pagePlanOf(p namedPlan) pagePlan {
	out := pagePlan{Name: p.name, Status: p.view.Status}
	for _, ph := range p.view.Phases {
		if len(ph.Steps) == 0 {
			continue
		}
		phase := pagePhaseOf(p.name, ph)
		out.Done, out.Total = out.Done+phase.Done, out.Total+phase.Total
		out.Phases = append(out.Phases, phase)
	}
	return out
}

// weight orders steps by how much an operator has to know of them.
var weight = map[plan.Status]int{plan.Error: 0, plan.Waiting: 1, plan.Delayed: 2, plan.Prepared: 3, plan.Started: 3, plan.Starting: 3}

func pagePhaseOf(of string, ph plan.PhaseView) pagePhase {
	out := pagePhase{ID: of + "-" + ph.ID, Name: ph.Name, Status: ph.Status, Total: len(ph.Steps), Open: ph.Status != plan.Complete}
	for _, s := range ph.Steps {
		if s.Status == plan.Complete {
			out.Complete = append(out.Complete, s)
		} else {
			out.Steps = append(out.Steps, s)
		}
	}
	out.Done = len(out.Complete)
	heavy := func(s plan.StepView) int {
		if w, ok := weight[s.Status]; ok {
			return w
		}
		return len(weight)
	}
	slices.SortStableFunc(out.Steps, func(a, b plan.StepView) int { return cmp.Compare(heavy(a), heavy(b)) })
	out.Steps, out.LeftOut = first(out.Steps)
	out.Complete, out.MoreDone = first(out.Complete)
	return out
}

// first gives as many as are shown, and how many are not.
func first[T any](all []T) ([]T, int) {
	if len(all) <= rows {
		return all, 0
	}
	return all[:rows], len(all) - rows
}

// pagePool is a storage pool: as wanted, as it is, or both.
type pagePool struct {
	Name, Media, State        string
	Class                     string
	SDSs, Devices             int
	Capacity, Used, Available spec.Size
	Known                     bool // it exists in ScaleIO
	Percent                   int  // used
	Spare                     int
}

func (s snapshot) pools() []pagePool {
	pools := map[string]*pagePool{}
	of := func(name string) *pagePool {
		if pools[name] == nil {
			pools[name] = &pagePool{Name: name, State: "not created yet", Class: "pending"}
		}
		return pools[name]
	}
	for _, p := range s.layout.Pools {
		wanted := of(p.String())
		wanted.Media, wanted.Spare = p.Media, p.SparePercent
	}
	if s.observed != nil {
		for _, p := range s.observed.Pools {
			of(p.Domain + "/" + p.Name).observe(p)
		}
		seen := map[string]bool{}
		for _, d := range s.observed.Devices {
			pool := of(d.Domain + "/" + d.Pool)
			pool.Devices++
			if key := pool.Name + "\x00" + d.SDS; !seen[key] {
				seen[key] = true
				pool.SDSs++
			}
		}
	}
	var all []pagePool
	for _, name := range slices.Sorted(maps.Keys(pools)) {
		all = append(all, pools[name].judged())
	}
	return all
}

// judged is the pool, which is not called healthy before ScaleIO has told its capacity: what we have just made, we know without looking.
func (p pagePool) judged() pagePool {
	if p.Known && p.Devices > 0 && p.Capacity == 0 {
		p.Class, p.State = "pending", "made, not measured yet"
	}
	return p
}

func (p *pagePool) observe(o layout.ObservedPool) {
	const kib = 1024
	p.Known, p.Media, p.Spare = true, o.Media, o.SparePercent
	p.Capacity, p.Used, p.Available = spec.Size(o.CapacityKB*kib), spec.Size(o.UsedKB*kib), spec.Size(o.AvailableKB*kib)
	if o.CapacityKB > 0 {
		p.Percent = int(min(100, o.UsedKB*100/o.CapacityKB))
	}
	switch {
	case o.FailedKB > 0:
		p.Class, p.State = "error", spec.Size(o.FailedKB*kib).String()+" failed"
	case o.DegradedKB > 0:
		p.Class, p.State = "delayed", spec.Size(o.DegradedKB*kib).String()+" with one copy only"
	case o.Busy:
		p.Class, p.State = "in_progress", "rebuilds or rebalances"
	default:
		p.Class, p.State = "complete", "healthy"
	}
}

// pageNode is a node on the page.
type pageNode struct {
	scheduler.NodeView
	State    string
	Class    string
	Software string
	Devices  int // in the layout
}

// pageNodes gives the nodes with trouble first, and how many are not shown.
func (s snapshot) pageNodes() ([]pageNode, int) {
	devices := map[string]int{}
	for _, sds := range s.layout.SDSs {
		devices[sds.Node] += len(sds.Devices)
	}
	all := make([]pageNode, 0, len(s.nodes))
	for _, v := range s.nodes {
		n := pageNode{NodeView: v, Devices: devices[v.Name], Software: software(v.Software)}
		n.Class, n.State = nodeState(v)
		all = append(all, n)
	}
	slices.SortStableFunc(all, func(a, b pageNode) int { return cmp.Compare(len(b.Trouble), 0) - cmp.Compare(len(a.Trouble), 0) })
	return first(all)
}

func nodeState(v scheduler.NodeView) (class, text string) {
	switch state := v.TaskState(); {
	case v.Trouble != "":
		return "delayed", v.Trouble
	case v.Task == nil && v.Agent.ID != "":
		return "pending", "no executor yet"
	case state != "RUNNING":
		return "in_progress", "executor " + strings.ToLower(state)
	case v.Serves:
		return "complete", "serves volumes"
	case v.Installed:
		return "in_progress", "installed"
	}
	return "in_progress", "installs"
}

func software(of map[string]string) string {
	var parts []string
	for _, component := range slices.Sorted(maps.Keys(of)) {
		parts = append(parts, component+" "+of[component])
	}
	return strings.Join(parts, ", ")
}

// pageVerdict is what became of devices of the same path for the same reason, on some nodes.
type pageVerdict struct {
	Path, Reason string
	Nodes        string
	names        []string
}

// verdicts sorts the devices into those that are taken, proposed and refused; what is the same on many nodes is said once.
func (s snapshot) verdicts(d *pageData) {
	groups := map[layout.Outcome]*[]*pageVerdict{layout.Proposed: {}, layout.Refused: {}}
	known := map[string]*pageVerdict{}
	for _, v := range s.layout.Verdicts {
		switch v.Outcome {
		case layout.Taken:
			d.Taken++
			continue
		case layout.Refused:
			d.RefusedCount++
		case layout.Proposed:
			d.ProposedCount++
		}
		list := groups[v.Outcome]
		key := fmt.Sprintf("%s\x00%s\x00%s", v.Outcome, v.Device.Path, v.Reason)
		if known[key] == nil {
			known[key] = &pageVerdict{Path: cmp.Or(v.Device.Path, v.Device.ID), Reason: v.Reason}
			*list = append(*list, known[key])
		}
		known[key].names = append(known[key].names, v.Node)
	}
	show := func(from []*pageVerdict) (to []pageVerdict) {
		for _, v := range from {
			v.Nodes = some(v.names)
			to = append(to, *v)
		}
		return to
	}
	d.Proposed, d.Refused = show(*groups[layout.Proposed]), show(*groups[layout.Refused])
}

// some lists the first few of many names.
func some(names []string) string {
	const most = 8
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
