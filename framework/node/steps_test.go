package node_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/nacl/box"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/node"
	"github.com/dcos-scaleio/scaleio/lab/host"
	"github.com/dcos-scaleio/scaleio/rexray"
)

const (
	password = "hunter2-of-the-gateway"
	token    = "hunter3-of-the-lia"
	version  = "3.6-700.103"
)

// machine is a host of the lab: its files are real ones below a directory, its programs run in this process.
type machine struct {
	node.Host // files and sockets
	lab       *host.Host
	key       *node.Key
	repo      *httptest.Server
	family    string

	mu     sync.Mutex // guards all below
	argv   []string
	starts int               // of REX-Ray
	files  map[string][]byte // of the repository
	err    string            // what REX-Ray's drivers answer to everything
	hook   func(node.Command)
}

func newMachine(t *testing.T, family string) *machine {
	t.Helper()
	m := &machine{family: family, files: map[string][]byte{"/rexray": []byte("a program")}}
	for _, c := range []string{"sds", "sdc", "lia"} {
		m.files["/"+c] = host.Component(c, version, family).Bytes()
	}
	m.repo = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		content, found := m.files[r.URL.Path]
		m.mu.Unlock()
		if !found {
			http.NotFound(w, r)
			return
		}
		w.Write(content)
	}))
	t.Cleanup(m.repo.Close)
	dir := t.TempDir()
	var err error
	m.lab, err = host.New(host.Config{Dir: dir, Hostname: "agent-01", IP: "10.0.0.5", Family: family, RestartSec: time.Millisecond,
		Programs: map[string]host.Program{"rexray": m.rexray}, Devices: []host.Device{{Path: "/dev/xvdf", Size: 2 << 40}}})
	must(t, err)
	t.Cleanup(m.lab.Close)
	m.Host, err = node.NewHost(dir)
	must(t, err)
	m.key, err = node.NewKey(nil)
	must(t, err)
	return m
}

func (m *machine) Run(ctx context.Context, c node.Command) (node.Result, error) {
	m.mu.Lock()
	m.argv = append(m.argv, c.String())
	hook := m.hook
	m.mu.Unlock()
	r, err := m.lab.Run(ctx, host.Call{Argv: c.Argv, Env: c.Env, Stdin: c.Stdin})
	if hook != nil {
		hook(c)
	}
	return node.Result{Status: r.Status, Stdout: []byte(r.Stdout), Stderr: []byte(r.Stderr)}, err
}

// changing are the commands that ran since the last call and change something.
func (m *machine) changing() (all []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	asks := regexp.MustCompile(`^(dpkg-query|rpm --query|systemctl (is-|status)|\S*drv_cfg --query)`)
	for _, line := range m.argv {
		if !asks.MatchString(line) {
			all = append(all, regexp.MustCompile(`[0-9a-f]{64}`).ReplaceAllString(line, "<sha256>"))
		}
	}
	m.argv = nil
	return all
}

// rexray is a REX-Ray that serves the sockets of its configuration.
func (m *machine) rexray(ctx context.Context, p host.Process) int {
	m.mu.Lock()
	m.starts++
	m.mu.Unlock()
	text, err := os.ReadFile(p.Host.Path(p.Argv[slices.Index(p.Argv, "-c")+1]))
	var config struct {
		Rexray struct {
			Modules map[string]struct{ Host string } `json:"modules"`
		} `json:"rexray"`
	}
	if err != nil || json.Unmarshal(text, &config) != nil {
		p.Stderr.WriteString("error: bad configuration")
		return 1
	}
	for _, module := range config.Rexray.Modules {
		if module.Host == "" {
			continue
		}
		socket := p.Host.Path(strings.TrimPrefix(module.Host, "unix://"))
		_ = os.Remove(socket)
		dir, err := os.Open(path.Dir(socket))
		if err != nil {
			p.Stderr.WriteString(err.Error())
			return 1
		}
		l, err := net.Listen("unix", fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), path.Base(socket)))
		dir.Close()
		if err != nil {
			p.Stderr.WriteString(err.Error())
			return 1
		}
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		s := &http.Server{Handler: http.HandlerFunc(m.plugin)}
		go s.Serve(l)
		defer s.Close()
	}
	p.Ready()
	<-ctx.Done()
	return 0
}

func (m *machine) plugin(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err != "" {
		w.WriteHeader(500)
	}
	json.NewEncoder(w).Encode(map[string]any{"Implements": []string{"VolumeDriver"}, "Volumes": []any{}, "Err": m.err})
}

func (m *machine) artifact(name string) inventory.Artifact {
	sum := sha256.Sum256(m.files[name])
	return inventory.Artifact{URL: m.repo.URL + name + "?sig=secret-of-the-url", SHA256: hex.EncodeToString(sum[:]), Version: version}
}

// desired asks for everything.
func (m *machine) desired(t *testing.T) inventory.Desired {
	t.Helper()
	d := inventory.Desired{Node: "agent-01", Generation: 1, SDS: true, MDMs: []string{"10.0.0.10", "10.0.0.11"}, Secrets: map[string][]byte{}}
	for _, c := range []string{"sdc", "sds", "lia"} {
		p := inventory.Package{Component: c, Deb: m.artifact("/" + c), RPM: m.artifact("/" + c)}
		d.Packages = append(d.Packages, p)
	}
	d.REXRay = &rexray.Config{Endpoint: "https://10.0.0.1/api", User: "admin", SystemID: "0123456701234567", Size: 16, FSType: "ext4", FileMode: "0777", Preempt: true,
		Services: []rexray.Service{{Driver: "scaleio", ProtectionDomain: "mydomain", StoragePool: "mypool"}, {Driver: "scaleio-other-pool", ProtectionDomain: "other", StoragePool: "pool"}}}
	d.REXRayBinary.Artifact = m.artifact("/rexray")
	for name, text := range map[string]string{inventory.SecretPassword: password, inventory.SecretLIAToken: token} {
		sealed, err := box.SealAnonymous(nil, []byte(text), (*[32]byte)(m.key.Public()), rand.Reader)
		must(t, err)
		d.Secrets[name] = sealed
	}
	return d
}

func (m *machine) work(d inventory.Desired) node.Work {
	return node.Work{Host: m, Desired: d, Family: m.family, Open: m.key.Open, Wait: 50 * time.Millisecond}
}

// converge advances until nothing is due, and gives the steps.
func (m *machine) converge(t *testing.T, d inventory.Desired) []inventory.Step {
	t.Helper()
	return advance(t, node.NewProgress(node.Steps(m.work(d)), nil))
}

func advance(t *testing.T, p *node.Progress) []inventory.Step {
	t.Helper()
	now := time.Unix(1000, 0)
	for range 100 {
		at, due := p.Due()
		if !due || at.After(now) {
			return p.States()
		}
		p.Advance(t.Context(), func() time.Time { return now }, func(int) time.Duration { return time.Minute })
	}
	t.Fatal("it does not converge")
	return nil
}

// states is "name state" of each step.
func states(steps []inventory.Step) (all []string) {
	for _, s := range steps {
		all = append(all, s.Name+" "+string(s.State))
	}
	return all
}

func step(t *testing.T, steps []inventory.Step, name string) inventory.Step {
	t.Helper()
	i := slices.IndexFunc(steps, func(s inventory.Step) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("no step %s in %v", name, states(steps))
	}
	return steps[i]
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var allSteps = []string{"prerequisites", "package-lia", "package-sds", "package-sdc", "reboot", "service-lia", "service-sds", "service-scini", "sdc-mdms",
	"rexray-binary", "rexray-config", "rexray-unit", "rexray-service", "rexray-ready"}

func done() (all []string) {
	for _, name := range allSteps {
		all = append(all, name+" done")
	}
	return all
}

func TestAHostConvergesAndStays(t *testing.T) {
	for family, commands := range map[string][]string{
		"deb": {
			"apt-get install -y --no-install-recommends libaio1 numactl binutils bash-completion wget zip unzip openssl",
			"dpkg -i /var/cache/scaleio-framework/<sha256>.deb", "dpkg -i /var/cache/scaleio-framework/<sha256>.deb", "dpkg -i /var/cache/scaleio-framework/<sha256>.deb",
			"systemctl daemon-reload", "systemctl daemon-reload", "systemctl enable scaleio-rexray", "systemctl restart scaleio-rexray",
		},
		"rpm": {
			"yum install -y libaio numactl binutils bash-completion wget zip unzip openssl",
			"rpm -U /var/cache/scaleio-framework/<sha256>.rpm", "rpm -U /var/cache/scaleio-framework/<sha256>.rpm", "rpm -U /var/cache/scaleio-framework/<sha256>.rpm",
			"systemctl daemon-reload", "systemctl daemon-reload", "systemctl enable scaleio-rexray", "systemctl restart scaleio-rexray",
		},
	} {
		t.Run(family, func(t *testing.T) {
			m := newMachine(t, family)
			d := m.desired(t)
			steps := m.converge(t, d)
			if diff := cmp.Diff(done(), states(steps)); diff != "" {
				t.Fatalf("%s\n%+v", diff, steps)
			}
			if diff := cmp.Diff(commands, m.changing()); diff != "" {
				t.Error(diff)
			}
			if left, err := m.Glob("/var/cache/scaleio-framework/*"); len(left) > 0 || err != nil {
				t.Error("left in the cache:", left, err)
			}
			for _, unit := range []string{"sds", "scini", "lia", "scaleio-rexray"} {
				if state, _ := m.lab.Unit(unit); state != "active" {
					t.Error(unit, state)
				}
			}
			software, guid := node.Software(t.Context(), m, family)
			if software["sds"] != version || software["sdc"] != version || software["lia"] != version || guid == "" {
				t.Error(software, guid)
			}
			// Nothing is done twice, whoever asks: the same executor or the next one.
			if diff := cmp.Diff(done(), states(m.converge(t, d))); diff != "" {
				t.Error(diff)
			}
			if again := m.changing(); len(again) > 0 {
				t.Errorf("done although it was so already: %q", again)
			}
		})
	}
}

// TestSecretsNeverInArgvOrWorldReadableFiles: the original had the password in command lines, logs and a file of mode 0644 on every agent
// (fault W22).
func TestSecretsNeverInArgvOrWorldReadableFiles(t *testing.T) {
	m := newMachine(t, "deb")
	var lines []string
	m.hook = func(c node.Command) { lines = append(lines, c.String(), string(c.Stdin)) }
	var reports []inventory.Step
	p := node.NewProgress(node.Steps(m.work(m.desired(t))), func(s []inventory.Step) { reports = append(reports, s...) })
	steps := advance(t, p)
	if diff := cmp.Diff(done(), states(steps)); diff != "" {
		t.Fatal(diff)
	}
	for name, shown := range map[string]string{"command lines": strings.Join(lines, "\n"), "reports": fmt.Sprintf("%+v", reports), "formatted key": fmt.Sprintf("%v %+v %#v %s", m.key, m.key, m.work(m.desired(t)).Desired, m.key)} {
		for _, secret := range []string{password, token, "secret-of-the-url"} {
			if strings.Contains(shown, secret) && !(name == "formatted key" && secret == "secret-of-the-url") {
				t.Errorf("%s show %s", name, secret)
			}
		}
	}
	found := map[string]bool{}
	must(t, filepath.WalkDir(m.lab.Dir(), func(name string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		info, err := d.Info()
		for _, secret := range []string{password, token} {
			if strings.Contains(string(text), secret) {
				found[secret] = true
				if info.Mode().Perm() != 0o600 {
					t.Errorf("%s has mode %v", name, info.Mode())
				}
			}
		}
		return err
	}))
	if !found[password] || !found[token] {
		t.Error("a secret did not arrive:", found)
	}
	info, err := m.Stat("/var/lib/scaleio-framework/rexray.started")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error("a checksum over the password is readable:", err)
	}
}

func TestTheLIATokenTravelsByEnvironment(t *testing.T) {
	m := newMachine(t, "deb")
	got := map[string][]string{}
	m.hook = func(c node.Command) {
		if c.Argv[0] == "dpkg" {
			got[fmt.Sprint(len(got))] = c.Env
		}
	}
	m.converge(t, m.desired(t))
	want := map[string][]string{
		"0": {"TOKEN=" + token, "DEBIAN_FRONTEND=noninteractive"}, "1": {"DEBIAN_FRONTEND=noninteractive"},
		"2": {"MDM_IP=10.0.0.10,10.0.0.11", "DEBIAN_FRONTEND=noninteractive"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOnlyWhatIsAskedForIsDone(t *testing.T) {
	m := newMachine(t, "deb")
	d := m.desired(t)
	d.REXRay, d.MDMs, d.SDS, d.Packages = nil, nil, false, d.Packages[1:2]
	if diff := cmp.Diff([]string{"prerequisites done", "package-sds done", "reboot done"}, states(m.converge(t, d))); diff != "" {
		t.Error(diff)
	}
	d.Packages, d.SDS, d.MDMs = nil, false, nil
	if steps := m.converge(t, d); len(steps) != 0 {
		t.Error(states(steps))
	}
}

func TestAWrongChecksumInstallsNothing(t *testing.T) {
	m := newMachine(t, "deb")
	d := m.desired(t)
	d.Packages[1].Deb.SHA256 = strings.Repeat("4", 64)
	steps := m.converge(t, d)
	s := step(t, steps, "package-sds")
	if s.State != inventory.Failed || s.Kind != fault.Denied || !strings.Contains(s.Message, "options say 4444") || !strings.Contains(s.Message, "nothing was installed") || strings.Contains(s.Message, "secret-of") {
		t.Errorf("%+v", s)
	}
	if step(t, steps, "package-sdc").State != inventory.Pending {
		t.Error("it went on")
	}
	if m.lab.Installed()["emc-scaleio-sds"] != "" {
		t.Error("it was installed")
	}
	if left, _ := m.Glob("/var/cache/scaleio-framework/*"); len(left) > 0 {
		t.Error("the file stays:", left)
	}
	d.Packages[1].Deb.SHA256 = ""
	if s := step(t, m.converge(t, d), "package-sds"); s.State != inventory.Failed || s.Kind != fault.Invalid {
		t.Errorf("%+v", s)
	}
}

func TestACachedFileIsCheckedAgain(t *testing.T) {
	m := newMachine(t, "deb")
	d := m.desired(t)
	name := "/var/cache/scaleio-framework/" + d.Packages[1].Deb.SHA256 + ".deb"
	must(t, m.Write(name, strings.NewReader("cut sho"), 0o600))
	if s := step(t, m.converge(t, d), "package-sds"); s.State != inventory.Done {
		t.Errorf("%+v", s)
	}
}

func TestDownloadFailures(t *testing.T) {
	for _, c := range []struct {
		name  string
		serve http.HandlerFunc
		kind  fault.Kind
		text  string
	}{
		{"not there", http.NotFound, fault.NotFound, "404"},
		{"forbidden", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, fault.Denied, "403"},
		{"busy", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, fault.Temporary, "503"},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, "half")
		}, fault.Temporary, "unexpected EOF"},
		{"gone in the middle", func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, fault.Temporary, "unexpected EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t, "deb")
			server := httptest.NewServer(c.serve)
			defer server.Close()
			d := m.desired(t)
			d.Packages[1].Deb.URL = strings.Replace(server.URL, "http://", "http://user:pass@", 1) + "/sds.deb?sig=secret"
			s := step(t, m.converge(t, d), "package-sds")
			state := inventory.Failed
			if c.kind == fault.Temporary {
				state = inventory.Retry
			}
			if s.State != state || s.Kind != c.kind || !strings.Contains(s.Message, c.text) || strings.Contains(s.Message, "secret") || strings.Contains(s.Message, "pass@") {
				t.Errorf("%+v", s)
			}
			if (s.At != nil) != (state == inventory.Retry) {
				t.Error(s.At)
			}
		})
	}
	m := newMachine(t, "deb")
	d := m.desired(t)
	for url, want := range map[string]fault.Kind{"http://127.0.0.1:1/x": fault.Temporary, "ftp://x/y": fault.Invalid, "file:///no/such.deb": fault.NotFound, "": fault.Invalid, "http://[": fault.Invalid} {
		d.Packages[1].Deb.URL = url
		if s := step(t, m.converge(t, d), "package-sds"); s.Kind != want {
			t.Errorf("%q: %+v", url, s)
		}
	}
	must(t, m.Write("/srv/sds.deb", strings.NewReader(string(m.files["/sds"])), 0o644))
	d.Packages[1].Deb.URL = "file:///srv/sds.deb"
	if s := step(t, m.converge(t, d), "package-sds"); s.State != inventory.Done {
		t.Errorf("%+v", s)
	}
}

func TestAnotherVersionIsNotTouched(t *testing.T) {
	for _, other := range []string{"3.5-1.1", "4.5-1.1"} {
		m := newMachine(t, "deb")
		must(t, m.Write("/srv/x", strings.NewReader(string(host.Component("lia", other, "deb").Bytes())), 0o600))
		if _, err := m.Run(t.Context(), node.Command{Argv: []string{"dpkg", "-i", "/srv/x"}}); err != nil {
			t.Fatal(err)
		}
		s := step(t, m.converge(t, m.desired(t)), "package-lia")
		if s.State != inventory.Failed || s.Kind != fault.Conflict || !strings.Contains(s.Message, other) || !strings.Contains(s.Message, version) {
			t.Errorf("%+v", s)
		}
		if m.lab.Installed()["emc-scaleio-lia"] != other {
			t.Error("it was replaced")
		}
	}
}

func TestAFailingCommandIsTriedAgainWithBackoff(t *testing.T) {
	m := newMachine(t, "deb")
	m.lab.Inject(host.Fault{Command: regexp.MustCompile(`^dpkg -i`), Times: 2, Status: 1, Stderr: "dpkg: error: dpkg frontend lock is locked by another process\n"})
	d := m.desired(t)
	d.REXRay = nil
	p := node.NewProgress(node.Steps(m.work(d)), nil)
	now := time.Unix(1000, 0)
	clock := func() time.Time { return now }
	var pauses []int
	backoff := func(failures int) time.Duration {
		pauses = append(pauses, failures)
		return time.Duration(failures) * time.Second
	}
	for {
		at, due := p.Due()
		if !due {
			break
		}
		if at.After(now) {
			s := step(t, p.States(), "package-lia")
			if s.State != inventory.Retry || !s.At.Equal(at) || !strings.HasPrefix(s.Message, "dpkg -i /var/cache/") || !strings.Contains(s.Message, "exit status 1: dpkg: error: dpkg frontend lock is locked") {
				t.Errorf("%+v", s)
			}
			before := p.States()
			p.Advance(t.Context(), clock, backoff) // too early: nothing
			if diff := cmp.Diff(before, p.States()); diff != "" {
				t.Error(diff)
			}
			now = at
		}
		p.Advance(t.Context(), clock, backoff)
	}
	if diff := cmp.Diff([]int{1, 2}, pauses); diff != "" {
		t.Error(diff)
	}
	if s := step(t, p.States(), "sdc-mdms"); s.State != inventory.Done {
		t.Error(states(p.States()))
	}
}

func TestAStepIsDoneOnlyIfItIsSo(t *testing.T) {
	m := newMachine(t, "deb")
	m.lab.Inject(host.Fault{Command: regexp.MustCompile(`^systemctl is-active sds`), Times: 1, Status: 3})
	m.lab.Inject(host.Fault{Command: regexp.MustCompile(`^systemctl is-active sds`), Times: 1, Status: 3, Stderr: "activating"})
	s := step(t, m.converge(t, m.desired(t)), "service-sds")
	if s.State != inventory.Retry || !strings.Contains(s.Message, "but: systemctl is-active sds: activating") {
		t.Errorf("%+v", s)
	}
}

func TestStoppedServicesAreStarted(t *testing.T) {
	m := newMachine(t, "deb")
	d := m.desired(t)
	p := node.NewProgress(node.Steps(m.work(d)), nil)
	advance(t, p)
	for _, argv := range [][]string{{"systemctl", "disable", "sds"}, {"systemctl", "stop", "scini"}} {
		if _, err := m.Run(t.Context(), node.Command{Argv: argv}); err != nil {
			t.Fatal(err)
		}
	}
	m.changing()
	if _, due := p.Due(); due {
		t.Error("it looks without being asked")
	}
	var changes [][]string
	again := node.NewProgress(node.Steps(m.work(d)), func(s []inventory.Step) { changes = append(changes, states(s)) })
	again.Follow(p)
	if diff := cmp.Diff(done(), states(advance(t, again))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"systemctl enable sds", "systemctl start sds", "systemctl enable scini", "systemctl start scini"}, m.changing()); diff != "" {
		t.Error(diff)
	}
	for _, c := range changes {
		if c[0] != "prerequisites done" || c[1] != "package-lia done" {
			t.Error("what was still so did not stay done:", c)
		}
	}
}

func TestAFailedStepIsTriedAgainWhenAsked(t *testing.T) {
	m := newMachine(t, "deb")
	d := m.desired(t)
	d.REXRayBinary = inventory.Binary{Path: "/opt/bin/rexray"}
	p := node.NewProgress(node.Steps(m.work(d)), nil)
	if s := step(t, advance(t, p), "rexray-binary"); s.State != inventory.Failed || s.Kind != fault.NotFound || !strings.Contains(s.Message, "there is no /opt/bin/rexray") {
		t.Errorf("%+v", s)
	}
	must(t, m.Write("/opt/bin/rexray", strings.NewReader("x"), 0o644))
	again := node.NewProgress(node.Steps(m.work(d)), nil)
	again.Follow(p)
	if s := step(t, advance(t, again), "rexray-binary"); s.State != inventory.Failed || !strings.Contains(s.Message, "is not a program") {
		t.Errorf("%+v", s)
	}
	must(t, m.Write("/opt/bin/rexray", strings.NewReader("x"), 0o755))
	p.Follow(again)
	if diff := cmp.Diff(done(), states(advance(t, p))); diff != "" {
		t.Error(diff)
	}
}

func TestREXRayIsStartedAnewOnlyForAChange(t *testing.T) {
	m := newMachine(t, "deb")
	d := m.desired(t)
	starts := func() int {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.starts
	}
	m.converge(t, d)
	m.converge(t, d)
	if starts() != 1 {
		t.Error("started", starts())
	}
	d.REXRay.Services = d.REXRay.Services[:1]
	m.converge(t, d)
	if starts() != 2 {
		t.Error("a change of the configuration was not taken up:", starts())
	}
	// The executor died after it wrote a new configuration and before it started REX-Ray anew.
	d.REXRay.Size = 24
	p := node.NewProgress(node.Steps(m.work(d)), nil)
	for step(t, p.States(), "rexray-config").State != inventory.Done {
		p.Advance(t.Context(), time.Now, func(int) time.Duration { return 0 })
	}
	if starts() != 2 {
		t.Fatal("too early")
	}
	m.converge(t, d)
	if starts() != 3 {
		t.Error("REX-Ray runs with an old configuration")
	}
	info, err := m.Stat("/etc/scaleio-framework/rexray.yml")
	must(t, err)
	must(t, os.Chmod(m.lab.Path("/etc/scaleio-framework/rexray.yml"), 0o644))
	m.converge(t, d)
	if now, err := m.Stat("/etc/scaleio-framework/rexray.yml"); err != nil || now.Mode() != info.Mode() {
		t.Error("a readable password stays readable")
	}
	if starts() != 3 {
		t.Error("started anew for a mode")
	}
}

func TestREXRayWithoutAGatewaySaysSo(t *testing.T) {
	m := newMachine(t, "deb")
	m.err = "docker-legacy: List: failed: libstorage: error authenticating"
	steps := m.converge(t, m.desired(t))
	s := step(t, steps, "rexray-ready")
	if s.State != inventory.Retry || !strings.Contains(s.Message, "error authenticating") || !strings.Contains(s.Message, "volume driver scaleio") {
		t.Errorf("%+v", s)
	}
}

func TestUnitFile(t *testing.T) {
	m := newMachine(t, "deb")
	m.converge(t, m.desired(t))
	text, err := os.ReadFile(m.lab.Path("/etc/systemd/system/scaleio-rexray.service"))
	must(t, err)
	for _, line := range []string{
		"Environment=REXRAY_HOME=/var/lib/scaleio-rexray DOCKER_LEGACY=true", "ExecStartPre=/bin/mkdir -p /run/docker/plugins",
		"ExecStart=/opt/scaleio-framework/bin/rexray start --nopid -c /etc/scaleio-framework/rexray.yml", "Restart=always", "KillMode=process", "WantedBy=multi-user.target",
	} {
		if !slices.Contains(strings.Split(string(text), "\n"), line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
	d := m.desired(t)
	for _, bad := range []string{"/opt/a b/rexray", "/opt/%h/rexray", "/opt/x\nExecStartPre=/bin/rm", "/opt/$X", "rexray", `/opt/"x"`} {
		must(t, m.Write("/"+strings.TrimPrefix(bad, "/"), strings.NewReader("x"), 0o755))
		d.REXRayBinary = inventory.Binary{Path: bad}
		steps := m.converge(t, d)
		if s := step(t, steps, "rexray-service"); s.State == inventory.Done {
			t.Errorf("%q is in a unit file", bad)
		}
	}
}

func TestABadREXRayConfigurationFails(t *testing.T) {
	m := newMachine(t, "deb")
	d := m.desired(t)
	d.REXRay.Size = 12
	if s := step(t, m.converge(t, d), "rexray-config"); s.State != inventory.Failed || s.Kind != fault.Invalid {
		t.Errorf("%+v", s)
	}
}

func TestMissingAndForeignSecretsAreWaitedFor(t *testing.T) {
	m := newMachine(t, "deb")
	d := m.desired(t)
	d.Packages, d.SDS, d.MDMs = nil, false, nil
	sealed := d.Secrets[inventory.SecretPassword]
	d.Secrets = nil
	if s := step(t, m.converge(t, d), "rexray-config"); s.State != inventory.Retry || !strings.Contains(s.Message, "has not sent it yet") {
		t.Errorf("%+v", s)
	}
	other, err := node.NewKey(nil)
	must(t, err)
	m.key = other
	d.Secrets = map[string][]byte{inventory.SecretPassword: sealed}
	if s := step(t, m.converge(t, d), "rexray-config"); s.State != inventory.Retry || !strings.Contains(s.Message, "another key") {
		t.Errorf("%+v", s)
	}
}

func TestRebootIsNeverDoneUnlessAllowedAndNeeded(t *testing.T) {
	m := newMachine(t, "deb")
	d := m.desired(t)
	d.REXRay = nil
	// The distribution wants one for a reason of its own: not ours.
	must(t, m.Write("/run/reboot-required", strings.NewReader(""), 0o644))
	d.AllowReboot = true
	if s := step(t, m.converge(t, d), "reboot"); s.State != inventory.Done || s.Message != "not needed" {
		t.Errorf("%+v", s)
	}
	for _, allowed := range []bool{false, true} {
		m := newMachine(t, "deb")
		d := m.desired(t)
		d.REXRay, d.AllowReboot = nil, allowed
		m.hook = func(c node.Command) {
			if c.Argv[0] == "dpkg" { // a package asks for one
				must(t, m.Write("/run/reboot-required", strings.NewReader(""), 0o644))
			}
		}
		s := step(t, m.converge(t, d), "reboot")
		rebooted := slices.Contains(m.changing(), "systemctl reboot")
		if rebooted != allowed {
			t.Errorf("allowed %v, done %v: %+v", allowed, rebooted, s)
		}
		if !allowed && (s.State != inventory.Done || !strings.Contains(s.Message, "not done: reboots are not allowed")) {
			t.Errorf("%+v", s)
		}
		if allowed && s.State != inventory.Retry {
			t.Errorf("%+v", s)
		}
	}
}

func TestTheSDCIsRegisteredWithAllMDMs(t *testing.T) {
	m := newMachine(t, "deb")
	d := m.desired(t)
	d.REXRay = nil
	m.converge(t, d)
	m.changing()
	d.MDMs = append(d.MDMs, "10.0.0.12")
	p := node.NewProgress(node.Steps(m.work(d)), nil)
	advance(t, p)
	want := []string{"/opt/emc/scaleio/sdc/bin/drv_cfg --mod_mdm_ip --ip 10.0.0.10 --new_mdm_ip 10.0.0.10,10.0.0.11,10.0.0.12 --file /bin/emc/scaleio/drv_cfg.txt"}
	if diff := cmp.Diff(want, m.changing()); diff != "" {
		t.Error(diff)
	}
	d.MDMs = []string{"10.9.0.1"} // another system beside it
	m.converge(t, d)
	want = []string{"/opt/emc/scaleio/sdc/bin/drv_cfg --add_mdm --ip 10.9.0.1 --file /bin/emc/scaleio/drv_cfg.txt"}
	if diff := cmp.Diff(want, m.changing()); diff != "" {
		t.Error(diff)
	}
}

func TestAptIsRepairedOnce(t *testing.T) {
	m := newMachine(t, "deb")
	m.lab.Inject(host.Fault{Command: regexp.MustCompile(`^apt-get install`), Times: 1, Status: 100, Stderr: "E: Unable to locate package libaio1\n"})
	d := m.desired(t)
	d.Packages, d.REXRay = d.Packages[1:2], nil
	if s := step(t, m.converge(t, d), "prerequisites"); s.State != inventory.Done {
		t.Errorf("%+v", s)
	}
	if ran := strings.Join(m.changing(), "\n"); !strings.Contains(ran, "dpkg --configure -a\napt-get update\napt-get install") {
		t.Error(ran)
	}
}

func TestAnEndingExecutorBlamesNoStep(t *testing.T) {
	m := newMachine(t, "deb")
	p := node.NewProgress(node.Steps(m.work(m.desired(t))), nil)
	ctx, cancel := context.WithCancel(t.Context())
	m.hook = func(node.Command) { cancel() }
	p.Advance(ctx, time.Now, func(int) time.Duration { t.Error("backed off"); return 0 })
	if s := p.States()[0]; s.State != inventory.Pending || s.Message != "" {
		t.Errorf("%+v", s)
	}
}

func TestWarnings(t *testing.T) {
	m := newMachine(t, "deb")
	d := m.desired(t)
	d.REXRay.FSType = "xfs"
	if got := node.Warnings(m, d); len(got) != 2 || !strings.Contains(got[0], "dvdcli") || !strings.Contains(got[1], "mkfs.xfs") {
		t.Error(got)
	}
	must(t, m.Write("/opt/mesosphere/bin/dvdcli", strings.NewReader(""), 0o755))
	must(t, m.Write("/usr/sbin/mkfs.xfs", strings.NewReader(""), 0o755))
	must(t, m.Write("/etc/mesos-slave/isolation", strings.NewReader("cgroups/cpu,filesystem/linux\n"), 0o644))
	if got := node.Warnings(m, d); len(got) != 1 || !strings.Contains(got[0], "docker/volume") {
		t.Error(got)
	}
	must(t, m.Write("/etc/mesos-slave/isolation", strings.NewReader("filesystem/linux,docker/volume\n"), 0o644))
	if got := node.Warnings(m, d); len(got) != 0 {
		t.Error(got)
	}
	d.REXRay = nil
	must(t, m.Remove("/opt/mesosphere/bin/dvdcli"))
	if got := node.Warnings(m, d); len(got) != 0 {
		t.Error("nobody wants volumes here:", got)
	}
}

func TestEveryStepExplainsItself(t *testing.T) {
	m := newMachine(t, "deb")
	var names []string
	for _, s := range node.Steps(m.work(m.desired(t))) {
		names = append(names, s.Name)
		if s.Explain == "" || strings.Contains(s.Explain, "secret-of-the-url") || (s.Stage == inventory.StageREXRay) != strings.HasPrefix(s.Name, "rexray-") {
			t.Errorf("%+v", s.Explain)
		}
	}
	if diff := cmp.Diff(allSteps, names); diff != "" {
		t.Error(diff)
	}
	if len(m.changing()) > 0 {
		t.Error("to list the steps runs something")
	}
}

func TestPlainErrorsOfTheHostAreTemporary(t *testing.T) {
	m := newMachine(t, "deb")
	d := m.desired(t)
	d.Packages, d.SDS, d.MDMs = nil, false, nil
	work := m.work(d)
	work.Host = full{m}
	p := node.NewProgress(node.Steps(work), nil)
	s := step(t, advance(t, p), "rexray-binary")
	if s.State != inventory.Retry || !strings.Contains(s.Message, "no space left") {
		t.Errorf("%+v", s)
	}
}

// full is a host whose disk is full.
type full struct{ *machine }

var errFull = errors.New("no space left on device")

func (full) Write(_ string, from io.Reader, _ fs.FileMode) error {
	return errFull
}
