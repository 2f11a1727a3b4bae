package conformance

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/state"
)

// soon is more than anything here takes on a busy machine.
const soon = 30 * time.Second

// another opens the place a second time.
func (b *bench) another() state.Store {
	second := b.open()
	b.t.Cleanup(func() { _ = second.Close() })
	return second
}

func (b *bench) acquire(s state.Store, owner string) <-chan struct{} {
	b.t.Helper()
	lost, err := s.Acquire(b.t.Context(), owner, func(holder string) { b.t.Errorf("%s waits for %q", owner, holder) })
	if err != nil {
		b.t.Fatalf("Acquire: %v", err)
	}
	return lost
}

func (b *bench) closed(c <-chan struct{}, what string) {
	b.t.Helper()
	select {
	case <-c:
	case <-time.After(soon):
		b.t.Fatalf("%s: nothing happened", what)
	}
}

func (b *bench) still(c <-chan struct{}, what string) {
	b.t.Helper()
	select {
	case <-c:
		b.t.Fatal(what)
	default:
	}
}

func secondWaits(b *bench) {
	lost := b.acquire(b.s(), "the first")
	b.commit(set("a", "1"))
	second := b.another()
	told, got := make(chan string, 10), make(chan struct{})
	var secondLost <-chan struct{}
	go func() {
		defer close(got)
		var err error
		if secondLost, err = second.Acquire(b.t.Context(), "the second", func(holder string) { told <- holder }); err != nil {
			b.t.Errorf("the second: %v", err)
		}
	}()
	select {
	case holder := <-told:
		if holder != "the first" {
			b.t.Errorf("the second waits for %q, want the first", holder)
		}
	case <-time.After(soon):
		b.t.Fatal("the second was told nothing")
	}
	b.commit(set("a", "2"))
	b.still(got, "the second has the lock that the first has")
	b.still(lost, "the first lost the lock to one that waits")
	if err := b.store.Close(); err != nil {
		b.t.Fatal(err)
	}
	b.closed(lost, "the first closed its store, its lock is lost")
	b.closed(got, "the first let go, the second has the lock")
	b.store = second
	b.holds("a", "2")
	b.commit(set("a", "3"))
	b.still(secondLost, "the second lost the lock")
}

func waitEnds(b *bench) {
	b.acquire(b.s(), "the first")
	ctx, cancel := context.WithCancel(b.t.Context())
	defer cancel()
	_, err := b.another().Acquire(ctx, "the second", func(string) { cancel() })
	b.fails(fault.Temporary, err)
	b.commit(set("a", "1"))
}

func lockedWrites(b *bench) {
	lost := b.acquire(b.s(), "the first")
	for i := range 20 {
		b.commit(set("a", strconv.Itoa(i)), set("b", strconv.Itoa(i)))
	}
	b.content(map[string]string{"a": "19", "b": "19"})
	b.still(lost, "the lock was lost")
	if err := b.store.Close(); err != nil {
		b.t.Fatal(err)
	}
	b.closed(lost, "the store is closed")
	b.store = b.open()
	b.acquire(b.store, "the next")
	b.content(map[string]string{"a": "19", "b": "19"})
	if err := b.store.Close(); err != nil {
		b.t.Fatal(err)
	}
}

func lockLost(b *bench) {
	if b.lose == nil {
		b.t.Skip("a lock of this backend lasts as long as its process")
	}
	lost := b.acquire(b.s(), "the first")
	b.commit(set("a", "1"))
	b.lose(b.store)
	b.closed(lost, "the lock was taken away")
	b.fails(fault.Denied, b.store.Commit(b.t.Context(), set("a", "2")))
	second := b.another()
	if _, err := second.Acquire(b.t.Context(), "the second", nil); err != nil {
		b.t.Fatal(err)
	}
	if err := second.Commit(b.t.Context(), set("a", "3")); err != nil {
		b.t.Fatal(err)
	}
	b.fails(fault.Denied, b.store.Commit(b.t.Context(), set("a", "4")))
	got, err := second.Get(b.t.Context(), "a")
	if err != nil || string(got) != "3" {
		b.t.Errorf("then the value is %q, %v", got, err)
	}
}

// hugeCommit is more than servers take at once.
func hugeCommit(b *bench) {
	want := map[string]string{}
	for round := range 2 {
		var writes []state.Write
		for i := range 40 {
			key := "huge/" + strconv.Itoa(i)
			if i == round { // one that comes and goes
				delete(want, key)
				writes = append(writes, del(key))
				continue
			}
			want[key] = strings.Repeat(strconv.Itoa(i*(round+1))+" ", 30_000)
			writes = append(writes, set(key, want[key]))
		}
		b.commit(writes...)
		got := b.list("huge")
		if len(got) != len(want) {
			b.t.Fatalf("%d values, want %d", len(got), len(want))
		}
		for key, value := range want {
			if string(got[key]) != value {
				b.t.Fatalf("%s holds %d bytes that are not those committed", key, len(got[key]))
			}
		}
	}
	b.fails(fault.Conflict, b.s().Commit(b.t.Context(), append(many(40), after("other", set("huge/5", "x")))...))
	b.lacks("many/1")
	b.commit(append(many(40), after(want["huge/5"], set("huge/5", "x")))...)
	b.holds("many/1", strings.Repeat("m", 60_000))
	b.holds("huge/5", "x")
	b.commit(set("after", "it"))
}

func many(n int) (writes []state.Write) {
	for i := range n {
		writes = append(writes, set("many/"+strconv.Itoa(i), strings.Repeat("m", 60_000)))
	}
	return writes
}
