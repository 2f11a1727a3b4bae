package scheduler_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"crypto/rand"

	mesosgo "github.com/mesos/mesos-go/api/v1/lib"
	mesosscheduler "github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/stretchr/testify/mock"
	"golang.org/x/crypto/nacl/box"

	gatewaymocks "github.com/dcos-scaleio/scaleio/framework/gateway/mocks"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/layout"
	wire "github.com/dcos-scaleio/scaleio/framework/mesos"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
	"github.com/dcos-scaleio/scaleio/framework/scheduler/mocks"
	"github.com/dcos-scaleio/scaleio/framework/spec"
	"github.com/dcos-scaleio/scaleio/framework/state"
)

const password = "Sesame-open-42"

// journal records, in order, what was stored and what was sent.
type journal struct {
	mu      sync.Mutex
	entries []string
	calls   []*mesosscheduler.Call
	writes  strings.Builder
	fail    error
}

func (j *journal) add(entry string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, entry)
}

func (j *journal) index(entry string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i, e := range j.entries {
		if strings.HasPrefix(e, entry) {
			return i
		}
	}
	return -1
}

// store is a memory store that writes the journal.
type store struct {
	state.Store
	j *journal
}

func (s store) Commit(ctx context.Context, writes ...state.Write) error {
	for _, w := range writes {
		if s.j.fail != nil && strings.HasPrefix(w.Key, "node/") {
			return s.j.fail
		}
		s.j.add("store " + w.Key)
		s.j.mu.Lock()
		s.j.writes.Write(w.Value)
		s.j.mu.Unlock()
	}
	return s.Store.Commit(ctx, writes...)
}

func service() *spec.Service {
	return &spec.Service{
		Name: "scaleio", Scheduler: spec.Scheduler{User: "root", Role: "*"},
		ScaleIO: spec.ScaleIO{
			System: spec.System{Gateways: []string{"https://10.0.0.10"}, MDM: spec.MDM{Addresses: []string{"10.0.0.10"}}},
			Pools:  spec.Pools{Mode: spec.Global, Default: spec.Pool{ProtectionDomain: "d", StoragePool: "p"}},
			REXRay: spec.REXRay{Mode: "own", Size: 16, FSType: "ext4", FileMode: "0777"},
		},
		Pods: map[string]spec.Pod{"node": {Tasks: map[string]spec.Task{"agent": {CPUs: 0.1, Memory: 64}}}},
		Plans: map[string]spec.Plan{"deploy": {Strategy: "dependency", Phases: spec.Phases{{Name: "install", Pod: "node"}, {Name: "layout", Operation: "layout"},
			{Name: "storage", Operation: "storage"}, {Name: "rexray", Pod: "node"}}}},
	}
}

// run drives a core over mocked edges: a master that offers one agent, whose executor reports with the given key.
func run(t *testing.T, j *journal, key []byte, until func(j *journal) bool) error {
	core, err := scheduler.New(scheduler.Config{Spec: service(), Executor: scheduler.Executor{URL: "http://x/e"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events := make(chan *mesosscheduler.Event, 100)
	m, c, g := mocks.NewMesos(t), mocks.NewCluster(t), gatewaymocks.NewStorage(t)
	m.EXPECT().Run(mock.Anything, mock.Anything, mock.Anything).RunAndReturn(
		func(ctx context.Context, subscribe func() *mesosscheduler.Call, handle func(wire.Received)) error {
			handle(wire.Received{Event: subscribed()})
			handle(wire.Received{Event: offered()})
			for {
				select {
				case e := <-events:
					handle(wire.Received{Event: e})
				case <-ctx.Done():
					return ctx.Err()
				}
			}
		})
	m.EXPECT().Call(mock.Anything, mock.Anything).RunAndReturn(func(_ context.Context, call *mesosscheduler.Call) error {
		j.add("call " + call.GetType().String())
		j.mu.Lock()
		j.calls = append(j.calls, call)
		j.mu.Unlock()
		if e := react(call, key); e != nil {
			events <- e
		}
		return nil
	}).Maybe()
	c.EXPECT().Run(mock.Anything, mock.Anything).Return(errors.New("not permitted")).Maybe()
	g.EXPECT().Observe(mock.Anything).Return(&layout.Observed{ID: "1", Pools: []layout.ObservedPool{{Name: "p", Domain: "d"}}, Domains: []layout.ObservedDomain{{Name: "d"}}}, nil).Maybe()
	d := scheduler.NewDriver(core, scheduler.Edges{
		Store: store{state.NewMemory(), j}, Mesos: m, Cluster: c, Gateway: g, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Secret: func(string) (string, error) { return password, nil },
	})
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	synctest.Wait()
	if until != nil && !until(j) {
		time.Sleep(time.Minute) // virtual
		synctest.Wait()
		if !until(j) {
			t.Errorf("never happened; the journal: %v", j.entries)
		}
	}
	cancel()
	return <-ended
}

func subscribed() *mesosscheduler.Event {
	return &mesosscheduler.Event{Type: mesosscheduler.Event_SUBSCRIBED, Subscribed: &mesosscheduler.Event_Subscribed{FrameworkID: &mesosgo.FrameworkID{Value: "f"}}}
}

func offered() *mesosscheduler.Event {
	kind := mesosgo.SCALAR
	return &mesosscheduler.Event{Type: mesosscheduler.Event_OFFERS, Offers: &mesosscheduler.Event_Offers{Offers: []mesosgo.Offer{{
		ID: mesosgo.OfferID{Value: "O1"}, AgentID: mesosgo.AgentID{Value: "S1"}, Hostname: "agent-01",
		Resources: mesosgo.Resources{{Name: "cpus", Type: &kind, Scalar: &mesosgo.Value_Scalar{Value: 4}}, {Name: "mem", Type: &kind, Scalar: &mesosgo.Value_Scalar{Value: 4096}}},
	}}}}
}

// react is the agent: a launch runs and reports, a message is answered as done.
func react(call *mesosscheduler.Call, key []byte) *mesosscheduler.Event {
	report := inventory.Report{Node: "agent-01", PublicKey: key}
	task := "node-0-agent__1"
	switch call.GetType() {
	case mesosscheduler.Call_ACCEPT:
	case mesosscheduler.Call_MESSAGE:
		var desired inventory.Desired
		if json.Unmarshal(call.Message.Data, &desired) != nil {
			return nil
		}
		report.Generation = desired.Generation
	default:
		return nil
	}
	running := mesosgo.TASK_RUNNING
	status := mesosgo.TaskStatus{TaskID: mesosgo.TaskID{Value: task}, State: &running, AgentID: &mesosgo.AgentID{Value: "S1"}, UUID: make([]byte, 16)}
	status.Data, _ = json.Marshal(report)
	return &mesosscheduler.Event{Type: mesosscheduler.Event_UPDATE, Update: &mesosscheduler.Event_Update{Status: status}}
}

func TestStoresBeforeItSends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		if err := run(t, j, make([]byte, 32), func(j *journal) bool { return j.index("call ACKNOWLEDGE") >= 0 }); err != nil {
			t.Fatal(err)
		}
		if framework, node, accept := j.index("store framework"), j.index("store node/agent-01"), j.index("call ACCEPT"); framework < 0 || node < 0 || accept < node || accept < framework {
			t.Errorf("ACCEPT is entry %d, the framework id %d, the node %d: %v", accept, framework, node, j.entries)
		}
	})
}

func TestNothingIsSentWhenTheStoreFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := &journal{fail: errors.New("no space left on device")}
		err := run(t, j, make([]byte, 32), nil)
		if err == nil || !strings.Contains(err.Error(), "no space left on device") {
			t.Errorf("Run ended with %v", err)
		}
		if i := j.index("call ACCEPT"); i >= 0 {
			t.Errorf("a launch was sent that the store does not know: %v", j.entries)
		}
	})
}

// The password reaches the node that needs it, and is readable by nobody else: not in the message, not in the store (W22).
func TestSecretsAreSealedToTheNode(t *testing.T) {
	public, private, err := box.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		opened := ""
		run(t, j, public[:], func(j *journal) bool {
			j.mu.Lock()
			defer j.mu.Unlock()
			for _, call := range j.calls {
				if call.Message == nil {
					continue
				}
				if strings.Contains(string(call.Message.Data), password) {
					t.Fatal("a message holds the password in the clear")
				}
				var desired inventory.Desired
				if err := json.Unmarshal(call.Message.Data, &desired); err != nil {
					t.Fatal(err)
				}
				if sealed := desired.Secrets[inventory.SecretPassword]; sealed != nil {
					clear, ok := box.OpenAnonymous(nil, sealed, public, private)
					if !ok {
						t.Fatal("the node cannot open its secret")
					}
					opened = string(clear)
				} else if desired.REXRay != nil {
					t.Fatal("REX-Ray is wanted and the password does not go along")
				}
			}
			return opened == password
		})
		if strings.Contains(j.writes.String(), password) {
			t.Error("the store holds the password")
		}
	})
}
