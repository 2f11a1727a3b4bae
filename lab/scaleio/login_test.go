package scaleio_test

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/dcos-scaleio/scaleio/lab/scaleio"
)

// raw is a request with the header that is given, and nothing done about its answer.
func raw(s *scaleio.System, method, path, authorization, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w
}

const systems = "/api/types/System/instances"

func token(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var token string
	if err := json.Unmarshal(w.Body.Bytes(), &token); err != nil {
		t.Fatalf("no token: %d %s", w.Code, w.Body)
	}
	return token
}

// TestTokenLife: 8 hours, or 10 minutes without use, or until the logout; the user's name does not matter.
func TestTokenLife(t *testing.T) {
	clock := newClock()
	s := scaleio.New(scaleio.Config{APIVersion: "3.6", MDMs: []string{"10.0.0.1"}, Now: clock.Now})
	get := func() string { return token(t, raw(s, "GET", "/api/login", basic("admin", "Password123"), "")) }
	works := func(token string) bool { return raw(s, "GET", systems, basic("whoever", token), "").Code == 200 }
	one := get()
	for range 50 {
		clock.Advance(9 * time.Minute)
		if !works(one) {
			t.Fatal("a token that is used ended")
		}
	}
	clock.Advance(11 * time.Minute)
	if works(one) {
		t.Error("a token that was not used for 11 minutes works")
	}
	two := get()
	for range 60 {
		clock.Advance(9 * time.Minute)
		works(two)
	}
	if works(two) {
		t.Error("a token of 9 hours works")
	}
	three := get()
	if raw(s, "GET", "/api/logout", basic("", three), ""); works(three) {
		t.Error("a token works after its logout")
	}
	for _, wrong := range []string{"", basic("admin", "wrong"), basic("nobody", "Password123"), "Bearer x"} {
		if w := raw(s, "GET", "/api/login", wrong, ""); w.Code != 401 || !strings.Contains(w.Body.String(), `"message":"Unauthorized"`) {
			t.Errorf("login with %q answers %d %s", wrong, w.Code, w.Body)
		}
	}
}

// TestLogins4: a 4.x gateway has both logins and takes either token, as Bearer only.
func TestLogins4(t *testing.T) {
	clock := newClock()
	s := scaleio.New(scaleio.Config{APIVersion: "4.0", MDMs: []string{"10.0.0.1"}, Now: clock.Now})
	old := token(t, raw(s, "GET", "/api/login", basic("admin", "Password123"), ""))
	var pair map[string]any
	login := func(path, body string) int {
		w := raw(s, "POST", path, "", body)
		pair = nil
		_ = json.Unmarshal(w.Body.Bytes(), &pair) // an error leaves no pair
		return w.Code
	}
	if code := login("/rest/auth/login", `{"username":"admin","password":"Password123"}`); code != 200 || pair["token_type"] != "Bearer" || pair["expires_in"] != 300.0 {
		t.Fatalf("%d %v", code, pair)
	}
	access, refresh := pair["access_token"].(string), pair["refresh_token"].(string)
	for authorization, want := range map[string]int{
		"Bearer " + old: 200, "Bearer " + access: 200, basic("", old): 401, basic("", access): 401, "Bearer " + refresh: 401, "": 401,
	} {
		if got := raw(s, "GET", systems, authorization, "").Code; got != want {
			t.Errorf("%.20q answers %d, want %d", authorization, got, want)
		}
	}
	clock.Advance(6 * time.Minute)
	if got := raw(s, "GET", systems, "Bearer "+access, "").Code; got != 401 {
		t.Errorf("an access token of 6 minutes answers %d", got)
	}
	if code := login("/rest/auth/update-token", `{"refresh_token":"`+refresh+`"}`); code != 200 {
		t.Errorf("refresh answers %d", code)
	}
	if code := login("/rest/auth/update-token", `{"refresh_token":"`+refresh+`"}`); code != 401 {
		t.Errorf("a second refresh with the same token answers %d", code)
	}
	if code := login("/rest/auth/login", `{"username":"admin","password":"wrong"}`); code != 401 {
		t.Errorf("a wrong password answers %d", code)
	}
}

func TestVersionAndHeaders(t *testing.T) {
	for _, c := range []struct {
		version  string
		unquoted bool
		says     string
	}{{"2.0", false, `"2.0"`}, {"2.0.1", true, `2.0.1`}, {"3.6", true, `"3.6"`}, {"4.5", false, `"4.5"`}} {
		s := scaleio.New(scaleio.Config{APIVersion: c.version, UnquotedVersion: c.unquoted, MDMs: []string{"10.0.0.1"}})
		if got := raw(s, "GET", "/api/version", newClient(t, s).authorization, "").Body.String(); got != c.says {
			t.Errorf("%s says %s", c.version, got)
		}
	}
	s := scaleio.New(scaleio.Config{APIVersion: "2.0.1", MDMs: []string{"10.0.0.1"}})
	for accept, want := range map[string]int{"application/json;version=2.0": 200, "application/json;version=2.0.1": 406, "application/json": 200, "*/*": 200,
		"application/json;version=R2_0": 406} {
		r := httptest.NewRequest("GET", systems, nil)
		r.Header.Set("Authorization", login(t, s))
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("Accept %s answers %d, want %d", accept, w.Code, want)
		}
	}
}

// TestNewSystem goes from no cluster to the first login with a password of its own [reference/scaleio.md §1.12].
func TestNewSystem(t *testing.T) {
	s := scaleio.New(scaleio.Config{Password: "Gateway123"})
	if w := raw(s, "GET", "/api/login", basic("admin", "admin"), ""); w.Code != 428 {
		t.Fatalf("login before there is an MDM answers %d %s", w.Code, w.Body)
	}
	gateway := basic("", token(t, raw(s, "GET", "/api/gatewayLogin", basic("admin", "Gateway123"), "")))
	if w := raw(s, "POST", "/api/instances/System/queryMdmCluster", "", "{}"); w.Code != 428 {
		t.Errorf("the probe answers %d", w.Code)
	}
	const create = "/api/instances/System/action/createMdmCluster"
	if w := raw(s, "POST", create, "", `{"mdmIp":"10.0.0.1"}`); w.Code != 401 {
		t.Errorf("creating without a login answers %d", w.Code)
	}
	if w := raw(s, "POST", create, gateway, `{"mdmIp":"10.0.0.1"}`); w.Code != 200 || !strings.Contains(w.Body.String(), "mdmId") {
		t.Fatalf("creating answers %d %s", w.Code, w.Body)
	}
	if w := raw(s, "GET", systems, gateway, ""); w.Code != 401 {
		t.Errorf("the gateway's login at the MDM answers %d", w.Code)
	}
	first := basic("", token(t, raw(s, "GET", "/api/login", basic("admin", "admin"), "")))
	if w := raw(s, "GET", systems, first, ""); !strings.Contains(w.Body.String(), "PASSWORD_CHANGE_REQUIRED") {
		t.Errorf("with the first password: %d %s", w.Code, w.Body)
	}
	const set = "/api/instances/User/action/setPassword"
	for body, code := range map[string]string{
		`{"oldPassword":"wrong","newPassword":"Abcdef12"}`: "OLD_PASSWORD_MISMATCH",
		`{"oldPassword":"admin","newPassword":"abcdefgh"}`: "PASSWORD_LACKS_DIVERSITY",
		`{"oldPassword":"admin","newPassword":"admin"}`:    "PASSWORD_ALREADY_USED",
	} {
		if w := raw(s, "POST", set, first, body); !strings.Contains(w.Body.String(), code) {
			t.Errorf("%s answers %d %s", body, w.Code, w.Body)
		}
	}
	if w := raw(s, "POST", set, first, `{"oldPassword":"admin","newPassword":"Abcdef12"}`); w.Code != 200 {
		t.Fatalf("setting the password answers %d %s", w.Code, w.Body)
	}
	if w := raw(s, "GET", systems, first, ""); w.Code != 401 {
		t.Errorf("the login before the change answers %d", w.Code)
	}
	own := basic("", token(t, raw(s, "GET", "/api/login", basic("admin", "Abcdef12"), "")))
	if w := raw(s, "GET", systems, own, ""); w.Code != 200 {
		t.Errorf("with its own password: %d %s", w.Code, w.Body)
	}
	if got := s.Snapshot().Cluster; got.Mode != "OneNode" || got.Master != "10.0.0.1" || got.State != "ClusteredNormal" {
		t.Errorf("the cluster is %+v", got)
	}
}
