package api_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/dcos-scaleio/scaleio/framework/api"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
	"github.com/dcos-scaleio/scaleio/framework/secret"
)

const apiToken = "hunter2-of-the-api"

// show is ask with an Authorization header.
func show(h http.Handler, method, target, authorization string) *httptest.ResponseRecorder {
	r, q := httptest.NewRecorder(), httptest.NewRequest(method, target, nil)
	if authorization != "" {
		q.Header.Set("Authorization", authorization)
	}
	h.ServeHTTP(r, q)
	return r
}

func guardedAPI(t *testing.T) http.Handler {
	w := three(t)
	w.deploy()
	return api.Handler(api.Config{Scheduler: w, Registry: prometheus.NewRegistry(), Version: "1.2.3", Token: secret.New(apiToken)})
}

func TestOnlyTheTokenChangesAnything(t *testing.T) {
	h := guardedAPI(t)
	for _, authorization := range []string{"", "Bearer", "Bearer ", "Bearer hunter", "Bearer " + apiToken + "x", "Basic " + apiToken, "token=" + apiToken, apiToken, "Bearerx " + apiToken} {
		for _, route := range api.Routes() {
			target := strings.NewReplacer("{plan}", "deploy", "{pod}", "node-0").Replace(route[1])
			if route[0] == http.MethodGet {
				continue
			}
			got := show(h, route[0], target, authorization)
			if got.Code != 401 || got.Header().Get("WWW-Authenticate") != `Bearer realm="scaleio-scheduler"` || !strings.Contains(got.Body.String(), "has to show the token") {
				t.Errorf("%v with %q: %d %s", route, authorization, got.Code, got.Body)
			}
		}
		for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS", "BREW"} {
			if got := show(h, method, "/v1/plans/deploy", authorization); got.Code != 401 {
				t.Errorf("%s with %q: %d", method, authorization, got.Code)
			}
		}
		for _, method := range []string{"GET", "HEAD"} {
			if got := show(h, method, "/v1/plans/deploy", authorization); got.Code != 200 {
				t.Errorf("%s with %q: %d %s", method, authorization, got.Code, got.Body)
			}
		}
	}
	for _, authorization := range []string{"Bearer " + apiToken, "bearer  " + apiToken + " "} {
		if got := show(h, "POST", "/v1/plans/deploy/interrupt", authorization); got.Code == 401 || got.Code >= 400 {
			t.Errorf("%q: %d %s", authorization, got.Code, got.Body)
		}
	}
	if got := show(h, "PUT", "/v1/plans/deploy", "Bearer "+apiToken); got.Code != 405 {
		t.Errorf("PUT: %d", got.Code)
	}
}

func TestWithoutATokenNobodyIsAsked(t *testing.T) {
	w := three(t)
	w.deploy()
	if got := ask(w.handler(nil), "POST", "/v1/plans/deploy/interrupt", ""); got.Code >= 400 {
		t.Errorf("%d %s", got.Code, got.Body)
	}
}

// TestNoSecretAnywhere: the API's token stands in none of its answers, whatever is asked and with whatever it is asked.
func TestNoSecretAnywhere(t *testing.T) {
	h := guardedAPI(t)
	for _, route := range api.Routes() {
		target := strings.NewReplacer("{plan}", "deploy", "{pod}", "node-0", "{name}", "scaleio-executor").Replace(route[1])
		for _, authorization := range []string{"", "Bearer " + apiToken, "Bearer " + apiToken + "\x00"} {
			ctx, cancel := context.WithCancel(t.Context())
			cancel() // streams end at once
			r, q := httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, route[0], target, strings.NewReader(`{"`+apiToken+`": 1}`))
			q.Header.Set("Authorization", authorization)
			h.ServeHTTP(r, q)
			if seen := r.Body.String() + fmt.Sprint(r.Header()); strings.Contains(seen, apiToken) {
				t.Errorf("%v shows it: %s", route, seen)
			}
		}
	}
	if seen := fmt.Sprintf("%v %+v %#v", api.Config{Token: secret.New(apiToken)}, api.Config{Token: secret.New(apiToken)}, api.Config{Token: secret.New(apiToken)}); strings.Contains(seen, apiToken) {
		t.Error(seen)
	}
}

// stuck is a scheduler that answers when it is let go.
type stuck struct{ goes chan struct{} }

func (s stuck) Do(ctx context.Context, _ func(*scheduler.Core, time.Time)) error {
	<-s.goes
	return context.Canceled
}

func (s stuck) Changed() <-chan struct{} { return nil }

func TestTooManyRequestsAtOnceAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := stuck{make(chan struct{})}
		h := api.Handler(api.Config{Scheduler: s, Registry: prometheus.NewRegistry(), Artifacts: map[string]string{"none": "/nowhere"}})
		codes := make(chan string, 1000)
		send := func(n int, path string) {
			for range n {
				go func() {
					r := ask(h, "GET", path, "")
					codes <- fmt.Sprint(path, " ", r.Code, " ", r.Header().Get("Retry-After"), string(bytes.TrimSpace(r.Body.Bytes())))
				}()
			}
			synctest.Wait()
		}
		drain := func() map[string]int {
			seen := map[string]int{}
			for len(codes) > 0 {
				seen[<-codes]++
			}
			return seen
		}
		const full = " 503 10too many requests at once; ask again later"
		send(64, "/v1/plans")
		send(3, "/v1/plans")
		send(128, "/v1/scaleio/events")
		send(2, "/v1/scaleio/events")
		if got := drain(); len(got) != 1 || got["/v1/scaleio/events"+full] != 2 {
			t.Error(got)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := drain(); len(got) != 1 || got["/v1/plans"+full] != 3 {
			t.Error(got)
		}
		send(1, "/artifacts/other")
		if got := drain(); got["/artifacts/other 404 Element not found"] != 1 {
			t.Error(got)
		}
		send(1, "/v1/health") // it waits for the core, not for room
		send(1, "/version")
		close(s.goes)
		synctest.Wait()
		if got := drain(); len(got) != 4 || got["/v1/plans 503 context canceled"] != 64 || got["/v1/health 503 context canceled"] != 1 {
			t.Error(got)
		}
	})
}
