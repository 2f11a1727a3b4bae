package scheduler

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mesosscheduler "github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

var update = flag.Bool("update", false, "rewrite the transcripts in testdata")

// TestTranscripts runs the stories of testdata: commands, a line "----", and what is to be seen then. An empty line ends a paragraph.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) { transcript(t, file) })
	}
}

func transcript(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var w *world
	var out strings.Builder
	for i, paragraph := range strings.Split(strings.TrimSpace(string(data)), "\n\n") {
		commands, _, _ := strings.Cut(paragraph, "\n----")
		if i > 0 {
			out.WriteString("\n")
		}
		out.WriteString(commands + "\n----\n")
		lines := bufio.NewScanner(strings.NewReader(commands))
		for lines.Scan() {
			line := strings.TrimSpace(lines.Text())
			if line == "" || line[0] == '#' {
				continue
			}
			if w == nil && !strings.HasPrefix(line, "service ") {
				t.Fatalf("%s: a story begins with a service, not %q", file, line)
			}
			if text := story(t, &w, line); text != "" {
				out.WriteString(strings.TrimRight(text, "\n") + "\n")
			}
		}
	}
	if *update {
		if err := os.WriteFile(file, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(data), out.String()); diff != "" {
		t.Errorf("%s (-want +got; rewrite with -update and read the change):\n%s", file, diff)
	}
}

// serviceOf is a specification with the template's plans.
func serviceOf(mode spec.PoolMode, pool string, onboarding spec.Onboarding) *spec.Service {
	domain, name, _ := strings.Cut(pool, "/")
	phases := spec.Phases{
		{Name: "install", Pod: "node", Strategy: "parallel", MaxParallel: 32}, {Name: "layout", Operation: "layout"},
		{Name: "storage", Operation: "storage", Strategy: "parallel"}, {Name: "rexray", Pod: "node", Strategy: "parallel", MaxParallel: 8},
		{Name: "verify", Operation: "verify"},
	}
	artifact := spec.Artifact{URL: "http://x/x.deb", SHA256: strings.Repeat("0", 64), Version: "3.6-700.103"}
	packages := map[string]spec.Package{"sds": {Deb: artifact}, "sdc": {Deb: artifact}, "lia": {Deb: artifact}}
	return &spec.Service{
		Name: "scaleio", Scheduler: spec.Scheduler{User: "root", Role: "*"},
		ScaleIO: spec.ScaleIO{
			System: spec.System{MDM: spec.MDM{Mode: "existing", Addresses: []string{"10.0.0.10", "10.0.0.11", "10.0.0.12"}},
				Gateways: []string{"https://10.0.0.10"}, Credentials: spec.Credentials{User: "admin"}},
			Pools:   spec.Pools{Mode: mode, Default: spec.Pool{ProtectionDomain: domain, StoragePool: name}, Onboarding: onboarding},
			Devices: spec.Devices{MinSize: 100 << 30}, Packages: packages,
			REXRay: spec.REXRay{Mode: "own", Preempt: true, Size: 16, FSType: "ext4", FileMode: "0777"},
		},
		Pods: map[string]spec.Pod{"node": {Count: "all", Placement: `[["hostname","UNIQUE"]]`,
			Tasks: map[string]spec.Task{"agent": {Goal: "RUNNING", CPUs: 0.1, Memory: 64}}}},
		Plans: map[string]spec.Plan{"deploy": {Strategy: "dependency", Phases: phases}, "expand": {Strategy: "dependency", Phases: phases}},
	}
}

// story carries out one line of a transcript.
func story(t *testing.T, w **world, line string) string {
	words := strings.Fields(line)
	options, rest := options(words[1:])
	one := func(i int) string {
		if i >= len(rest) {
			t.Fatalf("%q: too few words", line)
		}
		return rest[i]
	}
	switch words[0] {
	case "service": // service global|imperative pool=d/p onboarding=propose
		*w = newWorld(t, serviceOf(spec.PoolMode(one(0)), def(options["pool"], "default/default"), spec.Onboarding(def(options["onboarding"], "propose"))))
		return ""
	}
	world := *w
	switch words[0] {
	case "agent-join": // agent-join a..b device=path:size seed=domain/pool:device
		for _, name := range span(t, one(0)) {
			world.join(name, seed(options["seed"]), devices(t, options["device"])...)
		}
	case "agent-attributes": // the agent restarts with other attributes
		h := world.host(one(0))
		h.agent.Attributes = seed(options["seed"])
		world.feed(AgentAdded{h.agent})
	case "agent-die":
		world.die(world.host(one(0)))
	case "agent-back":
		world.back(world.host(one(0)))
	case "executor-dies": // executor-dies NAME TIMES: the next ones, right after their start
		n, _ := strconv.Atoi(one(1))
		world.host(one(0)).dies = n
	case "executor-end":
		world.end(world.host(one(0)), mesos.TASK_FAILED)
	case "executor-silent":
		world.host(one(0)).silent = one(1) == "on"
	case "node-fails": // node-fails NAME STEP words...
		world.host(one(0)).fails[one(1)] = strings.Join(rest[2:], " ")
	case "node-mended":
		clear(world.host(one(0)).fails)
	case "device": // device NAME PATH signature=ext4
		h := world.host(one(0))
		i := slices.IndexFunc(h.report.Devices, func(d inventory.Device) bool { return d.Path == one(1) })
		h.report.Devices = slices.Clone(h.report.Devices)
		h.report.Devices[i].Signature = options["signature"]
	case "gateway": // gateway down words... | up | refuse KEY-PREFIX times=N lost=yes words...
		gatewayStory(world, line, rest, options)
	case "mesos":
		mesosStory(world, one(0))
	case "messages-lost":
		world.dropDesired, _ = strconv.Atoi(one(0))
	case "scheduler-restart":
		world.start()
	case "operator": // operator continue expand [phase] [step]
		phase, step := "", ""
		if len(rest) > 2 {
			phase = rest[2]
		}
		if len(rest) > 3 {
			step = rest[3]
		}
		result, err := world.core.CommandPlan(world.now, one(1), Verb(one(0)), phase, step)
		world.run()
		return fmt.Sprintf("result %d, error %v", result, err)
	case "tick": // tick 90s | tick until PLAN is STATUS | tick until PLAN/PHASE/STEP is STATUS
		return tick(t, world, rest)
	case "show":
		return shows(world, rest)
	default:
		return mesosLine(t, world, words[0], rest)
	}
	return ""
}

func gatewayStory(w *world, line string, rest []string, options map[string]string) {
	switch rest[0] {
	case "down":
		w.gatewayErr = fault.New(fault.Temporary, "gateway https://10.0.0.10", "observe", "%s", strings.Join(rest[1:], " "))
	case "denied":
		w.gatewayErr = fault.New(fault.Denied, "gateway https://10.0.0.10", "log in", "%s", strings.Join(rest[1:], " "))
	case "up":
		w.gatewayErr = nil
	case "refuse":
		key, words, _ := strings.Cut(regexp.MustCompile(`"[^"]*".*`).FindString(line)[1:], `"`)
		n, _ := strconv.Atoi(def(options["times"], "1"))
		words = regexp.MustCompile(`\b(times|lost)=\S+ ?`).ReplaceAllString(strings.TrimSpace(words), "")
		w.failures[key] = &failure{times: n, err: fault.New(fault.Temporary, "", "", "%s", words), after: options["lost"] == "yes"}
	}
}

func mesosStory(w *world, what string) {
	switch what {
	case "lost":
		w.subscribed = false
		w.feed(MesosLost{errors.New("unexpected EOF")})
	case "back":
		w.subscribe()
	case "removed":
		w.event(&mesosscheduler.Event{Type: mesosscheduler.Event_ERROR, Error: &mesosscheduler.Event_Error{Message: "Framework has been removed"}})
	}
}

func tick(t *testing.T, w *world, rest []string) string {
	if rest[0] != "until" {
		d, err := time.ParseDuration(rest[0])
		if err != nil {
			t.Fatal(err)
		}
		w.pass(d)
		return ""
	}
	want := strings.Join(rest[3:], " ")
	if w.until(10*time.Minute, func() bool { return standingOf(w, rest[1]) == want }) {
		return ""
	}
	return fmt.Sprintf("%s is %s, not %s, after 10 minutes", rest[1], standingOf(w, rest[1]), want)
}

func standingOf(w *world, path string) string {
	parts := strings.SplitN(path, "/", 3)
	p := w.core.Plan(parts[0])
	switch len(parts) {
	case 1:
		return string(p.Status())
	case 2:
		return string(p.Phase(parts[1]).Status())
	}
	if s := p.Phase(parts[1]).Step(parts[2]); s != nil {
		return string(s.Status())
	}
	return "absent"
}

func shows(w *world, rest []string) string {
	switch rest[0] {
	case "gateway":
		return w.counts(w.calls)
	case "mesos":
		return w.counts(w.mesosCalls)
	case "health":
		code, reasons := w.core.Health()
		return fmt.Sprintf("%d\n%s", code, strings.Join(reasons, "\n"))
	case "pools":
		count := map[string]int{}
		for _, d := range w.observed.Devices {
			count[d.Domain+"/"+d.Pool]++
		}
		return w.counts(count)
	case "spare":
		var lines []string
		for _, p := range w.observed.Pools {
			lines = append(lines, fmt.Sprintf("%s/%s %d percent", p.Domain, p.Name, p.SparePercent))
		}
		return strings.Join(lines, "\n")
	case "refused":
		var lines []string
		for _, v := range w.core.Preview().Verdicts {
			if v.Outcome == layout.Refused && !v.Device.Root {
				lines = append(lines, v.Node+" "+v.Reason)
			}
		}
		return strings.Join(lines, "\n")
	case "step":
		parts := strings.SplitN(rest[1], "/", 3)
		s := w.core.Plan(parts[0]).Phase(parts[1]).Step(parts[2])
		if s == nil {
			return rest[1] + " does not exist"
		}
		return fmt.Sprintf("%s  %s  %s", rest[1], s.Status(), s.Message())
	}
	if strings.Contains(rest[0], "/") {
		return rest[0] + "  " + standingOf(w, rest[0])
	}
	return w.show(rest[0])
}

// options takes the words with "=" out of a line.
func options(words []string) (map[string]string, []string) {
	found, rest := map[string]string{}, []string{}
	for _, word := range words {
		if key, value, ok := strings.Cut(word, "="); ok && regexp.MustCompile(`^[a-z]+$`).MatchString(key) {
			found[key] = value
		} else {
			rest = append(rest, word)
		}
	}
	return found, rest
}

func def(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// span expands agent-01..agent-16.
func span(t *testing.T, text string) []string {
	from, to, ok := strings.Cut(text, "..")
	if !ok {
		return []string{text}
	}
	var names []string
	a, err := strconv.Atoi(from[len("agent-"):])
	b, err2 := strconv.Atoi(to[len("agent-"):])
	if err != nil || err2 != nil {
		t.Fatalf("%q is no span of agents", text)
	}
	for i := a; i <= b; i++ {
		names = append(names, fmt.Sprintf("agent-%02d", i))
	}
	return names
}

// seed makes the attributes of the original: "mydomain/mypool:/dev/xvdf".
func seed(text string) []layout.Attribute {
	if text == "" {
		return nil
	}
	where, device, _ := strings.Cut(text, ":")
	domain, pool, _ := strings.Cut(where, "/")
	attribute := func(name, value string) layout.Attribute {
		return layout.Attribute{Name: name, Type: "TEXT", Text: value}
	}
	return []layout.Attribute{
		attribute("scaleio-sds-domains", domain), attribute("scaleio-sds-"+domain, pool), attribute("scaleio-sds-"+pool, device),
		attribute("scaleio-sdc-domains", domain), attribute("scaleio-sdc-"+domain, pool),
	}
}

func devices(t *testing.T, text string) []inventory.Device {
	var all []inventory.Device
	for _, one := range strings.Split(text, ",") {
		if one == "" {
			continue
		}
		path, size, _ := strings.Cut(one, ":")
		bytes, err := spec.ParseSize(size)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, deviceOf(path, bytes))
	}
	return all
}
