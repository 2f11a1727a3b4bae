package progress_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dcos-scaleio/scaleio/lab/progress"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func board(events ...progress.Event) *progress.Board {
	b := progress.NewBoard()
	for _, e := range events {
		b.Apply(time.Unix(0, 0), e)
	}
	return b
}

var some = []progress.Event{
	{"deploy", "install", "node-0-install", "COMPLETE", "done"},
	{"deploy", "install", "node-1-install", "IN_PROGRESS", "package-sds: dpkg -i"},
	{"deploy", "install", "", "IN_PROGRESS", ""},
	{"deploy", "storage", "agent-01", "PENDING", "waits for layout"},
	{"deploy", "storage", "agent-02", "PENDING", "waits for layout"},
	{"deploy", "storage", "", "PENDING", ""},
	{"deploy", "", "", "IN_PROGRESS", ""},
}

func TestConditions(t *testing.T) {
	b := board(some...)
	b.Apply(time.Unix(1, 0), progress.Event{Plan: "deploy", Phase: "install", Step: "node-1-install", Status: "COMPLETE"})
	for _, c := range []struct {
		condition   progress.Condition
		holds, seen bool
	}{
		{progress.Condition{Plan: "deploy", Status: "IN_PROGRESS"}, true, true},
		{progress.Condition{Plan: "deploy", Status: "COMPLETE"}, false, false},
		{progress.Condition{Plan: "deploy", Phase: "storage", Status: "PENDING"}, true, true},
		{progress.Condition{Plan: "deploy", Phase: "install", Step: "node-.*", Status: "IN_PROGRESS"}, false, true},
		{progress.Condition{Plan: "deploy", Phase: "install", Step: "node"}, false, false}, // the whole name
		{progress.Condition{Plan: "deploy", Message: "waits for"}, true, true},
		{progress.Condition{Plan: "expand", Status: "IN_PROGRESS"}, false, false},
	} {
		if holds, seen := b.Holds(c.condition), b.Seen(c.condition); holds != c.holds || seen != c.seen {
			t.Errorf("%+v: holds %v, seen %v", c.condition, holds, seen)
		}
	}
}

func TestPlainLines(t *testing.T) {
	b := board(some...)
	var out bytes.Buffer
	s := &progress.Screen{Out: &out, Start: time.Now()}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.Run(ctx, b)
	b.Apply(time.Now(), progress.Event{Plan: "deploy", Phase: "install", Step: "node-1-install", Status: "COMPLETE"})
	b.Apply(time.Now(), progress.Event{Plan: "deploy", Phase: "install", Status: "COMPLETE"})
	b.Apply(time.Now(), progress.Event{Plan: "deploy", Phase: "layout", Step: "plan", Status: "ERROR", Message: "agent-02: no such disk"})
	s.Run(ctx, b)
	s.Run(ctx, b) // nothing new
	var told []string
	for line := range strings.Lines(out.String()) {
		told = append(told, strings.TrimSpace(line[strings.Index(line, " s  ")+4:]))
	}
	want := "deploy/install begins|deploy/install COMPLETE, 2 steps|deploy/layout begins|deploy/layout: plan ERROR: agent-02: no such disk"
	if strings.Join(told, "|") != want {
		t.Errorf("%s\nwant %s", strings.Join(told, "|"), want)
	}
}

func TestTerminalIsDrawnOver(t *testing.T) {
	var out bytes.Buffer
	s := &progress.Screen{Out: &out, Terminal: true, Width: 60, Start: time.Now()}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.Run(ctx, board(some...))
	text := out.String()
	for _, want := range []string{"██████████··········   1/2   IN_PROGRESS", "storage: agent-01 and 1 more PENDING: waits for layout", "\x1b[5A"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %q", want, text)
		}
	}
}

func TestWatchConnectsAgainWhenTheSchedulerWasKilled(t *testing.T) {
	var connections atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/scaleio/events" {
			t.Error(r.URL.Path)
		}
		n := connections.Add(1)
		fmt.Fprintf(w, ": comment\ndata: {\"plan\":\"deploy\",\"status\":\"run %d\"}\n\n", n)
		if n == 3 {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}
	}))
	defer server.Close()
	b := progress.NewBoard()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); progress.Watch(ctx, server.URL, b) }()
	for !b.Holds(progress.Condition{Plan: "deploy", Status: "run 3"}) {
		<-b.Changed()
	}
	cancel()
	<-ended
	if !b.Seen(progress.Condition{Plan: "deploy", Status: "run 1"}) {
		t.Error("the first connection's event is lost")
	}
}
