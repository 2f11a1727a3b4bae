package state

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// Store holds values by key. Keys are like "node/agent-01": not empty, no leading, trailing or double slash, no element "." or "..",
// printable ASCII, at most MaxKey bytes; values are at most MaxValue bytes. Safe for use by several goroutines. What goes in and comes
// out is copied. Errors are of package fault: Invalid for a bad key or value, NotFound, Conflict for a comparison that failed, Temporary
// for what may pass (the disk is full, the server does not answer, another scheduler has the file), Denied for a lock that was lost or
// credentials that are wrong, Internal for a corrupt value (naming the key) or a closed store.
type Store interface {
	// Get gives the value of a key; NotFound if it has none.
	Get(ctx context.Context, key string) ([]byte, error)
	// List gives all keys under prefix (a whole path element: "node" lists "node/agent-01", not "nodes/x", nor "node" itself) with
	// their values, all of one moment; "" lists all.
	List(ctx context.Context, prefix string) (map[string][]byte, error)
	// Commit makes all writes durable, or none. It returns Conflict, and changes nothing, when any write's comparison fails. All
	// comparisons see the store as it was before the Commit; a key written twice in one Commit is Invalid.
	Commit(ctx context.Context, writes ...Write) error
	// Acquire waits until this store is the only one of its place that is locked, and keeps it so until Close; it is called once. owner
	// says who we are to whoever waits then. waiting, if not nil, is called from here with the owner that is waited for, whenever that
	// is another one. lost is closed when the lock may no longer be ours, at the latest at the moment when another one could get it,
	// and by Close: then nothing more may be sent. Every Commit after a loss is Denied, also one that does not know of it yet.
	Acquire(ctx context.Context, owner string, waiting func(holder string)) (lost <-chan struct{}, err error)
	// Close ends the use of the store and lets go of its lock. Closing again does nothing.
	Close() error
}

// MaxValue bounds a value, in bytes: what every backend can hold (a znode is below 1 MB).
const MaxValue = 512 << 10

// MaxKey bounds a key, in bytes.
const MaxKey = 255

// Write sets a key to Value, or deletes it when Value is nil. With Compare the key must hold Expect just before (nil: must be absent).
type Write struct {
	Key     string
	Value   []byte
	Compare bool
	Expect  []byte
}

// checkKey says what is wrong with a key.
func checkKey(key string) error {
	wrong := func(why string) error {
		return fault.New(fault.Invalid, fmt.Sprintf("state key %.300q", key), "", "%s", why)
	}
	if key == "" {
		return wrong("is empty")
	}
	if len(key) > MaxKey {
		return wrong(fmt.Sprintf("has %d bytes, at most %d are allowed", len(key), MaxKey))
	}
	for _, c := range []byte(key) {
		if c < ' ' || c > '~' {
			return wrong(fmt.Sprintf("holds the byte %#02x, only printable ASCII is allowed", c))
		}
	}
	for element := range strings.SplitSeq(key, "/") {
		switch element {
		case "":
			return wrong("has a leading, trailing or double slash")
		case ".", "..":
			return wrong(fmt.Sprintf("has an element %q, which some backends cannot hold", element))
		}
	}
	return nil
}

// checkPrefix allows what checkKey allows, and "".
func checkPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	return checkKey(prefix)
}

// checkWrites says what is wrong with a transaction before anything of it is tried.
func checkWrites(writes []Write) error {
	seen := make(map[string]bool, len(writes))
	for _, w := range writes {
		if err := checkKey(w.Key); err != nil {
			return err
		}
		if len(w.Value) > MaxValue {
			return fault.New(fault.Invalid, keyed(w.Key), "", "the value has %d bytes, at most %d are allowed", len(w.Value), MaxValue)
		}
		if seen[w.Key] {
			return fault.New(fault.Invalid, keyed(w.Key), "", "is written twice in one transaction")
		}
		seen[w.Key] = true
	}
	return nil
}

// met says whether the comparison of a write holds against what the key has now (nil: nothing).
func (w Write) met(now []byte) bool {
	return !w.Compare || (w.Expect == nil) == (now == nil) && bytes.Equal(w.Expect, now)
}

func conflict(key string) error {
	return fault.New(fault.Conflict, keyed(key), "", "was changed by somebody else; nothing of the transaction was written")
}

func notFound(key string) error { return fault.New(fault.NotFound, keyed(key), "", "holds nothing") }

func closed(where string) error {
	return fault.New(fault.Internal, where, "", "is used after it was closed")
}

func lockLost(where string) error {
	return fault.New(fault.Denied, where, "", "the lock was lost, another scheduler may have it: nothing was written")
}

func ended(ctx context.Context, where string) error {
	if err := ctx.Err(); err != nil {
		return fault.New(fault.Temporary, where, "", "%w", err)
	}
	return nil
}

func keyed(key string) string { return fmt.Sprintf("state key %q", key) }

// copied gives a copy that is nil only for nil.
func copied(value []byte) []byte {
	if value == nil {
		return nil
	}
	return append(make([]byte, 0, len(value)), value...)
}
