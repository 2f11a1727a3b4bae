package mesos

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/secret"
)

// Config says whom to talk to, and as whom.
type Config struct {
	// Masters are "host:port" or "http(s)://host:port[/path]", asked in turn; a path is what stands before /api/v1,
	// as behind a proxy. Executors and users of an agent's API give the one endpoint of the agent.
	Masters []string
	// TLS is used for https. If it is set, "host:port" means https, else http.
	TLS *tls.Config
	// Principal and Secret go along as basic authentication unless Principal is empty.
	Principal string
	Secret    secret.Value
	// Authorization, if set, gives the header that goes along instead. refused is one that has just been answered with 401, or "": if
	// another one comes back, the request is sent once more. An error other than Temporary ends Run. Used from any goroutine.
	Authorization func(ctx context.Context, refused string) (string, error)

	// Checkpoint and RecoveryTimeout concern executors only and come from their environment (MESOS_CHECKPOINT,
	// MESOS_RECOVERY_TIMEOUT): how long an executor waits for an agent that went away. Zero means 15 minutes.
	Checkpoint      bool
	RecoveryTimeout time.Duration

	// Seams; the zero values are right outside of tests.
	Jitter func() float64 // in [0,1), spreads the pauses; default math/rand/v2
	Log    *slog.Logger   // default slog.Default()
	Dial   func(ctx context.Context, network, address string) (net.Conn, error)
}

func (c Config) jitter() func() float64 {
	if c.Jitter != nil {
		return c.Jitter
	}
	return rand.Float64
}

func (c Config) log() *slog.Logger {
	if c.Log != nil {
		return c.Log
	}
	return slog.Default()
}

// endpoints gives the URL of api ("/api/v1/scheduler") at every master, or everything that is wrong with the list.
func (c Config) endpoints(api string) ([]*url.URL, error) {
	var all []*url.URL
	var wrong *multierror.Error
	for _, master := range c.Masters {
		u, err := c.endpoint(master, api)
		if err != nil {
			wrong = multierror.Append(wrong, fault.New(fault.Invalid, fmt.Sprintf("master %q", master), "", "%w", err))
			continue
		}
		all = append(all, u)
	}
	if len(c.Masters) == 0 {
		wrong = multierror.Append(wrong, fault.New(fault.Invalid, "masters", "", "the list is empty, give at least one as host:port"))
	}
	return all, wrong.ErrorOrNil()
}

func (c Config) endpoint(master, api string) (*url.URL, error) {
	if !strings.Contains(master, "://") {
		scheme := "http"
		if c.TLS != nil {
			scheme = "https"
		}
		if host, port, err := net.SplitHostPort(master); err != nil || host == "" || port == "" {
			return nil, fmt.Errorf("want host:port or http(s)://host:port[/path]")
		}
		master = scheme + "://" + master
	}
	u, err := url.Parse(master)
	switch {
	case err != nil:
		return nil, fmt.Errorf("not a URL; want host:port or http(s)://host:port[/path]")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("%s:// is not understood; want host:port or http(s)://host:port[/path] of the masters themselves", u.Scheme)
	case u.Hostname() == "":
		return nil, fmt.Errorf("names no host; want http(s)://host:port[/path]")
	case u.User != nil:
		return nil, fmt.Errorf("holds credentials; give them as principal and secret")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("holds a query or fragment; want http(s)://host:port[/path]")
	}
	before, _, _ := strings.Cut(u.Path, "/api/v1")
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: strings.TrimRight(before, "/") + api}, nil
}
