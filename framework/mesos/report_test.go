package mesos

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// W19 of reference/original.md: with its master gone the original wrote 2.3 million log lines in 5 s, took a whole CPU
// and never came back.
func TestBrokenStreamReconnectsWithoutLogStorm(t *testing.T) {
	answer := func(x *exchange) {
		x.stream("s")
		x.send(subscribed("fw", 15))
		for range 4 {
			x.wait(15 * time.Second)
			x.send(heartbeatEvent())
		}
		x.hold()
	}
	t.Run("a master that is gone for an hour", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t)
			n.serve("m1:5050", answer)
			r := start(t, n, oneMaster, nil)
			sleep(50 * time.Second)
			n.stop("m1:5050")
			sleep(time.Hour)
			n.serve("m1:5050", answer)
			sleep(10 * time.Second)
			same(t, r.transcript(), `
				0s SUBSCRIBED
				15s HEARTBEAT
				30s HEARTBEAT
				45s HEARTBEAT
				50s lost: master m1:5050: stream: unexpected EOF
				1h0m51s SUBSCRIBED`)
			if dials := len(n.dials); dials < 1800 || dials > 1810 {
				t.Errorf("%d attempts in an hour", dials)
			}
			r.end()
			same(t, withoutTime(r.logLines()), `
				level=INFO msg="subscribed to Mesos" api=/api/v1/scheduler master=m1:5050 stream=s
				level=WARN msg="not subscribed to Mesos" api=/api/v1/scheduler reason="master m1:5050: stream: unexpected EOF"
				level=WARN msg="not subscribed to Mesos" api=/api/v1/scheduler reason="master m1:5050: subscribe: dial: connection refused"
				level=INFO msg="subscribed to Mesos" api=/api/v1/scheduler master=m1:5050 stream=s`)
		})
	})
	for _, extra := range []time.Duration{0, time.Second, 10 * time.Second} {
		t.Run(fmt.Sprint("a stream that breaks each time for 15 minutes and ", extra), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t)
				var well atomic.Bool
				n.serve("m1:5050", func(x *exchange) {
					if well.Load() {
						answer(x)
						return
					}
					x.stream("s")
					x.send(subscribed("fw", 15))
					x.raw([]byte("12"))
					x.cut()
				})
				r := start(t, n, oneMaster, nil)
				sleep(15*time.Minute + extra)
				well.Store(true)
				sleep(70 * time.Second)
				r.end()
				lines := r.logLines()
				if len(lines) > reportBurst+17 {
					t.Errorf("%d log lines in 15 minutes", len(lines))
				}
				if last := lines[len(lines)-1]; !strings.Contains(last, `"subscribed to Mesos"`) {
					t.Errorf("the log does not end with what is: %s", last)
				}
				if streams := strings.Count(r.transcript(), "SUBSCRIBED"); streams < 440 || streams > 460 {
					t.Errorf("%d subscriptions in 15 minutes", streams)
				}
			})
		})
	}
	t.Run("masters that fail each in its own way for 15 minutes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t)
			n.serve("m1:5050", func(x *exchange) { x.refuse(503, "No leader elected") })
			n.serve("m2:5050", func(x *exchange) { x.redirect("//m3:5050") })
			r := start(t, n, threeMasters, nil)
			sleep(15 * time.Minute)
			r.end()
			if lines := r.logLines(); len(lines) > reportBurst+16 {
				t.Errorf("%d log lines in 15 minutes", len(lines))
			}
		})
	})
}

func withoutTime(lines []string) string {
	var b bytes.Buffer
	for _, line := range lines {
		_, after, _ := strings.Cut(line, " ")
		fmt.Fprintln(&b, after)
	}
	return b.String()
}

func TestReportSaysHowManyChangesItDidNotShow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		r := newReport(slog.New(slog.NewTextHandler(&log, nil)))
		for i := range reportBurst + 3 {
			for range 5 { // the same again is no change
				r.change(fmt.Sprint(i), slog.LevelInfo, fmt.Sprint("state ", i))
			}
		}
		time.Sleep(reportEvery)
		r.catchUp()
		r.catchUp()
		same(t, withoutTime(strings.Split(strings.TrimSpace(log.String()), "\n")), `
			level=INFO msg="state 0"
			level=INFO msg="state 1"
			level=INFO msg="state 2"
			level=INFO msg="state 3"
			level=INFO msg="state 4"
			level=INFO msg="state 5"
			level=INFO msg="state 8" changes-not-logged=2`)
	})
}
