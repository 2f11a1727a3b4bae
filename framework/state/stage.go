package state

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// A commit that is too big for one transaction of the server is atomic all the same:
//  1. its changes are written, in parts that each fit, to cells of the folder "stage", where nobody looks;
//  2. one swap of the head makes the commit: the head names the parts;
//  3. the parts are carried over to the keys, and then the head says that there are none.
//
// A crash before 2 leaves parts that nobody names; Acquire removes them. A crash after 2 leaves a head with parts: readers put
// them over what the keys hold, and the next commit begins with 3. Carrying a part over twice is as good as once.

// part is a change as a staged cell holds it.
type part struct {
	Name  string `json:"name"`
	Value []byte `json:"value"` // null: remove the cell
}

// stageName is the cell of part i of a commit that was staged while the head had version at.
func stageName(at int64, token string, i int) string {
	return fmt.Sprintf("%s/%d-%s-%d", stageFolder, at, token, i)
}

// stage writes the changes as parts and gives their number.
func (r *Remote) stage(ctx context.Context, h head, token string, changes []change) (n int, err error) {
	for len(changes) > 0 {
		var value []byte
		if value, changes, err = nextPart(r.cells, changes); err != nil {
			return n, err
		}
		if err := r.cells.swap(ctx, h.version, []change{{stageName(h.version, token, n), value}}); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// nextPart encodes as many changes as one swap can carry over and one cell can hold, at least one.
func nextPart(c cells, changes []change) (value []byte, rest []change, err error) {
	most, size := c.limits()
	var parts []part
	for len(changes) > 0 && len(parts) < most {
		size -= changes[0].weight() + len(changes[0].value)/2 // base64
		if len(parts) > 0 && size < 0 {
			break
		}
		parts = append(parts, part{changes[0].name, changes[0].value})
		changes = changes[1:]
	}
	value, err = json.Marshal(parts)
	return value, changes, err
}

// parts gives the changes of the commit that the head names, part by part.
func (r *Remote) parts(ctx context.Context, h head) ([][]change, error) {
	all := make([][]change, h.Staged)
	for i := range all {
		name := stageName(h.version-1, h.Commit, i)
		found, err := r.cells.read(ctx, name)
		if err != nil {
			return nil, err
		}
		var parts []part
		if err := json.Unmarshal(found[0].value, &parts); err != nil {
			return nil, fault.New(fault.Internal, r.cells.where(), "", "it is damaged: its cell %q, a part of the last commit, cannot be read: %w", name, err)
		}
		for _, p := range parts {
			all[i] = append(all[i], change{p.Name, p.Value})
		}
	}
	return all, nil
}

func (r *Remote) staged(ctx context.Context, h head) (changes []change, err error) {
	parts, err := r.parts(ctx, h)
	for _, p := range parts {
		changes = append(changes, p...)
	}
	return changes, err
}

// forward carries the parts over to the keys, and removes them.
func (r *Remote) forward(ctx context.Context, h head) error {
	parts, err := r.parts(ctx, h)
	if err != nil {
		return r.unlessMoved(ctx, h, err)
	}
	for _, changes := range parts {
		if err := r.cells.swap(ctx, h.version, changes); err != nil {
			return err
		}
	}
	next := h
	next.Staged, next.version = 0, h.version+1
	if err := r.cells.swap(ctx, h.version, []change{next.change()}); err != nil {
		return err
	}
	for i := range parts {
		if err := r.cells.swap(ctx, next.version, []change{{name: stageName(h.version-1, h.Commit, i)}}); err != nil {
			return err
		}
	}
	return nil
}

// unlessMoved gives err if the head has not moved: parts that vanish while it has are nothing bad.
func (r *Remote) unlessMoved(ctx context.Context, h head, err error) error {
	now, failed := r.head(ctx)
	if failed == nil && now.version != h.version {
		return errMoved
	}
	return err
}

// sweep removes the parts of commits that were never made. One that was staged at a head before this one's cannot be made any more.
func (r *Remote) sweep(ctx context.Context) error {
	h, err := r.head(ctx)
	if err != nil || h.Staged > 0 {
		return err
	}
	left, err := r.cells.under(ctx, stageFolder, func(name string) bool {
		at, _, _ := strings.Cut(name, "-")
		version, err := strconv.ParseInt(at, 10, 64)
		return err == nil && version < h.version
	})
	for name := range left {
		if err := r.cells.swap(ctx, h.version, []change{{name: stageFolder + "/" + name}}); err != nil {
			return ignoreMoved(err)
		}
	}
	return err
}
