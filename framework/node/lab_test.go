package node_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/nacl/box"

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
	m.lab, err = host.New(host.Config{Dir: dir, Hostname: "agent-01", IP: "10.0.0.5", Family: family, RestartPause: time.Millisecond,
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
	asks := regexp.MustCompile(`^(dpkg-query|rpm --(query|checksig)|systemctl (is-|status)|\S*drv_cfg --query)`)
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
