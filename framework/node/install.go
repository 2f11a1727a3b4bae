package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/secret"
)

// cacheDir holds packages between download and installation; made with mode 0700.
const cacheDir = "/var/cache/scaleio-framework"

// needed are the packages that ScaleIO's need (reference/scaleio.md §4.3), by family. A name after a bar is another that does as well.
var needed = map[string][]string{
	"deb": {"libaio1|libaio1t64", "numactl", "binutils", "bash-completion", "wget", "zip", "unzip", "openssl"},
	"rpm": {"libaio", "numactl", "binutils", "bash-completion", "wget", "zip", "unzip", "openssl"},
}

func prerequisites(w Work) []Step {
	if len(w.Desired.Packages) == 0 {
		return nil
	}
	var missing []string // as the last Check found
	return []Step{{
		Name: "prerequisites", Stage: inventory.StageInstall,
		Explain: "install what ScaleIO's packages need, from the distribution: libaio, numactl and small tools",
		Check: func(ctx context.Context) (is bool, found string, err error) {
			if missing, err = w.missing(ctx); err != nil || len(missing) > 0 {
				return false, "missing: " + strings.Join(missing, ", "), err
			}
			return true, "what ScaleIO's packages need is installed", nil
		},
		Apply: func(ctx context.Context) (string, error) {
			names := missing
			return "installed " + strings.Join(names, ", "), w.distribution(ctx, names)
		},
	}}
}

// missing lists the packages of the distribution that are needed and not installed.
func (w Work) missing(ctx context.Context) ([]string, error) {
	var names []string
	for _, n := range needed[w.Family] {
		names = append(names, strings.Split(n, "|")...)
	}
	there, err := installed(ctx, w.Host, w.Family, names...)
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, n := range needed[w.Family] {
		alternatives := strings.Split(n, "|")
		if !slices.ContainsFunc(alternatives, func(a string) bool { _, found := there[a]; return found }) {
			missing = append(missing, alternatives[0])
		}
	}
	return missing, nil
}

var quiet = []string{"DEBIAN_FRONTEND=noninteractive"}

// distribution installs packages of the distribution.
func (w Work) distribution(ctx context.Context, names []string) error {
	if w.Family == "rpm" {
		_, err := w.do(ctx, packageTime, command(append([]string{"yum", "install", "-y"}, names...)...))
		return err
	}
	install := Command{Argv: append([]string{"apt-get", "install", "-y", "--no-install-recommends"}, names...), Env: quiet}
	if _, err := w.do(ctx, packageTime, install); err == nil || fault.KindOf(err) != fault.Temporary {
		return err
	}
	// The usual two reasons: an installation that was interrupted, and lists of packages that were never fetched. Whether these help
	// shows in the second try.
	for _, repair := range [][]string{{"dpkg", "--configure", "-a"}, {"apt-get", "update"}} {
		if _, err := w.do(ctx, packageTime, Command{Argv: repair, Env: quiet}); err != nil && fault.KindOf(err) != fault.Temporary {
			return err
		}
	}
	_, err := w.do(ctx, packageTime, install)
	return err
}

// packages installs ScaleIO's components. The order is that of a manual installation: agent, server, client.
func packages(w Work) []Step {
	order := []string{"lia", "sds", "sdc"}
	wanted := slices.Clone(w.Desired.Packages)
	slices.SortStableFunc(wanted, func(a, b inventory.Package) int {
		return slices.Index(order, a.Component) - slices.Index(order, b.Component)
	})
	var steps []Step
	for _, p := range wanted {
		steps = append(steps, packageStep(w, p))
	}
	return steps
}

func packageStep(w Work, p inventory.Package) Step {
	name, artifact := packageName(w.Family, p.Component), p.Deb
	if w.Family == "rpm" {
		artifact = p.RPM
	}
	return Step{
		Name: "package-" + p.Component, Stage: inventory.StageInstall,
		Explain: fmt.Sprintf("install %s %s from %s", name, artifact.Version, shown(artifact.URL)),
		Check: func(ctx context.Context) (bool, string, error) {
			return w.packageInstalled(ctx, name, artifact)
		},
		Apply: func(ctx context.Context) (string, error) {
			signature, err := w.install(ctx, p.Component, name, artifact)
			if signature != "" {
				signature = ", " + signature
			}
			return fmt.Sprintf("installed %s %s%s", name, artifact.Version, signature), err
		},
	}
}

// packageInstalled says whether the wanted version is installed. Another one is not replaced: to take a server down for an upgrade needs the
// gates of a plan for it, and a client must not be replaced under mapped volumes.
func (w Work) packageInstalled(ctx context.Context, name string, a inventory.Artifact) (bool, string, error) {
	there, err := installed(ctx, w.Host, w.Family, name)
	if err != nil {
		return false, "", err
	}
	version, found := there[name]
	switch {
	case !found:
		return false, name + " is not installed", nil
	case a.Version != "" && CompareVersions(version, a.Version) != 0:
		return false, "", fault.New(fault.Conflict, "package "+name, "", "version %s is installed, options say %s; nothing was changed: "+
			"a running node is not upgraded or downgraded by a deployment", Version(version), a.Version)
	}
	return true, fmt.Sprintf("%s %s is installed", name, Version(version)), nil
}

// environment is what the package's scripts read (reference/scaleio.md §4.2).
func (w Work) environment(component string) ([]string, error) {
	switch component {
	case "sdc":
		if len(w.Desired.MDMs) > 0 {
			return []string{"MDM_IP=" + strings.Join(w.Desired.MDMs, ",")}, nil
		}
	case "lia":
		token, err := w.secret(inventory.SecretLIAToken)
		if err != nil {
			return nil, err
		}
		return []string{"TOKEN=" + token.Reveal()}, nil
	}
	return nil, nil
}

// secret opens a secret of Desired.
func (w Work) secret(name string) (secret.Value, error) {
	sealed, found := w.Desired.Secrets[name]
	if !found {
		return secret.Value{}, fault.New(fault.Temporary, "secret "+name, "", "the scheduler has not sent it yet")
	}
	return w.Open(sealed)
}

// install fetches, checks and installs a package, and says how it is signed.
func (w Work) install(ctx context.Context, component, name string, a inventory.Artifact) (signature string, err error) {
	if a.URL == "" {
		return "", fault.New(fault.Invalid, "package "+name, "", "the options name no %s package of %s, and it is not installed", w.Family, component)
	}
	environment, err := w.environment(component)
	if err != nil {
		return "", err
	}
	what, file := "package "+name+" "+a.Version, path.Join(cacheDir, strings.ToLower(a.SHA256)+"."+w.Family)
	if err := w.fetch(ctx, what, a, file, 0o600); err != nil {
		return "", err
	}
	signature, err = w.checkSignature(ctx, what, file)
	if fault.KindOf(err) == fault.Denied {
		return "", errors.Join(err, w.Host.Remove(file))
	}
	if err != nil {
		return "", err
	}
	c := Command{Argv: []string{"dpkg", "-i", file}, Env: append(environment, quiet...)}
	if w.Family == "rpm" {
		c = Command{Argv: []string{"rpm", "-U", file}, Env: environment}
	}
	err = w.watchReboot(func() error {
		_, err := w.do(ctx, packageTime, c)
		return err
	})
	if err != nil {
		return "", err
	}
	return signature, w.Host.Remove(file)
}

// Marks of a reboot that is needed. The distribution's own is there as well when it was an update of the distribution that wants it, which
// is none of our business: ours is written only if an installation of ours made the other appear. A boot clears both.
const (
	rebootRequired = "/run/reboot-required"
	rebootNeeded   = "/run/scaleio-framework/reboot-needed"
)

// reboot watches whether the steps before it made a reboot necessary.
func reboot(w Work) []Step {
	if len(w.Desired.Packages) == 0 {
		return nil
	}
	return []Step{{
		Name: "reboot", Stage: inventory.StageInstall,
		Explain: "reboot the machine, which the installation of a package asked for",
		Check: func(context.Context) (bool, string, error) {
			switch needed, err := w.there(rebootNeeded); {
			case err != nil:
				return false, "", err
			case !needed:
				return true, "not needed", nil
			case !w.Desired.AllowReboot:
				return true, "needed by an installed package, and not done: reboots are not allowed; reboot the machine when it suits", nil
			}
			return false, "needed by an installed package", nil
		},
		Apply: func(ctx context.Context) (string, error) {
			if _, err := w.do(ctx, commandTime, command("systemctl", "reboot")); err != nil {
				return "", err
			}
			return "", fault.New(fault.Temporary, "", "", "the machine reboots")
		},
	}}
}

func (w Work) there(name string) (bool, error) {
	_, err := w.Host.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// watchReboot runs an installation and notes whether it made a reboot necessary.
func (w Work) watchReboot(install func() error) error {
	before, err := w.there(rebootRequired)
	if err != nil {
		return err
	}
	if err := install(); err != nil {
		return err
	}
	after, err := w.there(rebootRequired)
	if err != nil || before || !after {
		return err
	}
	return w.Host.Write(rebootNeeded, strings.NewReader(""), 0o644)
}
