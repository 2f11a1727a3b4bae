package templates

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"text/template/parse"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/options"
	"github.com/dcos-scaleio/scaleio/framework/secret"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

var update = flag.Bool("update", false, "write testdata anew")

var least = []string{"PRIMARY_MDM_ADDRESS=10.0.0.10", "SECONDARY_MDM_ADDRESS=10.0.0.11", "TIEBREAKER_MDM_ADDRESS=10.0.0.12",
	"GATEWAY_ADDRESS=10.0.0.10", "ADMIN_PASSWORD=Scaleio123"}

func parsed(t testing.TB, args ...string) *options.Options {
	t.Helper()
	o, err := options.Parse(args, least)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestRenderedSpecs(t *testing.T) {
	sum := strings.Repeat("0123456789abcdef", 4)
	for name, args := range map[string][]string{
		"imperative": nil,
		"global":     {"-pool.mode=global", "-scaleio.protectiondomain=engineering", "-scaleio.storagepool=qe"},
		"everything": {"-pool.mode=global", "-pool.onboarding=auto", "-pool.fault_set_by=@zone", "-principal=p", "-scaleio.password.file=secrets/scaleio",
			"-scaleio.preconfig.secondary=b,c", "-scaleio.preconfig.tiebreaker=d,e", "-scaleio.preconfig.gateway=a,b:8443", "-scaleio.apiversion=3.6",
			"-scaleio.clustername=sys", "-gateway.ca_file=ca.pem", "-gateway.sha256=" + sum, "-devices.max_size=8TiB", "-devices.exclude=/dev/sda,*usb*",
			"-scaleio.ubuntu14.sds=https://x/sds.deb", "-scaleio.ubuntu14.sds.sha256=" + sum, "-scaleio.ubuntu14.sds.version=3.6-700.103",
			"-scaleio.rhel7.sdc=https://x/sdc.rpm", "-scaleio.rhel7.sdc.sha256=" + sum, "-scaleio.rhel7.sdc.version=3.6-700.103",
			"-rexray.default_pool=engineering/qe", "-rexray.url=https://x/rexray", "-rexray.sha256=" + sum, "-network.cidr=10.0.0.0/24", "-reboot"},
		"without-rexray": {"-rexray.mode=off"},
	} {
		env := least
		if name == "everything" {
			env = slices.DeleteFunc(slices.Clone(least), func(v string) bool { return strings.HasPrefix(v, "ADMIN_") })
		}
		o, err := options.Parse(args, env)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := Service(o)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		path := filepath.Join("testdata", name+".yml")
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (-update writes it anew):\n%s", path, diff)
		}
	}
}

// serviceOf says in Go what the templates say in YAML.
func serviceOf(o *options.Options) *spec.Service {
	phases := spec.Phases{
		{Name: "install", Pod: "node", Strategy: "parallel", MaxParallel: o.InstallParallel},
		{Name: "layout", Operation: "layout"},
		{Name: "storage", Operation: "storage", Strategy: "parallel"},
		{Name: "rexray", Pod: "node", Strategy: "parallel", MaxParallel: o.REXRayParallel},
		{Name: "verify", Operation: "verify"},
	}
	rexray := o.REXRay
	rexray.Artifact.Version = ""
	if rexray.Mode == "off" {
		rexray = spec.REXRay{Mode: "off"}
		phases = slices.Delete(slices.Clone(phases), 3, 4)
	}
	packages, signatures := o.Packages.ByComponent(), o.Packages.Signatures
	if len(packages) == 0 {
		packages, signatures = nil, ""
	}
	plan := spec.Plan{Strategy: "dependency", Phases: phases}
	return &spec.Service{
		Name:      o.Service.Name,
		Scheduler: spec.Scheduler{Principal: o.Mesos.Principal, User: o.Service.User, Role: o.Service.Role},
		ScaleIO: spec.ScaleIO{
			System: spec.System{Name: o.System.Name, MDM: spec.MDM{Mode: "existing", Addresses: o.System.MDMs()}, Gateways: o.System.Gateways,
				Credentials: spec.Credentials{User: o.System.User, SecretFile: o.System.Password.File}, APIVersion: o.System.APIVersion, TLS: o.System.TLS},
			Pools: o.Pools, Devices: o.Devices, Packages: packages, Signatures: signatures, REXRay: rexray, Network: o.Network, Reboot: o.Reboot,
		},
		Pods: map[string]spec.Pod{"node": {Count: "all", Placement: `[["hostname","UNIQUE"]]`,
			Tasks: map[string]spec.Task{"agent": {Goal: "RUNNING", CPUs: o.Executor.CPUs, Memory: o.Executor.Memory}}}},
		Plans: map[string]spec.Plan{"deploy": plan, "expand": plan},
	}
}

// awkward are texts that YAML, templates or careless quoting would make something else of.
var awkward = []string{"", " ", "~", "null", "yes", "0777", "3.6", "1e3", "0x10", "2001-01-01", "*", "&a", "!t", "- x", "? x", "a: b", "a #b", "{a", "[a",
	"'", `"`, `\`, `\"`, `"}, insecure: true, x: {"`, "\n  insecure: true\n", "\r", "\t", "\x00", "\x07", "\x7f", "\u0085", "\u2028", "\ufeff", "\ufffd", "ä",
	"🐳", "{{.}}", "%", "|", ">", "@zone", "`", "---\n", "\n...\n", "$HOME"}

// anyText draws texts as strange as they come.
var anyText = rapid.OneOf(rapid.SampledFrom(awkward), rapid.String(), rapid.Custom(func(t *rapid.T) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(awkward), 1, 5).Draw(t, "parts"), "")
}))

// fill draws a value for every field.
func fill(t *rapid.T, v reflect.Value, path string) {
	switch v.Interface().(type) {
	case secret.Value:
		v.Set(reflect.ValueOf(secret.New("hunter2")))
		return
	case spec.PoolMode:
		v.SetString(rapid.SampledFrom(spec.PoolModes).Draw(t, path))
		return
	case spec.Size:
		v.SetUint(rapid.Uint64Max(1<<63-1).Draw(t, path))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	case reflect.String:
		v.SetString(anyText.Draw(t, path))
	case reflect.Slice:
		if texts := rapid.SliceOfN(anyText, 0, 3).Draw(t, path); len(texts) > 0 {
			v.Set(reflect.ValueOf(texts))
		}
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, path))
	case reflect.Int:
		v.SetInt(int64(rapid.Int32().Draw(t, path)))
	case reflect.Float64:
		v.SetFloat(rapid.Float64().Draw(t, path))
	default:
		t.Fatalf("a field of kind %s: %s", v.Kind(), path)
	}
}

// TestNoOptionBreaksOut: whatever the texts of the options are, the spec says exactly them and nothing else.
func TestNoOptionBreaksOut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := &options.Options{}
		fill(t, reflect.ValueOf(o).Elem(), "Options")
		rendered, err := Render(string(o.Pools.Mode), o)
		if err != nil {
			t.Fatal(err)
		}
		got, err := spec.Parse(rendered)
		if err != nil {
			t.Fatalf("%v\n%s", err, rendered)
		}
		want := serviceOf(o)
		if len(want.ScaleIO.System.Gateways) == 0 {
			want.ScaleIO.System.Gateways = []string{} // "gateways: []"
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s\n%s", diff, rendered)
		}
		if strings.Contains(string(rendered), "hunter2") {
			t.Fatalf("the spec holds a secret:\n%s", rendered)
		}
	})
}

// TestWhatOptionsAcceptIsAValidSpec: the second stage never finds what the first should have said.
func TestWhatOptionsAcceptIsAValidSpec(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	names := rapid.StringMatching(`[!-~]{1,33}`)
	texts := map[string]*rapid.Generator[string]{
		"uri": rapid.Just("m"), "rest.address": rapid.Just("h"), "api.bind": rapid.Just("::"), "executor.url": rapid.Just("file:///x"),
		"service.name": rapid.StringMatching(`/?[a-zA-Z0-9._/-]{1,70}`), "role": rapid.StringMatching(`[a-z*./-]{1,6}`),
		"pool.mode": rapid.SampledFrom([]string{"global", "imperative"}), "scaleio.protectiondomain": names, "scaleio.storagepool": names,
		"scaleio.clustername": names, "rexray.default_pool": rapid.StringMatching(`[!-~]{1,8}/[!-~]{1,8}`), "pool.fault_set_by": names,
		"scaleio.preconfig.primary": rapid.StringMatching(`[a-c]\.?`), "scaleio.preconfig.secondary": rapid.StringMatching(`[a-cA-C](,[a-c])?`),
		"scaleio.preconfig.tiebreaker": rapid.StringMatching(`[a-e](,[a-e]{1,2})?`), "scaleio.preconfig.gateway": rapid.StringMatching(`(https://)?[a-c:1]{1,4}(/api)?`),
		"scaleio.apiversion": rapid.StringMatching(`[0-9]\.[0-9]{1,2}`), "network.cidr": rapid.StringMatching(`10\.0\.0\.0/[0-9]{1,2}`),
		"devices.min_size": rapid.StringMatching(`[0-9]{1,3}(\.5)?[KMGTP]i?B`), "devices.max_size": rapid.StringMatching(`[0-9]{1,3}[GT]i?B`),
		"devices.exclude": rapid.StringMatching(`[a-c*?\[\],]{1,6}`), "rexray.size": rapid.StringMatching(`[0-9]{1,8}`),
		"rexray.file_mode": rapid.StringMatching(`[0-8]{3,4}`), "rexray.fs_type": rapid.SampledFrom([]string{"ext4", "xfs"}), "rexray.mode": rapid.SampledFrom([]string{"own", "off"}),
		"rexray.binary": rapid.StringMatching(`/[a-z ]{0,3}`), "rexray.url": rapid.StringMatching(`(http|https|file)://[a-z/@:]{0,4}`),
		"rexray.sha256": rapid.Just(sum), "executor.sha256": rapid.Just(sum), "gateway.sha256": rapid.Just(sum), "user": names, "scaleio.user": names,
		"scaleio.rhel7.sds": rapid.StringMatching(`http://[a-z:]{1,3}/[ -~]{0,4}`), "scaleio.rhel7.sds.sha256": rapid.Just(sum),
		"scaleio.rhel7.sds.version": rapid.StringMatching(`[0-9]\.[0-9]([.-][0-9a]{1,3})?`),
		"executor.cpu.non":          rapid.StringMatching(`[0-9]\.[0-9]|NaN|Inf|1e400|1e-300`), "install.parallel": rapid.StringMatching(`[0-9]{1,5}`),
		"gateway.ca_file": rapid.Just("x"), "gateway.insecure": rapid.SampledFrom([]string{"true", "false"}), "principal": names,
	}
	var keys []string
	for name := range texts {
		keys = append(keys, name)
	}
	slices.Sort(keys)
	accepted := 0
	rapid.Check(t, func(t *rapid.T) {
		var args []string
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(keys), 1, 5, rapid.ID).Draw(t, "options") {
			args = append(args, "-"+name+"="+texts[name].Draw(t, name))
		}
		o, err := options.Parse(args, least)
		if err != nil {
			return
		}
		accepted++
		_, got, err := Service(o)
		if err != nil {
			t.Fatalf("options accept %q, the spec does not: %v", args, err)
		}
		if diff := cmp.Diff(serviceOf(o), got); diff != "" {
			t.Fatal(diff)
		}
	})
	if accepted < 20 {
		t.Errorf("only %d of the drawn options were accepted: the property says little", accepted)
	}
}

func TestRenderRefuses(t *testing.T) {
	o := parsed(t)
	for _, mode := range []string{"", "parts", "declarative", "../global", "begin"} {
		if out, err := Render(mode, o); fault.KindOf(err) != fault.Invalid || out != nil {
			t.Errorf("Render(%q) = %q, %v", mode, out, err)
		}
	}
	o.System.User = "\xff"
	if out, err := Render("global", o); fault.KindOf(err) != fault.Invalid || out != nil {
		t.Errorf("a text that is not UTF-8 gave %q, %v", out, err)
	}
	o = parsed(t)
	o.Pools.Mode = spec.Declarative
	if _, _, err := Service(o); err == nil {
		t.Error("there is a service of mode declarative")
	}
	o = parsed(t)
	o.REXRay.Size = 9
	if _, _, err := Service(o); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "spec scaleio.rexray.size: 9 GiB") {
		t.Errorf("an invalid spec gave %v", err)
	}
}

// TestEveryValueIsQuoted walks the templates: what is printed is the result of yaml, always.
func TestEveryValueIsQuoted(t *testing.T) {
	actions := 0
	var walk func(node parse.Node)
	list := func(l *parse.ListNode) {
		if l != nil {
			for _, n := range l.Nodes {
				walk(n)
			}
		}
	}
	walk = func(node parse.Node) {
		switch n := node.(type) {
		case *parse.ActionNode:
			actions++
			last := n.Pipe.Cmds[len(n.Pipe.Cmds)-1]
			if id, ok := last.Args[0].(*parse.IdentifierNode); !ok || id.Ident != "yaml" || len(n.Pipe.Decl) > 0 {
				t.Errorf("%s is printed without yaml", n)
			}
		case *parse.ListNode:
			list(n)
		case *parse.IfNode:
			list(n.List)
			list(n.ElseList)
		case *parse.WithNode:
			list(n.List)
			list(n.ElseList)
		case *parse.RangeNode:
			list(n.List)
			list(n.ElseList)
		}
	}
	for _, t := range all.Templates() {
		if t.Tree != nil {
			walk(t.Root)
		}
	}
	if actions < 35 {
		t.Errorf("only %d values were found", actions)
	}
}
