package gateway

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dell/goscaleio"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

func domain(name string) layout.Operation {
	return layout.Operation{Kind: layout.CreateDomain, Domain: name}
}

func TestHTTPClient(t *testing.T) {
	f := newFake(t)
	c := f.dial(t)
	e := c.endpoints[0]
	err := e.call(t.Context(), func(c *goscaleio.Client) error {
		_, err := c.GetInstance("")
		return err
	})
	if err != nil || f.count("GET /api/types/System/instances") != 2 { // one is the login's
		t.Errorf("goscaleio does not send through the endpoint: %v, calls %v", err, f.called())
	}
	if _, err := httpClient(&goscaleio.Client{}); err == nil {
		t.Error("a client without an http.Client in it must be refused")
	}
}

// goscaleio forgets the context with the first request: the second one must not go out some other way.
func TestCallOfTwoRequestsIsRefused(t *testing.T) {
	f := newFake(t)
	e := f.dial(t).endpoints[0]
	err := e.call(t.Context(), func(c *goscaleio.Client) error {
		if _, err := c.GetInstance(""); err != nil {
			t.Error(err)
		}
		_, err := goscaleio.NewSystem(c).GetMDMClusterDetails()
		return err
	})
	if fault.KindOf(err) != fault.Internal || !strings.Contains(err.Error(), "only one") || f.count("POST /api/instances/System/queryMdmCluster") != 0 {
		t.Error(err, f.called())
	}
}

func TestDialRefusesWhatCannotWork(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	good := Config{Gateways: []string{"https://10.0.0.10"}, User: "admin", Password: func() (string, error) { return secret, nil }}
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"good":           {func(*Config) {}, ""},
		"with /api":      {func(c *Config) { c.Gateways = []string{"https://gw:8443/api"} }, ""},
		"http, insecure": {func(c *Config) { c.Gateways, c.TLS.Insecure = []string{"http://gw"}, true }, ""},
		"fingerprint":    {func(c *Config) { c.TLS.SHA256 = strings.TrimSuffix(strings.Repeat("AB:", 32), ":") }, ""},
		"no gateway":     {func(c *Config) { c.Gateways = nil }, "none is given"},
		"http":           {func(c *Config) { c.Gateways = []string{"http://gw"} }, "expected https"},
		"no host":        {func(c *Config) { c.Gateways = []string{"10.0.0.10"} }, "expected a URL"},
		"path":           {func(c *Config) { c.Gateways = []string{"https://gw/ui"} }, "nothing after the host"},
		"query":          {func(c *Config) { c.Gateways = []string{"https://gw/?x=y"} }, "nothing after the host"},
		"password in it": {func(c *Config) { c.Gateways = []string{"https://admin:" + secret + "@gw"} }, "give them as credentials"},
		"broken URL":     {func(c *Config) { c.Gateways = []string{"https://admin:" + secret + "@[gw"} }, "is not a URL"},
		"no user":        {func(c *Config) { c.User = "" }, "no user"},
		"no password":    {func(c *Config) { c.Password = nil }, "no password"},
		"version x":      {func(c *Config) { c.APIVersion = "x" }, "expected X.Y"},
		"version 2.0.1":  {func(c *Config) { c.APIVersion = "2.0.1" }, "expected X.Y"},
		"version 5.0":    {func(c *Config) { c.APIVersion = "5.0" }, "storage nodes"},
		"version 1.32":   {func(c *Config) { c.APIVersion = "1.32" }, "too old"},
		"no CA file":     {func(c *Config) { c.TLS.CAFile = "/nonexistent/ca.pem" }, "ca-file: open /nonexistent/ca.pem"},
		"empty CA file":  {func(c *Config) { c.TLS.CAFile = empty }, "no PEM certificate"},
		"short sha256":   {func(c *Config) { c.TLS.SHA256 = "abcd" }, "expected 64 hex digits"},
		"both ways":      {func(c *Config) { c.TLS = spec.TLS{Insecure: true, SHA256: strings.Repeat("ab", 32)} }, "one or the other"},
	} {
		t.Run(name, func(t *testing.T) {
			config := good
			c.change(&config)
			_, err := Dial(config)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v (%v), expected invalid: %s", err, fault.KindOf(err), c.want)
			case err != nil && strings.Contains(err.Error(), secret):
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
	_, err := Dial(Config{Gateways: []string{"nonsense"}, APIVersion: "x"})
	if lines := fault.Lines(err); len(lines) != 4 {
		t.Errorf("expected every fault at once, got %q", lines)
	}
}

// Everything that can be wrong between us and a gateway, with the words for the one who is paged.
func TestErrorsSayWhatToDo(t *testing.T) {
	type setup = func(t *testing.T, f *fake, c *Config)
	answer := func(key string, h http.HandlerFunc) setup {
		return func(_ *testing.T, f *fake, _ *Config) { f.on(key, h) }
	}
	unauthorized := `{"message":"Unauthorized","httpStatusCode":401,"errorCode":0}`
	for name, c := range map[string]struct {
		set  setup
		kind fault.Kind
		want []string
	}{
		"wrong password":        {answer("GET /api/login", say(401, unauthorized)), fault.Denied, []string{"refused user admin", "check the secret"}},
		"wrong password, page":  {answer("GET /api/login", say(401, page("HTTP Status 401"))), fault.Denied, []string{"refused user admin", "check the secret"}},
		"wrong password, empty": {answer("GET /api/login", say(401, "")), fault.Denied, []string{"refused user admin", "check the secret"}},
		"unreadable secret": {func(_ *testing.T, _ *fake, c *Config) {
			c.Password = func() (string, error) { return "", os.ErrNotExist }
		}, fault.Denied, []string{"read the password", "file does not exist"}},
		"fresh token refused":     {answer("GET /api/version", say(401, unauthorized)), fault.Denied, []string{"refuses the token that it has just given", "/api/version", "api-version"}},
		"4.0 that wants Basic":    {answer("GET /api/types/System/instances", say(401, unauthorized)), fault.Denied, []string{"refuses the token that it has just given", "Bearer"}},
		"no rights for a call":    {answer("GET /api/instances", say(401, unauthorized)), fault.Denied, []string{"refuses GET /api/instances", "admin", "rights"}},
		"gateway switched off":    {answer("GET /api/instances", say(403, `{"message":"Forbidden","httpStatusCode":403,"errorCode":0}`)), fault.Denied, []string{"403", "features.enable_gateway"}},
		"version 5.0":             {answer("GET /api/version", say(200, `"5.0"`)), fault.Invalid, []string{"version 5.0", "2.0 to 4.x"}},
		"version 10.2":            {answer("GET /api/version", say(200, `"10.2"`)), fault.Invalid, []string{"version 10.2"}},
		"version of nothing":      {answer("GET /api/version", say(200, `""`)), fault.Invalid, []string{"api-version"}},
		"version in words":        {answer("GET /api/version", say(200, `"three"`)), fault.Invalid, []string{`"three"`, "api-version"}},
		"page instead of login":   {answer("GET /api/login", say(200, page("Welcome"))), fault.Invalid, []string{"web page", "is this really the REST gateway?"}},
		"page without its type":   {answer("GET /api/login", say(200, "  "+page("Welcome"))), fault.Invalid, []string{"web page"}},
		"no such page":            {answer("GET /api/login", say(404, page("HTTP Status 404"))), fault.Invalid, []string{"web page", "HTTP 404"}},
		"page instead of version": {answer("GET /api/version", say(200, page("Welcome"))), fault.Invalid, []string{"web page"}},
		"page instead of system":  {answer("GET /api/types/System/instances", say(200, page("Welcome"))), fault.Invalid, []string{"web page"}},
		"page later":              {answer("POST /api/instances/System/queryMdmCluster", say(200, page("Welcome"))), fault.Invalid, []string{"web page"}},
		"page later, no type":     {answer("POST /api/instances/System/queryMdmCluster", say(200, "\n"+page("Welcome"))), fault.Invalid, []string{"not the REST gateway's JSON"}},
		"another JSON":            {answer("GET /api/types/System/instances", say(200, `{"id":1}`)), fault.Invalid, []string{"not the REST gateway's JSON"}},
		"redirection": {answer("GET /api/login", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://sso.example/login?for="+token, http.StatusFound)
		}), fault.Invalid, []string{"redirection", "https://sso.example/login"}},
		"empty token":          {answer("GET /api/login", say(200, `""`)), fault.Invalid, []string{"empty token"}},
		"no MDM yet":           {answer("GET /api/login", say(428, `{"message":"MDM is not configured","httpStatusCode":428,"errorCode":0}`)), fault.Invalid, []string{"428", "MDM is not configured", "give the gateway the MDMs' addresses"}},
		"version refused":      {answer("GET /api/instances", say(406, `{"message":"Not Acceptable","httpStatusCode":406,"errorCode":0}`)), fault.Invalid, []string{"406", "api-version"}},
		"in maintenance":       {answer("GET /api/instances", say(503, page("Service Unavailable"))), fault.Temporary, []string{"not in service", "503"}},
		"behind a proxy, gone": {answer("GET /api/instances", say(502, "upstream")), fault.Temporary, []string{"not in service", "502"}},
		"MDM busy":             {answer("GET /api/instances", mdm("MDM_BUSY", "The system is busy. Retry later")), fault.Temporary, []string{"The system is busy", "MDM_BUSY"}},
		"broken off": {answer("GET /api/instances", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"System":`)
		}), fault.Temporary, []string{"broke off"}},
		"hung up":                 {answer("GET /api/instances", hangUp(nil)), fault.Temporary, []string{"does not answer"}},
		"hung up at the login":    {answer("GET /api/login", hangUp(nil)), fault.Temporary, []string{"does not answer"}},
		"another system":          {func(_ *testing.T, _ *fake, c *Config) { c.SystemName = "production" }, fault.Invalid, []string{`"scaleio"`, "499634a44778afc0", `"production"`, "nothing was changed"}},
		"no system":               {answer("GET /api/types/System/instances", say(200, `[]`)), fault.Invalid, []string{"0 systems"}},
		"certificate not trusted": {func(_ *testing.T, _ *fake, c *Config) { c.TLS = spec.TLS{} }, fault.Denied, []string{"not trusted", "unknown authority", "ca-file", "sha256 is "}},
		"another certificate":     {func(_ *testing.T, _ *fake, c *Config) { c.TLS = spec.TLS{SHA256: strings.Repeat("ab", 32)} }, fault.Denied, []string{"not trusted", "expects the certificate abab", "sha256 is "}},
		"certificate of another": {func(t *testing.T, f *fake, c *Config) {
			c.TLS = spec.TLS{CAFile: f.caFile(t)}
			c.Gateways[0] = strings.Replace(f.URL, "127.0.0.1", "localhost", 1)
		}, fault.Denied, []string{"not trusted", "localhost", "sha256 is "}},
		"no TLS there": {func(t *testing.T, f *fake, c *Config) {
			c.Gateways[0] = strings.Replace(plainServer(t), "http:", "https:", 1)
		}, fault.Invalid, []string{"does not speak TLS"}},
		"nobody there": {func(t *testing.T, f *fake, c *Config) { c.Gateways[0] = closedPort(t) }, fault.Temporary, []string{"does not answer", "connection refused"}},
		"hangs": {func(t *testing.T, f *fake, c *Config) {
			c.Timeout = 50 * time.Millisecond
			f.on("GET /api/instances", hang(t))
		}, fault.Temporary, []string{"no answer in time (50ms a call)"}},
		"hangs at the login": {func(t *testing.T, f *fake, c *Config) {
			c.Timeout = 50 * time.Millisecond
			f.on("GET /api/login", hang(t))
		}, fault.Temporary, []string{"no answer in time (50ms a call)"}},
		"hangs in the middle of it": {func(t *testing.T, f *fake, c *Config) {
			c.Timeout = 50 * time.Millisecond
			f.on("GET /api/instances", half(t))
		}, fault.Temporary, []string{"no answer in time (50ms a call)"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			if strings.HasPrefix(name, "4.0") {
				f.on("GET /api/version", say(200, `"4.0"`))
			}
			config := f.config()
			c.set(t, f, &config)
			observed, err := dial(t, config).Observe(t.Context())
			if err == nil {
				t.Fatalf("no error, but %+v", observed)
			}
			if got := fault.KindOf(err); got != c.kind {
				t.Errorf("kind %v, expected %v: %v", got, c.kind, err)
			}
			for _, want := range append(c.want, "ScaleIO: observe: ") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("expected %q in: %v", want, err)
				}
			}
			if strings.Contains(name, "certificate") && !strings.Contains(err.Error(), f.pin()) {
				t.Errorf("the sha256 %s is not in: %v", f.pin(), err)
			}
			for _, hidden := range []string{secret, token} {
				if strings.Contains(err.Error(), hidden) {
					t.Errorf("a secret is in: %v", err)
				}
			}
		})
	}
}

// caFile holds the fake's certificate, which is its own CA.
func (f *fake) caFile(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func plainServer(t *testing.T) string {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Config.ErrorLog = quiet()
	t.Cleanup(s.Close)
	return s.URL
}

func closedPort(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "https://" + l.Addr().String()
}

// hang does not answer while the test goes on; not even to a client that has gone, which could still read it.
func hang(t *testing.T) http.HandlerFunc {
	return func(http.ResponseWriter, *http.Request) { <-t.Context().Done() }
}

func half(t *testing.T) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"System":`)
		_ = http.NewResponseController(w).Flush()
		hang(t)(w, r)
	}
}

func TestCertificateIsTrustedBy(t *testing.T) {
	f := newFake(t)
	upper := strings.ToUpper(f.pin())
	for name, tls := range map[string]spec.TLS{
		"its sha256": {SHA256: f.pin()}, "its sha256 in capitals": {SHA256: upper}, "its CA": {CAFile: f.caFile(t)},
		"both": {CAFile: f.caFile(t), SHA256: f.pin()}, "the option not to look": {Insecure: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := f.dial(t, func(c *Config) { c.TLS = tls })
			if _, err := c.Observe(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("not by a CA alone when a sha256 differs", func(t *testing.T) {
		c := f.dial(t, func(c *Config) { c.TLS = spec.TLS{CAFile: f.caFile(t), SHA256: strings.Repeat("ab", 32)} })
		if _, err := c.Observe(t.Context()); fault.KindOf(err) != fault.Denied {
			t.Error(err)
		}
	})
}

func TestCAAndSHA256MustBothHold(t *testing.T) {
	f := newFake(t)
	c := f.dial(t, func(c *Config) {
		c.TLS = spec.TLS{CAFile: f.caFile(t), SHA256: f.pin()}
		c.Gateways[0] = strings.Replace(f.URL, "127.0.0.1", "localhost", 1) // the certificate is not for that name
	})
	if _, err := c.Observe(t.Context()); fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), "localhost") {
		t.Error(err)
	}
}

// goscaleio's own calls must not slip past the certificate either: no request may be on the wire before it was checked.
func TestNothingIsSentToAnUntrustedGateway(t *testing.T) {
	f := newFake(t)
	c := f.dial(t, func(c *Config) { c.TLS = spec.TLS{} })
	_, observe := c.Observe(t.Context())
	_, apply := c.Apply(t.Context(), domain("a"))
	if fault.KindOf(observe) != fault.Denied || fault.KindOf(apply) != fault.Denied || len(f.called()) != 0 {
		t.Errorf("observe: %v\napply: %v\ncalls: %v", observe, apply, f.called())
	}
}

func TestExpiredTokenLeadsToOneLoginAndOneRepeat(t *testing.T) {
	for name, expired := range map[string]http.HandlerFunc{
		"JSON": say(401, `{"message":"Unauthorized","httpStatusCode":401,"errorCode":0}`), "page": say(401, page("HTTP Status 401")), "empty": say(401, ""),
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			var bodies []string
			create := func(w http.ResponseWriter, r *http.Request) {
				raw, _ := io.ReadAll(r.Body)
				bodies = append(bodies, strings.TrimSpace(string(raw)))
				say(200, `{"id":"a1"}`)(w, r)
			}
			f.on("POST /api/types/ProtectionDomain/instances/action/queryIdByKey", turns(expired, mdm("FD_NOT_FOUND", "Could not find Protection Domain")))
			f.on("POST /api/types/ProtectionDomain/instances", turns(func(w http.ResponseWriter, r *http.Request) {
				raw, _ := io.ReadAll(r.Body)
				bodies = append(bodies, strings.TrimSpace(string(raw)))
				expired(w, r)
			}, create))
			got, err := f.dial(t).Apply(t.Context(), domain("mydomain"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(Outcome{Result: Created, Domain: "a1"}, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]string{`{"name":"mydomain"}`, `{"name":"mydomain"}`}, bodies); diff != "" {
				t.Errorf("the body must be sent again: %s", diff)
			}
			if f.logins != 3 {
				t.Errorf("%d logins, expected 1 and one for each expiry", f.logins)
			}
		})
	}
}

func TestTokenIsAskedOnceByManyCalls(t *testing.T) {
	f := newFake(t)
	f.on("POST /api/types/ProtectionDomain/instances/action/queryIdByKey", say(200, `"a1"`))
	c := f.dial(t)
	done := make(chan error)
	for range 20 {
		go func() {
			_, err := c.Apply(t.Context(), domain("mydomain"))
			done <- err
		}()
	}
	for range 20 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if f.logins != 1 {
		t.Errorf("%d logins for 20 calls at once", f.logins)
	}
}

// goscaleio asks for the version, is refused, logs in, asks for the version... and never comes back (traffic/scaleio/exp-v3-bearer-only-gateway.json).
func TestLoginEndsWhenTheVersionIsRefused(t *testing.T) {
	f := newFake(t)
	f.on("GET /api/version", say(401, `{"message":"Unauthorized","httpStatusCode":401,"errorCode":0}`))
	_, err := f.dial(t).Observe(t.Context())
	if want := []string{"GET /api/login", "GET /api/version"}; fault.KindOf(err) != fault.Denied || !cmp.Equal(want, f.called()) {
		t.Errorf("error %v, calls %v", err, f.called())
	}
}

func TestRefusedPasswordIsNotTriedAgainUntilItChanges(t *testing.T) {
	f := newFake(t)
	f.on("GET /api/login", func(w http.ResponseWriter, r *http.Request) {
		if _, password, _ := r.BasicAuth(); password != secret {
			say(401, "")(w, r)
			return
		}
		say(200, token)(w, r)
	})
	password := "wrong"
	c := f.dial(t, func(c *Config) { c.Password = func() (string, error) { return password, nil } })
	for range 5 {
		if _, err := c.Observe(t.Context()); fault.KindOf(err) != fault.Denied {
			t.Fatal(err)
		}
	}
	if f.logins != 1 {
		t.Errorf("%d logins with one wrong password: the account may be locked", f.logins)
	}
	password = secret
	if _, err := c.Observe(t.Context()); err != nil {
		t.Errorf("a mended secret must be seen at once: %v", err)
	}
}

func TestVersionOfTheGatewayIsUsed(t *testing.T) {
	for said, want := range map[string]struct{ observed, header, auth string }{
		`"2.0"`: {"2.0", "application/json;version=2.0", "Basic"}, `2.6`: {"2.6", "application/json;version=2.6", "Basic"},
		"\n\"2.0.1\"\n": {"2.0", "application/json;version=2.0", "Basic"}, `"3.10"`: {"3.10", "application/json;version=3.10", "Basic"},
		`"R3_6"`: {"3.6", "application/json;version=3.6", "Basic"}, `"R3_6.0.100"`: {"3.6", "application/json;version=3.6", "Basic"},
		`"4"`: {"4.0", "application/json;version=4.0", "Bearer"}, `"4.5.1"`: {"4.5", "application/json;version=4.5", "Bearer"},
	} {
		f := newFake(t)
		other := newFake(t) // of another version, in the same process: goscaleio would send its headers
		other.on("GET /api/version", say(200, `"4.5"`))
		f.on("GET /api/version", say(200, said))
		var headers []string
		f.on("POST /api/instances/System/queryMdmCluster", func(w http.ResponseWriter, r *http.Request) {
			kind, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
			headers = append(headers, r.Header.Get("Accept"), r.Header.Get("Content-Type"), kind)
			say(200, `{"master":{"ips":["10.0.0.1"]}}`)(w, r)
		})
		c := f.dial(t)
		if _, err := other.dial(t).Observe(t.Context()); err != nil {
			t.Fatal(err)
		}
		o, err := c.Observe(t.Context())
		if err != nil {
			t.Errorf("%s: %v", said, err)
			continue
		}
		if diff := cmp.Diff([]string{want.header, want.header, want.auth}, headers); diff != "" || o.APIVersion != want.observed {
			t.Errorf("%s: version %s, headers %s", said, o.APIVersion, diff)
		}
	}
}

func TestVersionOfTheConfigIsNotAsked(t *testing.T) {
	f := newFake(t)
	o, err := f.dial(t, func(c *Config) { c.APIVersion = "3.5" }).Observe(t.Context())
	if err != nil || o.APIVersion != "3.5" || f.count("GET /api/version") != 0 {
		t.Errorf("%+v %v %v", o, err, f.called())
	}
}

func TestNextGatewayIsAskedWhenOneDoesNotAnswer(t *testing.T) {
	for name, silence := range map[string]func(t *testing.T, f *fake){
		"closed":         func(_ *testing.T, f *fake) { f.Server.Close() },
		"hangs":          func(t *testing.T, f *fake) { f.on("GET /api/login", hang(t)) },
		"hangs up":       func(_ *testing.T, f *fake) { f.on("GET /api/login", hangUp(nil)) },
		"not in service": func(_ *testing.T, f *fake) { f.on("GET /api/login", say(503, "")) },
	} {
		t.Run(name, func(t *testing.T) {
			one, two := newFake(t), newFake(t)
			silence(t, one)
			c := one.dial(t, func(c *Config) {
				c.Gateways, c.TLS, c.Timeout = []string{one.URL, two.URL}, spec.TLS{Insecure: true}, 2*time.Second
			})
			if _, err := c.Observe(t.Context()); err != nil {
				t.Fatal(err)
			}
			asked := len(one.called())
			if _, err := c.Observe(t.Context()); err != nil || len(one.called()) != asked {
				t.Errorf("the one that answered is to be asked first from then on: %v", err)
			}
			two.Server.Close()
			one.on("GET /api/login", hangUp(nil))
			_, err := c.Observe(t.Context())
			if fault.KindOf(err) != fault.Temporary || !strings.Contains(err.Error(), one.URL) || !strings.Contains(err.Error(), two.URL) {
				t.Errorf("an error that names both is expected, got %v", err)
			}
		})
	}
}

func TestNextGatewayIsNotAskedToOverruleARefusal(t *testing.T) {
	one, two := newFake(t), newFake(t)
	one.on("GET /api/login", say(401, ""))
	c := one.dial(t, func(c *Config) { c.Gateways, c.TLS = []string{one.URL, two.URL}, spec.TLS{Insecure: true} })
	if _, err := c.Observe(t.Context()); fault.KindOf(err) != fault.Denied || len(two.called()) != 0 {
		t.Errorf("%v, and at the second gateway %v", err, two.called())
	}
}

// Each gateway has its own tokens, and an operation that was cut off at one begins anew at the next with its look-up.
func TestOperationCutOffAtOneGatewayGoesOnAtTheNext(t *testing.T) {
	one, two := newFake(t), newFake(t)
	one.on("POST /api/types/ProtectionDomain/instances/action/queryIdByKey", mdm("FD_NOT_FOUND", ""))
	one.on("POST /api/types/ProtectionDomain/instances", hangUp(nil)) // it was done
	two.on("POST /api/types/ProtectionDomain/instances/action/queryIdByKey", say(200, `"a1"`))
	c := one.dial(t, func(c *Config) { c.Gateways, c.TLS = []string{one.URL, two.URL}, spec.TLS{Insecure: true} })
	got, err := c.Apply(t.Context(), domain("mydomain"))
	if diff := cmp.Diff(Outcome{Result: Unchanged, Domain: "a1"}, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

// Two gateways of different systems in one list, or a gateway that was given other MDMs: half a layout here and half there.
func TestGatewayOfAnotherSystemIsRefused(t *testing.T) {
	one, two := newFake(t), newFake(t)
	two.on("GET /api/types/System/instances", say(200, `[{"id":"1111111111111111","name":"scaleio"}]`))
	c := one.dial(t, func(c *Config) { c.Gateways, c.TLS = []string{one.URL, two.URL}, spec.TLS{Insecure: true} })
	if _, err := c.Observe(t.Context()); err != nil {
		t.Fatal(err)
	}
	one.on("GET /api/instances", say(503, ""))
	if _, err := c.Observe(t.Context()); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "1111111111111111") ||
		!strings.Contains(err.Error(), "499634a44778afc0") || two.count("GET /api/instances") != 0 {
		t.Errorf("%v, and at the second gateway %v", err, two.called())
	}
}

func TestCancelledCallEndsAtOnce(t *testing.T) {
	f := newFake(t)
	f.on("GET /api/instances", hang(t))
	ctx, cancel := context.WithCancel(t.Context())
	c := f.dial(t, func(c *Config) { c.Timeout = time.Hour })
	if _, err := c.Apply(ctx, layout.Operation{Kind: "remove-everything"}); fault.KindOf(err) != fault.Internal {
		t.Error(err)
	}
	done := make(chan error)
	go func() {
		_, err := c.Observe(ctx)
		done <- err
	}()
	cancel()
	if err := <-done; !fault.IsTemporary(err) {
		t.Error(err)
	}
}

// The environment that makes goscaleio print its traffic is read when the process starts: so this test runs itself once more in such a process.
func TestPrintsNoSecretWhateverTheEnvironmentSays(t *testing.T) {
	if os.Getenv("GATEWAY_TEST_PRINTS") != "" {
		f := newFake(t)
		f.on("POST /api/types/ProtectionDomain/instances/action/queryIdByKey", mdm("FD_NOT_FOUND", ""))
		f.on("POST /api/types/ProtectionDomain/instances", say(200, `{"id":"a1"}`))
		c := f.dial(t)
		if _, err := c.Apply(t.Context(), domain("mydomain")); err != nil {
			t.Error(err)
		}
		f.on("POST /api/types/ProtectionDomain/instances", mdm("FD_NAME_IN_USE", "taken"))
		_, _ = c.Apply(t.Context(), domain("mydomain"))
		return
	}
	again := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	again.Env = append(os.Environ(), "GATEWAY_TEST_PRINTS=1", "GOSCALEIO_DEBUG=true", "GOSCALEIO_SHOWHTTP=true")
	printed, err := again.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, printed)
	}
	for _, hidden := range []string{secret, token, "Authorization"} {
		if strings.Contains(string(printed), hidden) {
			t.Errorf("%s was printed:\n%s", hidden, printed)
		}
	}
	if !strings.Contains(string(printed), "ProtectionDomain") {
		t.Errorf("the environment was to make goscaleio print its calls, so this test shows nothing:\n%s", printed)
	}
}

// A wrong hint would send the operator the wrong way: what distrust says is what crypto/tls refused.
func TestUntrustedNamesItsReason(t *testing.T) {
	f := newFake(t)
	_, err := tls.Dial("tcp", strings.TrimPrefix(f.URL, "https://"), &tls.Config{})
	if u := distrust(&url.Error{Op: "Get", URL: f.URL, Err: err}); u == nil || !u.certificate.Equal(f.Certificate()) {
		t.Errorf("%v from %v", u, err)
	}
	if u := distrust(errors.New("connection refused")); u != nil {
		t.Error(u)
	}
}
