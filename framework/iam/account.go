package iam

import (
	"crypto/rsa"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/secret"
)

const (
	scheme = "RS256"
	// weakest is the size of the smallest key that is taken, in bits. DC/OS makes keys of 2048.
	weakest = 2048
	// statementLife is how long a signed login may be used: long enough for clocks that differ by some minutes.
	statementLife = 5 * time.Minute
)

// Account is a service account. It prints without its key.
type Account struct {
	UID      string
	Endpoint string // URL of the login
	key      *rsa.PrivateKey
}

// ParseAccount reads the document that DC/OS makes of a service account: {"uid", "private_key", "login_endpoint", "scheme": "RS256"}.
func ParseAccount(document secret.Value) (*Account, error) {
	var d struct {
		UID      string `json:"uid"`
		Key      string `json:"private_key"`
		Endpoint string `json:"login_endpoint"`
		Scheme   string `json:"scheme"`
	}
	if json.Unmarshal([]byte(document.Reveal()), &d) != nil { // whose text may quote the document
		return nil, wrong("is not the JSON that DC/OS makes of one: expected uid, private_key, login_endpoint and scheme")
	}
	switch {
	case d.UID == "":
		return nil, wrong("has no uid")
	case d.Scheme != "" && d.Scheme != scheme:
		return nil, wrong("has a scheme other than " + scheme)
	case !loginURL(d.Endpoint):
		return nil, wrong("has no login_endpoint of use: expected a URL such as https://leader.mesos/acs/api/v1/auth/login")
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM([]byte(d.Key))
	switch {
	case err != nil:
		return nil, wrong("has no private_key of use: expected an RSA key in PEM without a passphrase")
	case key.N.BitLen() < weakest:
		return nil, wrong("has a private_key that is too short: expected 2048 bits or more")
	}
	return &Account{UID: d.UID, Endpoint: d.Endpoint, key: key}, nil
}

func wrong(sentence string) error {
	return fault.New(fault.Invalid, "service account", "", "%s", sentence)
}

func loginURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil && u.RawQuery == "" && u.Fragment == ""
}

// Encrypted says whether logins go over TLS.
func (a *Account) Encrypted() bool { return strings.HasPrefix(a.Endpoint, "https:") }

// statement is what proves that we hold the key.
func (a *Account) statement(now time.Time) (string, error) {
	return jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{"uid": a.UID, "exp": now.Add(statementLife).Unix()}).SignedString(a.key)
}
