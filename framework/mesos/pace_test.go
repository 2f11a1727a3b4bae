package mesos

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

func TestRedirectIsFollowedAndCallsGoThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		var called []string
		standby := func(x *exchange) {
			if c := x.call(t); c.Type != scheduler.Call_SUBSCRIBE {
				t.Errorf("%v came to the standby", c.Type)
			}
			x.redirect("//m3:5050/master/api/v1/scheduler")
		}
		n.serve("m1:5050", standby)
		n.serve("m2:5050", standby)
		n.serve("m3:5050", func(x *exchange) {
			if x.URL.Path != "/master/api/v1/scheduler" {
				t.Errorf("path %q", x.URL.Path)
			}
			if c := x.call(t); c.Type != scheduler.Call_SUBSCRIBE {
				called = append(called, c.Type.String()+" "+x.Header.Get("Mesos-Stream-Id"))
				x.accept()
				return
			}
			x.stream("of-m3")
			x.send(subscribed("fw", 15))
			x.hold()
		})
		r := start(t, n, threeMasters, nil)
		synctest.Wait()
		if err := r.Call(t.Context(), calls.Revive()); err != nil {
			t.Error(err)
		}
		if !slices.Equal(called, []string{"REVIVE of-m3"}) {
			t.Errorf("the leader got %q", called)
		}
		same(t, r.transcript(), "0s SUBSCRIBED")
	})
}

func TestRedirectsEndAfterThreeHops(t *testing.T) {
	for hops, want := range map[int]string{
		3: "0s SUBSCRIBED",
		4: "", // for ever: one master, and it leads nowhere
	} {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t)
			for i := range hops {
				n.serve(fmt.Sprintf("h%d:1", i), func(x *exchange) { x.redirect(fmt.Sprintf("//h%d:1/master/api/v1/scheduler", i+1)) })
			}
			n.serve(fmt.Sprintf("h%d:1", hops), func(x *exchange) {
				x.stream("s")
				x.send(subscribed("fw", 15))
				x.hold()
			})
			r := start(t, n, Config{Masters: []string{"h0:1"}}, nil)
			sleep(time.Second)
			same(t, r.transcript(), want)
			r.end()
			if want == "" && !strings.Contains(r.log.String(), "redirected more than 3 times: h0:1 -> h1:1 -> h2:1 -> h3:1 -> h4:1") {
				t.Errorf("log: %s", r.log)
			}
		})
	}
}

// A leader dies; for 5.5 s the others lead to the dead one (traffic/mesos/18-ha-redirect), then to the new one. One attempt
// in three is the dead one itself.
func TestFailoverIsFollowedAtThePaceOfTheMasters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		var leader atomic.Value
		leader.Store("m1:5050")
		for _, m := range threeMasters.Masters {
			n.serve(m, func(x *exchange) {
				if l := leader.Load().(string); l != m {
					x.redirect("//" + l + "/master/api/v1/scheduler")
					return
				}
				x.stream("of-" + m)
				x.send(subscribed("fw", 15))
				x.hold()
			})
		}
		r := start(t, n, threeMasters, nil)
		sleep(14 * time.Second)
		n.stop("m1:5050")
		sleep(5500 * time.Millisecond)
		leader.Store("m3:5050")
		sleep(5 * time.Second)
		same(t, r.transcript(), `
			0s SUBSCRIBED
			14s lost: master m1:5050: stream: unexpected EOF
			19.8s SUBSCRIBED`)
		r.end()
		if lines := r.logLines(); len(lines) > 5 {
			t.Errorf("%d log lines:\n%s", len(lines), strings.Join(lines, "\n"))
		}
	})
}

func TestListIsWalkedPastEveryKindOfUselessMaster(t *testing.T) {
	for name, c := range map[string]struct {
		useless func(n *network)
		at      string
	}{
		"refused":          {func(n *network) {}, "200ms"},
		"machine gone":     {func(n *network) { n.silent["m1:5050"] = true }, "5.2s"},
		"503":              {serving(func(x *exchange) { x.refuse(503, "No leader elected") }), "200ms"},
		"500":              {serving(func(x *exchange) { x.refuse(500, "") }), "200ms"},
		"no answer":        {serving(func(x *exchange) { x.hold() }), "10.2s"},
		"another protocol": {serving(func(x *exchange) { x.w.Header().Set("Content-Type", "text/html"); x.refuse(200, "<html>") }), "200ms"},
		"no stream id":     {serving(func(x *exchange) { x.stream("") }), "200ms"},
		"nowhere":          {serving(func(x *exchange) { x.redirect("") }), "200ms"},
		"no host":          {serving(func(x *exchange) { x.redirect("/login") }), "200ms"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t)
				c.useless(n)
				n.serve("m2:5050", func(x *exchange) {
					x.stream("s")
					x.send(subscribed("fw", 15))
					x.hold()
				})
				r := start(t, n, threeMasters, nil)
				sleep(20 * time.Second)
				same(t, r.transcript(), c.at+" SUBSCRIBED")
			})
		})
	}
}

func serving(answer func(*exchange)) func(*network) {
	return func(n *network) { n.serve("m1:5050", answer) }
}

func TestPausesGrowAndStartAnewWithAnotherHost(t *testing.T) {
	attempts := func(t *testing.T, c Config, for_ time.Duration) (times []time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t)
			began := time.Now()
			for _, m := range c.Masters {
				n.serve(m, func(x *exchange) {
					times = append(times, time.Since(began))
					x.refuse(503, "Master has not finished recovery")
				})
			}
			start(t, n, c, nil)
			sleep(for_)
		})
		return times
	}
	ms := time.Millisecond
	if got, want := attempts(t, oneMaster, 8*time.Second), []time.Duration{0, 200 * ms, 600 * ms, 1400 * ms, 3000 * ms, 5000 * ms, 7000 * ms}; !slices.Equal(got, want) {
		t.Errorf("one master was asked at %v, want %v", got, want)
	}
	if got, want := attempts(t, threeMasters, 900*ms), []time.Duration{0, 200 * ms, 400 * ms, 600 * ms, 800 * ms}; !slices.Equal(got, want) {
		t.Errorf("three masters were asked at %v, want %v", got, want)
	}
	half := oneMaster
	half.Jitter = func() float64 { return 0.5 }
	if got, want := attempts(t, half, 1100*ms), []time.Duration{0, 150 * ms, 450 * ms, 1050 * ms}; !slices.Equal(got, want) {
		t.Errorf("with jitter it was asked at %v, want %v", got, want)
	}
}

func TestStreamThatBreaksAtOnceIsPacedWhateverTheHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		var times []time.Duration
		began := time.Now()
		for _, m := range threeMasters.Masters {
			n.serve(m, func(x *exchange) {
				times = append(times, time.Since(began))
				x.stream("s")
			})
		}
		r := start(t, n, threeMasters, nil)
		sleep(8 * time.Second)
		ms := time.Millisecond
		if want := []time.Duration{0, 200 * ms, 600 * ms, 1400 * ms, 3000 * ms, 5000 * ms, 7000 * ms}; !slices.Equal(times, want) {
			t.Errorf("asked at %v, want %v", times, want)
		}
		if lost := strings.Count(r.transcript(), "lost: "); lost != len(times) {
			t.Errorf("%d streams, %d times lost", len(times), lost)
		}
	})
}

func TestMastersThatMakeNoSenseAreAllNamed(t *testing.T) {
	c := Config{Masters: []string{"m1:5050", "m2", "zk://zk-1:2181/mesos", "http://u:p@m3", "http://m4/?a=b", "http://", ":5050", "%zz://", "http://m 5"}}
	err := NewScheduler(c).Run(t.Context(), subscribeCall, func(Received) {})
	want := []string{
		`master "m2": want host:port or http(s)://host:port[/path]`,
		`master "zk://zk-1:2181/mesos": zk:// is not understood; want host:port or http(s)://host:port[/path] of the masters themselves`,
		`master "http://u:p@m3": holds credentials; give them as principal and secret`,
		`master "http://m4/?a=b": holds a query or fragment; want http(s)://host:port[/path]`,
		`master "http://": names no host; want http(s)://host:port[/path]`,
		`master ":5050": want host:port or http(s)://host:port[/path]`,
		`master "%zz://": not a URL; want host:port or http(s)://host:port[/path]`,
		`master "http://m 5": not a URL; want host:port or http(s)://host:port[/path]`,
	}
	if got := fault.Lines(err); !slices.Equal(got, want) || fault.KindOf(err) != fault.Invalid {
		t.Errorf("got:\n%s", strings.Join(got, "\n"))
	}
	if err := NewScheduler(Config{}).Run(t.Context(), subscribeCall, func(Received) {}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("no masters: %v", err)
	}
}

func TestWalkAsksTheLastLeaderFirstAndNobodyTwiceInARow(t *testing.T) {
	u := func(host string) *url.URL { return &url.URL{Host: host} }
	w := &walk{masters: []*url.URL{u("a"), u("b"), u("c")}}
	var got []string
	ask := func(times int) {
		for range times {
			next, changed := w.next()
			got = append(got, fmt.Sprint(next.Host, " ", changed))
		}
	}
	ask(4)
	w.leader = u("x") // of a redirect
	ask(2)
	w.leader = u("c") // the next of the list
	ask(2)
	if want := []string{"a true", "b true", "c true", "a true", "x true", "b true", "c true", "a true"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	one := &walk{masters: []*url.URL{u("a")}}
	one.next()
	if next, changed := one.next(); next.Host != "a" || changed {
		t.Errorf("the only one: %v, %v", next, changed)
	}
}

// What a stream leaves of the pauses before it: nothing if it lived long enough to be called one.
func TestStreamThatLivedStartsThePausesAnew(t *testing.T) {
	for lived, want := range map[time.Duration]time.Duration{
		9 * time.Second:  1600 * time.Millisecond,
		10 * time.Second: 200 * time.Millisecond,
	} {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t)
			var ended time.Time
			var pause time.Duration
			asked := 0
			n.serve("m1:5050", func(x *exchange) {
				switch asked++; asked {
				case 1, 2, 3:
					x.refuse(503, "")
				case 4:
					x.stream("s")
					x.send(subscribed("fw", 15))
					x.wait(lived)
					ended = time.Now()
				default:
					pause = time.Since(ended)
					x.hold()
				}
			})
			start(t, n, oneMaster, nil)
			sleep(lived + 4*time.Second)
			if pause != want {
				t.Errorf("after a stream of %v: a pause of %v, want %v", lived, pause, want)
			}
		})
	}
}
