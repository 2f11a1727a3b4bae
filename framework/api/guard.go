package api

import (
	"net/http"
	"strings"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/secret"
)

// Bounds of what is answered at once. The core does one thing at a time, so more would only wait in memory.
const (
	maxAnswers = 64
	maxStreams = 128 // of events: pages left open
	queueing   = 10 * time.Second
)

// guarded lets who does not show the token read, and no more. Without a token everybody may do everything.
func guarded(token secret.Value, next http.Handler) http.Handler {
	if token.Empty() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reads := r.Method == http.MethodGet || r.Method == http.MethodHead
		if !reads && !bearer(r).Equal(token) {
			w.Header().Set("WWW-Authenticate", `Bearer realm="scaleio-scheduler"`)
			text(w, http.StatusUnauthorized, "whoever changes anything here has to show the token of the API (Authorization: Bearer); it is in the options api.token and api.token.file")
			return
		}
		next.ServeHTTP(w, r)
	})
}

// bearer is the token that a request shows.
func bearer(r *http.Request) secret.Value {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return secret.Value{}
	}
	return secret.New(strings.TrimSpace(token))
}

// bounded answers a number of requests at once; others wait for a while. Two are not counted: what tells Marathon that we live must not wait
// behind slow readers, and all agents of a cluster may fetch the executor at the same moment.
func bounded(next http.Handler) http.Handler {
	answers, streams := make(chan struct{}, maxAnswers), make(chan struct{}, maxStreams)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/v1/health" || strings.HasPrefix(r.URL.Path, "/artifacts/"):
			next.ServeHTTP(w, r)
		case r.URL.Path == eventsPath:
			within(streams, 0, next, w, r)
		default:
			within(answers, queueing, next, w, r)
		}
	})
}

// within answers when there is room, or says that there is none.
func within(room chan struct{}, wait time.Duration, next http.Handler, w http.ResponseWriter, r *http.Request) {
	select {
	case room <- struct{}{}:
	default:
		if !enter(room, wait, r) {
			w.Header().Set("Retry-After", "10")
			text(w, http.StatusServiceUnavailable, "too many requests at once; ask again later")
			return
		}
	}
	defer func() { <-room }()
	next.ServeHTTP(w, r)
}

// enter waits for room.
func enter(room chan struct{}, wait time.Duration, r *http.Request) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case room <- struct{}{}:
		return true
	case <-timer.C:
	case <-r.Context().Done():
	}
	return false
}
