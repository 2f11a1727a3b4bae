package mesos

import (
	"context"
	"encoding/base64"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// authorization gives the source of the header: what the caller brings, basic authentication, or none.
func (c Config) authorization() func(context.Context, string) (string, error) {
	if c.Authorization != nil {
		return c.Authorization
	}
	return func(context.Context, string) (string, error) {
		if c.Principal == "" {
			return "", nil
		}
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(c.Principal+":"+c.Secret.Reveal())), nil
	}
}

// unsent is the error of a request that was never sent, because there are no credentials for it.
type unsent struct{ error }

func (u unsent) Unwrap() error { return u.error }

// final says whether only an operator can help.
func (u unsent) final() bool { return fault.KindOf(u.error) != fault.Temporary }
