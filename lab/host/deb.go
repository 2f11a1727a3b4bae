package host

import (
	"context"
	"fmt"
	"regexp"
	"strings"
)

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
