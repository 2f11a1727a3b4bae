package service

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	mesosgo "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"github.com/mesos/mesos-go/api/v1/lib/executor/calls"
	"golang.org/x/crypto/nacl/box"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
	wire "github.com/dcos-scaleio/scaleio/framework/mesos"
	"github.com/dcos-scaleio/scaleio/framework/options"
	"github.com/dcos-scaleio/scaleio/framework/spec"
	"github.com/dcos-scaleio/scaleio/lab/mesos"
	"github.com/dcos-scaleio/scaleio/lab/scaleio"
	"github.com/dcos-scaleio/scaleio/templates"
)

const password = "Password123" // that of the lab's ScaleIO

// log collects what is logged, at every level, and hands out the API's address.
type log struct {
	mu   sync.Mutex // guards text
	text strings.Builder
	api  chan string
}

func (l *log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, after, ok := strings.Cut(string(line), `msg="scheduler runs"`); ok {
		_, address, _ := strings.Cut(strings.TrimSpace(after), "api=")
		l.api <- address
	}
	return l.text.Write(line)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// dead is an address where nobody listens.
func dead(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// settings are options that start, with nobody around. Later ones win.
func settings(t testing.TB, more ...string) []string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, executorFile), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return append([]string{
		"MESOS_MASTER_HTTP=" + dead(t), "REST_PORT=0", "API_BIND=127.0.0.1", "STORE_URI=" + filepath.Join(dir, "state.db"),
		"ALT_EXECUTOR_PATH=" + filepath.Join(dir, executorFile), "ADMIN_PASSWORD=" + password, "GATEWAY_ADDRESS=https://" + dead(t), "GATEWAY_INSECURE=true",
		"PRIMARY_MDM_ADDRESS=10.0.0.10", "SECONDARY_MDM_ADDRESS=10.0.0.11", "TIEBREAKER_MDM_ADDRESS=10.0.0.12", "POOL_MODE=global",
		"PROTECTION_DOMAIN=mydomain", "STORAGE_POOL=mypool",
	}, more...)
}

func parse(t testing.TB, env []string) (*options.Options, *spec.Service) {
	t.Helper()
	o, err := options.Parse(nil, env)
	if err != nil {
		t.Fatal(err)
	}
	_, s, err := templates.Service(o)
	if err != nil {
		t.Fatal(err)
	}
	return o, s
}

// running is a service under test.
type running struct {
	base  string
	log   *log
	stop  context.CancelFunc
	ended chan error
}

// start runs a service until the test, or it itself, ends it.
func start(t testing.TB, env []string) *running {
	t.Helper()
	o, s := parse(t, env)
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{log: &log{api: make(chan string, 1)}, stop: cancel, ended: make(chan error, 1)}
	go func() {
		r.ended <- Run(ctx, o, s, slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	}()
	select {
	case address := <-r.log.api:
		r.base = "http://" + address
	case err := <-r.ended:
		cancel()
		t.Fatalf("it ended: %v", err)
	}
	return r
}

// end stops the service and gives what it ended with.
func (r *running) end() error {
	r.stop()
	err := <-r.ended
	http.DefaultClient.CloseIdleConnections()
	return err
}

func (r *running) get(t testing.TB, path string) (int, string) {
	t.Helper()
	response, err := http.Get(r.base + path)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// deployed follows the events until the deploy plan is complete.
func (r *running) deployed(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.base+"/v1/scaleio/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, buffer := "", make([]byte, 64<<10)
	for !strings.Contains(text, `{"plan":"deploy","status":"COMPLETE"}`) {
		n, err := response.Body.Read(buffer)
		if err != nil {
			t.Fatalf("%v after %s", err, text)
		}
		text += string(buffer[:n])
	}
}

// cluster is the lab's Mesos with three agents and the lab's ScaleIO; the executors do at once what they are asked.
func cluster(t testing.TB) (env []string, nodes *nodes) {
	t.Helper()
	system := scaleio.New(scaleio.Config{APIVersion: "3.6", Name: "scaleio", MDMs: []string{"10.0.0.10", "10.0.0.11", "10.0.0.12"}})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served, err := system.ServeTLS(listener)
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, served.CA, 0o600); err != nil {
		t.Fatal(err)
	}
	master := mesos.NewMaster(mesos.Config{})
	if err := master.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		master.Close()
		if err := served.Close(); err != nil {
			t.Error(err)
		}
	})
	nodes = newNodes(t)
	for i := range 3 {
		name := fmt.Sprintf("agent-%02d", i+1)
		nodes.addresses[name] = fmt.Sprintf("10.1.0.%d", i+1)
		system.StartSDS(nodes.addresses[name], scaleio.DiskMap{"/dev/xvdf": {Bytes: 2 << 40, Media: "HDD"}})
		if _, err := master.AddAgent(mesos.AgentConfig{Hostname: name, Launcher: nodes}); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"MESOS_MASTER_HTTP=" + master.Addr(), "GATEWAY_ADDRESS=" + served.URL, "GATEWAY_CA_FILE=" + ca, "GATEWAY_INSECURE=false"}, nodes
}

// nodes launches executors that answer without a machine.
type nodes struct {
	t               testing.TB
	public, private *[32]byte
	mu              sync.Mutex        // guards opened
	opened          []string          // secrets that a node could read
	addresses       map[string]string // by hostname
}

func newNodes(t testing.TB) *nodes {
	public, private, err := box.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &nodes{t: t, public: public, private: private, addresses: map[string]string{}}
}

type process struct {
	cancel context.CancelFunc
	done   chan int
}

func (p process) Wait() int { return <-p.done }
func (p process) Kill()     { p.cancel() }

func (n *nodes) Launch(_ context.Context, l mesos.Launch) (mesos.Process, error) {
	ctx, cancel := context.WithCancel(context.Background())
	env := map[string]string{}
	for _, e := range l.Env {
		name, value, _ := strings.Cut(e, "=")
		env[name] = value
	}
	e := &fakeExecutor{nodes: n, ids: calls.Framework(env["MESOS_FRAMEWORK_ID"]), id: env["MESOS_EXECUTOR_ID"], calls: make(chan *executor.Call, 100)}
	e.stream = wire.NewExecutor(wire.Config{Masters: []string{env["MESOS_AGENT_ENDPOINT"]}, Log: slog.New(slog.DiscardHandler)})
	e.report = inventory.Report{Node: l.Hostname, PublicKey: n.public[:], Addresses: []string{n.addresses[l.Hostname]},
		Devices: []inventory.Device{{ID: "wwn-" + l.Hostname, Path: "/dev/xvdf", Size: 2 << 40, Media: "HDD", Type: "disk"}}}
	p := process{cancel, make(chan int, 1)}
	go func() {
		e.run(ctx)
		p.done <- 0
	}()
	return p, nil
}

type fakeExecutor struct {
	nodes  *nodes
	stream *wire.Executor
	ids    executor.CallOpt
	id     string
	task   mesosgo.TaskID
	report inventory.Report
	calls  chan *executor.Call
}

func (e *fakeExecutor) run(ctx context.Context) {
	var sending sync.WaitGroup
	sending.Go(func() {
		for {
			select {
			case call := <-e.calls:
				e.stream.Call(ctx, call)
			case <-ctx.Done():
				return
			}
		}
	})
	e.stream.Run(ctx, func() *executor.Call { return calls.Subscribe(nil, nil).With(e.ids, calls.Executor(e.id)) }, e.handle)
	sending.Wait()
}

func (e *fakeExecutor) handle(r wire.ExecutorReceived) {
	switch {
	case r.Event == nil:
	case r.Event.Launch != nil:
		e.task = r.Event.Launch.Task.TaskID
		e.say()
	case r.Event.Message != nil:
		var desired inventory.Desired
		if err := json.Unmarshal(r.Event.Message.Data, &desired); err != nil {
			e.nodes.t.Error(err)
			return
		}
		e.nodes.open(r.Event.Message.Data, desired)
		e.report.Generation, e.report.Probe, e.report.Claims = desired.Generation, desired.Probe, map[string][]inventory.Refusal{}
		for _, c := range desired.Claims {
			e.report.Claims[c.Device] = []inventory.Refusal{}
		}
		e.say()
	}
}

func (e *fakeExecutor) say() {
	data, err := json.Marshal(e.report)
	if err != nil {
		e.nodes.t.Error(err)
		return
	}
	state, source, id := mesosgo.TASK_RUNNING, mesosgo.SOURCE_EXECUTOR, uuid.New()
	e.calls <- calls.Update(mesosgo.TaskStatus{TaskID: e.task, State: &state, Source: &source, ExecutorID: &mesosgo.ExecutorID{Value: e.id}, UUID: id[:], Data: data}).
		With(e.ids, calls.Executor(e.id))
}

// open reads the secrets of a message, which hold it in no other form.
func (n *nodes) open(message []byte, desired inventory.Desired) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if strings.Contains(string(message), password) {
		n.t.Error("a message to a node holds the password in the clear")
	}
	for name, sealed := range desired.Secrets {
		text, ok := box.OpenAnonymous(nil, sealed, n.public, n.private)
		if !ok {
			n.t.Errorf("the node cannot open %s", name)
		}
		n.opened = append(n.opened, string(text))
	}
}
