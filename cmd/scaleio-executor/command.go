package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"path"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/dcos-scaleio/scaleio/framework/executor"
	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/node"
	"github.com/dcos-scaleio/scaleio/framework/spec"
	"github.com/dcos-scaleio/scaleio/framework/version"
)

// Exit codes.
const (
	exitOK      = 0
	exitRefused = 1 // devices: a PATH that was given may not be taken or is not there
	exitUsage   = 2
	exitFailed  = 3 // run: the executor cannot go on; devices: the host could not be probed
)

const usage = `usage:
  scaleio-executor run [-host-root PATH]
      The executor; started by a Mesos agent, whose environment it reads.
  scaleio-executor devices [--json] [--allow-loop] [--min-size SIZE] [--max-size SIZE] [--exclude GLOB]... [--host-root PATH] [PATH]...
      Shows every block device of this host, or those named by path, id or link: whether it may be taken, and each check that refuses it.
      Changes nothing. Run it as root, or devices cannot be read and are refused.
  scaleio-executor --version

exit codes: 0 all went well (devices: every PATH that was given may be taken)
            1 devices: a PATH that was given may not be taken or is not there
            2 wrong arguments
            3 run: the executor cannot go on; devices: the host could not be probed
`

// command runs the program with its arguments and gives its exit code.
func command(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	switch args[0] {
	case "run":
		return run(ctx, args[1:], getenv, stderr)
	case "devices":
		return devices(ctx, args[1:], stdout, stderr)
	case "-version", "--version", "version":
		fmt.Fprintf(stdout, "scaleio-executor %s %s/%s\n", version.Version, runtime.GOOS, runtime.GOARCH)
		return exitOK
	case "-h", "-help", "--help", "help":
		fmt.Fprint(stdout, usage)
		return exitOK
	}
	fmt.Fprintf(stderr, "scaleio-executor: unknown command %q\n%s", args[0], usage)
	return exitUsage
}

// flags gives a flag set that says what is wrong in one line.
func flags(name string, stderr io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet("scaleio-executor "+name, flag.ContinueOnError)
	f.SetOutput(stderr)
	f.Usage = func() { fmt.Fprint(stderr, usage) }
	return f
}

func run(ctx context.Context, args []string, getenv func(string) string, stderr io.Writer) int {
	f := flags("run", stderr)
	root := f.String("host-root", "/", "")
	if err := f.Parse(args); err != nil {
		return parsed(err)
	}
	if f.NArg() > 0 {
		fmt.Fprintf(stderr, "scaleio-executor run: unexpected argument %q\n", f.Arg(0))
		return exitUsage
	}
	cfg, err := executor.FromEnv(getenv)
	if err != nil {
		return report(stderr, exitUsage, err)
	}
	cfg.Version = version.Version
	cfg.Log = slog.New(slog.NewTextHandler(stderr, nil))
	cfg.Host = func(hostname string) (node.Host, error) { return machineOf(*root, hostname) }
	if err := executor.Run(ctx, cfg); err != nil {
		return report(stderr, exitFailed, err)
	}
	return exitOK
}

// machineOf gives the machine of a root in which {hostname} stands for the agent's name.
func machineOf(root, hostname string) (node.Host, error) {
	if strings.Contains(root, "{hostname}") {
		if hostname != path.Base(hostname) || strings.HasPrefix(hostname, ".") {
			return nil, fault.New(fault.Invalid, "host root "+root, "", "the hostname %q is no name of a directory", hostname)
		}
		root = strings.ReplaceAll(root, "{hostname}", hostname)
	}
	return node.NewHost(root)
}

// parsed gives the exit code of arguments that flag refused, or that asked for help.
func parsed(err error) int {
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	return exitUsage
}

func report(stderr io.Writer, code int, err error) int {
	for _, line := range fault.Lines(err) {
		fmt.Fprintln(stderr, "scaleio-executor:", line)
	}
	return code
}

// verdict is a device with the checks that refuse it.
type verdict struct {
	inventory.Device
	Taken    bool                `json:"may_be_taken"`
	Refusals []inventory.Refusal `json:"refusals"`
}

func devices(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	f := flags("devices", stderr)
	limits := inventory.Limits{MinSize: 100 << 30} // as the option devices.min_size by default
	asJSON, root := f.Bool("json", false, ""), f.String("host-root", "/", "")
	f.BoolVar(&limits.AllowLoop, "allow-loop", false, "")
	f.Func("min-size", "", size(&limits.MinSize))
	f.Func("max-size", "", size(&limits.MaxSize))
	f.Func("exclude", "", func(glob string) error {
		_, err := path.Match(glob, "")
		limits.Exclude = append(limits.Exclude, glob)
		return err
	})
	if err := f.Parse(args); err != nil {
		return parsed(err)
	}
	h, err := machineOf(*root, "localhost")
	if err != nil {
		return report(stderr, exitFailed, err)
	}
	found, warnings := node.Devices(ctx, h)
	for _, w := range warnings {
		fmt.Fprintln(stderr, "scaleio-executor:", w)
	}
	if found == nil && len(warnings) > 0 {
		return exitFailed
	}
	verdicts, code := judge(found, f.Args(), limits)
	if err := show(stdout, verdicts, *asJSON); err != nil {
		return report(stderr, exitFailed, err)
	}
	return code
}

func size(to *uint64) func(string) error {
	return func(text string) error {
		bytes, err := spec.ParseSize(text)
		*to = uint64(bytes)
		return err
	}
}

// judge examines the devices that names name, or all.
func judge(found []inventory.Device, names []string, limits inventory.Limits) ([]verdict, int) {
	all, code := []verdict{}, exitOK
	add := func(d inventory.Device) {
		refusals := append([]inventory.Refusal{}, inventory.Examine(d, limits)...)
		if all = append(all, verdict{d, len(refusals) == 0, refusals}); len(refusals) > 0 && len(names) > 0 {
			code = exitRefused
		}
	}
	if len(names) == 0 {
		for _, d := range found {
			add(d)
		}
	}
	for _, name := range names {
		i := slices.IndexFunc(found, func(d inventory.Device) bool { return d.Path == name || d.ID == name || slices.Contains(d.Links, name) })
		if i < 0 {
			part := slices.IndexFunc(found, func(d inventory.Device) bool { return slices.Contains(d.Partitions, name) })
			reason := "there is no such device on this host"
			if part >= 0 {
				reason = name + " is a partition of " + found[part].Path + "; expected a whole disk"
			}
			all = append(all, verdict{inventory.Device{ID: name, Path: name}, false, []inventory.Refusal{{Check: "exists", Reason: reason}}})
			code = exitRefused
			continue
		}
		add(found[i])
	}
	return all, code
}

func show(to io.Writer, verdicts []verdict, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(to)
		e.SetIndent("", "  ")
		return e.Encode(verdicts)
	}
	t := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "DEVICE\tSIZE\tTYPE\tMEDIA\tVERDICT\tCHECK\tWHY")
	for _, v := range verdicts {
		line := fmt.Sprintf("%s\t%s\t%s\t%s", v.Path, spec.Size(v.Size), dash(v.Type), dash(v.Media))
		if v.Taken {
			fmt.Fprintf(t, "%s\tmay be taken\t-\tevery check passes\n", line)
			continue
		}
		for i, r := range v.Refusals {
			if i > 0 {
				fmt.Fprintf(t, "\t\t\t\t\t%s\t%s\n", r.Check, r.Reason)
				continue
			}
			fmt.Fprintf(t, "%s\trefused\t%s\t%s\n", line, r.Check, r.Reason)
		}
	}
	return t.Flush()
}

func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
