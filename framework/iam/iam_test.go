package iam_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/iam"
	"github.com/dcos-scaleio/scaleio/framework/secret"
)

const path = "/acs/api/v1/auth/login"

// server is an IAM that knows one service account, on a clock that only the test moves.
type server struct {
	*httptest.Server
	key *rsa.PrivateKey

	mu     sync.Mutex // guards all below
	now    time.Time
	life   time.Duration // of tokens; 0: they do not say
	logins int
	status int    // what it answers instead
	text   string // with it
	proofs []string
	issued []string
}

var key = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func start(t *testing.T) *server {
	s := &server{key: key(), now: time.Unix(1_700_000_000, 0), life: time.Hour}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(s.login))
	s.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *server) login(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logins++
	if s.status != 0 {
		w.Header().Set("Location", "https://elsewhere.example")
		w.WriteHeader(s.status)
		fmt.Fprint(w, s.text)
		return
	}
	var body struct{ UID, Token string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.Method != "POST" || r.URL.Path != path || r.Header.Get("Content-Type") != "application/json" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.proofs = append(s.proofs, body.Token)
	proof, err := jwt.Parse(body.Token, func(*jwt.Token) (any, error) { return &s.key.PublicKey, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithExpirationRequired(), jwt.WithTimeFunc(func() time.Time { return s.now }))
	if err != nil || body.UID != "scaleio-principal" || proof.Claims.(jwt.MapClaims)["uid"] != body.UID {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	claims := jwt.MapClaims{"uid": body.UID, "n": s.logins}
	if s.life != 0 {
		claims["exp"] = s.now.Add(s.life).Unix()
	}
	token, _ := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte("the IAM's own"))
	s.issued = append(s.issued, token)
	json.NewEncoder(w).Encode(map[string]string{"token": token})
}

func (s *server) pass(d time.Duration) { s.set(func() { s.now = s.now.Add(d) }) }

func (s *server) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

func (s *server) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func private(k any) string {
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// document is what DC/OS makes of the account.
func (s *server) document(change map[string]any) secret.Value {
	d := map[string]any{"uid": "scaleio-principal", "private_key": private(s.key), "login_endpoint": s.URL + path, "scheme": "RS256"}
	for k, v := range change {
		d[k] = v
	}
	text, _ := json.MarshalIndent(d, "", "  ")
	return secret.New(string(text))
}

func (s *server) trusted() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return &tls.Config{RootCAs: pool}
}

func (s *server) account(t *testing.T) *iam.Account {
	t.Helper()
	a, err := iam.ParseAccount(s.document(nil))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (s *server) user(t *testing.T) *iam.Login {
	return iam.NewLogin(iam.Config{Account: s.account(t), TLS: s.trusted(), Now: s.clock, Log: slog.New(slog.DiscardHandler)})
}

// header asks for the header and insists on how often the IAM has been asked by then.
func header(t *testing.T, s *server, l *iam.Login, refused string, logins int) string {
	t.Helper()
	h, err := l.Authorization(t.Context(), refused)
	if err != nil || !strings.HasPrefix(h, "token=ey") {
		t.Fatalf("%q, %v", h, err)
	}
	s.set(func() {
		if s.logins != logins {
			t.Fatalf("%d logins, want %d", s.logins, logins)
		}
	})
	return h
}

func TestATokenIsReplacedBeforeItEnds(t *testing.T) {
	s := start(t)
	l := s.user(t)
	first := header(t, s, l, "", 1)
	s.pass(57 * time.Minute)
	if header(t, s, l, "", 1) != first {
		t.Error("a good token was replaced")
	}
	s.pass(2 * time.Minute)
	second := header(t, s, l, "", 2)
	if second == first {
		t.Error("a token about to end is still used")
	}
	s.pass(24 * time.Hour)
	if header(t, s, l, "", 3) == second {
		t.Error("a token that ended is still used")
	}
}

func TestARefusedTokenIsReplacedOnce(t *testing.T) {
	s := start(t)
	s.life = 0
	l := s.user(t)
	first := header(t, s, l, "", 1)
	if header(t, s, l, first, 1) != first {
		t.Error("a token of this second was replaced: the next one would be refused as well")
	}
	s.pass(time.Minute)
	second := header(t, s, l, first, 2)
	if second == first {
		t.Error("a refused token is used again")
	}
	// Another call that was sent with the first one is answered later.
	if header(t, s, l, first, 2) != second {
		t.Error("it logged in although the token had been replaced")
	}
	s.pass(1000 * time.Hour)
	if header(t, s, l, "", 2) != second {
		t.Error("a token that does not end was replaced")
	}
}

func TestAGoodTokenOutlivesAnIAMThatIsAway(t *testing.T) {
	s := start(t)
	l := s.user(t)
	first := header(t, s, l, "", 1)
	s.set(func() { s.status = 503 })
	s.pass(59 * time.Minute)
	for range 5 {
		if header(t, s, l, "", 2) != first {
			t.Fatal("another token")
		}
	}
	s.pass(time.Minute)
	for want := range 3 { // it ended: asked again, but not with every call
		for range 3 {
			if h, err := l.Authorization(t.Context(), ""); !fault.IsTemporary(err) || h != "" {
				t.Fatalf("%q, %v", h, err)
			}
		}
		s.set(func() {
			if s.logins != 3+want {
				t.Fatalf("%d logins, want %d", s.logins, 3+want)
			}
		})
		s.pass(10 * time.Second)
	}
	s.set(func() { s.status = 0 })
	if header(t, s, l, "", 6) == first {
		t.Error("the old token")
	}
}

func TestAClockThatIsAheadLogsInSometimesOnly(t *testing.T) {
	s := start(t)
	s.life = -time.Hour
	l := s.user(t)
	first := header(t, s, l, "", 1)
	s.pass(9 * time.Second)
	if header(t, s, l, "", 1) != first {
		t.Error("another token")
	}
	s.pass(time.Second)
	header(t, s, l, "", 2)
}

func TestManyAskAtOnce(t *testing.T) {
	s := start(t)
	l := s.user(t)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if h, err := l.Authorization(t.Context(), ""); err != nil || h == "" {
				t.Error(h, err)
			}
		})
	}
	wg.Wait()
	header(t, s, l, "", 1)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	fresh := s.user(t)
	if _, err := fresh.Authorization(ended, ""); !fault.IsTemporary(err) {
		t.Error(err)
	}
	header(t, s, fresh, "", 2) // the end of one caller is not held against the IAM
}

func TestWhatARefusalSays(t *testing.T) {
	for status, want := range map[int]struct {
		kind fault.Kind
		text string
	}{
		401: {fault.Denied, "401 Unauthorized; check that the account exists"}, 403: {fault.Denied, "403 Forbidden; check that"},
		302: {fault.Invalid, "302 Found: not followed"}, 404: {fault.Invalid, "404 Not Found; check login_endpoint"},
		500: {fault.Temporary, "500 Internal Server Error"}, 429: {fault.Temporary, "429 Too Many Requests"}, 200: {fault.Temporary, "holds no token"},
	} {
		for _, text := range []string{"", "{", `{"token": ""}`, `{"token": "a\nb"}`, `{"token": "` + strings.Repeat("x", 1<<15) + `"}`} {
			s := start(t)
			s.status, s.text = status, text
			_, err := s.user(t).Authorization(t.Context(), "")
			if fault.KindOf(err) != want.kind || !strings.Contains(err.Error(), want.text) ||
				!strings.HasPrefix(err.Error(), "DC/OS IAM "+s.URL+path+": log in as scaleio-principal: ") {
				t.Errorf("%d: %v, %v", status, fault.KindOf(err), err)
			}
			s.Close()
		}
	}
}

func TestAnUntrustedIAMGetsNothing(t *testing.T) {
	s := start(t)
	l := iam.NewLogin(iam.Config{Account: s.account(t), Now: s.clock, Log: slog.New(slog.DiscardHandler)})
	_, err := l.Authorization(t.Context(), "")
	if fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), "mesos.ca_file") || s.logins != 0 {
		t.Errorf("%v after %d logins", err, s.logins)
	}
	s.Close()
	s2 := s.user(t)
	if _, err := s2.Authorization(t.Context(), ""); !fault.IsTemporary(err) || !strings.Contains(err.Error(), "connection refused") {
		t.Error(err)
	}
}

func TestWhatAnAccountMustBe(t *testing.T) {
	s := start(t)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(s.key)}))
	for want, change := range map[string]map[string]any{
		"":                            {},
		" ":                           {"private_key": pkcs1, "scheme": ""},
		"has no uid":                  {"uid": ""},
		"is not the JSON":             {"uid": 7},
		"scheme other than RS256":     {"scheme": "HS256-hunter2"},
		"no login_endpoint of use":    {"login_endpoint": "leader.mesos/acs"},
		"login_endpoint of use: e":    {"login_endpoint": "https://me:hunter2@leader.mesos/"},
		"has no private_key of use":   {"private_key": "hunter2"},
		"has no private_key of use: ": {"private_key": private(curve)},
		"too short":                   {"private_key": private(small)},
	} {
		a, err := iam.ParseAccount(s.document(change))
		if ok := strings.TrimSpace(want) == ""; ok != (err == nil) || ok && !a.Encrypted() {
			t.Errorf("%q: %v", want, err)
		}
		if err != nil && (fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if _, err := iam.ParseAccount(secret.New(`{"uid": "hunter2`)); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Error(err)
	}
}

// TestNoSecretAnywhere: neither key nor statement nor token stands in an error, a log or a print of what holds them.
func TestNoSecretAnywhere(t *testing.T) {
	s := start(t)
	var seen bytes.Buffer
	log := slog.New(slog.NewTextHandler(&seen, &slog.HandlerOptions{Level: slog.LevelDebug}))
	account := s.account(t)
	l := iam.NewLogin(iam.Config{Account: account, TLS: s.trusted(), Now: s.clock, Log: log})
	header(t, s, l, "", 1)
	log.Info("prints", "account", account, "login", l)
	fmt.Fprintf(&seen, "%v %+v %#v %v %+v %#v %+v\n", account, account, account, l, l, l, s.document(nil))
	if err := json.NewEncoder(&seen).Encode(account); err != nil {
		t.Fatal(err)
	}
	for _, status := range []int{200, 302, 401, 404, 500} {
		s.pass(2 * time.Hour)
		s.set(func() { s.status, s.text = status, `{"token": "not a token", "echo": "`+s.proofs[0]+`"}` })
		_, err := l.Authorization(t.Context(), "")
		fmt.Fprintf(&seen, "%v %+v\n", err, err)
	}
	secrets := append(append(s.proofs, s.issued...), s.key.D.String(), fmt.Sprintf("%x", s.key.D), private(s.key)[40:80])
	for _, text := range secrets {
		if strings.Contains(seen.String(), text) {
			t.Errorf("%.20s… stands in\n%s", text, seen.String())
		}
	}
	if len(s.proofs) == 0 || len(s.issued) == 0 || !strings.Contains(seen.String(), "scaleio-principal") {
		t.Error("the test sees nothing")
	}
}
