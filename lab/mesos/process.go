package mesos

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Processes is the Launcher of real processes: fork and exec in the sandbox, in a process group of their own, with stdout and stderr
// in files there. The user is not changed. When the process ends, or is killed, its whole group is.
type Processes struct{}

type process struct {
	cmd *exec.Cmd

	mu   sync.Mutex
	gone bool // reaped: its group's number may be another's now
}

// Launch starts the process.
func (Processes) Launch(_ context.Context, l Launch) (Process, error) {
	stdout, err := appendTo(l.Sandbox, "stdout")
	if err != nil {
		return nil, err
	}
	defer stdout.Close() // the child has its own
	stderr, err := appendTo(l.Sandbox, "stderr")
	if err != nil {
		return nil, err
	}
	defer stderr.Close()
	path := l.Path
	if !filepath.IsAbs(path) && filepath.Base(path) != path { // ./name is in the sandbox
		path = filepath.Join(l.Sandbox, path)
	} else if found, err := exec.LookPath(path); err == nil {
		path = found
	}
	cmd := &exec.Cmd{Path: path, Args: l.Argv, Env: l.Env, Dir: l.Sandbox, Stdout: stdout, Stderr: stderr,
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true}}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{cmd: cmd}, nil
}

func appendTo(dir, name string) (*os.File, error) { // health checks write there too
	return os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
}

// Wait kills the rest of the group while the leader still is a zombie, so that the group's number cannot be another's.
func (p *process) Wait() int {
	for errors.Is(unix.Waitid(unix.P_PID, p.cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
	}
	p.signal(syscall.SIGKILL)
	p.mu.Lock()
	defer p.mu.Unlock()
	err := p.cmd.Wait()
	p.gone = true
	if state, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok {
		return int(state)
	}
	if err != nil {
		return exited(1)
	}
	return 0
}

func (p *process) Kill()      { p.signal(syscall.SIGKILL) }
func (p *process) Terminate() { p.signal(syscall.SIGTERM) }
func (p *process) Pid() int   { return p.cmd.Process.Pid }

// signal goes to the process group; an error says that nothing of it is left.
func (p *process) signal(s syscall.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.gone {
		_ = syscall.Kill(-p.cmd.Process.Pid, s)
	}
}
