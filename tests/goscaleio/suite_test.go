package goscaleio

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/dcos-scaleio/scaleio/lab/scaleio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Which of goscaleio's tests are about what the emulator has (reference/scaleio.md §2.3).
const (
	runs = `System|MDM|Mdm|ProtectionDomain|StoragePool|RFCache|RmCache|Sds|SDS|Device|FaultSet|Sdc|Volume|Snapshot|VTree|User|Limit|MaxVol|` +
		`AutoSnapshot|CompressionMethod`
	skips = `Deploy|Peer|Replication|FileSystem|FsSnap|SSO|SnapshotPolicy|TargetProtection|TestGetProtectionDomain$|TestSnapshotRetrieval|` +
		`TestLocateVolumes|DrvCfg|TestStoragePools$|Credential|TargetSystem|Fs`
	sleepsAMinute = `TestSetSnapshotSecurity`
)

const (
	user, password = "admin", "Password123"
	sdsID          = "8f3bb0cc00000000"
)

// TestInttests runs the suite as a process of its own: it logs in when its package starts, and its clients share global state.
func TestInttests(t *testing.T) {
	for _, c := range []struct {
		version string
		skip    string
		pass    int
	}{
		{"2.0", skips + "|" + sleepsAMinute, 106},
		{"3.6", skips, 107},
		{"4.0", skips + "|" + sleepsAMinute, 106},
	} {
		t.Run(c.version, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && c.skip == skips {
				t.Skip("sleeps a minute in " + sleepsAMinute)
			}
			out, err := runSuite(t, serve(t, c.version), c.skip)
			passed, failed := results(out, "PASS"), results(out, "FAIL")
			if err != nil || len(passed) != c.pass || len(failed) != 0 || len(results(out, "SKIP")) != 0 {
				t.Errorf("%d tests of inttests pass at %s, want %d; %d fail %q: %v\n%s", len(passed), c.version, c.pass, len(failed), failed, err, out)
			}
		})
	}
}

// serve gives the state that the suite wants to find, behind a gateway of one version.
func serve(t *testing.T, version string) *scaleio.Gateway {
	t.Helper()
	s := scaleio.New(scaleio.Config{
		APIVersion: version, Name: "sio1", ID: "4a54a8ba6df0690f", User: user, Password: password,
		MDMs: []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, Lenient: true, MoveRate: -1,
	})
	if err := s.Load(seed()); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g, err := s.ServeTLS(listener)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// seed is what reference/scaleio.md §2.3 lists; the ids of one device and one SDC stand in the suite's code.
func seed() scaleio.Snapshot {
	const terabyte = 1 << 30 // KiB
	return scaleio.Snapshot{
		Domains: []scaleio.DomainSnapshot{{Name: "domain1"}},
		Pools:   []scaleio.PoolSnapshot{{Name: "pool1", Domain: "domain1"}},
		SDSs: []scaleio.SDSSnapshot{
			{ID: sdsID, Name: "sds1", Domain: "domain1", IPs: []string{"10.0.0.1"}},
			{Name: "sds2", Domain: "domain1", IPs: []string{"10.0.0.2"}},
			{Name: "sds3", Domain: "domain1", IPs: []string{"10.0.0.3"}},
		},
		Devices: []scaleio.DeviceSnapshot{
			{ID: "c7fc68a200000000", Name: "dev1", SDS: "sds1", Pool: "pool1", Path: "/dev/sdb", CapacityKB: terabyte},
			{Name: "dev2", SDS: "sds2", Pool: "pool1", Path: "/dev/sdb", CapacityKB: terabyte},
			{Name: "dev3", SDS: "sds3", Pool: "pool1", Path: "/dev/sdb", CapacityKB: terabyte},
		},
		SDCs: []scaleio.SDCSnapshot{
			{Name: "sdc1", GUID: "F8ECB844-23B8-4629-92BB-B6E49A1744C1", IP: "10.0.0.1", Connected: true, Approved: true},
			{ID: "c423b09800000003", Name: "sdc2", GUID: "F8ECB844-23B8-4629-92BB-B6E49A1744C2", IP: "10.0.0.2", Connected: true, Approved: true},
		},
		Volumes: []scaleio.VolumeSnapshot{{Name: "seed-volume", Domain: "domain1", Pool: "pool1", SizeKB: 8 << 20}},
	}
}

func runSuite(t *testing.T, g *scaleio.Gateway, skip string) (string, error) {
	t.Helper()
	suite := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-count=1", "-v", "-run", runs, "-skip", skip,
		"github.com/dell/goscaleio/inttests")
	suite.Env = append(withoutGoscaleio(os.Environ()),
		"GOSCALEIO_ENDPOINT="+g.URL+"/api", "GOSCALEIO_USERNAME="+user, "GOSCALEIO_PASSWORD="+password, "GOSCALEIO_INSECURE=true",
		"GOSCALEIO_PROTECTIONDOMAIN=domain1", "GOSCALEIO_STORAGEPOOL=pool1", "GOSCALEIO_SDSID="+sdsID, "USER_PASSWORD=Abcdef12!",
		"GATEWAY_ENDPOINT="+g.URL, "GATEWAY_USERNAME="+user, "GATEWAY_PASSWORD="+password, "GATEWAY_INSECURE=true")
	var out bytes.Buffer
	suite.Stdout, suite.Stderr = &out, &out
	err := suite.Run()
	return out.String(), err
}

// withoutGoscaleio keeps the caller's own settings of goscaleio out: a second endpoint, or its debug output.
func withoutGoscaleio(env []string) []string {
	var kept []string
	for _, one := range env {
		if !strings.HasPrefix(one, "GOSCALEIO_") && !strings.HasPrefix(one, "GATEWAY_") {
			kept = append(kept, one)
		}
	}
	return kept
}

// results are the names of the top-level tests that ended so.
func results(out, how string) []string {
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^--- `+how+`: (\w+)`).FindAllStringSubmatch(out, -1) {
		names = append(names, m[1])
	}
	return names
}
