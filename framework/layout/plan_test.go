package layout_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

func disk(path string) inventory.Device {
	return inventory.Device{ID: path, Path: path, Size: 2 << 40, Media: "HDD", Type: "disk"}
}

func settings(mode spec.PoolMode) *spec.ScaleIO {
	return &spec.ScaleIO{Pools: spec.Pools{Mode: mode, Default: spec.Pool{ProtectionDomain: "engineering", StoragePool: "qe"}, Onboarding: spec.Propose},
		Devices: spec.Devices{MinSize: 100 << 30}}
}

// many makes n nodes with one disk each and these attributes.
func many(n int, lines ...string) []layout.Node {
	nodes := make([]layout.Node, n)
	for i := range nodes {
		nodes[i] = layout.Node{Name: fmt.Sprintf("agent-%02d", i+1), Addresses: []string{fmt.Sprintf("10.0.%d.%d", i/250, i%250+1)},
			Attributes: attributes(lines...), Devices: []inventory.Device{disk("/dev/xvdf")}, Consent: true}
	}
	return nodes
}

func provider(n int) []layout.Node {
	return many(n, "scaleio-sds-domains=engineering", "scaleio-sds-engineering=qe", "scaleio-sds-qe=/dev/xvdf")
}

// TestGlobalEqualsImperative: 16 agents without attributes and default engineering/qe end up as with the attributes that say the same.
func TestGlobalEqualsImperative(t *testing.T) {
	observed := &layout.Observed{}
	global := layout.Plan(settings(spec.Global), many(16), observed)
	imperative := layout.Plan(settings(spec.Imperative), provider(16), observed)
	if diff := gocmp.Diff(imperative, global, cmpopts.IgnoreFields(layout.Verdict{}, "Reason")); diff != "" {
		t.Error(diff)
	}
	if diff := gocmp.Diff(layout.Diff(imperative, observed), layout.Diff(global, observed)); diff != "" {
		t.Error(diff)
	}
	if len(global.SDSs) != 16 || len(global.Problems) > 0 {
		t.Errorf("%d SDSs, problems %v", len(global.SDSs), global.Problems)
	}
}

func find(t *testing.T, l *layout.Layout, node, path string) layout.Verdict {
	t.Helper()
	for _, v := range l.Verdicts {
		if v.Node == node && v.Device.Path == path {
			return v
		}
	}
	t.Fatalf("no verdict of %s %s", node, path)
	return layout.Verdict{}
}

func codes(l *layout.Layout) string {
	var all []string
	for _, p := range l.Problems {
		all = append(all, fmt.Sprintf("%s %s %s", p.Severity, p.Code, p.Node))
	}
	return strings.Join(all, "\n")
}

func TestConsent(t *testing.T) {
	for _, test := range []struct {
		name       string
		consent    bool
		consented  map[string]bool
		onboarding spec.Onboarding
		want       layout.Outcome
	}{
		{"none", false, nil, spec.Propose, layout.Proposed},
		{"to another device", false, map[string]bool{"/dev/xvdg": true}, spec.Propose, layout.Proposed},
		{"to the device", false, map[string]bool{"/dev/xvdf": true}, spec.Propose, layout.Taken},
		{"to the node", true, nil, spec.Propose, layout.Taken},
		{"by option", false, nil, spec.Auto, layout.Taken},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, nodes := settings(spec.Global), many(4)
			s.Pools.Onboarding = test.onboarding
			nodes[3].Consent, nodes[3].Consented = test.consent, test.consented
			v := find(t, layout.Plan(s, nodes, nil), "agent-04", "/dev/xvdf")
			if v.Outcome != test.want || v.Pool == nil || v.Pool.String() != "engineering/qe" {
				t.Errorf("%+v", v)
			}
		})
	}
}

// TestNamesOfSDSs: legal, at most 31 characters, and never equal because they were cut.
func TestNamesOfSDSs(t *testing.T) {
	nodes := provider(6)
	long := "a-very-long-host-name-of-the-kind-that-clouds-give.internal.example."
	for i, name := range []string{"plain", "ip-10-0-0-1.ec2.internal", long + "com", long + "org", "under_score", "ünïcode"} {
		nodes[i].Name = name
	}
	seen := map[string]bool{}
	l := layout.Plan(settings(spec.Imperative), nodes, nil)
	for _, s := range l.SDSs {
		if why := spec.CheckName(s.Name); why != "" || seen[s.Name] {
			t.Errorf("%s of %s: %s", s.Name, s.Node, why)
		}
		seen[s.Name] = true
	}
	if len(seen) != 6 || !seen["sds-plain"] || !seen["sds-ip-10-0-0-1.ec2.internal"] {
		t.Errorf("%v", seen)
	}
}

// TestAttachedDevicesAreFoundByAnyName: the system may know a disk by kernel path, by id or by another link; kernel paths move at a reboot.
func TestAttachedDevicesAreFoundByAnyName(t *testing.T) {
	one := inventory.Device{ID: "wwn-0x1", Path: "/dev/sdb", Links: []string{"/dev/disk/by-id/ata-one", "/dev/disk/by-id/wwn-0x1"}, Size: 2 << 40, Type: "disk"}
	two := inventory.Device{ID: "wwn-0x2", Path: "/dev/sdc", Links: []string{"/dev/disk/by-id/wwn-0x2"}, Size: 2 << 40, Type: "disk"}
	for _, test := range []struct {
		name           string
		path, original string // as observed
		want           string // path of the device that it is
	}{
		{"by kernel path", "/dev/sdb", "/dev/sdb", "/dev/sdb"},
		{"by its id", "/dev/disk/by-id/wwn-0x2", "", "/dev/sdc"},
		{"by another link", "/dev/disk/by-id/ata-one", "", "/dev/sdb"},
		{"by the path that it has now", "/dev/sdc", "/dev/sdb", "/dev/sdc"},
		{"by the link that it was added with", "/dev/sdb", "/dev/disk/by-id/wwn-0x2", "/dev/sdc"},
		{"by the path that it was added with", "/dev/sdz", "/dev/sdb", "/dev/sdb"},
		{"by none", "/dev/sdz", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			nodes := provider(1)
			nodes[0].Devices, nodes[0].Attributes = []inventory.Device{one, two}, nil
			o := &layout.Observed{
				Pools:   []layout.ObservedPool{{Name: "qe", Domain: "engineering", SparePercent: 99}},
				Domains: []layout.ObservedDomain{{Name: "engineering"}},
				SDSs:    []layout.ObservedSDS{{Name: "old", Domain: "engineering", Addresses: []string{"10.0.0.1"}}},
				Devices: []layout.ObservedDevice{{ID: "d1", SDS: "old", Domain: "engineering", Pool: "qe", Path: test.path, OriginalPath: test.original}},
			}
			l := layout.Plan(settings(spec.Imperative), nodes, o)
			taken := ""
			for _, v := range l.Verdicts {
				if v.Outcome == layout.Taken {
					taken += v.Device.Path
				}
			}
			if taken != test.want {
				t.Errorf("%q is attached, expected %q", taken, test.want)
			}
			if operations := layout.Diff(l, o); len(operations) > 0 {
				t.Errorf("to do: %v", keys(operations))
			}
		})
	}
}

// TestAttachedDevicesStay: whatever the probe says of them now, and whatever is wrong with their agent.
func TestAttachedDevicesStay(t *testing.T) {
	o := &layout.Observed{}
	nodes := provider(4)
	for _, op := range layout.Diff(layout.Plan(settings(spec.Imperative), nodes, o), o) {
		apply(o, op)
	}
	d := &nodes[0].Devices[0]
	d.Signature, d.Holders, d.Unreadable, d.Size = "scaleio", []string{"dm-7"}, "blkid failed", 1
	nodes[1].Attributes = attributes("scaleio-sds-domains:RANGES=[1-2]")
	nodes[2].Addresses = []string{"10.9.9.9"}
	l := layout.Plan(settings(spec.Imperative), nodes, o)
	for _, n := range nodes {
		if v := find(t, l, n.Name, "/dev/xvdf"); v.Outcome != layout.Taken || v.Pool.String() != "engineering/qe" {
			t.Errorf("%+v", v)
		}
	}
	if got := codes(l); got != "error LAYOUT-002 agent-02" {
		t.Error(got)
	}
	if l.Pools[0].SparePercent != 25 || len(layout.Diff(l, o)) > 0 {
		t.Errorf("%d %%, to do: %v", l.Pools[0].SparePercent, keys(layout.Diff(l, o)))
	}
}

// TestAgentsThatAreSilentStillCount: after a restart of the scheduler some nodes have not reported; their devices keep counting, so that no
// spare percentage jumps.
func TestAgentsThatAreSilentStillCount(t *testing.T) {
	o := &layout.Observed{}
	nodes := provider(4)
	for _, op := range layout.Diff(layout.Plan(settings(spec.Imperative), nodes, o), o) {
		apply(o, op)
	}
	for silent := range nodes {
		l := layout.Plan(settings(spec.Imperative), nodes[silent:], o)
		if len(l.Problems) > 0 || len(layout.Diff(l, o)) > 0 || len(l.Pools) > 0 && l.Pools[0].SparePercent != 25 {
			t.Errorf("%d silent: %v, to do %v", silent, l.Problems, keys(layout.Diff(l, o)))
		}
	}
}

// TestSpareWhileDevicesComeIn: raw sizes beside what ScaleIO leaves of them are no imbalance: the percentage stays through the deployment.
func TestSpareWhileDevicesComeIn(t *testing.T) {
	o := &layout.Observed{}
	nodes := provider(4)
	for {
		l := layout.Plan(settings(spec.Imperative), nodes, o)
		if l.Pools[0].SparePercent != 25 {
			t.Fatalf("%d %% with %d devices", l.Pools[0].SparePercent, len(o.Devices))
		}
		operations := layout.Diff(l, o)
		if len(operations) == 0 {
			return
		}
		apply(o, operations[0])
	}
}

// TestAddresses: the first one in the network; one that all agents share tells nothing.
func TestAddresses(t *testing.T) {
	s, nodes := settings(spec.Imperative), provider(3)
	for i := range nodes {
		nodes[i].Addresses = []string{"172.17.0.1", fmt.Sprintf("fd00::%d", i+1), nodes[i].Addresses[0]}
	}
	s.Network = "10.0.0.0/16"
	for i, sds := range layout.Plan(s, nodes, nil).SDSs {
		if want := []string{fmt.Sprintf("10.0.0.%d", i+1)}; !slices.Equal(sds.Addresses, want) {
			t.Errorf("%v, expected %v", sds.Addresses, want)
		}
	}
	o := &layout.Observed{SDSs: []layout.ObservedSDS{{Name: "stranger", Domain: "engineering", Addresses: []string{"172.17.0.1"}}}}
	for i, sds := range layout.Plan(s, nodes, o).SDSs {
		if want := fmt.Sprintf("sds-agent-%02d", i+1); sds.Name != want {
			t.Errorf("%s is taken for %s", sds.Name, want)
		}
	}
	if l := layout.Plan(s, nodes, o); len(l.SDSs) != 3 {
		t.Error(codes(l))
	}
	s.Network = "" // then they would all be 172.17.0.1
	if l := layout.Plan(s, nodes, nil); len(l.SDSs) > 0 || !strings.Contains(codes(l), "error LAYOUT-017 agent-02") {
		t.Error(codes(l))
	}
	s.Network = "nonsense"
	if l := layout.Plan(s, nodes, nil); !l.Blocked() {
		t.Error(codes(l))
	}
	nodes[1].Addresses = nil
	s.Network = "10.0.0.0/16"
	if l := layout.Plan(s, nodes, nil); !strings.Contains(codes(l), "error LAYOUT-015 agent-02") {
		t.Error(codes(l))
	}
}

// TestMedia: a disk that does not say follows its pool, and HDD if nothing says; Transitional takes both.
func TestMedia(t *testing.T) {
	for _, test := range []struct {
		disks, pool, want string
	}{{"HDD HDD ", "", "HDD"}, {"SSD SSD ", "", "SSD"}, {"  ", "", "HDD"}, {"  ", "SSD", "SSD"}, {"HDD SSD ", "Transitional", "HDD"}} {
		nodes := provider(3)
		for i, media := range strings.Split(test.disks, " ") {
			nodes[i].Devices[0].Media = media
		}
		o := &layout.Observed{}
		if test.pool != "" {
			o.Pools = []layout.ObservedPool{{Name: "qe", Domain: "engineering", Media: test.pool}}
		}
		l := layout.Plan(settings(spec.Imperative), nodes, o)
		if len(l.Problems) > 0 || len(l.SDSs) != 3 {
			t.Fatalf("%v: %v", test, l.Problems)
		}
		if last := l.SDSs[2].Devices[0].Media; last != test.want {
			t.Errorf("%v: %s", test, last)
		}
	}
}

// TestConvergedSaysWhatIsWrong with a system that has everything, but not in order.
func TestConvergedSaysWhatIsWrong(t *testing.T) {
	o := &layout.Observed{}
	s, nodes := settings(spec.Imperative), provider(3)
	l := layout.Plan(s, nodes, o)
	if missing := layout.Converged(l, o); len(missing) != 5 { // domain, pool, three SDSs
		t.Error(missing)
	}
	if missing := layout.Converged(l, nil); len(missing) != 1 {
		t.Error(missing)
	}
	for _, op := range layout.Diff(l, o) {
		apply(o, op)
	}
	if missing := layout.Converged(l, o); len(missing) > 0 {
		t.Error(missing)
	}
	o.Domains[0].State, o.Pools[0].SparePercent = "Inactive", 10
	o.SDSs[0].Connection, o.SDSs[0].Membership, o.SDSs[1].Maintenance = "Disconnected", "Decoupled", "InMaintenance"
	o.Devices[0].State, o.Devices[1].ErrorState, o.Devices[2].ErrorState = "InitialTest", "Error", "Notice"
	want := []string{
		"protection domain engineering is Inactive, not Active",
		"pool engineering/qe has 10 % spare capacity, not 34 %",
		"SDS sds-agent-01 of agent agent-01 is Disconnected and Decoupled, not Connected and Joined",
		"device /dev/xvdf of agent agent-01 is InitialTest, not Normal",
		"SDS sds-agent-02 of agent agent-02 is in maintenance (InMaintenance)",
		"device /dev/xvdf of agent agent-02 has an error (Error)",
	}
	if diff := gocmp.Diff(want, layout.Converged(l, o)); diff != "" {
		t.Error(diff)
	}
}

// TestStaleLayout: a layout made before somebody renamed an SDS is not carried out on it.
func TestStaleLayout(t *testing.T) {
	o := &layout.Observed{}
	l := layout.Plan(settings(spec.Imperative), provider(3), o)
	o.SDSs = []layout.ObservedSDS{{Name: "renamed", Domain: "engineering", Addresses: []string{"10.0.0.1"}}, {Name: "sds-agent-02", Domain: "elsewhere"}}
	for _, op := range layout.Diff(l, o) {
		if op.Node == "agent-01" || op.Node == "agent-02" {
			t.Error(op.Key())
		}
	}
}

// TestRules: codes are numbered without a gap, each rule says what must hold and what to do, docs/layout-rules.md lists just them (-update
// writes it), and each is broken by some transcript.
func TestRules(t *testing.T) {
	doc := strings.Builder{}
	doc.WriteString("# Rules of the layout\n\nWhat must hold before anything of ScaleIO is touched. An error of an agent holds back what is new of that agent; any other error stops the\n" +
		"whole plan; a warning is shown and needs no consent. What is attached already is left alone by all of them: a pool to which nothing new\ngoes is only warned of. " +
		"Generated from framework/layout/rules.go by `go test ./framework/layout -run TestRules -update`.\n\n| code | severity | what must hold | what to do |\n|---|---|---|---|\n")
	transcripts, _ := filepath.Glob("testdata/*.txt")
	said := ""
	for _, file := range transcripts {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		said += string(text)
	}
	for i, r := range layout.Rules() {
		if want := fmt.Sprintf("LAYOUT-%03d", i+1); r.Code != want || !strings.HasSuffix(r.Sentence, ".") || r.Fix == "" || r.Severity != layout.Error && r.Severity != layout.Warning {
			t.Errorf("%+v, expected %s", r, want)
		}
		if !strings.Contains(said, " "+r.Code+" ") {
			t.Errorf("no transcript breaks %s", r.Code)
		}
		fmt.Fprintf(&doc, "| %s | %s | %s | %s |\n", r.Code, r.Severity, escaped(r.Sentence), escaped(r.Fix))
	}
	doc.WriteString("\n# Checks of a device\n\nA device is taken only if every check passes; the node asks them again just before it is attached.\n\n")
	for _, c := range inventory.Checks {
		fmt.Fprintf(&doc, "- `%s`\n", c.Name)
	}
	const file = "../../docs/layout-rules.md"
	if *update {
		if err := os.WriteFile(file, []byte(doc.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil || string(got) != doc.String() {
		t.Errorf("%s is not what the rules say (-update writes it): %v\n%s", file, err, gocmp.Diff(string(got), doc.String()))
	}
}

func escaped(text string) string {
	return strings.NewReplacer("<", "&lt;", ">", "&gt;", "|", "\\|").Replace(text)
}
