package mesos

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler/calls"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/secret"
)

// tokens is where headers come from: "token=0" until it is refused, then "token=1", ...
type tokens struct {
	mu     sync.Mutex // guards all below
	n      int
	good   int   // the number that the master takes
	err    error // instead of a token
	asked  int
	frozen bool // there is no other token
}

func (s *tokens) authorization(_ context.Context, refused string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.err != nil {
		return "", s.err
	}
	if refused == s.header() && !s.frozen {
		s.n++
	}
	return s.header(), nil
}

func (s *tokens) header() string { return fmt.Sprint("token=", s.n) }

func (s *tokens) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// guard serves a master that takes one token only.
func (s *tokens) guard(t *testing.T, n *network, address string) {
	n.serve(address, func(x *exchange) {
		s.mu.Lock()
		good := fmt.Sprint("token=", s.good)
		s.mu.Unlock()
		switch {
		case x.Header.Get("Authorization") != good:
			x.refuse(http.StatusUnauthorized, "401 Unauthorized.")
		case !strings.HasSuffix(x.URL.Path, "/scheduler"): // the operator's API
			x.w.WriteHeader(http.StatusOK)
		case x.call(t).Type == scheduler.Call_SUBSCRIBE:
			x.stream("s")
			x.send(subscribed("fw", 15))
			x.wait(20 * time.Second)
		default:
			x.accept()
		}
	})
}

func TestARefusedTokenIsReplacedAndTheRequestSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, s := newNetwork(t), &tokens{good: 1}
		s.guard(t, n, "m1:5050")
		c := oneMaster
		c.Authorization = s.authorization
		r := start(t, n, c, nil)
		synctest.Wait()
		s.set(func() { s.good = 2 }) // the token ends while the stream lives on
		if err := r.Call(t.Context(), calls.Revive()); err != nil {
			t.Error(err)
		}
		s.set(func() { s.good = 3 })
		sleep(21 * time.Second) // the stream ends; it subscribes again
		o := NewOperator(Config{Masters: oneMaster.Masters, Dial: n.dial, Authorization: s.authorization, Log: slog.New(slog.DiscardHandler)})
		s.set(func() { s.good = 4 })
		if _, err := o.Agents(t.Context()); err != nil {
			t.Error("operator:", err)
		}
		same(t, r.transcript(), `
			0s SUBSCRIBED
			20s lost: master m1:5050: stream: ended
			20.2s SUBSCRIBED`)
	})
}

func TestATokenThatStaysRefusedEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, s := newNetwork(t), &tokens{good: 7, frozen: true}
		s.guard(t, n, "m1:5050")
		c := oneMaster
		c.Authorization = s.authorization
		r := start(t, n, c, nil)
		<-r.done
		want := `master m1:5050: subscribe: 401 Unauthorized "401 Unauthorized."; check the principal and secret of the framework`
		if fault.KindOf(r.err) != fault.Denied || r.err.Error() != want || s.asked != 2 {
			t.Errorf("%v after %d times", r.err, s.asked)
		}
	})
}

func TestWithoutCredentialsNothingIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, s := newNetwork(t), &tokens{err: fault.New(fault.Temporary, "DC/OS IAM", "log in", "no answer")}
		s.guard(t, n, "m1:5050")
		c := oneMaster
		c.Authorization = s.authorization
		r := start(t, n, c, nil)
		sleep(10 * time.Second)
		if len(n.dials) > 0 || r.transcript() != "" {
			t.Errorf("it dialled %v: %s", n.dials, r.transcript())
		}
		s.set(func() { s.err = nil })
		sleep(3 * time.Second)
		if !strings.HasSuffix(r.transcript(), "SUBSCRIBED") {
			t.Error(r.transcript())
		}
		s.set(func() { s.err = fault.New(fault.Denied, "DC/OS IAM", "log in", "401") })
		err := r.Call(t.Context(), calls.Revive())
		if want := "master m1:5050: call REVIVE: not sent: DC/OS IAM: log in: 401"; fault.KindOf(err) != fault.Denied || err.Error() != want {
			t.Error(err)
		}
		<-r.done
		if want := "master m1:5050: subscribe: DC/OS IAM: log in: 401"; fault.KindOf(r.err) != fault.Denied || r.err.Error() != want {
			t.Error(r.err)
		}
	})
}

// TestNoSecretAnywhere: neither secret nor token stands in an error, a log or a print of what holds them.
func TestNoSecretAnywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []Config{
			{Principal: "me", Secret: secret.New("hunter2")},
			{Authorization: func(context.Context, string) (string, error) { return "token=hunter2", nil }},
		} {
			n := newNetwork(t)
			n.serve("m1:5050", func(x *exchange) {
				if auth := x.Header.Get("Authorization"); auth != "token=hunter2" && auth != "Basic bWU6aHVudGVyMg==" {
					t.Error("got", auth)
				}
				x.refuse(http.StatusUnauthorized, "401 Unauthorized.")
			})
			c.Masters = oneMaster.Masters
			r := start(t, n, c, nil)
			<-r.done
			seen := fmt.Sprintf("%v %+v %#v %+v %+v %s %v", c, c, c, r.Scheduler, r.subscription, r.log, r.err)
			if strings.Contains(seen, "hunter2") || strings.Contains(seen, "bWU6aHVudGVyMg") || !strings.Contains(seen, "check the principal") {
				t.Error(seen)
			}
		}
	})
}
