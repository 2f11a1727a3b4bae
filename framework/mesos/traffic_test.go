package mesos

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"github.com/mesos/mesos-go/api/v1/lib/master"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// The bytes of a real master (traffic/mesos/14-protobuf: SUBSCRIBE's answer, updates, the end after TEARDOWN) go
// through the client, whole and in pieces. The connection stays open behind the last chunk, as Mesos leaves it.
func TestBytesOfARealMaster(t *testing.T) {
	var wire []byte
	for _, name := range []string{"subscribe-response-raw-4s.bin", "updates-raw.bin"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			t.Fatal(err)
		}
		wire = append(wire, b...)
	}
	wire = append(wire, "0\r\n\r\n"...)
	for _, piece := range []int{1, 7, 300, len(wire)} {
		t.Run(fmt.Sprint("pieces of ", piece), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []string
				ctx, stop := context.WithCancel(t.Context())
				defer stop()
				s := NewScheduler(Config{
					Masters: oneMaster.Masters,
					Log:     slog.New(slog.DiscardHandler),
					Dial: func(context.Context, string, string) (net.Conn, error) {
						ours, theirs := net.Pipe()
						go speak(theirs, wire, piece)
						return ours, nil
					},
				})
				s.Run(ctx, subscribeCall, func(r Received) {
					switch e := r.Event; {
					case r.Lost != nil:
						got = append(got, r.Lost.Error())
						stop()
					case e.Type == scheduler.Event_SUBSCRIBED:
						got = append(got, "SUBSCRIBED "+e.Subscribed.FrameworkID.Value)
					case e.Type == scheduler.Event_OFFERS:
						for _, o := range e.Offers.Offers {
							got = append(got, fmt.Sprintf("OFFER %s %d attributes", o.Hostname, len(o.Attributes)))
						}
					case e.Type == scheduler.Event_UPDATE:
						got = append(got, fmt.Sprintf("UPDATE %s %v, uuid of %d bytes", e.Update.Status.TaskID.Value, e.Update.Status.GetState(), len(e.Update.Status.UUID)))
					default:
						got = append(got, e.Type.String())
					}
				})
				if want := []string{
					"SUBSCRIBED 9055fc0c-4a27-4f90-939a-477f0582ac01-0000",
					"HEARTBEAT",
					"OFFER 127.0.0.3 5 attributes", "OFFER 127.0.0.2 5 attributes",
					"UPDATE pt TASK_STARTING, uuid of 16 bytes",
					"OFFER 127.0.0.3 5 attributes",
					"master m1:5050: stream: ended",
				}; !slices.Equal(got, want) {
					t.Errorf("got %q", got)
				}
			})
		})
	}
}

// speak answers one request with wire, in pieces, and keeps the connection.
func speak(c net.Conn, wire []byte, piece int) {
	defer c.Close()
	req, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	io.Copy(io.Discard, req.Body)
	for p := range slices.Chunk(wire, piece) {
		if _, err := c.Write(p); err != nil {
			return
		}
	}
	io.Copy(io.Discard, c)
}

const traffic = "../../../shared/traffic/mesos"

// recorded is one file of the recorded traffic.
type recorded struct {
	file                 string
	Kind, Stream, Record string
	Request              struct{ Line string }
	Response             struct {
		Line    string
		Headers [][2]string
		Body    string
	}
	call string // the type in the request's body
}

func recordings(t *testing.T) (all []recorded) {
	files, err := filepath.Glob(traffic + "/*/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("no recorded traffic at " + traffic)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var r recorded
		if json.Unmarshal(b, &r) != nil {
			continue // a note or raw capture of another shape
		}
		var request struct {
			Request struct {
				BodyJSON struct{ Type string } `json:"body_json"`
			}
		}
		if json.Unmarshal(b, &request) == nil {
			r.call = request.Request.BodyJSON.Type
		}
		r.file = strings.TrimPrefix(f, traffic+"/")
		all = append(all, r)
	}
	return all
}

func (r recorded) path() string {
	if f := strings.Fields(r.Request.Line); len(f) == 3 && f[0] == "POST" {
		return f[1]
	}
	return ""
}

func (r recorded) status() (status int) {
	fmt.Sscanf(r.Response.Line, "HTTP/1.1 %d", &status)
	return status
}

// answer gives the recorded answer, byte for byte.
func (r recorded) answer() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\r\n", r.Response.Line)
	for _, h := range r.Response.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	fmt.Fprintf(&b, "\r\n%s", r.Response.Body)
	return b.Bytes()
}

// quoted is how errors show a body.
func quoted(body string) string {
	if body = strings.TrimSpace(body); body == "" {
		return ""
	}
	return fmt.Sprintf("%q", body)
}

// answering gives a Dial of hosts that answer each request on a new connection with what answer gives.
func answering(answer []byte) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go speak(theirs, answer, len(answer))
		return ours, nil
	}
}

// Every error that a real master or agent was seen to answer to a SUBSCRIBE: 4xx stops with the text, the rest does not.
func TestRecordedRefusalsOfSubscribe(t *testing.T) {
	count := 0
	for _, r := range recordings(t) {
		if r.path() != "/api/v1/scheduler" || r.call != "SUBSCRIBE" || r.status() < 300 {
			continue
		}
		count++
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithTimeout(t.Context(), 5*firstPause)
			defer stop()
			s := NewScheduler(Config{Masters: oneMaster.Masters, Dial: answering(r.answer()), Log: slog.New(slog.DiscardHandler)})
			err := s.Run(ctx, subscribeCall, func(got Received) { t.Errorf("%s: handed out %v", r.file, got) })
			stops := r.status() < 500 && r.status() != 307
			switch {
			case !stops && err != context.DeadlineExceeded:
				t.Errorf("%s: stopped with %v", r.file, err)
			case stops && (err == nil || !strings.Contains(err.Error(), quoted(r.Response.Body))):
				t.Errorf("%s: got %v", r.file, err)
			case stops && (fault.KindOf(err) == fault.Denied) != (r.status() == 401):
				t.Errorf("%s: %v is %v", r.file, err, fault.KindOf(err))
			}
		})
	}
	t.Logf("%d recorded refusals", count)
	if count < 26 {
		t.Errorf("only %d recorded refusals", count)
	}
}

// Every error that a real master was seen to answer to a call, and which of them mean that the stream is lost.
func TestRecordedRefusalsOfCalls(t *testing.T) {
	var lost []string
	count := 0
	for _, r := range recordings(t) {
		if !strings.HasPrefix(r.path(), "/api/v1/scheduler") || r.call == "SUBSCRIBE" || r.status() < 300 {
			continue
		}
		count++
		synctest.Test(t, func(t *testing.T) {
			s := NewScheduler(Config{Masters: oneMaster.Masters, Dial: answering(r.answer())})
			ctx, end := context.WithCancelCause(t.Context())
			at, _ := Config{}.endpoint("m1:5050", "/api/v1/scheduler")
			s.subscription.current.Store(&stream{at: at, id: "s", ctx: ctx, end: end})
			err := s.Call(t.Context(), calls.Revive())
			s.subscription.transport.CloseIdleConnections()
			kind := map[int]fault.Kind{307: fault.Temporary, 400: fault.Invalid, 401: fault.Denied, 403: fault.Denied, 415: fault.Invalid, 503: fault.Temporary}[r.status()]
			if ctx.Err() != nil {
				lost = append(lost, r.file)
				kind = fault.Temporary
			}
			if fault.KindOf(err) != kind || !strings.Contains(err.Error(), quoted(r.Response.Body)) {
				t.Errorf("%s: (%v) %v", r.file, fault.KindOf(err), err)
			}
		})
	}
	t.Logf("%d recorded refusals", count)
	if want := []string{
		"07-failover-and-disconnect/018-REVIVE-with-old-stream-id.json",
		"07-failover-and-disconnect/024-REVIVE-while-disconnected.json",
		"08-http-errors/141-no-Mesos-Stream-Id.json",
		"08-http-errors/142-wrong-Mesos-Stream-Id.json",
		"08-http-errors/143-garbage-Mesos-Stream-Id.json",
		"08-http-errors/171-scheduler-trailing-slash.json",
		"15-master-restart-in_memory-registry/041-REVIVE-with-old-stream-id.json",
		"15b-master-restart-replicated_log/037-REVIVE-with-old-stream-id.json",
	}; !slices.Equal(lost, want) {
		t.Errorf("streams lost by %q", lost)
	}
}

// Every recorded event of the three APIs goes through its client, as protobuf. What they say is compared with what
// was recorded; ERROR ends Run, the end of a recording does not.
func TestRecordedEvents(t *testing.T) {
	mesos.MasterInfo_Capability_Type_value["QUOTA_V2"] = 3 // for reading the recorded JSON; protobuf needs no such help
	streams := map[string][]recorded{}
	var names []string
	for _, r := range recordings(t) {
		if r.Kind != "event" || r.Record == "" {
			continue
		}
		name := filepath.Dir(r.file) + " " + r.Stream
		if streams[name] == nil {
			names = append(names, name)
		}
		streams[name] = append(streams[name], r)
	}
	count := 0
	for _, name := range names {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			c := Config{Masters: oneMaster.Masters, Log: slog.New(slog.DiscardHandler), Checkpoint: true}
			var want, got []string
			var wire bytes.Buffer
			ends := true
			switch {
			case strings.HasPrefix(streams[name][0].Stream, "operator"):
				want = encode[master.Event](t, &wire, streams[name])
				c.Dial = answering(streamOf(wire.Bytes()))
				ends = errors.Is(NewOperator(c).Run(ctx, func(e *master.Event, lost error) {
					got = note(got, e, lost, stop)
				}), context.Canceled)
			case strings.HasPrefix(streams[name][0].Stream, "exec"):
				want = encode[executor.Event](t, &wire, streams[name])
				c.Dial = answering(streamOf(wire.Bytes()))
				ends = errors.Is(NewExecutor(c).Run(ctx, plainSubscribe, func(r ExecutorReceived) {
					got = note(got, r.Event, r.Lost, stop)
				}), context.Canceled)
			default:
				want = encode[scheduler.Event](t, &wire, streams[name])
				c.Dial = answering(streamOf(wire.Bytes()))
				err := NewScheduler(c).Run(ctx, subscribeCall, func(r Received) { got = note(got, r.Event, r.Lost, stop) })
				last := streams[name][len(streams[name])-1]
				if strings.HasSuffix(last.file, "-ERROR.json") {
					ends = errors.As(err, new(final))
				} else {
					ends = err == context.Canceled
				}
			}
			if !ends {
				t.Errorf("%s: Run ended otherwise than it must", name)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %d events handed out, not the %d recorded ones", name, len(got), len(want))
			}
			count += len(got)
		})
	}
	t.Logf("%d events of %d streams", count, len(names))
	if count < 700 {
		t.Errorf("only %d recorded events", count)
	}
}

// streamOf is the answer of a host without ids for streams of schedulers to look at: one fits all.
func streamOf(records []byte) []byte {
	return append(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nMesos-Stream-Id: s\r\nContent-Type: application/x-protobuf\r\nContent-Length: %d\r\n\r\n", len(records)), records...)
}

// encode writes recorded JSON events as protobuf records and gives each one's protobuf.
func encode[T any, P interface {
	*T
	marshaler
}](t *testing.T, wire *bytes.Buffer, events []recorded) (all []string) {
	for _, r := range events {
		e := P(new(T))
		if err := json.Unmarshal([]byte(r.Record), e); err != nil {
			t.Fatalf("%s: %v", r.file, err)
		}
		all = note(all, e, nil, nil)
		wire.Write(record(e))
	}
	return all
}

// note adds the protobuf of an event, or stops at the end of the stream.
func note(got []string, event marshaler, lost error, stop func()) []string {
	if lost != nil {
		stop()
		return got
	}
	b, _ := event.Marshal()
	return append(got, string(b))
}
