package service

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/options"
)

const (
	apiToken    = "Token-of-the-API-71"
	mesosSecret = "Secret-of-Mesos-82"
	accountName = "scaleio-principal"
)

// front is DC/OS before a Mesos master: TLS, a login for one service account, and nobody gets in without credentials.
type front struct {
	*httptest.Server
	key *rsa.PrivateKey

	mu      sync.Mutex // guards all below
	good    string     // the Authorization that is let in
	seen    []string   // all that must stay secret
	logins  int
	refused int
}

func newFront(t *testing.T, master string) *front {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	f := &front{key: key, good: "Basic " + base64.StdEncoding.EncodeToString([]byte(accountName+":"+mesosSecret))}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: master})
	proxy.FlushInterval, proxy.Transport, proxy.ErrorLog = -1, &http.Transport{DisableKeepAlives: true}, slog.NewLogLogger(slog.DiscardHandler, 0)
	f.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/acs/api/v1/auth/login":
			f.login(w, r)
		case !f.lets(r):
			w.WriteHeader(http.StatusUnauthorized)
		default:
			r.Header.Del("Authorization") // the lab's Mesos knows no principals
			proxy.ServeHTTP(w, r)
		}
	}))
	f.Config.ErrorLog = proxy.ErrorLog
	f.StartTLS()
	t.Cleanup(f.Close)
	return f
}

func (f *front) login(w http.ResponseWriter, r *http.Request) {
	var body struct{ Token string }
	if json.NewDecoder(r.Body).Decode(&body) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.logins++
	token := fmt.Sprintf("issued-token-number-%d", f.logins)
	f.seen, f.good = append(f.seen, body.Token, token), "token="+token
	json.NewEncoder(w).Encode(map[string]string{"token": token})
}

func (f *front) lets(r *http.Request) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Header.Get("Authorization") != f.good {
		f.refused++
		return false
	}
	return true
}

func (f *front) private() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(f.key)}))
}

// account is the service account as DC/OS hands it over.
func (f *front) account(t *testing.T) string {
	text, err := json.Marshal(map[string]string{"uid": accountName, "scheme": "RS256", "login_endpoint": f.URL + "/acs/api/v1/auth/login", "private_key": f.private()})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// ca is the file of the authority that signed the front's certificate.
func (f *front) ca(t *testing.T) string {
	return write(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Certificate().Raw})))
}

// secrets are texts that must stand nowhere.
func (f *front) secrets() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	key := strings.Split(f.private(), "\n")
	return append([]string{password, apiToken, mesosSecret, f.good, base64.StdEncoding.EncodeToString([]byte(accountName + ":" + mesosSecret)), key[1], key[5]}, f.seen...)
}

// TestNoSecretAnywhere deploys three nodes behind a DC/OS that asks for credentials, and looks for every secret of the scheduler in its log,
// its answers and its store.
func TestNoSecretAnywhere(t *testing.T) {
	for name, credentials := range map[string]func(*front) []string{
		"service account": func(f *front) []string { return []string{"DCOS_SERVICE_ACCOUNT_CREDENTIAL=" + f.account(t)} },
		"account's file": func(f *front) []string {
			return []string{"DCOS_SERVICE_ACCOUNT_CREDENTIAL=" + write(t, "account.json", f.account(t)), "FRAMEWORK_PRINCIPAL="}
		},
		"secret": func(*front) []string { return []string{"MESOS_SECRET=" + mesosSecret} },
	} {
		t.Run(name, func(t *testing.T) {
			around, _ := cluster(t)
			f := newFront(t, strings.TrimPrefix(around[0], "MESOS_MASTER_HTTP="))
			env := append(settings(t, around...), "MESOS_MASTER_HTTP="+strings.TrimPrefix(f.URL, "https://"), "MESOS_CA_FILE="+f.ca(t),
				"FRAMEWORK_PRINCIPAL="+accountName, "API_TOKEN="+apiToken)
			env = append(env, credentials(f)...)
			r := start(t, env)
			r.deployed(t)
			seen := r.log
			look := func(where, text string) {
				for _, secret := range f.secrets() {
					if strings.Contains(text, secret) {
						t.Errorf("%s shows %.8s…", where, secret)
					}
				}
			}
			if code, body := r.command(t, apiToken+"x"); code != 401 || !strings.Contains(body, "has to show the token") {
				t.Errorf("a wrong token: %d %s", code, body)
			}
			if code, body := r.command(t, apiToken); code != 200 {
				t.Errorf("the token: %d %s", code, body)
			}
			for _, path := range []string{"/", "/v1/plans/deploy", "/v1/pod/status", "/v1/pod/node-0/info", "/v1/health?verbose=true", "/v1/scaleio/layout", "/v1/scaleio/nodes",
				"/v1/scaleio/system", "/v1/metrics/prometheus", "/api/state"} {
				code, body := r.get(t, path)
				look(fmt.Sprint(path, " ", code), body)
			}
			if err := r.end(); err != nil {
				t.Error(err)
			}
			look("the log", seen.String())
			for key, value := range stored(t, env) {
				look("the store's key "+key, string(value))
			}
			if f.refused > 1 || (name == "secret") != (f.logins == 0) {
				t.Errorf("%d refusals, %d logins", f.refused, f.logins)
			}
		})
	}
}

// command asks to start a plan with a token.
func (r *running) command(t *testing.T, token string) (int, string) {
	t.Helper()
	return r.send(t, http.DefaultClient, token)
}

func (r *running) send(t *testing.T, client *http.Client, token string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.base+"/v1/plans/deploy/start", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, body.String()
}

// TestARefusedLoginSaysWhatToDo: the scheduler ends with a sentence, and without what it logged in with.
func TestARefusedLoginSaysWhatToDo(t *testing.T) {
	f := newFront(t, dead(t))
	login := f.Config.Handler
	f.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/acs") {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		login.ServeHTTP(w, r)
	})
	err := refused(t, settings(t, "MESOS_MASTER_HTTP="+f.URL, "MESOS_CA_FILE="+f.ca(t), "DCOS_SERVICE_ACCOUNT_CREDENTIAL="+f.account(t)))
	if want := "log in as " + accountName + ": 401 Unauthorized; check that the account exists"; fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), want) {
		t.Errorf("%v: %v", fault.KindOf(err), err)
	}
}

// certificateFiles makes a certificate for 127.0.0.1, and whom to trust.
func certificateFiles(t *testing.T) (cert, key string, trust *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
	trust = x509.NewCertPool()
	trust.AppendCertsFromPEM(certificate)
	return write(t, "cert.pem", string(certificate)), write(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))), trust
}

func TestTheAPIOverTLS(t *testing.T) {
	cert, key, trust := certificateFiles(t)
	r := start(t, settings(t, "API_TLS_CERT_FILE="+cert, "API_TLS_KEY_FILE="+key, "API_TOKEN_FILE="+write(t, "token", apiToken+"\n")))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust}, DisableKeepAlives: true}}
	if code, body := r.get(t, "/version"); code != 400 || !strings.Contains(body, "HTTPS") {
		t.Errorf("plain HTTP: %d %s", code, body)
	}
	r.base = strings.Replace(r.base, "http:", "https:", 1)
	if code, body := r.send(t, client, ""); code != 401 {
		t.Errorf("no token: %d %s", code, body)
	}
	if code, body := r.send(t, client, apiToken); code != 200 {
		t.Errorf("the token: %d %s", code, body)
	}
	if _, err := http.Get(r.base + "/version"); err == nil {
		t.Error("a certificate that nobody trusts was trusted")
	}
	old := &tls.Config{RootCAs: trust, MaxVersion: tls.VersionTLS11}
	if conn, err := tls.Dial("tcp", strings.TrimPrefix(r.base, "https://"), old); err == nil {
		conn.Close()
		t.Error("TLS 1.1 was spoken")
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
	o, _ := parse(t, settings(t, "API_TLS_CERT_FILE="+cert, "API_TLS_KEY_FILE="+key))
	if e, _, err := executorOf(o, "10.0.0.1:35000"); err != nil || !strings.HasPrefix(e.URL, "https://10.0.0.1:35000/") {
		t.Errorf("agents fetch from %s, %v", e.URL, err)
	}
}

// TestAWaitingRoomGivesTheTLSListenerBack: the waiting room of a second scheduler does not close what the API needs later.
func TestAWaitingRoomGivesTheTLSListenerBack(t *testing.T) {
	cert, key, trust := certificateFiles(t)
	o, _ := parse(t, settings(t, "API_TLS_CERT_FILE="+cert, "API_TLS_KEY_FILE="+key))
	listener, _, err := listen(t.Context(), o, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust}, DisableKeepAlives: true}}
	for range 2 {
		room := openWaitingRoom(listener, slog.New(slog.DiscardHandler))
		holder := "another"
		room.holder.Store(&holder)
		response, err := client.Get("https://" + listener.Addr().String() + "/v1/health")
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if room.close(); response.StatusCode != 200 {
			t.Error(response.Status)
		}
	}
}

func TestSecurityThatCannotStart(t *testing.T) {
	cert, key, _ := certificateFiles(t)
	f := newFront(t, dead(t))
	for _, test := range []struct {
		name string
		env  []string
		says string
	}{
		{"public without a token", []string{"API_BIND=203.0.113.7"}, "API: protect it: it would listen on 203.0.113.7, a public address, where anybody could command it: give a token"},
		{"a short token", []string{"API_TOKEN=short"}, "its token has 5 characters, expected 16 or more"},
		{"a token's file that is not there", []string{"API_TOKEN_FILE=/nowhere/token"}, "secret file /nowhere/token"},
		{"no certificate", []string{"API_TLS_CERT_FILE=/nowhere/c", "API_TLS_KEY_FILE=" + key}, "read its certificate /nowhere/c"},
		{"a key of another certificate", []string{"API_TLS_CERT_FILE=" + cert, "API_TLS_KEY_FILE=" + f.ca(t)}, "read its certificate " + cert},
		{"no authority", []string{"MESOS_CA_FILE=/nowhere/ca"}, "mesos.ca_file: read: open /nowhere/ca"},
		{"an authority without a certificate", []string{"MESOS_CA_FILE=" + key}, "it holds no certificate: expected PEM"},
		{"an account that is none", []string{"DCOS_SERVICE_ACCOUNT_CREDENTIAL={}"}, "service account: has no uid"},
		{"an account that is not there", []string{"DCOS_SERVICE_ACCOUNT_CREDENTIAL=/nowhere/account"}, "secret file /nowhere/account"},
		{"an account of another name", []string{"FRAMEWORK_PRINCIPAL=other", "DCOS_SERVICE_ACCOUNT_CREDENTIAL=" + f.account(t)},
			"service account: its uid is scaleio-principal and the principal is other"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := refused(t, append(settings(t), test.env...))
			if !strings.Contains(err.Error(), test.says) || fault.KindOf(err) != fault.Invalid {
				t.Errorf("%v: %v, want %s", fault.KindOf(err), err, test.says)
			}
			for _, secret := range append(f.secrets(), "short") {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%v shows %.8s…", err, secret)
				}
			}
		})
	}
}

func TestWhatIsPublic(t *testing.T) {
	interfaces := func(all ...string) func() ([]net.Addr, error) {
		return func() ([]net.Addr, error) {
			var found []net.Addr
			for _, a := range all {
				ip, network, err := net.ParseCIDR(a)
				if err != nil {
					t.Fatal(err)
				}
				found = append(found, &net.IPNet{IP: ip, Mask: network.Mask})
			}
			return found, nil
		}
	}
	inside := interfaces("127.0.0.1/8", "10.1.2.3/8", "172.17.0.1/16", "192.168.1.1/24", "169.254.3.3/16", "100.64.1.1/10", "::1/128", "fe80::1/64", "fd00::1/64")
	outside := interfaces("127.0.0.1/8", "10.1.2.3/8", "198.51.100.4/24")
	six := interfaces("10.1.2.3/8", "2001:db8::4/64")
	for _, test := range []struct {
		bind       string
		interfaces func() ([]net.Addr, error)
		want       string
	}{
		{"", inside, "invalid IP"}, {"0.0.0.0", inside, "invalid IP"}, {"::", inside, "invalid IP"}, {"", outside, "198.51.100.4"}, {"0.0.0.0", outside, "198.51.100.4"},
		{"", six, "2001:db8::4"}, {"10.1.2.3", outside, "invalid IP"}, {"127.0.0.1", outside, "invalid IP"}, {"198.51.100.4", inside, "198.51.100.4"},
		{"::ffff:198.51.100.4", inside, "198.51.100.4"}, {"::ffff:10.0.0.1", outside, "invalid IP"},
	} {
		got, err := publicAddress(test.bind, test.interfaces)
		if err != nil || got.String() != test.want {
			t.Errorf("%q: %v %v, want %s", test.bind, got, err, test.want)
		}
	}
}

func TestWarnings(t *testing.T) {
	f := newFront(t, dead(t))
	account := strings.Replace(f.account(t), "https:", "http:", 1)
	for _, test := range []struct{ env, says string }{
		{"MESOS_SECRET=" + mesosSecret, "credentials go to this master in clear text"},
		{"DCOS_SERVICE_ACCOUNT_CREDENTIAL=" + account, "the login as a service account goes over the network in clear text"},
		{"LOG_LEVEL=info", ""},
	} {
		o, _ := parse(t, settings(t, "FRAMEWORK_PRINCIPAL="+accountName, test.env))
		var seen bytes.Buffer
		if _, err := mesosConfig(o, slog.New(slog.NewTextHandler(&seen, nil))); err != nil || !strings.Contains(seen.String(), test.says) || (test.says == "") != (seen.Len() == 0) {
			t.Errorf("%.20s: %v %s", test.env, err, seen.String())
		}
	}
	public, _ := publicAddress("203.0.113.7", nil)
	secret := options.Secret{File: filepath.Join(t.TempDir(), "token")}
	for _, test := range []struct {
		api  options.API
		says string
	}{
		{options.API{Insecure: true}, "the API takes commands from anybody"}, {options.API{Token: secret}, "token goes over the network in clear text"},
		{options.API{Token: secret, CertFile: "c"}, ""},
	} {
		var seen bytes.Buffer
		if err := permits(test.api, public, slog.New(slog.NewTextHandler(&seen, nil))); err != nil || !strings.Contains(seen.String(), test.says) || (test.says == "") != (seen.Len() == 0) {
			t.Errorf("%+v: %v %s", test.api, err, seen.String())
		}
	}
}
