package node

import (
	"bufio"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

func TestLinksStayBelowTheRoot(t *testing.T) {
	f := newFake(t)
	outside := filepath.Join(t.TempDir(), "outside")
	must(t, os.WriteFile(outside, []byte("of another machine"), 0o644))
	f.file(t, "/run/real", "of this one")
	f.link(t, "/var/run", "/run")                // absolute, as on every host
	f.link(t, "/etc/up", "../../../../run/real") // more dots than there are directories
	f.link(t, "/etc/out", outside)
	f.link(t, "/etc/loop", "/etc/loop")
	for _, name := range []string{"/run/real", "/var/run/real", "/etc/up", "/../../run/real", "/etc/../var/./run//real"} {
		if got := read(t, f, name); got != "of this one" {
			t.Errorf("%s is %q", name, got)
		}
	}
	for _, name := range []string{"/etc/out", "/etc/nothing", "/nothing/nothing"} {
		if _, err := f.Open(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := f.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := f.Open("/etc/loop"); !errors.Is(err, unix.ELOOP) {
		t.Error(err)
	}
	for _, name := range []string{"", "relative", "../x", "/a\x00b"} {
		if _, err := f.Open(name); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", name, err)
		}
	}
	if target, err := f.Readlink("/var/run"); target != "/run" || err != nil {
		t.Error(target, err)
	}
	must(t, f.Write("/etc/out", strings.NewReader("ours"), 0o644)) // replaces the link, not what it leads to
	if text, err := os.ReadFile(outside); string(text) != "of another machine" || err != nil {
		t.Error("a file outside of the root was written", err)
	}
	must(t, f.Remove("/etc/out"))
	must(t, f.Write("/var/run/new", strings.NewReader("x"), 0o644))
	if _, err := os.Stat(f.root + "/run/new"); err != nil {
		t.Error(err)
	}
}

func TestNoPathLeavesTheRoot(t *testing.T) {
	f := newFake(t)
	f.link(t, "/a/b", "../../..")
	f.link(t, "/a/c", "/../x/../..")
	m := f.Host.(*machine)
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.SampledFrom([]string{"..", ".", "", "a", "b", "c", "etc"})).Draw(t, "parts")
		got, err := m.within("/"+strings.Join(parts, "/"), rapid.Bool().Draw(t, "follow"))
		if err != nil {
			t.Fatal(err)
		}
		if got != f.root && !strings.HasPrefix(got, f.root+"/") || strings.Contains(got, "/../") {
			t.Fatalf("%v is %s", parts, got)
		}
	})
}

func TestWriteIsAtomicAndPrivate(t *testing.T) {
	f := newFake(t)
	must(t, f.Write("/etc/x/secret", strings.NewReader("one"), 0o600))
	for name, want := range map[string]fs.FileMode{"/etc/x/secret": 0o600, "/etc/x": fs.ModeDir | 0o700} {
		if info, err := f.Stat(name); err != nil || info.Mode() != want {
			t.Error(name, info.Mode(), err)
		}
	}
	broken := errors.New("broken")
	if err := f.Write("/etc/x/secret", io.MultiReader(strings.NewReader("two"), failing{broken}), 0o644); !errors.Is(err, broken) {
		t.Error(err)
	}
	if got := read(t, f, "/etc/x/secret"); got != "one" {
		t.Error("a failed write changed the file:", got)
	}
	if all, err := os.ReadDir(f.root + "/etc/x"); len(all) != 1 || err != nil {
		t.Error("something was left behind:", all, err)
	}
	must(t, f.Write("/etc/x/secret", strings.NewReader("three"), 0o644))
	if info, err := f.Stat("/etc/x/secret"); err != nil || info.Mode() != 0o644 || read(t, f, "/etc/x/secret") != "three" {
		t.Error(info, err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestGlob(t *testing.T) {
	f := newFake(t)
	f.file(t, "/sys/class/block/sda/holders/dm-1", "")
	f.file(t, "/sys/class/block/sda/holders/dm-0", "")
	f.link(t, "/sys/block", "/sys/class/block")
	f.file(t, "/odd[1]/x", "")
	for pattern, want := range map[string][]string{
		"/sys/class/block/*/holders/*": {"/sys/class/block/sda/holders/dm-0", "/sys/class/block/sda/holders/dm-1"},
		"/sys/block/sda/holders/*":     {"/sys/block/sda/holders/dm-0", "/sys/block/sda/holders/dm-1"},
		"/nothing/*":                   nil,
		"/od*":                         {"/odd[1]"},
	} {
		got, err := f.Glob(pattern)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(pattern, diff, err)
		}
	}
}

func TestSocketsBelowADeepRoot(t *testing.T) {
	f := newFake(t)
	name := "/run/docker/plugins/" + strings.Repeat("d", 90) + "/scaleio.sock"
	must(t, os.MkdirAll(filepath.Dir(f.root+name), 0o755))
	dir, err := os.Open(filepath.Dir(f.root + name))
	must(t, err)
	defer dir.Close()
	l, err := net.Listen("unix", "/proc/self/fd/"+itoa(int(dir.Fd()))+"/scaleio.sock")
	must(t, err)
	defer l.Close()
	conn, err := f.Dial(t.Context(), name)
	must(t, err)
	conn.Close()
	f.link(t, "/var/run", "/run")
	conn, err = f.Dial(t.Context(), "/var"+name)
	must(t, err)
	conn.Close()
	for _, missing := range []string{"/run/docker/plugins/none.sock", "/none/none.sock"} {
		if _, err = f.Dial(t.Context(), missing); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), missing) || strings.Contains(err.Error(), "/fd/") {
			t.Error(err)
		}
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}

// programs makes this test binary a program of a host.
func program(t *testing.T, root, name string) {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	must(t, os.MkdirAll(filepath.Dir(root+name), 0o755))
	must(t, os.Symlink(self, root+name))
}

func TestRun(t *testing.T) {
	f := newFake(t)
	program(t, f.root, "/usr/sbin/dpkg")
	program(t, f.root, "/opt/emc/scaleio/sdc/bin/drv_cfg")
	t.Setenv("SECRET_OF_THE_EXECUTOR", "x")
	r, err := f.Host.Run(t.Context(), Command{Argv: []string{"dpkg", "-i", "a b", "$HOME;ls"}, Env: []string{"NODE_TEST_PROGRAM=echo", "TOKEN=t"}, Stdin: []byte("in")})
	must(t, err)
	want := f.root + "/usr/sbin/dpkg -i a b $HOME;ls\nHOME LC_ALL NODE_TEST_PROGRAM PATH TOKEN\nin"
	if r.Status != 7 || string(r.Stdout) != want || !strings.HasPrefix(r.Tail(), "warning") {
		t.Errorf("%d %s %s", r.Status, r.Stdout, r.Tail())
	}
	for _, name := range []string{"drv_cfg", "/opt/emc/scaleio/sdc/bin/drv_cfg"} {
		if r, err := f.Host.Run(t.Context(), Command{Argv: []string{name}, Env: []string{"NODE_TEST_PROGRAM=echo"}}); err != nil || r.Status != 7 {
			t.Error(name, r.Status, err)
		}
	}
	for _, name := range []string{"ls", "/bin/ls", "/usr/sbin"} { // the real ones are none of the host's
		if _, err := f.Host.Run(t.Context(), command(name)); fault.KindOf(err) != fault.NotFound {
			t.Error(name, err)
		}
	}
	if _, err := f.Host.Run(t.Context(), Command{}); err == nil {
		t.Error("no program ran")
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	f := newFake(t)
	program(t, f.root, "/bin/hang")
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := f.Host.Run(ctx, Command{Argv: []string{"hang"}, Env: []string{"NODE_TEST_PROGRAM=hang"}})
	if fault.KindOf(err) != fault.Temporary || !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > grace {
		t.Error(err, time.Since(start))
	}
}

func TestRunOnThisHost(t *testing.T) {
	h, err := NewHost("/")
	must(t, err)
	r, err := run(t.Context(), h, command("uname", "-r", "-m"))
	must(t, err)
	if kernel, arch := parseUname(r.Stdout); kernel == "" || arch == "" {
		t.Errorf("%q", r.Stdout)
	}
	if text := read(t, h, "/proc/1/mounts"); !strings.Contains(text, " / ") {
		t.Error(text)
	}
	for _, bad := range []string{"relative", "/nowhere", "/etc/passwd"} {
		if _, err := NewHost(bad); fault.KindOf(err) != fault.Invalid {
			t.Error(bad, err)
		}
	}
}

func TestTailIsShortAndOneLine(t *testing.T) {
	r := Result{Stdout: []byte("out"), Stderr: []byte(strings.Repeat("ä", 1000) + "\nlast line\r\n")}
	if got := r.Tail(); len(got) > maxTail+10 || strings.Contains(got, "\n") || !strings.HasSuffix(got, "; last line") || !strings.HasPrefix(got, "…ä") {
		t.Errorf("%d %q", len(got), got)
	}
	if got := (Result{Stdout: []byte("out\n")}).Tail(); got != "out" {
		t.Error(got)
	}
}

// TestAnotherMountNamespace: an executor that an agent put into a mount namespace of its own works in that of the host's first process. Here
// the roles are those of this test and a process with a namespace of its own.
func TestAnotherMountNamespace(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root for unshare and nsenter")
	}
	other := exec.Command("unshare", "--mount", "sh", "-c", "mount -t tmpfs x /mnt && echo inside >/mnt/file && ln -s /mnt/file /mnt/link && echo ready && exec sleep 60")
	out, err := other.StdoutPipe()
	must(t, err)
	must(t, other.Start())
	defer func() {
		other.Process.Kill()
		other.Wait()
	}()
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Skipf("no mount namespace here: %q %v", line, err)
	}
	pid := itoa(other.Process.Pid)
	if err := exec.Command("nsenter", "-t", pid, "-m", "--", "test", "-e", "/mnt/file").Run(); err != nil {
		t.Skip("this machine is a chroot: nsenter leads out of it, to the root of the namespace")
	}
	m := &machine{root: "/proc/" + pid + "/root", enter: []string{"nsenter", "-t", pid, "-m", "--"}}
	for _, name := range []string{"/mnt/file", "/mnt/link"} { // the link is absolute: it must not lead to our own /mnt
		if got := read(t, m, name); got != "inside\n" {
			t.Errorf("%s is %q", name, got)
		}
	}
	r, err := run(t.Context(), m, command("cat", "/mnt/link"))
	if err != nil || string(r.Stdout) != "inside\n" {
		t.Errorf("%q %v", r.Stdout, err)
	}
	must(t, m.Write("/mnt/new", strings.NewReader("x"), 0o600))
	if _, err := run(t.Context(), m, command("test", "-s", "/mnt/new")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat("/mnt/new"); !errors.Is(err, fs.ErrNotExist) {
		t.Error("it was written to our own namespace")
	}
}
