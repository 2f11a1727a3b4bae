package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"github.com/dcos-scaleio/scaleio/framework/fault"
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
			for i := range v.Errors {
				v.Errors[i] = withoutPercent(v.Errors[i]) // the CLI prints them as they are
			}
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

func (s server) command(verb scheduler.Verb) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { s.commandPlan(w, r, verb) }
}

func (s server) commandPlan(w http.ResponseWriter, r *http.Request, verb scheduler.Verb) {
	phase, step := r.URL.Query().Get("phase"), r.URL.Query().Get("step")
	if verb == scheduler.Start {
		if err := noParameters(r); err != nil {
			refuseBody(w, err)
			return
		}
	}
	var result plan.Result
	var err error
	if !s.do(w, r, func(core *scheduler.Core, now time.Time) {
		result, err = core.CommandPlan(now, planName(r), verb, phase, step)
	}) {
		return
	}
	runs := verb == scheduler.Start || verb == scheduler.Stop // these the SDK takes at any time
	switch {
	case fault.KindOf(err) == fault.Invalid && phase == "" && step != "":
		text(w, http.StatusBadRequest, "Missing phase") // the SDK's words
	case err != nil:
		fail(w, err)
	case result == plan.AlreadyDone && !runs:
		text(w, http.StatusAlreadyReported, "Command has already been reported or completed")
	default:
		answer(w, http.StatusOK, map[string]string{"message": received(planName(r), verb, phase, step)})
	}
}

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// badParameters is in the SDK's words.
const badParameters = "Couldn't parse parameters"

// noParameters reads the body of start: an object of strings. Our plans take none, so that any is refused rather than ignored.
func noParameters(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil || len(bytes.TrimSpace(body)) == 0 {
		return err
	}
	given := map[string]string{}
	if err := json.Unmarshal(body, &given); err != nil {
		return fmt.Errorf("the body is not a JSON object of strings: %w", err)
	}
	names := slices.Sorted(maps.Keys(given))
	for _, name := range names {
		if !variable.MatchString(name) {
			return fmt.Errorf("%s: %s is not a valid environment variable name", badParameters, name)
		}
	}
	if len(names) > 0 {
		return fmt.Errorf("the plans of this service take no parameters, %s given", strings.Join(names, ", "))
	}
	return nil
}

func refuseBody(w http.ResponseWriter, err error) {
	if tooBig := (*http.MaxBytesError)(nil); errors.As(err, &tooBig) {
		text(w, http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes", tooBig.Limit))
		return
	}
	text(w, http.StatusBadRequest, err.Error())
}

// received is the SDK's message for a command that was taken.
func received(name string, verb scheduler.Verb, phase, step string) string {
	null := func(s string) string {
		if s == "" {
			return "null"
		}
		return s
	}
	switch verb {
	case scheduler.Start:
		return "Received cmd: start " + name + " with parameters: {}"
	case scheduler.ForceComplete, scheduler.Restart:
		return fmt.Sprintf("Received cmd: %s for Plan: %s, Phase: %s, Step: %s", verb, name, null(phase), null(step))
	}
	return "Received cmd: " + string(verb)
}
