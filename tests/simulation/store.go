package simulation

import (
	"context"
	"errors"

	"github.com/dcos-scaleio/scaleio/framework/state"
)

// faultyStore fails now and then; whoever asked does not know whether it was done.
type faultyStore struct {
	state.Store
	fail, done bool
}

func (s *faultyStore) failNext(done bool) { s.fail, s.done = true, done }

var errStore = errors.New("no space left on device")

// Commit implements state.Store.
func (s *faultyStore) Commit(ctx context.Context, writes ...state.Write) error {
	if !s.fail {
		return s.Store.Commit(ctx, writes...)
	}
	s.fail = false
	if s.done {
		if err := s.Store.Commit(ctx, writes...); err != nil {
			return err
		}
	}
	return errStore
}
