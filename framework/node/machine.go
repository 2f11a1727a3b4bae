package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// machine is a Host whose files are those below root.
type machine struct {
	root    string   // "/" or a directory without a trailing slash
	enter   []string // what runs a command in the host's mount namespace; nil: ours is the host's
	durable bool     // whether written files must survive a loss of power
}

// NewHost gives the machine whose root directory is root.
//
// "/" is this machine as its first process sees it: if we are in another mount namespace (an agent with filesystem isolation puts executors
// into one), files are reached through /proc/1/root and commands run by nsenter. Any other directory is a machine of its own: its programs
// are looked up and run below it, as an emulation needs it.
func NewHost(root string) (Host, error) {
	if err := checkName(root); err != nil {
		return nil, err
	}
	m := &machine{root: path.Clean(root)}
	if m.root == "/" {
		m.durable = true
		if !hostNamespace() {
			m.root, m.enter = "/proc/1/root", []string{"nsenter", "-t", "1", "-m", "--"}
		}
	}
	info, err := os.Stat(m.root + "/")
	switch {
	case err != nil:
		return nil, fault.New(fault.Invalid, "host root "+m.root, "", "%w", err)
	case !info.IsDir():
		return nil, fault.New(fault.Invalid, "host root "+m.root, "", "is not a directory")
	}
	return m, nil
}

// hostNamespace says whether our mount namespace is that of the first process. If the kernel does not tell, it is taken to be: only root
// is told, and only root could enter the other one.
func hostNamespace() bool {
	first, err := os.Readlink("/proc/1/ns/mnt")
	if err != nil {
		return true
	}
	ours, err := os.Readlink("/proc/self/ns/mnt")
	return err != nil || first == ours
}

// maxLinks is how many symbolic links a path may take, as in Linux.
const maxLinks = 40

// within gives our path of a host's path. Symbolic links are resolved as the host does it: an absolute one starts at its root, and ".."
// does not lead out of it. The last element is resolved only if follow; what does not exist stays as it is.
func (m *machine) within(name string, follow bool) (string, error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	if m.root == "/" {
		return path.Clean(name), nil
	}
	at, rest, links := "/", strings.Split(name, "/"), 0
	for len(rest) > 0 {
		element := rest[0]
		rest = rest[1:]
		switch element {
		case "", ".":
			continue
		case "..":
			at = path.Dir(at)
			continue
		}
		next := path.Join(at, element)
		if len(rest) == 0 && !follow {
			return m.root + next, nil
		}
		target, err := os.Readlink(m.root + next)
		if err != nil { // no link, or not there
			at = next
			continue
		}
		if links++; links > maxLinks {
			return "", &fs.PathError{Op: "open", Path: name, Err: syscall.ELOOP}
		}
		if path.IsAbs(target) {
			at = "/"
		}
		rest = slices.Concat(strings.Split(target, "/"), rest)
	}
	return path.Join(m.root, at), nil
}

func (m *machine) Open(name string) (io.ReadCloser, error) {
	real, err := m.within(name, true)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(real)
	if err != nil {
		return nil, rename(err, name)
	}
	return f, nil
}

func (m *machine) Stat(name string) (fs.FileInfo, error) {
	real, err := m.within(name, true)
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(real)
	return info, rename(err, name)
}

func (m *machine) Readlink(name string) (string, error) {
	real, err := m.within(name, false)
	if err != nil {
		return "", err
	}
	target, err := os.Readlink(real)
	return target, rename(err, name)
}

func (m *machine) Remove(name string) error {
	real, err := m.within(name, false)
	if err != nil {
		return err
	}
	return rename(os.Remove(real), name)
}

func (m *machine) Glob(pattern string) ([]string, error) {
	dir, err := m.within(firstLiteral(pattern), true)
	if err != nil {
		return nil, err
	}
	literal := path.Clean(firstLiteral(pattern))
	found, err := filepath.Glob(quote(dir) + strings.TrimPrefix(path.Clean(pattern), strings.TrimSuffix(literal, "/")))
	for i, name := range found {
		found[i] = path.Join(literal, strings.TrimPrefix(name, dir))
	}
	slices.Sort(found)
	return found, err
}

// firstLiteral is the longest directory of a pattern before its first wildcard.
func firstLiteral(pattern string) string {
	if i := strings.IndexAny(pattern, `*?[\`); i >= 0 {
		return path.Dir(pattern[:i] + "x")
	}
	return path.Dir(pattern)
}

func quote(name string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}

// rename makes an error name the host's path.
func rename(err error, name string) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return &fs.PathError{Op: p.Op, Path: name, Err: p.Err}
	}
	return err
}

func (m *machine) Write(name string, from io.Reader, mode fs.FileMode) (err error) {
	real, err := m.within(name, false)
	if err != nil {
		return err
	}
	dirMode := fs.FileMode(0o755)
	if mode&0o077 == 0 {
		dirMode = 0o700
	}
	if err := os.MkdirAll(path.Dir(real), dirMode); err != nil {
		return rename(err, path.Dir(name))
	}
	part := path.Join(path.Dir(real), "."+path.Base(real)+"."+rand.Text()[:8])
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return rename(err, name)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part))
		}
	}()
	if err := m.fill(f, from, mode); err != nil {
		return err
	}
	return rename(os.Rename(part, real), name)
}

// fill writes, keeps and closes a new file.
func (m *machine) fill(f *os.File, from io.Reader, mode fs.FileMode) error {
	_, err := io.Copy(f, from)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil && m.durable {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

func (m *machine) Dial(ctx context.Context, socket string) (net.Conn, error) {
	real, err := m.within(socket, true)
	if err != nil {
		return nil, err
	}
	// The path of a socket has room for 107 bytes, which a directory below a deep root exceeds: it is named by an open file instead.
	dir, err := unix.Open(path.Dir(real), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: "unix", Addr: &net.UnixAddr{Name: socket, Net: "unix"}, Err: err}
	}
	defer unix.Close(dir)
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/%s", dir, path.Base(real)))
	var op *net.OpError
	if errors.As(err, &op) {
		op.Addr = &net.UnixAddr{Name: socket, Net: "unix"}
	}
	return conn, err
}

// lookup finds a program and gives its path on the host and ours.
func (m *machine) lookup(name string) (host, real string, err error) {
	candidates := []string{name}
	if !path.IsAbs(name) {
		candidates = nil
		for _, dir := range Programs {
			candidates = append(candidates, path.Join(dir, name))
		}
	}
	for _, c := range candidates {
		// The last link is left to the kernel: an emulation's programs are links to a program outside of its root.
		real, err := m.within(c, false)
		if err != nil {
			return "", "", err
		}
		if info, err := os.Lstat(real); err == nil && !info.IsDir() && (info.Mode()&fs.ModeSymlink != 0 || info.Mode()&0o111 != 0) {
			return c, real, nil
		}
	}
	return "", "", fault.New(fault.NotFound, "", name, "the host has no such program (looked for %s)", strings.Join(candidates, ", "))
}

// grace is how long a program that was told to end may take before it is killed.
const grace = 5 * time.Second

func (m *machine) Run(ctx context.Context, c Command) (Result, error) {
	if len(c.Argv) == 0 {
		return Result{}, fault.New(fault.Internal, "", "", "a command without a program")
	}
	host, real, err := m.lookup(c.Argv[0])
	if err != nil {
		return Result{}, err
	}
	argv := slices.Concat([]string{real}, c.Argv[1:])
	if m.enter != nil {
		argv = slices.Concat(m.enter, []string{host}, c.Argv[1:])
	}
	var stdout, stderr bounded
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(c.Stdin), &stdout, &stderr
	cmd.Env = slices.Concat([]string{"PATH=" + strings.Join(Programs, ":"), "HOME=/root", "LC_ALL=C"}, c.Env)
	// A group of its own: what ends the executor's session does not end an installation, and what ends it ends its children.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = grace
	if err := cmd.Start(); err != nil {
		return Result{}, fault.New(fault.Internal, "", c.String(), "%w", err)
	}
	if err := await(ctx, cmd); err != nil {
		return Result{}, fault.New(fault.Temporary, "", c.String(), "%w", err)
	}
	return Result{Status: status(cmd.ProcessState), Stdout: stdout.text, Stderr: stderr.text}, nil
}

// await waits for a program, but not for one that nothing can end: reading a dead disk holds a process in the kernel for ever.
func await(ctx context.Context, cmd *exec.Cmd) error {
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }() // ends with the process
	var err error
	select {
	case err = <-ended:
	case <-ctx.Done():
		timer := time.NewTimer(2 * grace)
		defer timer.Stop()
		select {
		case err = <-ended:
		case <-timer.C:
			return fmt.Errorf("does not end, not even when killed: %w", context.Cause(ctx))
		}
	}
	if ctx.Err() != nil && cmd.ProcessState != nil && !cmd.ProcessState.Success() {
		return fmt.Errorf("did not end in time: %w", context.Cause(ctx))
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) || errors.Is(err, exec.ErrWaitDelay) {
		return nil
	}
	return err
}

func status(p *os.ProcessState) int {
	if w, ok := p.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return p.ExitCode()
}

// bounded keeps the first MaxOutput bytes that are written to it.
type bounded struct{ text []byte }

func (b *bounded) Write(p []byte) (int, error) {
	b.text = append(b.text, p[:min(len(p), MaxOutput-len(b.text))]...)
	return len(p), nil
}
