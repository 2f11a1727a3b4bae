package lab

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mattn/go-isatty"
	"golang.org/x/term"
	"sigs.k8s.io/yaml"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/lab/scenario"
	"github.com/dcos-scaleio/scaleio/lab/scenarios"
)

const usage = `scaleio-lab is a whole cluster on one machine (docs/lab.md).

  scaleio-lab up [--scenario NAME|FILE] [--options FILE] [--agents N] [--keep] [--mesos URL] [--report FILE] [--json]
        bring it up, deploy, compare with what the scenario expects; exit status 0 only if all holds
  scaleio-lab scenarios
        list the scenarios
  scaleio-lab bench [--agents N,...] [--json]
        how long clusters of so many agents take, and what the scheduler takes for it
`

// Exit statuses of Command.
const (
	exitFailed = 1 // the scenario's expectations do not hold, or it could not be carried out
	exitUsage  = 2
)

// Command is the program scaleio-lab, without what Main of package host does.
func Command(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	switch args[0] {
	case "up":
		return commandUp(args[1:], stdout, stderr)
	case "scenarios":
		return commandScenarios(stdout, stderr)
	case "bench":
		return commandBench(args[1:], stdout, stderr)
	case minderCommand:
		Mind(os.Stdin)
		return 0
	case "help", "-h", "--help":
		fmt.Fprint(stdout, usage)
		return 0
	default:
		fmt.Fprintf(stderr, "there is no command %q\n\n%s", args[0], usage)
		return exitUsage
	}
}

func commandScenarios(stdout, stderr io.Writer) int {
	var rows [][]any
	for _, name := range scenarios.Names() {
		s, err := scenarios.Load(name)
		if err != nil {
			fmt.Fprintln(stderr, err)
			return exitFailed
		}
		rows = append(rows, []any{name, s.About})
	}
	table(stdout, rows...)
	return 0
}

// upFlags are those of "up".
type upFlags struct {
	scenario, options, mesos, report string
	agents                           int
	keep, json, debug                bool
	programs                         Programs
}

func parseUp(args []string, stderr io.Writer) (*upFlags, error) {
	f := &upFlags{}
	set := flag.NewFlagSet("scaleio-lab up", flag.ContinueOnError)
	set.SetOutput(stderr)
	set.StringVar(&f.scenario, "scenario", "seed-16", "one of `NAME`, see scaleio-lab scenarios, or a file")
	set.StringVar(&f.options, "options", "", "`FILE` (JSON or YAML) with options to put over those of the scenario, as options.json has them")
	set.IntVar(&f.agents, "agents", 0, "`N` of the scenario's first kind of agents instead of its own count")
	set.BoolVar(&f.keep, "keep", false, "stay up until Ctrl-C, and leave the files")
	set.StringVar(&f.mesos, "mesos", "", "`URL` of a real Mesos master whose agents run on this machine")
	set.StringVar(&f.report, "report", "", "write the report to `FILE` as JSON")
	set.BoolVar(&f.json, "json", false, "print the report as JSON instead of progress and tables")
	set.BoolVar(&f.debug, "debug", false, "show what the lab itself logs")
	set.StringVar(&f.programs.Scheduler, "scheduler", "", "`PATH` of scaleio-scheduler; default next to this program")
	set.StringVar(&f.programs.Executor, "executor", "", "`PATH` of scaleio-executor; default next to this program")
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	if set.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q", set.Arg(0))
	}
	return f, f.programs.find(true)
}

// find fills in the programs that lie next to this one.
func (p *Programs) find(withExecutor bool) (err error) {
	if p.Lab, err = os.Executable(); err != nil {
		return err
	}
	needed := map[string]*string{"scaleio-scheduler": &p.Scheduler}
	if withExecutor {
		needed["scaleio-executor"] = &p.Executor
	}
	for name, place := range needed {
		if *place == "" {
			*place = filepath.Join(filepath.Dir(p.Lab), name)
		}
		if *place, err = filepath.Abs(*place); err != nil {
			return err
		}
		if _, err := os.Stat(*place); err != nil {
			return fmt.Errorf("%s is not there: build it next to scaleio-lab (make build), or say where it is by a flag", *place)
		}
	}
	return nil
}

// loadScenario takes a name or a file.
func loadScenario(name string) (*scenario.Scenario, error) {
	if !strings.ContainsAny(name, "/.") {
		return scenarios.Load(name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return scenario.Parse(name, text)
}

// readOptions reads a file of nested groups.
func readOptions(name string) (map[string]any, error) {
	if name == "" {
		return nil, nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	groups := map[string]any{}
	if err := yaml.UnmarshalStrict(text, &groups); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return scenario.Flatten(groups), nil
}

func commandUp(args []string, stdout, stderr io.Writer) int {
	f, err := parseUp(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	var up Up
	if err == nil {
		up, err = f.up(stdout, stderr)
	}
	if err != nil {
		for _, line := range fault.Lines(err) {
			fmt.Fprintln(stderr, line)
		}
		return exitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	report, err := up.Do(ctx)
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v\n", up.Scenario.Name, err)
	}
	if err := f.deliver(report, stdout); err != nil {
		fmt.Fprintln(stderr, err)
		return exitFailed
	}
	if err != nil || !report.Passed {
		return exitFailed
	}
	return 0
}

// up makes of the flags what is to be done.
func (f *upFlags) up(stdout, stderr io.Writer) (Up, error) {
	s, err := loadScenario(f.scenario)
	if err != nil {
		return Up{}, err
	}
	if f.agents != 0 {
		if err := s.Resize(f.agents); err != nil {
			return Up{}, err
		}
	}
	options, err := readOptions(f.options)
	if err != nil {
		return Up{}, err
	}
	up := Up{Scenario: s, Options: options, Master: f.mesos, Keep: f.keep, Programs: f.programs, Out: stdout}
	if f.json {
		up.Out = io.Discard
	}
	if f.debug {
		up.Log = slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if out, isFile := up.Out.(*os.File); isFile && isatty.IsTerminal(out.Fd()) {
		up.Terminal = true
		if width, _, err := term.GetSize(int(out.Fd())); err == nil {
			up.Width = width
		}
	}
	return up, nil
}

// deliver writes the report where it is wanted.
func (f *upFlags) deliver(report *Report, stdout io.Writer) error {
	if f.report != "" {
		if err := report.Write(f.report); err != nil {
			return err
		}
	}
	if !f.json {
		return nil
	}
	return encode(stdout, report)
}

func encode(out io.Writer, v any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}
