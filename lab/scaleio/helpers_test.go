package scaleio_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dcos-scaleio/scaleio/lab/scaleio"
)

const gib = 1 << 20 // KiB

// small is three SDSs with a device of 1 TiB each in one pool, a fault set and a volume of 16 GiB.
func small() scaleio.Snapshot {
	shot := scaleio.Snapshot{
		Domains: []scaleio.DomainSnapshot{{Name: "pd", FaultSets: []scaleio.FaultSetSnapshot{{Name: "rack-0"}}}},
		Pools:   []scaleio.PoolSnapshot{{Name: "pool", Domain: "pd", SparePercent: 34}},
		Volumes: []scaleio.VolumeSnapshot{{Name: "vol", Domain: "pd", Pool: "pool", SizeKB: 16 * gib}},
	}
	for i := range 3 {
		name := fmt.Sprintf("sds-%d", i+1)
		shot.SDSs = append(shot.SDSs, scaleio.SDSSnapshot{Name: name, Domain: "pd", IPs: []string{fmt.Sprintf("10.0.0.%d", i+1)}})
		shot.Devices = append(shot.Devices, scaleio.DeviceSnapshot{Name: "dev-" + name, SDS: name, Pool: "pool", Path: "/dev/sdb", CapacityKB: 1024 * gib})
	}
	return shot
}

func login(t testing.TB, s *scaleio.System) string {
	t.Helper()
	r := httptest.NewRequest("GET", "/api/login", nil)
	r.SetBasicAuth("admin", "Password123")
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	var token string
	if err := json.Unmarshal(w.Body.Bytes(), &token); err != nil {
		t.Fatalf("login: %d %s", w.Code, w.Body)
	}
	r = httptest.NewRequest("GET", "/api/version", nil)
	r.Header.Set("Authorization", basic("", token))
	w = httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	if strings.HasPrefix(w.Body.String(), `"4`) {
		return "Bearer " + token
	}
	return basic("", token)
}

// client asks a system without a network.
type client struct {
	t             testing.TB
	s             *scaleio.System
	authorization string
}

func newClient(t testing.TB, s *scaleio.System) *client {
	t.Helper()
	return &client{t, s, login(t, s)}
}

// ask gives the status and the answer of a call; body may be nil.
func (c *client) ask(method, path string, body any) (int, any) {
	c.t.Helper()
	var text string
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			c.t.Fatal(err)
		}
		text = string(raw)
	}
	send := func() *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(text))
		r.Header.Set("Authorization", c.authorization)
		w := httptest.NewRecorder()
		c.s.Handler().ServeHTTP(w, r)
		return w
	}
	w := send()
	if w.Code == http.StatusUnauthorized { // as every client does: the clock may have moved past the login's end
		c.authorization = login(c.t, c.s)
		w = send()
	}
	var value any
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &value); err != nil {
			c.t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
	}
	return w.Code, value
}

// must is ask for calls that work.
func (c *client) must(method, path string, body any) any {
	c.t.Helper()
	status, value := c.ask(method, path, body)
	if status != http.StatusOK {
		c.t.Fatalf("%s %s %v answers %d: %v", method, path, body, status, value)
	}
	return value
}

// create posts a new object and gives its id.
func (c *client) create(kind string, body any) string {
	c.t.Helper()
	return c.must("POST", "/api/types/"+kind+"/instances", body).(map[string]any)["id"].(string)
}

func (c *client) act(kind, id, action string, body any) {
	c.t.Helper()
	c.must("POST", "/api/instances/"+kind+"::"+id+"/action/"+action, body)
}

func (c *client) get(kind, id string) map[string]any {
	c.t.Helper()
	return c.must("GET", "/api/instances/"+kind+"::"+id, nil).(map[string]any)
}

func (c *client) stats(kind, id string) map[string]any {
	c.t.Helper()
	return c.must("GET", "/api/instances/"+kind+"::"+id+"/relationships/Statistics", nil).(map[string]any)
}

// refused wants the MDM's refusal with a code, at a version with details.
func (c *client) refused(code, method, path string, body any) {
	c.t.Helper()
	status, value := c.ask(method, path, body)
	details, _ := value.(map[string]any)["details"].([]any)
	if status != http.StatusInternalServerError || len(details) == 0 || details[0].(map[string]any)["error"] != code {
		c.t.Errorf("%s %s %v answers %d %v, want 500 %s", method, path, body, status, value, code)
	}
}

// o is a JSON object.
type o = map[string]any

// clock is a time that a test moves.
type clock struct{ now time.Time }

func newClock() *clock { return &clock{time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time          { return c.now }
func (c *clock) Advance(d time.Duration) { c.now = c.now.Add(d) }
