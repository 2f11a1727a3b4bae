package gateway

import (
	"context"

	"github.com/dcos-scaleio/scaleio/framework/layout"
)

// Storage is a ScaleIO system as the scheduler sees it.
type Storage interface {
	// Observe gives the whole system as it is now.
	Observe(ctx context.Context) (*layout.Observed, error)
	// Apply makes the system as op says and tells what it took. Repeating it changes nothing.
	Apply(ctx context.Context, op layout.Operation) (Outcome, error)
}

var _ Storage = (*Client)(nil)

// Result says whether an operation found work to do.
type Result string

// The results of an operation that succeeded.
const (
	Created   Result = "created"   // or changed
	Unchanged Result = "unchanged" // it was so already
)

// Outcome is what an operation came to, with the ids it learnt: empty where it had no need to ask.
type Outcome struct {
	Result   Result
	Domain   string // protection domain
	FaultSet string
	Pool     string
	SDS      string
	Device   string
}
