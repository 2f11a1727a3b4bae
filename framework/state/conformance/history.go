package conformance

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/state"
)

// history makes random commits, reads and reopenings and compares the store with a map after each. All histories share one store, which
// each begins by emptying: opening a new one for each would be most of the time.
func history(t *testing.T, fresh Fresh) {
	b := newBench(t, fresh)
	keys := rapid.SampledFrom([]string{"a", "a/b", "a/b/c", "a/c", "ab", "b", "b/a"})
	values := rapid.SampledFrom([]string{"", "1", "2", "longer than the others"})
	rapid.Check(t, func(r *rapid.T) {
		for key := range b.list("") {
			b.commit(del(key))
		}
		model := map[string]string{}
		r.Repeat(map[string]func(*rapid.T){
			"commit": func(r *rapid.T) {
				writes := drawWrites(r, keys, values)
				want := apply(model, writes)
				err := b.s().Commit(t.Context(), writes...)
				if (err == nil) != (want != nil) || err != nil && fault.KindOf(err) != fault.Conflict {
					r.Fatalf("Commit(%+v) on %v: %v", writes, model, err)
				}
				if err == nil {
					model = want
				}
			},
			"list": func(r *rapid.T) {
				prefix := keys.Draw(r, "prefix")
				want := maps.Clone(model)
				maps.DeleteFunc(want, func(key, _ string) bool { return !strings.HasPrefix(key, prefix+"/") })
				if diff := cmp.Diff(want, b.list(prefix)); diff != "" {
					r.Fatalf("List(%q) (-want +got):\n%s", prefix, diff)
				}
			},
			"reopen": func(r *rapid.T) {
				if err := b.store.Close(); err != nil {
					r.Fatal(err)
				}
				b.store = b.open()
			},
			"": func(r *rapid.T) {
				if diff := cmp.Diff(model, b.list("")); diff != "" {
					r.Fatalf("content (-want +got):\n%s", diff)
				}
			},
		})
	})
}

func drawWrites(r *rapid.T, keys, values *rapid.Generator[string]) []state.Write {
	var writes []state.Write
	for _, key := range rapid.SliceOfNDistinct(keys, 1, 4, rapid.ID).Draw(r, "keys") {
		w := state.Write{Key: key}
		if rapid.Bool().Draw(r, "set") {
			w.Value = []byte(values.Draw(r, "value"))
		}
		switch rapid.IntRange(0, 3).Draw(r, "compare") {
		case 0:
			w = ifAbsent(w)
		case 1:
			w = after(values.Draw(r, "expect"), w)
		}
		writes = append(writes, w)
	}
	return writes
}

// apply gives what the model is after the writes, or nil when a comparison fails.
func apply(model map[string]string, writes []state.Write) map[string]string {
	next := maps.Clone(model)
	failed := slices.ContainsFunc(writes, func(w state.Write) bool {
		now, there := model[w.Key]
		return w.Compare && (there != (w.Expect != nil) || now != string(w.Expect))
	})
	if failed {
		return nil
	}
	for _, w := range writes {
		if w.Value == nil {
			delete(next, w.Key)
		} else {
			next[w.Key] = string(w.Value)
		}
	}
	return next
}
