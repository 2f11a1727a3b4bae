package mesos

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/secret"
)

var oneMaster = Config{Masters: []string{"m1:5050"}}

var threeMasters = Config{Masters: []string{"m1:5050", "m2:5050", "m3:5050"}}

func TestEventsComeInOrderAndCallsGoAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		var called []*scheduler.Call
		n.serve("m1:5050", func(x *exchange) {
			for name, want := range map[string]string{"Content-Type": "application/x-protobuf", "Accept": "application/x-protobuf"} {
				if got := x.Header.Values(name); !slices.Equal(got, []string{want}) {
					t.Errorf("%s: %q, want exactly %q", name, got, want)
				}
			}
			if x.URL.Path != "/api/v1/scheduler" || x.Method != "POST" || x.Header.Get("Authorization") != "" {
				t.Errorf("%s %s, authorization %q", x.Method, x.URL.Path, x.Header.Get("Authorization"))
			}
			c := x.call(t)
			id, has := x.Header["Mesos-Stream-Id"]
			if c.Type != scheduler.Call_SUBSCRIBE {
				if !slices.Equal(id, []string{"stream-1"}) {
					t.Errorf("stream id of %v: %q", c.Type, id)
				}
				called = append(called, c)
				x.accept()
				return
			}
			if has {
				t.Errorf("SUBSCRIBE has a stream id: %q", id)
			}
			x.stream("stream-1")
			x.send(subscribed("fw-1", 15), heartbeatEvent(), message("a"), message("b"))
			x.hold()
		})
		r := start(t, n, oneMaster, func(r *run, got Received) {
			if got.Event.GetType() == scheduler.Event_SUBSCRIBED { // from within handle
				if err := r.Call(t.Context(), calls.Revive()); err != nil {
					t.Error(err)
				}
			}
		})
		synctest.Wait()
		if err := r.Call(t.Context(), calls.Suppress()); err != nil {
			t.Error(err)
		}
		same(t, r.transcript(), `
			0s SUBSCRIBED
			0s HEARTBEAT
			0s MESSAGE a
			0s MESSAGE b`)
		if len(called) != 2 || called[0].Type != scheduler.Call_REVIVE || called[1].Type != scheduler.Call_SUPPRESS {
			t.Errorf("called %v", called)
		}
		for _, c := range called {
			if c.FrameworkID.GetValue() != "fw-1" {
				t.Errorf("%v has framework id %v", c.Type, c.FrameworkID)
			}
		}
		r.end()
		if !errors.Is(r.err, context.Canceled) {
			t.Errorf("Run ended with %v", r.err)
		}
		if n := strings.Count(r.transcript(), "lost: "); n != 1 {
			t.Errorf("%d times lost at the end:\n%s", n, r.transcript())
		}
	})
}

func TestRefusedSubscriptionStopsAndSaysWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		text   string
		kind   fault.Kind
		want   string
	}{
		"wrong password": {401, "401 Unauthorized.", fault.Denied,
			`master m1:5050: subscribe: 401 Unauthorized "401 Unauthorized."; check the principal and secret of the framework`},
		"forbidden": {403, "", fault.Denied,
			`master m1:5050: subscribe: 403 Forbidden; check the principal and secret of the framework`},
		"other principal": {400, "Failed to validate scheduler::Call: Authenticated principal 'p1' does not match principal 'p2' set in `FrameworkInfo`", fault.Invalid,
			"master m1:5050: subscribe: 400 Bad Request \"Failed to validate scheduler::Call: Authenticated principal 'p1' does not match principal 'p2' set in `FrameworkInfo`\"; change what the framework subscribes with"},
		"no Mesos": {404, "404 Not Found.", fault.Invalid,
			`master m1:5050: subscribe: 404 Not Found "404 Not Found."; check that the list of masters names Mesos masters`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t)
				asked := 0
				n.serve("m1:5050", func(x *exchange) { asked++; x.refuse(c.status, c.text) })
				r := start(t, n, threeMasters, nil)
				<-r.done
				if r.err == nil || r.err.Error() != c.want || fault.KindOf(r.err) != c.kind {
					t.Errorf("got (%v) %v\nwant (%v) %s", fault.KindOf(r.err), r.err, c.kind, c.want)
				}
				if asked != 1 || r.transcript() != "" {
					t.Errorf("asked %d times, handed out %q", asked, r.transcript())
				}
			})
		})
	}
}

func TestErrorEventsAreFinal(t *testing.T) {
	for text, c := range map[string]struct {
		kind fault.Kind
		then string
	}{
		"Framework failed over":                                        {fault.Conflict, "another scheduler subscribed with this framework's id; this one must stop"},
		"Framework has been removed":                                   {fault.NotFound, "it was torn down, or away for longer than its failover timeout; Mesos will never take its id again"},
		"Not authorized to register framework  with roles { scaleio }": {fault.Denied, "the operator of Mesos must permit it to this principal"},
		"Changing framework's principal is not allowed.":               {fault.Invalid, "change what the framework subscribes with"},
	} {
		for _, after := range []bool{false, true} { // SUBSCRIBED
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t)
				n.serve("m1:5050", func(x *exchange) {
					x.stream("s")
					if after {
						x.send(subscribed("fw", 15))
					}
					x.send(errorOf(text))
				})
				r := start(t, n, oneMaster, nil)
				<-r.done
				want := "master m1:5050: ERROR event: " + text + "; " + c.then
				if r.err == nil || r.err.Error() != want || fault.KindOf(r.err) != c.kind {
					t.Errorf("got (%v) %v\nwant (%v) %s", fault.KindOf(r.err), r.err, c.kind, want)
				}
				first := ""
				if after {
					first = "0s SUBSCRIBED\n"
				}
				same(t, r.transcript(), first+"0s ERROR\n0s lost: "+want)
			})
		}
	}
}

func TestAuthorizerThatCouldNotBeAskedIsAskedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		streams := 0
		n.serve("m1:5050", func(x *exchange) {
			x.stream("s")
			if streams++; streams == 1 {
				x.send(errorOf("Authorization failure: could not create ObjectApprovers for a framework: refused"))
				return
			}
			x.send(subscribed("fw", 15))
			x.hold()
		})
		r := start(t, n, oneMaster, nil)
		sleep(time.Second)
		same(t, r.transcript(), `0s ERROR
			0s lost: master m1:5050: ERROR event: Authorization failure: could not create ObjectApprovers for a framework: refused
			200ms SUBSCRIBED`)
	})
}

// Rules 2 and 3 of reference/mesos-go.md §8.
func TestFailedCallsEndNoStreamUnlessMesosDoesNotKnowIt(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(*exchange)
		kind   fault.Kind
		ends   bool
		want   string
	}{
		"unknown framework": {func(x *exchange) { x.refuse(400, "Framework cannot be found") }, fault.Invalid, false,
			`400 Bad Request "Framework cannot be found"`},
		"wrong password": {func(x *exchange) { x.refuse(401, "401 Unauthorized.") }, fault.Denied, false, `401 Unauthorized "401 Unauthorized."`},
		"forbidden":      {func(x *exchange) { x.refuse(403, "no") }, fault.Denied, false, `403 Forbidden "no"`},
		"media type":     {func(x *exchange) { x.refuse(415, "") }, fault.Invalid, false, `415 Unsupported Media Type`},
		"too many":       {func(x *exchange) { x.refuse(429, "") }, fault.Invalid, false, `429 Too Many Requests`},
		"no leader now":  {func(x *exchange) { x.redirect("//m2:5050/master/api/v1/scheduler") }, fault.Temporary, false, `307 Temporary Redirect`},
		"500":            {func(x *exchange) { x.refuse(500, "oops") }, fault.Temporary, false, `500 Internal Server Error "oops"`},
		"503":            {func(x *exchange) { x.refuse(503, "") }, fault.Temporary, false, `503 Service Unavailable`},
		"broken":         {func(x *exchange) { x.cut() }, fault.Temporary, false, `no answer, it may have been carried out or not: EOF`},
		"silent": {func(x *exchange) { x.hold() }, fault.Temporary, false,
			`no answer, it may have been carried out or not: net/http: timeout awaiting response headers`},
		"stale stream": {func(x *exchange) {
			x.refuse(400, "The stream ID 's1' included in this request didn't match the stream ID currently associated with framework ID 'fw'")
		}, fault.Temporary, true,
			`400 Bad Request "The stream ID 's1' included in this request didn't match the stream ID currently associated with framework ID 'fw'"; subscribing again`},
		"no stream": {func(x *exchange) {
			x.refuse(400, "All non-subscribe calls should include the 'Mesos-Stream-Id' header")
		}, fault.Temporary, true,
			`400 Bad Request "All non-subscribe calls should include the 'Mesos-Stream-Id' header"; subscribing again`},
		"not subscribed": {func(x *exchange) { x.refuse(403, "Framework is not subscribed") }, fault.Temporary, true,
			`403 Forbidden "Framework is not subscribed"; subscribing again`},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t)
				streams := 0
				n.serve("m1:5050", func(x *exchange) {
					if x.call(t).Type != scheduler.Call_SUBSCRIBE {
						c.answer(x)
						return
					}
					streams++
					x.stream(fmt.Sprint("s", streams))
					x.send(subscribed("fw", 0))
					x.hold()
				})
				r := start(t, n, oneMaster, nil)
				synctest.Wait()
				err := r.Call(t.Context(), calls.Revive())
				if want := "master m1:5050: call REVIVE: " + c.want; err == nil || err.Error() != want || fault.KindOf(err) != c.kind {
					t.Errorf("got (%v) %v\nwant (%v) %s", fault.KindOf(err), err, c.kind, want)
				}
				sleep(time.Minute)
				if ended := streams > 1; ended != c.ends {
					t.Errorf("stream ended: %v, want %v\n%s", ended, c.ends, r.transcript())
				}
				if lost := strings.Count(r.transcript(), "lost: "); lost != streams-1 {
					t.Errorf("%d streams, %d times lost:\n%s", streams, lost, r.transcript())
				}
			})
		})
	}
}

func TestLateAnswerAboutAnOldStreamLeavesTheNewOneAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		streams := 0
		n.serve("m1:5050", func(x *exchange) {
			if x.call(t).Type != scheduler.Call_SUBSCRIBE {
				x.wait(5 * time.Second)
				x.refuse(400, "The stream ID 's1' included in this request didn't match")
				return
			}
			streams++
			x.stream(fmt.Sprint("s", streams))
			x.send(subscribed("fw", 15))
			if streams == 1 {
				x.wait(time.Second)
				return
			}
			for {
				x.wait(15 * time.Second)
				x.send(heartbeatEvent())
			}
		})
		r := start(t, n, oneMaster, nil)
		synctest.Wait()
		if err := r.Call(t.Context(), calls.Revive()); fault.KindOf(err) != fault.Temporary {
			t.Error(err)
		}
		sleep(5 * time.Second)
		same(t, r.transcript(), "0s SUBSCRIBED\n1s lost: master m1:5050: stream: ended\n1.2s SUBSCRIBED")
	})
}

func TestCallsWithoutASubscriptionAreTemporary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		r := start(t, n, oneMaster, nil)
		synctest.Wait()
		err := r.Call(t.Context(), calls.Revive())
		if fault.KindOf(err) != fault.Temporary || err.Error() != "master: call REVIVE: not subscribed" {
			t.Errorf("got %v", err)
		}
	})
}

func TestCallsEndWithTheirContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		n.serve("m1:5050", func(x *exchange) {
			if x.call(t).Type == scheduler.Call_SUBSCRIBE {
				x.stream("s")
				x.send(subscribed("fw", 0))
			}
			x.hold()
		})
		r := start(t, n, oneMaster, nil)
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		began := time.Now()
		err := r.Call(ctx, calls.Revive())
		if !errors.Is(err, context.DeadlineExceeded) || fault.KindOf(err) != fault.Temporary || time.Since(began) != 200*time.Millisecond {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

func TestAcknowledgementNeedsAUUID(t *testing.T) {
	s := NewScheduler(oneMaster)
	for _, uuid := range [][]byte{nil, []byte("short")} {
		err := s.Call(t.Context(), calls.Acknowledge("agent", "task", uuid))
		if fault.KindOf(err) != fault.Invalid || !strings.HasPrefix(err.Error(), "task task: call ACKNOWLEDGE: a uuid of ") {
			t.Errorf("uuid %q: %v", uuid, err)
		}
	}
}

// The framework learns its id, the master fails over: the id goes along, in both places.
func TestSubscribeIsAskedAnewAndHasTheIDInBothPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		var asked []string
		n.serve("m1:5050", func(x *exchange) {
			c := x.call(t)
			asked = append(asked, c.FrameworkID.GetValue()+"/"+c.Subscribe.FrameworkInfo.ID.GetValue())
			x.stream("s")
			x.send(subscribed("fw-7", 15))
		})
		info := &mesos.FrameworkInfo{User: "root", Name: "scaleio"}
		s := NewScheduler(Config{Masters: oneMaster.Masters, Dial: n.dial, Jitter: func() float64 { return 0 }, Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		var learnt *mesos.FrameworkID
		err := s.Run(ctx,
			func() *scheduler.Call {
				info := *info
				info.ID = learnt
				return &scheduler.Call{Type: scheduler.Call_SUBSCRIBE, Subscribe: &scheduler.Call_Subscribe{FrameworkInfo: &info}}
			},
			func(got Received) {
				if got.Event.GetType() == scheduler.Event_SUBSCRIBED {
					learnt = got.Event.Subscribed.FrameworkID
				}
			})
		if !errors.Is(err, context.DeadlineExceeded) || !slices.Equal(asked, []string{"/", "fw-7/fw-7"}) {
			t.Errorf("asked with %q; Run ended with %v", asked, err)
		}
	})
}

func TestSubscribeCallOfTheCallerIsNotWrittenTo(t *testing.T) {
	given := subscribeCall()
	given.FrameworkID = &mesos.FrameworkID{Value: "fw"}
	got := withBothIDs(*given)
	if got.Subscribe.FrameworkInfo.ID.GetValue() != "fw" || given.Subscribe.FrameworkInfo.ID != nil {
		t.Errorf("got %v, given is %v", got.Subscribe.FrameworkInfo.ID, given.Subscribe.FrameworkInfo.ID)
	}
}

func TestNothingIsAcknowledgedByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		requests := 0
		n.serve("m1:5050", func(x *exchange) {
			requests++
			x.stream("s")
			x.send(subscribed("fw", 0), &scheduler.Event{Type: scheduler.Event_UPDATE, Update: &scheduler.Event_Update{Status: mesos.TaskStatus{
				TaskID: mesos.TaskID{Value: "t"}, State: mesos.TASK_RUNNING.Enum(), UUID: []byte("0123456789abcdef"),
			}}})
			x.hold()
		})
		r := start(t, n, oneMaster, nil)
		sleep(time.Minute)
		same(t, r.transcript(), "0s SUBSCRIBED\n0s UPDATE")
		if requests != 1 {
			t.Errorf("%d requests", requests)
		}
	})
}

func TestOneRunAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		r := start(t, n, oneMaster, nil)
		synctest.Wait()
		if err := r.Run(t.Context(), subscribeCall, func(Received) {}); fault.KindOf(err) != fault.Internal {
			t.Errorf("got %v", err)
		}
		r.end()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := r.Run(ctx, subscribeCall, func(Received) {}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after the first: %v", err)
		}
	})
}

func TestBasicAuthenticationGoesAlongEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		for _, m := range []string{"m1:5050", "m2:5050"} {
			n.serve(m, func(x *exchange) {
				if user, secret, ok := x.BasicAuth(); !ok || user != "scaleio-principal" || secret != "s3:cret" {
					t.Errorf("%s got %q %q", m, user, secret)
				}
				switch c := x.call(t); {
				case m == "m1:5050":
					x.redirect("//m2:5050/master/api/v1/scheduler")
				case c.Type != scheduler.Call_SUBSCRIBE:
					x.accept()
				default:
					x.stream("s")
					x.send(subscribed("fw", 15))
					x.hold()
				}
			})
		}
		c := oneMaster
		c.Principal, c.Secret = "scaleio-principal", secret.New("s3:cret")
		r := start(t, n, c, nil)
		synctest.Wait()
		if err := r.Call(t.Context(), calls.Revive()); err != nil {
			t.Error(err)
		}
		r.end()
		if strings.Contains(r.log.String(), "s3:cret") {
			t.Errorf("the secret is in the log: %s", r.log)
		}
	})
}

// The connection of a call that outlives Run is not left behind: the bubble ends only without goroutines.
func TestCallThatOutlivesRunLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		n.serve("m1:5050", func(x *exchange) {
			if x.call(t).Type == scheduler.Call_SUBSCRIBE {
				x.stream("s")
				x.send(subscribed("fw", 15))
				x.hold()
				return
			}
			x.wait(5 * time.Second)
			x.accept()
		})
		r := start(t, n, oneMaster, nil)
		synctest.Wait()
		called := make(chan error)
		go func() { called <- r.Call(context.WithoutCancel(t.Context()), calls.Revive()) }()
		sleep(time.Second)
		r.end()
		if err := <-called; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if open := n.open.Load(); open != 0 {
			t.Errorf("%d connections are left open", open)
		}
	})
}

func TestWithoutASubscribeCallThereIsNothingToRun(t *testing.T) {
	for _, call := range []*scheduler.Call{nil, {Type: scheduler.Call_SUBSCRIBE}, {Subscribe: &scheduler.Call_Subscribe{}}} {
		err := NewScheduler(oneMaster).Run(t.Context(), func() *scheduler.Call { return call }, func(Received) {})
		if fault.KindOf(err) != fault.Internal {
			t.Errorf("%v: %v", call, err)
		}
	}
	if err := NewExecutor(oneMaster).Run(t.Context(), func() *executor.Call { return nil }, func(ExecutorReceived) {}); fault.KindOf(err) != fault.Internal {
		t.Errorf("executor: %v", err)
	}
}
