package scaleio

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// maxBody is far more than any request of the API.
const maxBody = 4 << 20

// Handler is the gateway's REST API. The caller serves it over TLS (ServeTLS does).
func (s *System) Handler() http.Handler { return http.HandlerFunc(s.serve) }

func (s *System) serve(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.calls.add(r.Method, r.URL.Path)
	fault := s.faults.take(r.Method, r.URL.Path, parseRoute(r.URL.Path).kind)
	if fault == nil {
		s.handle(r, raw).write(w)
		return
	}
	if !wait(r, fault.Delay) || fault.DropBefore {
		panic(http.ErrAbortHandler) // net/http ends the connection without an answer
	}
	if a, instead := s.instead(fault); instead {
		a.write(w)
		return
	}
	a := s.handle(r, raw)
	if fault.DropAfter {
		panic(http.ErrAbortHandler)
	}
	a.write(w)
}

// wait says whether the client is still there after delay.
func wait(r *http.Request, delay time.Duration) bool {
	if delay <= 0 {
		return true
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// instead is the answer that a fault gives in place of the work.
func (s *System) instead(fault *Fault) (answer, bool) {
	switch {
	case fault.Code != "":
		return s.refused(refuseAny(fault.Code)), true
	case fault.Status != 0:
		contentType := fault.ContentType
		if contentType == "" {
			contentType = jsonType
		}
		return answer{fault.Status, contentType, []byte(fault.Body)}, true
	}
	return answer{}, false
}

const jsonType = "application/json;charset=UTF-8" // as recorded

// answer is what goes over the wire.
type answer struct {
	status      int
	contentType string
	body        []byte
}

func (a answer) write(w http.ResponseWriter) {
	if a.contentType != "" {
		w.Header().Set("Content-Type", a.contentType)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a client that is gone has no use for an error
}

// handle does the work of a request and makes its answer. Reading takes the mutex only; a change tells the hosts, too.
func (s *System) handle(r *http.Request, raw []byte) (a answer) {
	work := func() {
		b, err := readBody(raw)
		if err != nil {
			a = s.refused(err)
			return
		}
		value, err := s.route(r, b)
		if err != nil {
			a = s.refused(err)
			return
		}
		a = s.ok(r, value)
	}
	if r.Method == http.MethodGet {
		s.look(work)
	} else {
		s.do(work)
	}
	return a
}

func (s *System) ok(r *http.Request, value any) answer {
	if text, plain := value.(bareText); plain {
		return answer{http.StatusOK, jsonType, []byte(text)}
	}
	if value == nil {
		if s.config.EmptyObject {
			return answer{http.StatusOK, jsonType, []byte("{}")}
		}
		return answer{status: http.StatusOK, contentType: jsonType}
	}
	return answer{http.StatusOK, jsonType, encode(value)}
}

// bareText is an answer without JSON quotes.
type bareText string

func encode(value any) []byte {
	encoded, err := json.Marshal(value)
	if err != nil {
		panic("lab/scaleio: an answer that JSON cannot say: " + err.Error())
	}
	return encoded
}

func (s *System) refused(err error) answer {
	var r *refusal
	if !errors.As(err, &r) {
		r = &refusal{http.StatusInternalServerError, "", err.Error()}
	}
	if r.status == http.StatusUnauthorized {
		switch s.faults.expired() {
		case ExpiredHTML:
			return answer{r.status, "text/html;charset=utf-8", []byte("<html><body>HTTP Status 401</body></html>")}
		case ExpiredEmpty:
			return answer{status: r.status}
		}
	}
	return answer{r.status, jsonType, encode(s.refusalBody(r))}
}

// route finds who answers a request.
func (s *System) route(r *http.Request, b body) (any, error) {
	call := r.Method + " " + r.URL.Path
	if open, there := openRoutes[call]; there {
		return open(s, r, b)
	}
	one, err := s.authorized(r)
	if err != nil && call != "POST /api/instances/System/queryMdmCluster" { // needs no login [scaleio.md §1.1]
		return nil, err
	}
	if err := s.acceptable(r); err != nil {
		return nil, err
	}
	if own, there := gatewayRoutes[call]; there {
		return own(s, r, b)
	}
	if err := s.reachMDM(call, one); err != nil {
		return nil, err
	}
	if call == "POST /api/instances/User/action/setPassword" {
		return nil, s.setPassword(one.user, b)
	}
	if one != nil && one.user != nil && one.user.mustSet && call != "POST /api/instances/System/action/createMdmCluster" {
		return nil, refuse("PASSWORD_CHANGE_REQUIRED")
	}
	return s.object(r, b)
}

var versionHeader = regexp.MustCompile(`version=([^;,\s]*)`)

// acceptable refuses a version of other than one or two parts: a real 2.0.1 refused "2.0.1", and the message is a real one
// [rexray/rexray#602, thecodeteam/goscaleio#6].
func (s *System) acceptable(r *http.Request) error {
	m := versionHeader.FindStringSubmatch(r.Header.Get("Accept"))
	if m == nil {
		return nil
	}
	if _, ok := parseVersion(m[1]); ok && strings.Count(m[1], ".") < 2 {
		return nil
	}
	return bad(http.StatusNotAcceptable, "Requested REST API version is not supported. Supported version is %d.%d", s.version.major, s.version.minor)
}

// reachMDM refuses what needs the MDM while there is none, its certificate is not approved, or its cluster is down.
func (s *System) reachMDM(call string, one *session) error {
	creating := call == "POST /api/instances/System/action/createMdmCluster"
	switch {
	case s.faults.distrusted():
		return bad(http.StatusPreconditionRequired, "The MDM certificate was not approved")
	case creating:
		return nil
	case s.cluster == nil:
		return bad(http.StatusPreconditionRequired, "The Gateway is not configured with an MDM")
	case one != nil && one.user == nil:
		return unauthorized() // a token of gatewayLogin does not reach an MDM
	case !s.quorum():
		return bad(http.StatusServiceUnavailable, "Could not connect to the MDM")
	}
	return nil
}

type routeFunc func(s *System, r *http.Request, b body) (any, error)

// openRoutes need no login; gatewayRoutes need one but no MDM.
var openRoutes = map[string]routeFunc{
	"GET /api/login":               func(s *System, r *http.Request, _ body) (any, error) { return s.mdmLogin(r) },
	"GET /api/gatewayLogin":        func(s *System, r *http.Request, _ body) (any, error) { return s.gatewayLogin(r) },
	"POST /rest/auth/login":        restRoute((*System).restLogin),
	"POST /rest/auth/update-token": restRoute((*System).restRefresh),
	"POST /rest/auth/logout":       restRoute((*System).restLogout),
}

// restRoute is one of 4.x's platform services.
func restRoute(f func(*System, body) (any, error)) routeFunc {
	return func(s *System, r *http.Request, b body) (any, error) {
		if !s.from(v4) {
			return nil, noRoute(r.Method, r.URL.Path)
		}
		return f(s, b)
	}
}

var gatewayRoutes = map[string]routeFunc{
	"GET /api/version":              func(s *System, _ *http.Request, _ body) (any, error) { return s.sayVersion(), nil },
	"GET /api/logout":               logout,
	"GET /api/Configuration":        func(s *System, _ *http.Request, _ body) (any, error) { return s.gatewayConfiguration(), nil },
	"POST /api/updateConfiguration": func(s *System, _ *http.Request, b body) (any, error) { return s.updateConfiguration(b) },
	"GET /api/getHostCertificate/Mdm": func(*System, *http.Request, body) (any, error) {
		return bareText("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"), nil
	},
	"POST /api/trustHostCertificate/Mdm": func(s *System, _ *http.Request, _ body) (any, error) { s.faults.Distrust(false); return nil, nil },
}

func (s *System) mdmLogin(r *http.Request) (any, error) {
	switch {
	case s.cluster == nil:
		return nil, bad(http.StatusPreconditionRequired, "The Gateway is not configured with an MDM")
	case !s.quorum():
		return nil, bad(http.StatusServiceUnavailable, "Could not connect to the MDM")
	}
	return s.login(r)
}

func logout(s *System, r *http.Request, _ body) (any, error) {
	one, err := s.authorized(r)
	if err != nil {
		return nil, err
	}
	delete(s.sessions.byToken, one.token)
	return nil, nil
}

func (s *System) sayVersion() any {
	if s.config.UnquotedVersion && !s.version.atLeast(v3) {
		return bareText(s.versionText())
	}
	return s.versionText()
}

func (s *System) gatewayConfiguration() fields {
	return fields{"mdmAddresses": emptyNotNull(s.gatewayMDMs), "systemId": s.id, "mdmUser": s.config.User}
}

func (s *System) updateConfiguration(b body) (any, error) {
	if b.has("mdmAddresses") {
		s.gatewayMDMs = b.list("mdmAddresses")
	}
	return s.gatewayConfiguration(), nil
}
