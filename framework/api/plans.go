package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/dcos-scaleio/scaleio/framework/plan"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
)

func (s server) plans(w http.ResponseWriter, r *http.Request) {
	var names []string
	if s.do(w, r, func(core *scheduler.Core, _ time.Time) { names = core.Plans() }) {
		answer(w, http.StatusOK, names)
	}
}

// planName is the plan of the path; /v1/plan is the deploy plan.
func planName(r *http.Request) string {
	if name, ok := mux.Vars(r)["plan"]; ok {
		return name
	}
	return "deploy"
}

// plan answers 200 when the plan is complete, 417 when it has errors, 202 otherwise (dcos-commons.md §1.1).
func (s server) plan(w http.ResponseWriter, r *http.Request) {
	var view *plan.View
	if !s.do(w, r, func(core *scheduler.Core, _ time.Time) {
		if p := core.Plan(planName(r)); p != nil {
			v := p.View()
			view = &v
		}
	}) {
		return
	}
	switch {
	case view == nil:
		notFound(w, r)
	case view.Status == plan.Error:
		answer(w, http.StatusExpectationFailed, view)
	case view.Status == plan.Complete:
		answer(w, http.StatusOK, view)
	default:
		answer(w, http.StatusAccepted, view)
	}
}

func (s server) command(w http.ResponseWriter, r *http.Request) {
	verb, phase, step := scheduler.Verb(mux.Vars(r)["verb"]), r.URL.Query().Get("phase"), r.URL.Query().Get("step")
	parameters, err := parameters(r, verb)
	if err != nil {
		text(w, http.StatusBadRequest, err.Error())
		return
	}
	var result plan.Result
	if !s.do(w, r, func(core *scheduler.Core, now time.Time) {
		result, err = core.CommandPlan(now, planName(r), verb, phase, step)
	}) {
		return
	}
	switch {
	case err != nil:
		fail(w, err)
	case result == plan.AlreadyDone:
		text(w, http.StatusAlreadyReported, "Command has already been reported or completed")
	default:
		answer(w, http.StatusOK, map[string]string{"message": received(planName(r), verb, phase, step, parameters)})
	}
}

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// parameters reads the body of start: an object of strings. Our plans take none, so that any is refused rather than ignored.
func parameters(r *http.Request, verb scheduler.Verb) (string, error) {
	if verb != scheduler.Start {
		return "{}", nil
	}
	given := map[string]string{}
	if err := json.NewDecoder(r.Body).Decode(&given); err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("the body is not a JSON object of strings: %w", err)
	}
	var names []string
	for name := range given {
		if !variable.MatchString(name) {
			return "", fmt.Errorf("Couldn't parse parameters: %s is not a valid environment variable name", name)
		}
		names = append(names, name)
	}
	if len(names) > 0 {
		slices.Sort(names)
		return "", fmt.Errorf("the plans of this service take no parameters, %s given", strings.Join(names, ", "))
	}
	return "{}", nil
}

// received is the SDK's message for a command that was taken.
func received(name string, verb scheduler.Verb, phase, step, parameters string) string {
	null := func(s string) string {
		if s == "" {
			return "null"
		}
		return s
	}
	switch verb {
	case scheduler.Start:
		return "Received cmd: start " + name + " with parameters: " + parameters
	case scheduler.ForceComplete, scheduler.Restart:
		return fmt.Sprintf("Received cmd: %s for Plan: %s, Phase: %s, Step: %s", verb, name, null(phase), null(step))
	}
	return "Received cmd: " + string(verb)
}
