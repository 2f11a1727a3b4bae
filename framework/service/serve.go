package service

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/api"
	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
	"github.com/dcos-scaleio/scaleio/framework/secret"
	"github.com/dcos-scaleio/scaleio/framework/version"
)

// farewell is how long answers under way may take when the scheduler ends.
const farewell = time.Second

// serve runs the API and the driver until the driver ends; the requests have ended then too.
func serve(ctx context.Context, driver *scheduler.Driver, listener net.Listener, artifacts map[string]string, token secret.Value, log *slog.Logger) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	server := newServer(ctx, api.Handler(api.Config{
		Scheduler: driver, Registry: driver.Metrics.Registry, Version: version.Version, Artifacts: artifacts, Token: token,
	}), log)
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			cancel(fault.New(fault.Internal, "API", "serve", "%w", err))
		}
	}()
	log.Info("scheduler runs", "version", version.Version, "api", listener.Addr().String())
	err := driver.Run(ctx)
	if cause := context.Cause(ctx); err == nil && cause != nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	cancel(nil) // who waits for the driver, or for its next event, waits no longer
	closeServer(server)
	<-served
	return err
}

// newServer makes a server whose requests end with ctx.
func newServer(ctx context.Context, handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: handler, BaseContext: func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 5 * time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// closeServer lets answers go out, for a moment.
func closeServer(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		server.Close()
	}
}
