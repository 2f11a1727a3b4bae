package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/options"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
	"github.com/dcos-scaleio/scaleio/framework/service"
	"github.com/dcos-scaleio/scaleio/framework/state"
	"github.com/dcos-scaleio/scaleio/framework/state/backup"
)

const stateUsage = `scaleio-scheduler state check [OPTION...]           read every key as a scheduler would, and name the bad ones
scaleio-scheduler state dump [OPTION...]            write all keys with their values to the standard output
scaleio-scheduler state restore FILE [-force] [OPTION...]
                                                    write such a dump to an empty store; with -force to any, in place of what it holds

The options are those of the scheduler; only those of the store, service.name and loglevel matter. FILE may be - for the standard input.
`

// stateCommand is a verb of `scaleio-scheduler state`.
type stateCommand func(ctx context.Context, store state.Store, in io.Reader, out io.Writer) error

// runState carries out `scaleio-scheduler state args...`.
func runState(args []string) int {
	var command stateCommand
	in := os.Stdin
	switch verb := first(&args); verb {
	case "check":
		command = checkState
	case "dump":
		command = dumpState
	case "restore":
		file := first(&args)
		if file == "" || file != "-" && strings.HasPrefix(file, "-") {
			return misused("state restore needs the name of a dump")
		}
		force := false
		args = slices.DeleteFunc(args, func(arg string) bool {
			is := arg == "-force" || arg == "--force"
			force = force || is
			return is
		})
		if file != "-" {
			var err error
			if in, err = os.Open(file); err != nil {
				return failed(fault.New(fault.Invalid, "dump", "read", "%w", err))
			}
			defer in.Close()
		}
		command = restoreState(force)
	case "-h", "-help", "--help":
		fmt.Print(stateUsage)
		return 0
	default:
		return misused(fmt.Sprintf("%q: expected check, dump or restore", verb))
	}
	return withStore(args, in, command)
}

// withStore runs a command with the store that the options name.
func withStore(args []string, in io.Reader, command stateCommand) int {
	o, err := options.ParseStore(args, os.Environ())
	if err != nil {
		return refuse(err)
	}
	for _, name := range options.SecretVariables() {
		os.Unsetenv(name)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var level slog.Level
	level.UnmarshalText([]byte(o.LogLevel)) // checked by ParseStore
	store, err := service.OpenStore(o, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level})))
	if err != nil {
		return failed(err)
	}
	defer store.Close()
	out := bufio.NewWriter(os.Stdout)
	if err := command(ctx, store, in, out); err != nil {
		return failed(err)
	}
	if err := out.Flush(); err != nil {
		return failed(err)
	}
	return 0
}

func checkState(ctx context.Context, store state.Store, _ io.Reader, out io.Writer) error {
	all, err := store.List(ctx, "")
	if err != nil {
		return err
	}
	if err := scheduler.Check(all); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%d keys, all good\n", len(all))
	return err
}

func dumpState(ctx context.Context, store state.Store, _ io.Reader, out io.Writer) error {
	return backup.Dump(ctx, store, out)
}

// restoreState has the lock while it writes: no scheduler may run on what is replaced under it.
func restoreState(force bool) stateCommand {
	return func(ctx context.Context, store state.Store, in io.Reader, out io.Writer) error {
		ctx, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		_, err := store.Acquire(ctx, service.Owner("state restore"), func(holder string) {
			cancel(fault.New(fault.Conflict, "state store", "restore", "it is in use by %s; stop that one first", holder))
		})
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		if err != nil {
			return err
		}
		keys, err := backup.Restore(ctx, store, in, force)
		if err == nil {
			_, err = fmt.Fprintf(out, "%d keys restored\n", keys)
		}
		return err
	}
}

// first takes the first argument, or "" when there is none.
func first(args *[]string) string {
	if len(*args) == 0 {
		return ""
	}
	arg := (*args)[0]
	*args = (*args)[1:]
	return arg
}

func misused(why string) int {
	fmt.Fprint(os.Stderr, why+"\n\n"+stateUsage)
	return 2
}

func failed(err error) int {
	for _, line := range fault.Lines(err) {
		fmt.Fprintln(os.Stderr, line)
	}
	return 1
}
