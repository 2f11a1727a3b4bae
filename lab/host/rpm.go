package host

import (
	"context"
	"regexp"
	"strings"
)

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
	case has(options, "-K", "--checksig"):
		return rpmSigned(h, options, operands)
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

// rpmSigned says of a package what rpm 4.18 says; the emulated machine's rpm knows no key but that of "known".
func rpmSigned(h *Host, options map[string]string, files []string) Result {
	r := Result{}
	for _, file := range files {
		p, err := h.packageFile(file)
		if err != nil {
			r.Stdout, r.Status = r.Stdout+file+":\n", 1
			continue
		}
		lines := "    Header SHA256 digest: OK\n    Header SHA1 digest: OK\n    Payload SHA256 digest: OK\n    MD5 digest: OK\n"
		short := "digests OK"
		switch p.Signed {
		case "":
		case "known":
			lines, short = "    Header V4 RSA/SHA512 Signature, key ID b52b91ac: OK\n"+lines, "digests signatures OK"
		default:
			lines, short, r.Status = "    Header V4 RSA/SHA512 Signature, key ID 0badc0de: NOKEY\n"+lines, "digests SIGNATURES NOT OK", 1
		}
		if r.Stdout += file + ":"; has(options, "-v", "--verbose") {
			r.Stdout += "\n" + lines
		} else {
			r.Stdout += " " + short + "\n"
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
