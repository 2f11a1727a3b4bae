package host

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Program is what a unit starts, in place of the real one. It runs until ctx ends (the unit is stopped or the machine dies) and returns
// its exit status; Process.Ready tells systemctl, which waits for it, that it is up.
type Program func(ctx context.Context, p Process) int

// Process is what a Program is given.
type Process struct {
	Host   *Host
	Argv   []string
	Env    []string
	Stderr *bytes.Buffer // shown by systemctl status
	Ready  func()
	// Killed says whether ctx ended because the machine died or the process was killed, so that nothing may be tidied up.
	Killed func() bool
}

// unit is a service. Its process runs in one goroutine, owned by the unit.
type unit struct {
	host *Host
	name string

	mu       sync.Mutex // guards all below
	loaded   unitFile
	enabled  bool
	state    string // inactive, activating, active, failed
	restarts int
	log      string // what the process last wrote to stderr
	status   int
	cancel   context.CancelFunc
	killed   bool
	done     chan struct{} // closed when the goroutine has ended
}

// unitFile is what a unit file says.
type unitFile struct {
	text         string
	environment  []string
	envFiles     []string
	pre          [][]string
	start        []string
	restart      string
	restartPause time.Duration
	wantedBy     []string
}

func parseUnit(text string) unitFile {
	u := unitFile{text: text, restartPause: 100 * time.Millisecond}
	text = strings.ReplaceAll(text, "\\\n", " ")
	for line := range strings.Lines(text) {
		key, value, found := strings.Cut(strings.TrimSpace(line), "=")
		if !found || strings.HasPrefix(key, "#") {
			continue
		}
		switch strings.TrimSpace(key) {
		case "Environment":
			u.environment = append(u.environment, words(value)...)
		case "EnvironmentFile":
			u.envFiles = append(u.envFiles, strings.TrimPrefix(value, "-"))
		case "ExecStartPre":
			u.pre = append(u.pre, words(strings.TrimLeft(value, "-@+!")))
		case "ExecStart":
			u.start = words(strings.TrimLeft(value, "-@+!"))
		case "Restart":
			u.restart = value
		case "RestartSec":
			if d, err := time.ParseDuration(value); err == nil {
				u.restartPause = d
			} else if d, err := time.ParseDuration(value + "s"); err == nil {
				u.restartPause = d
			}
		case "WantedBy":
			u.wantedBy = strings.Fields(value)
		}
	}
	return u
}

// words splits a line of a unit file; quotes keep blanks.
func words(line string) []string {
	var all []string
	var word strings.Builder
	var quote rune
	inside := false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '"' || r == '\''):
			quote, inside = r, true
		case quote == 0 && (r == ' ' || r == '\t'):
			if inside {
				all = append(all, word.String())
				word.Reset()
			}
			inside = false
		default:
			word.WriteRune(r)
			inside = true
		}
	}
	if inside {
		all = append(all, word.String())
	}
	return all
}

var unitDirs = []string{"/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"}

// readUnit reads a unit's file, the first in the order of systemd.
func (h *Host) readUnit(name string) (string, bool) {
	for _, dir := range unitDirs {
		if data, err := os.ReadFile(h.Path(path.Join(dir, name+".service"))); err == nil {
			return string(data), true
		}
	}
	return "", false
}

// unitNamed gives a unit that exists, loading its file the first time it is named.
func (h *Host) unitNamed(name string) (*unit, bool) {
	name = strings.TrimSuffix(name, ".service")
	h.mu.Lock()
	u, known := h.units[name]
	h.mu.Unlock()
	if known {
		return u, true
	}
	text, found := h.readUnit(name)
	if !found {
		return nil, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if u, known = h.units[name]; !known {
		u = &unit{host: h, name: name, state: "inactive", loaded: parseUnit(text)}
		u.enabled = h.linked(name)
		h.units[name] = u
	}
	return u, true
}

func (h *Host) linked(name string) bool {
	found, err := filepath.Glob(h.Path("/etc/systemd/system/*.wants/" + name + ".service"))
	return err == nil && len(found) > 0
}

// daemonReload reads every unit file again.
func (h *Host) daemonReload() {
	seen := map[string]bool{}
	for _, dir := range unitDirs {
		entries, err := os.ReadDir(h.Path(dir))
		if err != nil {
			continue
		}
		for _, e := range entries {
			name, isService := strings.CutSuffix(e.Name(), ".service")
			if !isService || e.IsDir() || seen[name] {
				continue
			}
			seen[name] = true
			if u, found := h.unitNamed(name); found {
				text, _ := h.readUnit(name)
				u.mu.Lock()
				u.loaded = parseUnit(text)
				u.mu.Unlock()
			}
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for name := range h.units {
		if !seen[name] {
			delete(h.units, name)
		}
	}
}

func (h *Host) enabledUnits() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var names []string
	for name, u := range h.units {
		u.mu.Lock()
		if u.enabled {
			names = append(names, name)
		}
		u.mu.Unlock()
	}
	// scini before what needs it, as After= in the real units says.
	slices.SortFunc(names, func(a, b string) int {
		if (a == "scini") != (b == "scini") {
			if a == "scini" {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	return names
}

func (h *Host) setEnabled(name string, on bool) {
	u, found := h.unitNamed(name)
	if !found {
		return
	}
	u.mu.Lock()
	u.enabled = on
	wanted := u.loaded.wantedBy
	u.mu.Unlock()
	for _, target := range wanted {
		link := h.Path("/etc/systemd/system/" + target + ".wants/" + u.name + ".service")
		if !on {
			if err := os.Remove(link); err != nil && !os.IsNotExist(err) {
				h.try(err)
			}
			continue
		}
		h.try(replaceLink("/lib/systemd/system/"+u.name+".service", link))
	}
}

// startUnit starts a unit and waits until its program is ready or has ended. A unit that runs already is left alone.
func (h *Host) startUnit(name string) (*unit, error) {
	u, found := h.unitNamed(name)
	if !found {
		return nil, fs.ErrNotExist
	}
	u.mu.Lock()
	if u.state == "active" || u.state == "activating" && u.cancel != nil {
		u.mu.Unlock()
		return u, nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan struct{})
	u.cancel, u.killed, u.done, u.restarts = cancel, false, make(chan struct{}), 0
	u.state = "activating"
	done := u.done
	u.mu.Unlock()
	if !h.On() { // it died meanwhile; PowerOff has been here already
		cancel()
	}
	go u.run(ctx, ready, done)
	select {
	case <-ready:
	case <-done:
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.state == "failed" {
		return u, fmt.Errorf("exit status %d: %s", u.status, u.log)
	}
	return u, nil
}

// run is the life of a unit from start to stop, with its restarts.
func (u *unit) run(ctx context.Context, ready, done chan struct{}) {
	defer close(done)
	var once sync.Once
	isReady := func() { once.Do(func() { close(ready) }) }
	for {
		u.mu.Lock()
		file := u.loaded
		u.mu.Unlock()
		status, text := u.once(ctx, file, isReady)
		u.mu.Lock()
		u.status, u.log = status, text
		again := ctx.Err() == nil && (file.restart == "always" || file.restart == "on-failure" && status != 0)
		switch {
		case ctx.Err() != nil:
			u.state, u.cancel = "inactive", nil
		case again:
			u.state = "activating"
			u.restarts++
		case status != 0:
			u.state, u.cancel = "failed", nil
		default:
			u.state, u.cancel = "inactive", nil
		}
		u.mu.Unlock()
		if !again {
			return
		}
		isReady() // the caller of start does not wait for restarts
		wait := file.restartPause
		if bound := u.host.cfg.RestartPause; bound > 0 && wait > bound {
			wait = bound
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// once runs the unit's process one time.
func (u *unit) once(ctx context.Context, file unitFile, ready func()) (status int, text string) {
	h := u.host
	for _, pre := range file.pre {
		if len(pre) > 0 && path.Base(pre[0]) == "mkdir" {
			for _, dir := range pre[1:] {
				if !strings.HasPrefix(dir, "-") {
					h.try(os.MkdirAll(h.Path(dir), 0o755))
				}
			}
		}
	}
	if len(file.start) == 0 {
		return 203, "the unit has no ExecStart"
	}
	if info, err := os.Stat(h.Path(file.start[0])); err != nil || info.Mode()&0o111 == 0 {
		return 203, fmt.Sprintf("Failed to locate executable %s: No such file or directory", file.start[0])
	}
	name := path.Base(file.start[0])
	program, known := builtin[name]
	if p, registered := h.cfg.Programs[name]; registered {
		program, known = p, true
	}
	if !known {
		for registered, p := range h.cfg.Programs { // a program that was fetched under another name: rexray-0.11.4
			if strings.Contains(name, registered) {
				program, known = p, true
			}
		}
	}
	if !known {
		return 203, fmt.Sprintf("the lab has no program for %s", file.start[0])
	}
	environment := slices.Clone(file.environment)
	for _, name := range file.envFiles {
		if data, err := os.ReadFile(h.Path(name)); err == nil {
			environment = append(environment, strings.Fields(string(data))...)
		}
	}
	u.mu.Lock()
	if ctx.Err() == nil {
		u.state = "active"
	}
	u.mu.Unlock()
	var stderr bytes.Buffer
	status = program(ctx, Process{Host: h, Argv: file.start, Env: environment, Stderr: &stderr, Ready: ready, Killed: func() bool {
		u.mu.Lock()
		defer u.mu.Unlock()
		return u.killed
	}})
	return status, stderr.String()
}

// end stops the unit and waits for its process.
func (u *unit) end(killed bool) {
	u.mu.Lock()
	cancel, done := u.cancel, u.done
	u.killed = killed
	u.mu.Unlock()
	if cancel == nil {
		return
	}
	cancel()
	<-done
}

func (u *unit) kill() { u.end(true) }

func (h *Host) stopUnit(name string) {
	if u, found := h.unitNamed(name); found {
		u.end(false)
		u.mu.Lock()
		u.state = "inactive"
		u.mu.Unlock()
	}
}

// Unit tells what systemctl would of a unit: its state ("" when there is none), and what its process last wrote to stderr.
func (h *Host) Unit(name string) (state, stderr string) {
	u, found := h.unitNamed(name)
	if !found {
		return "", ""
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.state, u.log
}
