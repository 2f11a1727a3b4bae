package service

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/state"
)

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func onPort(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func request(t *testing.T, l net.Listener, path string) (int, string) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + l.Addr().String() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func TestASecondSchedulerWaitsAndSaysForWhom(t *testing.T) {
	first := state.NewMemory()
	if _, err := acquire(t.Context(), first, onPort(t), quiet()); err != nil {
		t.Fatal(err)
	}
	second, l := first.Again(), onPort(t)
	got := make(chan error)
	go func() {
		_, err := acquire(t.Context(), second, l, quiet())
		got <- err
	}()
	if status, body := request(t, l, "/v1/health"); status != http.StatusOK || !strings.Contains(body, `"value":207`) || !strings.Contains(body, "scheduler with its API at") {
		t.Errorf("health: %d %s", status, body)
	}
	if status, body := request(t, l, "/v1/plans"); status != http.StatusServiceUnavailable || !strings.Contains(body, "another scheduler is active") {
		t.Errorf("plans: %d %s", status, body)
	}
	first.Close()
	if err := <-got; err != nil {
		t.Fatal(err)
	}
	// The listener is ours again.
	served := make(chan error)
	server := &http.Server{Handler: http.NotFoundHandler()}
	go func() { served <- server.Serve(l) }()
	if status, _ := request(t, l, "/v1/plans"); status != http.StatusNotFound {
		t.Errorf("after the wait: %d", status)
	}
	server.Close()
	<-served
	second.Close()
}

func TestWhoWaitsCanBeTold(t *testing.T) {
	first := state.NewMemory()
	defer first.Close()
	if _, err := acquire(t.Context(), first, onPort(t), quiet()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := acquire(ctx, first.Again(), onPort(t), quiet()); !fault.IsTemporary(err) {
		t.Errorf("told to end: %v", err)
	}
}

func TestALostLockEndsTheWork(t *testing.T) {
	store := state.NewMemory()
	lost, err := acquire(t.Context(), store, onPort(t), quiet())
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := whileHeld(t.Context(), lost)
	defer end()
	if ctx.Err() != nil {
		t.Fatal("it ended before")
	}
	store.Lose()
	<-ctx.Done()
	if err := context.Cause(ctx); fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), "was lost") {
		t.Errorf("the cause is %v", err)
	}
}

func TestTheEndOfTheWorkIsNoLoss(t *testing.T) {
	store := state.NewMemory()
	lost, err := acquire(t.Context(), store, onPort(t), quiet())
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := whileHeld(t.Context(), lost)
	end()
	if err := context.Cause(ctx); err != context.Canceled {
		t.Errorf("the cause is %v", err)
	}
	store.Close()
}
