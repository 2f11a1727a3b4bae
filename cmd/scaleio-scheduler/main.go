// Command scaleio-scheduler is the framework's scheduler. `scaleio-scheduler spec render` prints the service specification that the given
// options make, and runs nothing. `scaleio-scheduler state check|dump|restore` works on the store (docs/state.md).
//
// Exit status: 0 stopped by a signal, 1 something final happened (the log says what), 2 the options are wrong.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/options"
	"github.com/dcos-scaleio/scaleio/framework/service"
	"github.com/dcos-scaleio/scaleio/framework/version"
	"github.com/dcos-scaleio/scaleio/templates"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	if len(args) >= 1 && args[0] == "state" {
		return runState(args[1:])
	}
	render := len(args) >= 2 && args[0] == "spec" && args[1] == "render"
	if render {
		args = args[2:]
	}
	if len(args) == 1 && (args[0] == "--version" || args[0] == "-version") {
		fmt.Println(version.Version)
		return 0
	}
	if len(args) == 1 && (args[0] == "--help" || args[0] == "-help" || args[0] == "-h") {
		fmt.Print(options.Help())
		return 0
	}
	o, err := options.Parse(args, os.Environ())
	if err != nil {
		return refuse(err)
	}
	for _, name := range options.SecretVariables() {
		os.Unsetenv(name) // no child of ours inherits them
	}
	yaml, s, err := templates.Service(o)
	if err != nil {
		return refuse(err)
	}
	if render {
		os.Stdout.Write(yaml)
		return 0
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var level slog.Level
	level.UnmarshalText([]byte(o.LogLevel)) // checked by Parse
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	if err := service.Run(ctx, o, s, log); err != nil {
		log.Error("the scheduler ends", "error", err)
		return 1
	}
	return 0
}

// refuse prints every error on a line of its own.
func refuse(err error) int {
	for _, line := range fault.Lines(err) {
		fmt.Fprintln(os.Stderr, line)
	}
	return 2
}
