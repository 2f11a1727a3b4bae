package layout_test

import (
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// attributes reads "name=value" and "name:TYPE=value" lines.
func attributes(lines ...string) []layout.Attribute {
	var all []layout.Attribute
	for _, line := range lines {
		name, value, _ := strings.Cut(line, "=")
		name, kind, _ := strings.Cut(name, ":")
		all = append(all, layout.Attribute{Name: name, Type: kind, Text: value})
	}
	return all
}

func TestParseAttributes(t *testing.T) {
	pool := func(domain, name string) spec.Pool { return spec.Pool{ProtectionDomain: domain, StoragePool: name} }
	seed := []string{"scaleio-sds-domains=mydomain", "scaleio-sds-mydomain=mypool", "scaleio-sds-mypool=/dev/xvdf", "scaleio-sdc-domains=mydomain", "scaleio-sdc-mydomain=mypool"}
	for _, test := range []struct {
		name  string
		lines []string
		want  layout.Wishes
	}{
		{"nothing", []string{"rack=r1", "os:SET={a,b}"}, layout.Wishes{}},
		{"the seed", seed, layout.Wishes{
			Imperative: true, Consuming: true, Consumes: []spec.Pool{pool("mydomain", "mypool")},
			Provides: []layout.Provision{{pool("mydomain", "mypool"), "scaleio-sds-mypool=/dev/xvdf", []string{"/dev/xvdf"}}},
		}},
		{"blanks around names and values", []string{" scaleio-sds-domains = d ", "scaleio-sds-d= p , q", "scaleio-sds-p= /dev/sdb , /dev/sdc ", "scaleio-sds-q=/dev/sdd"}, layout.Wishes{
			Imperative: true, Provides: []layout.Provision{
				{pool("d", "p"), "scaleio-sds-p=/dev/sdb , /dev/sdc", []string{"/dev/sdb", "/dev/sdc"}}, {pool("d", "q"), "scaleio-sds-q=/dev/sdd", []string{"/dev/sdd"}}},
		}},
		{"numbers", []string{"scaleio-sds-domains:SCALAR=2.0", "scaleio-sds-2:SCALAR=1.5", "scaleio-sds-1.5=/dev/sdb", "scaleio-fault-set:SCALAR=7.0"}, layout.Wishes{
			Imperative: true, FaultSet: "7", Provides: []layout.Provision{{pool("2", "1.5"), "scaleio-sds-1.5=/dev/sdb", []string{"/dev/sdb"}}},
		}},
		{"domain and pool of one name", []string{"scaleio-sds-domains=default", "scaleio-sds-default=default", "scaleio-sds-default.default=/dev/sdb"}, layout.Wishes{
			Imperative: true, Provides: []layout.Provision{{pool("default", "default"), "scaleio-sds-default.default=/dev/sdb", []string{"/dev/sdb"}}},
		}},
		{"consuming alone creates nothing", []string{"scaleio-sdc-domains=b,a", "scaleio-sdc-a=x", "scaleio-sdc-b=z,y"}, layout.Wishes{
			Imperative: true, Consuming: true, Consumes: []spec.Pool{pool("b", "z"), pool("b", "y"), pool("a", "x")},
		}},
		{"a persona is of MDMs", []string{"scaleio-persona=primary"}, layout.Wishes{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, problems := layout.ParseAttributes(attributes(test.lines...))
			if diff := gocmp.Diff(test.want, got); diff != "" || len(problems) > 0 {
				t.Errorf("%v %s", problems, diff)
			}
		})
	}
}

// TestWrongAttributes: every error that the original swallowed, each with the attribute, its value and what is expected.
func TestWrongAttributes(t *testing.T) {
	for _, test := range []struct {
		name  string
		lines []string
		code  string
		says  []string
	}{
		{"a range", []string{"scaleio-sds-domains:RANGES=[1-2]"}, "LAYOUT-002", []string{"scaleio-sds-domains=[1-2]", "RANGES", "expected names"}},
		{"a set", []string{"scaleio-fault-set:SET={a}"}, "LAYOUT-002", []string{"SET"}},
		{"no number", []string{"scaleio-sds-domains:SCALAR=NaN"}, "LAYOUT-002", []string{"no number"}},
		{"given twice", []string{"scaleio-sds-domains=a", "scaleio-sds-domains=b"}, "LAYOUT-003", []string{"2 times", "a and b"}},
		{"given twice alike", []string{"scaleio-fault-set=a", "scaleio-fault-set=a"}, "LAYOUT-003 warning", []string{"2 times"}},
		{"a blank within a name", []string{"scaleio-sds-domains=my domain"}, "LAYOUT-004", []string{`"my domain"`}},
		{"a slash", []string{"scaleio-sds-domains=d", "scaleio-sds-d=a/b"}, "LAYOUT-004", []string{`"a/b"`}},
		{"32 characters", []string{"scaleio-sds-domains=" + strings.Repeat("x", 32)}, "LAYOUT-004", []string{"32 characters", "31"}},
		{"an empty fault set", []string{"scaleio-fault-set= "}, "LAYOUT-004", []string{"empty"}},
		{"two fault sets", []string{"scaleio-fault-set=a,b"}, "LAYOUT-004", []string{"scaleio-fault-set=a,b"}},
		{"an empty item", []string{"scaleio-sdc-domains=d,", "scaleio-sdc-d=p"}, "LAYOUT-005 warning", []string{"empty item"}},
		{"an item twice", []string{"scaleio-sdc-domains=d", "scaleio-sdc-d=p,p"}, "LAYOUT-005 warning", []string{"names p twice"}},
		{"no value", []string{"scaleio-sds-domains="}, "LAYOUT-006", []string{"names nothing"}},
		{"a domain without pools", []string{"scaleio-sds-domains=d"}, "LAYOUT-006", []string{"scaleio-sds-domains=d", "no attribute scaleio-sds-d;"}},
		{"a pool without devices", []string{"scaleio-sds-domains=d", "scaleio-sds-d=p"}, "LAYOUT-006", []string{"scaleio-sds-d=p", "scaleio-sds-p or scaleio-sds-d.p"}},
		{"a consumed domain without pools", []string{"scaleio-sdc-domains=d"}, "LAYOUT-006", []string{"scaleio-sdc-d"}},
		{"devices of an unlisted pool", []string{"scaleio-sdc-domains=d", "scaleio-sdc-d=p", "scaleio-sds-q=/dev/sdb"}, "LAYOUT-007 warning", []string{"scaleio-sds-q=/dev/sdb is not used"}},
		{"no list of domains", []string{"scaleio-sds-domain=d"}, "LAYOUT-007", []string{"scaleio-sds-domain=d", "scaleio-sds-domains"}},
		{"other letters", []string{"ScaleIO-SDS-domains=d"}, "LAYOUT-007", []string{"ScaleIO-SDS-domains=d"}},
		{"an unknown attribute", []string{"scaleio-color=red"}, "LAYOUT-007 warning", nil},
		{"domain and pool of one name", []string{"scaleio-sds-domains=default", "scaleio-sds-default=default"}, "LAYOUT-008",
			[]string{"scaleio-sds-default=default", "the pools of protection domain default", "the devices of pool default/default"}},
		{"a domain called domains", []string{"scaleio-sds-domains=domains"}, "LAYOUT-008", []string{"the list of protection domains"}},
		{"a pool called domains", []string{"scaleio-sds-domains=d", "scaleio-sds-d=domains"}, "LAYOUT-008", []string{"the devices of pool d/domains"}},
		{"a consumed domain called domains", []string{"scaleio-sdc-domains=domains"}, "LAYOUT-008", nil},
		{"two domains", []string{"scaleio-sds-domains=a,b", "scaleio-sds-a=p", "scaleio-sds-b=q", "scaleio-sds-p=/dev/sdb", "scaleio-sds-q=/dev/sdc"}, "LAYOUT-009",
			[]string{"scaleio-sds-domains=a,b", "expected one"}},
		{"a device in two pools", []string{"scaleio-sds-domains=a", "scaleio-sds-a=p,q", "scaleio-sds-p=/dev/sdb", "scaleio-sds-q=/dev/sdc,/dev/sdb"}, "LAYOUT-010",
			[]string{"/dev/sdb", "a/p and a/q"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, problems := layout.ParseAttributes(attributes(test.lines...))
			if len(problems) != 1 {
				t.Fatalf("expected one problem: %+v", problems)
			}
			p := problems[0]
			code, severity, _ := strings.Cut(test.code, " ")
			if severity == "" {
				severity = "error"
			}
			if p.Code != code || string(p.Severity) != severity || p.Fix == "" {
				t.Errorf("%+v, expected %s %s", p, severity, code)
			}
			for _, says := range test.says {
				if !strings.Contains(p.Message, says) {
					t.Errorf("%q does not say %q", p.Message, says)
				}
			}
		})
	}
}

// FuzzParseAttributes: any attributes give the same in any order, only legal names, and sentences of one line.
func FuzzParseAttributes(f *testing.F) {
	f.Add("scaleio-sds-domains=mydomain\nscaleio-sds-mydomain=mypool\nscaleio-sds-mypool=/dev/xvdf\nscaleio-sdc-domains=mydomain\nscaleio-sdc-mydomain=mypool")
	f.Add("scaleio-sds-domains:SCALAR=2.0\nscaleio-sds-2=2\nscaleio-sds-2.2=/dev/sdb\nscaleio-fault-set= x ")
	f.Add("scaleio-sds-domains=domains,a b,,\nscaleio-sds-domains:RANGES=[1-2]\nscaleio-persona=primary\nScaleIO-sds-x=\xff")
	f.Fuzz(func(t *testing.T, lines string) {
		given := attributes(strings.Split(lines, "\n")...)
		w, problems := layout.ParseAttributes(given)
		backwards := slices.Clone(given)
		slices.Reverse(backwards)
		again, problemsAgain := layout.ParseAttributes(backwards)
		if diff := gocmp.Diff(w, again) + gocmp.Diff(problems, problemsAgain); diff != "" {
			t.Fatalf("depends on the order: %s", diff)
		}
		wrong := false
		for _, p := range problems {
			wrong = wrong || p.Severity == layout.Error
			if p.Code == "" || p.Message == "" || p.Fix == "" || p.Node != "" || strings.ContainsAny(p.Message, "\n\r") {
				t.Fatalf("not a problem: %+v", p)
			}
		}
		pools := slices.Clone(w.Consumes)
		domains, devices := map[string]bool{}, map[string]bool{}
		for _, p := range w.Provides {
			pools = append(pools, p.Pool)
			domains[p.Pool.ProtectionDomain] = true
			for _, d := range p.Devices {
				if devices[d] && !wrong {
					t.Fatalf("%s in two pools without a word", d)
				}
				devices[d] = true
			}
			if len(p.Devices) == 0 && !wrong {
				t.Fatalf("pool %s without devices, without a word", p.Pool)
			}
		}
		for _, pool := range pools {
			if spec.CheckName(pool.ProtectionDomain) != "" || spec.CheckName(pool.StoragePool) != "" {
				t.Fatalf("illegal pool %q", pool)
			}
		}
		if !wrong && len(domains) > 1 || w.FaultSet != "" && spec.CheckName(w.FaultSet) != "" || len(pools) > 0 && !w.Imperative {
			t.Fatalf("%+v", w)
		}
	})
}
