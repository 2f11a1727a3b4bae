package state

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// fakeCells is a server of few, small changes whose every swap can fail.
type fakeCells struct {
	server *fakeServer
	name   string
	dead   bool
}

type fakeServer struct {
	mu     sync.Mutex
	cells  map[string]cell
	swaps  int
	holder string
	// before and after are called around the swap of that number; an error of before keeps it from being made.
	before, after func(n int) error
}

func newFakeServer() *fakeServer {
	pass := func(int) error { return nil }
	return &fakeServer{cells: map[string]cell{}, before: pass, after: pass}
}

func (s *fakeServer) open(t *testing.T, name string) (*Remote, *fakeCells) {
	t.Helper()
	c := &fakeCells{server: s, name: name}
	r, err := openRemote(c, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r, c
}

func (c *fakeCells) where() string               { return "fake" }
func (c *fakeCells) limits() (changes, size int) { return 4, 2000 }
func (c *fakeCells) patience() time.Duration     { return time.Minute }
func (c *fakeCells) close() error                { return nil }

func (c *fakeCells) read(_ context.Context, names ...string) (found []cell, err error) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	for _, name := range names {
		found = append(found, c.server.cells[name])
	}
	return found, nil
}

func (c *fakeCells) under(_ context.Context, folder string, want func(string) bool) (map[string]cell, error) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	found := map[string]cell{}
	for name, held := range c.server.cells {
		if key, ok := strings.CutPrefix(name, folder+"/"); ok && want(key) {
			found[key] = held
		}
	}
	return found, nil
}

var errDead = errors.New("the process is dead")

func (c *fakeCells) swap(_ context.Context, at int64, changes []change) error {
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.dead {
		return errDead
	}
	if !fits(c, changes) {
		return fmt.Errorf("%d changes are too many or too big", len(changes))
	}
	n := s.swaps
	s.swaps++
	if err := s.before(n); err != nil {
		c.dead = errors.Is(err, errDead)
		return err
	}
	if s.cells[headName].version != at {
		return errMoved
	}
	for _, one := range changes {
		if one.value == nil {
			delete(s.cells, one.name)
		} else {
			s.cells[one.name] = cell{one.value, s.cells[one.name].version + 1}
		}
	}
	return s.after(n)
}

func (c *fakeCells) claim(context.Context, string) (string, bool, error) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if c.server.holder == "" {
		c.server.holder = c.name
	}
	return c.server.holder, c.server.holder == c.name, nil
}

func (c *fakeCells) vacated(context.Context) error { return nil }

func (c *fakeCells) renew(context.Context) error { return nil }

// big is a commit that needs several parts, and what the store holds after it.
func big(t *testing.T, r *Remote) (writes []Write, after map[string]string) {
	t.Helper()
	after = content(t, r)
	for i := range 10 {
		key := fmt.Sprintf("k%d", i)
		value := strings.Repeat(fmt.Sprint(i), 300)
		writes = append(writes, Write{Key: key, Value: []byte(value)})
		after[key] = value
	}
	writes = append(writes, Write{Key: "gone"}, Write{Key: "count", Value: []byte("2"), Compare: true, Expect: []byte("1")})
	delete(after, "gone")
	after["count"] = "2"
	return writes, after
}

func content(t *testing.T, r *Remote) map[string]string {
	t.Helper()
	all, err := r.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for key, value := range all {
		texts[key] = string(value)
		if one, err := r.Get(t.Context(), key); err != nil || string(one) != string(value) {
			t.Errorf("Get(%q) = %.20q, %v; List gives %.20q", key, one, err, value)
		}
	}
	return texts
}

// begun is a server with a store that holds something.
func begun(t *testing.T) (*fakeServer, *Remote, map[string]string) {
	t.Helper()
	s := newFakeServer()
	r, _ := s.open(t, "first")
	before := map[string]string{"gone": "soon", "count": "1", "k3": "old"}
	for key, value := range before {
		if err := r.Commit(t.Context(), Write{Key: key, Value: []byte(value)}); err != nil {
			t.Fatal(err)
		}
	}
	return s, r, before
}

// TestACrashBetweenAnyTwoWrites ends the process before and after each write of a commit in parts: all of it is there, or nothing, for
// readers and for the next scheduler, which leaves nothing of it behind.
func TestACrashBetweenAnyTwoWrites(t *testing.T) {
	crashes, made := 0, 0
	for _, done := range []bool{false, true} {
		for n := 0; ; n++ {
			s, r, before := begun(t)
			writes, after := big(t, r)
			crash := s.swaps + n
			die := func(now int) error {
				if now == crash {
					return errDead
				}
				return nil
			}
			if done {
				s.after = die
			} else {
				s.before = die
			}
			_ = r.Commit(t.Context(), writes...)
			if s.swaps <= crash {
				break // it came through
			}
			crashes++
			s.before, s.after = newFakeServer().before, newFakeServer().after
			next, _ := s.open(t, "next")
			found := content(t, next)
			if cmp.Equal(found, after) {
				made++
			} else if diff := cmp.Diff(before, found); diff != "" {
				t.Fatalf("crash at write %d (made: %v): neither before nor after\n%s", n, done, diff)
			}
			if _, err := next.Acquire(t.Context(), "next", nil); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(found, content(t, next)); diff != "" {
				t.Errorf("crash at write %d: another content once there is a lock\n%s", n, diff)
			}
			if err := next.Commit(t.Context(), Write{Key: "then", Value: []byte("1")}); err != nil {
				t.Fatal(err)
			}
			for name := range maps.Keys(s.cells) {
				if strings.HasPrefix(name, stageFolder) {
					t.Errorf("crash at write %d leaves %s", n, name)
				}
			}
		}
	}
	if crashes < 20 || made == 0 || made == crashes {
		t.Errorf("%d crashes, %d commits made: the test does not test", crashes, made)
	}
}

// TestALostAnswerIsLookedUp loses the answer of each write in turn, made or not: the commit is made, once.
func TestALostAnswerIsLookedUp(t *testing.T) {
	for _, done := range []bool{false, true} {
		for n := 0; ; n++ {
			s, r, _ := begun(t)
			writes, after := big(t, r)
			lost := s.swaps + n
			lose := func(now int) error {
				if now == lost {
					return fault.New(fault.Temporary, "fake", "write", "no answer")
				}
				return nil
			}
			if done {
				s.after = lose
			} else {
				s.before = lose
			}
			if err := r.Commit(t.Context(), writes...); err != nil {
				t.Fatalf("lost answer %d (made: %v): %v", n, done, err)
			}
			if diff := cmp.Diff(after, content(t, r)); diff != "" {
				t.Fatalf("lost answer %d (made: %v)\n%s", n, done, diff)
			}
			if s.swaps <= lost {
				break
			}
		}
	}
}

// TestALostAnswerThatOthersWroteOver has two others write between the lost answer and the question for it: nobody can know.
func TestALostAnswerThatOthersWroteOver(t *testing.T) {
	for _, others := range []int{0, 1, 2} {
		s, r, _ := begun(t)
		other, _ := s.open(t, "other")
		at := s.swaps
		s.after = func(n int) error {
			if n != at {
				return nil
			}
			s.after = func(int) error { return nil }
			s.mu.Unlock()
			defer s.mu.Lock()
			for i := range others {
				if err := other.Commit(t.Context(), Write{Key: "other", Value: fmt.Append(nil, i)}); err != nil {
					t.Error(err)
				}
			}
			return fault.New(fault.Temporary, "fake", "write", "no answer")
		}
		err := r.Commit(t.Context(), Write{Key: "count", Value: []byte("2"), Compare: true, Expect: []byte("1")})
		if others == 0 && err != nil || others > 0 && (!fault.IsTemporary(err) || !errors.Is(err, errUnsure)) {
			t.Errorf("%d others: %v", others, err)
		}
	}
}

// TestWhoDoesNotKnowThatItsLockIsLost is fenced by the server: its commits are refused though it believes in its lock.
func TestWhoDoesNotKnowThatItsLockIsLost(t *testing.T) {
	s, first, before := begun(t)
	lost, err := first.Acquire(t.Context(), "first", nil)
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.holder = ""
	s.mu.Unlock()
	second, _ := s.open(t, "second")
	if _, err := second.Acquire(t.Context(), "second", nil); err != nil {
		t.Fatal(err)
	}
	select {
	case <-lost:
		t.Fatal("the first knows already")
	default:
	}
	writes, after := big(t, second)
	for _, w := range [][]Write{{{Key: "count", Value: []byte("9")}}, writes} {
		if err := first.Commit(t.Context(), w...); fault.KindOf(err) != fault.Denied {
			t.Errorf("a commit without the lock: %v", err)
		}
	}
	if diff := cmp.Diff(before, content(t, second)); diff != "" {
		t.Error(diff)
	}
	if err := second.Commit(t.Context(), writes...); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(after, content(t, first)); diff != "" {
		t.Error(diff)
	}
}
