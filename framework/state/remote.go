package state

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// retryAfter is the pause before a server that did not answer is asked again, within the patience of a call.
const retryAfter = 50 * time.Millisecond

// Remote is a Store on a server that others use too. Every commit writes one cell, the head, in the same transaction as its values, and
// only if the head is as it was read: so commits are in one order, comparisons and reads of several keys are of one moment, a commit whose
// answer was lost is recognized by its token, and one by a scheduler that lost its lock is refused, as each new holder leaves its own token
// in the head. A commit that is too big for one transaction is staged: see stage.go.
type Remote struct {
	cells   cells
	session time.Duration // how long a call tries, and an owner may be silent
	writing sync.Mutex    // held while a commit is made

	lease lease

	mu     sync.Mutex
	closed bool
}

// head is the cell that orders commits.
type head struct {
	Format int    `json:"format"`           // 1
	Commit string `json:"commit,omitempty"` // token of the last commit
	Fence  string `json:"fence,omitempty"`  // token of the last who acquired the lock
	Staged int    `json:"staged,omitempty"` // parts of that commit that are to be taken from the folder "stage"

	version int64
}

const format = 1

// openRemote asks the server once, so that a wrong address or a foreign content is known now.
func openRemote(c cells, session time.Duration) (*Remote, error) {
	r := &Remote{cells: c, session: session}
	ctx, cancel := context.WithTimeout(context.Background(), session)
	defer cancel()
	if err := insist(ctx, func() error { _, err := r.head(ctx); return err }); err != nil {
		_ = c.close() // the first error says it all
		return nil, err
	}
	return r, nil
}

// Get implements Store.
func (r *Remote) Get(ctx context.Context, key string) (value []byte, err error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	err = r.use(ctx, func(ctx context.Context) error {
		value, err = r.get(ctx, key)
		return err
	})
	return value, err
}

func (r *Remote) get(ctx context.Context, key string) ([]byte, error) {
	found, err := r.cells.read(ctx, headName, keysFolder+"/"+key)
	if err != nil {
		return nil, err
	}
	h, err := r.parse(found[0])
	if err != nil {
		return nil, err
	}
	if h.Staged > 0 {
		all, err := r.list(ctx, func(name string) bool { return name == key })
		if value, ok := all[key]; ok || err != nil {
			return value, err
		}
		return nil, notFound(key)
	}
	if found[1].version == 0 {
		return nil, notFound(key)
	}
	return unsealed(r.cells.where(), key, found[1].value)
}

// List implements Store.
func (r *Remote) List(ctx context.Context, prefix string) (found map[string][]byte, err error) {
	if err := checkPrefix(prefix); err != nil {
		return nil, err
	}
	if prefix != "" {
		prefix += "/"
	}
	err = r.use(ctx, func(ctx context.Context) error {
		found, err = r.list(ctx, func(key string) bool { return strings.HasPrefix(key, prefix) })
		return err
	})
	return found, err
}

// list reads until the head was the same before and after.
func (r *Remote) list(ctx context.Context, want func(key string) bool) (map[string][]byte, error) {
	before, err := r.head(ctx)
	for {
		if err != nil {
			return nil, err
		}
		found, damage := r.wanted(ctx, before, want)
		if damage != nil && fault.IsTemporary(damage) {
			return nil, damage
		}
		var after head
		if after, err = r.head(ctx); err == nil && after.version == before.version {
			return found, damage
		}
		before = after
	}
}

func (r *Remote) wanted(ctx context.Context, h head, want func(key string) bool) (map[string][]byte, error) {
	held, err := r.cells.under(ctx, keysFolder, want)
	if err != nil {
		return nil, err
	}
	changes, err := r.staged(ctx, h)
	if err != nil {
		return nil, err
	}
	for _, c := range changes {
		if key := strings.TrimPrefix(c.name, keysFolder+"/"); !want(key) {
			continue
		} else if c.value == nil {
			delete(held, key)
		} else {
			held[key] = cell{value: c.value}
		}
	}
	found := make(map[string][]byte, len(held))
	for _, key := range slices.Sorted(maps.Keys(held)) {
		if found[key], err = unsealed(r.cells.where(), key, held[key].value); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// Commit implements Store.
func (r *Remote) Commit(ctx context.Context, writes ...Write) error {
	if err := checkWrites(writes); err != nil {
		return err
	}
	c := &commit{token: token(), writes: writes}
	return r.use(ctx, func(ctx context.Context) (err error) {
		if c.fence, err = r.lease.ours(); err != nil || len(writes) == 0 {
			return err
		}
		return r.commit(ctx, c)
	})
}

// Close implements Store.
func (r *Remote) Close() error {
	r.mu.Lock()
	done := r.closed
	r.closed = true
	r.mu.Unlock()
	if done {
		return nil
	}
	r.lease.end()
	return r.cells.close()
}

// use runs a call of the server, again while it does not answer and the patience lasts.
func (r *Remote) use(ctx context.Context, call func(context.Context) error) error {
	r.mu.Lock()
	done := r.closed
	r.mu.Unlock()
	if done {
		return closed(r.cells.where())
	}
	if err := ended(ctx, r.cells.where()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, r.session)
	defer cancel()
	return insist(ctx, func() error { return call(ctx) })
}

// insist makes a call again until it has an answer, or ctx ends.
func insist(ctx context.Context, call func() error) error {
	for {
		err := call()
		if !fault.IsTemporary(err) || errors.Is(err, errUnsure) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(retryAfter):
		}
	}
}

func (r *Remote) head(ctx context.Context) (head, error) {
	found, err := r.cells.read(ctx, headName)
	if err != nil {
		return head{}, err
	}
	return r.parse(found[0])
}

func (r *Remote) parse(c cell) (h head, err error) {
	if c.version == 0 {
		return head{Format: format}, nil
	}
	if err := json.Unmarshal(c.value, &h); err != nil {
		return h, fault.New(fault.Internal, r.cells.where(), "", "it is damaged: its cell %q cannot be read (%w); restore a dump into another place", headName, err)
	}
	if h.Format != format {
		return h, fault.New(fault.Invalid, r.cells.where(), "", "it has format %d, this version knows %d: it belongs to another version or another program", h.Format, format)
	}
	h.version = c.version
	return h, nil
}

func (h head) change() change {
	value, err := json.Marshal(h)
	if err != nil {
		panic(err) // texts and numbers
	}
	return change{headName, value}
}

// token is a text that nobody else has.
func token() string {
	var random [12]byte
	_, _ = rand.Read(random[:]) // never fails
	return hex.EncodeToString(random[:])
}
