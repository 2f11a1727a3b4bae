package node_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/node"
)

func TestREXRayIsStartedAnewOnlyForAChange(t *testing.T) {
	m := newMachine(t, "deb")
	d := m.desired(t)
	starts := func() int {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.starts
	}
	m.converge(t, d)
	m.converge(t, d)
	if starts() != 1 {
		t.Error("started", starts())
	}
	d.REXRay.Services = d.REXRay.Services[:1]
	m.converge(t, d)
	if starts() != 2 {
		t.Error("a change of the configuration was not taken up:", starts())
	}
	// The executor died after it wrote a new configuration and before it started REX-Ray anew.
	d.REXRay.Size = 24
	p := node.NewProgress(node.Steps(m.work(d)), nil)
	for step(t, p.States(), "rexray-config").State != inventory.Done {
		p.Advance(t.Context(), time.Now, func(int) time.Duration { return 0 })
	}
	if starts() != 2 {
		t.Fatal("too early")
	}
	m.converge(t, d)
	if starts() != 3 {
		t.Error("REX-Ray runs with an old configuration")
	}
	info, err := m.Stat("/etc/scaleio-framework/rexray.yml")
	must(t, err)
	must(t, os.Chmod(m.lab.Path("/etc/scaleio-framework/rexray.yml"), 0o644))
	m.converge(t, d)
	if now, err := m.Stat("/etc/scaleio-framework/rexray.yml"); err != nil || now.Mode() != info.Mode() {
		t.Error("a readable password stays readable")
	}
	if starts() != 3 {
		t.Error("started anew for a mode")
	}
}

func TestREXRayWithoutAGatewaySaysSo(t *testing.T) {
	m := newMachine(t, "deb")
	m.err = "docker-legacy: List: failed: libstorage: error authenticating"
	steps := m.converge(t, m.desired(t))
	s := step(t, steps, "rexray-ready")
	if s.State != inventory.Retry || !strings.Contains(s.Message, "error authenticating") || !strings.Contains(s.Message, "volume driver scaleio") {
		t.Errorf("%+v", s)
	}
}

func TestUnitFile(t *testing.T) {
	m := newMachine(t, "deb")
	m.converge(t, m.desired(t))
	text, err := os.ReadFile(m.lab.Path("/etc/systemd/system/scaleio-rexray.service"))
	must(t, err)
	for _, line := range []string{
		"Environment=REXRAY_HOME=/var/lib/scaleio-rexray DOCKER_LEGACY=true", "ExecStartPre=/bin/mkdir -p /run/docker/plugins",
		"ExecStart=/opt/scaleio-framework/bin/rexray start --nopid -c /etc/scaleio-framework/rexray.yml", "Restart=always", "KillMode=process", "WantedBy=multi-user.target",
	} {
		if !slices.Contains(strings.Split(string(text), "\n"), line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
	d := m.desired(t)
	for _, bad := range []string{"/opt/a b/rexray", "/opt/%h/rexray", "/opt/x\nExecStartPre=/bin/rm", "/opt/$X", "rexray", `/opt/"x"`} {
		must(t, m.Write("/"+strings.TrimPrefix(bad, "/"), strings.NewReader("x"), 0o755))
		d.REXRayBinary = inventory.Binary{Path: bad}
		steps := m.converge(t, d)
		if s := step(t, steps, "rexray-service"); s.State == inventory.Done {
			t.Errorf("%q is in a unit file", bad)
		}
	}
}

func TestABadREXRayConfigurationFails(t *testing.T) {
	m := newMachine(t, "deb")
	d := m.desired(t)
	d.REXRay.Size = 12
	if s := step(t, m.converge(t, d), "rexray-config"); s.State != inventory.Failed || s.Kind != fault.Invalid {
		t.Errorf("%+v", s)
	}
}

func TestMissingAndForeignSecretsAreWaitedFor(t *testing.T) {
	m := newMachine(t, "deb")
	d := m.desired(t)
	d.Packages, d.SDS, d.MDMs = nil, false, nil
	sealed := d.Secrets[inventory.SecretPassword]
	d.Secrets = nil
	if s := step(t, m.converge(t, d), "rexray-config"); s.State != inventory.Retry || !strings.Contains(s.Message, "has not sent it yet") {
		t.Errorf("%+v", s)
	}
	other, err := node.NewKey(nil)
	must(t, err)
	m.key = other
	d.Secrets = map[string][]byte{inventory.SecretPassword: sealed}
	if s := step(t, m.converge(t, d), "rexray-config"); s.State != inventory.Retry || !strings.Contains(s.Message, "another key") {
		t.Errorf("%+v", s)
	}
}

func TestWarnings(t *testing.T) {
	m := newMachine(t, "deb")
	d := m.desired(t)
	d.REXRay.FSType = "xfs"
	if got := node.Warnings(m, d); len(got) != 2 || !strings.Contains(got[0], "dvdcli") || !strings.Contains(got[1], "mkfs.xfs") {
		t.Error(got)
	}
	must(t, m.Write("/opt/mesosphere/bin/dvdcli", strings.NewReader(""), 0o755))
	must(t, m.Write("/usr/sbin/mkfs.xfs", strings.NewReader(""), 0o755))
	must(t, m.Write("/etc/mesos-slave/isolation", strings.NewReader("cgroups/cpu,filesystem/linux\n"), 0o644))
	if got := node.Warnings(m, d); len(got) != 1 || !strings.Contains(got[0], "docker/volume") {
		t.Error(got)
	}
	must(t, m.Write("/etc/mesos-slave/isolation", strings.NewReader("filesystem/linux,docker/volume\n"), 0o644))
	if got := node.Warnings(m, d); len(got) != 0 {
		t.Error(got)
	}
	d.REXRay = nil
	must(t, m.Remove("/opt/mesosphere/bin/dvdcli"))
	if got := node.Warnings(m, d); len(got) != 0 {
		t.Error("nobody wants volumes here:", got)
	}
}
