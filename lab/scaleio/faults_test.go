package scaleio_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/dcos-scaleio/scaleio/lab/scaleio"
)

// wire is a system behind TLS.
type wire struct {
	t             *testing.T
	g             *scaleio.Gateway
	http          *http.Client
	authorization string
}

func serve(t *testing.T, s *scaleio.System) *wire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g, err := s.ServeTLS(listener)
	if err != nil {
		t.Fatal(err)
	}
	client := g.Client()
	t.Cleanup(func() {
		client.CloseIdleConnections()
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return &wire{t, g, client, login(t, s)}
}

// do sends a request once: a connection that breaks is an error, not a second try.
func (w *wire) do(ctx context.Context, method, path, body string) (int, string, error) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, w.g.URL+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", w.authorization)
	r.GetBody = nil
	answer, err := w.http.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	raw, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(raw), err
}

func TestFaults(t *testing.T) {
	s := scaleio.New(scaleio.Config{MDMs: []string{"10.0.0.1"}})
	w, f := serve(t, s), s.Faults()
	ctx := t.Context()
	create := func(name string) (int, string, error) {
		return w.do(ctx, "POST", "/api/types/ProtectionDomain/instances", `{"name":"`+name+`"}`)
	}
	domains := func() int { return len(s.Snapshot().Domains) }

	f.Inject(scaleio.Fault{Method: "POST", Kind: "ProtectionDomain", Times: 2, Code: "MDM_BUSY"})
	for range 2 {
		if code, body, err := create("a"); code != 500 || !strings.Contains(body, "MDM_BUSY") {
			t.Errorf("refused by a fault: %d %s %v", code, body, err)
		}
	}
	if code, body, err := create("a"); code != 200 || domains() != 1 {
		t.Errorf("after the fault: %d %s %v", code, body, err)
	}

	f.Inject(scaleio.Fault{Path: regexp.MustCompile(`ProtectionDomain/instances$`), DropBefore: true})
	if _, _, err := create("b"); err == nil || domains() != 1 {
		t.Errorf("dropped before the work: %v, %d domains", err, domains())
	}
	f.Inject(scaleio.Fault{Method: "POST", DropAfter: true})
	if _, _, err := create("b"); err == nil || domains() != 2 {
		t.Errorf("dropped after the work: %v, %d domains", err, domains())
	}

	remove := f.Inject(scaleio.Fault{Times: -1, Status: 503, Body: `{"message":"later"}`})
	for range 3 {
		if code, body, err := create("c"); code != 503 || body != `{"message":"later"}` {
			t.Errorf("answered by a fault: %d %s %v", code, body, err)
		}
	}
	if hits := remove(); hits != 3 {
		t.Errorf("it happened %d times", hits)
	}
	f.HTML(502, 1)
	if code, body, err := create("c"); code != 502 || !strings.HasPrefix(body, "<html>") {
		t.Errorf("a page: %d %s %v", code, body, err)
	}
	if code, _, err := create("c"); code != 200 {
		t.Errorf("after all faults: %d %v", code, err)
	}

	f.Inject(scaleio.Fault{Delay: time.Hour})
	short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	if _, _, err := w.do(short, "POST", "/api/types/ProtectionDomain/instances", `{"name":"slow"}`); err == nil {
		t.Error("a slow call was not slow")
	}
	if code, _, err := create("d"); code != 200 || domains() != 4 {
		t.Errorf("after the slow one: %d %v, %d domains", code, err, domains())
	}
	if n := s.Calls()["POST /api/types/ProtectionDomain/instances"]; n != 12 {
		t.Errorf("%d calls were counted: %v", n, s.Calls())
	}
}

// TestCallsByTemplate: ids do not make calls different.
func TestCallsByTemplate(t *testing.T) {
	r := newRig(t)
	before := r.s.Calls()["GET /api/instances/Sds::{id}"]
	for _, id := range r.sds {
		r.get("Sds", id)
	}
	if n := r.s.Calls()["GET /api/instances/Sds::{id}"] - before; n != 4 {
		t.Errorf("counted %d", n)
	}
}

func TestRefuseDevice(t *testing.T) {
	r := newRig(t)
	r.s.Faults().RefuseDevice("10.0.0.1", "/dev/sdc", 2, "MADE_UP")
	add := func(ip string) o {
		return o{"deviceCurrentPathname": "/dev/sdc", "sdsId": r.sds[ip], "storagePoolId": r.pool}
	}
	r.create("Device", add("10.0.0.2"))
	for range 2 {
		r.refused("MADE_UP", "POST", "/api/types/Device/instances", add("10.0.0.1"))
	}
	r.create("Device", add("10.0.0.1"))
}

// TestExpiredLogins: the three looks of a 401, which clients take in three ways.
func TestExpiredLogins(t *testing.T) {
	s := scaleio.New(scaleio.Config{MDMs: []string{"10.0.0.1"}})
	for look, want := range map[scaleio.Expired]string{scaleio.ExpiredJSON: `"httpStatusCode":401`, scaleio.ExpiredHTML: "<html>", scaleio.ExpiredEmpty: ""} {
		authorization := login(t, s)
		s.Faults().ExpireTokens(look)
		w := raw(s, "GET", systems, authorization, "")
		if w.Code != 401 || !strings.Contains(w.Body.String(), want) || want == "" && w.Body.Len() > 0 {
			t.Errorf("look %d: %d %s", look, w.Code, w.Body)
		}
	}
}

// TestDistrust: 428 until the MDM's certificate is approved.
func TestDistrust(t *testing.T) {
	s := scaleio.New(scaleio.Config{MDMs: []string{"10.0.0.1"}})
	c := newClient(t, s)
	s.Faults().Distrust(true)
	if status, _ := c.ask("GET", systems, nil); status != 428 {
		t.Errorf("an MDM that is not trusted answers %d", status)
	}
	c.must("POST", "/api/trustHostCertificate/Mdm", nil)
	c.must("GET", systems, nil)
}

// TestGatewayIsTLS: a client that trusts the gateway's certificate, and only that, gets through.
func TestGatewayIsTLS(t *testing.T) {
	s := scaleio.New(scaleio.Config{MDMs: []string{"10.0.0.1"}})
	w := serve(t, s)
	code, body, err := w.do(t.Context(), "GET", systems, "")
	var list []any
	if err != nil || code != 200 || json.Unmarshal([]byte(body), &list) != nil || len(list) != 1 {
		t.Errorf("%d %s %v", code, body, err)
	}
	stranger := &http.Client{Transport: &http.Transport{}}
	defer stranger.CloseIdleConnections()
	if answer, err := stranger.Get(w.g.URL + "/api/version"); err == nil {
		answer.Body.Close()
		t.Error("a client that trusts nobody got through")
	}
}
