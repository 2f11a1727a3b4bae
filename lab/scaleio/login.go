package scaleio

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// How long a login lasts [scaleio.md §1.1]: /api/login's token 8 h or 10 idle minutes; of 4.x's pair 5 and 30 minutes.
const (
	tokenLife   = 8 * time.Hour
	tokenIdle   = 10 * time.Minute
	accessLife  = 5 * time.Minute
	refreshLife = 30 * time.Minute
	sweepEvery  = 1000 // logins between looks for those that are over
)

// session is one token.
type session struct {
	user    *user // nil: the gateway's own admin, before the MDM cluster exists
	token   string
	kind    tokenKind
	expires time.Time
	idle    time.Duration // 0: does not end by itself
	used    time.Time
}

type tokenKind int

const (
	loginToken tokenKind = iota
	accessToken
	refreshToken
)

type sessions struct {
	byToken map[string]*session
	made    int
}

func (s *System) open(u *user, kind tokenKind, life, idle time.Duration) string {
	if s.sessions.byToken == nil {
		s.sessions.byToken = map[string]*session{}
	}
	s.sessions.made++
	if s.sessions.made%sweepEvery == 0 {
		s.sessions.end(s.over)
	}
	name := s.config.User
	if u != nil {
		name = u.name
	}
	text := fmt.Sprintf("%s:%d:%x", name, s.now().UnixMilli(), s.ids.digest(fmt.Sprint("token", s.sessions.made))[:12])
	token := base64.RawURLEncoding.EncodeToString([]byte(text))
	s.sessions.byToken[token] = &session{user: u, token: token, kind: kind, expires: s.now().Add(life), idle: idle, used: s.now()}
	return token
}

func (s *System) over(one *session) bool {
	now := s.now()
	return now.After(one.expires) || one.idle > 0 && now.Sub(one.used) > one.idle
}

// end ends the sessions that which says.
func (l *sessions) end(which func(*session) bool) {
	for token, one := range l.byToken {
		if which(one) {
			delete(l.byToken, token)
		}
	}
}

// session finds a live one and counts its use.
func (s *System) session(token string, kinds ...tokenKind) *session {
	one := s.sessions.byToken[token]
	if one == nil {
		return nil
	}
	if s.over(one) {
		delete(s.sessions.byToken, token)
		return nil
	}
	for _, kind := range kinds {
		if one.kind == kind {
			one.used = s.now()
			return one
		}
	}
	return nil
}

func unauthorized() error { return bad(http.StatusUnauthorized, "Unauthorized") }

// authorized is the session of a request: the token as Basic password, whatever the user name, below 4.0; as Bearer from 4.0 on.
// A 4.x gateway takes the tokens of both logins [scaleio.md §1.1].
func (s *System) authorized(r *http.Request) (*session, error) {
	only := s.faults.scheme()
	basic, bearer := only == "Basic", only == "Bearer"
	if only == "" {
		asking := r.URL.Path == "/api/version" // clients ask before they know which; both are taken
		bearer = s.announced().atLeast(v4) || asking
		basic = !s.announced().atLeast(v4) || asking
	}
	var one *session
	if _, password, ok := r.BasicAuth(); ok && basic {
		one = s.session(password, loginToken)
	} else if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok && bearer {
		one = s.session(token, loginToken, accessToken)
	}
	if one == nil {
		return nil, unauthorized()
	}
	return one, nil
}

// login is GET /api/login: Basic with user and password gives a token, as a JSON string.
func (s *System) login(r *http.Request) (any, error) {
	name, password, ok := r.BasicAuth()
	u, there := s.users.named("", name)
	if !ok || !there || u.password != password {
		return nil, unauthorized()
	}
	return s.open(u, loginToken, tokenLife, tokenIdle), nil
}

// gatewayLogin is for the time before there is an MDM cluster [scaleio.md §1.1].
func (s *System) gatewayLogin(r *http.Request) (any, error) {
	name, password, ok := r.BasicAuth()
	if !ok || name != s.config.User || password != s.config.Password {
		return nil, unauthorized()
	}
	return s.open(nil, loginToken, tokenLife, tokenIdle), nil
}

// restLogin is 4.x's login; a Lenient gateway serves it at every version, as goscaleio's NewGateway wants it [scaleio.md §2.2].
func (s *System) restLogin(b body) (any, error) {
	u, there := s.users.named("", b.text("username"))
	if !there || u.password != b.text("password") {
		return nil, unauthorized()
	}
	return s.tokenPair(u), nil
}

func (s *System) tokenPair(u *user) fields {
	return fields{
		"access_token": s.open(u, accessToken, accessLife, 0), "expires_in": int(accessLife.Seconds()),
		"refresh_token": s.open(u, refreshToken, refreshLife, 0), "refresh_expires_in": int(refreshLife.Seconds()),
		"token_type": "Bearer", "id_token": s.open(u, refreshToken, refreshLife, 0), "session_state": s.ids.random("session"),
		"scope": "openid profile email",
	}
}

func (s *System) restRefresh(b body) (any, error) {
	one := s.session(b.text("refresh_token"), refreshToken)
	if one == nil {
		return nil, unauthorized()
	}
	delete(s.sessions.byToken, one.token)
	return s.tokenPair(one.user), nil
}

func (s *System) restLogout(b body) (any, error) {
	if one := s.session(b.text("refresh_token"), refreshToken); one != nil {
		s.sessions.end(func(other *session) bool { return other.user == one.user && other.kind != loginToken })
	}
	return nil, nil
}

// announced is the version that the gateway says it has; one that cannot be read is its real one.
func (s *System) announced() version {
	if v, ok := parseVersion(s.versionText()); ok {
		return v
	}
	return s.version
}

func (s *System) versionText() string {
	if text, set := s.faults.versionSaid(); set {
		return text
	}
	return s.config.APIVersion
}
