package mesos

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// Each way in which a stream can end is one Lost and a new subscription.
func TestStreamsEndInManyWaysAndAreSubscribedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*exchange)
		lost string
	}{
		"last chunk without FIN": {func(*exchange) {}, "ended"},
		"cut between records":    {func(x *exchange) { x.cut() }, "unexpected EOF"},
		"cut within a record":    {func(x *exchange) { x.raw([]byte("100\nabc")); x.cut() }, "unexpected EOF"},
		"ended within a record":  {func(x *exchange) { x.raw([]byte("100\nabc")) }, "unexpected EOF"},
		"no RecordIO":            {func(x *exchange) { x.raw([]byte("<html>")); x.hold() }, `not RecordIO: '<' in a record's length after 0 digits`},
		"too large": {func(x *exchange) { x.raw([]byte("67108865\n")); x.hold() },
			"a record of 67108865 bytes, the limit is 67108864"},
		"no event": {func(x *exchange) { x.raw([]byte("3\n\xff\xff\xff")); x.hold() },
			"an event that does not decode: *scheduler.Event of 3 bytes: unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t)
				streams := 0
				n.serve("m1:5050", func(x *exchange) {
					streams++
					x.stream(fmt.Sprint("stream-", streams))
					x.send(subscribed("fw", 15))
					if streams == 1 {
						c.end(x)
						return
					}
					x.hold()
				})
				r := start(t, n, oneMaster, nil)
				sleep(time.Second)
				same(t, r.transcript(), fmt.Sprintf(`
					0s SUBSCRIBED
					0s lost: master m1:5050: stream: %s
					200ms SUBSCRIBED`, c.lost))
			})
		})
	}
}

func TestEmptyRecordsAndUnknownEventsAreNoReasonToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		n.serve("m1:5050", func(x *exchange) {
			x.stream("s")
			x.send(subscribed("fw", 15))
			x.raw([]byte("0\n"))
			x.send(&scheduler.Event{Type: 99}, message("after"))
			x.hold()
		})
		r := start(t, n, oneMaster, nil)
		sleep(time.Second)
		same(t, r.transcript(), "0s SUBSCRIBED\n0s 99\n0s MESSAGE after")
	})
}

func TestWatchdogBarksAfterTwoAndAHalfHeartbeatsOfSilence(t *testing.T) {
	for name, c := range map[string]struct {
		beat float64
		want string
	}{
		"default":    {15, "37.5s lost: master m1:5050: stream: silent for 37.5s"},
		"of a lab":   {0.2, "500ms lost: master m1:5050: stream: silent for 500ms"},
		"none":       {0, ""},
		"negative":   {-1, ""},
		"no number":  {math.NaN(), ""},
		"absurd":     {1e300, "2h30m0s lost: master m1:5050: stream: silent for 2h30m0s"},
		"not even 1": {math.Inf(1), "2h30m0s lost: master m1:5050: stream: silent for 2h30m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t)
				streams := 0
				n.serve("m1:5050", func(x *exchange) {
					x.stream("s")
					if streams++; streams == 1 {
						x.send(subscribed("fw", c.beat))
					} else {
						x.send(subscribed("fw", 0))
					}
					x.hold()
				})
				r := start(t, n, oneMaster, nil)
				sleep(3 * time.Hour)
				_, after, _ := strings.Cut(r.transcript(), "\n")
				first, _, _ := strings.Cut(after, "\n")
				same(t, first, c.want)
			})
		})
	}
}

func TestWatchdogBarksIfSubscribedNeverComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		n.serve("m1:5050", func(x *exchange) { x.stream("s"); x.hold() })
		r := start(t, n, oneMaster, nil)
		sleep(40 * time.Second)
		same(t, r.transcript(), "37.5s lost: master m1:5050: stream: silent for 37.5s")
	})
}

func TestWatchdogCountsEveryByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		slow := record(message("slow"))
		n.serve("m1:5050", func(x *exchange) {
			x.stream("s")
			x.send(subscribed("fw", 15))
			for _, b := range slow {
				x.wait(37 * time.Second)
				x.raw([]byte{b})
			}
			x.hold()
		})
		r := start(t, n, oneMaster, nil)
		took := time.Duration(len(slow)) * 37 * time.Second
		sleep(took + time.Second)
		same(t, r.transcript(), fmt.Sprintf("0s SUBSCRIBED\n%v MESSAGE slow", took))
	})
}

func TestWatchdogDoesNotWatchTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		n.serve("m1:5050", func(x *exchange) {
			x.stream("s")
			x.send(subscribed("fw", 15), message("x"))
			x.wait(70 * time.Second)
			x.send(message("y"))
			x.hold()
		})
		r := start(t, n, oneMaster, func(_ *run, got Received) {
			if got.Event.GetType() == scheduler.Event_MESSAGE {
				time.Sleep(time.Minute) // longer than the master may be silent
			}
		})
		sleep(100 * time.Second)
		same(t, r.transcript(), "0s SUBSCRIBED\n0s MESSAGE x\n1m10s MESSAGE y")
	})
}

func TestRunEndsAtOnceWithItsContextWhereverItIs(t *testing.T) {
	for name, serve := range map[string]func(*network){
		"in a pause":       func(n *network) {},
		"in a dial":        func(n *network) { n.silent["m1:5050"] = true },
		"before an answer": serving(func(x *exchange) { x.hold() }),
		"on a stream":      serving(func(x *exchange) { x.stream("s"); x.send(subscribed("fw", 15)); x.hold() }),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t)
				serve(n)
				r := start(t, n, oneMaster, nil)
				sleep(500 * time.Millisecond)
				r.end()
				if took := time.Since(r.start); took != 500*time.Millisecond || r.err != context.Canceled {
					t.Errorf("ended after %v with %v", took, r.err)
				}
				events := strings.Count(r.transcript(), "SUBSCRIBED")
				if lost := strings.Count(r.transcript(), "lost: "); lost != events {
					t.Errorf("%s", r.transcript())
				}
			})
		})
	}
}
