package gateway

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// tlsConfig gives the checks of a gateway's certificate: against the CAs of a file, or of the system, or by the certificate's own sha256,
// which then needs no CA and no matching name (a gateway's installer signs its certificate itself). With a file and a sha256 both must hold.
func tlsConfig(t spec.TLS) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if t.Insecure {
		if t.CAFile != "" || t.SHA256 != "" {
			return nil, errors.New("tls: insecure checks no certificate, ca-file and sha256 do: give one or the other")
		}
		config.InsecureSkipVerify = true
		return config, nil
	}
	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("tls: ca-file: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls: ca-file %s holds no PEM certificate", t.CAFile)
		}
	}
	if t.SHA256 != "" {
		pin, err := hex.DecodeString(strings.ReplaceAll(t.SHA256, ":", ""))
		if err != nil || len(pin) != sha256.Size {
			return nil, fmt.Errorf("tls: sha256 %q is not the fingerprint of a certificate: expected 64 hex digits", t.SHA256)
		}
		config.InsecureSkipVerify = t.CAFile == "" // the pin below is what is verified
		config.VerifyConnection = func(state tls.ConnectionState) error {
			if found := sha256.Sum256(state.PeerCertificates[0].Raw); string(found[:]) != string(pin) {
				return &untrusted{state.PeerCertificates[0], fmt.Errorf("tls: sha256 expects the certificate %x", pin)}
			}
			return nil
		}
	}
	return config, nil
}

// untrusted is a certificate that failed its check.
type untrusted struct {
	certificate *x509.Certificate
	why         error
}

func (u *untrusted) Error() string {
	return fmt.Sprintf("its certificate %q is not trusted: %v; the certificate's sha256 is %x: compare it with the one on the gateway's own "+
		"machine, then set tls: sha256 to it, or tls: ca-file to the CA that issued it", u.certificate.Subject, u.why, sha256.Sum256(u.certificate.Raw))
}

func (u *untrusted) Unwrap() error { return u.why }

// distrust finds the refused certificate in the error of a connection, if that is why it failed.
func distrust(err error) *untrusted {
	var u *untrusted
	var v *tls.CertificateVerificationError
	switch {
	case errors.As(err, &u):
		return u
	case errors.As(err, &v) && len(v.UnverifiedCertificates) > 0:
		return &untrusted{v.UnverifiedCertificates[0], v.Err}
	}
	return nil
}
