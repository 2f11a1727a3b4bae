package node

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"regexp"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/rexray"
	templates "github.com/dcos-scaleio/scaleio/templates/node"
)

// The files of our own REX-Ray, beside any other that the host may run.
const (
	rexrayUnit    = "scaleio-rexray"
	rexrayHome    = "/var/lib/scaleio-rexray"
	rexrayConfig  = "/etc/scaleio-framework/rexray.yml"
	rexrayBinary  = "/opt/scaleio-framework/bin/rexray"
	rexrayService = "/etc/systemd/system/" + rexrayUnit + ".service"
	// rexrayStarted holds the checksum of what REX-Ray was last started with, so that it is started anew exactly when that has changed,
	// even if the executor died in between.
	rexrayStarted = "/var/lib/scaleio-framework/rexray.started"
)

// volumes is the stage's part of a Work.
type volumes struct {
	Work
	config rexray.Config
	binary inventory.Binary
}

func rexraySteps(w Work) []Step {
	if w.Desired.REXRay == nil {
		return nil
	}
	v := volumes{w, *w.Desired.REXRay, w.Desired.REXRayBinary}
	var sockets []string
	for _, s := range v.config.Services {
		sockets = append(sockets, rexray.Socket(s.Driver))
	}
	return []Step{
		{Name: "rexray-binary", Stage: inventory.StageREXRay, Check: v.hasBinary, Apply: v.fetchBinary,
			Explain: fmt.Sprintf("fetch %s from %s", v.path(), shown(v.binary.Artifact.URL))},
		{Name: "rexray-config", Stage: inventory.StageREXRay, Check: v.hasConfig, Apply: v.writeConfig,
			Explain: fmt.Sprintf("write %s with %d services, readable by root alone", rexrayConfig, len(v.config.Services))},
		{Name: "rexray-unit", Stage: inventory.StageREXRay, Check: v.hasUnit, Apply: v.writeUnit,
			Explain: "write " + rexrayService},
		{Name: "rexray-service", Stage: inventory.StageREXRay, Check: v.runs, Apply: v.start,
			Explain: "enable and start the service " + rexrayUnit + ", or start it anew with its new configuration"},
		{Name: "rexray-ready", Stage: inventory.StageREXRay, Check: v.answers, Apply: v.await,
			Explain: "wait until " + strings.Join(sockets, ", ") + " answer and reach the gateway"},
	}
}

// path is where the program is.
func (v volumes) path() string {
	if v.binary.Path != "" {
		return v.binary.Path
	}
	return rexrayBinary
}

func (v volumes) hasBinary(context.Context) (bool, string, error) {
	if v.binary.Path == "" {
		if v.binary.Artifact.URL == "" {
			return false, "", fault.New(fault.Invalid, "REX-Ray", "", "the options name neither a program on the agents nor a URL of one")
		}
		is, err := v.holds(rexrayBinary, v.binary.Artifact.SHA256)
		return is, rexrayBinary + " is there with the right checksum", err
	}
	info, err := v.Host.Stat(v.binary.Path)
	if _, link := v.Host.Readlink(v.binary.Path); errors.Is(err, fs.ErrNotExist) && link == nil {
		return true, v.binary.Path + " is there", nil // a link: an emulated host's lead out of its root; of a broken one systemd will tell
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, "", fault.New(fault.NotFound, "REX-Ray", "", "there is no %s on this host: install it, or name another path or a URL in the options", v.binary.Path)
	case err != nil:
		return false, "", err
	case info.IsDir() || info.Mode()&0o111 == 0:
		return false, "", fault.New(fault.Invalid, "REX-Ray", "", "%s is not a program: mode %v", v.binary.Path, info.Mode())
	}
	return true, v.binary.Path + " is there", nil
}

func (v volumes) fetchBinary(ctx context.Context) (string, error) {
	return "fetched " + rexrayBinary, v.fetch(ctx, "REX-Ray "+v.binary.Artifact.Version, v.binary.Artifact, rexrayBinary, 0o755)
}

// content gives the configuration. It holds the password: it goes into the file, or is compared with it, and nowhere else.
func (v volumes) content() ([]byte, error) {
	password, err := v.secret(inventory.SecretPassword)
	if err != nil {
		return nil, err
	}
	return rexray.Render(v.config, password.Reveal())
}

func (v volumes) hasConfig(context.Context) (bool, string, error) {
	want, err := v.content()
	if err != nil {
		return false, "", err
	}
	is, err := v.same(rexrayConfig, want, 0o600)
	return is, rexrayConfig + " is as it is to be", err
}

func (v volumes) writeConfig(context.Context) (string, error) {
	want, err := v.content()
	if err != nil {
		return "", err
	}
	return "wrote " + rexrayConfig, v.Host.Write(rexrayConfig, bytes.NewReader(want), 0o600)
}

// same says whether a file has this content and mode.
func (v volumes) same(name string, want []byte, mode fs.FileMode) (bool, error) {
	info, err := v.Host.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	have, err := readFile(v.Host, name)
	return err == nil && bytes.Equal(have, want) && info.Mode().Perm() == mode, err
}

// plainPath is a path that a line of a unit file takes as it is.
var plainPath = regexp.MustCompile(`^/[A-Za-z0-9._/+-]+$`)

var unitTemplate = template.Must(template.New("unit").Option("missingkey=error").Parse(templates.REXRayUnit))

func (v volumes) unit() ([]byte, error) {
	if !plainPath.MatchString(v.path()) {
		return nil, fault.New(fault.Invalid, "REX-Ray", "", "the program's path %q: letters, digits and . _ + - expected between the slashes", v.path())
	}
	var text bytes.Buffer
	err := unitTemplate.Execute(&text, struct{ Home, SocketDir, Binary, Config string }{rexrayHome, rexray.SocketDir, v.path(), rexrayConfig})
	return text.Bytes(), err
}

func (v volumes) hasUnit(context.Context) (bool, string, error) {
	want, err := v.unit()
	if err != nil {
		return false, "", err
	}
	is, err := v.same(rexrayService, want, 0o644)
	return is, rexrayService + " is as it is to be", err
}

func (v volumes) writeUnit(ctx context.Context) (string, error) {
	want, err := v.unit()
	if err != nil {
		return "", err
	}
	if err := v.Host.Write(rexrayService, bytes.NewReader(want), 0o644); err != nil {
		return "", err
	}
	_, err = v.do(ctx, commandTime, command("systemctl", "daemon-reload"))
	return "wrote " + rexrayService, err
}

// stamp is the checksum of all that REX-Ray reads when it starts.
func (v volumes) stamp() ([]byte, error) {
	unit, err := v.unit()
	if err != nil {
		return nil, err
	}
	config, err := readFile(v.Host, rexrayConfig)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(slices.Concat(unit, []byte{0}, config, []byte{0}, []byte(v.binary.Artifact.SHA256)))
	return []byte(hex.EncodeToString(sum[:])), nil
}

// current says whether REX-Ray was started with what there is now.
func (v volumes) current() (bool, error) {
	want, err := v.stamp()
	if err != nil {
		return false, err
	}
	return v.same(rexrayStarted, want, 0o600)
}

func (v volumes) runs(ctx context.Context) (bool, string, error) {
	is, err := v.current()
	if err != nil || !is {
		return false, "REX-Ray was not started with this configuration yet", err
	}
	return v.serves(ctx, rexrayUnit)
}

// start starts REX-Ray, anew if what it reads has changed: it leaves volumes mounted when it ends.
func (v volumes) start(ctx context.Context) (string, error) {
	current, err := v.current()
	if err != nil {
		return "", err
	}
	verbs, did := []string{"enable", "start"}, "started "
	if !current {
		verbs, did = []string{"enable", "restart"}, "started with a new configuration: "
		// Once more, for an executor that died between writing the unit and this.
		if _, err := v.do(ctx, commandTime, command("systemctl", "daemon-reload")); err != nil {
			return "", err
		}
	}
	for _, verb := range verbs {
		if _, err := v.do(ctx, commandTime, command("systemctl", verb, rexrayUnit)); err != nil {
			return "", v.explained(ctx, rexrayUnit, err)
		}
	}
	stamp, err := v.stamp()
	if err != nil {
		return "", err
	}
	return did + rexrayUnit, v.Host.Write(rexrayStarted, bytes.NewReader(stamp), 0o600)
}

// answerTime bounds one call to a driver. A list asks the gateway three times.
const answerTime = 20 * time.Second

// answers asks every driver for its volumes, which proves that it reaches the gateway.
func (v volumes) answers(ctx context.Context) (bool, string, error) {
	for _, s := range v.config.Services {
		if err := v.answer(ctx, s.Driver); err != nil {
			return false, err.Error(), nil
		}
	}
	return true, fmt.Sprintf("%d volume drivers answer", len(v.config.Services)), nil
}

func (v volumes) answer(ctx context.Context, driver string) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	client := rexray.NewClient(driver, func(ctx context.Context) (net.Conn, error) { return v.Host.Dial(ctx, rexray.Socket(driver)) })
	implements, err := client.Activate(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(implements, "VolumeDriver") {
		return fault.New(fault.Invalid, "volume driver "+driver, "", "implements %q, not VolumeDriver", implements)
	}
	_, err = client.List(ctx)
	return err
}

// await asks again and again for a while: REX-Ray needs some seconds to start.
func (v volumes) await(ctx context.Context) (string, error) {
	wait := v.Wait
	if wait == 0 {
		wait = 5 * time.Second
	}
	end := time.NewTimer(wait)
	defer end.Stop()
	again := time.NewTicker(wait / 20)
	defer again.Stop()
	for {
		is, found, err := v.answers(ctx)
		if err != nil || is {
			return found, err
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return "", fault.New(fault.Temporary, "", "", "%s", found)
		case <-end.C:
			return "", v.explained(ctx, rexrayUnit, fault.New(fault.Temporary, "", "", "%s", found))
		}
	}
}
