package host

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
)

// repository is what the distribution's package tools can get without us.
var repository = []string{"libaio", "libaio1", "numactl", "binutils", "bash-completion", "wget", "curl", "zip", "unzip", "openssl", "kmod",
	"e2fsprogs", "xfsprogs", "util-linux", "iproute2", "iproute", "ca-certificates", "python3", "mutt"}

// file reads a file that a program was given by name.
func (h *Host) file(name string) ([]byte, error) {
	if strings.HasPrefix(name, h.cfg.Dir+"/") {
		return os.ReadFile(name)
	}
	return os.ReadFile(h.Path(name))
}

func (h *Host) packageFile(name string) (Package, error) {
	data, err := h.file(name)
	if err != nil {
		return Package{}, err
	}
	p, err := ParsePackage(data)
	if err == nil && p.Family != h.cfg.Family {
		err = fmt.Errorf("is a package for %s", p.Family)
	}
	return p, err
}

func (h *Host) lookup(name string) (Package, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	p, found := h.installed[name]
	return p, found
}

// matching lists the installed packages that pattern (a glob) names, sorted.
func (h *Host) matching(pattern string) []Package {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []Package
	for name, p := range h.installed {
		if ok, err := path.Match(pattern, name); ok && err == nil {
			all = append(all, p)
		}
	}
	slices.SortFunc(all, func(a, b Package) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// missing lists what p needs and the machine has not.
func (h *Host) missing(p Package) []string {
	var all []string
	for _, need := range p.Needs {
		if _, found := h.lookup(need); !found {
			all = append(all, need)
		}
	}
	return all
}

// unpack installs p as its scriptlets do with the variables of c's environment: files, unit, service enabled and started.
func (h *Host) unpack(p Package, c Call) error {
	h.mu.Lock()
	_, upgrade := h.installed[p.Name]
	h.installed[p.Name] = p
	h.mu.Unlock()
	if p.Component == "" {
		return nil
	}
	service, files := "", map[string]string{}
	switch p.Component {
	case "sds":
		service = "sds"
		files["/opt/emc/scaleio/sds/bin/sds"] = ""
		files["/opt/emc/scaleio/sds/cfg/conf.txt"] = "actor_role_is_tgt=1\n"
	case "lia":
		service = "lia"
		files["/opt/emc/scaleio/lia/bin/lia"] = ""
		if token := env(c, "TOKEN"); token != "" || !upgrade {
			if err := writeFile(h.Path("/opt/emc/scaleio/lia/cfg/conf.txt"), "lia_token="+token+"\n", 0o600); err != nil {
				return err
			}
		}
	case "sdc":
		service = "scini"
		for _, program := range []string{"drv_cfg", "scini"} {
			if err := h.link("/opt/emc/scaleio/sdc/bin/" + program); err != nil {
				return err
			}
		}
		if err := h.configureSDC(env(c, "MDM_IP")); err != nil {
			return err
		}
	default:
		return fmt.Errorf("the lab does not know the component %q", p.Component)
	}
	for name, content := range files {
		if err := writeFile(h.Path(name), content, 0o755); err != nil {
			return err
		}
	}
	unitFile := fmt.Sprintf("[Unit]\nDescription=ScaleIO %s\nAfter=network-online.target\n[Service]\nExecStart=%s\nRestart=always\n[Install]\nWantedBy=multi-user.target\n",
		p.Component, map[string]string{"sds": "/opt/emc/scaleio/sds/bin/sds", "lia": "/opt/emc/scaleio/lia/bin/lia", "scini": "/opt/emc/scaleio/sdc/bin/scini start"}[service])
	if err := writeFile(h.Path("/lib/systemd/system/"+service+".service"), unitFile, 0o644); err != nil {
		return err
	}
	h.daemonReload()
	h.setEnabled(service, true)
	if upgrade {
		h.stopUnit(service)
	}
	_, err := h.startUnit(service)
	return err
}

func (h *Host) remove(name string) {
	h.mu.Lock()
	p := h.installed[name]
	delete(h.installed, name)
	h.mu.Unlock()
	if service := map[string]string{"sds": "sds", "lia": "lia", "sdc": "scini"}[p.Component]; service != "" {
		h.stopUnit(service)
		h.setEnabled(service, false)
		h.try(os.Remove(h.Path("/lib/systemd/system/" + service + ".service")))
		h.daemonReload()
	}
}

// fetch installs packages of the distribution, and package files, as apt-get and yum do.
func (h *Host) fetch(c Call, names []string, unknown func(string) Result) Result {
	var r Result
	for _, name := range names {
		if strings.Contains(name, "/") {
			p, err := h.packageFile(name)
			if err != nil {
				return unknown(name)
			}
			h.fetch(c, p.Needs, unknown)
			if err := h.unpack(p, c); err != nil {
				return failure(1, "%s: %v\n", p.Name, err)
			}
			continue
		}
		name, _, _ = strings.Cut(name, "=")
		if !slices.Contains(repository, name) {
			return unknown(name)
		}
		if _, found := h.lookup(name); found {
			r.Stdout += name + " is already the newest version.\n"
			continue
		}
		h.try(h.unpack(Package{Name: name, Version: "1.0-1", Family: h.cfg.Family}, c))
		r.Stdout += "Setting up " + name + " (1.0-1) ...\n"
	}
	return r
}
