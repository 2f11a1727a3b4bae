package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// scheduler is the scheduler's process, which may be killed and started again.
type scheduler struct {
	binary string
	env    []string
	log    string // file
	base   string // of its API
	token  string // that its API asks for; empty: none
	minder *minder

	mu      sync.Mutex // guards all below
	cmd     *exec.Cmd
	ended   chan struct{} // closed when cmd has been waited for
	peakRSS int64         // bytes, over all of its lives
	starts  int
}

// start starts the process; it has ended when ended is closed.
func (s *scheduler) start() error {
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close() // the child has its own
	cmd := exec.Command(s.binary)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = slices.Concat([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(s.log)}, s.env)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	ended, started := make(chan struct{}), make(chan error)
	go func() { // the kernel's Pdeathsig is about the thread that started the child: it must live as long
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in ProcessState
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	s.minder.group(cmd.Process.Pid)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cmd, s.ended = cmd, ended
	s.starts++
	return nil
}

// kill is kill -9. It returns when the process is gone.
func (s *scheduler) kill() {
	s.mu.Lock()
	cmd, ended := s.cmd, s.ended
	s.mu.Unlock()
	if cmd == nil {
		return
	}
	s.measure()
	// It may have ended by itself.
	if err := cmd.Process.Kill(); err == nil {
		<-ended
	}
	<-ended
	s.minder.ended(cmd.Process.Pid)
}

// over is closed when the process that runs now ends.
func (s *scheduler) over() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// death says how it ended, with the end of its log.
func (s *scheduler) death() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return fmt.Errorf("the scheduler ended: %v; its last lines:\n  %s", s.cmd.ProcessState, strings.Join(lines[max(0, len(lines)-15):], "\n  "))
}

// measure notes the process's peak of resident memory.
func (s *scheduler) measure() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return 0
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil { // ended
		return s.peakRSS
	}
	for line := range strings.Lines(string(text)) {
		if rest, found := strings.CutPrefix(line, "VmHWM:"); found {
			if kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64); err == nil {
				s.peakRSS = max(s.peakRSS, kb<<10)
			}
		}
	}
	return s.peakRSS
}

// tick is the unit of times in /proc/<pid>/stat: 1/100 s on every Linux.
const tick = 10 * time.Millisecond

// cpu is the processor time that the process that runs now has taken.
func (s *scheduler) cpu() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil { // ended
		return 0
	}
	// After the name, which may hold anything, in parentheses: state is field 3, user and system time are 14 and 15.
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	var all time.Duration
	for _, field := range fields[11:13] {
		if ticks, err := strconv.Atoi(field); err == nil {
			all += time.Duration(ticks) * tick
		}
	}
	return all
}

var client = &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// get asks the API; the status is not judged.
func (s *scheduler) get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}

func (s *scheduler) read(ctx context.Context, path string, into any) error {
	text, err := s.get(ctx, path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("GET %s: %s", path, strings.TrimSpace(string(text)))
	}
	return nil
}

// command sends a command to a plan, as the CLI does.
func (s *scheduler) command(ctx context.Context, plan, command, phase, step string) error {
	query := url.Values{}
	for key, value := range map[string]string{"phase": phase, "step": step} {
		if value != "" {
			query.Set(key, value)
		}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, fmt.Sprintf("%s/v1/plans/%s/%s?%s", s.base, plan, command, query.Encode()), nil)
	if err != nil {
		return err
	}
	if s.token != "" {
		request.Header.Set("Authorization", "Bearer "+s.token)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 400 {
		err = fmt.Errorf("%s %s: %s: %s", plan, command, response.Status, strings.TrimSpace(string(text)))
	}
	return err
}

// freePort finds a port that nobody listens on. The scheduler is told it, and told it again when it is started anew.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
