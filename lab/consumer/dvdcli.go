package consumer

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/dcos-scaleio/scaleio/lab/host"
)

// retries are the pauses of dvdcli while it finds nobody behind a driver's name: 15 s in all.
var retries = []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}

// Dvdcli is the program dvdcli of a machine.
func Dvdcli(ctx context.Context, h *host.Host, c host.Call) host.Result {
	if len(c.Argv) < 2 {
		return host.Result{Stderr: "Usage: dvdcli command\n", Status: 1}
	}
	if c.Argv[1] == "version" {
		return host.Result{Stdout: "Binary: " + c.Argv[0] + "\nSemVer: 0.2.1\n"}
	}
	driver, name, options, explicit, err := arguments(c.Argv[2:])
	if err != nil {
		return host.Result{Stderr: "panic: " + err.Error() + "\n", Status: 2}
	}
	out, err := withRetries(ctx, func() (string, error) { return once(ctx, h, c.Argv[1], driver, name, options, explicit) })
	if err != nil {
		text := err.Error()
		if errors.Is(err, errNoPlugin) {
			text = "Error looking up volume plugin " + text
		}
		return host.Result{Stderr: fmt.Sprintf("time=%q level=error msg=%q\n", time.Now().Format(time.RFC3339), text), Status: 1}
	}
	return host.Result{Stdout: out, Stderr: fmt.Sprintf("time=%q level=info msg=\"%s %s\"\n", time.Now().Format(time.RFC3339), c.Argv[1], name)}
}

func arguments(args []string) (driver, name string, options map[string]string, explicit bool, err error) {
	driver, options = "rexray", map[string]string{}
	for _, arg := range args {
		key, value, _ := strings.Cut(arg, "=")
		switch key {
		case "--volumedriver":
			driver = value
		case "--volumename":
			name = value
		case "--explicitcreate":
			explicit = true
		case "--volumeopts":
			for option := range strings.SplitSeq(value, ",") {
				k, v, found := strings.Cut(option, "=")
				if !found {
					return "", "", nil, false, errors.New("runtime error: index out of range")
				}
				options[k] = v
			}
		}
	}
	return driver, name, options, explicit, nil
}

func withRetries(ctx context.Context, try func() (string, error)) (out string, err error) {
	for i := 0; ; i++ {
		out, err = try()
		if !errors.Is(err, errNoPlugin) && !errors.Is(err, syscall.ECONNREFUSED) || i == len(retries) {
			return out, err
		}
		timer := time.NewTimer(retries[i])
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return "", ctx.Err()
		}
	}
}

func once(ctx context.Context, h *host.Host, command, driver, name string, options map[string]string, explicit bool) (string, error) {
	p, err := find(h.Dir(), driver)
	if err != nil {
		return "", fmt.Errorf("%s: %w", driver, err)
	}
	named := map[string]any{"Name": name}
	switch command {
	case "create":
		_, err = p.call(ctx, "Create", map[string]any{"Name": name, "Opts": options})
		return name + "\n", err
	case "mount":
		if _, err = p.call(ctx, "Get", named); err != nil && !errors.Is(err, syscall.ECONNREFUSED) && !explicit {
			_, err = p.call(ctx, "Create", map[string]any{"Name": name, "Opts": options})
		}
		if err != nil {
			return "", err
		}
		r, err := p.call(ctx, "Mount", named)
		return r.Mountpoint + "\n", err
	case "unmount":
		if _, err = p.call(ctx, "Get", named); err == nil {
			_, err = p.call(ctx, "Unmount", named)
		}
		return "", err
	case "path":
		r, err := p.call(ctx, "Path", named)
		return r.Mountpoint + "\n", err
	case "get":
		_, err = p.call(ctx, "Get", named)
		return name + "\n", err
	case "list":
		r, err := p.call(ctx, "List", map[string]any{})
		var names []string
		for _, v := range r.Volumes {
			names = append(names, v.Name+"\n")
		}
		return strings.Join(names, ""), err
	case "remove":
		_, err = p.call(ctx, "Remove", named)
		return "", err
	default:
		return "", fmt.Errorf("unknown command %q for \"dvdcli\"", command)
	}
}
