package consumer_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/dcos-scaleio/scaleio/lab/consumer"
	"github.com/dcos-scaleio/scaleio/lab/host"
	"github.com/dcos-scaleio/scaleio/lab/rexray"
	"github.com/dcos-scaleio/scaleio/lab/scaleio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const unit = `[Service]
Environment=REXRAY_HOME=/var/lib/scaleio-rexray DOCKER_LEGACY=true
ExecStartPre=/bin/mkdir -p /run/docker/plugins
ExecStart=/opt/mesosphere/bin/rexray start --nopid -c /etc/scaleio-framework/rexray.yml
Restart=always
RestartSec=15
[Install]
WantedBy=multi-user.target
`

const config = `{"rexray":{"modules":{"default-csi":{"disabled":true},"m":{"type":"csi","host":"unix:///run/docker/plugins/scaleio.sock"}}},
"libstorage":{"service":"s","integration":{"volume":{"operations":{"mount":{"preempt":true},"unmount":{"ignoreusedcount":true},"create":{"default":{"size":8}}}}},
"server":{"services":{"s":{"driver":"scaleio","scaleio":{"protectionDomainName":"mydomain","storagePoolName":"mypool"}}}}},
"scaleio":{"endpoint":%q,"insecure":true,"userName":"admin","password":%q,"systemID":%q},"linux":{"volume":{"fileMode":"0777"}}}`

var mdms = []string{"10.0.0.10", "10.0.0.11", "10.0.0.12"}

// cluster is a system with three machines that give and use its one pool.
type cluster struct {
	system *scaleio.System
	hosts  []*host.Host
}

func newCluster(t *testing.T, version, password string) *cluster {
	t.Helper()
	dir, err := os.MkdirTemp("", "cs")
	if err != nil {
		t.Fatal(err)
	}
	system := scaleio.New(scaleio.Config{APIVersion: version, Name: "lab", Password: "sesame-1", MDMs: mdms})
	shot := scaleio.Snapshot{Name: "lab", Domains: []scaleio.DomainSnapshot{{Name: "mydomain"}}, Pools: []scaleio.PoolSnapshot{{Name: "mypool", Domain: "mydomain", SparePercent: 34}}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gateway, err := system.ServeTLS(l)
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{system: system}
	for i := range 3 {
		h, err := host.New(host.Config{Dir: filepath.Join(dir, fmt.Sprint("agent-", i+1)), Hostname: fmt.Sprint("agent-", i+1), IP: fmt.Sprint("10.1.0.", i+1),
			Family: "deb", Storage: system, MDMs: mdms, Volumes: filepath.Join(dir, "volumes"), RestartPause: 50 * time.Millisecond,
			Devices:  []host.Device{{Path: "/dev/xvdf", Size: 1 << 40}},
			Programs: map[string]host.Program{"rexray": rexray.Program},
			Commands: map[string]host.Command{"dvdcli": consumer.Dvdcli, "rexray": rexray.Command}})
		if err != nil {
			t.Fatal(err)
		}
		c.hosts = append(c.hosts, h)
		shot.SDSs = append(shot.SDSs, scaleio.SDSSnapshot{Name: h.Hostname(), Domain: "mydomain", IPs: []string{h.IP()}, Port: 7072})
		shot.Devices = append(shot.Devices, scaleio.DeviceSnapshot{SDS: h.Hostname(), Domain: "mydomain", Pool: "mypool", Path: "/dev/xvdf", CapacityKB: 1 << 30})
	}
	if err := system.Load(shot); err != nil {
		t.Fatal(err)
	}
	for _, h := range c.hosts {
		write(t, h, "/etc/scaleio-framework/rexray.yml", fmt.Sprintf(config, gateway.URL+"/api", password, system.ID()))
		write(t, h, "/etc/systemd/system/scaleio-rexray.service", unit)
		for component, env := range map[string]string{"sds": "", "sdc": "MDM_IP=" + strings.Join(mdms, ",")} {
			write(t, h, "/tmp/p.deb", string(host.Component(component, "3.6-700.103", "deb").Bytes()))
			run(t, h, "", "apt-get install -y libaio1")
			run(t, h, env, "dpkg -i /tmp/p.deb")
		}
		run(t, h, "", "systemctl enable --now scaleio-rexray")
	}
	t.Cleanup(func() {
		for _, h := range c.hosts {
			h.Close()
		}
		if err := gateway.Close(); err != nil {
			t.Error(err)
		}
		os.RemoveAll(dir)
	})
	return c
}

func write(t *testing.T, h *host.Host, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(h.Path(name)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.Path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, h *host.Host, env, line string) {
	t.Helper()
	r, err := h.Run(context.Background(), host.Call{Argv: strings.Fields(line), Env: []string{env}})
	if err != nil || r.Status != 0 {
		t.Fatalf("%s: %+v %v", line, r, err)
	}
}

func TestAVolumeOutlivesItsAgent(t *testing.T) {
	for _, version := range []string{"2.0", "3.6"} { // 4.0: TestREXRayCannotUseAGatewayThatTakesBearerTokensOnly
		t.Run(version, func(t *testing.T) {
			c, ctx := newCluster(t, version, "sesame-1"), context.Background()
			first, err := consumer.New(c.hosts[0]).Mount(ctx, "scaleio", "data-1", map[string]string{"size": "8"})
			if err != nil {
				t.Fatal(err)
			}
			if first.Path != "/var/lib/scaleio-rexray/var/lib/volumes/data-1/data" {
				t.Errorf("mounted at %s", first.Path)
			}
			if err := first.WriteFile("hello", []byte("written on agent-1")); err != nil {
				t.Fatal(err)
			}
			c.hosts[0].PowerOff()
			second, err := consumer.New(c.hosts[1]).Mount(ctx, "scaleio", "data-1", nil)
			if err != nil {
				t.Fatal(err)
			}
			if data, err := second.ReadFile("hello"); err != nil || string(data) != "written on agent-1" {
				t.Errorf("%q %v", data, err)
			}
			third := consumer.New(c.hosts[2])
			stolen, err := third.Mount(ctx, "scaleio", "data-1", nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := second.ReadFile("hello"); err == nil {
				t.Error("a volume that was taken away can still be read")
			}
			if _, err := third.Mount(ctx, "scaleio", "data-1", nil); err != nil { // a second container
				t.Error(err)
			}
			for range 2 {
				if err := stolen.Unmount(ctx); err != nil {
					t.Error(err)
				}
			}
			if v := c.system.Snapshot().Volumes[0]; len(v.MappedTo) != 0 {
				t.Errorf("still mapped to %v", v.MappedTo)
			}
		})
	}
}

func TestREXRayWithAWrongPasswordDiesAndIsRestarted(t *testing.T) {
	awaitDeath(t, newCluster(t, "3.6", "wrong"), "error authenticating")
}

// REX-Ray 0.11.4 sends its token as Basic password (rexray.md §2.1); the emulated gateway takes Bearer only from 4.0 on (scaleio.md §1.1).
// What a real 4.x gateway does was never seen.
func TestREXRayCannotUseAGatewayThatTakesBearerTokensOnly(t *testing.T) {
	awaitDeath(t, newCluster(t, "4.0", "sesame-1"), "error finding system")
}

// awaitDeath waits until the REX-Ray of a machine has said why it died.
func awaitDeath(t *testing.T, c *cluster, why string) {
	t.Helper()
	for look := time.NewTicker(10 * time.Millisecond); ; <-look.C { // a unit tells nobody that it died
		state, text := c.hosts[0].Unit("scaleio-rexray")
		if strings.Contains(text, why) {
			look.Stop()
			return
		}
		if state != "active" && state != "activating" {
			t.Fatal(state, text)
		}
	}
}

func TestDvdcliWaitsFifteenSecondsForAnUnknownDriver(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h, err := host.New(host.Config{Dir: dir, Hostname: "agent-1", Family: "deb", Commands: map[string]host.Command{"dvdcli": consumer.Dvdcli}})
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		start := time.Now()
		_, err = consumer.New(h).Mount(context.Background(), "nobody", "v", nil)
		if err == nil || !strings.Contains(err.Error(), "plugin not found") || time.Since(start) != 15*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}
