package node_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/node"
	"github.com/dcos-scaleio/scaleio/lab/host"
)

func TestTheLIATokenTravelsByEnvironment(t *testing.T) {
	m := newMachine(t, "deb")
	got := map[string][]string{}
	m.hook = func(c node.Command) {
		if c.Argv[0] == "dpkg" {
			got[fmt.Sprint(len(got))] = c.Env
		}
	}
	m.converge(t, m.desired(t))
	want := map[string][]string{
		"0": {"TOKEN=" + token, "DEBIAN_FRONTEND=noninteractive"}, "1": {"DEBIAN_FRONTEND=noninteractive"},
		"2": {"MDM_IP=10.0.0.10,10.0.0.11", "DEBIAN_FRONTEND=noninteractive"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestAWrongChecksumInstallsNothing(t *testing.T) {
	m := newMachine(t, "deb")
	d := m.desired(t)
	d.Packages[1].Deb.SHA256 = strings.Repeat("4", 64)
	steps := m.converge(t, d)
	s := step(t, steps, "package-sds")
	if s.State != inventory.Failed || s.Kind != fault.Denied || !strings.Contains(s.Message, "options say 4444") || !strings.Contains(s.Message, "nothing was installed") || strings.Contains(s.Message, "secret-of") {
		t.Errorf("%+v", s)
	}
	if step(t, steps, "package-sdc").State != inventory.Pending {
		t.Error("it went on")
	}
	if m.lab.Installed()["emc-scaleio-sds"] != "" {
		t.Error("it was installed")
	}
	if left, _ := m.Glob("/var/cache/scaleio-framework/*"); len(left) > 0 {
		t.Error("the file stays:", left)
	}
	d.Packages[1].Deb.SHA256 = ""
	if s := step(t, m.converge(t, d), "package-sds"); s.State != inventory.Failed || s.Kind != fault.Invalid {
		t.Errorf("%+v", s)
	}
}

func TestACachedFileIsCheckedAgain(t *testing.T) {
	m := newMachine(t, "deb")
	d := m.desired(t)
	name := "/var/cache/scaleio-framework/" + d.Packages[1].Deb.SHA256 + ".deb"
	must(t, m.Write(name, strings.NewReader("cut sho"), 0o600))
	if s := step(t, m.converge(t, d), "package-sds"); s.State != inventory.Done {
		t.Errorf("%+v", s)
	}
}

func TestDownloadFailures(t *testing.T) {
	for _, c := range []struct {
		name  string
		serve http.HandlerFunc
		kind  fault.Kind
		text  string
	}{
		{"not there", http.NotFound, fault.NotFound, "404"},
		{"forbidden", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, fault.Denied, "403"},
		{"busy", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, fault.Temporary, "503"},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			io.WriteString(w, "half")
		}, fault.Temporary, "unexpected EOF"},
		{"gone in the middle", func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, fault.Temporary, "unexpected EOF"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t, "deb")
			server := httptest.NewServer(c.serve)
			defer server.Close()
			d := m.desired(t)
			d.Packages[1].Deb.URL = strings.Replace(server.URL, "http://", "http://user:pass@", 1) + "/sds.deb?sig=secret"
			s := step(t, m.converge(t, d), "package-sds")
			state := inventory.Failed
			if c.kind == fault.Temporary {
				state = inventory.Retry
			}
			if s.State != state || s.Kind != c.kind || !strings.Contains(s.Message, c.text) || strings.Contains(s.Message, "secret") || strings.Contains(s.Message, "pass@") {
				t.Errorf("%+v", s)
			}
			if (s.At != nil) != (state == inventory.Retry) {
				t.Error(s.At)
			}
		})
	}
	m := newMachine(t, "deb")
	d := m.desired(t)
	for url, want := range map[string]fault.Kind{"http://127.0.0.1:1/x": fault.Temporary, "ftp://x/y": fault.Invalid, "file:///no/such.deb": fault.NotFound, "": fault.Invalid, "http://[": fault.Invalid} {
		d.Packages[1].Deb.URL = url
		if s := step(t, m.converge(t, d), "package-sds"); s.Kind != want {
			t.Errorf("%q: %+v", url, s)
		}
	}
	must(t, m.Write("/srv/sds.deb", strings.NewReader(string(m.files["/sds"])), 0o644))
	d.Packages[1].Deb.URL = "file:///srv/sds.deb"
	if s := step(t, m.converge(t, d), "package-sds"); s.State != inventory.Done {
		t.Errorf("%+v", s)
	}
}

func TestAnotherVersionIsNotTouched(t *testing.T) {
	for _, other := range []string{"3.5-1.1", "4.5-1.1"} {
		m := newMachine(t, "deb")
		must(t, m.Write("/srv/x", strings.NewReader(string(host.Component("lia", other, "deb").Bytes())), 0o600))
		if _, err := m.Run(t.Context(), node.Command{Argv: []string{"dpkg", "-i", "/srv/x"}}); err != nil {
			t.Fatal(err)
		}
		s := step(t, m.converge(t, m.desired(t)), "package-lia")
		if s.State != inventory.Failed || s.Kind != fault.Conflict || !strings.Contains(s.Message, other) || !strings.Contains(s.Message, version) {
			t.Errorf("%+v", s)
		}
		if m.lab.Installed()["emc-scaleio-lia"] != other {
			t.Error("it was replaced")
		}
	}
}

func TestRebootIsNeverDoneUnlessAllowedAndNeeded(t *testing.T) {
	m := newMachine(t, "deb")
	d := m.desired(t)
	d.REXRay = nil
	// The distribution wants one for a reason of its own: not ours.
	must(t, m.Write("/run/reboot-required", strings.NewReader(""), 0o644))
	d.AllowReboot = true
	if s := step(t, m.converge(t, d), "reboot"); s.State != inventory.Done || s.Message != "not needed" {
		t.Errorf("%+v", s)
	}
	for _, allowed := range []bool{false, true} {
		m := newMachine(t, "deb")
		d := m.desired(t)
		d.REXRay, d.AllowReboot = nil, allowed
		m.hook = func(c node.Command) {
			if c.Argv[0] == "dpkg" { // a package asks for one
				must(t, m.Write("/run/reboot-required", strings.NewReader(""), 0o644))
			}
		}
		s := step(t, m.converge(t, d), "reboot")
		rebooted := slices.Contains(m.changing(), "systemctl reboot")
		if rebooted != allowed {
			t.Errorf("allowed %v, done %v: %+v", allowed, rebooted, s)
		}
		if !allowed && (s.State != inventory.Done || !strings.Contains(s.Message, "not done: reboots are not allowed")) {
			t.Errorf("%+v", s)
		}
		if allowed && s.State != inventory.Retry {
			t.Errorf("%+v", s)
		}
	}
}

func TestTheSDCIsRegisteredWithAllMDMs(t *testing.T) {
	m := newMachine(t, "deb")
	d := m.desired(t)
	d.REXRay = nil
	m.converge(t, d)
	m.changing()
	d.MDMs = append(d.MDMs, "10.0.0.12")
	p := node.NewProgress(node.Steps(m.work(d)), nil)
	advance(t, p)
	want := []string{"/opt/emc/scaleio/sdc/bin/drv_cfg --mod_mdm_ip --ip 10.0.0.10 --new_mdm_ip 10.0.0.10,10.0.0.11,10.0.0.12 --file /bin/emc/scaleio/drv_cfg.txt"}
	if diff := cmp.Diff(want, m.changing()); diff != "" {
		t.Error(diff)
	}
	d.MDMs = []string{"10.9.0.1"} // another system beside it
	m.converge(t, d)
	want = []string{"/opt/emc/scaleio/sdc/bin/drv_cfg --add_mdm --ip 10.9.0.1 --file /bin/emc/scaleio/drv_cfg.txt"}
	if diff := cmp.Diff(want, m.changing()); diff != "" {
		t.Error(diff)
	}
}

func TestAptIsRepairedOnce(t *testing.T) {
	m := newMachine(t, "deb")
	m.lab.Inject(host.Fault{Command: regexp.MustCompile(`^apt-get install`), Times: 1, Status: 100, Stderr: "E: Unable to locate package libaio1\n"})
	d := m.desired(t)
	d.Packages, d.REXRay = d.Packages[1:2], nil
	if s := step(t, m.converge(t, d), "prerequisites"); s.State != inventory.Done {
		t.Errorf("%+v", s)
	}
	if ran := strings.Join(m.changing(), "\n"); !strings.Contains(ran, "dpkg --configure -a\napt-get update\napt-get install") {
		t.Error(ran)
	}
}

func TestARequiredSignatureIsChecked(t *testing.T) {
	for signed, want := range map[string]struct{ check, require string }{
		"":        {"installed EMC-ScaleIO-lia 3.6-700.103, not signed", "it is not signed, and options require it"},
		"known":   {"installed EMC-ScaleIO-lia 3.6-700.103, signed by key b52b91ac", "installed EMC-ScaleIO-lia 3.6-700.103, signed by key b52b91ac"},
		"unknown": {"installed EMC-ScaleIO-lia 3.6-700.103, signed by key 0badc0de, which rpm does not know here", "signed by key 0badc0de, which this node's rpm does not know"},
	} {
		for mode, want := range map[string]string{inventory.SignaturesCheck: want.check, inventory.SignaturesRequire: want.require, "": want.check,
			inventory.SignaturesOff: "installed EMC-ScaleIO-lia 3.6-700.103"} {
			m := newMachine(t, "rpm")
			p := host.Component("lia", version, "rpm")
			p.Signed = signed
			m.files["/lia"] = p.Bytes()
			d := m.desired(t)
			d.Signatures = mode
			s := step(t, m.converge(t, d), "package-lia")
			if !strings.Contains(s.Message, want) || (s.State == inventory.Done) != strings.HasPrefix(want, "installed") {
				t.Errorf("%q, %q: %+v", signed, mode, s)
			}
			if s.State == inventory.Done {
				continue
			}
			if left, _ := m.Glob("/var/cache/scaleio-framework/*"); len(left) > 0 || m.lab.Installed()["EMC-ScaleIO-lia"] != "" || s.Kind != fault.Denied {
				t.Errorf("%q, %q: %+v, left %v, installed %v", signed, mode, s, left, m.lab.Installed())
			}
		}
	}
}
