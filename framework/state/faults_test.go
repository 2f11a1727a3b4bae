package state_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/secret"
	"github.com/dcos-scaleio/scaleio/framework/state"
)

// count adds one to the number in "x", in every case once.
func count(ctx context.Context, s state.Store, from int) error {
	w := state.Write{Key: "x", Value: []byte(strconv.Itoa(from + 1)), Compare: true}
	if from > 0 {
		w.Expect = []byte(strconv.Itoa(from))
	}
	return s.Commit(ctx, w, state.Write{Key: "y", Value: w.Value})
}

func holds(t *testing.T, s state.Store, key, want string) {
	t.Helper()
	if got, err := s.Get(t.Context(), key); err != nil || string(got) != want {
		t.Errorf("%s is %.40q, %v; want %.40q", key, got, err, want)
	}
}

// TestALostConnectionLosesAndRepeatsNothing ends the connection in place of each answer of the server in turn.
func TestALostConnectionLosesAndRepeatsNothing(t *testing.T) {
	on(t, func(t *testing.T, b *backend) {
		p := b.proxy(t)
		at := b.through(b.place(b.server.Address), p)
		at.Session = 20 * time.Second
		s := opened(t, at)
		defer s.Close()
		if _, err := s.Acquire(t.Context(), "the only one", nil); err != nil {
			t.Fatal(err)
		}
		lost := 0
		for n := range 6 {
			p.LoseAfter(n)
			if err := count(t.Context(), s, n); err != nil {
				t.Fatalf("an answer that was lost after %d others: %v", n, err)
			}
			holds(t, s, "y", strconv.Itoa(n+1))
			if p.Lost() {
				lost++
			}
		}
		if lost < 2 {
			t.Errorf("%d connections were lost: the test does not test", lost)
		}
	})
}

func TestASlowServerIsNotWaitedForForEver(t *testing.T) {
	on(t, func(t *testing.T, b *backend) {
		p := b.proxy(t)
		at := b.through(b.place(b.server.Address), p)
		at.Session = 4 * time.Second
		s := opened(t, at)
		defer s.Close()
		if err := count(t.Context(), s, 0); err != nil {
			t.Fatal(err)
		}
		p.Stall()
		begun := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		err := count(ctx, s, 1)
		if !fault.IsTemporary(err) || !strings.Contains(err.Error(), p.Address) || time.Since(begun) > at.Session {
			t.Errorf("the caller's limit: after %v, %v", time.Since(begun), err)
		}
		if err := s.Commit(t.Context(), state.Write{Key: "z", Value: []byte("1")}); !fault.IsTemporary(err) || time.Since(begun) > 5*at.Session {
			t.Errorf("our own limit: after %v, %v", time.Since(begun), err)
		}
		p.Heal()
		if err := s.Commit(t.Context(), state.Write{Key: "z", Value: []byte("2")}); err != nil {
			t.Errorf("after it was slow: %v", err)
		}
		holds(t, s, "z", "2")
	})
}

// TestAServerThatIsNotThere is said when the store is opened.
func TestAServerThatIsNotThere(t *testing.T) {
	on(t, func(t *testing.T, b *backend) {
		p := b.proxy(t)
		p.Cut()
		at := b.through(b.place(b.server.Address), p)
		at.Session = 500 * time.Millisecond
		s, err := state.Open(at)
		if !fault.IsTemporary(err) || !strings.Contains(err.Error(), p.Address) {
			t.Errorf("%v, %v", s, err)
		}
	})
}

func TestAServerThatIsKilledKeepsStateAndLock(t *testing.T) {
	on(t, func(t *testing.T, b *backend) {
		at := b.place(b.server.Address)
		at.Session = 30 * time.Second
		s := opened(t, at)
		defer s.Close()
		lost, err := s.Acquire(t.Context(), "the only one", nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := count(t.Context(), s, 0); err != nil {
			t.Fatal(err)
		}
		b.server.Kill()
		counted := make(chan error)
		go func() { counted <- count(t.Context(), s, 1) }()
		if err := b.server.Start(); err != nil {
			t.Fatal(err)
		}
		if err := <-counted; err != nil {
			t.Errorf("a commit while the server was away: %v", err)
		}
		holds(t, s, "y", "2")
		select {
		case <-lost:
			t.Error("the lock was lost")
		default:
		}
	})
}

// TestTwoWriters are two schedulers without a lock, which the lock is there to prevent: neither undoes what the other did.
func TestTwoWriters(t *testing.T) {
	const each = 20
	on(t, func(t *testing.T, b *backend) {
		at := b.place(b.server.Address)
		var writers sync.WaitGroup
		for range 2 {
			s := opened(t, at)
			defer s.Close()
			writers.Go(func() {
				for done := 0; done < each; {
					now, err := s.Get(t.Context(), "x")
					if err != nil && fault.KindOf(err) != fault.NotFound {
						t.Error(err)
						return
					}
					n, _ := strconv.Atoi(string(now)) // 0 when it is not there
					if err := count(t.Context(), s, n); err == nil {
						done++
					} else if fault.KindOf(err) != fault.Conflict {
						t.Error(err)
						return
					}
				}
			})
		}
		writers.Wait()
		s := opened(t, at)
		defer s.Close()
		holds(t, s, "x", strconv.Itoa(2*each))
		holds(t, s, "y", strconv.Itoa(2*each))
	})
}

// raw writes a cell past the store.
func (b *backend) raw(t *testing.T, at state.Config, cell, value string) {
	t.Helper()
	_, root, _ := strings.Cut(strings.TrimPrefix(at.URI, b.scheme+"://"), "/")
	if b == zooKeeper {
		conn, _, err := zk.Connect([]string{b.server.Address}, time.Second, zk.WithLogInfo(false))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Set("/"+root+"/"+strings.Replace(cell, "node/", "node%2F", 1), []byte(value), -1); err != nil {
			t.Fatal(err)
		}
		return
	}
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{b.server.Address}, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Put(t.Context(), "/"+root+"/"+cell, value); err != nil {
		t.Fatal(err)
	}
}

func TestADamagedCellIsNamed(t *testing.T) {
	on(t, func(t *testing.T, b *backend) {
		for value, want := range map[string]string{"": `"node/a"`, "00000000 1": `"node/a"`, "{": `"node/a"`} {
			at := b.place(b.server.Address)
			s := opened(t, at)
			defer s.Close()
			if err := s.Commit(t.Context(), state.Write{Key: "node/a", Value: []byte("1")}, state.Write{Key: "node/b", Value: []byte("2")}); err != nil {
				t.Fatal(err)
			}
			b.raw(t, at, "keys/node/a", value)
			if _, err := s.List(t.Context(), ""); fault.KindOf(err) != fault.Internal || !strings.Contains(err.Error(), want) {
				t.Errorf("List with %q: %v", value, err)
			}
			if _, err := s.Get(t.Context(), "node/a"); fault.KindOf(err) != fault.Internal || !strings.Contains(err.Error(), want) {
				t.Errorf("Get with %q: %v", value, err)
			}
			holds(t, s, "node/b", "2")
			if err := s.Commit(t.Context(), state.Write{Key: "node/a"}); err != nil {
				t.Errorf("the key cannot be deleted: %v", err)
			}
		}
		for value, want := range map[string]string{"x": "is damaged", `{"format":7}`: "format 7"} {
			at := b.place(b.server.Address)
			s := opened(t, at)
			defer s.Close()
			if err := count(t.Context(), s, 0); err != nil {
				t.Fatal(err)
			}
			b.raw(t, at, "head", value)
			if _, err := state.Open(at); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Open with the head %q: %v", value, err)
			}
			if err := count(t.Context(), s, 1); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Commit with the head %q: %v", value, err)
			}
		}
	})
}

func TestZooKeeperLetsNobodyElseIn(t *testing.T) {
	zooKeeper.need(t)
	at := zooKeeper.place(zooKeeper.server.Address)
	if len(at.Warnings()) != 1 {
		t.Errorf("without a user: %q", at.Warnings())
	}
	ours := at
	ours.User = secret.New("scaleio:a-secret")
	if len(ours.Warnings()) != 0 {
		t.Errorf("with a user: %q", ours.Warnings())
	}
	s := opened(t, ours)
	defer s.Close()
	if _, err := s.Acquire(t.Context(), "us", nil); err != nil {
		t.Fatal(err)
	}
	if err := count(t.Context(), s, 0); err != nil {
		t.Fatal(err)
	}
	wrong := at
	wrong.User = secret.New("scaleio:another-secret")
	for _, other := range []state.Config{at, wrong} {
		_, err := state.Open(other)
		if fault.KindOf(err) != fault.Denied || strings.Contains(err.Error(), "-secret") {
			t.Errorf("somebody else: %v", err)
		}
	}
	unfit := at
	unfit.User = secret.New("a-secret")
	if _, err := state.Open(unfit); fault.KindOf(err) != fault.Invalid || strings.Contains(err.Error(), "a-secret") {
		t.Errorf("a user without a password: %v", err)
	}
	again := opened(t, ours)
	defer again.Close()
	holds(t, again, "x", "1")
}

// TestAKilledProcessLeavesWholeCommits kills a process that writes, at moments of chance.
func TestAKilledProcessLeavesWholeCommits(t *testing.T) {
	t.Run("bolt", func(t *testing.T) { kill(t, state.Config{URI: "bolt://" + filepath.Join(t.TempDir(), "state.db")}) })
	on(t, func(t *testing.T, b *backend) { kill(t, b.place(b.server.Address)) })
}

func kill(t *testing.T, at state.Config) {
	for round := range 4 {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), "STATE_TEST_HELPER=commit", "STATE_TEST_PATH="+at.URI)
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var said strings.Builder
		c.Stderr = &said
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		acknowledged := 0
		for range 1 + 2*round {
			if _, err := fmt.Fscanln(out, &acknowledged); err != nil {
				_ = c.Wait()
				t.Fatalf("%v: %s", err, said.String())
			}
		}
		_ = c.Process.Kill()
		for {
			if _, err := fmt.Fscanln(out, &acknowledged); err != nil {
				break
			}
		}
		_ = c.Wait() // it was killed
		s := opened(t, at)
		all, err := s.List(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		n, _ := strconv.Atoi(string(all["x"]))
		if n < acknowledged || string(all["y"]) != string(all["x"]) {
			t.Errorf("%d commits were acknowledged, the store holds x=%q y=%q", acknowledged, all["x"], all["y"])
		}
		for i := range 3 {
			if got := string(all["big/"+strconv.Itoa(i)]); !strings.HasPrefix(got, string(all["x"])+" ") {
				t.Errorf("x=%q, but big/%d is of %.10q", all["x"], i, got)
			}
		}
	}
}

// commit writes for ever, more than a server takes at once, and says the number of each commit that was made.
func commit(uri string) error {
	s, err := state.Open(state.Config{URI: uri})
	if err != nil {
		return err
	}
	n := 0
	if now, err := s.Get(context.Background(), "x"); err == nil {
		n, _ = strconv.Atoi(string(now))
	}
	for {
		n++
		value := strconv.Itoa(n)
		writes := []state.Write{{Key: "x", Value: []byte(value)}, {Key: "y", Value: []byte(value)}}
		for i := range 3 {
			writes = append(writes, state.Write{Key: "big/" + strconv.Itoa(i), Value: []byte(value + strings.Repeat(" ", 320_000))})
		}
		if err := s.Commit(context.Background(), writes...); err != nil {
			return err
		}
		fmt.Println(n)
	}
}
