package api

import (
	"errors"
	"net/http"
	"os"
	"time"

	"github.com/gorilla/mux"

	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
)

func (s server) frameworkID(w http.ResponseWriter, r *http.Request) {
	var id string
	if !s.do(w, r, func(core *scheduler.Core, _ time.Time) { id = core.FrameworkID() }) {
		return
	}
	if id == "" {
		notFound(w, r)
		return
	}
	answer(w, http.StatusOK, []string{id})
}

// health answers 200 as long as the scheduler works, also while it deploys, and 500 when a plan has errors; the SDK's code is in the body:
// Marathon's own checks do not take 3xx, and HTTP forbids a body with 204.
func (s server) health(w http.ResponseWriter, r *http.Request) {
	var code int
	var reasons []string
	if !s.do(w, r, func(core *scheduler.Core, _ time.Time) { code, reasons = core.Health() }) {
		return
	}
	status := http.StatusOK
	if code == scheduler.HealthErrors {
		status = http.StatusInternalServerError
	}
	body := map[string]any{"value": code}
	if r.URL.Query().Get("verbose") == "true" {
		body["reasons"] = append([]string{}, reasons...)
	}
	answer(w, status, body)
}

// layout answers what would be done now, with a reason for every device.
func (s server) layout(w http.ResponseWriter, r *http.Request) {
	var l layout.Layout
	if !s.do(w, r, func(core *scheduler.Core, _ time.Time) { l = *core.Preview() }) {
		return
	}
	l.Domains, l.Pools, l.SDSs = orEmpty(l.Domains), orEmpty(l.Pools), orEmpty(l.SDSs)
	l.Consumers, l.Verdicts = orEmpty(l.Consumers), orEmpty(l.Verdicts)
	answer(w, http.StatusOK, l)
}

func (s server) nodes(w http.ResponseWriter, r *http.Request) {
	if _, views, ok := s.nodeViews(w, r); ok {
		answer(w, http.StatusOK, views)
	}
}

// system answers what ScaleIO holds, as last read; null before the gateway has answered.
func (s server) system(w http.ResponseWriter, r *http.Request) {
	var observed *layout.Observed
	if !s.do(w, r, func(core *scheduler.Core, _ time.Time) {
		if o := core.Observed(); o != nil {
			observed = o.Clone()
		}
	}) {
		return
	}
	if observed != nil {
		o := observed
		o.MDMs, o.Domains, o.Pools = orEmpty(o.MDMs), orEmpty(o.Domains), orEmpty(o.Pools)
		o.SDSs, o.Devices, o.SDCs = orEmpty(o.SDSs), orEmpty(o.Devices), orEmpty(o.SDCs)
	}
	answer(w, http.StatusOK, observed)
}

func (s server) artifact(w http.ResponseWriter, r *http.Request) {
	path, ok := s.Artifacts[mux.Vars(r)["name"]]
	if !ok {
		notFound(w, r)
		return
	}
	file, err := os.Open(path)
	if err != nil {
		if path := (*os.PathError)(nil); errors.As(err, &path) {
			err = path.Err // where it lies is nobody's business
		}
		text(w, http.StatusInternalServerError, "the artifact cannot be read: "+err.Error())
		return
	}
	defer file.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	http.ServeContent(w, r, "", time.Time{}, file)
}

func (s server) version(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"versionint": 2, "versionstr": s.Version})
}

// The states of the original, for what reads its /api/state (original.md §1.3).
const (
	stateUnknown = 0
	stateAdding  = 5
	stateRunning = 1024
	stateFatal   = 4096
)

// state answers as the original's /api/state did, without its password.
func (s server) state(w http.ResponseWriter, r *http.Request) {
	type node struct {
		Name       string `json:"name"` // the agent's id
		TaskID     string `json:"taskid"`
		ExecutorID string `json:"executorid"`
		IPAddress  string `json:"ipaddress"`
		Hostname   string `json:"hostname"`
		Persona    int    `json:"persona"`
		State      int    `json:"state"`
	}
	nodes := []node{}
	body := map[string]any{}
	if !s.do(w, r, func(core *scheduler.Core, _ time.Time) {
		spec := core.Spec().ScaleIO
		for _, v := range core.Nodes() {
			n := node{Name: v.Agent.ID, Hostname: v.Name, Persona: 4, State: stateOf(v)}
			if v.Task != nil {
				n.TaskID, n.ExecutorID = v.Task.ID, v.Task.ExecutorID
			}
			if len(v.Addresses) > 0 {
				n.IPAddress = v.Addresses[0]
			}
			nodes = append(nodes, n)
		}
		body["configured"] = core.Observed() != nil
		body["clustername"] = spec.System.Name
		body["protectiondomain"], body["storagepool"] = spec.Pools.Default.ProtectionDomain, spec.Pools.Default.StoragePool
		body["apiversion"] = spec.System.APIVersion
		body["Nodes"] = nodes
	}) {
		return
	}
	answer(w, http.StatusOK, map[string]any{"scheduleraddress": r.Host, "ScaleIO": body})
}

func stateOf(v scheduler.NodeView) int {
	for _, step := range v.Steps {
		if step.State == "failed" {
			return stateFatal
		}
	}
	switch {
	case v.Serves:
		return stateRunning
	case v.Installed:
		return stateAdding
	}
	return stateUnknown
}
