package node

import (
	"context"
	"net/http"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/secret"
)

// A Step brings one thing on a host into order. Check and Apply may be called any number of times; Apply of what is so already does no harm.
type Step struct {
	Name  string // stable: "package-sds"
	Stage inventory.Stage
	// Check says whether it is so already, and what it found, in words.
	Check func(ctx context.Context) (is bool, found string, err error)
	// Apply makes it so and says what it did.
	Apply func(ctx context.Context) (did string, err error)
	// Explain is what Apply would do, in words.
	Explain string
}

// Work is what steps need to know and use.
type Work struct {
	Host    Host
	Desired inventory.Desired
	Family  string                                    // of the host's packages: deb or rpm
	Open    func(sealed []byte) (secret.Value, error) // opens a secret of Desired; called only for what is written or handed over at once
	Client  *http.Client                              // for downloads; nil: one with sensible bounds
	Wait    time.Duration                             // how long a step waits for REX-Ray to answer before that is a failure; 0: 5 s
}

// Steps lists the host steps of a Desired in their order. What it does not ask for has no step.
func Steps(w Work) []Step {
	var all []Step
	for _, part := range []func(Work) []Step{prerequisites, packages, reboot, services, sdc, rexraySteps} {
		all = append(all, part(w)...)
	}
	return all
}

const (
	packageTime = 15 * time.Minute // an SDC may be compiling its kernel module
	commandTime = 2 * time.Minute
)

// do runs a command that must succeed, with a bound in time.
func (w Work) do(ctx context.Context, bound time.Duration, c Command) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	return run(ctx, w.Host, c)
}

// ask runs a command whose status is its answer.
func (w Work) ask(ctx context.Context, argv ...string) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	return w.Host.Run(ctx, command(argv...))
}

// wants says whether the package of a component is to be there.
func (w Work) wants(component string) bool {
	for _, p := range w.Desired.Packages {
		if p.Component == component {
			return true
		}
	}
	return false
}
