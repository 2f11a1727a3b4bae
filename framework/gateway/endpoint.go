package gateway

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

const (
	maxAnswer  = 256 << 20 // bytes; the largest systems (32,768 volumes, scaleio.md §5.1) stay below 100 MB
	maxRefusal = 64 << 10  // bytes of an answer that says no
)

// endpoint is one gateway: what its address, its certificate and the login at it are to every call. It is the http.RoundTripper
// of goscaleio's client and of ours.
type endpoint struct {
	config  *Config
	base    string            // https://host[:port]
	wire    http.RoundTripper // checks the certificate
	scaleio *library
	managed *atomic.Pointer[string] // the id of the system that the first login found; one for all gateways of a Client

	session atomic.Pointer[session] // nil: not logged in
	turn    chan struct{}           // holds one while somebody logs in
	refused struct {                // the last password that was refused; owned by whose turn it is
		hash  [sha256.Size]byte
		until time.Time
		err   error
	}
}

func newEndpoint(config *Config, base string, wire http.RoundTripper, managed *atomic.Pointer[string]) (*endpoint, error) {
	e := &endpoint{config: config, base: base, wire: wire, managed: managed, turn: make(chan struct{}, 1)}
	var err error
	e.scaleio, err = goscaleioOnce()
	return e, err
}

func (e *endpoint) object() string { return "gateway " + e.base }

func (e *endpoint) fault(kind fault.Kind, format string, args ...any) error {
	return fault.New(kind, e.object(), "", format, args...)
}

// unreachable marks a failure for which another gateway may be asked.
type unreachable struct{ why error }

func (u *unreachable) Error() string { return u.why.Error() }
func (u *unreachable) Unwrap() error { return u.why }

// unreached is the failure of a connection in words.
func (e *endpoint) unreached(err error) error {
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var timeout net.Error
	switch {
	case distrust(err) != nil:
		return e.fault(fault.Denied, "%w", distrust(err))
	case errors.As(err, &record):
		return e.fault(fault.Invalid, "does not speak TLS: is the port right? (%w)", err)
	case errors.As(err, &alert):
		return e.fault(fault.Invalid, "refuses our TLS: %w", err)
	case errors.Is(err, context.Canceled):
		return e.fault(fault.Temporary, "was not waited for: %w", err)
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return e.fault(fault.Temporary, "no answer in time (%s a call): %w", e.config.Timeout, &unreachable{err})
	}
	return e.fault(fault.Temporary, "does not answer: %w", &unreachable{err})
}

// explain gives the error of a finished call its kind and words. What RoundTrip said stands; the rest is a body that could not be read.
func (e *endpoint) explain(err error) error {
	var said *fault.Error
	var syntax *json.SyntaxError
	var shape *json.UnmarshalTypeError
	var network net.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &said):
		return said // without the method and URL that http.Client put around it
	case errors.As(err, &syntax), errors.As(err, &shape):
		return e.fault(fault.Invalid, "answered something that is not the REST gateway's JSON (%w); is this really the REST gateway?", err)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return e.unreached(fmt.Errorf("the answer broke off: %w", err))
	case errors.As(err, &network), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, io.EOF):
		return e.unreached(err)
	}
	return e.fault(fault.Internal, "%w", err)
}

// RoundTrip sends a request as this gateway's session and gives only answers that hold what was asked for; anything else is an error.
// It logs in when there is no session, and once more when the token has expired.
func (e *endpoint) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(req.Body)
		req.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	s, err := e.login(req.Context(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := e.send(req.Context(), req.Method, req.URL.RequestURI(), body, s)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return e.accept(resp, err)
	}
	resp.Body.Close()
	if s, err = e.login(req.Context(), s); err != nil {
		return nil, err
	}
	resp, err = e.send(req.Context(), req.Method, req.URL.RequestURI(), body, s)
	if err == nil && resp.StatusCode == http.StatusUnauthorized {
		resp.Body.Close()
		return nil, e.fault(fault.Denied, "refuses %s %s (HTTP 401) to user %s who has just logged in: check the rights of that user",
			req.Method, req.URL.Path, e.config.User)
	}
	return e.accept(resp, err)
}

// send makes one request as s.
func (e *endpoint) send(ctx context.Context, method, path string, body []byte, s *session) (*http.Response, error) {
	var content io.Reader // a nil *bytes.Reader would not be a nil io.Reader
	if body != nil {
		content = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, e.base+path, content)
	if err != nil {
		return nil, err
	}
	s.authorize(req)
	resp, err := e.wire.RoundTrip(req)
	if err != nil {
		return nil, e.unreached(err)
	}
	e.config.Log.Debug("gateway call", "gateway", e.base, "method", method, "path", path, "status", resp.StatusCode)
	resp.Body = bounded{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	return resp, nil
}

type bounded struct {
	io.Reader
	io.Closer
}

// accept passes on an answer that holds what was asked for, and makes an error of any other.
func (e *endpoint) accept(resp *http.Response, err error) (*http.Response, error) {
	if err != nil {
		return nil, err
	}
	page := strings.Contains(resp.Header.Get("Content-Type"), "html")
	if resp.StatusCode/100 == 2 && !page {
		return resp, nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if err != nil {
		return nil, e.unreached(err)
	}
	return nil, e.refusal(resp, body, page)
}

func (e *endpoint) refusal(resp *http.Response, body []byte, page bool) error {
	path := resp.Request.URL.Path
	said := readRefusal(resp.StatusCode, body)
	words := http.StatusText(resp.StatusCode)
	if said != nil {
		words = said.message
	}
	switch status := resp.StatusCode; status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return e.fault(fault.Temporary, "is not in service: %w", &unreachable{fmt.Errorf("HTTP %d: %s", status, words)})
	case http.StatusPreconditionRequired:
		return e.fault(fault.Invalid, "has no MDM to ask (HTTP 428: %s): give the gateway the MDMs' addresses and approve their certificates, "+
			"then try again", words)
	case http.StatusForbidden:
		return e.fault(fault.Denied, "refuses %s to user %s (HTTP 403: %s): check the role of that user, and that features.enable_gateway "+
			"is on in the gateway", path, e.config.User, words)
	case http.StatusNotAcceptable:
		return e.fault(fault.Invalid, "refuses our version of the API (HTTP 406: %s): leave api-version empty, or correct it", words)
	default:
		switch {
		case status/100 == 3:
			return e.fault(fault.Invalid, "answered %s with a redirection to %s; is this really the REST gateway?", path, place(resp))
		case said != nil:
			return &fault.Error{Kind: said.kind(), Err: said}
		case page && status < 500:
			return e.fault(fault.Invalid, "answered %s with a web page (%w); is this really the REST gateway?", path, &refusal{status: status})
		}
		return e.fault(kindOfStatus(status), "answered %s with %w: %s", path, &refusal{status: status}, words)
	}
}

// place is where a redirection points: scheme and host, as a query may hold anything.
func place(resp *http.Response) string {
	to, err := resp.Location()
	if err != nil {
		return "nowhere"
	}
	return (&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String()
}

// do makes one raw call, for what goscaleio lacks. A nil body is none; the answer goes to out.
func (e *endpoint) do(ctx context.Context, method, path string, body, out any) error {
	ctx, cancel := e.bound(ctx)
	defer cancel()
	resp, err := e.request(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return e.explain(json.NewDecoder(resp.Body).Decode(out))
}

// ask makes one raw call that is answered by one word.
func (e *endpoint) ask(ctx context.Context, method, path string, body any) (string, error) {
	ctx, cancel := e.bound(ctx)
	defer cancel()
	return e.word(e.request(ctx, method, path, body))
}

func (e *endpoint) request(ctx context.Context, method, path string, body any) (*http.Response, error) {
	var content io.Reader
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			return nil, e.fault(fault.Internal, "%w", err)
		}
		content = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, e.base+path, content)
	if err != nil {
		return nil, e.fault(fault.Internal, "%w", err)
	}
	resp, err := e.scaleio.http.Do(req)
	return resp, e.explain(err)
}

// discard is where calls are logged when nobody listens.
var discard = slog.New(slog.DiscardHandler)
