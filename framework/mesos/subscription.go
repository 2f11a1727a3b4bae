package mesos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

const (
	firstPause   = 200 * time.Millisecond
	longestPause = 2 * time.Second
	// settled is how long a stream must have lived for its end to be news, not one more failure to subscribe.
	settled = 10 * time.Second
	// heartbeat is what Mesos has by default; it holds until SUBSCRIBED says what this master does.
	heartbeat = 15 * time.Second
	// longestHeartbeat bounds what SUBSCRIBED may say. Executor streams have 30 minutes (reference/mesos.md §3.3).
	longestHeartbeat = time.Hour
	// silentBeats is how many heartbeats may be missing before a stream is taken for dead.
	silentBeats = 2.5
)

// protocol is what differs between the APIs of schedulers, executors and operators. E is a pointer to an event.
type protocol[E any] struct {
	peer     string // who answers: "master" or "agent"
	path     string
	streamID bool // whether streams have ids
	longest  time.Duration
	decode   func(record []byte) (E, error)
	notice   func(E) notice
	// hint says what to do about an answer that is final.
	hint func(*refusal) string
}

// notice is what the subscription itself must know of an event.
type notice struct {
	subscribed bool
	heartbeat  time.Duration // with subscribed: 0 if there are none
	err        error         // the event is ERROR; this says it in full
}

// subscription keeps one SUBSCRIBE alive and sends calls to the host that serves it. Run's goroutine owns all but wire,
// which is safe, and the atomics.
type subscription[E any] struct {
	protocol[E]
	*wire
	config  Config
	running atomic.Bool
	current atomic.Pointer[stream] // from SUBSCRIBED to the end of the stream
	// patience, if set, is how long there may be no stream before run gives up.
	patience  time.Duration
	impatient func() error // what to say then
}

func newSubscription[E any](c Config, p protocol[E]) *subscription[E] {
	return &subscription[E]{protocol: p, wire: newWire(c), config: c}
}

// stream is one answered SUBSCRIBE.
type stream struct {
	at    *url.URL // who serves it; calls go there
	id    string   // Mesos-Stream-Id
	body  io.ReadCloser
	ctx   context.Context // ends with the stream
	end   context.CancelCauseFunc
	since time.Time
	// served is whether SUBSCRIBED came. Owned by Run's goroutine.
	served bool
}

// final is an error that asking again would only repeat.
type final struct{ error }

func (f final) Unwrap() error { return f.error }

// errSilent ends a stream whose watchdog barked.
type errSilent struct{ limit time.Duration }

func (e errSilent) Error() string { return fmt.Sprintf("silent for %v", e.limit) }

func (s *subscription[E]) fault(kind fault.Kind, at *url.URL, op string, cause error) *fault.Error {
	return fault.New(kind, s.peer+" "+at.Host, op, "%w", cause)
}

// run subscribes until ctx ends or something final happens. ask gives the SUBSCRIBE call for each attempt. Every
// answered SUBSCRIBE gives handle its events and then exactly one error.
func (s *subscription[E]) run(ctx context.Context, ask func() ([]byte, error), handle func(E, error)) error {
	if !s.running.CompareAndSwap(false, true) {
		return fault.New(fault.Internal, s.peer, "subscribe", "Run is already running: one subscription at a time")
	}
	defer s.running.Store(false)
	masters, err := s.config.endpoints(s.path)
	if err != nil {
		return err
	}
	defer s.transport.CloseIdleConnections() // also those of calls that end later
	r := &runner[E]{
		subscription: s, ask: ask, handle: handle,
		walk:   &walk{masters: masters},
		pace:   &pace{first: firstPause, longest: s.longest, jitter: s.config.jitter()},
		report: newReport(s.config.log().With("api", s.path)),
	}
	err = r.loop(ctx)
	if errors.As(err, new(final)) {
		return err
	}
	return ctx.Err()
}

// runner is one run.
type runner[E any] struct {
	*subscription[E]
	ask    func() ([]byte, error)
	handle func(E, error)
	walk   *walk
	pace   *pace
	report *report
	leash  *time.Timer // ends ctx when patience is over; stopped while subscribed
}

// loop makes attempts until one ends with a final error or ctx ends.
func (r *runner[E]) loop(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if r.patience > 0 {
		r.leash = time.AfterFunc(r.patience, func() { cancel(final{r.impatient()}) })
		defer r.leash.Stop()
	}
	to, _ := r.walk.next()
	for {
		ended, err := r.attempt(ctx, to)
		cause := context.Cause(ctx)
		switch {
		case errors.As(cause, new(final)): // patience is over
			return cause
		case errors.As(err, new(final)):
			return err
		case cause != nil:
			return cause
		}
		if r.impatient != nil && r.patience == 0 {
			return final{fmt.Errorf("%w; %w", r.impatient(), err)}
		}
		r.report.change("away: "+err.Err.Error(), slog.LevelWarn, "not subscribed to Mesos", "reason", err.Error())
		var another bool
		to, another = r.walk.next()
		// Behind a stream that broke at once the next host is no reason for haste: it leads to the same leader.
		if old := ended != nil && time.Since(ended.since) >= settled; old || ended == nil && another {
			r.pace.reset()
		}
		rest(ctx, r.pace.next())
	}
}

// attempt subscribes at to and hands out events until the stream ends. It gives that stream, or nil if there was
// none, and why it ended or was not there.
func (r *runner[E]) attempt(ctx context.Context, to *url.URL) (*stream, *fault.Error) {
	st, err := r.open(ctx, to)
	if err != nil {
		return nil, err
	}
	defer st.body.Close()
	defer st.end(nil)
	err = r.receive(st)
	if r.leash != nil && st.served {
		r.leash.Reset(r.patience)
	}
	r.current.CompareAndSwap(st, nil)
	var none E
	r.handle(none, err)
	return st, err
}

// open gets a stream, at to or where to leads.
func (r *runner[E]) open(ctx context.Context, to *url.URL) (*stream, *fault.Error) {
	const op = "subscribe"
	body, err := r.ask()
	if err != nil {
		return nil, r.fault(fault.Internal, to, op, final{err})
	}
	ctx, end := context.WithCancelCause(ctx)
	resp, at, err := r.follow(ctx, to, body)
	var u unsent
	switch {
	case errors.As(err, &u) && u.final():
		err = final{err}
	case err != nil:
	case resp.StatusCode != http.StatusOK:
		err = r.rejection(refused(resp))
	case !strings.HasPrefix(resp.Header.Get("Content-Type"), protobuf):
		err = fmt.Errorf("answers with %q where Mesos says %s", resp.Header.Get("Content-Type"), protobuf)
		resp.Body.Close()
	case r.streamID && resp.Header.Get(streamID) == "":
		err = fmt.Errorf("answers without %s", streamID)
		resp.Body.Close()
	default:
		return &stream{at: at, id: resp.Header.Get(streamID), body: resp.Body, ctx: ctx, end: end, since: time.Now()}, nil
	}
	end(nil)
	return nil, r.fault(kindOf(err), at, op, err)
}

// rejection makes an answer to SUBSCRIBE final, with what to do about it, if it would only be repeated.
func (r *runner[E]) rejection(answer *refusal) error {
	if answer.kind() == fault.Temporary {
		return answer
	}
	return final{fmt.Errorf("%w; %s", answer, r.hint(answer))}
}

// receive hands out the stream's events until it ends, and says why it did.
func (r *runner[E]) receive(st *stream) *fault.Error {
	const op = "stream"
	watch := newWatched(st)
	records := newRecords(watch)
	for {
		record, err := records.next()
		if cause := context.Cause(st.ctx); cause != nil {
			return r.fault(fault.Temporary, st.at, op, cause)
		}
		switch {
		case err == io.EOF:
			return r.fault(fault.Temporary, st.at, op, errors.New("ended"))
		case err != nil:
			return r.fault(fault.Temporary, st.at, op, plain(st.ctx, err))
		case len(record) == 0:
			continue
		}
		event, err := r.decode(record)
		if err != nil {
			return r.fault(fault.Temporary, st.at, op, fmt.Errorf("an event that does not decode: %w", err))
		}
		n := r.notice(event)
		if n.subscribed {
			watch.watch(limit(n.heartbeat))
			r.subscribed(st)
		}
		r.report.catchUp()
		r.handle(event, nil)
		if n.err != nil {
			return r.fault(fault.KindOf(n.err), st.at, "ERROR event", n.err)
		}
	}
}

// subscribed opens the stream for calls.
func (r *runner[E]) subscribed(st *stream) {
	if r.leash != nil {
		r.leash.Stop()
	}
	st.served = true
	r.walk.leader = st.at
	r.current.Store(st)
	r.report.change("subscribed: "+st.at.Host, slog.LevelInfo, "subscribed to Mesos", r.peer, st.at.Host, "stream", st.id)
}

// limit is how long a stream with these heartbeats may be silent; 0 is for ever.
func limit(beat time.Duration) time.Duration {
	return time.Duration(silentBeats * float64(min(max(beat, 0), longestHeartbeat)))
}

// seconds gives what SUBSCRIBED says of heartbeats as a duration, 0 if it says nothing of use.
func seconds(s float64) time.Duration {
	if !(s > 0) { // NaN too
		return 0
	}
	return time.Duration(min(s, longestHeartbeat.Seconds()) * float64(time.Second))
}

// watched reads a stream and ends it when no byte came for limit. It watches only while a read waits, so a handler
// that takes its time is not taken for a silent master.
type watched struct {
	*stream
	limit time.Duration
	timer *time.Timer
}

func newWatched(st *stream) *watched {
	w := &watched{stream: st}
	w.watch(limit(heartbeat))
	return w
}

// watch makes limit what holds from the next read on.
func (w *watched) watch(limit time.Duration) {
	w.stop()
	w.limit = limit
	w.timer = time.AfterFunc(longestHeartbeat, func() { w.end(errSilent{limit}) })
	w.timer.Stop()
}

func (w *watched) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
}

func (w *watched) Read(p []byte) (int, error) {
	if w.limit > 0 {
		w.timer.Reset(w.limit)
		defer w.timer.Stop()
	}
	return w.body.Read(p)
}

// call sends one call on a connection of its own to the host of the stream. It does not end the stream, unless the
// answer is that Mesos does not know it.
func (s *subscription[E]) call(ctx context.Context, name string, body []byte) error {
	op := "call " + name
	st := s.current.Load()
	if st == nil {
		return fault.New(fault.Temporary, s.peer, op, "not subscribed")
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, err := s.post(ctx, st.at, st.id, body)
	if errors.As(err, new(unsent)) {
		return s.fault(kindOf(err), st.at, op, fmt.Errorf("not sent: %w", err))
	}
	if err != nil {
		return s.fault(kindOf(err), st.at, op, fmt.Errorf("no answer, it may have been carried out or not: %w", err))
	}
	// UPDATE_FRAMEWORK answers 200, all others 202 (traffic/mesos/10-multi-role/026).
	if resp.StatusCode == http.StatusAccepted || resp.StatusCode == http.StatusOK {
		drain(resp.Body)
		return nil
	}
	answer := refused(resp)
	if answer.streamLost() {
		st.end(fmt.Errorf("the answer to %s was %w", name, answer))
		return s.fault(fault.Temporary, st.at, op, fmt.Errorf("%w; subscribing again", answer))
	}
	return s.fault(answer.kind(), st.at, op, answer)
}
