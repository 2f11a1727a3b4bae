package rexray_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/dcos-scaleio/scaleio/lab/consumer"
	"github.com/dcos-scaleio/scaleio/lab/host"
	"github.com/dcos-scaleio/scaleio/lab/rexray"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const configFile = "/etc/scaleio-framework/rexray.yml"

// machine is an emulated machine with a REX-Ray.
type machine struct {
	*host.Host
	daemon *rexray.Daemon
}

func newMachine(t *testing.T, config string) *machine {
	t.Helper()
	dir, err := os.MkdirTemp("", "rr")
	if err != nil {
		t.Fatal(err)
	}
	h, err := host.New(host.Config{Dir: filepath.Join(dir, "agent-01"), Hostname: "agent-01", IP: "10.1.0.1", Family: "deb", Volumes: filepath.Join(dir, "v"),
		Commands: map[string]host.Command{"dvdcli": consumer.Dvdcli}})
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{Host: h}
	m.write(t, config)
	t.Cleanup(func() {
		m.stop()
		h.Close()
		os.RemoveAll(dir)
	})
	return m
}

func (m *machine) write(t *testing.T, config string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(m.Path(configFile)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(m.Path(configFile), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (m *machine) start(env ...string) (err error) {
	m.daemon, err = rexray.Start(context.Background(), m.Host, []string{"rexray", "start", "--nopid", "-c", configFile}, env)
	return err
}

func (m *machine) stop() {
	if m.daemon != nil {
		m.daemon.Close(false)
		m.daemon = nil
	}
}

// ask calls the plugin protocol on a socket of the machine.
func (m *machine) ask(t *testing.T, socket, method string, body any) (int, string) {
	t.Helper()
	dir, err := os.Open(m.Path("/run/docker/plugins"))
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", filepath.Join("/proc/self/fd", itoa(dir.Fd()), socket+".sock"))
	}}}
	encoded, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := client.Post("http://x/"+method, "application/json", strings.NewReader(string(encoded)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(text)
}

func itoa(fd uintptr) string {
	text, err := json.Marshal(fd)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func (m *machine) do(t *testing.T, s step) {
	t.Helper()
	if command, isDvdcli := strings.CutPrefix(s.op, "dvdcli "); isDvdcli {
		argv := []string{"dvdcli", command, "--volumedriver=" + s.socket, "--volumename=" + s.volume}
		if s.opts != "" {
			argv = append(argv, "--volumeopts="+s.opts)
		}
		r, err := m.Run(context.Background(), host.Call{Argv: argv})
		if err != nil || !strings.Contains(r.Stdout+r.Stderr, s.want) || (r.Status == 0) != (s.want == "" || strings.Contains(s.want, "/")) {
			t.Errorf("%v: %+v %v, %q expected", argv, r, err, s.want)
		}
		return
	}
	body := map[string]any{"Name": s.volume}
	if key, value, found := strings.Cut(s.opts, "="); found {
		body["Opts"] = map[string]string{key: value}
	}
	status, text := m.ask(t, s.socket, "VolumeDriver."+s.op, body)
	var failed struct{ Err string }
	if err := json.Unmarshal([]byte(text), &failed); err != nil {
		t.Fatalf("%s %s: %s", s.op, s.volume, text)
	}
	if !strings.Contains(text, s.want) || (s.want == "" || strings.HasPrefix(s.want, "/")) && (failed.Err != "" || status != 200) {
		t.Errorf("%s %s: %d %s, %q expected", s.op, s.volume, status, text, s.want)
	}
}
