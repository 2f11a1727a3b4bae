package rexray_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dcos-scaleio/scaleio/lab/scaleio"
)

// recorded is a request of the real REX-Ray and the answer that it got.
type recorded struct {
	Auth     string            `json:"auth"`
	Headers  map[string]string `json:"headers"`
	Method   string            `json:"method"`
	Path     string            `json:"path"`
	Body     json.RawMessage   `json:"body"`
	Status   int               `json:"status"`
	Response json.RawMessage   `json:"response"`
}

// bySomebodyElse says whether the test script of the recording asked this.
func (r recorded) bySomebodyElse() bool { return r.Headers["User-Agent"] != "Go-http-client/1.1" }

func (r recorded) String() string {
	return fmt.Sprintf("%s %s %s auth %s accept %s", r.Method, r.Path, compact(r.Body), r.kind(), r.Headers["Accept"])
}

func (r recorded) kind() string {
	switch {
	case strings.Contains(r.Auth, "<password>"):
		return "password"
	case strings.Contains(r.Auth, "<token>"):
		return "token"
	default:
		return r.Auth
	}
}

func compact(body []byte) string {
	if len(body) == 0 {
		return ""
	}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		return string(body)
	}
	sorted, err := json.Marshal(v)
	if err != nil {
		panic(err) // just decoded
	}
	return string(sorted)
}

const (
	systemID = "4a5b6c7d8e9f0a1b"
	ourSDC   = "c1a0000100000000"
	ourGUID  = "271BAD82-08EE-44F2-A2B1-7E2787C27BE1"
)

// replay answers as recorded, and keeps what was really asked.
type replay struct {
	mu    sync.Mutex
	left  []recorded
	asked []string
	host  scaleio.SDCHost
	held  map[string]bool // volumes whose device comes later than the mapping
}

func (g *replay) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	user, _, _ := r.BasicAuth()
	kind := "token"
	if user != "" {
		kind = "password"
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, fmt.Sprintf("%s %s %s auth %s accept %s", r.Method, r.URL.Path, compact(body), kind, r.Header.Get("Accept")))
	g.others()
	if len(g.left) == 0 {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	next := g.left[0]
	g.left = g.left[1:]
	g.happens(next)
	w.WriteHeader(next.Status)
	var text string
	if json.Unmarshal(next.Response, &text) == nil {
		fmt.Fprintf(w, "%q", text)
		return
	}
	w.Write(next.Response)
}

// others does what the script did in between.
func (g *replay) others() {
	for len(g.left) > 0 && g.left[0].bySomebodyElse() {
		g.happens(g.left[0])
		g.left = g.left[1:]
	}
}

// happens maps and unmaps.
func (g *replay) happens(r recorded) {
	_, rest, found := strings.Cut(r.Path, "Volume::")
	if !found || r.Status != http.StatusOK {
		return
	}
	id, action, _ := strings.Cut(rest, "/action/")
	v := scaleio.MappedVolume{SystemID: systemID, ID: id, SizeKB: 8 << 20}
	mine := strings.Contains(string(r.Body), ourSDC) || strings.Contains(string(r.Body), "allSdcs")
	switch {
	case action == "addMappedSdc" && mine && !g.held[id]:
		g.host.Mapped(v)
	case action == "removeMappedSdc" && mine:
		g.host.Unmapped(v)
	}
}

func load(t *testing.T, name string) []recorded {
	t.Helper()
	found, err := filepath.Glob("../../../shared/traffic/rexray/" + name + "*.json")
	if err != nil || len(found) != 1 {
		t.Skipf("the recordings are not beside this checkout (../shared/traffic/rexray/%s*): %v", name, err)
	}
	text, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	var all []recorded
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// step is what the recording's script did to REX-Ray, and what it got: a part of the answer.
type step struct{ socket, op, volume, opts, want string }

// session is recordings of one daemon, in their order.
type session struct {
	name   string
	config string
	parts  []part
}

type part struct {
	file  string
	late  string // a volume whose device does not come
	steps []step
}

const rexrayOne = `{"rexray":{"modules":{"default-csi":{"disabled":true},"a":{"type":"csi","host":"unix:///run/docker/plugins/a.sock"}}},
"libstorage":{"service":"a","device":{"attachTimeout":"1s"},"integration":{"volume":{"operations":{"create":{"default":{"size":8}}}}},
"server":{"services":{"a":{"driver":"scaleio","scaleio":{"protectionDomainName":"pd-a","storagePoolName":"fast"}}}}},
"scaleio":{"endpoint":"ENDPOINT","insecure":true,"userName":"admin","password":"sesame","systemName":"cluster1","guid":"` + ourGUID + `"}}`

var sessions = []session{
	{"one service", rexrayOne, []part{
		{file: "10"},
		{file: "11", steps: []step{{"a", "Create", "vol-a", "", ""}}},
		{file: "12", steps: []step{{"a", "Create", "vol-a", "", "error creating volume"}}},
		{file: "13", steps: []step{{"a", "Get", "vol-a", "", "vol-a"}}},
		{file: "14", steps: []step{{"a", "List", "", "", "vol-a"}}},
		{file: "15", steps: []step{{"a", "Mount", "vol-a", "", "/volumes/vol-a/data"}}},
		{file: "16", steps: []step{{"a", "Path", "vol-a", "", "/volumes/vol-a/data"}}},
		{file: "17", steps: []step{{"a", "Get", "vol-a", "", "/volumes/vol-a/data"}}},
		{file: "18", steps: []step{{"a", "Mount", "vol-a", "", "/volumes/vol-a/data"}}},
		{file: "19", steps: []step{{"a", "Unmount", "vol-a", "", ""}}},
		{file: "20", steps: []step{{"a", "Unmount", "vol-a", "", ""}}},
		{file: "21", steps: []step{{"a", "Unmount", "vol-a", "", "resource not found"}}},
		{file: "22", steps: []step{{"a", "Mount", "no-such", "", "resource not found"}, {"a", "List", "", "", ""}}},
		{file: "23", steps: []step{{"a", "Remove", "vol-a", "", ""}}},
		{file: "24", steps: []step{{"a", "Get", "vol-a", "", "resource not found"}}},
		{file: "25", steps: []step{{"a", "List", "", "", ""}}},
		{file: "26", steps: []step{{"a", "Create", "abcdefghijklmnopqrstuvwxyz0123456789", "", ""},
			{"a", "Get", "abcdefghijklmnopqrstuvwxyz0123456789", "", "resource not found"},
			{"a", "Mount", "abcdefghijklmnopqrstuvwxyz0123456789", "", "resource not found"}}},
		{file: "27", steps: []step{{"a", "Create", "s1", "size=1", ""}, {"a", "Create", "s12", "size=12", ""}, {"a", "Get", "s1", "", `"size":8`},
			{"a", "Get", "s12", "", `"size":16`}, {"a", "List", "", "", "s12"}, {"a", "Create", "s0", "size=0", "volume size too small"},
			{"a", "Create", "s8", "size=8GB", "volume size too small"}}},
		{file: "28", steps: []step{{"a", "Create", "cold1", "volumetype=cold", ""}, {"a", "Get", "cold1", "", ""}, {"a", "Create", "x", "volumetype=none", "error creating volume"}}},
		{file: "29", steps: []step{{"a", "List", "", "", "cold1"}}},
	}},
	{"three services", strings.NewReplacer(`"service":"a",`, `"service":"pda-fast",`, `"a":{"type":"csi","host":"unix:///run/docker/plugins/a.sock"}`,
		`"a":{"type":"csi","host":"unix:///run/docker/plugins/a.sock","libstorage":{"service":"pda-fast","integration":{"volume":{"operations":{"create":{"default":{"size":16}}}}}}},
		"b":{"type":"csi","host":"unix:///run/docker/plugins/b.sock","libstorage":{"service":"pda-zbulk","integration":{"volume":{"operations":{"create":{"default":{"size":32}}}}}}},
		"c":{"type":"csi","host":"unix:///run/docker/plugins/c.sock","libstorage":{"service":"pdb-cold"}}`,
		`"a":{"driver":"scaleio","scaleio":{"protectionDomainName":"pd-a","storagePoolName":"fast"}}`,
		`"pda-fast":{"driver":"scaleio","scaleio":{"protectionDomainName":"pd-a","storagePoolName":"fast"}},
		"pda-zbulk":{"driver":"scaleio","scaleio":{"protectionDomainName":"pd-a","storagePoolName":"bulk","thinOrThick":"ThickProvisioned"}},
		"pdb-cold":{"driver":"scaleio","scaleio":{"protectionDomainName":"pd-b","storagePoolName":"cold"}}`).Replace(rexrayOne), []part{
		{file: "30"},
		{file: "31", steps: []step{{"a", "Create", "m-a", "", ""}, {"b", "Create", "m-b", "", ""}, {"c", "Create", "m-c", "", ""}}},
		{file: "32", steps: []step{{"a", "List", "", "", "m-c"}, {"c", "List", "", "", "m-a"}}},
		{file: "33", steps: []step{{"a", "Mount", "m-a", "", "m-a/data"}, {"b", "Mount", "m-b", "", "m-b/data"}, {"c", "Mount", "m-c", "", "m-c/data"}}},
		{file: "34", steps: []step{{"a", "Unmount", "m-a", "", ""}, {"b", "Unmount", "m-b", "", ""}, {"c", "Unmount", "m-c", "", ""}}},
		{file: "35", steps: []step{{"a", "Mount", "m-c", "", "m-c/data"}, {"c", "Get", "m-c", "", "m-c"}, {"c", "Unmount", "m-c", "", ""}, {"a", "Get", "m-c", "", "m-c"}}},
	}},
	{"four services, preemption", strings.NewReplacer(`"service":"a",`, `"service":"s1",`, `"a":{"type":"csi","host":"unix:///run/docker/plugins/a.sock"}`,
		`"a":{"type":"csi","host":"unix:///run/docker/plugins/a.sock","libstorage":{"service":"s1"}},
		"b":{"type":"csi","host":"unix:///run/docker/plugins/b.sock","libstorage":{"service":"s3"}},
		"c":{"type":"csi","host":"unix:///run/docker/plugins/c.sock","libstorage":{"service":"s1","integration":{"volume":{"operations":{"mount":{"preempt":true}}}}}},
		"d":{"type":"csi","host":"unix:///run/docker/plugins/d.sock","libstorage":{"service":"s1","integration":{"volume":{"operations":{"unmount":{"ignoreusedcount":true}}}}}}`,
		`"a":{"driver":"scaleio","scaleio":{"protectionDomainName":"pd-a","storagePoolName":"fast"}}`,
		`"s1":{"driver":"scaleio","scaleio":{"protectionDomainName":"pd-a","storagePoolName":"fast"}},
		"s2":{"driver":"scaleio","scaleio":{"protectionDomainName":"pd-a","storagePoolName":"bulk"}},
		"s3":{"driver":"scaleio","scaleio":{"protectionDomainName":"pd-b","storagePoolName":"fast"}},
		"s4":{"driver":"scaleio","scaleio":{"protectionDomainName":"pd-b","storagePoolName":"cold"}}`).Replace(rexrayOne), []part{
		{file: "40"},
		{file: "41", steps: []step{{"b", "Create", "wrong-pd", "", ""}, {"b", "Get", "wrong-pd", "", "wrong-pd"}}},
		{file: "42", steps: []step{{"a", "Create", "busy1", "", ""}, {"a", "Mount", "busy1", "", "resource not found"}}},
		{file: "43", steps: []step{{"c", "Mount", "busy1", "", "busy1/data"}, {"c", "Unmount", "busy1", "", ""}}},
		{file: "44", late: "d6f1000000030003", steps: []step{{"a", "Create", "late1", "", ""}, {"a", "Mount", "late1", "", "problem with device discovery"},
			{"a", "Mount", "late1", "", "no device name returned"}, {"a", "device", "late1", "", ""}, {"a", "Mount", "late1", "", "late1/data"}}},
	}},
	// 47 is called "counting on", but its one unmount after two mounts unmaps, as only a daemon does that does not count.
	{"a volume taken away", strings.Replace(rexrayOne, `"operations":{`, `"operations":{"unmount":{"ignoreusedcount":true},`, 1), []part{
		{file: "10"},
		{file: "46", steps: []step{{"a", "Mount", "late1", "", "late1/data"}, {"a", "Unmount", "late1", "", "resource not found"}}},
		{file: "47", steps: []step{{"a", "Mount", "late1", "", "late1/data"}, {"a", "Mount", "late1", "", "late1/data"}, {"a", "Unmount", "late1", "", ""}}},
	}},
	{"dvdcli", strings.Replace(rexrayOne, `"host":"unix:///run/docker/plugins/a.sock"}`,
		`"host":"unix:///run/docker/plugins/a.sock","libstorage":{"service":"a","integration":{"volume":{"operations":{"mount":{"preempt":true},"unmount":{"ignoreusedcount":true}}}}}},
		"b":{"type":"csi","host":"unix:///run/docker/plugins/b.sock"}`, 1), []part{
		{file: "50"},
		{file: "51", steps: []step{{"a", "dvdcli mount", "mesos-vol", "size=16", "/var/lib/rexray/volumes/mesos-vol/data\n"}}},
		{file: "52", steps: []step{{"a", "dvdcli mount", "mesos-vol", "size=16", "/var/lib/rexray/volumes/mesos-vol/data\n"}}},
		{file: "53", steps: []step{{"a", "dvdcli unmount", "mesos-vol", "", ""}}},
		{file: "54", steps: []step{{"a", "dvdcli unmount", "mesos-vol", "", "resource not found"}}},
		{file: "55", steps: []step{{"a", "dvdcli mount", "opt-vol", "size=8,volumetype=bulk,newfstype=xfs,overwritefs=true", "opt-vol/data"},
			{"a", "dvdcli unmount", "opt-vol", "", ""}}},
		{file: "56", steps: []step{{"a", "dvdcli mount", "abcdefghijklmnopqrstuvwxyz0123456789", "size=8", "resource not found"},
			{"a", "dvdcli mount", "abcdefghijklmnopqrstuvwxyz0123456789", "size=8", "error creating volume"}}},
	}},
}

func TestRequestsAreThoseOfTheRealREXRay(t *testing.T) {
	for _, s := range sessions {
		t.Run(s.name, func(t *testing.T) {
			gateway := &replay{held: map[string]bool{}}
			server := httptest.NewTLSServer(gateway)
			defer server.Close()
			m := newMachine(t, strings.ReplaceAll(s.config, "ENDPOINT", server.URL+"/api"))
			gateway.host = m
			for i, p := range s.parts {
				all := load(t, p.file)
				gateway.mu.Lock()
				gateway.left, gateway.asked = all, nil
				gateway.held[p.late] = true
				gateway.mu.Unlock()
				if i == 0 {
					if err := m.start(); err != nil {
						t.Fatal(err)
					}
				}
				for _, st := range p.steps {
					if st.op == "device" {
						m.Mapped(scaleio.MappedVolume{SystemID: systemID, ID: p.late})
						continue
					}
					m.do(t, st)
				}
				gateway.mu.Lock()
				gateway.others()
				var want []string
				for _, r := range all {
					if !r.bySomebodyElse() {
						want = append(want, r.String())
					}
				}
				if diff := cmp.Diff(want, gateway.asked); diff != "" {
					t.Errorf("%s: the real one asked (-), we asked (+):\n%s", p.file, diff)
				}
				gateway.mu.Unlock()
			}
		})
	}
}
