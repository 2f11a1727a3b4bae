package state_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/state"
	"github.com/dcos-scaleio/scaleio/framework/state/conformance"
)

// helpers are what this test binary does when it is started as another process.
var helpers = map[string]func(path string) error{"fill": fill, "write": write, "commit": commit}

func TestMain(m *testing.M) {
	if run := helpers[os.Getenv("STATE_TEST_HELPER")]; run != nil {
		if err := run(os.Getenv("STATE_TEST_PATH")); err != nil {
			os.Stderr.WriteString(err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(stopping{m})
}

// stopping stops the servers before leaks are looked for.
type stopping struct{ m *testing.M }

func (s stopping) Run() int {
	defer stopServers()
	return s.m.Run()
}

// helper runs this test binary as another process, and gives what it said.
func helper(t *testing.T, name, path string) (string, error) {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "STATE_TEST_HELPER="+name, "STATE_TEST_PATH="+path)
	out, err := c.CombinedOutput()
	return string(out), err
}

func TestMemoryConforms(t *testing.T) {
	conformance.Run(t, func(*testing.T) conformance.Place {
		m := state.NewMemory()
		return conformance.Place{
			Open: func() state.Store { return m.Again() },
			Lose: func(s state.Store) { s.(*state.Memory).Lose() },
		}
	})
}

func TestBoltConforms(t *testing.T) {
	conformance.Run(t, func(t *testing.T) conformance.Place {
		at := state.Config{URI: "bolt://" + filepath.Join(t.TempDir(), "state.db")}
		return conformance.Place{Open: func() state.Store { return opened(t, at) }}
	})
}

func opened(t *testing.T, at state.Config) state.Store {
	t.Helper()
	s, err := state.Open(at)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOpenRefuses(t *testing.T) {
	for uri, want := range map[string]string{
		"":                           "expected bolt:///absolute/path",
		"/var/lib/state.db":          "expected bolt:///absolute/path",
		"bolt://state.db":            "expected the absolute path",
		"bolt:state.db":              "expected bolt:///absolute/path",
		"zk://master.mesos:2181/":    "expected a root",
		"zk://a,,b/root":             "expected hosts",
		"zk://user:pass@a:2181/root": "expected hosts",
		"etcd://10.0.0.1:2379":       "expected a root",
		"consul://10.0.0.1":          "expected bolt:///absolute/path",
	} {
		s, err := state.Open(state.Config{URI: uri})
		if s != nil || fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("Open(%q) = %v, %v; want an Invalid error with %q", uri, s, err, want)
		}
	}
}

func open(t *testing.T, path string) *state.Bolt {
	t.Helper()
	s, err := state.OpenBolt(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestTheFileIsForItsOwnerOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "er", "state.db")
	open(t, path).Close()
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	open(t, path)
	for at, want := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700 | os.ModeDir} {
		if info, err := os.Stat(at); err != nil || info.Mode() != want {
			t.Errorf("%s has mode %v, %v; want %v", at, info.Mode(), err, want)
		}
	}
}

func TestASecondSchedulerIsToldSo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	first := open(t, path)
	if _, err := first.Acquire(t.Context(), "the first scheduler", nil); err != nil {
		t.Fatal(err)
	}
	_, err := open(t, path).Get(t.Context(), "a")
	if !fault.IsTemporary(err) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "in use by another scheduler, the first scheduler;") {
		t.Errorf("the same process got %v", err)
	}
	out, err := helper(t, "write", path)
	if err == nil || !strings.Contains(out, "in use by another scheduler") {
		t.Errorf("another process got %v: %s", err, out)
	}
	first.Close()
	if out, err := helper(t, "write", path); err != nil {
		t.Errorf("after the first was closed, another process got %v: %s", err, out)
	}
	if got, err := open(t, path).Get(t.Context(), "a"); err != nil || string(got) != "written by another process" {
		t.Errorf("then the value is %q, %v", got, err)
	}
}

func write(path string) error {
	s, err := state.OpenBolt(path)
	if err != nil {
		return err
	}
	return s.Commit(context.Background(), state.Write{Key: "a", Value: []byte("written by another process")})
	// It ends without Close, as a killed scheduler does.
}

// TestAFullDiskIsSaidAndChangesNothing limits the size of files instead of filling a disk: the same error path, without a mount.
func TestAFullDiskIsSaidAndChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	out, err := helper(t, "fill", path)
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	all, err := open(t, path).List(t.Context(), "")
	if err != nil || len(all) != 2 || string(all["a"]) != "1" || string(all["b"]) != "2" {
		t.Errorf("after a full disk the store holds %v, %v", all, err)
	}
}

func fill(path string) error {
	ctx := context.Background()
	s, err := state.OpenBolt(path)
	if err != nil {
		return err
	}
	// The file grows first, so that the limit stops the writing of pages, as a full disk does, and not the growing.
	for _, value := range [][]byte{make([]byte, state.MaxValue), nil, make([]byte, state.MaxValue), nil, []byte("1")} {
		if err := s.Commit(ctx, state.Write{Key: "a", Value: value}); err != nil {
			return err
		}
	}
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 64 << 10, Max: 1 << 30}); err != nil {
		return err
	}
	err = s.Commit(ctx, state.Write{Key: "a", Value: make([]byte, state.MaxValue)}, state.Write{Key: "c", Value: []byte("3")})
	if !fault.IsTemporary(err) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "make room") {
		return fmt.Errorf("the full disk was said as: %v", err)
	}
	// What fits is written, also after the failure.
	if err := s.Commit(ctx, state.Write{Key: "b", Value: []byte("2")}); err != nil {
		return err
	}
	return s.Close()
}

// filled makes a store of some size and gives its bytes.
func filled(t *testing.T, path string) []byte {
	t.Helper()
	s := open(t, path)
	for _, key := range []string{"framework-id", "node/agent-01", "node/agent-02"} {
		if err := s.Commit(t.Context(), state.Write{Key: key, Value: bytes.Repeat([]byte(key+"=marker;"), 2000)}); err != nil {
			t.Fatal(err)
		}
	}
	s.Close()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestADamagedValueNamesFileAndKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	data := filled(t, path)
	damaged := bytes.ReplaceAll(data, []byte("node/agent-02=marker;"), []byte("node/agent-02=MARKER;"))
	if err := os.WriteFile(path, damaged, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := state.OpenBolt(path)
	if fault.KindOf(err) != fault.Internal || err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), `"node/agent-02"`) {
		t.Errorf("a damaged value gave %v", err)
	}
}

// TestATruncatedFileIsAnErrorNotACrash cuts the file at every page and at odd places: never a crash, and never a store that lost values
// silently.
func TestATruncatedFileIsAnErrorNotACrash(t *testing.T) {
	dir := t.TempDir()
	data := filled(t, filepath.Join(dir, "whole.db"))
	path := filepath.Join(dir, "cut.db")
	said := 0
	for size := 1; size < len(data); size += 4093 {
		if err := os.WriteFile(path, data[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := state.OpenBolt(path)
		if err == nil {
			if all, err := s.List(t.Context(), ""); err != nil || len(all) != 3 {
				t.Errorf("cut at %d of %d: opened, holds %d values, %v", size, len(data), len(all), err)
			}
			s.Close()
			continue
		}
		if fault.KindOf(err) != fault.Internal || !strings.Contains(err.Error(), path) {
			t.Errorf("cut at %d of %d: %v", size, len(data), err)
		}
		if strings.Contains(err.Error(), "bytes and should have") {
			said++
		}
	}
	if said == 0 {
		t.Error("no error said how much of the file is missing")
	}
}

// TestAnyDamagedByteIsAnErrorOrHarmless turns bytes over: an error that names the file, or all values as they were.
func TestAnyDamagedByteIsAnErrorOrHarmless(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole.db")
	data := filled(t, whole)
	path := filepath.Join(dir, "damaged.db")
	for at := 0; at < len(data); at += 997 {
		damaged := bytes.Clone(data)
		damaged[at] ^= 0xff
		if err := os.WriteFile(path, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := state.OpenBolt(path)
		if err != nil {
			if fault.KindOf(err) != fault.Internal && fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), path) {
				t.Errorf("damaged at %d: %v", at, err)
			}
			continue
		}
		all, err := s.List(t.Context(), "")
		if err != nil || len(all) < 2 {
			t.Errorf("damaged at %d: opened, then %d values, %v", at, len(all), err)
		}
		for key, value := range all {
			if !bytes.Equal(value, bytes.Repeat([]byte(key+"=marker;"), 2000)) {
				t.Errorf("damaged at %d: %q holds something else", at, key)
			}
		}
		s.Close()
	}
}

func TestAFileOfAnotherKindIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notes.txt")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := state.OpenBolt(path); fault.KindOf(err) != fault.Internal || !strings.Contains(err.Error(), path) {
		t.Errorf("a text file gave %v", err)
	}
	if _, err := state.OpenBolt(t.TempDir()); err == nil {
		t.Error("a directory was opened")
	}
}
