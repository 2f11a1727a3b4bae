package mesos

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// Scheduler is one subscription of a framework to the leading master, and calls to that master.
type Scheduler struct {
	subscription *subscription[*scheduler.Event]
	framework    atomic.Pointer[mesos.FrameworkID] // of the last SUBSCRIBED
}

// Received is one thing that came over a stream: an event, or that the stream is lost. Each stream gives any number
// of events and then exactly one Lost, also when Run is about to return.
type Received struct {
	Event *scheduler.Event
	Lost  error
}

// NewScheduler takes the masters as they are; Run says what is wrong with them.
func NewScheduler(c Config) *Scheduler {
	s := &Scheduler{}
	s.subscription = newSubscription(c, protocol[*scheduler.Event]{
		peer: "master", path: "/api/v1/scheduler", streamID: true, longest: longestPause,
		decode: decode[scheduler.Event],
		notice: s.notice,
		hint:   schedulerHint,
	})
	return s
}

// Run subscribes and stays subscribed until ctx ends (then its error is ctx.Err()) or something final happens: the
// masters refuse the subscription (Denied, Invalid), the framework has been removed (NotFound), another scheduler
// subscribed with its id (Conflict). subscribe is asked anew for each attempt; handle is called from this goroutine
// only, in the order of the stream, and may use Call. Only one Run at a time.
func (s *Scheduler) Run(ctx context.Context, subscribe func() *scheduler.Call, handle func(Received)) error {
	ask := func() ([]byte, error) {
		call := subscribe()
		if call == nil || call.Subscribe == nil || call.Subscribe.FrameworkInfo == nil {
			return nil, fault.New(fault.Internal, "", "", "there is no SUBSCRIBE call to send, or it has no framework_info")
		}
		return withBothIDs(*call).Marshal()
	}
	return s.subscription.run(ctx, ask, func(event *scheduler.Event, lost error) { handle(Received{event, lost}) })
}

// withBothIDs gives call with the framework's id in both its places: Mesos refuses one alone.
func withBothIDs(call scheduler.Call) *scheduler.Call {
	subscribe, info := *call.Subscribe, *call.Subscribe.FrameworkInfo
	if call.FrameworkID == nil {
		call.FrameworkID = info.ID
	}
	if info.ID == nil {
		info.ID = call.FrameworkID
	}
	subscribe.FrameworkInfo, call.Subscribe = &info, &subscribe
	return &call
}

// Call sends one call to the master of the stream, with the framework's id if it has none. An error never ends the
// subscription. It is Temporary (5xx, no answer within 15 s, not subscribed: repeat it if it still makes sense),
// Denied (401, 403) or Invalid (other 4xx: the call can never work).
func (s *Scheduler) Call(ctx context.Context, c *scheduler.Call) error {
	call := *c
	name := call.Type.String()
	if call.FrameworkID == nil {
		call.FrameworkID = s.framework.Load()
	}
	// Mesos wants 16 bytes; an update without a uuid comes from the master and is not acknowledged at all.
	if a := call.Acknowledge; a != nil && len(a.UUID) != 16 {
		return fault.New(fault.Invalid, "task "+a.TaskID.Value, "call "+name,
			"a uuid of %d bytes, Mesos wants 16; updates without a uuid must not be acknowledged", len(a.UUID))
	}
	body, err := call.Marshal()
	if err != nil {
		return fault.New(fault.Invalid, "", "call "+name, "does not encode: %w", err)
	}
	return s.subscription.call(ctx, name, body)
}

func (s *Scheduler) notice(e *scheduler.Event) notice {
	switch e.Type {
	case scheduler.Event_SUBSCRIBED:
		s.framework.Store(e.Subscribed.GetFrameworkID())
		return notice{subscribed: true, heartbeat: seconds(e.Subscribed.GetHeartbeatIntervalSeconds())}
	case scheduler.Event_ERROR:
		return notice{err: errorEvent(e.GetError().GetMessage())}
	default:
		return notice{}
	}
}

// errorEvents are the texts of ERROR events that mean something of their own (traffic/mesos/07). All others are about
// FrameworkInfo (08/058-131) and would come again at each attempt.
var errorEvents = []struct {
	prefix string
	kind   fault.Kind
	then   string
}{
	{"Framework failed over", fault.Conflict, "another scheduler subscribed with this framework's id; this one must stop"},
	{"Framework has been removed", fault.NotFound, "it was torn down, or away for longer than its failover timeout; Mesos will never take its id again"},
	{"Not authorized", fault.Denied, "the operator of Mesos must permit it to this principal"},
	{"Authorization failure", fault.Temporary, ""}, // the authorizer could not be asked (Mesos' master.cpp)
}

// errorEvent says what an ERROR event means, and whether it is final.
func errorEvent(text string) error {
	for _, e := range errorEvents {
		switch {
		case !strings.HasPrefix(text, e.prefix):
		case e.kind == fault.Temporary:
			return fault.New(e.kind, "", "", "%s", text)
		default:
			return final{fault.New(e.kind, "", "", "%s; %s", text, e.then)}
		}
	}
	return final{fault.New(fault.Invalid, "", "", "%s; change what the framework subscribes with", text)}
}

func schedulerHint(answer *refusal) string {
	switch answer.kind() {
	case fault.Denied:
		return "check the principal and secret of the framework"
	default:
		if answer.status == 400 {
			return "change what the framework subscribes with"
		}
		return "check that the list of masters names Mesos masters"
	}
}

// decode gives a new event of type T for a record.
func decode[T any, P interface {
	*T
	Unmarshal([]byte) error
}](record []byte) (*T, error) {
	event := new(T)
	if err := P(event).Unmarshal(record); err != nil {
		return nil, fmt.Errorf("%T of %d bytes: %w", event, len(record), err)
	}
	return event, nil
}
