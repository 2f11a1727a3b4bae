package mesos

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/dcos-scaleio/scaleio/lab/mesos/internal/libprocess"
)

// handle answers a master's HTTP: one address of possibly several.
func (f *front) handle(r *libprocess.Request) *libprocess.Response {
	m := f.master
	path := strings.TrimSuffix(r.Path, "/")
	bare_ := strings.TrimPrefix(path, "/master")
	switch bare_ {
	case "/health":
		return bare(http.StatusOK)
	}
	if path == "/version" {
		return answerPage("application/json", versionPage())
	}
	route, ok := routes[bare_]
	if !ok {
		return f.other(path, r)
	}
	if refusal := f.standsBy(r, bare_); refusal != nil {
		return refusal
	}
	principal, ok := m.authenticate(r)
	if !ok {
		return answerText(http.StatusUnauthorized, "401 Unauthorized.",
			libprocess.Field{Name: "WWW-Authenticate", Value: fmt.Sprintf("Basic realm=%q", route.realm)})
	}
	return route.answer(m, r, principal)
}

// other answers pages that every master has, and everything that none has.
func (f *front) other(path string, r *libprocess.Request) *libprocess.Response {
	switch path {
	case "":
		return answerPage("text/html", []byte(homePage))
	case "/help":
		return answerCall("text/html", []byte(homePage))
	case "/metrics/snapshot":
		return answerPage("application/json", f.master.metricsPage())
	}
	return notFound()
}

// standsBy redirects to the leader, or says that there is none; nothing of the request is looked at before (18/008-020).
func (f *front) standsBy(r *libprocess.Request, path string) *libprocess.Response {
	f.master.mu.Lock()
	defer f.master.mu.Unlock()
	leader := f.master.leader
	switch {
	case leader == nil:
		return unavailable("No leader elected")
	case path == "/redirect":
		return redirect("//" + leader.addr)
	case leader != f:
		to := "//" + leader.addr + "/master" + path
		if r.Query != "" {
			to += "?" + r.Query
		}
		return redirect(to)
	case f.master.recovering:
		return unavailable("Master has not finished recovery")
	}
	return nil
}

const homePage = "<!doctype html><title>Mesos</title>\n"

func redirect(to string) *libprocess.Response {
	return &libprocess.Response{Status: http.StatusTemporaryRedirect, Header: []libprocess.Field{{Name: "Location", Value: to}}}
}

// authenticate gives the principal of a request; without Credentials everybody is nobody.
func (m *Master) authenticate(r *libprocess.Request) (string, bool) {
	if m.cfg.Credentials == nil {
		return "", true
	}
	in := http.Request{Header: r.Header}
	name, secret, ok := in.BasicAuth()
	want, known := m.cfg.Credentials[name]
	return name, ok && known && subtle.ConstantTimeCompare([]byte(secret), []byte(want)) == 1
}

// routes are the endpoints of the leading master, below / and /master alike.
var routes = map[string]struct {
	realm  string
	answer func(*Master, *libprocess.Request, string) *libprocess.Response
}{
	"/api/v1/scheduler": {"mesos-master-scheduler", (*Master).schedulerCall},
	"/api/v1":           {"mesos-master-readwrite", func(m *Master, r *libprocess.Request, _ string) *libprocess.Response { return m.operatorCall(r) }},
	"/redirect":         {"mesos-master-readonly", nil}, // answered by standsBy
	"/teardown":         {"mesos-master-readwrite", func(m *Master, r *libprocess.Request, _ string) *libprocess.Response { return m.teardown(r) }},
	"/state":            {"mesos-master-readonly", page((*Master).statePage)},
	"/slaves":           {"mesos-master-readonly", page((*Master).slavesPage)},
	"/frameworks":       {"mesos-master-readonly", page((*Master).frameworksPage)},
	"/tasks":            {"mesos-master-readonly", page((*Master).tasksPage)},
	"/weights":          {"mesos-master-readonly", page((*Master).weightsPage)},
}

func page(write func(*Master, url.Values) []byte) func(*Master, *libprocess.Request, string) *libprocess.Response {
	return func(m *Master, r *libprocess.Request, _ string) *libprocess.Response {
		query, err := url.ParseQuery(r.Query)
		if err != nil {
			return badRequest("Malformed query: %v", err)
		}
		m.mu.Lock()
		body := write(m, query)
		m.mu.Unlock()
		if call := query.Get("jsonp"); call != "" {
			return answerPage("text/javascript", fmt.Appendf(nil, "%s(%s);", call, body))
		}
		return answerPage("application/json", body)
	}
}

// teardown is the old endpoint: frameworkId=… as a form.
func (m *Master) teardown(r *libprocess.Request) *libprocess.Response {
	if r.Method != http.MethodPost {
		return methodNotAllowed(r.Method)
	}
	form, err := url.ParseQuery(string(r.Body))
	if err != nil || form.Get("frameworkId") == "" {
		return badRequest("Missing 'frameworkId' query parameter in the request body")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.teardownByID(form.Get("frameworkId"))
}

func (m *Master) teardownByID(id string) *libprocess.Response {
	f := m.frameworks[id]
	if f == nil {
		return badRequest("No framework found with specified ID")
	}
	m.removeFramework(f)
	return bare(http.StatusOK)
}
