package mesos

import (
	"context"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/executor"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

const (
	// A recovered agent gives its executors 2 s to come back (reference/mesos-go.md §4.6).
	longestExecutorPause = 500 * time.Millisecond
	// recoveryTimeout is what agents have by default.
	recoveryTimeout = 15 * time.Minute
	// MaxStatusData is the largest data of a status update that Executor sends. An update that a scheduler cannot read
	// comes again with each of its subscriptions (reference/mesos-go.md §2.3).
	MaxStatusData = 64 << 10
)

// Executor is one subscription of an executor to its agent, and calls to that agent.
type Executor struct {
	subscription *subscription[*executor.Event]
}

// ExecutorReceived is Received on the executor's side.
type ExecutorReceived struct {
	Event *executor.Event
	Lost  error
}

// NewExecutor takes an agent's endpoint (MESOS_AGENT_ENDPOINT) as the only master.
func NewExecutor(c Config) *Executor {
	s := newSubscription(c, protocol[*executor.Event]{
		peer: "agent", path: "/api/v1/executor", longest: longestExecutorPause,
		decode: decode[executor.Event],
		notice: executorNotice,
		hint:   func(*refusal) string { return "the agent does not want this executor, which must end" },
	})
	s.impatient = func() error {
		return fault.New(fault.NotFound, "agent", "", "away and the framework does not checkpoint; the executor must end")
	}
	if c.Checkpoint {
		s.patience = c.RecoveryTimeout
		if s.patience <= 0 {
			s.patience = recoveryTimeout
		}
		s.impatient = func() error {
			return fault.New(fault.NotFound, "agent", "", "away for longer than the recovery timeout of %v; the executor must end", s.patience)
		}
	}
	return &Executor{subscription: s}
}

// Run is Scheduler.Run towards the agent. It ends with an error, on which the executor must end too, when the agent
// refuses it, is away for longer than the recovery timeout, or is away at all without checkpointing.
func (e *Executor) Run(ctx context.Context, subscribe func() *executor.Call, handle func(ExecutorReceived)) error {
	ask := func() ([]byte, error) {
		call := subscribe()
		if call == nil || call.Subscribe == nil {
			return nil, fault.New(fault.Internal, "", "", "there is no SUBSCRIBE call to send")
		}
		return call.Marshal()
	}
	return e.subscription.run(ctx, ask, func(event *executor.Event, lost error) { handle(ExecutorReceived{event, lost}) })
}

// Call is Scheduler.Call towards the agent. An UPDATE whose error is Temporary stays among the unacknowledged ones
// of the next SUBSCRIBE.
func (e *Executor) Call(ctx context.Context, c *executor.Call) error {
	name := c.Type.String()
	if c.Update != nil {
		if n := len(c.Update.Status.Data); n > MaxStatusData {
			return fault.New(fault.Invalid, "task "+c.Update.Status.TaskID.Value, "call "+name,
				"data of %d bytes, the limit is %d", n, MaxStatusData)
		}
	}
	body, err := c.Marshal()
	if err != nil {
		return fault.New(fault.Invalid, "", "call "+name, "does not encode: %w", err)
	}
	return e.subscription.call(ctx, name, body)
}

func executorNotice(e *executor.Event) notice {
	switch e.Type {
	case executor.Event_SUBSCRIBED:
		// Heartbeats come every 30 minutes if at all: there is no watchdog. The agent is on this machine, its
		// end shows on the connection.
		return notice{subscribed: true}
	case executor.Event_ERROR:
		return notice{err: final{fault.New(fault.Invalid, "", "", "%s", e.GetError().GetMessage())}}
	default:
		return notice{}
	}
}
