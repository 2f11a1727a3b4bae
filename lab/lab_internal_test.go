package lab

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func TestFilesOfOthersAreSearchedForSecrets(t *testing.T) {
	c := &Cluster{dir: t.TempDir()}
	for name, mode := range map[string]fs.FileMode{"password": 0o600, "state.db": 0o600, "scheduler.log": 0o600, "h/agent-01/etc/rexray.yml": 0o600,
		"h/agent-02/etc/rexray.yml": 0o644, "w/agent-01/stderr": 0o644, "h/agent-01/etc/other": 0o644} {
		place := c.path(name)
		if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
			t.Fatal(err)
		}
		text := "the word is sesame"
		if strings.HasSuffix(name, "other") {
			text = "nothing"
		}
		if err := os.WriteFile(place, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	var found []string
	c.leakingFiles(func(text []byte, where string) {
		if strings.Contains(string(text), "sesame") {
			found = append(found, where)
		}
	})
	slices.Sort(found)
	want := "file /h/agent-02/etc/rexray.yml (mode 644)|file /scheduler.log (mode 600)|file /state.db (mode 600)|file /w/agent-01/stderr (mode 644)"
	if strings.Join(found, "|") != want {
		t.Error(found)
	}
}

func TestSameLayout(t *testing.T) {
	const one = `{"pools":[{"name":"a"}],"sdss":[{"name":"x","devices":[{"path":"/dev/xvdf","attached":"1"}]}],"verdicts":[1]}`
	for other, want := range map[string]string{
		strings.ReplaceAll(strings.ReplaceAll(one, `"1"`, `"2"`), "[1]", "[2]"): "",
		strings.ReplaceAll(one, "xvdf", "xvdg"):                                 "sdss[0]",
		`{"pools":[],"sdss":[]}`:                                                "pools: 1, there 0",
	} {
		same, diff, err := sameLayout(json.RawMessage(one), json.RawMessage(other))
		if err != nil || same != (want == "") || !strings.Contains(diff, want) {
			t.Errorf("%s: %v %q %v", other, same, diff, err)
		}
	}
}

func TestMindKillsWhatIsLeft(t *testing.T) {
	start := func() *exec.Cmd {
		cmd := exec.Command("sleep", "1000")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	left, ended, dir := start(), start(), t.TempDir()
	defer ended.Wait()         //nolint:errcheck // killed here
	defer ended.Process.Kill() //nolint:errcheck
	Mind(strings.NewReader(strings.Join([]string{"dir " + dir, line("group", left), line("group", ended), line("ended", ended), "group 1", "group x"}, "\n")))
	if err := left.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Error(err)
	}
	if err := ended.Process.Signal(syscall.Signal(0)); err != nil {
		t.Error("a process that had ended was killed")
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("the directory is still there")
	}
}

func line(verb string, cmd *exec.Cmd) string {
	text, err := json.Marshal(cmd.Process.Pid)
	if err != nil {
		panic(err)
	}
	return verb + " " + string(text)
}

func TestBenchClustersStayWithinScaleIOsLimits(t *testing.T) {
	for _, agents := range []int{3, 16, 1000, 2000} {
		s, err := benchCluster(agents)
		if err != nil {
			t.Fatal(err)
		}
		names, sdss := map[string]bool{}, 0
		for _, a := range s.Agents {
			for _, name := range a.Hostnames() {
				names[name] = true
			}
			if a.Attributes["scaleio-sds-domains"] == "" {
				continue
			}
			if sdss += a.Count; a.Count > 128 {
				t.Errorf("%d agents: %d SDSs in a domain", agents, a.Count)
			}
		}
		if len(names) != agents || sdss > 1024 {
			t.Errorf("%d agents: %d, with %d SDSs", agents, len(names), sdss)
		}
	}
}
