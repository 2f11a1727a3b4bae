package state_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/state"
	"github.com/dcos-scaleio/scaleio/framework/state/conformance"
	"github.com/dcos-scaleio/scaleio/framework/state/servers"
)

// backend is a kind of server that the tests run against.
type backend struct {
	scheme  string
	session time.Duration // the shortest that is still longer than a hiccup of a busy machine
	start   func(dir string) (*servers.Server, error)

	once   sync.Once
	server *servers.Server
	err    error
	dir    string
	places atomic.Int64
}

// Servers are started by the first test that needs them, once for all.
var (
	zooKeeper = &backend{scheme: "zk", session: 8 * time.Second, start: servers.ZooKeeper}
	etcd      = &backend{scheme: "etcd", session: 8 * time.Second, start: servers.Etcd}
	backends  = []*backend{zooKeeper, etcd}
)

func stopServers() {
	for _, b := range backends {
		if b.server != nil {
			b.server.Kill()
		}
		os.RemoveAll(b.dir)
	}
}

// on runs a test against each kind of server, or skips it where that is not installed.
func on(t *testing.T, test func(*testing.T, *backend)) {
	for _, b := range backends {
		t.Run(b.scheme, func(t *testing.T) {
			b.need(t)
			test(t, b)
		})
	}
}

func (b *backend) need(t testing.TB) {
	t.Helper()
	b.once.Do(func() {
		if b.dir, b.err = os.MkdirTemp(inMemory(), "state-"+b.scheme+"-"); b.err == nil {
			b.server, b.err = b.start(b.dir)
		}
	})
	if errors.Is(b.err, servers.ErrAbsent) {
		t.Skip(b.err)
	}
	if b.err != nil {
		t.Fatal(b.err)
	}
}

// inMemory is a directory without a disk behind it, where there is one: the servers flush every write.
func inMemory() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return ""
}

// place is a root that no other test has, seen through addresses.
func (b *backend) place(addresses ...string) state.Config {
	return state.Config{
		URI:     fmt.Sprintf("%s://%s/test/%d", b.scheme, strings.Join(addresses, ","), b.places.Add(1)),
		Session: b.session,
	}
}

// proxy comes before the server; the root is the same through it.
func (b *backend) proxy(t *testing.T) *servers.Proxy {
	t.Helper()
	p, err := servers.NewProxy(b.server.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// through is the place as it is seen through a proxy. The address stands twice as the ZooKeeper client waits a second before it goes to the
// same one again.
func (b *backend) through(at state.Config, p *servers.Proxy) state.Config {
	at.URI = strings.ReplaceAll(at.URI, b.server.Address, p.Address+","+p.Address)
	return at
}

// fresh gives every store a way of its own to the server, so that one of them can be cut off.
func (b *backend) fresh(t *testing.T) conformance.Place {
	at := b.place(b.server.Address)
	ways := map[state.Store]*servers.Proxy{}
	return conformance.Place{
		Open: func() state.Store {
			p := b.proxy(t)
			s := opened(t, b.through(at, p))
			ways[s] = p
			return s
		},
		Lose: func(s state.Store) { ways[s].Cut() },
	}
}

func TestZooKeeperConforms(t *testing.T) {
	zooKeeper.need(t)
	fewer(t)
	conformance.Run(t, zooKeeper.fresh)
}

func TestEtcdConforms(t *testing.T) {
	etcd.need(t)
	fewer(t)
	conformance.Run(t, etcd.fresh)
}

// fewer has rapid draw fewer histories: each takes a server many milliseconds.
func fewer(t *testing.T) {
	checks := flag.Lookup("rapid.checks")
	before := checks.Value.String()
	if before != checks.DefValue {
		return // somebody wants so many
	}
	if err := checks.Value.Set("15"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = checks.Value.Set(before) })
}
