package host

import (
	"context"
	"fmt"
	"os"
	"path"
	"regexp"
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

func dpkg(_ context.Context, h *Host, c Call) Result {
	options, operands := take(c.Argv[1:], "--print-architecture")
	switch {
	case has(options, "--print-architecture"):
		return Result{Stdout: "amd64\n"}
	case has(options, "--version"):
		return Result{Stdout: "Debian 'dpkg' package management program version 1.21.1 (amd64).\n"}
	case has(options, "-s", "--status"):
		return dpkgStatus(h, operands)
	case has(options, "-i", "--install"):
		return dpkgInstall(h, c, operands)
	case has(options, "-r", "--remove", "-P", "--purge"):
		for _, name := range operands {
			h.remove(name)
		}
		return Result{}
	case has(options, "--configure"):
		return Result{}
	default:
		return failure(2, "dpkg: error: need an action option\n")
	}
}

func dpkgStatus(h *Host, names []string) Result {
	var r Result
	for _, name := range names {
		p, found := h.lookup(name)
		if !found {
			r.Stderr += fmt.Sprintf("dpkg-query: package '%s' is not installed and no information is available\n", name)
			r.Status = 1
			continue
		}
		r.Stdout += fmt.Sprintf("Package: %s\nStatus: install ok installed\nArchitecture: amd64\nVersion: %s\n\n", p.Name, p.Version)
	}
	return r
}

func dpkgInstall(h *Host, c Call, files []string) Result {
	var r Result
	fail := func(file, text string) {
		r.Stderr += fmt.Sprintf("dpkg: error processing %s (--install):\n %s\n", file, text)
		r.Status = 1
	}
	for _, file := range files {
		p, err := h.packageFile(file)
		if err != nil {
			fail("archive "+file, err.Error())
			continue
		}
		r.Stdout += fmt.Sprintf("Selecting previously unselected package %s.\nUnpacking %s (%s) ...\n", p.Name, p.Name, p.Version)
		if missing := h.missing(p); len(missing) > 0 {
			r.Stderr += fmt.Sprintf("dpkg: dependency problems prevent configuration of %s:\n %s depends on %s; however:\n  Package %s is not installed.\n\n",
				p.Name, p.Name, missing[0], missing[0])
			fail("package "+p.Name, "dependency problems - leaving unconfigured")
			continue
		}
		r.Stdout += fmt.Sprintf("Setting up %s (%s) ...\n", p.Name, p.Version)
		if err := h.unpack(p, c); err != nil {
			fail("package "+p.Name, "installed "+p.Name+" package post-installation script subprocess returned error exit status 1: "+err.Error())
		}
	}
	if r.Status != 0 {
		r.Stderr += "Errors were encountered while processing:\n " + strings.Join(files, "\n ") + "\n"
	}
	return r
}

func dpkgDeb(_ context.Context, h *Host, c Call) Result {
	options, operands := take(c.Argv[1:])
	if len(operands) == 0 {
		return failure(2, "dpkg-deb: error: need an archive\n")
	}
	p, err := h.packageFile(operands[0])
	if err != nil {
		return failure(2, "dpkg-deb: error: '%s' is not a Debian format archive\n", operands[0])
	}
	fields := map[string]string{"Package": p.Name, "Version": p.Version, "Architecture": "amd64", "Depends": strings.Join(p.Needs, ", ")}
	switch {
	case has(options, "-f", "--field") && len(operands) == 2:
		return Result{Stdout: fields[operands[1]] + "\n"}
	case has(options, "-W", "--show"):
		return Result{Stdout: p.Name + "\t" + p.Version + "\n"}
	default:
		return Result{Stdout: fmt.Sprintf("Package: %s\nVersion: %s\nArchitecture: amd64\n", p.Name, p.Version)}
	}
}

var dpkgToken = regexp.MustCompile(`\$\{([^}]*)\}`)

func dpkgQuery(_ context.Context, h *Host, c Call) Result {
	options, patterns := take(c.Argv[1:], "-f", "--showformat")
	if has(options, "-s", "--status") {
		return dpkgStatus(h, patterns)
	}
	format := value(options, "-f", "--showformat")
	if format == "" {
		format = "${binary:Package}\t${Version}\n"
	}
	if len(patterns) == 0 {
		patterns = []string{"*"}
	}
	var r Result
	for _, pattern := range patterns {
		found := h.matching(pattern)
		if len(found) == 0 {
			r.Stderr += "dpkg-query: no packages found matching " + pattern + "\n"
			r.Status = 1
		}
		for _, p := range found {
			r.Stdout += unescape(dpkgToken.ReplaceAllStringFunc(format, func(token string) string {
				switch token[2 : len(token)-1] {
				case "Package", "binary:Package":
					return p.Name
				case "Version":
					return p.Version
				case "Status":
					return "install ok installed"
				case "db:Status-Status":
					return "installed"
				case "db:Status-Abbrev":
					return "ii "
				case "Architecture":
					return "amd64"
				default:
					return ""
				}
			}))
		}
	}
	return r
}

func unescape(s string) string {
	return strings.NewReplacer(`\n`, "\n", `\t`, "\t", `\\`, `\`).Replace(s)
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

func aptGet(_ context.Context, h *Host, c Call) Result {
	_, operands := take(c.Argv[1:], "-o", "--option", "-c", "-t")
	if len(operands) == 0 {
		return failure(1, "apt 2.4.11 (amd64)\n")
	}
	switch operands[0] {
	case "update", "clean", "autoclean", "check":
		return Result{Stdout: "Reading package lists...\n"}
	case "install":
		return h.fetch(c, operands[1:], func(name string) Result { return failure(100, "E: Unable to locate package %s\n", name) })
	case "remove", "purge":
		for _, name := range operands[1:] {
			h.remove(name)
		}
		return Result{}
	default:
		return failure(100, "E: Invalid operation %s\n", operands[0])
	}
}

func yum(_ context.Context, h *Host, c Call) Result {
	_, operands := take(c.Argv[1:])
	if len(operands) == 0 {
		return failure(1, "You need to give some command\n")
	}
	switch operands[0] {
	case "makecache", "clean":
		return Result{}
	case "install", "localinstall", "update":
		return h.fetch(c, operands[1:], func(name string) Result { return failure(1, "No package %s available.\nError: Nothing to do\n", name) })
	case "remove", "erase":
		for _, name := range operands[1:] {
			h.remove(name)
		}
		return Result{}
	default:
		return failure(1, "No such command: %s\n", operands[0])
	}
}

var rpmToken = regexp.MustCompile(`%\{([^}]*)\}`)

func rpmFormat(p Package, format string) string {
	version, release := p.release()
	return unescape(rpmToken.ReplaceAllStringFunc(format, func(token string) string {
		switch strings.ToUpper(token[2 : len(token)-1]) {
		case "NAME":
			return p.Name
		case "VERSION":
			return version
		case "RELEASE":
			return release
		case "ARCH":
			return "x86_64"
		case "EVR":
			return version + "-" + release
		default:
			return "(none)"
		}
	}))
}

func rpm(_ context.Context, h *Host, c Call) Result {
	options, operands := take(c.Argv[1:], "--qf", "--queryformat")
	switch {
	case has(options, "--version"):
		return Result{Stdout: "RPM version 4.11.3\n"}
	case has(options, "-q", "--query"):
		return rpmQuery(h, options, operands)
	case has(options, "-e", "--erase"):
		return rpmErase(h, operands)
	case has(options, "-i", "--install", "-U", "--upgrade", "-F"):
		return rpmInstall(h, c, options, operands)
	default:
		return failure(1, "rpm: no operation given\n")
	}
}

func rpmQuery(h *Host, options map[string]string, operands []string) Result {
	format := value(options, "--qf", "--queryformat")
	if format == "" {
		format = "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}\n"
	}
	var r Result
	all := has(options, "-a", "--all")
	if all && len(operands) == 0 {
		operands = []string{"*"}
	}
	for _, operand := range operands {
		if has(options, "-p", "--package") {
			p, err := h.packageFile(operand)
			if err != nil {
				return failure(1, "error: open of %s failed: %v\n", operand, err)
			}
			r.Stdout += rpmFormat(p, format)
			continue
		}
		found := h.matching(operand)
		if len(found) == 0 && !all {
			r.Stdout += "package " + operand + " is not installed\n"
			r.Status++
		}
		for _, p := range found {
			r.Stdout += rpmFormat(p, format)
		}
	}
	return r
}

func rpmErase(h *Host, names []string) Result {
	for _, name := range names {
		if _, found := h.lookup(name); !found {
			return failure(1, "error: package %s is not installed\n", name)
		}
		h.remove(name)
	}
	return Result{}
}

func rpmInstall(h *Host, c Call, options map[string]string, files []string) Result {
	for _, file := range files {
		p, err := h.packageFile(file)
		if err != nil {
			return failure(1, "error: %s: not an rpm package (or package manifest): %v\n", file, err)
		}
		if missing := h.missing(p); len(missing) > 0 && !has(options, "--nodeps") {
			return failure(1, "error: Failed dependencies:\n\t%s is needed by %s-%s.x86_64\n", missing[0], p.Name, p.Version)
		}
		old, found := h.lookup(p.Name)
		full := rpmFormat(old, "%{NAME}-%{VERSION}-%{RELEASE}.%{ARCH}")
		switch {
		case found && old.Version == p.Version && !has(options, "--replacepkgs", "--force"):
			return failure(1, "\tpackage %s is already installed\n", full)
		case found && has(options, "-i", "--install"):
			return failure(1, "\tfile /opt/emc/scaleio from install of %s conflicts with file from package %s\n", p.Name, full)
		}
		if err := h.unpack(p, c); err != nil {
			return failure(1, "warning: %%post(%s) scriptlet failed, exit status 1: %v\n", p.Name, err)
		}
	}
	return Result{Stdout: "Preparing...                          ########################################\n"}
}
