package gateway_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/gateway"
	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/spec"
	"github.com/dcos-scaleio/scaleio/lab/scaleio"
)

var versions = []string{"2.0", "3.6", "4.0"}

const tib = 1 << 40

// emulated is a system of the lab behind its TLS gateway, with an SDS process and a good disk at 10.1.0.<i> for each node.
func emulated(t testing.TB, version string, nodes int) (*scaleio.System, *gateway.Client) {
	t.Helper()
	system := scaleio.New(scaleio.Config{APIVersion: version, Name: "scaleio", MDMs: []string{"10.0.0.12", "10.0.0.11", "10.0.0.10"}})
	for i := range nodes {
		system.StartSDS(address(i), scaleio.DiskMap{"/dev/xvdf": {Bytes: 2 * tib, Media: "HDD"}})
	}
	return system, dialLab(t, system)
}

func dialLab(t testing.TB, system *scaleio.System) *gateway.Client {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served, err := system.ServeTLS(listener)
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, served.CA, 0o600); err != nil {
		t.Fatal(err)
	}
	client, err := gateway.Dial(gateway.Config{Gateways: []string{served.URL + "/api"}, User: "admin", Password: func() (string, error) { return "Password123", nil },
		TLS: spec.TLS{CAFile: ca}, SystemName: "scaleio", Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		client.Close()
		if err := served.Close(); err != nil {
			t.Error(err)
		}
	})
	return client
}

func address(i int) string { return fmt.Sprintf("10.1.%d.%d", i/250, i%250+1) }

var pool = layout.Pool{Pool: spec.Pool{ProtectionDomain: "mydomain", StoragePool: "mypool"}, Media: "HDD", SparePercent: 34}

func node(i int, faultSet string) layout.SDS {
	name := fmt.Sprintf("agent-%02d", i)
	return layout.SDS{Name: "sds-" + name, Node: name, Domain: "mydomain", FaultSet: faultSet, Addresses: []string{address(i)}}
}

func attach(i int) layout.Operation {
	return layout.Operation{Kind: layout.AddDevice, Node: node(i, "").Node, SDS: node(i, ""), Pool: pool,
		Device: layout.Device{ID: fmt.Sprintf("scsi-0QEMU_QEMU_HARDDISK_drive-of-%d", i), Path: "/dev/xvdf", Size: 2 * tib, Media: "HDD", Pool: pool.Pool}}
}

// every kind of operation, in an order in which they can be done.
func deployment() (ops []layout.Operation) {
	ops = append(ops, layout.Operation{Kind: layout.CreateDomain, Domain: "mydomain"}, layout.Operation{Kind: layout.CreatePool, Pool: pool})
	for i := range 3 {
		rack := fmt.Sprintf("rack-%d", i)
		ops = append(ops, layout.Operation{Kind: layout.CreateFaultSet, Domain: "mydomain", FaultSet: rack},
			layout.Operation{Kind: layout.CreateSDS, Node: node(i, rack).Node, SDS: node(i, rack)}, attach(i))
	}
	more := pool
	more.SparePercent = 40
	return append(ops, layout.Operation{Kind: layout.SetSpare, Pool: more})
}

// change matches the calls that change something: not the queries, which are POSTs, too.
var change = regexp.MustCompile(`^/api/types/\w+/instances$|/action/set`)

func changes(calls map[string]int) (n int) {
	for call, times := range calls {
		method, path, _ := strings.Cut(call, " ")
		if method == http.MethodPost && change.MatchString(path) {
			n += times
		}
	}
	return n
}

func TestEveryOperationIsDoneOnceHoweverOftenItIsAsked(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			system, client := emulated(t, version, 3)
			for _, op := range deployment() {
				first, err := client.Apply(t.Context(), op)
				if err != nil || first.Result != gateway.Created {
					t.Fatalf("%s: %+v %v", op.Key(), first, err)
				}
				before, calls := system.Snapshot(), changes(system.Calls())
				for range 2 {
					again, err := client.Apply(t.Context(), op)
					want := first
					want.Result = gateway.Unchanged
					if diff := cmp.Diff(want, again); err != nil || diff != "" {
						t.Errorf("%s again: %v %s", op.Key(), err, diff)
					}
				}
				if n := changes(system.Calls()) - calls; n != 0 {
					t.Errorf("%s again made %d changing calls", op.Key(), n)
				}
				if diff := cmp.Diff(before, system.Snapshot()); diff != "" {
					t.Errorf("%s again changed the system: %s", op.Key(), diff)
				}
			}
			checkDeployed(t, system, client, version)
		})
	}
}

// The connection breaks after the work: the caller cannot know, and asks again.
func TestEveryOperationIsDoneOnceWhenItsAnswerIsLost(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			system, client := emulated(t, version, 3)
			for _, op := range deployment() {
				lost := system.Faults().Inject(scaleio.Fault{Method: http.MethodPost, Path: change, DropAfter: true})
				_, err := client.Apply(t.Context(), op)
				if !fault.IsTemporary(err) {
					t.Fatalf("%s: the answer was lost, got %v", op.Key(), err)
				}
				if lost() != 1 {
					t.Fatalf("%s: no answer was lost", op.Key())
				}
				done := system.Snapshot()
				outcome, err := client.Apply(t.Context(), op)
				if err != nil || outcome.Result != gateway.Unchanged {
					t.Errorf("%s again: %+v %v", op.Key(), outcome, err)
				}
				if diff := cmp.Diff(done, system.Snapshot()); diff != "" {
					t.Errorf("%s again changed the system: %s", op.Key(), diff)
				}
			}
			checkDeployed(t, system, client, version)
		})
	}
}

// checkDeployed holds what Observe says against what the emulated system knows of itself.
func checkDeployed(t *testing.T, system *scaleio.System, client *gateway.Client, version string) {
	t.Helper()
	shot := system.Snapshot()
	if len(shot.Domains) != 1 || len(shot.Domains[0].FaultSets) != 3 || len(shot.Pools) != 1 || len(shot.SDSs) != 3 || len(shot.Devices) != 3 {
		t.Fatalf("%d domains, %d pools, %d SDSs, %d devices", len(shot.Domains), len(shot.Pools), len(shot.SDSs), len(shot.Devices))
	}
	p := shot.Pools[0]
	if !p.ZeroPadding || !p.Rebuild || p.SparePercent != 40 {
		t.Errorf("the pool is not as it was to be created: %+v", p)
	}
	observed, err := client.Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := &layout.Observed{ID: shot.ID, Name: "scaleio", APIVersion: version, Cluster: "ClusteredNormal", MDMs: []string{"10.0.0.11", "10.0.0.12"}, Limits: observed.Limits}
	want.Domains = []layout.ObservedDomain{{ID: shot.Domains[0].ID, Name: "mydomain", State: "Active"}}
	for _, f := range shot.Domains[0].FaultSets {
		want.FaultSets = append(want.FaultSets, layout.ObservedFaultSet{ID: f.ID, Name: f.Name, Domain: "mydomain"})
	}
	want.Pools = []layout.ObservedPool{{ID: p.ID, Name: "mypool", Domain: "mydomain", Media: observed.Pools[0].Media, SparePercent: 40, CapacityKB: uint64(p.CapacityKB),
		SpareKB: uint64(p.SpareKB), UsedKB: uint64(p.InUseKB), AvailableKB: uint64(p.AvailableKB)}}
	for _, s := range shot.SDSs {
		want.SDSs = append(want.SDSs, layout.ObservedSDS{ID: s.ID, Name: s.Name, Domain: "mydomain", FaultSet: s.FaultSet, Addresses: s.IPs, Port: s.Port,
			Membership: "Joined", Connection: "Connected", Maintenance: "NoMaintenance"})
	}
	for _, d := range shot.Devices {
		want.Devices = append(want.Devices, layout.ObservedDevice{ID: d.ID, SDS: d.SDS, Pool: "mypool", Domain: "mydomain", Path: "/dev/xvdf", OriginalPath: "/dev/xvdf",
			CapacityKB: uint64(d.CapacityKB), State: d.State, ErrorState: d.Error})
	}
	if diff := cmp.Diff(want, observed); diff != "" {
		t.Error(diff)
	}
	if len(observed.Limits) == 0 || p.CapacityKB == 0 || p.AvailableKB == 0 {
		t.Errorf("limits %v, pool %+v", observed.Limits, p)
	}
}

func apply(t testing.TB, client *gateway.Client, ops ...layout.Operation) {
	t.Helper()
	for _, op := range ops {
		if _, err := client.Apply(t.Context(), op); err != nil {
			t.Fatalf("%s: %v", op.Key(), err)
		}
	}
}

// Fault W1: a device that is refused must be known as refused, and why; only what may pass is tried again.
func TestRefusedDeviceSaysWhy(t *testing.T) {
	for _, version := range versions {
		for sentence, c := range map[string]struct {
			disk scaleio.Disk
			kind fault.Kind
		}{
			"mounted":                   {scaleio.Disk{Bytes: 2 * tib, Media: "HDD", Mounted: "/data"}, fault.Denied},
			"User Content":              {scaleio.Disk{Bytes: 2 * tib, Media: "HDD", Content: "ext4"}, fault.Denied},
			"partitioned":               {scaleio.Disk{Bytes: 2 * tib, Media: "HDD", Partitioned: true}, fault.Denied},
			"out of the supported":      {scaleio.Disk{Bytes: 1 << 30, Media: "HDD"}, fault.Denied},
			"already added to another":  {scaleio.Disk{Bytes: 2 * tib, Media: "HDD", Taken: true}, fault.Denied},
			"Could not open SDS device": {scaleio.Disk{Bytes: 2 * tib, Media: "HDD", Failed: true}, fault.Temporary},
		} {
			t.Run(version+" "+sentence, func(t *testing.T) {
				system, client := emulated(t, version, 3)
				apply(t, client, layout.Operation{Kind: layout.CreateDomain, Domain: "mydomain"}, layout.Operation{Kind: layout.CreatePool, Pool: pool},
					layout.Operation{Kind: layout.CreateSDS, SDS: node(0, "")})
				system.StartSDS(address(0), scaleio.DiskMap{"/dev/xvdf": c.disk})
				_, err := client.Apply(t.Context(), attach(0))
				if err == nil || fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), sentence) ||
					!strings.HasPrefix(err.Error(), "SDS sds-agent-00: add /dev/xvdf to mydomain/mypool: ") {
					t.Errorf("got %v (%v), expected %v: %s", err, fault.KindOf(err), c.kind, sentence)
				}
				if n := len(system.Snapshot().Devices); n != 0 {
					t.Errorf("%d devices", n)
				}
			})
		}
	}
}

func TestSDSThatIsNotRunningYetIsWaitedFor(t *testing.T) {
	for _, version := range versions {
		system, client := emulated(t, version, 0)
		apply(t, client, layout.Operation{Kind: layout.CreateDomain, Domain: "mydomain"})
		op := layout.Operation{Kind: layout.CreateSDS, SDS: node(0, "")}
		if _, err := client.Apply(t.Context(), op); !fault.IsTemporary(err) || !strings.Contains(err.Error(), "not listening") {
			t.Errorf("%s: %v", version, err)
		}
		system.StartSDS(address(0), scaleio.DiskMap{})
		apply(t, client, op)
	}
}

func TestLostSDSIsSeen(t *testing.T) {
	for _, version := range versions {
		system, client := emulated(t, version, 3)
		apply(t, client, deployment()...)
		system.StopSDS(address(1))
		observed, err := client.Observe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if s := observed.SDSs[1]; s.Connection != "Disconnected" || s.Membership != "Decoupled" {
			t.Errorf("%s: %+v", version, s)
		}
	}
}

func TestExpiredTokensGoUnnoticed(t *testing.T) {
	for _, version := range versions {
		for name, look := range map[string]scaleio.Expired{"JSON": scaleio.ExpiredJSON, "page": scaleio.ExpiredHTML, "empty": scaleio.ExpiredEmpty} {
			t.Run(version+" "+name, func(t *testing.T) {
				system, client := emulated(t, version, 3)
				for _, op := range deployment() {
					system.Faults().ExpireTokens(look)
					apply(t, client, op)
				}
				system.Faults().ExpireTokens(look)
				checkDeployed(t, system, client, version)
			})
		}
	}
}

func TestGatewayThatDoesNotTrustItsMDM(t *testing.T) {
	system, client := emulated(t, "3.6", 0)
	system.Faults().Distrust(true)
	if _, err := client.Observe(t.Context()); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "428") {
		t.Error(err)
	}
	system.Faults().Distrust(false)
	if _, err := client.Observe(t.Context()); err != nil {
		t.Error(err)
	}
}

// Everything at once, as the scheduler does it with many nodes, and each operation twice: nothing is done twice, and no race.
func TestManyOperationsAtOnce(t *testing.T) {
	const nodes = 24
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			system, client := emulated(t, version, nodes)
			apply(t, client, layout.Operation{Kind: layout.CreateDomain, Domain: "mydomain"}, layout.Operation{Kind: layout.CreatePool, Pool: pool})
			var wait sync.WaitGroup
			for i := range 2 * nodes {
				wait.Go(func() {
					for _, op := range []layout.Operation{{Kind: layout.CreateSDS, SDS: node(i%nodes, "")}, attach(i % nodes)} {
						if _, err := client.Apply(t.Context(), op); err != nil {
							t.Errorf("%s: %v", op.Key(), err)
						}
					}
				})
			}
			for range 8 {
				wait.Go(func() {
					if _, err := client.Observe(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			wait.Go(func() { // goscaleio's constructor writes what its calls read; no I/O here, which would order the two for the race detector
				for range 100 {
					if _, err := gateway.Dial(gateway.Config{Gateways: []string{"https://10.0.0.1"}, User: "admin", Password: func() (string, error) { return "", nil }}); err != nil {
						t.Error(err)
					}
				}
			})
			wait.Wait()
			if shot := system.Snapshot(); len(shot.SDSs) != nodes || len(shot.Devices) != nodes {
				t.Errorf("%d SDSs, %d devices, expected %d of each", len(shot.SDSs), len(shot.Devices), nodes)
			}
		})
	}
}

// A look-up must not grow with the system.
func TestOperationsReadOnlyWhatTheyAreAbout(t *testing.T) {
	system, client := emulated(t, "3.6", 3)
	apply(t, client, deployment()...)
	for call := range system.Calls() {
		if strings.HasPrefix(call, "GET /api/types/") && !strings.Contains(call, "/System/") || call == "GET /api/instances" {
			t.Errorf("%s reads the whole system", call)
		}
	}
}

func BenchmarkObserve(b *testing.B) {
	for _, nodes := range []int{16, 128} {
		b.Run(fmt.Sprintf("%d nodes", nodes), func(b *testing.B) {
			_, client := emulated(b, "3.6", nodes)
			apply(b, client, layout.Operation{Kind: layout.CreateDomain, Domain: "mydomain"}, layout.Operation{Kind: layout.CreatePool, Pool: pool})
			for i := range nodes {
				apply(b, client, layout.Operation{Kind: layout.CreateSDS, SDS: node(i, "")}, attach(i))
			}
			for b.Loop() {
				if _, err := client.Observe(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
