package scheduler

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/plan"
	"github.com/dcos-scaleio/scaleio/framework/spec"
	"github.com/dcos-scaleio/scaleio/framework/state"
)

// The keys of the store. Everything else follows from these. TargetKey holds the specification last run with.
const (
	keyFramework  = "framework"  // frameworkRecord
	keyDeployment = "deployment" // Deployment
	TargetKey     = "target"     // spec.Service
	keyNode       = "node/"      // + hostname: Node
	keyPlan       = "plan/"      // + name: plan.Decisions
)

type frameworkRecord struct {
	ID      string `json:"id"`
	Removed string `json:"removed,omitempty"` // what Mesos said when it had removed the framework: the id is of no use any more
}

// put has a value stored by the next Ready; the last one of a key counts.
func (c *Core) put(key string, value any) { c.records[key] = value }

// takeRecords encodes what changed since the last call, sorted by key.
func (c *Core) takeRecords() []state.Write {
	for n := range c.dirty {
		c.put(keyNode+n.Name, n)
	}
	clear(c.dirty)
	writes := make([]state.Write, 0, len(c.records))
	for _, key := range slices.Sorted(maps.Keys(c.records)) {
		value, err := json.Marshal(c.records[key])
		if err != nil { // no stored type can fail to marshal; if one ever does, stop rather than go on unsaved
			c.stop = fault.New(fault.Internal, "store key "+key, "encode", "%w", err)
			continue
		}
		writes = append(writes, state.Write{Key: key, Value: value})
	}
	clear(c.records)
	return writes
}

// Restore gives a new core what the store held. An error names the key; nothing should run on half a memory.
func (c *Core) Restore(all map[string][]byte) error {
	keys := make([]string, 0, len(all))
	for key := range all {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		if err := c.restore(key, all[key]); err != nil {
			return fault.New(fault.Internal, "store key "+key, "read", "%w; restore the store from a backup, or delete the key to start that object anew", err)
		}
	}
	slices.SortFunc(c.order, byIndex)
	for i, n := range c.order {
		if n.Index != i {
			return fault.New(fault.Internal, "store key "+keyNode+n.Name, "read", "its index is %d, expected %d", n.Index, i)
		}
	}
	c.storage.stale, c.storage.wanted = true, true
	c.syncSteps()
	for _, p := range c.plans {
		p.Recall(c.decisions[p.Name])
	}
	return nil
}

func (c *Core) restore(key string, value []byte) error {
	switch {
	case key == keyFramework:
		var r frameworkRecord
		err := json.Unmarshal(value, &r)
		c.frameworkID = r.ID
		if r.Removed != "" {
			c.stop = c.removed(r.Removed)
		}
		return err
	case key == keyDeployment:
		return json.Unmarshal(value, &c.deployment)
	case key == TargetKey:
		return json.Unmarshal(value, new(spec.Service))
	case strings.HasPrefix(key, keyPlan):
		var d plan.Decisions
		err := json.Unmarshal(value, &d)
		c.decisions[strings.TrimPrefix(key, keyPlan)] = d
		return err
	case strings.HasPrefix(key, keyNode):
		return c.restoreNode(strings.TrimPrefix(key, keyNode), value)
	}
	return fmt.Errorf("it is of no known kind: was the store written by a newer version?")
}

// restoreNode takes a stored node. Nodes are asked for a fresh report: reconciliation answers carry none (design §5.3).
func (c *Core) restoreNode(name string, value []byte) error {
	n := &Node{}
	if err := json.Unmarshal(value, n); err != nil {
		return err
	}
	if n.Name != name {
		return fmt.Errorf("it holds node %q", n.Name)
	}
	n.setAgent(n.Agent)
	n.Probe++
	n.serving = "serves " + strings.Join(drivers(n), ", ")
	c.nodes[n.Name] = n
	c.order = append(c.order, n)
	c.agents[n.Agent.ID] = n
	if n.Task != nil {
		c.tasks[n.Task.ID] = n
	}
	return nil
}
