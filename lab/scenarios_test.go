package lab_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dcos-scaleio/scaleio/lab"
	"github.com/dcos-scaleio/scaleio/lab/mesos"
	"github.com/dcos-scaleio/scaleio/lab/scenario"
	"github.com/dcos-scaleio/scaleio/lab/scenarios"
)

// binaries are the programs of the project, built once for all tests of the package.
var binaries lab.Programs

func TestMain(m *testing.M) { os.Exit(withBinaries(m)) }

func withBinaries(m *testing.M) int {
	dir, err := os.MkdirTemp("", "lab-bin-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "../cmd/scaleio-lab", "../cmd/scaleio-scheduler", "../cmd/scaleio-executor")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(string(out))
	}
	binaries = lab.Programs{Lab: filepath.Join(dir, "scaleio-lab"), Scheduler: filepath.Join(dir, "scaleio-scheduler"), Executor: filepath.Join(dir, "scaleio-executor")}
	status := m.Run()
	if err := goleak.Find(); err != nil && status == 0 {
		fmt.Println(err)
		return 1
	}
	return status
}

// TestScenarios carries every scenario out with real processes. It leaves no file, no process and no goroutine behind.
func TestScenarios(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the scenarios take a minute or two")
	}
	for _, name := range scenarios.Names() {
		t.Run(name, func(t *testing.T) {
			s, err := scenarios.Load(name)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			report, err := lab.Up{Scenario: s, Programs: binaries, Out: &out}.Do(context.Background())
			if err != nil || !report.Passed {
				t.Errorf("%v\n%s", err, out.String())
			}
		})
	}
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		args   string
		status int
		says   string
	}{
		{"", 2, "scaleio-lab up"},
		{"help", 0, "scaleio-lab up"},
		{"nonsense", 2, `no command "nonsense"`},
		{"scenarios", 0, "seed-16"},
		{"up --scenario nonsense", 2, `no scenario "nonsense"; there are broken-stream`},
		{"up --scenario /nonsense.yml", 2, "no such file"},
		{"up --nonsense", 2, "not defined"},
		{"up again", 2, `unexpected argument "again"`},
		{"up --agents -3", 2, "cannot be -3"},
		{"up --options /nonsense.json", 2, "no such file"},
		{"bench --agents x", 2, "numbers from 3 on"},
	} {
		var stdout, stderr bytes.Buffer
		args := strings.Fields(c.args)
		if len(args) > 0 && (args[0] == "up" || args[0] == "bench") {
			args = append([]string{args[0], "--scheduler", binaries.Scheduler}, args[1:]...)
		}
		if len(args) > 0 && args[0] == "up" {
			args = append([]string{args[0], "--executor", binaries.Executor}, args[1:]...)
		}
		status := lab.Command(args, &stdout, &stderr)
		if text := stdout.String() + stderr.String(); status != c.status || !strings.Contains(text, c.says) {
			t.Errorf("%s: status %d, %s", c.args, status, text)
		}
	}
}

// small is a scenario of few agents with what is put in for EXPECT.
func small(t *testing.T, agents, expect string) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Parse("small", []byte(strings.NewReplacer("AGENTS", agents, "EXPECT", expect).Replace(`name: small
about: a test
agents:
  - count: 3
    hostname: agent-%02d
    devices: [{path: /dev/xvda, size: 50GiB, signature: ext4, mounted: /}, {path: /dev/xvdf, size: 1TiB}]
options: {pool: {mode: global}}
AGENTS
expect: {EXPECT}
`)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func up(t *testing.T, s *scenario.Scenario, change func(*lab.Up)) (*lab.Report, string, error) {
	t.Helper()
	var out bytes.Buffer
	u := lab.Up{Scenario: s, Programs: binaries, Out: &out}
	if change != nil {
		change(&u)
	}
	report, err := u.Do(context.Background())
	return report, out.String(), err
}

func TestAnExpectationThatDoesNotHoldFailsTheScenario(t *testing.T) {
	report, out, err := up(t, small(t, "", "plans: {deploy: COMPLETE}, pools: {default/default: {sds: 3, devices: 4}}, within: 8s"), nil)
	if err == nil || report.Passed || !strings.Contains(out, "FAIL  pool default/default has 4 devices on 3 SDSs: 3 devices on 3 SDSs") {
		t.Errorf("%v %v\n%s", report.Passed, err, out)
	}
}

func TestASchedulerThatRefusesItsOptionsIsShown(t *testing.T) {
	_, _, err := up(t, small(t, "", "plans: {deploy: COMPLETE}, within: 20s"), func(u *lab.Up) { u.Options = map[string]any{"pool.mode": "nonsense", "rexray.size": 9} })
	if err == nil || !strings.Contains(err.Error(), "exit status 2") || !strings.Contains(err.Error(), "nonsense") || !strings.Contains(err.Error(), "REXRAY_SIZE") {
		t.Error(err)
	}
}

// A master that is not the lab's own: the lab makes a machine for each of its agents.
func TestUpOnAnotherMaster(t *testing.T) {
	m := mesos.NewMaster(mesos.Config{})
	defer m.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving := make(chan error)
	go func() { serving <- m.Serve(l) }()
	defer func() { m.Close(); <-serving }()
	for _, name := range []string{"agent-01", "other", "agent-03"} {
		if _, err := m.AddAgent(mesos.AgentConfig{Hostname: name, WorkDir: t.TempDir(), Launcher: mesos.Processes{}}); err != nil {
			t.Fatal(err)
		}
	}
	report, out, err := up(t, small(t, "", "plans: {deploy: COMPLETE}, pools: {default/default: {sds: 3, devices: 3}}, within: 60s"),
		func(u *lab.Up) { u.Master = l.Addr().String() })
	if err != nil || !report.Passed {
		t.Errorf("%v\n%s", err, out)
	}
}

// What a lab that is killed leaves behind, its minder ends.
func TestTheMinderCleansUpAfterAKilledLab(t *testing.T) {
	cmd := exec.Command(binaries.Lab, "up", "--scenario", "secrets", "--keep")
	dir := t.TempDir()
	cmd.Env = append(os.Environ(), "TMPDIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	seen := make([]byte, 0, 1<<16)
	for !bytes.Contains(seen, []byte("deploy COMPLETE")) {
		buffer := make([]byte, 4096)
		n, err := out.Read(buffer)
		if err != nil {
			t.Fatalf("%v\n%s", err, seen)
		}
		seen = append(seen, buffer[:n]...)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()                                // killed
	look := time.NewTicker(20 * time.Millisecond) // nobody is left who could tell
	defer look.Stop()
	for deadline := time.Now().Add(20 * time.Second); ; <-look.C {
		left := running(t, dir)
		files, err := filepath.Glob(dir + "/slab-*")
		if err != nil {
			t.Fatal(err)
		}
		if len(left)+len(files) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left behind: %v %v", left, files)
		}
	}
}

// running lists the processes whose environment or command line names dir.
func running(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, process := range all {
		environ, _ := os.ReadFile(process + "/environ") // an ended or foreign process has none
		line, _ := os.ReadFile(process + "/cmdline")
		if bytes.Contains(environ, []byte(dir)) || bytes.Contains(line, []byte(dir)) {
			found = append(found, string(line))
		}
	}
	return found
}
