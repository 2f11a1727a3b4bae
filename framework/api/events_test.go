package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/dcos-scaleio/scaleio/framework/scheduler"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type streamed struct{ Plan, Phase, Step, Status, Message string }

// listen reads a stream until an event has come that begins so.
func listen(t *testing.T, lines *bufio.Scanner, last streamed) (all []streamed) {
	t.Helper()
	for lines.Scan() {
		data, is := strings.CutPrefix(lines.Text(), "data: ")
		if !is {
			continue
		}
		var e streamed
		if err := json.Unmarshal([]byte(data), &e); err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
		if e.Message = ""; e == last { // whatever it says
			return all
		}
	}
	t.Fatalf("the stream ended before %+v: %v; %+v", last, lines.Err(), all)
	return nil
}

// TestEvents reads a stream through a real server whose answers may take 50 ms: the stream outlives that, tells all at first and then only
// what changes, and leaves nothing behind when its reader goes.
func TestEvents(t *testing.T) {
	w := three(t)
	server := httptest.NewUnstartedServer(w.handler(nil))
	server.Config.WriteTimeout = 50 * time.Millisecond
	server.Start()
	defer server.Close()
	ctx, leave := context.WithTimeout(t.Context(), 20*time.Second)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/v1/scaleio/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	client := server.Client()
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got := response.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("Content-Type %q", got)
	}
	lines := bufio.NewScanner(response.Body)
	first := listen(t, lines, streamed{Plan: "recovery", Status: "COMPLETE"})
	if first[0].Plan != "deploy" || first[len(first)-1].Plan != "recovery" {
		t.Errorf("the snapshot begins with %+v and ends with %+v", first[0], first[len(first)-1])
	}
	started := time.Now()
	w.deploy()
	later := listen(t, lines, streamed{Plan: "deploy", Status: "COMPLETE"})
	seen := map[streamed]bool{}
	for _, e := range append(first, later...) {
		if seen[e] && e.Step != "" && e.Status == "COMPLETE" {
			t.Errorf("%+v came twice without a change between", e)
		}
		seen[e] = true
	}
	if !seen[streamed{"deploy", "storage", "pool mydomain/mypool", "COMPLETE", "in place"}] {
		t.Errorf("no event of the pool: %+v", later)
	}
	<-time.After(time.Until(started.Add(150 * time.Millisecond))) // longer than the server's WriteTimeout
	w.hosts[0].agent.Active = false
	w.step(scheduler.AgentRemoved{ID: "S1"})
	listen(t, lines, streamed{Plan: "recovery", Phase: "executors", Step: "agent-01", Status: "STARTING"})
	leave()
	for lines.Scan() { // until the stream is gone
	}
	client.CloseIdleConnections()
}

// quiet is a connection that counts.
type quiet struct {
	*httptest.ResponseRecorder
	deadlines []time.Time
}

func (q *quiet) SetWriteDeadline(t time.Time) error { q.deadlines = append(q.deadlines, t); return nil }

// TestIdleStreamsBeat: a proxy in between must not take a quiet stream for a dead one, and a reader who is gone must not keep us for ever.
func TestIdleStreamsBeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := three(t)
		q := &quiet{ResponseRecorder: httptest.NewRecorder()}
		ctx, leave := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			w.handler(nil).ServeHTTP(q, httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/scaleio/events", nil))
		}()
		time.Sleep(50 * time.Second) // virtual
		leave()
		<-ended
		if n := strings.Count(q.Body.String(), ":\n\n"); n != 3 {
			t.Errorf("%d beats in 50 s, expected 3", n)
		}
		for _, d := range q.deadlines {
			if d.IsZero() {
				t.Error("a write has no deadline")
			}
		}
	})
}

// TestNoStreamWithoutScheduler: the reader learns it at once, and tries again.
func TestNoStreamWithoutScheduler(t *testing.T) {
	w := three(t)
	w.away = true
	if r := ask(w.handler(nil), "GET", "/v1/scaleio/events", ""); r.Code != http.StatusServiceUnavailable {
		t.Errorf("%d %s", r.Code, r.Body)
	}
}
