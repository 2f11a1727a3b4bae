package scheduler

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/state"
)

// onError is the end of this scheduler. That the framework was removed (its failover timeout has passed, or somebody tore it down) is
// kept: every further try would end the same way (mesos.md §3.8).
func (c *Core) onError(message string) {
	if strings.Contains(message, "removed") {
		c.put(keyFramework, frameworkRecord{ID: c.frameworkID, Removed: message})
		c.stop = c.removed(message)
		return
	}
	c.stop = fault.New(fault.Denied, "framework "+c.cfg.Spec.Name, "stay subscribed", "Mesos ended the subscription: %s", message)
}

func (c *Core) removed(message string) error {
	return fault.New(fault.Denied, "framework "+c.cfg.Spec.Name, "subscribe", "Mesos has removed it under the id %s (%s) and ended its executors; "+
		"ScaleIO and its volumes go on; start the scheduler once with -reset-framework to register anew with all that it knows of the storage", c.frameworkID, message)
}

// Over says why this core must not run at all, or nil.
func (c *Core) Over() error { return c.stop }

// ResetFramework gives the writes that let a scheduler register anew after Mesos has removed its framework: the id and the tasks under it are
// forgotten, all else is kept. While the framework is not known to be removed there is nothing to write: its executors run, and whoever
// leaves the option on must not lose them with every restart.
func ResetFramework(stored map[string][]byte) ([]state.Write, error) {
	var r frameworkRecord
	if err := json.Unmarshal(stored[keyFramework], &r); stored[keyFramework] != nil && err != nil {
		return nil, fault.New(fault.Internal, "store key "+keyFramework, "read", "%w", err)
	}
	if r.Removed == "" {
		return nil, nil
	}
	var writes []state.Write
	for _, key := range slices.Sorted(maps.Keys(stored)) {
		switch {
		case key == keyFramework:
			writes = append(writes, state.Write{Key: key})
		case strings.HasPrefix(key, keyNode):
			var n Node
			if err := json.Unmarshal(stored[key], &n); err != nil {
				return nil, fault.New(fault.Internal, "store key "+key, "read", "%w", err)
			}
			n.Task, n.Agent.Active = nil, false
			value, err := json.Marshal(n)
			if err != nil {
				return nil, fault.New(fault.Internal, "store key "+key, "encode", "%w", err)
			}
			writes = append(writes, state.Write{Key: key, Value: value})
		}
	}
	return writes, nil
}
