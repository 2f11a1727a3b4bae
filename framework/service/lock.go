package service

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/options"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
	"github.com/dcos-scaleio/scaleio/framework/state"
)

// OpenStore opens the store that the options name, and warns of what leaves it open to others.
func OpenStore(o *options.Options, log *slog.Logger) (state.Store, error) {
	user, err := o.Store.User.Read()
	if err != nil {
		return nil, err
	}
	at := state.Config{URI: o.Store.URI(), User: user, CAFile: o.Store.CAFile, CertFile: o.Store.CertFile, KeyFile: o.Store.KeyFile, Log: log}
	for _, warning := range at.Warnings() {
		log.Warn(warning)
	}
	return state.Open(at)
}

// Owner is how this process calls itself to others that wait for the store's lock.
func Owner(what string) string {
	host, err := os.Hostname()
	if err != nil {
		host = "an unknown host"
	}
	return fmt.Sprintf("%s on %s, process %d", what, host, os.Getpid())
}

// acquire waits until we are the only active scheduler. Meanwhile it says for whom it waits, in the log and to whoever asks the API.
func acquire(ctx context.Context, store state.Store, listener net.Listener, log *slog.Logger) (lost <-chan struct{}, err error) {
	var room *waitingRoom
	defer func() { room.close() }()
	return store.Acquire(ctx, Owner("scheduler with its API at "+listener.Addr().String()), func(holder string) {
		log.Warn("another scheduler is active; waiting until it ends", "active", holder)
		if room == nil {
			room = openWaitingRoom(listener, log)
		}
		room.holder.Store(&holder)
	})
}

// whileHeld ends a context when the lock is lost. end ends it, and the goroutine that watches.
func whileHeld(ctx context.Context, lost <-chan struct{}) (held context.Context, end func()) {
	held, cancel := context.WithCancelCause(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		select {
		case <-lost:
			cancel(fault.New(fault.Denied, "state store", "hold its lock", "it was lost, as the store did not answer in time or somebody removed it: "+
				"this scheduler ends, so that there are never two; start it again"))
		case <-held.Done():
		}
	}()
	return held, func() {
		cancel(nil)
		<-watched
	}
}

// waitingRoom answers in place of the API until there is one.
type waitingRoom struct {
	server   *http.Server
	listener net.Listener
	served   chan struct{}
	holder   atomic.Pointer[string]
}

func openWaitingRoom(listener net.Listener, log *slog.Logger) *waitingRoom {
	w := &waitingRoom{listener: listener, served: make(chan struct{})}
	w.server = &http.Server{Handler: w, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	go func() {
		defer close(w.served)
		_ = w.server.Serve(lent{listener}) // it ends by close
	}()
	return w
}

// close gives the listener back.
func (w *waitingRoom) close() {
	if w == nil {
		return
	}
	w.server.Close()
	<-w.served
	if d, ok := w.listener.(deadliner); ok {
		_ = d.SetDeadline(time.Time{}) // the API fails where this does
	}
}

// ServeHTTP tells Marathon that we are healthy, as waiting is what we should do, and everybody else why there is nothing yet.
func (w *waitingRoom) ServeHTTP(answer http.ResponseWriter, r *http.Request) {
	why := "another scheduler is active: " + *w.holder.Load()
	if r.URL.Path != "/v1/health" {
		http.Error(answer, why, http.StatusServiceUnavailable)
		return
	}
	answer.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(answer).Encode(map[string]any{"value": scheduler.HealthWaiting, "reasons": []string{why}}) // they may be gone
}

type deadliner interface{ SetDeadline(time.Time) error }

// lent is a listener that is not closed, only woken, by the server that has it for a while.
type lent struct{ net.Listener }

func (l lent) Close() error {
	if d, ok := l.Listener.(deadliner); ok {
		return d.SetDeadline(time.Unix(1, 0))
	}
	return l.Listener.Close()
}
