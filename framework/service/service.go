package service

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/gateway"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/mesos"
	"github.com/dcos-scaleio/scaleio/framework/options"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
	"github.com/dcos-scaleio/scaleio/framework/secret"
	"github.com/dcos-scaleio/scaleio/framework/spec"
	"github.com/dcos-scaleio/scaleio/framework/state"
)

// failoverTimeout is how long Mesos keeps our executors while no scheduler is there (design §5.6).
const failoverTimeout = 14 * 24 * time.Hour

// Run serves until ctx ends (nil) or something final happens.
func Run(ctx context.Context, o *options.Options, s *spec.Service, log *slog.Logger) error {
	listener, token, err := listen(ctx, o, log)
	if err != nil {
		return err
	}
	defer listener.Close()
	password, err := o.System.Password.Read() // a wrong file is found now, not when the gateway is asked
	if err != nil {
		return err
	}
	if password.Empty() {
		return fault.New(fault.Invalid, "gateway", "log in", "there is no password: give it by ADMIN_PASSWORD or a file (scaleio.password.file)")
	}
	store, err := OpenStore(o, log)
	if err != nil {
		return err
	}
	defer store.Close()
	lost, err := acquire(ctx, store, listener, log)
	if ctx.Err() != nil { // it was told to end while it waited
		return nil
	}
	if err != nil {
		return err
	}
	ctx, end := whileHeld(ctx, lost)
	defer end()
	core, artifacts, err := restore(ctx, o, s, store, listener, log)
	if err != nil {
		return err
	}
	driver, closeEdges, err := connect(o, s, core, store, log)
	if err != nil {
		return err
	}
	defer closeEdges()
	return serve(ctx, driver, listener, artifacts, token, log)
}

// restore makes a core of what the store holds, and keeps the specification that it runs with.
func restore(ctx context.Context, o *options.Options, s *spec.Service, store state.Store, listener net.Listener, log *slog.Logger) (*scheduler.Core, map[string]string, error) {
	address, err := reachable(ctx, o, listener)
	if err != nil && o.Executor.URL == "" { // agents could not fetch the executor
		return nil, nil, err
	}
	executor, artifacts, err := executorOf(o, address)
	if err != nil {
		return nil, nil, err
	}
	hostname := o.Service.Hostname
	if hostname == "" {
		if hostname, err = os.Hostname(); err != nil {
			return nil, nil, fault.New(fault.Invalid, "scheduler", "find its hostname", "%w; give it by -hostname", err)
		}
	}
	core, err := scheduler.New(scheduler.Config{Spec: s, Hostname: hostname, WebUI: page(scheme(o), address), FailoverTimeout: failoverTimeout, Executor: executor})
	if err != nil {
		return nil, nil, err
	}
	stored, err := remembered(ctx, o, store, log)
	if err != nil {
		return nil, nil, err
	}
	if err := core.Restore(stored); err != nil {
		return nil, nil, err
	}
	if err := checkUpdate(stored[scheduler.TargetKey], s); err != nil {
		return nil, nil, err
	}
	target, err := json.Marshal(s)
	if err != nil {
		return nil, nil, err
	}
	return core, artifacts, store.Commit(ctx, state.Write{Key: scheduler.TargetKey, Value: target})
}

// checkUpdate refuses a specification that the running service cannot become.
func checkUpdate(stored []byte, s *spec.Service) error {
	if stored == nil {
		return nil
	}
	var old spec.Service
	if err := json.Unmarshal(stored, &old); err != nil {
		return fault.New(fault.Internal, "store key "+scheduler.TargetKey, "read", "%w", err)
	}
	return spec.ValidateUpdate(&old, s)
}

// connect makes the edges and the driver over them.
func connect(o *options.Options, s *spec.Service, core *scheduler.Core, store state.Store, log *slog.Logger) (*scheduler.Driver, func(), error) {
	wire, err := mesosConfig(o, log)
	if err != nil {
		return nil, nil, err
	}
	client, err := gateway.Dial(gateway.Config{
		Gateways: s.ScaleIO.System.Gateways, User: s.ScaleIO.System.Credentials.User, TLS: s.ScaleIO.System.TLS,
		APIVersion: s.ScaleIO.System.APIVersion, SystemName: s.ScaleIO.System.Name, Log: log,
		Password: func() (string, error) { return reveal(o.System.Password.Read()) },
	})
	if err != nil {
		return nil, nil, err
	}
	secrets := map[string]options.Secret{inventory.SecretPassword: o.System.Password, inventory.SecretLIAToken: o.System.LIAToken}
	driver := scheduler.NewDriver(core, scheduler.Edges{
		Store: store, Mesos: mesos.NewScheduler(wire), Cluster: mesos.NewOperator(wire), Gateway: client, Now: time.Now, Log: log,
		Secret: func(name string) (string, error) { return reveal(secrets[name].Read()) },
	})
	return driver, client.Close, nil
}

func reveal(v secret.Value, err error) (string, error) { return v.Reveal(), err }
