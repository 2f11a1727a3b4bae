package spec_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// good is a valid spec, written by hand.
func good(t testing.TB) *spec.Service {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "good.yml"))
	if err != nil {
		t.Fatal(err)
	}
	s, err := spec.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestParseReadsEverything(t *testing.T) {
	got := good(t)
	sum := strings.Repeat("0123456789abcdef", 4)
	phases := spec.Phases{
		{Name: "install", Pod: "node", Strategy: "parallel", MaxParallel: 32}, {Name: "layout", Operation: "layout"},
		{Name: "storage", Operation: "storage", Strategy: "parallel"}, {Name: "rexray", Pod: "node", Strategy: "serial-canary"},
		{Name: "verify", Operation: "verify"},
	}
	want := &spec.Service{
		Name:      "scaleio",
		Scheduler: spec.Scheduler{Principal: "scaleio-principal", User: "root", Role: "scaleio"},
		ScaleIO: spec.ScaleIO{
			System: spec.System{Name: "scaleio", MDM: spec.MDM{Mode: "existing", Addresses: []string{"10.0.0.10", "10.0.0.11", "mdm3.example"}},
				Gateways: []string{"https://10.0.0.10", "https://gw2:8443"}, Credentials: spec.Credentials{User: "admin", SecretFile: "secrets/scaleio"},
				APIVersion: "3.6", TLS: spec.TLS{SHA256: sum}},
			Pools: spec.Pools{Mode: spec.Imperative, Default: spec.Pool{ProtectionDomain: "default", StoragePool: "default"}, Onboarding: spec.Propose,
				FaultSetBy: "@zone"},
			Devices: spec.Devices{MinSize: 100 << 30, MaxSize: 8 << 40, Exclude: []string{"/dev/disk/by-id/usb-*"}},
			Packages: map[string]spec.Package{"sds": {Deb: spec.Artifact{URL: "https://x/sds.deb", SHA256: sum, Version: "3.6-700.103"}},
				"lia": {RPM: spec.Artifact{URL: "file:///srv/lia.rpm", SHA256: sum, Version: "3.6-700.103"}}},
			REXRay:  spec.REXRay{Mode: "own", DefaultPool: "mydomain/mypool", Preempt: true, Size: 16, FSType: "ext4", FileMode: "0777", Binary: "/opt/rexray"},
			Network: "10.0.0.0/24", Reboot: true,
		},
		Pods: map[string]spec.Pod{"node": {Count: "all", Placement: `[["hostname","UNIQUE"]]`,
			Tasks: map[string]spec.Task{"agent": {Goal: "RUNNING", CPUs: 0.1, Memory: 64}}}},
		Plans: map[string]spec.Plan{"deploy": {Strategy: "dependency", Phases: phases}, "expand": {Phases: phases}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := spec.Validate(got); err != nil {
		t.Error(err)
	}
}

func TestParseSaysEverythingWithLines(t *testing.T) {
	s, err := spec.Parse([]byte(`name: 12
sheduler: {}
scaleio:
  system: {mdm: {mode: existing, addresses: 10.0.0.1}}
  devices: {min-size: 100XB, max-size: [1], exclude: [1]}
  devices: {}
pods: {node: {count: 3, image: x}}
plans:
  deploy:
    strategy: serial
    phases:
      install: {pod: node, max-parallel: "32"}
      install: {pod: node, steps: []}
      layout: {name: layout}
  expand: {phases: [install]}
`))
	want := []string{
		`spec: line 1: name: 12 is the number 12, expected text: write it in quotes`,
		`spec: line 2: sheduler: is unknown; expected one of name, plans, pods, scaleio, scheduler`,
		`spec: line 4: scaleio.system.mdm.addresses: is the text "10.0.0.1", expected a list`,
		`spec: line 5: scaleio.devices.exclude[0]: 1 is the number 1, expected text: write it in quotes`,
		`spec: line 5: scaleio.devices.max-size: is a list, expected a size`,
		`spec: line 5: scaleio.devices.min-size: "100XB" is not a size: expected a number with one of B, KiB, MiB, GiB, TiB, PiB, KB, MB, GB, TB, PB, such as 100GiB`,
		`spec: line 6: scaleio.devices: is here a second time; the first is in line 5`,
		`spec: line 7: pods.node.count: 3 is the number 3, expected text: write it in quotes`,
		`spec: line 7: pods.node.image: is unknown; expected one of count, placement, tasks`,
		`spec: line 12: plans.deploy.phases.install.max-parallel: is the text "32", expected a whole number`,
		`spec: line 13: plans.deploy.phases.install: is here a second time; the first is in line 12`,
		`spec: line 14: plans.deploy.phases.layout.name: is unknown; expected one of max-parallel, operation, pod, strategy`,
		`spec: line 15: plans.expand.phases: is a list, expected a map`,
	}
	if s != nil || fault.KindOf(err) != fault.Invalid {
		t.Fatalf("%v, %v", s, err)
	}
	if diff := cmp.Diff(want, fault.Lines(err)); diff != "" {
		t.Error(diff)
	}
}

// TestEveryRule breaks a good spec in one place and expects the one sentence about it, and nothing else.
func TestEveryRule(t *testing.T) {
	node := func(change func(*spec.Pod, *spec.Task)) func(*spec.Service) {
		return func(s *spec.Service) {
			pod := s.Pods["node"]
			task := pod.Tasks["agent"]
			change(&pod, &task)
			pod.Tasks["agent"] = task
			s.Pods["node"] = pod
		}
	}
	plan := func(name string, change func(*spec.Plan)) func(*spec.Service) {
		return func(s *spec.Service) {
			p := s.Plans[name]
			p.Phases = slices.Clone(p.Phases)
			change(&p)
			s.Plans[name] = p
		}
	}
	pkg := func(name string, p spec.Package) func(*spec.Service) {
		return func(s *spec.Service) { s.ScaleIO.Packages[name] = p }
	}
	sum := strings.Repeat("ab", 32)
	system := func(change func(*spec.System)) func(*spec.Service) {
		return func(s *spec.Service) { change(&s.ScaleIO.System) }
	}
	rexray := func(change func(*spec.REXRay)) func(*spec.Service) {
		return func(s *spec.Service) { change(&s.ScaleIO.REXRay) }
	}
	pools := func(change func(*spec.Pools)) func(*spec.Service) {
		return func(s *spec.Service) { change(&s.ScaleIO.Pools) }
	}
	long := strings.Repeat("x", 32)
	for _, test := range []struct {
		change func(*spec.Service)
		want   string
	}{
		{func(s *spec.Service) { s.Name = "" }, `name: "": expected letters, digits, and . _ - / between them`},
		{func(s *spec.Service) { s.Name = "a__b" }, `name: "a__b": a double underscore is not allowed`},
		{func(s *spec.Service) { s.Name = strings.Repeat("x", 64) }, `name: "` + strings.Repeat("x", 64) + `" has 64 characters without slashes, at most 63 are allowed`},
		{func(s *spec.Service) { s.Scheduler.User = "" }, `scheduler.user: is empty, expected the name of a user`},
		{func(s *spec.Service) { s.Scheduler.Principal = "a\nb" }, `scheduler.principal: "a\nb": only printable characters are allowed`},
		{func(s *spec.Service) { s.Scheduler.Role = "" }, `scheduler.role: "" is no Mesos role: its parts between slashes may not be empty, ., .. or *, begin with - or hold blanks`},
		{func(s *spec.Service) { s.Scheduler.Role = "a/../b" }, `scheduler.role: "a/../b" is no Mesos role: its parts between slashes may not be empty, ., .. or *, begin with - or hold blanks`},
		{system(func(s *spec.System) { s.Name = "a b" }), `scaleio.system.name: "a b": expected letters, digits and punctuation without blanks, commas and slashes`},
		{system(func(s *spec.System) { s.Credentials.User = "" }), `scaleio.system.credentials.user: is empty, expected the name of a user`},
		{system(func(s *spec.System) { s.APIVersion = "3" }), `scaleio.system.api-version: "3": expected a version such as 3.6`},
		{system(func(s *spec.System) { s.APIVersion = "5.0" }), `scaleio.system.api-version: "5.0": versions up to 4 are known; from 5.0 on the API is another one`},
		{system(func(s *spec.System) { s.MDM.Mode = "managed" }), `scaleio.system.mdm.mode: "managed": expected existing; setting up an MDM cluster is not in this version yet`},
		{system(func(s *spec.System) { s.MDM.Addresses = nil }), `scaleio.system.mdm.addresses: has 0 addresses: expected 3 or 5, one for each member of the cluster: managers and tie-breakers`},
		{system(func(s *spec.System) { s.MDM.Addresses = []string{"a", "b", "c", "d"} }), `scaleio.system.mdm.addresses: has 4 addresses: expected 3 or 5, one for each member of the cluster: managers and tie-breakers`},
		{system(func(s *spec.System) { s.MDM.Addresses[1] = "10.0.0.256" }), `scaleio.system.mdm.addresses[1]: "10.0.0.256" is neither an IP address nor a hostname`},
		{system(func(s *spec.System) { s.MDM.Addresses = []string{"::1", "0:0:0:0:0:0:0:1", "b"} }), `scaleio.system.mdm.addresses: "0:0:0:0:0:0:0:1" is named twice`},
		{system(func(s *spec.System) { s.Gateways = nil }), `scaleio.system.gateways: is empty: expected at least one, such as https://10.0.0.10`},
		{system(func(s *spec.System) { s.Gateways[1] = "http://gw" }), `scaleio.system.gateways[1]: "http://gw" is not a URL of https; expected https://host or https://host:port`},
		{system(func(s *spec.System) { s.Gateways[1] = "https://gw/api" }), `scaleio.system.gateways[1]: "https://gw/api": expected https://host or https://host:port and nothing after it`},
		{system(func(s *spec.System) { s.Gateways[0] = "https://u:pw@gw" }), `scaleio.system.gateways[0]: "https://***@gw" holds a user or password, which everybody would see; expected https://host or https://host:port`},
		{system(func(s *spec.System) { s.TLS.SHA256 = "12" }), `scaleio.system.tls.sha256: "12" is not a SHA-256: expected 64 hex digits`},
		{system(func(s *spec.System) { s.TLS.Insecure = true }), `scaleio.system.tls: insecure switches off the check that ca-file or sha256 asks for: expected one of them`},
		{pools(func(p *spec.Pools) { p.Mode = "magic" }), `scaleio.pools.mode: "magic": expected global or imperative`},
		{pools(func(p *spec.Pools) { p.Mode = spec.Declarative }), `scaleio.pools.mode: declarative is not in this version yet: expected global or imperative`},
		{pools(func(p *spec.Pools) { p.Default.StoragePool = "" }), `scaleio.pools.default.storage-pool: is empty, expected a name`},
		{pools(func(p *spec.Pools) { p.Default.ProtectionDomain = long }), `scaleio.pools.default.protection-domain: "` + long + `" has 32 characters, at most 31 are allowed`},
		{pools(func(p *spec.Pools) { p.Default.StoragePool = "a,b" }), `scaleio.pools.default.storage-pool: "a,b": expected letters, digits and punctuation without blanks, commas and slashes`},
		{pools(func(p *spec.Pools) { p.Onboarding = "" }), `scaleio.pools.onboarding: "": expected propose or auto`},
		{pools(func(p *spec.Pools) { p.FaultSetBy = "@rack" }), `scaleio.pools.fault-set-by: "@rack": expected the name of an agent attribute, or @zone`},
		{func(s *spec.Service) { s.ScaleIO.Devices.MaxSize = 1 << 30 }, `scaleio.devices.max-size: 1 GiB is below min-size, 100 GiB`},
		{func(s *spec.Service) { s.ScaleIO.Devices.Exclude = []string{"ok*", "[a"} }, `scaleio.devices.exclude[1]: "[a" is not a pattern: expected one such as /dev/disk/by-id/usb-*`},
		{pkg("mdm", spec.Package{Deb: spec.Artifact{URL: "http://x/y", SHA256: sum, Version: "1"}}), `scaleio.packages.mdm: "mdm": expected sds, sdc or lia`},
		{pkg("sdc", spec.Package{}), `scaleio.packages.sdc: has neither deb nor rpm`},
		{pkg("sdc", spec.Package{Deb: spec.Artifact{URL: "http://x/y", Version: "1"}}), `scaleio.packages.sdc.deb: sha256 is missing: nothing is downloaded without its URL, checksum and, for packages, version`},
		{pkg("sdc", spec.Package{Deb: spec.Artifact{URL: "ftp://x/y", SHA256: sum, Version: "1"}}), `scaleio.packages.sdc.deb: url "ftp://x/y" is not a URL of http, https, file`},
		{pkg("sdc", spec.Package{Deb: spec.Artifact{URL: "file://x/y", SHA256: sum, Version: "1"}}), `scaleio.packages.sdc.deb: url "file://x/y": expected file:///absolute/path`},
		{pkg("sdc", spec.Package{RPM: spec.Artifact{URL: "http://x/y", SHA256: sum, Version: "latest"}}), `scaleio.packages.sdc.rpm: version "latest": expected a version such as 3.6-700.103`},
		{rexray(func(r *spec.REXRay) { r.Mode = "" }), `scaleio.rexray.mode: "": expected own or off`},
		{rexray(func(r *spec.REXRay) { r.DefaultPool = "mypool" }), `scaleio.rexray.default-pool: "mypool": expected <protection domain>/<storage pool>`},
		{rexray(func(r *spec.REXRay) { r.Size = 12 }), `scaleio.rexray.size: 12 GiB: expected a multiple of 8, at most 1048576`},
		{rexray(func(r *spec.REXRay) { r.Size = 0 }), `scaleio.rexray.size: 0 GiB: expected a multiple of 8, at most 1048576`},
		{rexray(func(r *spec.REXRay) { r.FSType = "zfs" }), `scaleio.rexray.fs-type: "zfs": expected ext4 or xfs`},
		{rexray(func(r *spec.REXRay) { r.FileMode = "0888" }), `scaleio.rexray.file-mode: "0888": expected an octal mode such as 0777`},
		{rexray(func(r *spec.REXRay) { r.Binary = "" }), `scaleio.rexray.binary: is missing: expected the path of REX-Ray on the nodes, or an artifact`},
		{rexray(func(r *spec.REXRay) { r.Binary = "bin/rexray" }), `scaleio.rexray.binary: "bin/rexray" is not an absolute path`},
		{rexray(func(r *spec.REXRay) { r.Artifact = spec.Artifact{URL: "http://x/y", SHA256: sum} }), `scaleio.rexray.binary: is given beside artifact: expected one of them`},
		{rexray(func(r *spec.REXRay) { r.Binary, r.Artifact.URL = "", "http://x/y" }), `scaleio.rexray.artifact: sha256 is missing: nothing is downloaded without its URL, checksum and, for packages, version`},
		{func(s *spec.Service) { s.ScaleIO.Network = "10.0.0.1" }, `scaleio.network: "10.0.0.1" is not a network: expected one such as 10.0.0.0/24`},
		{func(s *spec.Service) { s.Pods["disk"] = spec.Pod{} }, `pods.disk: "disk": expected node`},
		{func(s *spec.Service) { delete(s.Pods, "node") }, `pods.node: is missing`},
		{node(func(p *spec.Pod, _ *spec.Task) { p.Count = "3" }), `pods.node.count: "3": expected all`},
		{node(func(p *spec.Pod, _ *spec.Task) { p.Placement = `[["hostname","UNIK"]]` }), `pods.node.placement: `},
		{node(func(p *spec.Pod, _ *spec.Task) { p.Tasks["other"] = spec.Task{} }), `pods.node.tasks.other: "other": expected agent`},
		{node(func(_ *spec.Pod, task *spec.Task) { task.Goal = "FINISH" }), `pods.node.tasks.agent.goal: "FINISH": expected RUNNING`},
		{node(func(_ *spec.Pod, task *spec.Task) { task.CPUs = 0 }), `pods.node.tasks.agent.cpus: 0: expected a number above 0`},
		{node(func(_ *spec.Pod, task *spec.Task) { task.Memory = math.Inf(1) }), `pods.node.tasks.agent.memory: +Inf: expected a number above 0`},
		{func(s *spec.Service) { delete(s.Pods["node"].Tasks, "agent") }, `pods.node.tasks.agent: is missing`},
		{func(s *spec.Service) { delete(s.Plans, "expand") }, `plans.expand: is missing`},
		{func(s *spec.Service) { s.Plans["backup"] = s.Plans["deploy"] }, `plans.backup: "backup": expected deploy or expand`},
		{plan("deploy", func(p *spec.Plan) { p.Strategy = "random" }), `plans.deploy.strategy: "random" is not a strategy: expected one of [serial parallel dependency canary serial-canary parallel-canary]`},
		{plan("deploy", func(p *spec.Plan) { p.Phases[2].Strategy = "random" }), `plans.deploy.phases.storage.strategy: "random" is not a strategy: expected one of [serial parallel dependency canary serial-canary parallel-canary]`},
		{plan("deploy", func(p *spec.Plan) { p.Phases[0].MaxParallel = -1 }), `plans.deploy.phases.install.max-parallel: -1: expected a number from 1, or none for no bound`},
		{plan("deploy", func(p *spec.Plan) { p.Phases[0].Pod = "" }), `plans.deploy.phases.install: has pod "" and operation "": expected pod node alone`},
		{plan("deploy", func(p *spec.Plan) { p.Phases[1].Pod = "node" }), `plans.deploy.phases.layout: has pod "node" and operation "layout": expected operation layout alone`},
		{plan("deploy", func(p *spec.Plan) { p.Phases[4].Operation = "layout" }), `plans.deploy.phases.verify: has pod "" and operation "layout": expected operation verify alone`},
		{plan("expand", func(p *spec.Plan) { p.Phases = p.Phases[:4] }), `plans.expand.phases.verify: is missing`},
		{plan("expand", func(p *spec.Plan) { p.Phases = append(p.Phases, spec.Phase{Name: "format"}) }), `plans.expand.phases.format: "format": expected install, layout, storage, rexray or verify`},
		{plan("expand", func(p *spec.Plan) { p.Phases = append(p.Phases, p.Phases[4]) }), `plans.expand.phases.verify: comes twice`},
		{plan("expand", func(p *spec.Plan) { p.Phases[1], p.Phases[2] = p.Phases[2], p.Phases[1] }), `plans.expand.phases.layout: comes after storage, which needs it: expected the order install, layout, storage, rexray, verify`},
	} {
		s := good(t)
		test.change(s)
		err := spec.Validate(s)
		lines := fault.Lines(err)
		if len(lines) != 1 || !strings.HasPrefix(lines[0], "spec "+test.want) || lines[0] != "spec "+test.want && !strings.HasSuffix(test.want, ": ") {
			t.Errorf("want\n  spec %s\ngot\n  %s", test.want, strings.Join(lines, "\n  "))
		}
		if fault.KindOf(err) != fault.Invalid {
			t.Errorf("%v is of kind %v", err, fault.KindOf(err))
		}
	}
}

func TestRulesMayBeLeftOutWhereNothingNeedsThem(t *testing.T) {
	s := good(t)
	s.ScaleIO.REXRay = spec.REXRay{Mode: "off"}
	for name, p := range s.Plans {
		p.Phases = slices.DeleteFunc(slices.Clone(p.Phases), func(ph spec.Phase) bool { return ph.Name == "rexray" })
		s.Plans[name] = p
	}
	s.ScaleIO.Packages, s.ScaleIO.Network, s.ScaleIO.System.Name, s.ScaleIO.System.APIVersion = nil, "", "", ""
	s.ScaleIO.Devices = spec.Devices{}
	if err := spec.Validate(s); err != nil {
		t.Error(err)
	}
}

func TestValidateSaysEverythingSorted(t *testing.T) {
	err := spec.Validate(&spec.Service{})
	lines := fault.Lines(err)
	if !slices.IsSorted(lines) || strings.Join(lines, "\n") != err.Error() || len(lines) < 12 {
		t.Errorf("an empty spec gives\n%v", err)
	}
}

func TestTheRulesAreNamed(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range spec.Rules {
		if r.Name == "" || r.Says == "" || seen[r.Name] {
			t.Errorf("the rule %q lacks a name of its own, or a sentence", r.Name)
		}
		seen[r.Name] = true
	}
}

func TestValidateUpdate(t *testing.T) {
	old, next := good(t), good(t)
	next.ScaleIO.Pools.Mode = spec.Global
	next.ScaleIO.System.Gateways = []string{"https://new"}
	next.ScaleIO.System.Name = ""
	if err := spec.ValidateUpdate(old, next); err != nil {
		t.Errorf("a change that is allowed: %v", err)
	}
	if err := spec.ValidateUpdate(next, old); err != nil {
		t.Errorf("naming the system later: %v", err)
	}
	next.Name, next.Scheduler = "other", spec.Scheduler{User: "me", Role: "r"}
	next.ScaleIO.System.Name = "other"
	want := []string{
		`spec name: cannot change from "scaleio" to "other": tasks and stored state carry it; keep the old value, or install a second service`,
		`spec scaleio.system.name: cannot change from "scaleio" to "other": the nodes' devices belong to that system; keep the old value, or install a second service`,
		`spec scheduler.principal: cannot change from "scaleio-principal" to "": Mesos ends a framework that changes it; keep the old value, or install a second service`,
		`spec scheduler.role: cannot change from "scaleio" to "r": the running tasks hold resources of it; keep the old value, or install a second service`,
		`spec scheduler.user: cannot change from "root" to "me": Mesos keeps the user that the framework registered with; keep the old value, or install a second service`,
	}
	if diff := cmp.Diff(want, fault.Lines(spec.ValidateUpdate(old, next))); diff != "" {
		t.Error(diff)
	}
}

func TestPhasesKeepTheirOrderInJSON(t *testing.T) {
	phase := rapid.Custom(func(t *rapid.T) spec.Phase {
		return spec.Phase{Name: rapid.String().Draw(t, "name"), Pod: rapid.StringMatching(`[a-z]{0,4}`).Draw(t, "pod"),
			Operation: rapid.String().Draw(t, "operation"), Strategy: rapid.StringMatching(`[a-z-]{0,4}`).Draw(t, "strategy"),
			MaxParallel: rapid.IntRange(-3, 100).Draw(t, "max")}
	})
	rapid.Check(t, func(t *rapid.T) {
		var want spec.Phases = rapid.SliceOfDistinct(phase, func(p spec.Phase) string { return p.Name }).Draw(t, "phases")
		if len(want) == 0 {
			want = nil
		}
		data, err := json.Marshal(struct{ P spec.Phases }{want})
		if err != nil {
			t.Fatal(err)
		}
		var got struct{ P spec.Phases }
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatalf("%v\n%s", err, data)
		}
		if diff := cmp.Diff(want, got.P); diff != "" {
			t.Fatal(diff)
		}
	})
	for text, want := range map[string]string{
		`[]`:                            "phases are an object",
		`"x"`:                           "phases are an object",
		`{"a":{},"a":{}}`:               `phase "a" comes twice`,
		`{"a":{"x":1}}`:                 `unknown field "x"`,
		`{"a":{"name":"b"}}`:            `unknown field "name"`,
		`{"a":3}`:                       "cannot unmarshal",
		`{"a":{"max-parallel":"many"}}`: "cannot unmarshal",
	} {
		var p spec.Phases
		if err := json.Unmarshal([]byte(text), &p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAStoredSpecIsTheSpec(t *testing.T) {
	want := good(t)
	data, err := json.MarshalIndent(want, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	var stored spec.Service
	if err := json.Unmarshal(data, &stored); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, &stored); diff != "" {
		t.Errorf("from the store:\n%s", diff)
	}
	read, err := spec.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, read); diff != "" {
		t.Errorf("its JSON read as YAML:\n%s", diff)
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]spec.Size{
		"0": 0, "512": 512, "512B": 512, "100GiB": 100 << 30, "2TB": 2e12, "1.5TiB": 3 << 39, " 1 KiB ": 1024, "0.1B": 0, "1.0000000000000000001KB": 1000,
		"9223372036854775807": 1<<63 - 1, "9007199254740993": 9007199254740993, "8191.999999999999999999PiB": 1<<63 - 1, "1PB": 1e15, "1.5 MB": 1500000,
	} {
		if got, err := spec.ParseSize(text); err != nil || got != want {
			t.Errorf("ParseSize(%q) = %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "GiB", "-1", "+1", "1e3", "0x10", "1_000", "1,5GB", "1.GB", ".5GB", "NaN", "Inf", "1 G", "1gib", "1GiBB", "1  GiB",
		"9223372036854775808", "8192PiB", strings.Repeat("9", 30), "1\nGiB", "٣GiB"} {
		if got, err := spec.ParseSize(text); err == nil {
			t.Errorf("ParseSize(%q) = %d, want an error", text, got)
		}
	}
	for size, want := range map[spec.Size]string{0: "0 B", 512: "512 B", 100 << 30: "100 GiB", 2e12: "1.82 TiB", 1536: "1.50 KiB", 1 << 62: "4096 PiB"} {
		if got := size.String(); got != want {
			t.Errorf("%d is shown as %q, want %q", uint64(size), got, want)
		}
	}
	for size, want := range map[spec.Size]string{0: "0B", 1: "1B", 1024: "1KiB", 100 << 30: "100GiB", 1000001: "1000001B", 1 << 60: "1024PiB"} {
		if got := size.Exact(); got != want {
			t.Errorf("%d is exactly %q, want %q", uint64(size), got, want)
		}
	}
}

func TestASizeReadsBackExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := spec.Size(rapid.Uint64Max(1<<63-1).Draw(t, "size")) >> rapid.IntRange(0, 62).Draw(t, "shift")
		if got, err := spec.ParseSize(want.Exact()); err != nil || got != want {
			t.Fatalf("%s reads as %d, %v; want %d", want.Exact(), got, err, want)
		}
		data, err := json.Marshal(want)
		var got spec.Size
		if err != nil || json.Unmarshal(data, &got) != nil || got != want {
			t.Fatalf("%s in JSON reads as %d, want %d", data, got, want)
		}
	})
}

func TestChecks(t *testing.T) {
	for name, test := range map[string]struct {
		check     func(string) string
		good, bad []string
	}{
		"host": {spec.CheckHost, []string{"10.0.0.1", "::1", "fe80::1%eth0", "a", "a-b.example.com", "a.example.", "1a", "a_b"},
			[]string{"", "10.0.0.256", "10.0.0", "1.2.3.4.5", "-a", "a-", "a..b", ".", "a b", "a:80", "[::1]", "ä", strings.Repeat("a", 64), "a/b"}},
		"role":    {spec.CheckRole, []string{"*", "a", "a/b", "a.b", "slave_public", ".a"}, []string{"", ".", "..", "-a", "a b", "a/", "/a", "a//b", "a/*", "a\t", "a/-b", "a\u00a0b"}},
		"network": {spec.CheckNetwork, []string{"10.0.0.0/24", "10.1.2.3/8", "fd00::/8"}, []string{"", "10.0.0.0", "10.0.0.0/33", "x/8"}},
		"gateway": {spec.CheckGateway, []string{"https://gw", "https://10.0.0.1:8443", "https://[::1]:443"},
			[]string{"", "gw", "https://", "https://:443", "https://gw/", "https://gw?", "https://gw#x", "https://gw:0", "https://gw:99999", "https://gw:x", "https:gw", "https://g w"}},
		"version":         {spec.CheckPackageVersion, []string{"3.6-700.103", "2", "2.0-10000.2072"}, []string{"", "v3", "3.", "3..6", "3.6-700.103.el7", "3 6"}},
		"sha256":          {spec.CheckSHA256, []string{strings.Repeat("aF", 32)}, []string{"", "a", strings.Repeat("g", 64), strings.Repeat("a", 63)}},
		"glob":            {spec.CheckGlob, []string{"*", "/dev/sd[a-c]"}, []string{"", "[", `\`, "a\n"}},
		"service name":    {spec.CheckServiceName, []string{"scaleio", "/prod/scaleio", "a.b-c_d"}, []string{"", "/", "a/", "a//b", "-a", "a b", "a__b"}},
		"text":            {spec.CheckText, []string{"", "a b", "ä"}, []string{"a\nb", "\x00", "\xff", "\u2028", "\u0085"}},
		"path":            {spec.CheckPath, []string{"/", "/a b"}, []string{"", "a", "./a", "/a\n"}},
		"fault sets":      {spec.CheckFaultSetBy, []string{"", "@zone", "rack"}, []string{"@region", "a b", "a,b"}},
		"API version":     {spec.CheckAPIVersion, []string{"2.0", "3.6", "4.5"}, []string{"", "3", "3.6.1", "03.6", "5.0", "10.0", "x"}},
		"file mode":       {spec.CheckFileMode, []string{"0777", "700"}, []string{"", "77", "0888", "00777", "u+x"}},
		"name":            {spec.CheckName, []string{"a", "a.b-c_d", strings.Repeat("x", 31), "[]{}"}, []string{"", strings.Repeat("x", 32), "a b", "a/b", "a,b", "ä", "a\t"}},
		"<domain>/<pool>": {func(s string) string { _, wrong := spec.ParsePool(s); return wrong }, []string{"a/b"}, []string{"", "a", "a/", "/b", "a/b/c"}},
	} {
		for _, text := range test.good {
			if wrong := test.check(text); wrong != "" {
				t.Errorf("%s: %q is refused: %s", name, text, wrong)
			}
		}
		for _, text := range test.bad {
			if test.check(text) == "" {
				t.Errorf("%s: %q is taken", name, text)
			}
		}
	}
}

func FuzzParseSize(f *testing.F) {
	for _, text := range []string{"100GiB", "1.5TB", "0", " 7 B", "1e9", "9223372036854775807"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		size, err := spec.ParseSize(text)
		if err != nil {
			return
		}
		if again, err := spec.ParseSize(size.Exact()); err != nil || again != size {
			t.Fatalf("%q is %d, whose exact form %s reads as %d, %v", text, size, size.Exact(), again, err)
		}
	})
}

// FuzzParse: what is read can be stored and read again, validated, and never ends the process.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"testdata/good.yml", "../../templates/testdata/everything.yml", "../../templates/testdata/global.yml"} {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := spec.Parse(text)
		if err != nil {
			if s != nil || fault.KindOf(err) != fault.Invalid || len(fault.Lines(err)) == 0 {
				t.Fatalf("%v, %v", s, err)
			}
			return
		}
		_ = spec.Validate(s)
		_ = fmt.Sprint(spec.ValidateUpdate(s, s))
		data, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		again, err := spec.Parse(data)
		if err != nil {
			t.Fatalf("its own JSON: %v\n%s", err, data)
		}
		if twice, err := json.Marshal(again); err != nil || !bytes.Equal(data, twice) {
			t.Fatalf("stored and read again it differs:\n%s\n%s", data, twice)
		}
	})
}
