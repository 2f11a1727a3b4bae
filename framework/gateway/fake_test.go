package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/spec"
)

const (
	secret = "Pa55word-not-to-be-seen"
	token  = "YWRtaW46dG9rZW4tbm90LXRvLWJlLXNlZW4"
)

// fake is a gateway for odd cases: it answers what a test tells it to, and by default as an empty system of version 3.6 does.
type fake struct {
	*httptest.Server
	mu      sync.Mutex
	answers map[string]http.HandlerFunc // by "METHOD /path"
	calls   []string
	logins  int
}

func newFake(t *testing.T) *fake {
	f := &fake{answers: map[string]http.HandlerFunc{
		"GET /api/login":                                      say(200, `"`+token+`"`),
		"GET /api/version":                                    say(200, `"3.6"`),
		"GET /api/types/System/instances":                     say(200, `[{"id":"499634a44778afc0","name":"scaleio"}]`),
		"GET /api/instances":                                  say(200, `{"System":{"id":"499634a44778afc0"}}`),
		"POST /api/instances/System/queryMdmCluster":          say(200, `{"clusterState":"ClusteredNormal","master":{"ips":["10.0.0.1"]}}`),
		"POST /api/instances/System/action/querySystemLimits": say(200, `{}`),
	}}
	f.Server = httptest.NewUnstartedServer(f)
	f.Server.Config.ErrorLog = quiet()
	f.StartTLS()
	t.Cleanup(f.Server.Close)
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key := r.Method + " " + r.URL.Path
	f.mu.Lock()
	f.calls = append(f.calls, key)
	if key == "GET /api/login" {
		f.logins++
	}
	answer := f.answers[key]
	f.mu.Unlock()
	if answer == nil {
		say(404, `{"message":"no such call","httpStatusCode":404,"errorCode":0}`)(w, r)
		return
	}
	answer(w, r)
}

func (f *fake) on(key string, answer http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answers[key] = answer
}

func (f *fake) called() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.calls...)
}

func (f *fake) count(key string) (n int) {
	for _, call := range f.called() {
		if call == key {
			n++
		}
	}
	return n
}

func (f *fake) pin() string {
	sum := sha256.Sum256(f.Certificate().Raw)
	return hex.EncodeToString(sum[:])
}

// config is one that the fake accepts.
func (f *fake) config() Config {
	return Config{Gateways: []string{f.URL}, User: "admin", Password: func() (string, error) { return secret, nil },
		TLS: spec.TLS{SHA256: f.pin()}, Timeout: 5 * time.Second}
}

func (f *fake) dial(t *testing.T, change ...func(*Config)) *Client {
	t.Helper()
	config := f.config()
	for _, one := range change {
		one(&config)
	}
	return dial(t, config)
}

func dial(t *testing.T, config Config) *Client {
	t.Helper()
	c, err := Dial(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// say answers with a body: JSON, or a page when it looks like one.
func say(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		kind := "application/json;charset=UTF-8"
		if strings.HasPrefix(body, "<html>") {
			kind = "text/html;charset=utf-8"
		}
		if body == "" {
			w.Header()["Content-Type"] = nil
		} else {
			w.Header().Set("Content-Type", kind)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// mdm is the refusal of an MDM as 3.x words it.
func mdm(code, message string) http.HandlerFunc {
	body, err := json.Marshal(map[string]any{"message": "Error with details", "httpStatusCode": 500, "errorCode": 7,
		"details": []map[string]any{{"error": code, "rc": 7, "errorMessage": message}}})
	if err != nil {
		panic(err)
	}
	return say(500, string(body))
}

// turns gives the answers one after the other, the last one for ever.
func turns(answers ...http.HandlerFunc) http.HandlerFunc {
	var mu sync.Mutex
	next := 0
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		answer := answers[min(next, len(answers)-1)]
		next++
		mu.Unlock()
		answer(w, r)
	}
}

// hangUp does the work and drops the connection instead of answering.
func hangUp(work http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if work != nil {
			work(httptest.NewRecorder(), r)
		}
		panic(http.ErrAbortHandler)
	}
}

func page(title string) string { return fmt.Sprintf("<html><body>%s</body></html>", title) }
