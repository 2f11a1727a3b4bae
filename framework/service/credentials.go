package service

import (
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"os"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/iam"
	"github.com/dcos-scaleio/scaleio/framework/mesos"
	"github.com/dcos-scaleio/scaleio/framework/options"
)

// mesosConfig says whom to talk to and as whom: a service account, a principal with a secret, or nobody.
func mesosConfig(o *options.Options, log *slog.Logger) (mesos.Config, error) {
	c := mesos.Config{Masters: o.Mesos.Masters, Log: log}
	var err error
	if c.TLS, err = trusted(o.Mesos.CAFile); err != nil {
		return c, err
	}
	if o.Mesos.Account.Given() {
		return asAccount(c, o, log)
	}
	if c.Secret, err = o.Mesos.Secret.Read(); err != nil {
		return c, err
	}
	if !c.Secret.Empty() { // no basic authentication without a secret
		c.Principal = o.Mesos.Principal
		warnOfClearText(c, log)
	}
	return c, nil
}

// asAccount adds the login as a DC/OS service account.
func asAccount(c mesos.Config, o *options.Options, log *slog.Logger) (mesos.Config, error) {
	document, err := o.Mesos.Account.ReadDocument()
	if err != nil {
		return c, err
	}
	account, err := iam.ParseAccount(document)
	if err != nil {
		return c, err
	}
	if principal := o.Mesos.Principal; principal != "" && principal != account.UID {
		return c, fault.New(fault.Invalid, "service account", "", "its uid is %s and the principal is %s: Mesos wants them to be the same", account.UID, principal)
	}
	if !account.Encrypted() {
		log.Warn("the login as a service account goes over the network in clear text", "login_endpoint", account.Endpoint)
	}
	warnOfClearText(c, log)
	c.Authorization = iam.NewLogin(iam.Config{Account: account, TLS: c.TLS, Log: log}).Authorization
	return c, nil
}

// warnOfClearText tells of masters that credentials go to without TLS.
func warnOfClearText(c mesos.Config, log *slog.Logger) {
	for _, master := range c.Masters {
		if strings.HasPrefix(master, "http://") || c.TLS == nil && !strings.Contains(master, "://") {
			log.Warn("credentials go to this master in clear text; name it as https://… or give mesos.ca_file", "master", master)
		}
	}
}

// trusted is TLS with the authority in a file; nil without a file.
func trusted(caFile string) (*tls.Config, error) {
	if caFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fault.New(fault.Invalid, "mesos.ca_file", "read", "%w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fault.New(fault.Invalid, "mesos.ca_file "+caFile, "read", "it holds no certificate: expected PEM")
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}
