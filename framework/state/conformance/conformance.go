package conformance

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/state"
)

// Fresh prepares an empty place for one test.
type Fresh func(t *testing.T) Place

// Place is where the stores of one test are.
type Place struct {
	// Open opens it. It is called again after a Close, and must then find what was there: a backend without a disk keeps it elsewhere; and
	// it is called while another store of the place is open, as a second scheduler does.
	Open func() state.Store
	// Lose has the store lose its lock, as if the server heard no more of it. It may return before the store knows. Nil for a backend whose
	// lock cannot be lost.
	Lose func(state.Store)
}

// Run runs the whole suite, each test on a fresh store.
func Run(t *testing.T, fresh Fresh) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(newBench(t, fresh)) })
	}
	t.Run("any history agrees with a model", func(t *testing.T) { history(t, fresh) })
}

var tests = []struct {
	name string
	run  func(*bench)
}{
	{"an empty store holds nothing", empty},
	{"what was written is read", reads},
	{"a value may be empty and is not absent", emptyValue},
	{"deleting leaves nothing, and what is not there may be deleted", deletes},
	{"a list takes whole path elements", lists},
	{"a commit is all or nothing", allOrNothing},
	{"a comparison decides on the exact value", comparisons},
	{"bad keys are refused", badKeys},
	{"any printable key works", goodKeys},
	{"a key is written once in a commit", twice},
	{"a value has a limit", limit},
	{"bytes given and got belong to the caller", copies},
	{"a big commit is one commit", bigCommit},
	{"goroutines lose no update and see no half commit", goroutines},
	{"a reopened store holds the same", reopen},
	{"a closed store says so", closing},
	{"an ended context stops a call", cancelled},
	{"a commit of many megabytes is one commit", hugeCommit},
	{"a second scheduler waits for the lock and is told of the first", secondWaits},
	{"waiting for the lock ends with its context", waitEnds},
	{"who has the lock writes, and keeps it over reads and writes", lockedWrites},
	{"who lost the lock is told, and writes nothing more", lockLost},
}

// bench is one test at a store, with helpers that fail it.
type bench struct {
	t     *testing.T
	open  func() state.Store
	lose  func(state.Store)
	store state.Store
}

func newBench(t *testing.T, fresh Fresh) *bench {
	place := fresh(t)
	return &bench{t: t, open: place.Open, lose: place.Lose}
}

func (b *bench) s() state.Store {
	if b.store == nil {
		b.store = b.open()
		b.t.Cleanup(func() {
			if b.store != nil {
				_ = b.store.Close()
			}
		})
	}
	return b.store
}

func (b *bench) commit(writes ...state.Write) {
	b.t.Helper()
	if err := b.s().Commit(b.t.Context(), writes...); err != nil {
		b.t.Fatalf("Commit: %v", err)
	}
}

func (b *bench) holds(key, want string) {
	b.t.Helper()
	got, err := b.s().Get(b.t.Context(), key)
	if err != nil || string(got) != want {
		b.t.Fatalf("Get(%q) = %q, %v; want %q", key, got, err, want)
	}
	if got == nil {
		b.t.Fatalf("Get(%q) = nil for a value that is there", key)
	}
}

func (b *bench) lacks(key string) {
	b.t.Helper()
	got, err := b.s().Get(b.t.Context(), key)
	b.fails(fault.NotFound, err)
	if got != nil {
		b.t.Fatalf("Get(%q) = %q beside its error", key, got)
	}
	if !strings.Contains(err.Error(), key) {
		b.t.Fatalf("error %q does not name the key %q", err, key)
	}
}

func (b *bench) fails(kind fault.Kind, err error) {
	b.t.Helper()
	if err == nil || fault.KindOf(err) != kind {
		b.t.Fatalf("error %v (%v), want one of kind %v", err, fault.KindOf(err), kind)
	}
}

func (b *bench) content(want map[string]string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.list("")); diff != "" {
		b.t.Fatalf("the store's content (-want +got):\n%s", diff)
	}
}

func (b *bench) list(prefix string) map[string]string {
	b.t.Helper()
	got, err := b.s().List(b.t.Context(), prefix)
	if err != nil {
		b.t.Fatalf("List(%q): %v", prefix, err)
	}
	return texts(got)
}

func texts(values map[string][]byte) map[string]string {
	out := make(map[string]string, len(values))
	for key, value := range values {
		out[key] = string(value)
	}
	return out
}

func set(key, value string) state.Write { return state.Write{Key: key, Value: []byte(value)} }
func del(key string) state.Write        { return state.Write{Key: key} }

// after makes a write wait for what the key holds.
func after(expect string, w state.Write) state.Write {
	w.Compare, w.Expect = true, []byte(expect)
	return w
}

// ifAbsent makes a write wait for a key that holds nothing.
func ifAbsent(w state.Write) state.Write {
	w.Compare = true
	return w
}

func empty(b *bench) {
	b.content(map[string]string{})
	b.lacks("node/agent-01")
	b.commit()
	b.content(map[string]string{})
}

func reads(b *bench) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	b.commit(set("a", "1"), set("a/b", "2"), set("bytes", string(every)))
	b.holds("a", "1")
	b.holds("a/b", "2")
	b.holds("bytes", string(every))
	b.commit(set("a", "3"))
	b.content(map[string]string{"a": "3", "a/b": "2", "bytes": string(every)})
}

func emptyValue(b *bench) {
	b.commit(set("a", ""))
	b.holds("a", "")
	b.content(map[string]string{"a": ""})
	b.fails(fault.Conflict, b.s().Commit(b.t.Context(), ifAbsent(set("a", "1"))))
	b.commit(after("", set("a", "2")))
	b.holds("a", "2")
}

func deletes(b *bench) {
	b.commit(set("a", "1"), set("b", "2"))
	b.commit(del("a"), del("never"))
	b.lacks("a")
	b.content(map[string]string{"b": "2"})
}

func lists(b *bench) {
	b.commit(set("node", "0"), set("node/agent-01", "1"), set("node/agent-02/x", "2"), set("nodes/x", "3"), set("node-1", "4"), set("node.1", "5"), set("m", "6"))
	for prefix, want := range map[string]map[string]string{
		"node":          {"node/agent-01": "1", "node/agent-02/x": "2"},
		"node/agent-02": {"node/agent-02/x": "2"},
		"node/agent-0":  {},
		"nodes":         {"nodes/x": "3"},
		"zebra":         {},
	} {
		if diff := cmp.Diff(want, b.list(prefix)); diff != "" {
			b.t.Errorf("List(%q) (-want +got):\n%s", prefix, diff)
		}
	}
	if got := b.list(""); len(got) != 7 {
		b.t.Errorf("List(\"\") gives %d keys, want 7: %v", len(got), got)
	}
	_, err := b.s().List(b.t.Context(), "node/")
	b.fails(fault.Invalid, err)
}

func allOrNothing(b *bench) {
	b.commit(set("a", "1"), set("b", "2"))
	before := map[string]string{"a": "1", "b": "2"}
	for name, writes := range map[string][]state.Write{
		"a failing comparison at the end":   {set("a", "9"), del("b"), ifAbsent(set("a2", "9")), after("other", set("c", "9"))},
		"a failing comparison at the start": {after("other", set("a", "9")), set("c", "9")},
	} {
		err := b.s().Commit(b.t.Context(), writes...)
		if fault.KindOf(err) != fault.Conflict {
			b.t.Errorf("%s: error %v, want a Conflict", name, err)
		}
		b.content(before)
	}
	b.fails(fault.Invalid, b.s().Commit(b.t.Context(), set("a", "9"), set("bad//key", "9")))
	b.fails(fault.Invalid, b.s().Commit(b.t.Context(), set("a", "9"), set("c", strings.Repeat("x", state.MaxValue+1))))
	b.content(before)
}

func comparisons(b *bench) {
	ctx := b.t.Context()
	b.fails(fault.Conflict, b.s().Commit(ctx, after("1", set("a", "2"))))
	b.fails(fault.Conflict, b.s().Commit(ctx, after("", set("a", "2"))))
	b.commit(ifAbsent(set("a", "1")))
	b.fails(fault.Conflict, b.s().Commit(ctx, ifAbsent(set("a", "2"))))
	b.fails(fault.Conflict, b.s().Commit(ctx, after("10", set("a", "2"))))
	b.fails(fault.Conflict, b.s().Commit(ctx, after("10", del("a"))))
	b.holds("a", "1")
	// Comparisons look at the store before the commit: a swap of two values works.
	b.commit(ifAbsent(set("b", "2")), after("1", set("a", "1")))
	b.commit(after("1", set("a", "2")), after("2", set("b", "1")))
	b.content(map[string]string{"a": "2", "b": "1"})
	b.commit(after("2", del("a")), ifAbsent(del("c")))
	b.content(map[string]string{"b": "1"})
	err := b.s().Commit(ctx, after("0", set("b", "3")))
	b.fails(fault.Conflict, err)
	if !strings.Contains(err.Error(), `"b"`) {
		b.t.Errorf("the conflict %q does not name its key", err)
	}
}

func badKeys(b *bench) {
	ctx := b.t.Context()
	for _, key := range []string{"", "/", "/a", "a/", "a//b", ".", "..", "a/./b", "a/..", "a\x00", "a\nb", "ä", "a\x7f", "\xff", strings.Repeat("k", state.MaxKey+1)} {
		_, err := b.s().Get(ctx, key)
		b.fails(fault.Invalid, err)
		b.fails(fault.Invalid, b.s().Commit(ctx, set(key, "1")))
		b.fails(fault.Invalid, b.s().Commit(ctx, del(key)))
		if key != "" {
			_, err = b.s().List(ctx, key)
			b.fails(fault.Invalid, err)
		}
	}
	b.content(map[string]string{})
}

func goodKeys(b *bench) {
	want := map[string]string{}
	for _, key := range []string{"a", "a b", "...", ".a", "a..", "%2F", `q"'\`, "~", "UPPER", "upper", strings.Repeat("k", state.MaxKey), strings.Repeat("d/", 100) + "e"} {
		b.commit(set(key, "of "+key))
		want[key] = "of " + key
	}
	b.content(want)
	for key, value := range want {
		b.holds(key, value)
	}
}

func twice(b *bench) {
	ctx := b.t.Context()
	b.fails(fault.Invalid, b.s().Commit(ctx, set("a", "1"), set("a", "1")))
	b.fails(fault.Invalid, b.s().Commit(ctx, set("a", "1"), del("a")))
	b.lacks("a")
}

func limit(b *bench) {
	most := strings.Repeat("x", state.MaxValue)
	b.commit(set("a", most))
	b.holds("a", most)
	b.fails(fault.Invalid, b.s().Commit(b.t.Context(), set("a", most+"x")))
	b.holds("a", most)
}

func copies(b *bench) {
	ctx := b.t.Context()
	given := []byte("given")
	b.commit(state.Write{Key: "a", Value: given})
	copy(given, "spoil")
	got, err := b.s().Get(ctx, "a")
	if err != nil {
		b.t.Fatal(err)
	}
	copy(got, "spoil")
	all, err := b.s().List(ctx, "")
	if err != nil {
		b.t.Fatal(err)
	}
	copy(all["a"], "spoil")
	b.commit(set("b", "makes a backend reuse its memory"))
	b.holds("a", "given")
	if string(got) != "spoil" || string(all["a"]) != "spoil" {
		b.t.Errorf("bytes that were handed out changed: %q, %q", got, all["a"])
	}
}

func bigCommit(b *bench) {
	want := map[string]string{}
	var writes []state.Write
	for i := range 2000 {
		key := fmt.Sprintf("node/agent-%04d", i)
		want[key] = strings.Repeat(strconv.Itoa(i), 50)
		writes = append(writes, set(key, want[key]))
	}
	b.commit(writes...)
	b.content(want)
}

func goroutines(b *bench) {
	const writers, increments = 8, 10
	ctx, store := b.t.Context(), b.s()
	b.commit(set("x", "0"), set("y", "0"))
	done := make(chan struct{})
	var watching, working sync.WaitGroup
	for range 2 {
		watching.Go(func() {
			for {
				if all, err := store.List(ctx, ""); err != nil || !bytes.Equal(all["x"], all["y"]) {
					b.t.Errorf("a reader saw x=%q y=%q, %v", all["x"], all["y"], err)
					return
				}
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for range writers {
		working.Go(func() {
			for range increments {
				if err := increment(ctx, store); err != nil {
					b.t.Error(err)
					return
				}
			}
		})
	}
	working.Wait()
	close(done)
	watching.Wait()
	b.holds("x", strconv.Itoa(writers*increments))
}

// increment adds one to x and y, until nobody came in between.
func increment(ctx context.Context, store state.Store) error {
	for {
		now, err := store.Get(ctx, "x")
		if err != nil {
			return err
		}
		n, err := strconv.Atoi(string(now))
		if err != nil {
			return err
		}
		next := strconv.Itoa(n + 1)
		err = store.Commit(ctx, after(string(now), set("x", next)), set("y", next))
		if err == nil || fault.KindOf(err) != fault.Conflict {
			return err
		}
	}
}

func reopen(b *bench) {
	b.commit(set("a", "1"), set("b/c", ""), set("d", "gone"))
	b.commit(del("d"), after("1", set("a", "2")))
	for range 3 {
		if err := b.store.Close(); err != nil {
			b.t.Fatalf("Close: %v", err)
		}
		b.store = b.open()
		b.content(map[string]string{"a": "2", "b/c": ""})
	}
	b.commit(after("2", set("a", "3")))
	b.holds("a", "3")
}

func closing(b *bench) {
	ctx, store := b.t.Context(), b.s()
	for range 2 {
		if err := store.Close(); err != nil {
			b.t.Fatalf("Close: %v", err)
		}
	}
	_, err := store.Get(ctx, "a")
	b.fails(fault.Internal, err)
	_, err = store.List(ctx, "")
	b.fails(fault.Internal, err)
	b.fails(fault.Internal, store.Commit(ctx, set("a", "1")))
}

func cancelled(b *bench) {
	ctx, cancel := context.WithCancel(b.t.Context())
	store := b.s()
	cancel()
	_, err := store.Get(ctx, "a")
	b.fails(fault.Temporary, err)
	_, err = store.List(ctx, "")
	b.fails(fault.Temporary, err)
	b.fails(fault.Temporary, store.Commit(ctx, set("a", "1")))
	b.content(map[string]string{})
}
