package node

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
)

// services enables and starts ScaleIO's services. They belong to the host's init: they outlive executor, agent and scheduler.
func services(w Work) []Step {
	var steps []Step
	for _, s := range []struct {
		unit   string
		wanted bool
	}{
		{"lia", w.wants("lia")},
		{"sds", w.Desired.SDS},
		{"scini", len(w.Desired.MDMs) > 0},
	} {
		if s.wanted {
			steps = append(steps, serviceStep(w, s.unit))
		}
	}
	return steps
}

func serviceStep(w Work, unit string) Step {
	return Step{
		Name: "service-" + unit, Stage: inventory.StageInstall,
		Explain: "enable and start the service " + unit,
		Check:   func(ctx context.Context) (bool, string, error) { return w.serves(ctx, unit) },
		Apply: func(ctx context.Context) (string, error) {
			for _, verb := range []string{"enable", "start"} {
				if _, err := w.do(ctx, commandTime, command("systemctl", verb, unit)); err != nil {
					return "", w.explained(ctx, unit, err)
				}
			}
			return fmt.Sprintf("the service %s is enabled and started", unit), nil
		},
	}
}

// serves says whether a service is enabled and active.
func (w Work) serves(ctx context.Context, unit string) (bool, string, error) {
	for _, question := range []string{"is-enabled", "is-active"} {
		r, err := w.ask(ctx, "systemctl", question, unit)
		if err != nil {
			return false, "", err
		}
		if r.Status != 0 {
			return false, fmt.Sprintf("systemctl %s %s: %s", question, unit, r.Tail()), nil
		}
	}
	return true, fmt.Sprintf("the service %s is enabled and active", unit), nil
}

// explained adds what systemd knows of a service that failed.
func (w Work) explained(ctx context.Context, unit string, err error) error {
	r, asked := w.ask(ctx, "systemctl", "status", "--no-pager", "--lines=5", unit)
	if asked != nil || len(r.Stdout) == 0 {
		return err
	}
	return fault.New(fault.KindOf(err), "", "", "%w; systemctl status: %s", err, Result{Stdout: r.Stdout}.Tail())
}

// sdc registers the client with the MDMs. The package does it when it is installed; this is for a client that was there before.
func sdc(w Work) []Step {
	if len(w.Desired.MDMs) == 0 {
		return nil
	}
	return []Step{{
		Name: "sdc-mdms", Stage: inventory.StageInstall,
		Explain: "register the SDC with the MDMs " + strings.Join(w.Desired.MDMs, ", "),
		Check: func(ctx context.Context) (bool, string, error) {
			known, err := w.registrations(ctx)
			if err != nil {
				return false, "", err
			}
			for _, r := range known {
				if missing := without(w.Desired.MDMs, r.addresses); len(missing) == 0 {
					return true, "the SDC is registered with the MDMs " + strings.Join(r.addresses, ", "), nil
				}
			}
			return false, "the SDC is not registered with the MDMs " + strings.Join(w.Desired.MDMs, ", "), nil
		},
		Apply: func(ctx context.Context) (string, error) {
			known, err := w.registrations(ctx)
			if err != nil {
				return "", err
			}
			all := strings.Join(w.Desired.MDMs, ",")
			argv := []string{driver(w.Host), "--add_mdm", "--ip", all}
			for _, r := range known { // the same system under some of the addresses
				if common := without(r.addresses, without(r.addresses, w.Desired.MDMs)); len(common) > 0 {
					argv = []string{argv[0], "--mod_mdm_ip", "--ip", common[0], "--new_mdm_ip", all}
				}
			}
			argv = append(argv, "--file", w.driverFile())
			_, err = w.do(ctx, commandTime, command(argv...))
			return "the SDC is registered with the MDMs " + all, err
		},
	}}
}

// driverFile is where drv_cfg keeps its configuration; without it a change is lost at the next boot.
func (w Work) driverFile() string {
	const usual, old = "/bin/emc/scaleio/drv_cfg.txt", "/etc/emc/scaleio/drv_cfg.txt"
	if !present(w.Host, usual) && present(w.Host, old) {
		return old
	}
	return usual
}

// registrations are the systems that the SDC knows: by its driver, and, while that has no connection and tells no addresses, by its file.
func (w Work) registrations(ctx context.Context) ([]registration, error) {
	name := driver(w.Host)
	if name == "" {
		return nil, fault.New(fault.NotFound, "SDC", "", "there is no drv_cfg (%s): the package sdc is not installed", strings.Join(drivers, ", "))
	}
	r, err := w.do(ctx, commandTime, command(name, "--query_mdms"))
	if err != nil {
		return nil, err
	}
	known := parseMDMs(r.Stdout)
	text, err := readFile(w.Host, w.driverFile())
	if err == nil {
		known = append(known, parseMDMLines(text)...)
	}
	return slices.DeleteFunc(known, func(r registration) bool { return len(r.addresses) == 0 }), nil
}

// without gives the texts of all that are not in some.
func without(all, some []string) (rest []string) {
	for _, text := range all {
		if !slices.Contains(some, text) {
			rest = append(rest, text)
		}
	}
	return rest
}

// Warnings are what an operator should know of a host before apps use volumes on it, as far as its files show it.
func Warnings(h Host, d inventory.Desired) []string {
	if d.REXRay == nil {
		return nil
	}
	var all []string
	find := func(program string) bool {
		return slices.ContainsFunc(append([]string{"/opt/mesosphere/bin", "/usr/local/bin"}, Programs...),
			func(dir string) bool { return present(h, path.Join(dir, program)) })
	}
	if !find("dvdcli") {
		all = append(all, "dvdcli is not on this host: without it in the agent's PATH the isolator docker/volume cannot mount volumes")
	}
	if mkfs := "mkfs." + d.REXRay.FSType; d.REXRay.FSType == "xfs" && !find(mkfs) {
		all = append(all, mkfs+" is not on this host: volumes that are new cannot be formatted here")
	}
	for _, file := range []string{"/etc/mesos-slave/isolation", "/opt/mesosphere/etc/mesos-slave-common"} {
		text, err := readFile(h, file)
		if err == nil && strings.Contains(string(text), "/") && !strings.Contains(string(text), "docker/volume") {
			all = append(all, file+" does not name the isolator docker/volume: containers of the Mesos containerizer get no volumes")
		}
	}
	return all
}
