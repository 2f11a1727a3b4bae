package mesos

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

const (
	// protobuf is compared by Mesos as it stands: with "; charset" or other case it answers 415 (traffic/mesos/08).
	protobuf = "application/x-protobuf"
	streamID = "Mesos-Stream-Id"

	dialTimeout   = 5 * time.Second  // a machine that is gone does not refuse, it is silent
	headerTimeout = 10 * time.Second // from the request to the head of its answer; Mesos answers within milliseconds
	callTimeout   = 15 * time.Second // a whole call
	idleTimeout   = 30 * time.Second
	maxHops       = 3       // of redirects: a standby, one that lags behind, the leader
	maxText       = 4 << 10 // of an error's body
	maxAnswer     = 64 << 20
)

// wire posts protobuf over HTTP/1.1. Safe for concurrent use.
type wire struct {
	transport *http.Transport
	authorize func(ctx context.Context, refused string) (string, error)
}

func newWire(c Config) *wire {
	dial := c.Dial
	if dial == nil {
		// Keep-alives find a dead peer where there is no heartbeat.
		dial = (&net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}).DialContext
	}
	var config *tls.Config
	if c.TLS != nil {
		config = c.TLS.Clone()
	}
	return &wire{
		authorize: c.authorization(),
		transport: &http.Transport{
			// No Proxy: HTTP_PROXY in an executor's environment must not divert traffic to its agent.
			DialContext:           dial,
			TLSClientConfig:       config,
			TLSHandshakeTimeout:   dialTimeout,
			ResponseHeaderTimeout: headerTimeout,
			IdleConnTimeout:       idleTimeout,
			MaxIdleConnsPerHost:   16,
			DisableCompression:    true,
		},
	}
}

// post sends body to one host and gives its answer, whatever the status. It follows nothing and repeats nothing, but for a request whose
// credentials were refused when there are others.
func (w *wire) post(ctx context.Context, to *url.URL, stream string, body []byte) (*http.Response, error) {
	header, err := w.authorize(ctx, "")
	if err != nil {
		return nil, unsent{err}
	}
	resp, err := w.postAs(ctx, header, to, stream, body)
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		return resp, err
	}
	other, err := w.authorize(ctx, header)
	if err != nil || other == header {
		return resp, nil // what Mesos says of it
	}
	drain(resp.Body)
	return w.postAs(ctx, other, to, stream, body)
}

// postAs sends body with an Authorization header, if there is one.
func (w *wire) postAs(ctx context.Context, authorization string, to *url.URL, stream string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", protobuf)
	req.Header.Set("Accept", protobuf)
	if stream != "" {
		req.Header[streamID] = []string{stream}
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	resp, err := w.transport.RoundTrip(req)
	if err != nil {
		return nil, plain(ctx, err)
	}
	return resp, nil
}

// follow is post, and post again to where a standby master says that the leader is. It gives the URL that answered,
// or that did not.
func (w *wire) follow(ctx context.Context, to *url.URL, body []byte) (*http.Response, *url.URL, error) {
	asked := to.Host
	for range maxHops + 1 {
		resp, err := w.post(ctx, to, "", body)
		if err != nil || resp.StatusCode != http.StatusTemporaryRedirect {
			return resp, to, err
		}
		location := resp.Header.Get("Location")
		drain(resp.Body)
		if to, err = redirected(to, location); err != nil {
			return nil, to, err
		}
		asked += " -> " + to.Host
	}
	return nil, to, fmt.Errorf("redirected more than %d times: %s", maxHops, asked)
}

// redirected gives where location leads. Mesos leaves the scheme out ("//host:port/master/api/v1/scheduler").
// On error it gives from.
func redirected(from *url.URL, location string) (*url.URL, error) {
	to, err := from.Parse(location)
	switch {
	case err != nil || location == "" || to.Hostname() == "":
		return from, fmt.Errorf("redirects to %q, which names no host", location)
	case to.Scheme != from.Scheme && to.Scheme != "https":
		return from, fmt.Errorf("redirects from %s to %q: not followed, requests carry credentials", from.Scheme, location)
	}
	path := to.Path
	if path == "" || path == "/" {
		path = from.Path
	}
	return &url.URL{Scheme: to.Scheme, Host: to.Host, Path: path}, nil
}

// drain reads the rest of a short body, so that its connection can be used again, and closes it.
func drain(body io.ReadCloser) {
	_, _ = io.Copy(io.Discard, io.LimitReader(body, maxText)) // what is not read costs the connection, nothing else
	body.Close()
}

// refusal is an HTTP answer other than the one wanted.
type refusal struct {
	status int
	text   string // of the body: what Mesos has to say
}

// refused reads and closes the answer's body.
func refused(resp *http.Response) *refusal {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxText))
	if err == nil {
		drain(resp.Body)
	} else {
		resp.Body.Close()
	}
	return &refusal{status: resp.StatusCode, text: strings.TrimSpace(strings.ToValidUTF8(string(text), "?"))}
}

func (r *refusal) Error() string {
	head := strings.TrimSpace(fmt.Sprintf("%d %s", r.status, http.StatusText(r.status)))
	if r.text == "" {
		return head
	}
	return fmt.Sprintf("%s %q", head, r.text)
}

// kind says what an answer means to who asked: 5xx and redirects pass, 401 and 403 are about who we are, every other
// 4xx about what we sent.
func (r *refusal) kind() fault.Kind {
	switch {
	case r.status == http.StatusUnauthorized || r.status == http.StatusForbidden:
		return fault.Denied
	case r.status >= 400 && r.status < 500:
		return fault.Invalid
	}
	return fault.Temporary
}

// streamLost says that Mesos does not know the stream that a call named. A wrong or stale id is 400 and not 403
// (traffic/mesos/08-http-errors/142), a framework that is known but not connected is 403 (07/024).
func (r *refusal) streamLost() bool {
	text := strings.ToLower(r.text)
	switch r.status {
	case http.StatusBadRequest:
		return strings.Contains(text, "stream id") || strings.Contains(text, "stream-id")
	case http.StatusForbidden:
		return strings.Contains(text, "not subscribed")
	}
	return false
}

// plain gives err the same text each time the same thing happens: without our own port, and with the reason for
// which ctx was ended.
func plain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return fmt.Errorf("%s: %w", op.Op, op.Err)
	}
	return err
}

// kindOf is the kind of a failure to get an answer: credentials that cannot be had tell themselves, a certificate that does not verify is
// for the operator, anything else may pass.
func kindOf(err error) fault.Kind {
	var r *refusal
	var u unsent
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &r):
		return r.kind()
	case errors.As(err, &u):
		return fault.KindOf(u.error)
	case errors.As(err, &certificate):
		return fault.Denied
	}
	return fault.Temporary
}
