package service

import (
	"context"
	"log/slog"
	"testing"

	"github.com/dcos-scaleio/scaleio/framework/options"
	"github.com/dcos-scaleio/scaleio/framework/state"
)

func TestOnlyARemovedFrameworkIsReset(t *testing.T) {
	ctx, log := context.Background(), slog.New(slog.DiscardHandler)
	for _, test := range []struct {
		record string
		reset  bool
		kept   bool
	}{
		{`{"id":"f1"}`, true, true},
		{`{"id":"f1","removed":"Framework has been removed"}`, false, true},
		{`{"id":"f1","removed":"Framework has been removed"}`, true, false},
	} {
		store := state.NewMemory()
		if err := store.Commit(ctx, state.Write{Key: "framework", Value: []byte(test.record)}, state.Write{Key: "plan/deploy", Value: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
		stored, err := remembered(ctx, &options.Options{ResetFramework: test.reset}, store, log)
		if err != nil {
			t.Fatal(err)
		}
		if kept := stored["framework"] != nil; kept != test.kept || stored["plan/deploy"] == nil {
			t.Errorf("%s, reset %v: the store holds %d keys, the framework is kept: %v", test.record, test.reset, len(stored), kept)
		}
	}
}
