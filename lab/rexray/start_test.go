package rexray_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dcos-scaleio/scaleio/lab/scaleio"
)

// counted is an emulated gateway that keeps what it was asked, without ids.
type counted struct {
	mu    sync.Mutex
	asked []string
	next  http.Handler
}

var ids = regexp.MustCompile(`::[0-9a-f]+`)

func (c *counted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.asked = append(c.asked, r.Method+" "+ids.ReplaceAllString(r.URL.Path, ""))
	c.mu.Unlock()
	c.next.ServeHTTP(w, r)
}

func (c *counted) take() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := strings.Join(c.asked, "\n")
	c.asked = nil
	return all
}

// system is a ScaleIO with a pool on three SDSs, and a machine that is its client.
func system(t *testing.T, config string) (*machine, *counted, *httptest.Server) {
	t.Helper()
	mdms := []string{"10.0.0.10", "10.0.0.11", "10.0.0.12"}
	s := scaleio.New(scaleio.Config{APIVersion: "3.6", Name: "cluster1", Password: "sesame", MDMs: mdms, Lenient: true})
	shot := scaleio.Snapshot{Domains: []scaleio.DomainSnapshot{{Name: "pd-a"}}, Pools: []scaleio.PoolSnapshot{{Name: "fast", Domain: "pd-a"}}}
	for _, name := range []string{"a", "b", "c"} {
		shot.SDSs = append(shot.SDSs, scaleio.SDSSnapshot{Name: name, Domain: "pd-a", IPs: []string{"10.1.0." + string(name[0]-'a'+'1')}})
		shot.Devices = append(shot.Devices, scaleio.DeviceSnapshot{SDS: name, Domain: "pd-a", Pool: "fast", Path: "/dev/xvdf", CapacityKB: 1 << 30})
	}
	if err := s.Load(shot); err != nil {
		t.Fatal(err)
	}
	gateway := &counted{next: s.Handler()}
	server := httptest.NewTLSServer(gateway)
	t.Cleanup(server.Close)
	m := newMachine(t, strings.NewReplacer("ENDPOINT", server.URL+"/api").Replace(config))
	if _, err := s.ConnectSDC(ourGUID, m.IP(), m.Host); err != nil {
		t.Fatal(err)
	}
	return m, gateway, server
}

// The requests of §2.2 of the facts on REX-Ray, for machines without the recordings.
const (
	list    = "GET /api/types/StoragePool/instances\nGET /api/instances/System/relationships/ProtectionDomain\nGET /api/types/Volume/instances"
	inspect = "GET /api/instances/Volume\nGET /api/types/StoragePool/instances\nGET /api/instances/System/relationships/ProtectionDomain"
	service = "GET /api/login\nGET /api/version\nGET /api/types/System/instances\nGET /api/instances/System/relationships/ProtectionDomain\nGET /api/instances/ProtectionDomain/relationships/StoragePool"
	mapIt   = "POST /api/instances/Volume/action/addMappedSdc"
	unmapIt = "POST /api/instances/Volume/action/removeMappedSdc"
)

func TestEveryOperationAsksWhatREXRayAsks(t *testing.T) {
	m, gateway, _ := system(t, rexrayOne)
	if err := m.start(); err != nil {
		t.Fatal(err)
	}
	lines := func(parts ...string) string { return strings.Join(parts, "\n") }
	for _, c := range []struct {
		step  step
		asked string
	}{
		{step{}, lines(service, "GET /api/instances/System/relationships/Sdc", list)},
		{step{"a", "Create", "v", "", ""}, lines("GET /api/types/StoragePool/instances", "POST /api/types/Volume/instances", inspect)},
		{step{"a", "Get", "v", "", "v"}, list},
		{step{"a", "Mount", "v", "", "v/data"}, lines(list, inspect, mapIt, inspect, inspect)},
		{step{"a", "Mount", "v", "", "v/data"}, list},
		{step{"a", "Remove", "v", "", "error removing volume"}, lines(list, "GET /api/instances/Volume", "POST /api/instances/Volume/action/removeVolume")},
		{step{"a", "Unmount", "v", "", ""}, list}, // counted
		{step{"a", "Unmount", "v", "", ""}, lines(list, "GET /api/instances/Volume", unmapIt, inspect)},
		{step{"a", "Remove", "v", "", ""}, lines(list, "GET /api/instances/Volume", "POST /api/instances/Volume/action/removeVolume")},
	} {
		if c.step.op != "" {
			m.do(t, c.step)
		}
		if diff := cmp.Diff(c.asked, gateway.take()); diff != "" {
			t.Errorf("%s %s: -want +asked\n%s", c.step.op, c.step.volume, diff)
		}
	}
}

func TestWhatREXRayDiesOfAtStart(t *testing.T) {
	for change, want := range map[string]string{
		`"type":"csi"|"type":"docker"`:                             "panic:",
		`,"host":"unix:///run/docker/plugins/a.sock"|`:             "host address is required",
		`"driver":"scaleio"|"driver":"nonsense"`:                   "invalid driver name",
		`"password":"sesame"|"password":"wrong"`:                   "error authenticating",
		`"endpoint":"ENDPOINT"|"endpoint":"ENDPOINT/"`:             "error authenticating",
		`"systemName":"cluster1"|"systemName":"other"`:             "error finding system",
		`"protectionDomainName":"pd-a"|"protectionDomainName":"x"`: "error finding protection domain",
		`"storagePoolName":"fast"|"storagePoolName":"x"`:           "error finding storage pool",
		`"service":"a",|"service":"b",`:                            "unknown service",
		`"guid":"271B|"guid":"0000`:                                "error initializing instance ID cache",
		`,"guid":"` + ourGUID + `"|`:                               "error initializing instance ID cache", // no driver on the machine
		`"default-csi":{"disabled":true},|`:                        "invalid implied sock file",
		`"libstorage"|"nothing"`:                                   "invalid format",
		`{"rexray"|{{{"rexray"`:                                    "unable to load config",
	} {
		from, to, _ := strings.Cut(change, "|")
		config := strings.Replace(rexrayOne, from, to, 1)
		if config == rexrayOne {
			t.Fatalf("%s changes nothing", change)
		}
		m, _, _ := system(t, config)
		if err := m.start(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %q expected", change, err, want)
		}
	}
}

func TestAGatewayThatIsDownEndsREXRay(t *testing.T) {
	m, _, server := system(t, rexrayOne)
	server.Close()
	if err := m.start(); err == nil || !strings.Contains(err.Error(), "error authenticating") {
		t.Error(err)
	}
}

func TestEnvironmentAndCase(t *testing.T) {
	config := strings.NewReplacer(`"password":"sesame",`, ``, `"userName"`, `"USERNAME"`, `"default-csi":{"disabled":true},`, ``).Replace(rexrayOne)
	m, _, _ := system(t, config)
	if err := os.MkdirAll(m.Path("/run/docker/plugins"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := m.start("SCALEIO_PASSWORD=sesame"); err != nil {
		t.Fatal(err)
	}
	for _, socket := range []string{"a", "rexray"} { // default-csi was not disabled: a second socket
		if status, text := m.ask(t, socket, "Plugin.Activate", nil); status != http.StatusOK || !strings.Contains(text, "VolumeDriver") {
			t.Errorf("%s: %d %s", socket, status, text)
		}
	}
}

// A password in which the text $HOME stands is another one for REX-Ray.
func TestHomeIsReplacedInAnyText(t *testing.T) {
	m, _, _ := system(t, strings.Replace(rexrayOne, `"password":"sesame"`, `"password":"$HOMEsesame"`, 1))
	if err := m.start(); err == nil {
		t.Error("logged in")
	}
}

func TestAStoppedDaemonLeavesMountsAndTakesItsSocketsAway(t *testing.T) {
	m, _, _ := system(t, rexrayOne)
	if err := m.start(); err != nil {
		t.Fatal(err)
	}
	m.do(t, step{"a", "Create", "v", "", ""})
	m.do(t, step{"a", "Mount", "v", "", "v/data"})
	m.stop()
	if _, err := os.Stat(m.Path("/run/docker/plugins/a.sock")); err == nil {
		t.Error("the socket is still there")
	}
	if m.MountedAt("/var/lib/rexray/volumes/v") == "" {
		t.Error("the volume is not mounted any more")
	}
	if err := m.start(); err != nil {
		t.Fatal(err)
	}
	m.do(t, step{"a", "Path", "v", "", `"Mountpoint":""`}) // the counts are lost
}
