package node_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/node"
	"github.com/dcos-scaleio/scaleio/lab/host"
)

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
