package service

import (
	"context"
	"log/slog"

	"github.com/dcos-scaleio/scaleio/framework/options"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
	"github.com/dcos-scaleio/scaleio/framework/state"
)

// remembered is what the store holds. If the operator says so, a framework that Mesos has removed is forgotten first.
func remembered(ctx context.Context, o *options.Options, store state.Store, log *slog.Logger) (map[string][]byte, error) {
	stored, err := store.List(ctx, "")
	if err != nil || !o.ResetFramework {
		return stored, err
	}
	writes, err := scheduler.ResetFramework(stored)
	if err != nil {
		return nil, err
	}
	if len(writes) == 0 {
		log.Info("there is nothing to reset: Mesos has not removed the framework")
		return stored, nil
	}
	if err := store.Commit(ctx, writes...); err != nil {
		return nil, err
	}
	log.Warn("the framework that Mesos has removed is forgotten; the service registers anew and knows its nodes and their storage still")
	return store.List(ctx, "")
}
