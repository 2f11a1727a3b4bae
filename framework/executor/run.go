package executor

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	randv2 "math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/go-multierror"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	mesostime "github.com/mesos/mesos-go/api/v1/lib/time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/mesos"
	"github.com/dcos-scaleio/scaleio/framework/node"
)

// Config is what an executor needs. FromEnv gives what Mesos tells; the rest has defaults but for Host.
type Config struct {
	Mesos       mesos.Config // of the agent
	FrameworkID string
	ExecutorID  string

	// Host gives the machine, once the agent's hostname is known.
	Host    func(hostname string) (node.Host, error)
	Version string // of this program

	Now     func() time.Time                 // default time.Now
	Backoff func(failures int) time.Duration // pause before a step is tried again; default 1 s doubling to 5 min, less up to a quarter at random
	Random  io.Reader                        // of the key and uuids; default crypto/rand
	Client  *http.Client                     // of downloads
	Log     *slog.Logger
}

// FromEnv reads the environment of an executor as agents set it, and gives everything that is wrong with it.
func FromEnv(getenv func(string) string) (Config, error) {
	var wrong *multierror.Error
	required := func(name string) string {
		value := getenv(name)
		if value == "" {
			wrong = multierror.Append(wrong, fault.New(fault.Invalid, name, "", "is not set: this program is started by a Mesos agent"))
		}
		return value
	}
	c := Config{FrameworkID: required("MESOS_FRAMEWORK_ID"), ExecutorID: required("MESOS_EXECUTOR_ID")}
	c.Mesos.Masters = []string{required("MESOS_AGENT_ENDPOINT")}
	if text := getenv("MESOS_CHECKPOINT"); text != "" {
		checkpoint, err := strconv.ParseBool(text)
		if err != nil {
			wrong = multierror.Append(wrong, fault.New(fault.Invalid, "MESOS_CHECKPOINT", "", "%q is neither 0 nor 1", text))
		}
		c.Mesos.Checkpoint = checkpoint
	}
	if text := getenv("MESOS_RECOVERY_TIMEOUT"); c.Mesos.Checkpoint && text != "" {
		timeout, err := mesostime.ParseDuration(text)
		if err != nil {
			wrong = multierror.Append(wrong, fault.New(fault.Invalid, "MESOS_RECOVERY_TIMEOUT", "", "%q is no duration such as 15mins", text))
		}
		c.Mesos.RecoveryTimeout = timeout
	}
	return c, wrong.ErrorOrNil()
}

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Backoff == nil {
		c.Backoff = backoff
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Mesos.Log == nil {
		c.Mesos.Log = c.Log
	}
	return c
}

func backoff(failures int) time.Duration {
	d := min(time.Second<<min(failures-1, 20), 5*time.Minute)
	return d - time.Duration(randv2.Float64()*float64(d)/4)
}

// Run is the executor. It returns nil when Mesos ended it or ctx did, and an error when it cannot go on.
func Run(ctx context.Context, cfg Config) error {
	if cfg.Host == nil {
		return fault.New(fault.Internal, "executor", "", "has no host")
	}
	cfg = cfg.withDefaults()
	key, err := node.NewKey(cfg.Random)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d := &driver{cfg: cfg, key: key, stream: mesos.NewExecutor(cfg.Mesos), cancel: cancel, wake: time.NewTimer(time.Hour),
		more: make(chan struct{}, 1), orders: make(chan struct{}, 1), hello: make(chan string, 1)}
	d.wake.Stop()
	defer d.wake.Stop()
	d.core = core{log: cfg.Log, framework: cfg.FrameworkID, executor: cfg.ExecutorID, uuid: d.uuid, pending: pending}
	d.core.report = inventory.Report{Version: cfg.Version, PublicKey: key.Public()}
	var running sync.WaitGroup
	running.Go(func() { d.send(ctx) })
	running.Go(func() { d.work(ctx) })
	err = d.stream.Run(ctx, d.subscribe, d.handle)
	cancel(nil)
	running.Wait()
	if cause := context.Cause(ctx); errors.Is(cause, errEnd) {
		return nil
	} else if cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// errEnd is the cause of an end that is right.
var errEnd = errors.New("the executor is over")

// pending lists the steps of a Desired.
func pending(d inventory.Desired) []inventory.Step {
	return node.NewProgress(node.Steps(node.Work{Desired: d}), nil).States()
}

// driver does what the core wants.
type driver struct {
	cfg    Config
	key    *node.Key
	stream *mesos.Executor
	cancel context.CancelCauseFunc
	wake   *time.Timer

	mu    sync.Mutex // guards all below
	core  core
	queue []*executor.Call
	order *inventory.Desired

	more   chan struct{} // there may be something in queue
	orders chan struct{} // there may be an order
	hello  chan string   // the hostname, once
}

// step lets something happen to the core and does what it wants then.
func (d *driver) step(happen func(*core)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.core.step(d.cfg.Now(), func() { happen(&d.core) })
	out := d.core.take()
	if len(out.calls) > 0 {
		d.queue = append(d.queue, out.calls...)
		signal(d.more)
	}
	if out.hello != "" {
		d.hello <- out.hello // has room for the one
	}
	if out.order != nil {
		d.order = out.order
		signal(d.orders)
	}
	d.wake.Stop()
	if !out.wake.IsZero() {
		d.wake.Reset(max(0, out.wake.Sub(d.cfg.Now())))
	}
	switch {
	case out.exit && d.core.broken != nil:
		d.cancel(d.core.broken)
	case out.exit:
		d.cancel(errEnd)
	}
}

// signal says that there is something, if that is not said already.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (d *driver) subscribe() (call *executor.Call) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.core.subscribe()
}

func (d *driver) handle(r mesos.ExecutorReceived) {
	d.step(func(c *core) {
		if r.Event != nil {
			c.event(r.Event)
		}
		if r.Lost != nil {
			c.lost()
		}
	})
}

func (d *driver) uuid() []byte {
	id := make([]byte, 16)
	if _, err := io.ReadFull(d.cfg.Random, id); err != nil {
		panic(fmt.Sprintf("executor: no random bytes: %v", err)) // as crypto/rand does
	}
	return id
}

// send sends calls in their order, and wakes the core.
func (d *driver) send(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wake.C:
			d.step(func(*core) {})
			continue
		case <-d.more:
		}
		d.mu.Lock()
		queue := d.queue
		d.queue = nil
		d.mu.Unlock()
		for _, call := range queue {
			if err := d.stream.Call(ctx, call); err != nil && ctx.Err() == nil {
				d.step(func(c *core) { c.refused(call, err) })
			}
		}
	}
}
