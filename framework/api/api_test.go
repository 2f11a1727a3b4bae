package api_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
)

// TestRanges: an agent's fetcher may go on where it stopped.
func TestRanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "executor")
	if err := os.WriteFile(path, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	h := three(t).handler(map[string]string{"scaleio-executor": path})
	for _, test := range []struct {
		method, ranges, body string
		code                 int
	}{
		{"GET", "", "0123456789", 200},
		{"GET", "bytes=2-4", "234", 206},
		{"GET", "bytes=8-", "89", 206},
		{"GET", "bytes=-1", "9", 206},
		{"GET", "bytes=20-", "invalid range: failed to overlap\n", 416},
		{"GET", "pages=1", "invalid range\n", 416},
	} {
		r := httptest.NewRequest(test.method, "/artifacts/scaleio-executor", nil)
		r.Header.Set("Range", test.ranges)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != test.code || w.Body.String() != test.body {
			t.Errorf("%s %q: %d %q", test.method, test.ranges, w.Code, w.Body)
		}
	}
}

func TestMetrics(t *testing.T) {
	r := ask(three(t).handler(nil), "GET", "/v1/metrics/prometheus", "")
	if r.Code != 200 || !strings.Contains(r.Body.String(), "\nscaleio_test_total 0\n") || !strings.HasPrefix(r.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Errorf("%d %s %s", r.Code, r.Header().Get("Content-Type"), r.Body)
	}
}

// TestBigBody goes through a real server, which closes the connection of who sends too much.
func TestBigBody(t *testing.T) {
	w := three(t)
	server := httptest.NewServer(w.handler(nil))
	defer server.Close()
	defer server.Client().CloseIdleConnections()
	for body, code := range map[string]int{
		strings.Repeat(" ", 1<<20):                          200,
		strings.Repeat(" ", 1<<20+1):                        413,
		`{"A":"` + strings.Repeat("x", 1<<20) + `"}`:        413,
		strings.Repeat("[", 1<<19):                          400,
		`{"` + strings.Repeat("a%s", 1000) + `":"garbage"}`: 400,
	} {
		response, err := server.Client().Post(server.URL+"/v1/plans/deploy/start", "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != code || strings.Contains(string(text), "%") {
			t.Errorf("%d bytes: %d %.100s, expected %d", len(body), response.StatusCode, text, code)
		}
	}
}

// TestOtherSites: a page somewhere else in the operator's browser cannot command a plan; a program can, and so can a page of ours.
func TestOtherSites(t *testing.T) {
	h := three(t).handler(nil)
	for _, test := range []struct {
		method, header, value string
		code                  int
	}{
		{"POST", "", "", 200},
		{"POST", "Sec-Fetch-Site", "same-origin", 200},
		{"POST", "Sec-Fetch-Site", "cross-site", 403},
		{"POST", "Sec-Fetch-Site", "same-site", 403},
		{"POST", "Origin", "https://elsewhere.example", 403},
		{"GET", "Sec-Fetch-Site", "cross-site", 405},
	} {
		r := httptest.NewRequest(test.method, "/v1/plans/deploy/start", nil)
		r.Header.Set(test.header, test.value)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != test.code {
			t.Errorf("%s with %s %s: %d %s, expected %d", test.method, test.header, test.value, w.Code, w.Body, test.code)
		}
	}
}

// TestAnyRequest: whatever is asked in whatever order, the answer is one of ours and the core goes on.
func TestAnyRequest(t *testing.T) {
	names := []string{"", "deploy", "expand", "recovery", "nobody", "install", "layout", "storage", "rexray", "verify", "executors", "agent-01", "agent-03", "agent-04",
		"pool mydomain/mypool", "domain mydomain", "%", "a/b", "\x00", "node-0", "node-9"}
	verbs := []string{"continue", "interrupt", "forceComplete", "restart", "start", "stop"}
	known := map[int]bool{200: true, 202: true, 208: true, 400: true, 404: true, 405: true, 417: true, 500: true}
	rapid.Check(t, func(rt *rapid.T) {
		w := three(t)
		h := w.handler(nil)
		name := func(label string) string { return rapid.SampledFrom(names).Draw(rt, label) }
		happen := []func(){w.register, w.offer, w.deploy, func() { w.pass(3e9) }, func() { w.step(scheduler.MesosLost{}) }, func() { w.gateway = errGateway },
			func() { w.gateway = nil }, func() { w.step(scheduler.SystemObserved{System: &layout.Observed{}}) },
			func() {
				if len(w.hosts) == 3 {
					w.join(agent(4, "agent-04", disk("/dev/xvdf", "")))
				}
			}}
		for range rapid.IntRange(1, 25).Draw(rt, "requests") {
			if i := rapid.IntRange(-6, len(happen)-1).Draw(rt, "happens"); i >= 0 {
				happen[i]()
				continue
			}
			method, target := "GET", rapid.SampledFrom([]string{"/", "/v1/plans/" + url.PathEscape(name("plan")), "/v1/scaleio/layout", "/v1/scaleio/nodes", "/v1/scaleio/system",
				"/v1/health?verbose=true", "/api/state", "/v1/pod/status", "/v1/pod/" + url.PathEscape(name("pod")) + "/info"}).Draw(rt, "target")
			switch rapid.IntRange(0, 3).Draw(rt, "kind") {
			case 0, 1:
				query := url.Values{"phase": {name("phase")}, "step": {name("step")}}
				method, target = "POST", "/v1/plans/"+url.PathEscape(name("plan"))+"/"+rapid.SampledFrom(verbs).Draw(rt, "verb")+"?"+query.Encode()
			case 2:
				method, target = "POST", "/v1/pod/"+url.PathEscape(name("pod"))+"/restart"
			}
			r := ask(h, method, target, "")
			if !known[r.Code] || r.Code == 500 && !strings.HasPrefix(target, "/v1/health") {
				rt.Fatalf("%s %s: %d %s", method, target, r.Code, r.Body)
			}
			if r.Header().Get("Content-Type") != "text/html; charset=utf-8" && strings.Contains(r.Body.String(), "%") {
				rt.Fatalf("%s %s holds a %%: %s", method, target, r.Body)
			}
		}
	})
}

// BenchmarkPage is the page of a thousand agents, as a browser asks for it at most once a second.
func BenchmarkPage(b *testing.B) {
	for _, path := range []string{"/", "/v1/plans/deploy", "/v1/scaleio/layout"} {
		b.Run(strings.ReplaceAll(path, "/", "_"), func(b *testing.B) {
			w := thousand(b)
			h := w.handler(nil)
			var r *httptest.ResponseRecorder
			for b.Loop() {
				if r = ask(h, http.MethodGet, path, ""); r.Code >= 500 { // 417: so many nodes break a rule of the layout
					b.Fatal(r.Code, r.Body)
				}
			}
			b.ReportMetric(float64(r.Body.Len()), "bytes")
		})
	}
}

func thousand(t testing.TB) *world {
	w := newWorld(t, service())
	w.system.Limits = map[string]layout.ObservedLimit{"sdss": {Max: 4096}}
	for n := range 1000 {
		h := agent(n+1, fmt.Sprintf("agent-%04d", n), disk("/dev/xvdf", ""))
		h.report.Addresses = []string{fmt.Sprintf("10.1.%d.%d", n/250, n%250+1)}
		w.hosts = append(w.hosts, h)
	}
	w.deploy()
	return w
}
