package state

import (
	"context"
	"errors"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// commit is one Commit over all attempts to make it.
type commit struct {
	token  string
	fence  string // the head must have it; "" for who has no lock
	take   string // the fence to leave in the head, for Acquire
	writes []Write

	tried bool  // an attempt got no answer and may still be made
	at    int64 // the head's version at that attempt
}

var errUnsure = errors.New("the server did not answer, and others wrote since: whether it was written is not known")

// commit makes c once, however often it has to be tried.
func (r *Remote) commit(ctx context.Context, c *commit) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	for {
		done, err := r.attempt(ctx, c)
		if done || err != nil {
			return err
		}
	}
}

// attempt makes c, or finds it made, or finds that it has to be tried again.
func (r *Remote) attempt(ctx context.Context, c *commit) (done bool, err error) {
	h, now, err := r.compared(ctx, c.writes)
	if err != nil {
		return false, err
	}
	switch {
	case h.Commit == c.token:
		r.settle(ctx, h)
		return true, nil
	case c.tried && h.version > c.at+1:
		return false, fault.New(fault.Temporary, r.cells.where(), "write", "%w", errUnsure)
	case c.tried && h.version > c.at: // somebody else took the turn
		c.tried = false
		return false, nil
	case c.fence != "" && h.Fence != c.fence:
		return false, lockLost(r.cells.where())
	case h.version == 0:
		return false, ignoreMoved(r.cells.swap(ctx, 0, []change{h.change()}))
	case h.Staged > 0:
		return false, ignoreMoved(r.forward(ctx, h))
	}
	changes := make([]change, 0, len(c.writes)+1)
	for i, w := range c.writes {
		if !w.met(now[i]) {
			return false, conflict(w.Key)
		}
		changes = append(changes, changeOf(w))
	}
	next := head{Format: format, Commit: c.token, Fence: h.Fence}
	if c.take != "" {
		next.Fence = c.take
	}
	return r.write(ctx, c, h, next, changes)
}

// write leaves the head and the changes on the server, in one swap or staged.
func (r *Remote) write(ctx context.Context, c *commit, h, next head, changes []change) (done bool, err error) {
	if all := append(changes, next.change()); fits(r.cells, all) {
		err = r.cells.swap(ctx, h.version, all)
	} else {
		next.Staged, err = r.stage(ctx, h, c.token, changes)
		if err == nil {
			err = r.cells.swap(ctx, h.version, []change{next.change()})
		}
	}
	switch {
	case err == nil:
		next.version = h.version + 1
		r.settle(ctx, next)
		return true, nil
	case errors.Is(err, errMoved):
		return false, nil
	case fault.IsTemporary(err) && !c.tried:
		c.tried, c.at = true, h.version
	}
	return false, err
}

// settle rolls a staged commit forward. It is made already: if this fails, the next commit does it.
func (r *Remote) settle(ctx context.Context, h head) {
	if h.Staged > 0 {
		_ = r.forward(ctx, h)
	}
}

// compared gives the head and, by the index of the write, what the keys hold that are compared.
func (r *Remote) compared(ctx context.Context, writes []Write) (h head, now [][]byte, err error) {
	names, indexes := []string{headName}, []int{}
	for i, w := range writes {
		if w.Compare {
			names, indexes = append(names, keysFolder+"/"+w.Key), append(indexes, i)
		}
	}
	found, err := r.cells.read(ctx, names...)
	if err != nil {
		return h, nil, err
	}
	if h, err = r.parse(found[0]); err != nil || h.Staged > 0 {
		return h, nil, err
	}
	now = make([][]byte, len(writes))
	for i, index := range indexes {
		if c := found[i+1]; c.version > 0 {
			if now[index], err = unsealed(r.cells.where(), writes[index].Key, c.value); err != nil {
				return h, nil, err
			}
		}
	}
	return h, now, nil
}

func changeOf(w Write) change {
	c := change{name: keysFolder + "/" + w.Key}
	if w.Value != nil {
		c.value = sealed(w.Key, w.Value)
	}
	return c
}

func ignoreMoved(err error) error {
	if errors.Is(err, errMoved) {
		return nil
	}
	return err
}
