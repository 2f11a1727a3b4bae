package scheduler

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/hashicorp/go-multierror"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// Check reads what a store holds by the rules of Restore, and says of every key what is wrong, sorted, one error each.
func Check(all map[string][]byte) error {
	c, err := coreOf(all[TargetKey])
	if err != nil {
		return err
	}
	var problems *multierror.Error
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if err := c.restore(key, all[key]); err != nil {
			problems = multierror.Append(problems, fault.New(fault.Internal, "store key "+key, "read", "%w", err))
		}
	}
	if problems != nil { // what is missing now, its neighbours would be blamed for
		return problems
	}
	fresh, err := coreOf(all[TargetKey])
	if err != nil {
		return err
	}
	return fresh.Restore(all)
}

// coreOf makes a core of the stored specification, or of none where that cannot be read: restore says so.
func coreOf(target []byte) (*Core, error) {
	s := &spec.Service{}
	if json.Unmarshal(target, s) != nil {
		s = &spec.Service{}
	}
	c, err := New(Config{Spec: s})
	if err != nil {
		return nil, fault.New(fault.Internal, "store key "+TargetKey, "read", "%w", err)
	}
	return c, nil
}
