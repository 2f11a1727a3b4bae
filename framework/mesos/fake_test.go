package mesos

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sleep lets virtual time pass, and everything that it brings happen.
func sleep(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// network is a number of hosts in memory, so that tests run in virtual time. A host that is not there refuses.
type network struct {
	mu     sync.Mutex
	hosts  map[string]*host
	dials  []string
	open   atomic.Int64    // connections
	silent map[string]bool // hosts whose machine is gone: no answer to a dial
}

// host serves one address.
type host struct {
	net.Listener
	conns  chan net.Conn
	closed chan struct{}
	server *http.Server
}

func newNetwork(t *testing.T) *network {
	n := &network{hosts: map[string]*host{}, silent: map[string]bool{}}
	t.Cleanup(func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		for _, h := range n.hosts {
			h.server.Close()
		}
	})
	return n
}

func (h *host) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}
func (h *host) Close() error   { close(h.closed); return nil }
func (h *host) Addr() net.Addr { return &net.TCPAddr{} }

// serve puts a host at address that answers each request with answer.
func (n *network) serve(address string, answer func(*exchange)) {
	h := &host{conns: make(chan net.Conn), closed: make(chan struct{})}
	h.server = &http.Server{
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			answer(&exchange{w: w, Request: r, body: body})
		}),
	}
	n.mu.Lock()
	n.hosts[address] = h
	n.mu.Unlock()
	go h.server.Serve(h)
}

// stop takes the host away as a killed process goes: every connection breaks, later ones are refused.
func (n *network) stop(address string) {
	n.mu.Lock()
	h := n.hosts[address]
	delete(n.hosts, address)
	n.mu.Unlock()
	h.server.Close()
}

func (n *network) dial(ctx context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	n.dials = append(n.dials, address)
	h, silent := n.hosts[address], n.silent[address]
	n.mu.Unlock()
	if silent {
		ctx, cancel := context.WithTimeout(ctx, dialTimeout)
		defer cancel()
		<-ctx.Done()
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: ctx.Err()}
	}
	if h == nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	ours, theirs := net.Pipe()
	select {
	case h.conns <- theirs:
		n.open.Add(1)
		return &counted{Conn: ours, network: n}, nil
	case <-h.closed:
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
}

// counted is an open connection of a network.
type counted struct {
	net.Conn
	network *network
	once    sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.network.open.Add(-1) })
	return c.Conn.Close()
}

// exchange is one request at a fake host and the means to answer it.
type exchange struct {
	*http.Request
	w    http.ResponseWriter
	body []byte
}

func (x *exchange) call(t *testing.T) *scheduler.Call {
	t.Helper()
	c := new(scheduler.Call)
	if err := c.Unmarshal(x.body); err != nil {
		t.Errorf("a call that does not decode: %v", err)
	}
	return c
}

func (x *exchange) refuse(status int, text string) {
	x.w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	x.w.WriteHeader(status)
	io.WriteString(x.w, text)
}

func (x *exchange) accept() { x.w.WriteHeader(http.StatusAccepted) }

func (x *exchange) redirect(location string) {
	x.w.Header().Set("Location", location)
	x.w.WriteHeader(http.StatusTemporaryRedirect)
}

// stream answers a SUBSCRIBE as Mesos does; an empty id is that of APIs without ids.
func (x *exchange) stream(id string) {
	if id != "" {
		x.w.Header()["Mesos-Stream-Id"] = []string{id}
	}
	x.w.Header().Set("Content-Type", "application/x-protobuf")
	x.w.WriteHeader(http.StatusOK)
	x.w.(http.Flusher).Flush()
}

func (x *exchange) raw(b []byte) {
	x.w.Write(b)
	x.w.(http.Flusher).Flush()
}

type marshaler interface{ Marshal() ([]byte, error) }

func (x *exchange) send(events ...marshaler) {
	for _, e := range events {
		x.raw(record(e))
	}
}

// hold keeps the stream open until the client or the host goes.
func (x *exchange) hold() { <-x.Context().Done() }

// wait is time.Sleep that ends with the connection.
func (x *exchange) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-x.Context().Done():
		x.cut()
	}
}

// cut breaks the connection without the last chunk, as a killed master does. (Returning sends the last chunk and
// keeps the connection, as a master does that ends a stream.)
func (x *exchange) cut() { panic(http.ErrAbortHandler) }

// record gives an event as a RecordIO record.
func record(e marshaler) []byte {
	b, err := e.Marshal()
	if err != nil {
		panic(err)
	}
	return append(fmt.Appendf(nil, "%d\n", len(b)), b...)
}

func subscribed(framework string, beat float64) *scheduler.Event {
	e := &scheduler.Event{Type: scheduler.Event_SUBSCRIBED, Subscribed: &scheduler.Event_Subscribed{
		FrameworkID: &mesos.FrameworkID{Value: framework},
	}}
	if beat != 0 {
		e.Subscribed.HeartbeatIntervalSeconds = &beat
	}
	return e
}

func heartbeatEvent() *scheduler.Event { return &scheduler.Event{Type: scheduler.Event_HEARTBEAT} }

func message(text string) *scheduler.Event {
	return &scheduler.Event{Type: scheduler.Event_MESSAGE, Message: &scheduler.Event_Message{Data: []byte(text)}}
}

func errorOf(text string) *scheduler.Event {
	return &scheduler.Event{Type: scheduler.Event_ERROR, Error: &scheduler.Event_Error{Message: text}}
}

func subscribeCall() *scheduler.Call {
	return calls.Subscribe(&mesos.FrameworkInfo{User: "root", Name: "scaleio"})
}

// run is a Scheduler running in the background, with what it handed out.
type run struct {
	*Scheduler
	t      *testing.T
	start  time.Time
	stop   context.CancelFunc
	log    *bytes.Buffer
	done   chan struct{}
	err    error // after done
	mu     sync.Mutex
	events []string // "12.5s SUBSCRIBED", "37.5s lost: ..."
	also   func(*run, Received)
}

// start runs a scheduler against the network. Pauses are without jitter unless c says otherwise.
func start(t *testing.T, n *network, c Config, also func(*run, Received)) *run {
	t.Helper()
	r := &run{t: t, start: time.Now(), log: new(bytes.Buffer), done: make(chan struct{}), also: also}
	c.Dial = n.dial
	if c.Jitter == nil {
		c.Jitter = func() float64 { return 0 }
	}
	c.Log = slog.New(slog.NewTextHandler(r.log, nil))
	r.Scheduler = NewScheduler(c)
	ctx, cancel := context.WithCancel(t.Context())
	r.stop = cancel
	go func() {
		defer close(r.done)
		r.err = r.Run(ctx, subscribeCall, r.handle)
	}()
	t.Cleanup(r.end)
	return r
}

func (r *run) end() {
	r.stop()
	<-r.done
}

func (r *run) handle(got Received) {
	line := fmt.Sprint(time.Since(r.start), " ")
	switch {
	case got.Lost != nil:
		line += "lost: " + got.Lost.Error()
	case got.Event.Type == scheduler.Event_MESSAGE:
		line += "MESSAGE " + string(got.Event.Message.Data)
	default:
		line += got.Event.Type.String()
	}
	r.mu.Lock()
	r.events = append(r.events, line)
	r.mu.Unlock()
	if r.also != nil {
		r.also(r, got)
	}
}

// transcript gives what was handed out so far, one line each, with the time since the start.
func (r *run) transcript() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.events, "\n")
}

func (r *run) logLines() []string {
	text := strings.TrimSpace(r.log.String())
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// same compares texts line by line, blind to indentation.
func same(t *testing.T, got, want string) {
	t.Helper()
	trim := func(s string) string {
		var lines []string
		for line := range strings.Lines(s) {
			if line = strings.TrimSpace(line); line != "" {
				lines = append(lines, line)
			}
		}
		return strings.Join(lines, "\n")
	}
	if trim(got) != trim(want) {
		t.Errorf("got:\n%s\n\nwant:\n%s", trim(got), trim(want))
	}
}
