package iam

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/secret"
)

const (
	loginTimeout = 10 * time.Second
	// early is how long before its end a token is replaced: longer than a call to Mesos takes, and some clocks' difference.
	early = 2 * time.Minute
	// calm is the least time between two logins for the same reason: an IAM that refuses us, or a Mesos that refuses its tokens, is not
	// asked with every call.
	calm = 10 * time.Second
	// maxToken bounds a token, in bytes: Mesos takes no longer headers.
	maxToken = 16 << 10
)

// Config is whom to log in as, and what is trusted.
type Config struct {
	Account *Account
	TLS     *tls.Config // for https endpoints; nil: what the machine trusts

	// Seams; the zero values are right outside of tests.
	Now func() time.Time // default time.Now
	Log *slog.Logger     // default slog.Default()
}

// Login keeps the token of a service account.
type Login struct {
	account *Account
	client  *http.Client
	now     func() time.Time
	log     *slog.Logger

	turn   chan struct{} // holds one item, whose holder owns all below
	header secret.Value  // "token=...", or empty before the first login
	since  time.Time     // of header
	until  time.Time     // end of header; zero if it does not say
	failed time.Time     // of the last login that failed, until one does not
	err    error         // why
}

// NewLogin does not log in yet.
func NewLogin(c Config) *Login {
	l := &Login{account: c.Account, now: c.Now, log: c.Log, turn: make(chan struct{}, 1)}
	if l.now == nil {
		l.now = time.Now
	}
	if l.log == nil {
		l.log = slog.Default()
	}
	l.client = &http.Client{
		Timeout: loginTimeout,
		Transport: &http.Transport{ // no Proxy: what HTTP_PROXY names must not see the token
			DialContext:       (&net.Dialer{Timeout: loginTimeout / 2}).DialContext,
			TLSClientConfig:   c.TLS.Clone(),
			DisableKeepAlives: true, // one request in days
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return l
}

// Authorization gives the header that goes with a request. refused is a header that Mesos has just answered with 401, or "". If there is
// no better one, it is given again.
func (l *Login) Authorization(ctx context.Context, refused string) (string, error) {
	select {
	case l.turn <- struct{}{}:
		defer func() { <-l.turn }()
	case <-ctx.Done():
		return "", fault.New(fault.Temporary, l.object(), "log in", "%w", context.Cause(ctx))
	}
	now := l.now()
	young := now.Sub(l.since) < calm // whatever its end: our clock may be ahead
	good := !l.header.Empty() && (l.until.IsZero() || now.Before(l.until) || young)
	if good && l.header.Equal(secret.New(refused)) && !young {
		good, l.header = false, secret.Value{}
	}
	switch {
	case good && (young || !l.ending(now)):
		return l.header.Reveal(), nil
	case l.err != nil && now.Sub(l.failed) < calm:
	default:
		l.renew(ctx, now)
	}
	if l.err != nil && !good {
		return "", l.err
	}
	return l.header.Reveal(), nil
}

// ending says whether the token ends soon.
func (l *Login) ending(now time.Time) bool {
	return !l.until.IsZero() && now.After(l.until.Add(-early))
}

// renew logs in; when that fails, the header stays and err says why.
func (l *Login) renew(ctx context.Context, now time.Time) {
	token, err := l.ask(ctx, now)
	if err != nil {
		l.err, l.failed = err, now
		if ctx.Err() != nil { // our caller's end says nothing about the IAM
			l.failed = time.Time{}
		} else {
			l.log.Warn("the login as a service account failed", "reason", err.Error())
		}
		return
	}
	l.header, l.since, l.until, l.err = secret.New("token="+token), now, end(token), nil
	l.log.Debug("logged in as a service account", "uid", l.account.UID, "until", l.until)
}

// end is when a token says that it ends; zero if it does not. Who checks it is Mesos, not us.
func end(token string) time.Time {
	var claims jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(token, &claims); err != nil || claims.ExpiresAt == nil {
		return time.Time{}
	}
	return claims.ExpiresAt.Time
}

// ask logs in and gives the token.
func (l *Login) ask(ctx context.Context, now time.Time) (string, error) {
	statement, err := l.account.statement(now)
	if err != nil {
		return "", l.fault(fault.Internal, "the login cannot be signed")
	}
	body, err := json.Marshal(map[string]string{"uid": l.account.UID, "token": statement})
	if err != nil {
		return "", l.fault(fault.Internal, "the login does not encode")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, l.account.Endpoint, bytes.NewReader(body))
	if err != nil {
		return "", l.fault(fault.Invalid, "login_endpoint is not a URL")
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := l.client.Do(request)
	if err != nil {
		return "", l.unanswered(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return "", l.refused(response)
	}
	return l.token(response.Body)
}

// token reads the IAM's answer.
func (l *Login) token(from io.Reader) (string, error) {
	var answer struct {
		Token string `json:"token"`
	}
	text, err := io.ReadAll(io.LimitReader(from, maxToken))
	if err != nil {
		return "", l.unanswered(err)
	}
	noHeader := func(r rune) bool { return r <= ' ' || r >= 0x7f }
	if json.Unmarshal(text, &answer) != nil || answer.Token == "" || strings.ContainsFunc(answer.Token, noHeader) {
		return "", l.fault(fault.Temporary, "the answer holds no token; check that login_endpoint is that of DC/OS")
	}
	return answer.Token, nil
}

// unanswered is the error of a request that got no answer.
func (l *Login) unanswered(err error) error {
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &certificate) {
		return l.fault(fault.Denied, "%w; name the authority that signed it by mesos.ca_file", certificate)
	}
	var where *url.Error // repeats the URL, and only that
	if errors.As(err, &where) {
		err = where.Err
	}
	return l.fault(fault.Temporary, "no answer: %w", err)
}

func (l *Login) refused(response *http.Response) error {
	said := fmt.Sprintf("%d %s", response.StatusCode, http.StatusText(response.StatusCode))
	switch code := response.StatusCode; {
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return l.fault(fault.Denied, "%s; check that the account exists, that its public key belongs to this private key, and this machine's clock", said)
	case code >= 300 && code < 400:
		return l.fault(fault.Invalid, "%s: not followed, the request proves who we are; correct login_endpoint", said)
	case code >= 500 || code == http.StatusTooManyRequests:
		return l.fault(fault.Temporary, "%s", said)
	}
	return l.fault(fault.Invalid, "%s; check login_endpoint and uid", said)
}

func (l *Login) object() string { return "DC/OS IAM " + l.account.Endpoint }

func (l *Login) fault(kind fault.Kind, format string, args ...any) error {
	return fault.New(kind, l.object(), "log in as "+l.account.UID, format, args...)
}
