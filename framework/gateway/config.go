package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-multierror"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// Config says which gateways manage the system, and as whom we come.
type Config struct {
	Gateways   []string // https URLs; http ones only with TLS.Insecure
	User       string
	Password   func() (string, error) // asked at each login, so that a changed secret is seen
	APIVersion string                 // "X.Y"; empty: asked
	TLS        spec.TLS
	SystemName string        // expected; empty: whatever it is called
	Timeout    time.Duration // of one call, with a login if it needs one; 0: 30 s
	Log        *slog.Logger  // nil: no log
}

// Client manages one ScaleIO system through its gateways.
type Client struct {
	endpoints []*endpoint
	current   atomic.Int32 // the index of the one that answered last
	log       *slog.Logger
	close     func()
}

// Dial checks the config, every fault of it at once, and makes a client. Nothing is sent before the first call.
func Dial(config Config) (*Client, error) {
	if config.Timeout <= 0 {
		config.Timeout = 30 * time.Second
	}
	if config.Log == nil {
		config.Log = discard
	}
	bases, err := config.check()
	if err != nil {
		return nil, err
	}
	tls, err := tlsConfig(config.TLS)
	if err != nil {
		return nil, invalid("%w", err)
	}
	wire := &http.Transport{ // without a proxy: the gateway is in our own network
		TLSClientConfig:     tls,
		DialContext:         (&net.Dialer{Timeout: min(10*time.Second, config.Timeout/2)}).DialContext, // leaves time for the next gateway
		TLSHandshakeTimeout: min(10*time.Second, config.Timeout/2),
		MaxIdleConnsPerHost: 32,               // as many steps as run side by side by default
		IdleConnTimeout:     15 * time.Second, // below the 20 s after which Tomcat closes its side
	}
	c := &Client{log: config.Log, close: wire.CloseIdleConnections}
	managed := &atomic.Pointer[string]{}
	for _, base := range bases {
		e, err := newEndpoint(&config, base, wire, managed)
		if err != nil {
			return nil, fault.New(fault.Internal, "gateway "+base, "", "%w", err)
		}
		c.endpoints = append(c.endpoints, e)
	}
	return c, nil
}

// Close gives up the connections. Tokens end by themselves after ten idle minutes.
func (c *Client) Close() { c.close() }

func invalid(format string, args ...any) error {
	return fault.New(fault.Invalid, "ScaleIO gateway", "", format, args...)
}

// check gives the base URLs of the gateways, or everything that is wrong with the config but its TLS.
func (c *Config) check() ([]string, error) {
	var wrong *multierror.Error
	if len(c.Gateways) == 0 {
		wrong = multierror.Append(wrong, invalid("none is given: expected at least one https URL"))
	}
	var bases []string
	for _, text := range c.Gateways {
		base, err := baseURL(text, c.TLS.Insecure)
		if err != nil {
			wrong = multierror.Append(wrong, err)
		}
		bases = append(bases, base)
	}
	if c.User == "" {
		wrong = multierror.Append(wrong, invalid("no user is given to log in as"))
	}
	if c.Password == nil {
		wrong = multierror.Append(wrong, invalid("no password is given to log in with"))
	}
	if c.APIVersion != "" {
		if v, ok := parseVersion(versionOption, c.APIVersion); !ok {
			wrong = multierror.Append(wrong, invalid("api-version %q: expected X.Y, such as 3.6, or nothing", c.APIVersion))
		} else if reason := v.unsupported(); reason != "" {
			wrong = multierror.Append(wrong, invalid("api-version: %s", reason))
		}
	}
	if err := wrong.ErrorOrNil(); err != nil {
		return nil, &fault.Error{Kind: fault.Invalid, Err: err}
	}
	return bases, nil
}

// baseURL gives scheme and host of a gateway's URL, which may end in /api as REX-Ray's does.
func baseURL(text string, insecure bool) (string, error) {
	u, err := url.Parse(text)
	if err != nil {
		return "", invalid("%q is not a URL: expected one such as https://10.0.0.10", redacted(text))
	}
	switch path := strings.TrimSuffix(u.Path, "/"); {
	case u.User != nil:
		return "", invalid("%s: a user or password in the URL would be shown in logs; give them as credentials", u.Redacted())
	case u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return "", invalid("%q: expected a URL such as https://10.0.0.10", redacted(text))
	case u.Scheme == "http" && !insecure:
		return "", invalid("%s: over http the password could be read on the way: expected https", u.Redacted())
	case path != "" && path != "/api" || u.RawQuery != "" || u.Fragment != "":
		return "", invalid("%s: expected nothing after the host but /api", u.Redacted())
	}
	return u.Scheme + "://" + u.Host, nil
}

// redacted is a text that was to be a URL without what may be a password in it.
func redacted(text string) string {
	if at := strings.LastIndex(text, "@"); at >= 0 {
		return "…" + text[at:]
	}
	return text
}

// at lets op work at the gateway that answered last, and at each other one in turn while it is the gateway that fails.
func (c *Client) at(ctx context.Context, op func(e *endpoint) error) error {
	first := int(c.current.Load())
	var silent []string
	for i := range c.endpoints {
		here := (first + i) % len(c.endpoints)
		err := op(c.endpoints[here])
		if !errors.As(err, new(*unreachable)) {
			if here != first && c.current.CompareAndSwap(int32(first), int32(here)) {
				c.log.Warn("another gateway is used from now on", "gateway", c.endpoints[here].base, "because", strings.Join(silent, "; "))
			}
			return err
		}
		if len(c.endpoints) == 1 || ctx.Err() != nil {
			return err
		}
		silent = append(silent, err.Error())
	}
	return fault.New(fault.Temporary, "ScaleIO", "", "none of its %d gateways answers: %s", len(silent), strings.Join(silent, "; "))
}

// Observe gives the whole system as it is now.
func (c *Client) Observe(ctx context.Context) (*layout.Observed, error) {
	var observed *layout.Observed
	err := c.at(ctx, func(e *endpoint) (err error) {
		observed, err = e.observe(ctx)
		return err
	})
	if err != nil {
		return nil, within("ScaleIO", "observe", err)
	}
	return observed, nil
}

// within says what an error was met in, and keeps its kind.
func within(object, op string, err error) error {
	return &fault.Error{Object: object, Op: op, Kind: fault.KindOf(err), Err: err}
}
