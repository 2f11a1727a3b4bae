package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/hashicorp/go-multierror"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// Parse reads a scenario. Unknown and duplicate keys are errors that show their line; the rest is checked all at once. name is for errors.
func Parse(name string, text []byte) (*Scenario, error) {
	s := &Scenario{}
	decoder := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict(), yaml.CustomUnmarshaler(func(size *spec.Size, b []byte) error {
		parsed, err := spec.ParseSize(strings.Trim(string(bytes.TrimSpace(b)), `"'`))
		*size = parsed
		return err
	}))
	if err := decoder.Decode(s); err != nil {
		return nil, &fault.Error{Op: "read", Object: "scenario " + name, Kind: fault.Invalid, Err: fmt.Errorf("%s", yaml.FormatError(err, false, true))}
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, fault.New(fault.Invalid, "scenario "+name, "read", "holds more than one document")
	}
	s.preset()
	if err := s.check(); err != nil {
		return nil, err
	}
	return s, nil
}

// preset fills in what is left out.
func (s *Scenario) preset() {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&s.ScaleIO.APIVersion, "3.6")
	set(&s.ScaleIO.MDM, "existing")
	set(&s.ScaleIO.Name, "scaleio")
	set(&s.ScaleIO.Password, "Lab-Secret-417")
	set(&s.ScaleIO.Given, s.ScaleIO.Password)
	set(&s.ScaleIO.Certificate, "trusted")
	set(&s.ScaleIO.Answers, "json")
	for i := range s.Agents {
		s.Agents[i].preset()
	}
	for i := range s.Events {
		if join := s.Events[i].Do.AgentJoin; join != nil {
			join.preset()
		}
	}
	if s.Proof == nil {
		proof := s.Expect.Plans["deploy"] == "COMPLETE"
		s.Proof = &proof
	}
}

func (a *Agent) preset() {
	if a.Count == 0 {
		a.Count = 1
	}
	if a.From == 0 {
		a.From = 1
	}
	if a.Family == "" {
		a.Family = "deb"
	}
}

// Hostnames lists the names of the agents that a describes.
func (a Agent) Hostnames() []string {
	if !strings.Contains(a.Hostname, "%") {
		return []string{a.Hostname}
	}
	var all []string
	for i := range a.Count {
		all = append(all, fmt.Sprintf(a.Hostname, a.From+i))
	}
	return all
}

// mostAgents bounds a kind of agents: each is a directory with files.
const mostAgents = 10000

var (
	statuses = []string{"PENDING", "PREPARED", "STARTING", "STARTED", "IN_PROGRESS", "COMPLETE", "WAITING", "ERROR", "DELAYED"}
	words    = map[string][]string{
		"scaleio.mdm": {"existing"}, "scaleio.certificate": {"trusted", "untrusted", "insecure"}, "scaleio.answers": {"json", "html"},
		"family": {"deb", "rpm"}, "media": {"", "HDD", "SSD"}, "drop": {"", "before", "after"},
		"command": {"continue", "interrupt", "forceComplete", "restart", "start", "stop"},
	}
	verb = regexp.MustCompile(`^[^%]*(%0?\d?d[^%]*)?$`)
)

// check tells everything that is wrong.
func (s *Scenario) check() error {
	var all *multierror.Error
	bad := func(format string, args ...any) {
		all = multierror.Append(all, fault.New(fault.Invalid, "scenario "+s.Name, "", format, args...))
	}
	oneOf := func(key, value string) {
		if allowed := words[key]; !slices.Contains(allowed, value) {
			bad("%s is %q, one of %s expected", key, value, strings.Join(allowed, ", "))
		}
	}
	pattern := func(key, value string) {
		if _, err := regexp.Compile(value); err != nil {
			bad("%s: %v", key, err)
		}
	}
	condition := func(key string, w When) {
		if w.Plan == "" {
			bad("%s names no plan", key)
		}
		if w.Status != "" && !slices.Contains(statuses, w.Status) {
			bad("%s: status is %q, one of %s expected", key, w.Status, strings.Join(statuses, ", "))
		}
		if w.Status == "" && w.Message == "" {
			bad("%s says neither status nor message", key)
		}
		pattern(key+".message", w.Message)
	}
	if s.Name == "" {
		bad("name is missing")
	}
	if s.About == "" {
		bad("about is missing: one sentence that says what the scenario shows")
	}
	oneOf("scaleio.mdm", s.ScaleIO.MDM)
	oneOf("scaleio.certificate", s.ScaleIO.Certificate)
	oneOf("scaleio.answers", s.ScaleIO.Answers)

	hosts := map[string]bool{}
	agent := func(key string, a Agent) {
		switch {
		case a.Hostname == "":
			bad("%s: hostname is missing", key)
			return
		case !verb.MatchString(a.Hostname):
			bad("%s: hostname %q: at most one number (%%d, %%02d) expected", key, a.Hostname)
			return
		case a.Count > 1 && !strings.Contains(a.Hostname, "%"):
			bad("%s: hostname %q names %d agents: put the number in, like agent-%%02d", key, a.Hostname, a.Count)
			return
		case a.Count < 0 || a.Count > mostAgents:
			bad("%s: count is %d, 1 to %d expected", key, a.Count, mostAgents)
			return
		}
		oneOf("family", a.Family)
		for _, name := range a.Hostnames() {
			if hosts[name] {
				bad("%s: agent %s is there twice", key, name)
			}
			hosts[name] = true
		}
		seen := map[string]bool{}
		for _, d := range a.Devices {
			oneOf("media", d.Media)
			if !path.IsAbs(d.Path) || d.Size == 0 {
				bad("%s: device %q: a path under /dev and a size expected", key, d.Path)
			}
			if seen[d.Path] {
				bad("%s: device %s is there twice", key, d.Path)
			}
			seen[d.Path] = true
		}
	}
	for i, a := range s.Agents {
		agent(fmt.Sprintf("agents[%d]", i), a)
	}
	expect := func(key string, e Expect) {
		for plan, status := range e.Plans {
			condition(key+".plans", When{Plan: plan, Status: status})
		}
		for i, w := range e.Steps {
			condition(fmt.Sprintf("%s.steps[%d]", key, i), w)
		}
		for i, w := range e.Messages {
			condition(fmt.Sprintf("%s.messages[%d]", key, i), w)
		}
		for pool := range e.Pools {
			if strings.Count(pool, "/") != 1 {
				bad("%s.pools: %q: <domain>/<pool> expected", key, pool)
			}
		}
		for call := range e.GatewayCallsMost {
			pattern(key+".gateway_calls_most", call)
		}
	}
	expect("expect", s.Expect)
	if s.Expect.Within <= 0 {
		bad("expect.within is missing: how long it may take, like 60s")
	}
	for i, e := range s.Events {
		key := fmt.Sprintf("events[%d]", i)
		if e.At > 0 && e.When != nil {
			bad("%s: at or when expected, not both", key)
		}
		if e.When != nil {
			condition(key+".when", *e.When)
		}
		names := e.Do.Names()
		if len(names) != 1 {
			bad("%s.do: exactly one action expected, found %d: %s", key, len(names), strings.Join(names, ", "))
		}
		if join := e.Do.AgentJoin; join != nil {
			agent(key+".do.agent_join", *join)
		}
		if g := e.Do.Gateway; g != nil {
			pattern(key+".do.gateway.calls", g.Calls)
			oneOf("drop", g.Drop)
		}
		if c := e.Do.HostCommand; c != nil {
			pattern(key+".do.host_command.match", c.Match)
		}
		if o := e.Do.Operator; o != nil {
			oneOf("command", o.Command)
		}
		if e.Do.Check != nil {
			expect(key+".do.check", *e.Do.Check)
		}
	}
	for i, e := range s.Events {
		if a := e.Do.agent(); a != "" && !hosts[a] {
			bad("events[%d].do: there is no agent %q; there are %s", i, a, strings.Join(slices.Sorted(maps.Keys(hosts)), ", "))
		}
	}
	return all.ErrorOrNil()
}

// agent is the agent that an action is about.
func (a Action) agent() string {
	for _, name := range []string{a.AgentKill, a.AgentReboot, a.AgentPartition, a.AgentHeal, a.ExecutorKill} {
		if name != "" {
			return name
		}
	}
	switch {
	case a.AgentRestart != nil:
		return a.AgentRestart.Agent
	case a.DeviceRefuse != nil:
		return a.DeviceRefuse.Agent
	case a.DeviceFail != nil:
		return a.DeviceFail.Agent
	case a.HostCommand != nil:
		return a.HostCommand.Agent
	default:
		return ""
	}
}

// FlatOptions gives the options by their dotted names: {pool: {mode: global}} is "pool.mode".
func (s *Scenario) FlatOptions() map[string]any { return Flatten(s.Options) }

// Flatten gives the leaves of nested groups by their dotted names; lists are leaves.
func Flatten(groups map[string]any) map[string]any {
	flat := map[string]any{}
	var walk func(prefix string, v any)
	walk = func(prefix string, v any) {
		group, isGroup := v.(map[string]any)
		if !isGroup {
			flat[prefix] = v
			return
		}
		for key, value := range group {
			walk(strings.TrimPrefix(prefix+"."+key, "."), value)
		}
	}
	walk("", groups)
	delete(flat, "")
	return flat
}
