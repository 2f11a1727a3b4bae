package executor_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	wire "github.com/mesos/mesos-go/api/v1/lib/executor"

	"github.com/dcos-scaleio/scaleio/framework/executor"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
	mesosapi "github.com/dcos-scaleio/scaleio/framework/mesos"
	"github.com/dcos-scaleio/scaleio/framework/node"
)

// agent is the executor API of an agent: one stream, and all that executors send. It is reached through pipes, so that time may stand still.
type agent struct {
	t      testing.TB
	server http.Server
	conns  chan net.Conn
	ctx    context.Context // until the test is over
	calls  chan *wire.Call // all but SUBSCRIBE; UPDATEs are acknowledged on the stream

	mu     sync.Mutex // guards all below
	stream chan *wire.Event
	drop   bool // end the stream instead of acknowledging an update, once
}

func newAgent(t testing.TB) *agent {
	ctx, cancel := context.WithCancel(context.Background())
	a := &agent{t: t, calls: make(chan *wire.Call, 1000), conns: make(chan net.Conn), ctx: ctx}
	a.server.Handler = a
	var serving sync.WaitGroup
	serving.Go(func() { a.server.Serve(a) })
	t.Cleanup(func() {
		cancel()
		a.server.Close()
		serving.Wait()
	})
	return a
}

func (a *agent) Accept() (net.Conn, error) {
	select {
	case c := <-a.conns:
		return c, nil
	case <-a.ctx.Done():
		return nil, net.ErrClosed
	}
}

func (a *agent) Close() error   { return nil }
func (a *agent) Addr() net.Addr { return &net.TCPAddr{} }

func (a *agent) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case a.conns <- there:
		return here, nil
	case <-a.ctx.Done():
		return nil, net.ErrClosed
	}
}

// config is an executor's of this agent.
func (a *agent) config(h node.Host) executor.Config {
	return executor.Config{
		Mesos:       mesosapi.Config{Masters: []string{"agent:5051"}, Checkpoint: true, Jitter: func() float64 { return 0.9 }, Dial: a.dial},
		FrameworkID: "fw", ExecutorID: "ex", Version: "v1", Log: slog.New(slog.DiscardHandler),
		Host:    func(string) (node.Host, error) { return h, nil },
		Backoff: func(int) time.Duration { return time.Hour },
	}
}

func (a *agent) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var call wire.Call
	if err != nil || call.Unmarshal(body) != nil {
		w.WriteHeader(400)
		return
	}
	if call.Subscribe != nil {
		a.subscribe(w, r, &call)
		return
	}
	a.calls <- &call
	w.WriteHeader(202)
	if call.Update != nil {
		a.mu.Lock()
		stream, drop := a.stream, a.drop
		switch {
		case drop:
			a.drop, a.stream = false, nil
			close(stream)
		case stream != nil:
			stream <- acknowledged(call.Update.Status) // has room
		}
		a.mu.Unlock()
	}
}

func acknowledged(s mesos.TaskStatus) *wire.Event {
	return &wire.Event{Type: wire.Event_ACKNOWLEDGED, Acknowledged: &wire.Event_Acknowledged{TaskID: s.TaskID, UUID: s.UUID}}
}

func (a *agent) subscribe(w http.ResponseWriter, r *http.Request, call *wire.Call) {
	stream := make(chan *wire.Event, 100)
	stream <- &wire.Event{Type: wire.Event_SUBSCRIBED, Subscribed: &wire.Event_Subscribed{
		AgentInfo: mesos.AgentInfo{Hostname: "agent-01"}, ExecutorInfo: mesos.ExecutorInfo{ExecutorID: call.ExecutorID},
		FrameworkInfo: mesos.FrameworkInfo{User: "root", Name: "scaleio"}}}
	for _, u := range call.Subscribe.UnacknowledgedUpdates { // as after an agent's restart
		a.calls <- &wire.Call{Type: wire.Call_UPDATE, Update: &u}
		stream <- acknowledged(u.Status)
	}
	a.mu.Lock()
	first := a.stream == nil && len(call.Subscribe.UnacknowledgedUpdates) == 0
	a.stream = stream
	a.mu.Unlock()
	if first {
		stream <- &wire.Event{Type: wire.Event_LAUNCH, Launch: &wire.Event_Launch{Task: mesos.TaskInfo{Name: "node-0-agent", TaskID: mesos.TaskID{Value: "t"}, AgentID: mesos.AgentID{Value: "a"}}}}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.WriteHeader(200)
	for {
		select {
		case <-r.Context().Done():
			return
		case e, open := <-stream:
			if !open {
				return
			}
			record, err := e.Marshal()
			if err != nil {
				panic(err)
			}
			fmt.Fprintf(w, "%d\n%s", len(record), record)
			w.(http.Flusher).Flush()
		}
	}
}

func (a *agent) send(e *wire.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stream <- e
}

func (a *agent) message(d inventory.Desired) {
	data, err := json.Marshal(d)
	must(a.t, err)
	a.send(&wire.Event{Type: wire.Event_MESSAGE, Message: &wire.Event_Message{Data: data}})
}

// update waits for the next status update.
func (a *agent) update() mesos.TaskStatus {
	a.t.Helper()
	select {
	case c := <-a.calls:
		if c.Update != nil {
			return c.Update.Status
		}
		a.t.Fatalf("not an update: %+v", c)
	case <-time.After(20 * time.Second):
		a.t.Fatal("no update")
	}
	return mesos.TaskStatus{}
}

// until waits for a report of which something is true.
func (a *agent) until(what string, is func(inventory.Report) bool) inventory.Report {
	a.t.Helper()
	for range 50 {
		s := a.update()
		if *s.State != mesos.TASK_RUNNING {
			a.t.Fatalf("%v: %s", s.State, s.GetMessage())
		}
		var r inventory.Report
		must(a.t, json.Unmarshal(s.Data, &r))
		if is(r) {
			return r
		}
	}
	a.t.Fatal("no report that " + what)
	return inventory.Report{}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// host is a machine in memory: files, and programs that say what they always say.
type host struct {
	mu    sync.Mutex
	files map[string]string
	ran   []string
	runs  int
	block chan struct{} // holds every command up until it is closed, if set
}

func newHost() *host {
	return &host{files: map[string]string{"/etc/machine-id": "m\n", "/proc/sys/kernel/random/boot_id": "b\n", "/etc/os-release": "ID=ubuntu\n", "/proc/1/mounts": "", "/proc/swaps": ""}}
}

func (h *host) Open(name string) (io.ReadCloser, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	text, found := h.files[name]
	if !found {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return io.NopCloser(strings.NewReader(text)), nil
}

func (h *host) Write(name string, from io.Reader, _ fs.FileMode) error {
	text, err := io.ReadAll(from)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.files[name] = string(text)
	return err
}

func (h *host) Remove(string) error { return nil }
func (h *host) Stat(name string) (fs.FileInfo, error) {
	return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
}
func (h *host) Readlink(name string) (string, error) {
	return "", &fs.PathError{Op: "readlink", Path: name, Err: fs.ErrNotExist}
}
func (h *host) Glob(string) ([]string, error) { return nil, nil }
func (h *host) Dial(context.Context, string) (net.Conn, error) {
	return nil, errors.New("no sockets here")
}
func (h *host) Run(ctx context.Context, c node.Command) (node.Result, error) {
	h.mu.Lock()
	h.ran = append(h.ran, c.String())
	h.runs++
	block := h.block
	h.mu.Unlock()
	if block != nil {
		select {
		case <-block:
		case <-ctx.Done():
			return node.Result{}, ctx.Err()
		}
	}
	say := func(text string) (node.Result, error) { return node.Result{Stdout: []byte(text)}, nil }
	switch c.Argv[0] {
	case "lsblk":
		return say(`{"blockdevices":[{"kname":"sdb","type":"disk","size":1000}]}`)
	case "blkid":
		return node.Result{Status: 2}, nil
	case "ip":
		return say(`[]`)
	case "dpkg-query":
		var lines string
		for _, name := range c.Argv[3:] {
			lines += name + "\t3.6-700.103\tinstalled\n"
		}
		return say(lines)
	}
	return say("")
}

func (h *host) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.runs
}
