package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
	"github.com/dcos-scaleio/scaleio/framework/secret"
)

// Scheduler is whom the API asks (scheduler.Driver).
type Scheduler interface {
	Do(ctx context.Context, f func(core *scheduler.Core, now time.Time)) error
	Changed() <-chan struct{}
}

// Config is what the API serves.
type Config struct {
	Scheduler Scheduler
	Registry  *prometheus.Registry
	Version   string
	// Artifacts are files by the name under /artifacts/: the executor.
	Artifacts map[string]string
	// Token is what whoever changes anything has to show; empty: nothing.
	Token secret.Value
}

type server struct{ Config }

// maxBody is the most that a request may bring, in bytes; the original's bound too (original.md §1.4).
const maxBody = 1 << 20

// route is an endpoint. GET serves HEAD as well, except for a stream.
type route struct {
	method, path string
	handle       http.HandlerFunc
}

// routes are all endpoints; docs/api.md has a line for each.
func (s server) routes() []route {
	all := []route{
		{"GET", "/", s.page},
		{"GET", "/ui", s.page},
		{"GET", "/v1/plans", s.plans},
		{"GET", "/v1/plans/{plan}", s.plan},
		{"GET", "/v1/plan", s.plan},
		{"GET", "/v1/pod", s.pods},
		{"GET", "/v1/pod/status", s.podStatuses},
		{"GET", "/v1/pod/{pod}/status", s.podStatus},
		{"GET", "/v1/pod/{pod}/info", s.podInfo},
		{"POST", "/v1/pod/{pod}/restart", s.podCommand(scheduler.Restart)},
		{"POST", "/v1/pod/{pod}/replace", s.podCommand(scheduler.Replace)},
		{"POST", "/v1/pod/{pod}/pause", s.podCommand(scheduler.Pause)},
		{"POST", "/v1/pod/{pod}/resume", s.podCommand(scheduler.Resume)},
		{"GET", "/v1/state/frameworkId", s.frameworkID},
		{"GET", "/v1/health", s.health},
		{"GET", "/v1/scaleio/layout", s.layout},
		{"GET", "/v1/scaleio/nodes", s.nodes},
		{"GET", "/v1/scaleio/system", s.system},
		{"GET", eventsPath, s.events},
		{"GET", "/v1/metrics/prometheus", s.metrics},
		{"GET", "/artifacts/{name}", s.artifact},
		{"GET", "/version", s.version},
		{"GET", "/api/state", s.state},
	}
	for _, verb := range []scheduler.Verb{
		scheduler.Continue, scheduler.Interrupt, scheduler.ForceComplete, scheduler.Restart, scheduler.Start, scheduler.Stop,
	} {
		all = append(all, route{"POST", "/v1/plans/{plan}/" + string(verb), s.command(verb)})
		if verb != scheduler.Start && verb != scheduler.Stop { // the SDK's old paths have no more
			all = append(all, route{"POST", "/v1/plan/" + string(verb), s.command(verb)})
		}
	}
	return all
}

func (s server) metrics(w http.ResponseWriter, r *http.Request) {
	promhttp.HandlerFor(s.Registry, promhttp.HandlerOpts{}).ServeHTTP(w, r)
}

// Handler routes all requests. What a browser sends for another site's page is refused: nobody else's link may command a plan.
func Handler(c Config) http.Handler {
	r := mux.NewRouter().SkipClean(true)
	for _, e := range (server{c}).routes() {
		methods := []string{e.method}
		if e.method == http.MethodGet && e.path != eventsPath {
			methods = append(methods, http.MethodHead)
		}
		r.HandleFunc(e.path, e.handle).Methods(methods...)
	}
	r.NotFoundHandler = http.HandlerFunc(notFound)
	r.MethodNotAllowedHandler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { notAllowed(w, req, r) })
	own := http.NewCrossOriginProtection()
	own.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		text(w, http.StatusForbidden, "the request comes from the page of another site; send it from this one, or without a browser")
	}))
	return http.MaxBytesHandler(bounded(own.Handler(guarded(c.Token, r))), maxBody)
}

// notFound is the body that the SDK's CLI knows (dcos-commons.md §9).
func notFound(w http.ResponseWriter, _ *http.Request) {
	text(w, http.StatusNotFound, "Element not found")
}

// notAllowed names the methods that the path takes.
func notAllowed(w http.ResponseWriter, r *http.Request, router *mux.Router) {
	var takes []string
	for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost} {
		probe, match := *r, mux.RouteMatch{}
		probe.Method = method
		if router.Match(&probe, &match) && match.MatchErr == nil {
			takes = append(takes, method)
		}
	}
	w.Header().Set("Allow", strings.Join(takes, ", "))
	text(w, http.StatusMethodNotAllowed, "this path takes "+strings.Join(takes, ", ")+" only")
}

// do runs f on the core, or answers that the scheduler cannot be asked.
func (s server) do(w http.ResponseWriter, r *http.Request, f func(core *scheduler.Core, now time.Time)) bool {
	if err := s.Scheduler.Do(r.Context(), f); err != nil {
		text(w, http.StatusServiceUnavailable, err.Error())
		return false
	}
	return true
}

// percent is how a JSON text may say %, for the SDK's CLI prints what we answer as a format (dcos-commons.md §2.5).
var percent = []byte(`\u0025`)

func answer(w http.ResponseWriter, status int, body any) {
	data, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		text(w, http.StatusInternalServerError, "the answer does not encode: "+err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(append(bytes.ReplaceAll(data, []byte("%"), percent), '\n'))
}

func text(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write([]byte(withoutPercent(body)))
}

// withoutPercent puts a full-width sign in the place of %: what comes from elsewhere may hold one, and the CLI would garble the text.
func withoutPercent(text string) string { return strings.ReplaceAll(text, "%", "％") }

func fail(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	switch fault.KindOf(err) {
	case fault.NotFound:
		notFound(w, nil)
		return
	case fault.Invalid:
		status = http.StatusBadRequest
	case fault.Conflict:
		status = http.StatusConflict
	case fault.Temporary:
		status = http.StatusServiceUnavailable
	case fault.Denied:
		status = http.StatusForbidden
	}
	text(w, status, err.Error())
}

// orEmpty makes [] of a nil list: what reads our JSON need not know the difference.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
