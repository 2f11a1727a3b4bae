package state

import (
	"context"
	"errors"
	"time"
)

// cells is what a server of small values offers to Remote: named cells below a root of ours, a transaction of limited size, and a lock
// that the server takes away from an owner that is silent for too long. A Temporary error leaves open whether a swap was made.
type cells interface {
	// where names server and root for messages.
	where() string
	// read gives the cells of these names, in their order, each no older than the one before it.
	read(ctx context.Context, names ...string) ([]cell, error)
	// under gives all cells in a folder ("keys") whose names, without the folder's, are wanted.
	under(ctx context.Context, folder string, want func(name string) bool) (map[string]cell, error)
	// swap makes all changes, or none with errMoved when the head has another version than at.
	swap(ctx context.Context, at int64, changes []change) error
	// limits bounds a swap: its changes, and the bytes of their names and values.
	limits() (changes, size int)

	// claim takes the lock; it gives the holder's name, and whether that is us.
	claim(ctx context.Context, owner string) (holder string, ours bool, err error)
	// vacated waits until the lock may be free; it may return early.
	vacated(ctx context.Context) error
	// renew says that we are there; errGone when the lock is no longer ours.
	renew(ctx context.Context) error
	// patience is how long the server keeps a lock whose owner is silent; it is known once claim has returned.
	patience() time.Duration

	// close lets go of the lock and of the server.
	close() error
}

// cell is a value and how often it was written; version 0 is a cell that is not there.
type cell struct {
	value   []byte
	version int64
}

// change sets a cell, or removes it when the value is nil.
type change struct {
	name  string
	value []byte
}

// The cells of the root. A key's cell is in the folder "keys", a part of a big commit in the folder "stage".
const (
	headName    = "head"
	lockName    = "lock"
	keysFolder  = "keys"
	stageFolder = "stage"
)

var (
	errMoved = errors.New("the head has moved")
	errGone  = errors.New("the lock is gone")
)

// weight is what a change counts for in a limit of bytes: its texts and what protocols put around them.
func (c change) weight() int { return 2*len(c.name) + len(c.value) + 128 }

// fits says whether one swap can make all changes.
func fits(c cells, changes []change) bool {
	most, size := c.limits()
	for _, one := range changes {
		size -= one.weight()
	}
	return len(changes) <= most && size >= 0
}
