package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/gorilla/mux"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
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
}

type server struct{ Config }

// Handler routes all requests.
func Handler(c Config) http.Handler {
	s := server{c}
	r := mux.NewRouter()
	get := func(path string, h http.HandlerFunc) { r.HandleFunc(path, h).Methods(http.MethodGet, http.MethodHead) }
	post := func(path string, h http.HandlerFunc) { r.HandleFunc(path, h).Methods(http.MethodPost) }

	get("/v1/plans", s.plans)
	get("/v1/plans/{plan}", s.plan)
	post("/v1/plans/{plan}/{verb:continue|interrupt|forceComplete|restart|start|stop}", s.command)
	get("/v1/plan", s.plan)
	post("/v1/plan/{verb:continue|interrupt|forceComplete|restart}", s.command)

	get("/v1/pod", s.pods)
	get("/v1/pod/status", s.podStatuses)
	get("/v1/pod/{pod}/status", s.podStatus)
	get("/v1/pod/{pod}/info", s.podInfo)
	post("/v1/pod/{pod}/restart", s.podRestart)

	get("/v1/state/frameworkId", s.frameworkID)
	get("/v1/health", s.health)
	get("/v1/scaleio/layout", s.layout)
	get("/v1/scaleio/nodes", s.nodes)
	get("/v1/scaleio/system", s.system)
	get("/v1/scaleio/events", s.events)
	r.Handle("/v1/metrics/prometheus", promhttp.HandlerFor(c.Registry, promhttp.HandlerOpts{})).Methods(http.MethodGet)
	get("/artifacts/{name}", s.artifact)

	get("/version", s.version)
	get("/api/state", s.state)
	r.NotFoundHandler = http.HandlerFunc(notFound)
	return http.MaxBytesHandler(r, 1<<20)
}

// notFound is the body that the SDK's CLI knows (dcos-commons.md §9).
func notFound(w http.ResponseWriter, _ *http.Request) {
	text(w, http.StatusNotFound, "Element not found")
}

// do runs f on the core, or answers that the scheduler cannot be asked.
func (s server) do(w http.ResponseWriter, r *http.Request, f func(core *scheduler.Core, now time.Time)) bool {
	if err := s.Scheduler.Do(r.Context(), f); err != nil {
		text(w, http.StatusServiceUnavailable, err.Error())
		return false
	}
	return true
}

func answer(w http.ResponseWriter, status int, body any) {
	data, err := json.MarshalIndent(body, "", "  ")
	if err != nil {
		text(w, http.StatusInternalServerError, "the answer does not encode: "+err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(append(data, '\n'))
}

func text(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write([]byte(body))
}

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
