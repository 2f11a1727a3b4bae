package host

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"
)

// Call is one run of a program.
type Call struct {
	Argv  []string // Argv[0] as it was called
	Env   []string
	Stdin []byte
	Dir   string // working directory, as the machine sees it; "" is /
}

// Result is what it left.
type Result struct {
	Stdout, Stderr string
	Status         int
}

// Command is a program of the machine.
type Command func(ctx context.Context, h *Host, c Call) Result

// ErrOff says that the machine is off or went off while the program ran.
var ErrOff = errors.New("the machine is off")

// commands are the built-in programs by base name.
var commands map[string]Command

func init() { // breaks the cycle of commands that run others
	commands = map[string]Command{
		"dpkg": dpkg, "dpkg-query": dpkgQuery, "dpkg-deb": dpkgDeb, "apt-get": aptGet,
		"rpm": rpm, "yum": yum, "systemctl": systemctl,
		"lsblk": lsblk, "blkid": blkid, "wipefs": wipefs, "ip": ip, "uname": uname,
		"drv_cfg": drvCfg, "scini": scini,
		"udevadm": silent, "modprobe": silent, "lsmod": lsmod, "mokutil": mokutil,
	}
}

// Run runs a program of the machine: with the same words, texts and exit statuses as the real one. It returns an error only if the
// machine is off, or when ctx ends.
func (h *Host) Run(ctx context.Context, c Call) (Result, error) {
	name := path.Base(c.Argv[0])
	run, known := h.cfg.Commands[name]
	if !known {
		run, known = commands[name]
	}
	h.mu.Lock()
	on, down := h.on, h.down
	f := h.matchFault(name, c.Argv[1:])
	h.mu.Unlock()
	if !on {
		return Result{}, ErrOff
	}
	if !known {
		return Result{Stderr: fmt.Sprintf("%s: command not found\n", name), Status: 127}, nil
	}
	if f != nil {
		result, done, err := f.apply(ctx, down)
		if done || err != nil {
			if err == nil {
				h.record(c, result.Status)
			}
			return result, err
		}
	}
	result := run(ctx, h, c)
	h.record(c, result.Status)
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	if !h.On() {
		return Result{}, ErrOff
	}
	return result, nil
}

func (h *Host) record(c Call, status int) {
	var names []string
	for _, e := range c.Env {
		name, _, _ := strings.Cut(e, "=")
		names = append(names, name)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.history = append(h.history, Ran{At: time.Now(), Argv: c.Argv, Env: names, Status: status})
}

// matchFault takes the fault for a command; h.mu is held.
func (h *Host) matchFault(name string, args []string) *Fault {
	line := strings.Join(append([]string{name}, args...), " ")
	for _, f := range h.faults {
		if f.Times != 0 && f.Command.MatchString(line) {
			f.Times--
			copied := *f
			return &copied
		}
	}
	return nil
}

// apply misbehaves; done says that the command is not to be run any more.
func (f *Fault) apply(ctx context.Context, down <-chan struct{}) (result Result, done bool, err error) {
	var after <-chan time.Time
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		after = timer.C
	}
	if f.Hang || f.Delay > 0 {
		select {
		case <-after:
		case <-down:
			return Result{}, true, ErrOff
		case <-ctx.Done():
			return Result{}, true, ctx.Err()
		}
	}
	if f.Status != 0 {
		return Result{Stderr: f.Stderr, Status: f.Status}, true, nil
	}
	return Result{}, false, nil
}

func env(c Call, name string) string {
	for i := len(c.Env) - 1; i >= 0; i-- {
		if key, value, _ := strings.Cut(c.Env[i], "="); key == name {
			return value
		}
	}
	return ""
}

func failure(status int, format string, args ...any) Result {
	return Result{Stderr: fmt.Sprintf(format, args...), Status: status}
}

// take splits args into options and operands. Options in valued take the next argument, or what follows "=".
func take(args []string, valued ...string) (options map[string]string, operands []string) {
	options = map[string]string{}
	takes := map[string]bool{}
	for _, v := range valued {
		takes[v] = true
	}
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if arg == "--" {
			return options, append(operands, args[i+1:]...)
		}
		if len(arg) < 2 || arg[0] != '-' {
			operands = append(operands, arg)
			continue
		}
		name, value, glued := strings.Cut(arg, "=")
		switch {
		case glued && strings.HasPrefix(arg, "--"):
			options[name] = value
		case takes[arg] && i+1 < len(args):
			i++
			options[arg] = args[i]
		case !strings.HasPrefix(arg, "--") && len(arg) > 2 && takes[arg[:2]]:
			options[arg[:2]] = arg[2:]
		case !strings.HasPrefix(arg, "--") && len(arg) > 2:
			for _, letter := range arg[1:] { // a bundle of switches; the last may take a value
				options["-"+string(letter)] = ""
			}
			last := "-" + arg[len(arg)-1:]
			if takes[last] && i+1 < len(args) {
				i++
				options[last] = args[i]
			}
		default:
			options[arg] = ""
		}
	}
	return options, operands
}

func has(options map[string]string, names ...string) bool {
	for _, n := range names {
		if _, found := options[n]; found {
			return true
		}
	}
	return false
}

func value(options map[string]string, names ...string) string {
	for _, n := range names {
		if v, found := options[n]; found {
			return v
		}
	}
	return ""
}

func silent(context.Context, *Host, Call) Result { return Result{} }

func mokutil(context.Context, *Host, Call) Result { return Result{Stdout: "SecureBoot disabled\n"} }
