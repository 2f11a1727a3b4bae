package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/dcos-scaleio/scaleio/lab/scenario"
)

// Expectation is something that must hold, and whether it does.
type Expectation struct {
	Expected string `json:"expected"`
	Found    string `json:"found,omitempty"` // when it does not hold
	Pass     bool   `json:"pass"`
}

// layoutAnswer is what we read of GET /v1/scaleio/layout.
type layoutAnswer struct {
	Verdicts []struct {
		Node   string `json:"node"`
		Device struct {
			ID   string `json:"id"`
			Path string `json:"path"`
		} `json:"device"`
		Outcome  string `json:"outcome"`
		Reason   string `json:"reason"`
		Refusals []struct {
			Check  string `json:"check"`
			Reason string `json:"reason"`
		} `json:"refusals"`
	} `json:"verdicts"`
}

// evaluate compares all that is expected with what there is.
func (r *run) evaluate(ctx context.Context, e scenario.Expect) []Expectation {
	var all []Expectation
	add := func(pass bool, found, expected string, args ...any) {
		one := Expectation{Expected: fmt.Sprintf(expected, args...), Pass: pass}
		if !pass {
			one.Found = found
		}
		all = append(all, one)
	}
	r.evaluatePlans(e, add)
	r.evaluateStorage(ctx, e, add)
	c := r.cluster
	if e.Health != 0 {
		var health struct{ Value int }
		err := c.scheduler.read(ctx, "/v1/health", &health)
		add(err == nil && health.Value == e.Health, foundOr(health.Value, err), "health is %d", e.Health)
	}
	if e.Executors != 0 && c.master != nil {
		c.mu.Lock()
		launched := c.launched
		c.mu.Unlock()
		add(launched == e.Executors, fmt.Sprint(launched), "%d executors were started", e.Executors)
	}
	if e.FrameworkIDKept {
		ids := r.noteFramework(ctx)
		add(len(ids) == 1, strings.Join(ids, ", "), "one framework id all the time")
	}
	for _, pattern := range slices.Sorted(maps.Keys(e.GatewayCallsMost)) {
		n := 0
		for call, count := range c.system.Calls() {
			if regexp.MustCompile(pattern).MatchString(call) {
				n += count
			}
		}
		add(n <= e.GatewayCallsMost[pattern], fmt.Sprint(n), "at most %d gateway calls %s", e.GatewayCallsMost[pattern], pattern)
	}
	if e.SubscribesMost != 0 && c.master != nil {
		n := c.master.Stats().Calls["SUBSCRIBE"]
		add(n <= e.SubscribesMost, fmt.Sprint(n), "at most %d subscriptions", e.SubscribesMost)
	}
	if e.LogLinesMost != 0 {
		text, err := os.ReadFile(c.scheduler.log)
		n := strings.Count(string(text), "\n")
		add(err == nil && n <= e.LogLinesMost, foundOr(n, err), "at most %d lines of log", e.LogLinesMost)
	}
	return all
}

type adder = func(pass bool, found, expected string, args ...any)

func foundOr(v any, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(v)
}

func (r *run) evaluatePlans(e scenario.Expect, add adder) {
	for _, plan := range slices.Sorted(maps.Keys(e.Plans)) {
		status := r.board.Status(plan)
		add(status == e.Plans[plan], "it is "+status, "plan %s is %s", plan, e.Plans[plan])
	}
	for _, w := range e.Steps {
		add(r.board.Holds(condition(w)), "no such step now", "%s", describe(w))
	}
	for _, w := range e.Messages {
		add(r.board.Seen(condition(w)), "never seen", "seen: %s", describe(w))
	}
}

func describe(w scenario.When) string {
	text := w.Plan
	for _, part := range []string{w.Phase, w.Step} {
		if part != "" {
			text += "/" + part
		}
	}
	if w.Status != "" {
		text += " " + w.Status
	}
	if w.Message != "" {
		text += fmt.Sprintf(" with a message like %q", w.Message)
	}
	return text
}

func (r *run) evaluateStorage(ctx context.Context, e scenario.Expect, add adder) {
	c := r.cluster
	if len(e.Pools) > 0 {
		found := map[string]scenario.Pool{}
		for _, p := range c.system.Snapshot().Pools {
			found[p.Domain+"/"+p.Name] = scenario.Pool{SDS: p.SDSs, Devices: p.Devices}
		}
		for _, pool := range slices.Sorted(maps.Keys(e.Pools)) {
			want := e.Pools[pool]
			add(found[pool] == want, fmt.Sprintf("%d devices on %d SDSs", found[pool].Devices, found[pool].SDS), "pool %s has %d devices on %d SDSs", pool, want.Devices, want.SDS)
		}
		for _, pool := range slices.Sorted(maps.Keys(found)) {
			if _, expected := e.Pools[pool]; !expected {
				add(false, pool, "no other pool")
			}
		}
	}
	if len(e.Refused)+len(e.Proposed) == 0 {
		return
	}
	var l layoutAnswer
	if err := c.scheduler.read(ctx, "/v1/scaleio/layout", &l); err != nil {
		add(false, err.Error(), "the layout can be read")
		return
	}
	for _, want := range e.Refused {
		found, pass := "not in the layout", false
		for _, v := range l.Verdicts {
			if v.Node != want.Agent || v.Device.Path != want.Device && v.Device.ID != want.Device {
				continue
			}
			found = v.Outcome + ": " + v.Reason
			for _, refusal := range v.Refusals {
				pass = pass || refusal.Check == want.Check && v.Outcome == "refused"
			}
		}
		add(pass, found, "%s of %s is refused by the check %s", want.Device, want.Agent, want.Check)
	}
	for _, want := range e.Proposed {
		found := "not in the layout"
		for _, v := range l.Verdicts {
			if v.Node == want.Agent && (v.Device.Path == want.Device || v.Device.ID == want.Device) {
				found = v.Outcome
			}
		}
		add(found == "proposed", found, "%s of %s is proposed", want.Device, want.Agent)
	}
}

// soon is how long what an event checks may take to come true.
const soon = 3 * time.Second

// checkSoon evaluates until all holds, for a moment, and keeps the outcome.
func (r *run) checkSoon(ctx context.Context, e scenario.Expect) error {
	deadline := time.Now().Add(soon)
	for {
		found := r.evaluate(ctx, e)
		if passed(found) || time.Now().After(deadline) || !pause(ctx, 50*time.Millisecond) {
			r.checked = append(r.checked, found...)
			return nil
		}
	}
}

func passed(all []Expectation) bool {
	return !slices.ContainsFunc(all, func(e Expectation) bool { return !e.Pass })
}

// noteFramework asks for the framework's id and gives all that were ever seen.
func (r *run) noteFramework(ctx context.Context) []string {
	var ids []string
	if err := r.cluster.scheduler.read(ctx, "/v1/state/frameworkId", &ids); err == nil {
		for _, id := range ids {
			if !slices.Contains(r.frameworks, id) {
				r.frameworks = append(r.frameworks, id)
			}
		}
	}
	return r.frameworks
}

// sameLayout compares what two layouts make of the storage: all but the reasons, and the ids that ScaleIO gave.
func sameLayout(a, b json.RawMessage) (same bool, difference string, err error) {
	var left, right map[string]any
	if err := json.Unmarshal(a, &left); err != nil {
		return false, "", err
	}
	if err := json.Unmarshal(b, &right); err != nil {
		return false, "", err
	}
	for _, key := range []string{"domains", "fault_sets", "pools", "sdss", "consumers"} {
		if diff := firstDifference(key, withoutIDs(left[key]), withoutIDs(right[key])); diff != "" {
			return false, diff, nil
		}
	}
	return true, "", nil
}

// withoutIDs drops what differs from one system to the next.
func withoutIDs(v any) any {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "attached")
		for key, value := range v {
			v[key] = withoutIDs(value)
		}
	case []any:
		for i := range v {
			v[i] = withoutIDs(v[i])
		}
	}
	return v
}

// firstDifference names the first place where a list differs from another.
func firstDifference(key string, a, b any) string {
	left, isList := a.([]any)
	right, too := b.([]any)
	if !isList || !too || len(left) != len(right) {
		if reflect.DeepEqual(a, b) {
			return ""
		}
		return fmt.Sprintf("%s: %d, there %d", key, len(left), len(right))
	}
	for i := range left {
		if !reflect.DeepEqual(left[i], right[i]) {
			return fmt.Sprintf("%s[%d]: %v, there %v", key, i, left[i], right[i])
		}
	}
	return ""
}
