package state

import "context"

// Store holds values by key. Keys are like "node/agent-01": not empty, no leading, trailing or double slash, printable ASCII, at most 255
// bytes; values are at most MaxValue bytes. Safe for use by several goroutines. Errors are of package fault: Invalid for a bad key or
// value, NotFound, Conflict for a comparison that failed, Temporary for what may pass, Internal for a corrupt value (naming the key).
type Store interface {
	// Get gives the value of a key; NotFound if it has none.
	Get(ctx context.Context, key string) ([]byte, error)
	// List gives all keys under prefix (a whole path element: "node" lists "node/agent-01", not "nodes/x") with their values; "" lists all.
	List(ctx context.Context, prefix string) (map[string][]byte, error)
	// Commit makes all writes durable, or none. It returns Conflict, and changes nothing, when any write's comparison fails.
	Commit(ctx context.Context, writes ...Write) error
	// Close ends the use of the store.
	Close() error
}

// MaxValue bounds a value, in bytes: what every backend can hold (a znode is below 1 MB).
const MaxValue = 512 << 10

// Write sets a key to Value, or deletes it when Value is nil. With Compare the key must hold Expect just before (nil: must be absent).
type Write struct {
	Key     string
	Value   []byte
	Compare bool
	Expect  []byte
}
