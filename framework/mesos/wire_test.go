package mesos

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

func TestRedirectsLead(t *testing.T) {
	for _, c := range []struct{ from, location, want string }{
		{"http://m1:5050/api/v1/scheduler", "//m2:5050/master/api/v1/scheduler", "http://m2:5050/master/api/v1/scheduler"},
		{"https://m1:5050/api/v1/scheduler", "//m2:5050/master/api/v1/scheduler", "https://m2:5050/master/api/v1/scheduler"},
		{"http://m1:5050/api/v1/scheduler", "https://m2:5050/master/api/v1/scheduler", "https://m2:5050/master/api/v1/scheduler"},
		{"http://m1:5050/api/v1/scheduler", "//m2:5050", "http://m2:5050/api/v1/scheduler"},
		{"http://m1:5050/api/v1/scheduler", "//[::1]:5050/master/api/v1/scheduler?x=y", "http://[::1]:5050/master/api/v1/scheduler"},
		{"http://m1:5050/api/v1/scheduler", "/elsewhere", "http://m1:5050/elsewhere"},
		{"http://m1:5050/api/v1/scheduler", "//u:p@m2:5050/x", "http://m2:5050/x"},
		{"http://m1:5050/api/v1/scheduler", "", `redirects to "", which names no host`},
		{"http://m1:5050/api/v1/scheduler", "//", "http://m1:5050/api/v1/scheduler"}, // a circle, which ends after three hops
		{"http://m1:5050/api/v1/scheduler", "//%zz", `redirects to "//%zz", which names no host`},
		{"https://m1:5050/api/v1/scheduler", "http://m2:5050/x", `redirects from https to "http://m2:5050/x": not followed, requests carry credentials`},
		{"http://m1:5050/api/v1/scheduler", "ftp://m2/x", `redirects from http to "ftp://m2/x": not followed, requests carry credentials`},
	} {
		from, _ := url.Parse(c.from)
		to, err := redirected(from, c.location)
		got := to.String()
		if err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s from %s: got %s, want %s", c.location, c.from, got, c.want)
		}
	}
}

func TestEndpointsOfMasters(t *testing.T) {
	secure := Config{TLS: &tls.Config{}}
	for _, c := range []struct {
		config       Config
		master, want string
	}{
		{Config{}, "m1:5050", "http://m1:5050/api/v1/scheduler"},
		{secure, "m1:5050", "https://m1:5050/api/v1/scheduler"},
		{secure, "http://m1:5050", "http://m1:5050/api/v1/scheduler"},
		{Config{}, "https://m1:5050/", "https://m1:5050/api/v1/scheduler"},
		{Config{}, "https://leader.mesos/mesos", "https://leader.mesos/mesos/api/v1/scheduler"},
		{Config{}, "http://m1:5050/api/v1/scheduler", "http://m1:5050/api/v1/scheduler"},
		{Config{}, "[::1]:5050", "http://[::1]:5050/api/v1/scheduler"},
	} {
		got, err := c.config.endpoint(c.master, "/api/v1/scheduler")
		if err != nil || got.String() != c.want {
			t.Errorf("%s: got %v, %v; want %s", c.master, got, err, c.want)
		}
	}
}

// Rule 9 of reference/mesos-go.md §8.
func TestTransportIsForMesos(t *testing.T) {
	tr := newWire(Config{}).transport
	if tr.Proxy != nil || !tr.DisableCompression || tr.IdleConnTimeout == 0 || tr.ForceAttemptHTTP2 || tr.ResponseHeaderTimeout == 0 {
		t.Errorf("%+v", tr)
	}
}

// master gives a real server that answers SUBSCRIBE with events and calls with 202.
func masterOn(t *testing.T, start func(http.Handler) *httptest.Server, events ...marshaler) *httptest.Server {
	srv := start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		x := &exchange{w: w, Request: r, body: body}
		if x.call(t).Type != scheduler.Call_SUBSCRIBE {
			x.accept()
			return
		}
		x.stream("s")
		x.send(events...)
		x.hold()
	}))
	t.Cleanup(srv.Close)
	return srv
}

func TestOverTLS(t *testing.T) {
	srv := masterOn(t, httptest.NewTLSServer, subscribed("fw", 15))
	host := strings.TrimPrefix(srv.URL, "https://")
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	t.Run("trusted", func(t *testing.T) {
		s := NewScheduler(Config{Masters: []string{host}, TLS: &tls.Config{RootCAs: roots}, Log: slog.New(slog.DiscardHandler)})
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		var called error = errors.New("never")
		s.Run(ctx, subscribeCall, func(got Received) {
			if got.Event.GetType() == scheduler.Event_SUBSCRIBED {
				called = s.Call(ctx, calls.Revive())
				stop()
			}
		})
		if called != nil {
			t.Error(called)
		}
	})
	t.Run("unknown authority", func(t *testing.T) {
		o := NewOperator(Config{Masters: []string{host}, TLS: &tls.Config{}})
		srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		if _, err := o.Agents(t.Context()); fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), "certificate") {
			t.Errorf("got (%v) %v", fault.KindOf(err), err)
		}
	})
}

// mesos-go ends the stream at 4 MiB.
func TestLargeMessagesArrive(t *testing.T) {
	large := bytes.Repeat([]byte("x"), 40<<20)
	srv := masterOn(t, httptest.NewServer, subscribed("fw", 15),
		&scheduler.Event{Type: scheduler.Event_MESSAGE, Message: &scheduler.Event_Message{Data: large}}, message("after"))
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1") // goes unheeded
	s := NewScheduler(Config{Masters: []string{srv.URL}, Log: slog.New(slog.DiscardHandler)})
	ctx, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	var sizes []int
	var first *scheduler.Event
	s.Run(ctx, subscribeCall, func(got Received) {
		if m := got.Event.GetMessage(); m != nil {
			sizes = append(sizes, len(m.Data))
			if first == nil {
				first = got.Event
			}
			if string(m.Data) == "after" {
				stop()
			}
		}
	})
	if len(sizes) != 2 || !bytes.Equal(first.Message.Data, large) {
		t.Errorf("got messages of %v bytes", sizes)
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte("404 Not Found."), "//m2:5050/x")
	f.Add([]byte("\xff\xfe"), "//[::1")
	f.Fuzz(func(t *testing.T, body []byte, location string) {
		r := refused(&http.Response{StatusCode: 400, Body: io.NopCloser(bytes.NewReader(body))})
		if len(r.text) > 3*maxText { // invalid bytes are replaced
			t.Errorf("%d bytes of text", len(r.text))
		}
		from := &url.URL{Scheme: "https", Host: "m1", Path: "/api/v1"}
		if to, err := redirected(from, location); err == nil && (to.Scheme != "https" || to.Host == "") {
			t.Errorf("%q leads to %v", location, to)
		}
	})
}
