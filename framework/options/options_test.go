package options_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/options"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

var update = flag.Bool("update", false, "write docs/options.md anew")

// least is the least that an operator must say, as the environment.
var least = []string{"PRIMARY_MDM_ADDRESS=10.0.0.10", "SECONDARY_MDM_ADDRESS=10.0.0.11", "TIEBREAKER_MDM_ADDRESS=10.0.0.12",
	"GATEWAY_ADDRESS=10.0.0.10", "ADMIN_PASSWORD=Scaleio123"}

func parse(t *testing.T, args []string, env ...string) *options.Options {
	t.Helper()
	o, err := options.Parse(args, append(slices.Clone(least), env...))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// complaints gives the lines of the error, and insists on what every such error is.
func complaints(t *testing.T, args []string, env ...string) []string {
	t.Helper()
	o, err := options.Parse(args, env)
	if err == nil || o != nil || fault.KindOf(err) != fault.Invalid {
		t.Fatalf("Parse(%q) = %v, %v; want an Invalid error and no options", args, o, err)
	}
	lines := fault.Lines(err)
	if !slices.IsSorted(lines) || strings.Join(lines, "\n") != err.Error() {
		t.Errorf("the error is not sorted, one line each:\n%v", err)
	}
	return lines
}

func TestTheLeastAndItsDefaults(t *testing.T) {
	got := parse(t, nil)
	if got.System.Password.Value.Reveal() != "Scaleio123" {
		t.Errorf("the password is %q", got.System.Password.Value.Reveal())
	}
	got.System.Password = options.Secret{}
	want := &options.Options{
		LogLevel: "info",
		Service:  options.Service{Name: "scaleio", Role: "scaleio", User: "root"},
		Mesos:    options.Mesos{Masters: []string{"leader.mesos:5050"}},
		API:      options.API{Port: 35000},
		Executor: options.Executor{CPUs: 0.1, Memory: 64},
		Store:    options.Store{Type: "bolt", Place: "/var/lib/scaleio-scheduler/state.db"},
		System: options.System{User: "admin", Primary: "10.0.0.10", Secondaries: []string{"10.0.0.11"}, TieBreakers: []string{"10.0.0.12"},
			Gateways: []string{"https://10.0.0.10"}},
		Pools:           spec.Pools{Mode: spec.Imperative, Onboarding: spec.Propose, Default: spec.Pool{ProtectionDomain: "default", StoragePool: "default"}},
		Devices:         spec.Devices{MinSize: 100 << 30},
		REXRay:          spec.REXRay{Mode: "own", Preempt: true, Size: 16, FSType: "ext4", FileMode: "0777", Binary: "/opt/mesosphere/bin/rexray"},
		Packages:        options.Packages{Signatures: "check"},
		InstallParallel: 32, REXRayParallel: 8,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.Store.URI() != "bolt:///var/lib/scaleio-scheduler/state.db" {
		t.Errorf("store %s", got.Store.URI())
	}
}

func TestEverythingSaid(t *testing.T) {
	sum := strings.Repeat("0a", 32)
	got := parse(t, []string{
		"-uri=10.0.0.1, http://10.0.0.2:5051/api/v1/scheduler,https://m3", "--principal", "scaleio-principal", "-mesos.secret.file", "secrets/m",
		"-service.name=/prod/scaleio", "-role=prod/scaleio", "-user", "vagrant", "-hostname", "s.example", "-loglevel=debug", "-rest.port=0",
		"-rest.address", "10.9.9.9", "-api.bind=::1", "-store.type=boltdb", "-store.uri=bolt:///srv/a b.db", "-executor.url=https://x/e",
		"-executor.sha256=" + sum, "-executor.cpu.non=.5", "-executor.mem.non", "512", "-executor.host_root=/lab/{hostname}", "-install.parallel=1",
		"-reboot", "-scaleio.preconfig.secondary=b, c", "-scaleio.preconfig.tiebreaker=d,e", "-scaleio.preconfig.gateway=gw1,gw2:8443,https://gw3/api/,::1",
		"-gateway.ca_file=ca.pem", "-gateway.sha256=" + sum, "-scaleio.user=me", "-scaleio.clustername=sys", "-scaleio.apiversion=3.6",
		"-network.cidr=10.0.0.0/8", "-pool.mode=global", "-pool.onboarding=auto", "-pool.fault_set_by=@zone", "-scaleio.protectiondomain=pd",
		"-scaleio.storagepool=sp", "-devices.min_size=1TB", "-devices.max_size", "2 TiB", "-devices.exclude=/dev/sd?, /dev/disk/by-id/usb-*",
		"-devices.allow_loop=true", "-scaleio.ubuntu14.sds=http://x/sds.deb", "-scaleio.ubuntu14.sds.sha256=" + sum,
		"-scaleio.ubuntu14.sds.version=3.6-700.103", "-scaleio.centos7.lia.url=file:///lia.rpm", "-scaleio.rhel7.lia.sha256=" + sum,
		"-scaleio.centos7.lia.version=3.6-700.103", "-rexray.mode=own", "-rexray.default_pool=pd/sp", "-rexray.url=https://x/rexray",
		"-rexray.sha256=" + sum, "-rexray.size=32", "-rexray.fs_type=xfs", "-rexray.file_mode=0770", "-rexray.thick=TRUE", "-rexray.preempt=false",
		"-rexray.parallel=3", "-mesos.ca_file=dcos.pem", "-api.token.file=secrets/api", "-api.tls.cert_file=c.pem", "-api.tls.key_file=k.pem",
		"-packages.rpm_signatures=require",
	}, "LIA_TOKEN=tok", "ROLE=loses", "HOSTNAME=loses")
	if got.System.LIAToken.Value.Reveal() != "tok" {
		t.Error("the LIA token is lost")
	}
	got.System.Password, got.System.LIAToken = options.Secret{}, options.Secret{}
	artifact := func(url string) spec.Artifact { return spec.Artifact{URL: url, SHA256: sum, Version: "3.6-700.103"} }
	want := &options.Options{
		LogLevel: "debug",
		Service:  options.Service{Name: "/prod/scaleio", Role: "prod/scaleio", User: "vagrant", Hostname: "s.example"},
		Mesos: options.Mesos{Masters: []string{"10.0.0.1:5050", "http://10.0.0.2:5051/api/v1/scheduler", "https://m3:5050"},
			Principal: "scaleio-principal", Secret: options.Secret{File: "secrets/m"}, CAFile: "dcos.pem"},
		API:      options.API{Address: "10.9.9.9", Bind: "::1", Token: options.Secret{File: "secrets/api"}, CertFile: "c.pem", KeyFile: "k.pem"},
		Executor: options.Executor{URL: "https://x/e", SHA256: sum, CPUs: .5, Memory: 512, HostRoot: "/lab/{hostname}"},
		Store:    options.Store{Type: "bolt", Place: "/srv/a b.db"},
		System: options.System{Name: "sys", User: "me", APIVersion: "3.6", Primary: "10.0.0.10", Secondaries: []string{"b", "c"},
			TieBreakers: []string{"d", "e"}, Gateways: []string{"https://gw1", "https://gw2:8443", "https://gw3", "https://[::1]"},
			TLS: spec.TLS{CAFile: "ca.pem", SHA256: sum}},
		Pools:    spec.Pools{Mode: spec.Global, Onboarding: spec.Auto, FaultSetBy: "@zone", Default: spec.Pool{ProtectionDomain: "pd", StoragePool: "sp"}},
		Devices:  spec.Devices{MinSize: 1e12, MaxSize: 2 << 40, Exclude: []string{"/dev/sd?", "/dev/disk/by-id/usb-*"}, AllowLoop: true},
		Packages: options.Packages{SDS: spec.Package{Deb: artifact("http://x/sds.deb")}, LIA: spec.Package{RPM: artifact("file:///lia.rpm")}, Signatures: "require"},
		REXRay: spec.REXRay{Mode: "own", DefaultPool: "pd/sp", Size: 32, FSType: "xfs", FileMode: "0770", Thick: true,
			Artifact: spec.Artifact{URL: "https://x/rexray", SHA256: sum}},
		Network: "10.0.0.0/8", Reboot: true, InstallParallel: 1, REXRayParallel: 3,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"10.0.0.10", "b", "c", "d", "e"}, got.System.MDMs()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"lia", "sds"}, slices.Sorted(maps.Keys(got.Packages.ByComponent()))); diff != "" {
		t.Error(diff)
	}
}

func TestEveryErrorAtOnce(t *testing.T) {
	got := complaints(t, []string{"-uri=zk://m:2181/mesos", "-role", "-user=", "stray", "-pool.mode=declarative", "-nonsense", "value",
		"-rest.port=70000", "-debug", "-aws.accesskey", "AKIA", "-scaleio.clusterid=1", "-rexray.size=9", "-rexray.sha256=12", "-reboot=perhaps",
		"-scaleio.rhel7.sds=ftp://x", "-scaleio.centos7.sds=http://y", "-gateway.insecure", "-executor.cpu.non=0", "-devices.exclude=a,,b",
		"-scaleio.apiversion=5.0", "-store.type=consul", "-store.uri=state.db", "-executor.host_root=/"},
		"GATEWAY_CA_FILE=x", "PRIMARY_MDM_ADDRESS=10.0.0.300", "SECONDARY_MDM_ADDRESS=a,b", "TIEBREAKER_MDM_ADDRESS=A.", "REST_PORT=80",
		"SCALEIO_PASSWORD_FILE=", "DEVICES_MIN_SIZE=2TB", "DEVICES_MAX_SIZE=1TB", "POOL_ONBOARDING=always", "MESOS_SECRET=s", "NETWORK_CIDR=10.0.0.1")
	want := []string{
		`-aws.accesskey: was removed: growing pools with AWS volumes is gone: attach a disk to the agent, it is offered like any other`,
		`-debug: was removed: use -loglevel=debug; nodes reboot only with -reboot`,
		`-devices.exclude: "a,,b" has an empty item`,
		`-executor.cpu.non: "0": expected a number above 0`,
		`-executor.host_root: "/": expected a directory below /, with {hostname} where the agent's name belongs`,
		`-nonsense: is unknown; -help lists the options`,
		`-pool.mode: declarative is not in this version yet: expected global or imperative`,
		`-principal: is missing: a secret of it is given`,
		`-reboot: "perhaps": expected true or false`,
		`-rest.port: "70000": expected a whole number from 0 to 65535`,
		`-rexray.sha256: "12" is not a SHA-256: expected 64 hex digits`,
		`-rexray.size: 9 GiB: expected a multiple of 8, at most 1048576`,
		`-rexray.url: is missing beside -rexray.sha256: nothing is downloaded without knowing what it is`,
		`-role: needs a value: Mesos role`,
		`-scaleio.apiversion: "5.0": versions up to 4 are known; from 5.0 on the API is another one`,
		`-scaleio.centos7.sds: is given a second time, first as -scaleio.rhel7.sds`,
		`-scaleio.clusterid: was removed: the system's id is asked from the gateway; -scaleio.clustername makes sure that it is the right system`,
		`-scaleio.password: is missing: set ADMIN_PASSWORD or -scaleio.password.file`,
		`-scaleio.preconfig.gateway: is missing: set it or GATEWAY_ADDRESS. The gateways; the first that answers is used.`,
		`-scaleio.preconfig: "A." is named twice: every member of the MDM cluster has its own address`,
		`-scaleio.rhel7.sds.sha256: is missing beside -scaleio.rhel7.sds: nothing is downloaded without knowing what it is`,
		`-scaleio.rhel7.sds.version: is missing beside -scaleio.rhel7.sds: nothing is downloaded without knowing what it is`,
		`-scaleio.rhel7.sds: "ftp://x" is not a URL of http, https, file`,
		`-store.type: "consul": expected bolt, zk or etcd`,
		`-uri: "zk://m:2181/mesos": finding the master in ZooKeeper is not in this version yet: expected host:port or http(s)://host:port, a list of all masters is best`,
		`-user: is empty, expected the name of a user`,
		`DEVICES_MAX_SIZE: 931.32 GiB is below the smallest size, 1.82 TiB`,
		`GATEWAY_CA_FILE: and -gateway.insecure exclude each other: expected one of them`,
		`NETWORK_CIDR: "10.0.0.1" is not a network: expected one such as 10.0.0.0/24`,
		`POOL_ONBOARDING: "always": expected propose or auto`,
		`PRIMARY_MDM_ADDRESS: "10.0.0.300" is neither an IP address nor a hostname`,
		`SECONDARY_MDM_ADDRESS: names 2 and TIEBREAKER_MDM_ADDRESS names 1: expected one of each for a cluster of three, two of each for one of five`,
		`argument 4: belongs to no option: expected -name=value or -name value`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheSourceOfAValue(t *testing.T) {
	if o := parse(t, nil, "REST_PORT=1", "PORT_API=2"); o.API.Port != 1 {
		t.Errorf("REST_PORT lost to PORT_API: %d", o.API.Port)
	}
	if o := parse(t, nil, "PORT_API=2", "REST_PORT="); o.API.Port != 2 {
		t.Errorf("PORT_API is not read: %d", o.API.Port)
	}
	if o := parse(t, []string{"-rest.port=3"}, "REST_PORT=1"); o.API.Port != 3 {
		t.Errorf("a flag lost to a variable: %d", o.API.Port)
	}
	if o := parse(t, []string{"-principal="}, "FRAMEWORK_PRINCIPAL=x"); o.Mesos.Principal != "" {
		t.Errorf("an empty flag does not clear: %q", o.Mesos.Principal)
	}
	if o := parse(t, nil, "ROLE=first", "ROLE=last"); o.Service.Role != "last" {
		t.Errorf("of two variables of one name the first counts: %q", o.Service.Role)
	}
	if _, err := options.Parse([]string{"-role=x", "-help"}, nil); !errors.Is(err, options.ErrHelp) {
		t.Errorf("-help gives %v", err)
	}
}

// TestNoPasswordOnTheCommandLine (W22): it is refused, and neither it nor what looks like it is shown again.
func TestNoPasswordOnTheCommandLine(t *testing.T) {
	for _, args := range [][]string{
		{"-scaleio.password=hunter2"}, {"-scaleio.password", "hunter2"}, {"--scaleio.password", "-hunter2"}, {"-scaleio.password", "hunter2", "hunter2"},
		{"-scaleio.pasword", "hunter2"}, {"-scaleio.pasword=hunter2"}, {"-aws.secretkey", "hunter2"}, {"-scaleio.lia.token=hunter2"},
		{"-mesos.secret", "hunter2"}, {"hunter2"}, {"-uri=http://me:hunter2@m:5050"}, {"-uri=me:hunter2@m:5050"},
		{"-scaleio.preconfig.gateway=https://me:hunter2@gw"}, {"-executor.url=https://me:hunter2@x/e"}, {"-executor.url=https://me:hunter2@x:y/e"},
		{"-rexray.url=me:hunter2@x/e"}, {"-api.token", "hunter2"}, {"-api.token=hunter2"}, {"-mesos.service_account", `{"private_key": "hunter2"}`},
	} {
		for _, line := range complaints(t, args, least...) {
			if strings.Contains(line, "hunter2") {
				t.Errorf("%q: the error shows it: %s", args, line)
			}
		}
	}
	for _, env := range []string{"API_TOKEN=hunter2\x01", "DCOS_SERVICE_ACCOUNT_CREDENTIAL=hunter2\x01"} {
		for _, line := range complaints(t, nil, append(slices.Clone(least), env)...) {
			if strings.Contains(line, "hunter2") {
				t.Errorf("%q shows it: %s", env, line)
			}
		}
	}
	got := complaints(t, []string{"-scaleio.password", "hunter2"}, least...)
	want := []string{"-scaleio.password: is refused: everybody on the machine can read a command line; set ADMIN_PASSWORD or use -scaleio.password.file"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNothingPrintsAPassword(t *testing.T) {
	o := parse(t, nil)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if out := fmt.Sprintf(verb, o); strings.Contains(out, "Scaleio123") {
			t.Errorf("%s of the options shows the password: %s", verb, out)
		}
	}
	for _, bad := range []string{"hunter2$HOME", "hunter2\n", "hunter2\xff"} {
		env := append(slices.Clone(least), "ADMIN_PASSWORD="+bad)
		for _, line := range complaints(t, nil, env...) {
			if strings.Contains(line, "hunter2") || !strings.HasPrefix(line, "ADMIN_PASSWORD: ") {
				t.Errorf("of the password %q: %s", bad, line)
			}
		}
	}
	if diff := cmp.Diff([]string{"MESOS_SECRET", "DCOS_SERVICE_ACCOUNT_CREDENTIAL", "API_TOKEN", "STORE_SECRET", "ADMIN_PASSWORD", "LIA_TOKEN"}, options.SecretVariables()); diff != "" {
		t.Error(diff)
	}
}

func TestReadingASecret(t *testing.T) {
	dir := t.TempDir()
	for name, test := range map[string]struct{ content, want, wrong string }{
		"plain":   {"hunter2", "hunter2", ""},
		"newline": {"hunter2\n", "hunter2", ""},
		"dos":     {"hunter2\r\n", "hunter2", ""},
		"blanks":  {" hunter2 ", " hunter2 ", ""},
		"empty":   {"\n", "", "is empty"},
		"lines":   {"hunter2\nhunter2", "", "control characters"},
		"home":    {"hunter2$HOME", "", "$HOME"},
		"big":     {strings.Repeat("hunter2", 1000), "", "too big"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(test.content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := options.Secret{File: path}.Read()
		if got.Reveal() != test.want || (err == nil) != (test.wrong == "") {
			t.Errorf("%s: %q, %v", name, got.Reveal(), err)
		}
		if err != nil && (strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), test.wrong) || !strings.Contains(err.Error(), path)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (options.Secret{File: filepath.Join(dir, "none")}).Read(); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a missing file gives %v", err)
	}
	if got, err := parse(t, nil).System.Password.Read(); err != nil || got.Reveal() != "Scaleio123" {
		t.Errorf("a secret of the environment gives %q, %v", got.Reveal(), err)
	}
}

func TestMastersAndGateways(t *testing.T) {
	for text, want := range map[string]string{
		"m":                      "m:5050",
		"m:1":                    "m:1",
		"[::1]":                  "[::1]:5050",
		"m/api/v1/scheduler":     "http://m:5050/api/v1/scheduler",
		"m:5050/":                "m:5050",
		"https://m/mesos":        "https://m:5050/mesos",
		"http://m:5050":          "http://m:5050",
		"ftp://m":                "",
		"http://":                "",
		"m:0":                    "",
		"m:99999":                "",
		"m m":                    "",
		"m?x":                    "",
		"http://m/x?y":           "",
		"m:5050#x":               "",
		"-":                      "",
		"http://user:secret@m":   "",
		"leader.mesos:5050:5050": "",
	} {
		o, err := options.Parse([]string{"-uri=" + text}, least)
		if want == "" {
			if err == nil {
				t.Errorf("master %q was taken as %q", text, o.Mesos.Masters)
			}
		} else if err != nil || o.Mesos.Masters[0] != want {
			t.Errorf("master %q: %v, %v; want %s", text, o, err, want)
		}
	}
	for text, want := range map[string]string{
		"gw": "https://gw", "gw:443": "https://gw:443", "https://gw/": "https://gw", "https://gw:8443/api": "https://gw:8443", "fe80::1": "https://[fe80::1]",
		"http://gw": "", "https://gw/x": "", "https://": "", "gw gw": "", "https://gw?x": "", "https://gw:0": "", "ftp://gw": "", "a b": "", "gw#": "",
	} {
		o, err := options.Parse([]string{"-scaleio.preconfig.gateway=" + text}, least)
		if want == "" {
			if err == nil {
				t.Errorf("gateway %q was taken as %q", text, o.System.Gateways)
			}
		} else if err != nil || o.System.Gateways[0] != want {
			t.Errorf("gateway %q: %v, %v; want %s", text, o, err, want)
		}
	}
}

func TestEveryFieldHasOneRow(t *testing.T) {
	rows := map[uintptr]string{}
	o := &options.Options{}
	for row := range options.All() {
		at := reflect.ValueOf(options.FieldOf(row, o)).Pointer()
		if other, twice := rows[at]; twice {
			t.Errorf("%s and %s fill one field", row.Name, other)
		}
		rows[at] = row.Name
	}
	var walk func(v reflect.Value, path string)
	walk = func(v reflect.Value, path string) {
		if v.Kind() == reflect.Struct && v.Type().Name() != "Value" {
			for i := range v.NumField() {
				walk(v.Field(i), path+"."+v.Type().Field(i).Name)
			}
			return
		}
		if _, ok := rows[v.Addr().Pointer()]; !ok && path != ".REXRay.Artifact.Version" {
			t.Errorf("no option fills Options%s", path)
		}
		delete(rows, v.Addr().Pointer())
	}
	walk(reflect.ValueOf(o).Elem(), "")
	if len(rows) > 0 {
		t.Errorf("options that fill nothing of Options: %v", rows)
	}
}

func TestTheTableIsSound(t *testing.T) {
	names, variables := map[string]string{}, map[string]string{}
	form := regexp.MustCompile(`^[a-z0-9]+([._-][a-z0-9]+)*$`)
	for o := range options.All() {
		for _, name := range append([]string{o.Name}, o.Aliases...) {
			if names[name] != "" || !form.MatchString(name) {
				t.Errorf("the name %s is bad or taken by %s", name, names[name])
			}
			names[name] = o.Name
		}
		for _, variable := range o.Env {
			if variables[variable] != "" || variable != strings.ToUpper(variable) {
				t.Errorf("the variable %s is bad or taken by %s", variable, variables[variable])
			}
			variables[variable] = o.Name
		}
		if len(o.Env) == 0 || o.Help == "" || o.Kind() == "" || !strings.HasSuffix(o.Help, ".") {
			t.Errorf("%s lacks a variable, a help text or a kind", o.Name)
		}
	}
	// Documented names of the original that still mean something.
	for _, name := range strings.Fields(`loglevel uri rest.address rest.port executor.altpath executor.cpu.non executor.mem.non user hostname
		role store.type store.uri scaleio.clustername scaleio.protectiondomain scaleio.storagepool scaleio.apiversion scaleio.preconfig.primary
		scaleio.preconfig.secondary scaleio.preconfig.tiebreaker scaleio.preconfig.gateway scaleio.ubuntu14.sds scaleio.ubuntu14.sdc
		scaleio.ubuntu14.lia scaleio.rhel7.sds scaleio.rhel7.sdc scaleio.rhel7.lia scaleio.centos7.sds`) {
		if names[name] == "" {
			t.Errorf("the original's -%s is gone", name)
		}
	}
	// And those that do not are refused with a sentence, not as unknown.
	for _, name := range strings.Fields(`debug experimental executor.cpu.mdm executor.cpu.factor executor.mem.mdm executor.mem.factor store.delete
		store.dump store.add.key store.add.value store.del.key rexray.branch rexray.version isolator.binary scaleio.clusterid scaleio.lbgateway
		scaleio.password scaleio.ubuntu14.mdm scaleio.ubuntu14.gw scaleio.rhel7.mdm scaleio.rhel7.gw scaleio.centos7.mdm scaleio.centos7.gw
		aws.threshold aws.checkfull aws.accesskey aws.secretkey aws.growthsize scaleio.deb.sds scaleio.rpm.sds executor.memory.non`) {
		got := complaints(t, []string{"-" + name, "value"}, least...)
		if len(got) != 1 || !strings.HasPrefix(got[0], "-"+name+": ") || !strings.Contains(got[0], "was removed: ") && !strings.Contains(got[0], "is refused: ") {
			t.Errorf("-%s: %q", name, got)
		}
	}
}

func TestEnviron(t *testing.T) {
	got, err := options.Environ(map[string]any{
		"pool":           map[string]any{"mode": "global", "onboarding": "auto"},
		"devices":        map[string]any{"exclude": []any{"/dev/a", "/dev/b"}, "allow_loop": true},
		"rest.port":      float64(35001),
		"install":        map[string]any{"parallel": 4},
		"executor":       map[string]any{"cpu.non": 0.25},
		"scaleio":        map[string]any{"centos7": map[string]any{"sds": map[string]any{"url": "http://x/a b"}}, "user": nil, "password": "p"},
		"rexray.thick":   false,
		"network.cidr":   "",
		"hostname":       "h",
		"executor.url":   "http://x",
		"store.uri":      "/x",
		"gateway":        map[string]any{},
		"rexray.fs_type": "xfs",
	})
	want := []string{"ADMIN_PASSWORD=p", "DEVICES_ALLOW_LOOP=true", "DEVICES_EXCLUDE=/dev/a,/dev/b", "EXECUTOR_NON_CPU=0.25", "EXECUTOR_URL=http://x",
		"HOSTNAME=h", "INSTALL_PARALLEL=4", "NETWORK_CIDR=", "POOL_MODE=global", "POOL_ONBOARDING=auto", "REST_PORT=35001", "REXRAY_FS_TYPE=xfs",
		"REXRAY_THICK=false", "RPM_SDS=http://x/a b", "SCALEIO_USER=", "STORE_URI=/x"}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	_, err = options.Environ(map[string]any{"pool": map[string]any{"mood": "x"}, "debug": true, "devices.exclude": []any{1}, "role": struct{}{},
		"scaleio.rhel7.sds": "a", "scaleio.centos7.sds": "b", "devices": map[string]any{"exclude": []any{"a,b"}}})
	lines := []string{
		"option debug: was removed: use -loglevel=debug; nodes reboot only with -reboot",
		"option devices.exclude: has a value of type []interface {}: expected text, a number, true, false or a list of texts without commas",
		"option pool.mood: is unknown",
		"option role: has a value of type struct {}: expected text, a number, true, false or a list of texts without commas",
		"option scaleio.rhel7.sds: is given a second time, first as scaleio.centos7.sds",
	}
	if diff := cmp.Diff(lines, fault.Lines(err)); diff != "" {
		t.Error(diff)
	}
}

// TestFlagsAndVariablesAreTheSame says the same options in both ways, drawn at random.
func TestFlagsAndVariablesAreTheSame(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	choices := map[string][]string{"POOL_MODE": {"global", "imperative"}, "DEVICES_EXCLUDE": {"a*", "a,b"}, "DEVICES_MIN_SIZE": {"1GiB", "1.5TB"},
		"ALLOW_REBOOT": {"true", "false"}, "ROLE": {"a/b", "x"}, "REST_PORT": {"0", "80"}, "GATEWAY_SHA256": {sum}, "CLUSTER_NAME": {"a=b", `"`},
		"EXECUTOR_NON_MEM": {"1e2", "32"}, "REXRAY_FILE_MODE": {"0700", "777"}, "GATEWAY_ADDRESS": {"gw", "a,b:1"}}
	flags := map[string]string{}
	for o := range options.All() {
		flags[o.Env[0]] = "-" + o.Name + "="
	}
	rapid.Check(t, func(t *rapid.T) {
		var args []string
		env := slices.Clone(least)
		for _, variable := range rapid.SliceOfDistinct(rapid.SampledFrom(slices.Sorted(maps.Keys(choices))), rapid.ID).Draw(t, "variables") {
			text := rapid.SampledFrom(choices[variable]).Draw(t, variable)
			env, args = append(env, variable+"="+text), append(args, flags[variable]+text)
		}
		byEnv, err1 := options.Parse(nil, env)
		byFlag, err2 := options.Parse(args, least)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if diff := cmp.Diff(byEnv, byFlag); diff != "" {
			t.Fatal(diff)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("-uri=m\x00-role\x00x", "POOL_MODE=global")
	f.Add("-reboot\x00-scaleio.password\x00x\x00--\x00-", "GATEWAY_ADDRESS=::1")
	f.Fuzz(func(t *testing.T, args, env string) {
		o, err := options.Parse(strings.Split(args, "\x00"), append(slices.Clone(least), strings.Split(env, "\x00")...))
		if (o == nil) == (err == nil) {
			t.Fatalf("options %v and error %v", o, err)
		}
		for _, line := range fault.Lines(err) {
			if !errors.Is(err, options.ErrHelp) && (!strings.Contains(line, ": ") || strings.Contains(line, "Scaleio123")) {
				t.Fatalf("a bad line: %q", line)
			}
		}
	})
}

func TestHelpNamesEveryOption(t *testing.T) {
	help := options.Help()
	for o := range options.All() {
		if !strings.Contains(help, o.Env[0]) {
			t.Errorf("%s is not in the help", o.Name)
		}
	}
}

func TestTheDocumentIsTheTable(t *testing.T) {
	const path = "../../docs/options.md"
	want := options.Markdown()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("docs/options.md is not what the table says (%v): go test ./framework/options -update", err)
	}
}

func TestAServiceAccountIsADocumentOrItsPath(t *testing.T) {
	const document = "{\n  \"uid\": \"hunter2\"\n}\n"
	path := filepath.Join(t.TempDir(), "account.json")
	if err := os.WriteFile(path, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, env := range []string{"DCOS_SERVICE_ACCOUNT_CREDENTIAL=" + document, "DCOS_SERVICE_ACCOUNT_CREDENTIAL=" + path,
		"DCOS_SERVICE_ACCOUNT_CREDENTIAL=file://" + path, "SERVICE_ACCOUNT_FILE=" + path} {
		got, err := parse(t, nil, env).Mesos.Account.ReadDocument()
		if err != nil || strings.TrimSpace(got.Reveal()) != strings.TrimSpace(document) {
			t.Errorf("%s: %q, %v", env, got.Reveal(), err)
		}
	}
	if !slices.Contains(options.SecretVariables(), "DCOS_SERVICE_ACCOUNT_CREDENTIAL") || !slices.Contains(options.SecretVariables(), "API_TOKEN") {
		t.Error("children inherit it:", options.SecretVariables())
	}
	if err := os.WriteFile(path, []byte(strings.Repeat("hunter2", 10000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (options.Secret{File: path}).ReadDocument(); err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "too big") {
		t.Error(err)
	}
}

func TestSecurityOptionsThatExcludeEachOther(t *testing.T) {
	got := complaints(t, []string{"-api.insecure", "-api.tls.key_file=k", "-packages.rpm_signatures=maybe"},
		append(slices.Clone(least), "API_TOKEN=t", "MESOS_SECRET=s", "SERVICE_ACCOUNT_FILE=f", "FRAMEWORK_PRINCIPAL=p")...)
	want := []string{
		"-api.tls: needs both a certificate and its key: expected api.tls.cert_file and api.tls.key_file",
		`-packages.rpm_signatures: "maybe": expected check, require or off`,
		"API_TOKEN: and -api.insecure exclude each other: expected one of them",
		"SERVICE_ACCOUNT_FILE: and MESOS_SECRET exclude each other: expected one of them",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
