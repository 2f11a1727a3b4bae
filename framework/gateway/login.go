package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// refusedFor is how long a refused password is not tried again.
const refusedFor = time.Minute

// session is what a login gave.
type session struct {
	token   string
	version version
	id      string // the system's
	name    string

	limits atomic.Pointer[limits] // once they were told
	lists  atomic.Bool            // this gateway lists the system by type only
	single atomic.Bool            // this gateway gives statistics of one pool only
}

// authorize puts the session's token and version on a request: Basic below 4.0, Bearer from there on (scaleio.md §1.1).
func (s *session) authorize(req *http.Request) {
	kind := "application/json"
	if s.version != (version{}) {
		kind += ";version=" + s.version.String()
	}
	req.Header.Set("Accept", kind)
	req.Header.Set("Content-Type", kind)
	if s.version.atLeast(v4) {
		req.Header.Set("Authorization", "Bearer "+s.token)
	} else {
		req.SetBasicAuth("", s.token)
	}
}

// login gives a session other than stale: the one that is there by now, or a new one. Only one login is under way at a time.
func (e *endpoint) login(ctx context.Context, stale *session) (*session, error) {
	if s := e.session.Load(); s != nil && s != stale {
		return s, nil
	}
	ctx, cancel := context.WithTimeout(ctx, e.config.Timeout)
	defer cancel()
	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-ctx.Done():
		return nil, e.unreached(ctx.Err())
	}
	if s := e.session.Load(); s != nil && s != stale {
		return s, nil
	}
	password, err := e.config.Password()
	if err != nil {
		return nil, &fault.Error{Object: e.object(), Op: "read the password", Kind: passwordKind(err), Err: err}
	}
	hash := sha256.Sum256([]byte(password))
	if e.refused.err != nil && e.refused.hash == hash && time.Now().Before(e.refused.until) {
		return nil, e.refused.err
	}
	s, err := e.enter(ctx, password)
	if err != nil {
		if errors.Is(err, wrongPassword{}) {
			e.refused.hash, e.refused.until, e.refused.err = hash, time.Now().Add(refusedFor), err
		}
		return nil, err
	}
	e.refused.err = nil
	e.session.Store(s)
	if stale == nil {
		e.config.Log.Info("logged in to ScaleIO", "gateway", e.base, "version", s.version.String(), "system", s.name, "system_id", s.id)
	} else {
		e.config.Log.Debug("logged in to ScaleIO again", "gateway", e.base)
	}
	return s, nil
}

func passwordKind(err error) fault.Kind {
	var said *fault.Error
	if errors.As(err, &said) {
		return said.Kind
	}
	return fault.Denied
}

// wrongPassword is a login that was refused, as opposed to one that did not come about.
type wrongPassword struct{}

func (wrongPassword) Error() string {
	return "HTTP 401 at the login: check the secret that holds the password, and that the user is not locked or due for a new password"
}

// enter logs in, and makes sure that it is a system that we can manage and the one that is meant.
func (e *endpoint) enter(ctx context.Context, password string) (*session, error) {
	s := &session{}
	token, err := e.word(e.knock(ctx, password))
	if err != nil {
		return nil, err
	}
	if token == "" {
		return nil, e.fault(fault.Invalid, "answered the login with an empty token; is this really the REST gateway?")
	}
	s.token = token
	if s.version, err = e.askVersion(ctx, s); err != nil {
		return nil, err
	}
	if reason := s.version.unsupported(); reason != "" {
		return nil, e.fault(fault.Invalid, "%s", reason)
	}
	return s, e.identify(ctx, s)
}

// knock asks for a token.
func (e *endpoint) knock(ctx context.Context, password string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.base+"/api/login", nil)
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(e.config.User, password)
	resp, err := e.wire.RoundTrip(req)
	if err != nil {
		return nil, e.unreached(err)
	}
	if resp.StatusCode != http.StatusUnauthorized {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, e.fault(fault.Denied, "refused user %s: %w", e.config.User, wrongPassword{})
}

// word reads an answer that is one word, with or without quotes (both occur: scaleio.md §1.1).
func (e *endpoint) word(resp *http.Response, err error) (string, error) {
	if resp, err = e.accept(resp, err); err != nil {
		return "", err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if err != nil {
		return "", e.explain(err)
	}
	if word := strings.Trim(strings.TrimSpace(string(raw)), `"`); !strings.ContainsAny(word, "<>{}\n") {
		return word, nil
	}
	return "", e.fault(fault.Invalid, "answered %s with a web page; is this really the REST gateway?", resp.Request.URL.Path)
}

func (e *endpoint) askVersion(ctx context.Context, s *session) (version, error) {
	if e.config.APIVersion != "" {
		v, _ := parseVersion(versionOption, e.config.APIVersion) // checked by Dial
		return v, nil
	}
	said, err := e.word(e.asFresh(e.send(ctx, http.MethodGet, "/api/version", nil, s)))
	if err != nil {
		return version{}, err
	}
	v, ok := parseVersion(versionAnswer, said)
	if !ok {
		return v, e.fault(fault.Invalid, "says %.40q when asked for its version: expected one such as 3.6; give it as api-version", said)
	}
	return v, nil
}

// asFresh turns away an answer that refuses the token which the login has just given.
func (e *endpoint) asFresh(resp *http.Response, err error) (*http.Response, error) {
	if err == nil && resp.StatusCode == http.StatusUnauthorized {
		resp.Body.Close()
		return nil, e.fault(fault.Denied, "refuses the token that it has just given (HTTP 401 at %s); the token goes as Bearer from version 4.0 on, "+
			"as Basic before: if the gateway tells another version than it is, give api-version", resp.Request.URL.Path)
	}
	return resp, err
}

// identify learns which system is behind the gateway.
func (e *endpoint) identify(ctx context.Context, s *session) error {
	resp, err := e.accept(e.asFresh(e.send(ctx, http.MethodGet, "/api/types/System/instances", nil, s)))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var systems []system
	if err := json.NewDecoder(resp.Body).Decode(&systems); err != nil {
		return e.explain(err)
	}
	if len(systems) != 1 {
		return e.fault(fault.Invalid, "manages %d systems: expected one", len(systems))
	}
	s.id, s.name = systems[0].ID, systems[0].called()
	if want := e.config.SystemName; want != "" && want != s.name {
		return e.fault(fault.Invalid, "manages the system %q (id %s), the service specification names %q: nothing was changed there", s.name, s.id, want)
	}
	if !e.managed.CompareAndSwap(nil, &s.id) && *e.managed.Load() != s.id {
		return e.fault(fault.Invalid, "manages the system %q (id %s), where the first login found the system with id %s: nothing was changed there",
			s.name, s.id, *e.managed.Load())
	}
	return nil
}
