package rexray_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	goyaml "github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/rexray"
)

var update = flag.Bool("update", false, "write the golden files")

func sample() rexray.Config {
	return rexray.Config{
		Endpoint: "https://10.0.0.1/api", Insecure: true, User: "admin", SystemID: "0123456701234567",
		Services: []rexray.Service{
			{Driver: "scaleio", ProtectionDomain: "pd-a", StoragePool: "pda_fast"},
			{Driver: "scaleio-pdb-cold", ProtectionDomain: "pdb", StoragePool: "cold"},
		},
		Preempt: true, Size: 16, FSType: "ext4", FileMode: "0777",
	}
}

func TestRenderGolden(t *testing.T) {
	thick := sample()
	thick.Thick, thick.Version, thick.FSType, thick.Preempt, thick.Services = true, "3.6", "xfs", false, thick.Services[:1]
	for name, c := range map[string]rexray.Config{"two-pools": sample(), "thick": thick} {
		got, err := rexray.Render(c, `pass "word" #1`)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join("testdata", name+".json")
		if *update {
			if err := os.WriteFile(file, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s (rewrite with -update):\n%s", name, diff)
		}
	}
}

// TestAwkwardTextsComeBack holds for the parsers of YAML and JSON that there are.
func TestAwkwardTextsComeBack(t *testing.T) {
	parsers := map[string]func([]byte, any) error{"json": json.Unmarshal, "goccy": func(b []byte, v any) error { return goyaml.Unmarshal(b, v) },
		"sigs": func(b []byte, v any) error { return yaml.Unmarshal(b, v) }}
	check := func(t interface{ Fatalf(string, ...any) }, password, pool string) {
		c := sample()
		c.Services[0].StoragePool = pool
		text, err := rexray.Render(c, password)
		if err != nil {
			t.Fatalf("%q %q: %v", password, pool, err)
		}
		for name, parse := range parsers {
			var got struct {
				ScaleIO struct {
					Password string `json:"password"`
					SystemID string `json:"systemID" yaml:"systemID"`
				} `json:"scaleio"`
				Libstorage struct {
					Server struct {
						Services map[string]struct {
							ScaleIO struct {
								Pool string `json:"storagePoolName" yaml:"storagePoolName"`
							} `json:"scaleio"`
						} `json:"services"`
					} `json:"server"`
				} `json:"libstorage"`
			}
			if err := parse(text, &got); err != nil {
				t.Fatalf("%s: %q %q: %v", name, password, pool, err)
			}
			if got.ScaleIO.Password != password || got.Libstorage.Server.Services["scaleio"].ScaleIO.Pool != pool || got.ScaleIO.SystemID != c.SystemID {
				t.Fatalf("%s: gave %+v for %q and %q", name, got, password, pool)
			}
		}
	}
	for _, text := range []string{`a #b`, `a: b`, `"`, `'`, `\`, "yes", "0123", "1e3", "~", "null", "{}", "[x]", "&a", "*a", "!x", "%x", "@x", "`x", " x ", "ü€😀", "a\nb", "\t", "<&>",
		"\u007f", "\u0080\u009f", "\ufeff", "\u2028", "-", "?", "|", ">", "x" + "\x00" + "y", "${HOME", "$Home"} {
		check(t, text, text)
	}
	rapid.Check(t, func(t *rapid.T) {
		password, pool := rapid.StringN(1, 40, -1).Draw(t, "password"), rapid.StringN(1, 31, -1).Draw(t, "pool")
		if strings.Contains(password+" "+pool, "$HOME") || pool == "cold" {
			t.Skip()
		}
		check(t, password, pool)
	})
}

func TestRenderRefuses(t *testing.T) {
	for name, password := range map[string]string{"empty": "", "home": "x$HOMEy", "utf-8": "secret\xff"} {
		_, err := rexray.Render(sample(), password)
		if fault.KindOf(err) != fault.Invalid || err == nil {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && password != "" && strings.Contains(err.Error(), password) {
			t.Errorf("%s: the error tells the password: %v", name, err)
		}
	}
}

func TestCheckGivesEveryProblemAtOnce(t *testing.T) {
	if err := rexray.Check(sample()); err != nil {
		t.Fatal(err)
	}
	bad := rexray.Config{
		Endpoint: "https://10.0.0.1/api/", SystemID: "5744368105847", Version: "3", Size: 12, FSType: "zfs", FileMode: "9",
		Services: []rexray.Service{
			{Driver: "a", ProtectionDomain: "p1", StoragePool: "fast"},
			{Driver: "a", ProtectionDomain: "p2", StoragePool: "fast"},
			{Driver: "Big_Name-", ProtectionDomain: "$HOME", StoragePool: ""},
		},
	}
	got := strings.Join(fault.Lines(rexray.Check(bad)), "\n")
	want := strings.TrimSpace(`
REX-Ray: driver "Big_Name-": lower-case letters, digits and inner hyphens expected, apps could not name it
REX-Ray: driver "a" serves both p1/fast and p2/fast
REX-Ray: endpoint "https://10.0.0.1/api/" must end in exactly /api: REX-Ray appends /login to it
REX-Ray: file mode "9": an octal mode such as 0777 expected
REX-Ray: file system "zfs": ext4 or xfs expected
REX-Ray: pools p1/fast and p2/fast have one name: REX-Ray finds a pool by its name alone and would create volumes in either
REX-Ray: protection domain of service 3 contains $HOME: REX-Ray replaces it by a directory, even in quotes
REX-Ray: service 3 ("Big_Name-") names no pool: protection domain "$HOME", storage pool ""
REX-Ray: size 12 GiB: a multiple of 8 expected, ScaleIO makes no other volumes
REX-Ray: system id "5744368105847": 16 hex digits in lower case expected
REX-Ray: user is empty: expected the gateway's user
REX-Ray: version "3": expected one such as 3.6, or none to ask the gateway`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, endpoint := range []string{"", "10.0.0.1/api", "ftp://x/api", "https:///api", "https://x/api?y=1", "https://admin:hunter2@x/api"} {
		c := sample()
		c.Endpoint = endpoint
		err := rexray.Check(c)
		if err == nil {
			t.Errorf("%q is taken", endpoint)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("password shown: %v", err)
		}
	}
	if err := rexray.Check(rexray.Config{}); !strings.Contains(err.Error(), "no service") {
		t.Error(err)
	}
}

func TestDriverName(t *testing.T) {
	for _, c := range []struct{ domain, pool, want string }{
		{"mydomain", "mypool", "scaleio-mydomain-mypool"},
		{"engineering", "qe-2", "scaleio-engineering-qe-2"},
		{"a-b", "c", "scaleio-a-b-c-8d3a2c1b"},
		{"PD", "fast", "scaleio-pd-fast-"},
		{"pd", "pda_fast", "scaleio-pd-pda-fast-"},
		{"___", "ü", "scaleio-"},
	} {
		got := rexray.DriverName(c.domain, c.pool, false)
		prefix := strings.TrimSuffix(c.want, "8d3a2c1b")
		if got != c.want && (!strings.HasSuffix(prefix, "-") || !strings.HasPrefix(got, prefix) || len(got) != len(prefix)+8) {
			t.Errorf("%s/%s is %q, not %q", c.domain, c.pool, got, c.want)
		}
	}
	if got := rexray.DriverName("x", "y", true); got != "scaleio" {
		t.Error(got)
	}
}

func TestDriverNamesAreLegalAndDifferent(t *testing.T) {
	names := rapid.OneOf(rapid.StringMatching(`[a-cA-C_.-]{1,4}`), rapid.StringN(1, 31, 31))
	rapid.Check(t, func(t *rapid.T) {
		c := sample()
		c.Services = nil
		seen := map[string]bool{}
		for i := range 2 {
			s := rexray.Service{ProtectionDomain: names.Draw(t, "domain"), StoragePool: names.Draw(t, "pool")}
			if strings.Contains(s.ProtectionDomain+"\x00"+s.StoragePool, "$HOME") || seen["p"+s.StoragePool] {
				t.Skip()
			}
			seen["p"+s.StoragePool] = true
			s.Driver = rexray.DriverName(s.ProtectionDomain, s.StoragePool, i > 1)
			c.Services = append(c.Services, s)
		}
		if err := rexray.Check(c); err != nil {
			t.Fatal(err)
		}
	})
}

func TestRenderedServices(t *testing.T) {
	text, err := rexray.Render(sample(), "x")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"type": "csi"`, `"host": "unix:///run/docker/plugins/scaleio-pdb-cold.sock"`, `"ignoreusedcount": true`, `"fileMode": 511`} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if bytes.Contains(text, []byte(`"docker"`)) {
		t.Error("a module of type docker makes REX-Ray 0.11 panic")
	}
}
