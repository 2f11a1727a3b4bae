package scaleio_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dcos-scaleio/scaleio/lab/scaleio"
)

// The recordings of REX-Ray go on from each other; the gateway was started anew before these.
var rexrayStarts = []string{"01-", "10-", "30-", "40-", "50-"}

// rexrayFiles are the recordings in order, those of one gateway together.
func rexrayFiles(t *testing.T) [][]string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(traffic, "rexray/*.json")) // sorted
	if err != nil {
		t.Fatal(err)
	}
	var groups [][]string
	for _, path := range names {
		name := filepath.Base(path)
		for _, start := range rexrayStarts {
			if strings.HasPrefix(name, start) {
				groups = append(groups, nil)
			}
		}
		groups[len(groups)-1] = append(groups[len(groups)-1], name)
	}
	return groups
}

func replayREXRay(t *testing.T, seen *seen) {
	for _, files := range rexrayFiles(t) {
		t.Run(files[0], func(t *testing.T) {
			s := rexraySystem(t)
			p := &rexrayPlayer{player: newPlayer(s)}
			var found []difference
			for _, name := range files {
				for _, e := range seen.recording(t, "rexray/"+name) {
					if e.Status == 401 {
						s.Faults().ExpireTokens(scaleio.ExpiredJSON)
					}
					e.Step, e.Resp = name, e.Response
					found = append(found, p.exchange(e)...)
				}
			}
			seen.explain(t, found)
		})
	}
}

// rexraySystem has what the recordings' gateway had, by the same ids; the pools are real ones, with three SDSs.
func rexraySystem(t *testing.T) *scaleio.System {
	t.Helper()
	s := scaleio.New(scaleio.Config{APIVersion: "2.0.1", Name: "cluster1", ID: "4a5b6c7d8e9f0a1b", MDMs: []string{"10.0.0.1"}, EmptyObject: true})
	shot := scaleio.Snapshot{
		Domains: []scaleio.DomainSnapshot{{ID: "aaaa000000000001", Name: "pd-a"}, {ID: "aaaa000000000002", Name: "pd-b"}},
		Pools: []scaleio.PoolSnapshot{
			{ID: "bbbb000000000001", Name: "fast", Domain: "pd-a"}, {ID: "bbbb000000000002", Name: "bulk", Domain: "pd-a"},
			{ID: "bbbb000000000003", Name: "fast", Domain: "pd-b"}, {ID: "bbbb000000000004", Name: "cold", Domain: "pd-b"},
		},
		SDCs: []scaleio.SDCSnapshot{
			{ID: "c1a0000100000000", GUID: "271BAD82-08EE-44F2-A2B1-7E2787C27BE1", IP: "10.0.0.11", Connected: true, Approved: true},
			{ID: "c1a0000200000001", GUID: "3D1C3B4A-2222-4444-8888-AAAAAAAAAAAA", IP: "10.0.0.12", Connected: true, Approved: true},
		},
	}
	for n, domain := range []string{"pd-a", "pd-b"} {
		for i := range 3 {
			name, ip := fmt.Sprintf("%s-%d", domain, i), fmt.Sprintf("10.0.%d.%d", n+1, i+1)
			s.StartSDS(ip, nil)
			shot.SDSs = append(shot.SDSs, scaleio.SDSSnapshot{Name: name, Domain: domain, IPs: []string{ip}})
			for _, pool := range shot.Pools {
				if pool.Domain == domain {
					shot.Devices = append(shot.Devices, scaleio.DeviceSnapshot{SDS: name, Pool: pool.Name, Path: "/dev/" + pool.Name, CapacityKB: 1024 * gib})
				}
			}
		}
	}
	if err := s.Load(shot); err != nil {
		t.Fatal(err)
	}
	return s
}

// rexrayPlayer knows these recordings' way of hiding secrets: who asks is told, with what is not.
type rexrayPlayer struct {
	*player
	latest string // the token of the last login
}

func (p *rexrayPlayer) exchange(e exchange) []difference {
	authorization := basic("", p.latest)
	if strings.Contains(e.Auth, "<password>") {
		authorization = basic("admin", "Password123")
	}
	got := p.send(e, authorization)
	where := subject(e)
	if got.status != e.Status {
		return []difference{{e.Step, fmt.Sprintf("%s %s answers %d, recorded %d: %s", e.Method, where, got.status, e.Status, got.text)}}
	}
	if e.Path == "/api/login" {
		p.latest = got.value.(string)
		return nil
	}
	return p.compare(where, e.Resp, got.value)
}
