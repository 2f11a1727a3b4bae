package mesos

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"github.com/mesos/mesos-go/api/v1/lib/executor/calls"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

func agentSubscribed() *executor.Event {
	return &executor.Event{Type: executor.Event_SUBSCRIBED, Subscribed: &executor.Event_Subscribed{
		ExecutorInfo:  mesos.ExecutorInfo{ExecutorID: mesos.ExecutorID{Value: "ex"}},
		FrameworkInfo: mesos.FrameworkInfo{User: "root", Name: "scaleio"},
		AgentInfo:     mesos.AgentInfo{Hostname: "agent-01"},
	}}
}

func executorCall(c *executor.Call) *executor.Call {
	return c.With(calls.Framework("fw"), calls.Executor("ex"))
}

// executing is an Executor running in the background.
type executing struct {
	*Executor
	start  time.Time
	events []string
	done   chan struct{}
	err    error
}

func startExecutor(t *testing.T, n *network, c Config, subscribe func() *executor.Call) *executing {
	c.Masters, c.Dial, c.Jitter, c.Log = []string{"agent:5051"}, n.dial, func() float64 { return 0 }, slog.New(slog.DiscardHandler)
	e := &executing{Executor: NewExecutor(c), start: time.Now(), done: make(chan struct{})}
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		defer close(e.done)
		e.err = e.Run(ctx, subscribe, func(got ExecutorReceived) {
			what := "lost"
			if got.Lost == nil {
				what = got.Event.Type.String()
			}
			e.events = append(e.events, fmt.Sprint(time.Since(e.start), " ", what))
		})
	}()
	t.Cleanup(func() { stop(); <-e.done })
	return e
}

func plainSubscribe() *executor.Call { return executorCall(calls.Subscribe(nil, nil)) }

func TestExecutorComesBackInTimeWithWhatIsUnacknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		var carried []string
		agent := func(x *exchange) {
			c := new(executor.Call)
			if err := c.Unmarshal(x.body); err != nil {
				t.Error(err)
			}
			if id, has := x.Header["Mesos-Stream-Id"]; has || x.URL.Path != "/api/v1/executor" {
				t.Errorf("stream id %q, path %s", id, x.URL.Path)
			}
			if c.FrameworkID.Value != "fw" || c.ExecutorID.Value != "ex" {
				t.Errorf("ids %q, %q", c.FrameworkID.Value, c.ExecutorID.Value)
			}
			if c.Type == executor.Call_UPDATE {
				x.accept()
				return
			}
			carried = append(carried, fmt.Sprint(len(c.Subscribe.UnacknowledgedTasks), "/", len(c.Subscribe.UnacknowledgedUpdates)))
			x.stream("")
			x.send(agentSubscribed())
			x.hold()
		}
		n.serve("agent:5051", agent)
		status := mesos.TaskStatus{TaskID: mesos.TaskID{Value: "t"}, State: mesos.TASK_RUNNING.Enum(), UUID: []byte("0123456789abcdef")}
		var tasks []mesos.TaskInfo
		var updates []executor.Call_Update
		e := startExecutor(t, n, Config{Checkpoint: true, RecoveryTimeout: 15 * time.Minute}, func() *executor.Call {
			return executorCall(calls.Subscribe(tasks, updates))
		})
		synctest.Wait()
		if err := e.Call(t.Context(), executorCall(calls.Update(status))); err != nil {
			t.Error(err)
		}
		tasks = []mesos.TaskInfo{{Name: "t", TaskID: mesos.TaskID{Value: "t"}, AgentID: mesos.AgentID{Value: "S1"}}}
		updates = []executor.Call_Update{{Status: status}, {Status: status}}
		sleep(time.Minute)
		n.stop("agent:5051")
		sleep(10 * time.Minute)
		if err := e.Call(t.Context(), executorCall(calls.Update(status))); fault.KindOf(err) != fault.Temporary || err.Error() != "agent: call UPDATE: not subscribed" {
			t.Errorf("while the agent is away: %v", err)
		}
		back := time.Since(e.start)
		n.serve("agent:5051", agent)
		sleep(500 * time.Millisecond)
		if len(e.events) != 3 || e.events[0] != "0s SUBSCRIBED" || e.events[1] != "1m0s lost" || !strings.HasSuffix(e.events[2], " SUBSCRIBED") {
			t.Errorf("agent back at %v: %q", back, e.events)
		}
		if !slices.Equal(carried, []string{"0/0", "1/2"}) {
			t.Errorf("SUBSCRIBE carried %q", carried)
		}
	})
}

func TestExecutorAsksAtMostEveryHalfSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		var times []time.Duration
		began := time.Now()
		n.serve("agent:5051", func(x *exchange) {
			times = append(times, time.Since(began))
			x.refuse(503, "Agent has not finished recovery")
		})
		startExecutor(t, n, Config{Checkpoint: true}, plainSubscribe)
		sleep(2500 * time.Millisecond)
		ms := time.Millisecond
		if want := []time.Duration{0, 200 * ms, 600 * ms, 1100 * ms, 1600 * ms, 2100 * ms}; !slices.Equal(times, want) {
			t.Errorf("asked at %v, want %v", times, want)
		}
	})
}

func TestExecutorEndsWhenItsAgentIsAwayTooLong(t *testing.T) {
	for name, c := range map[string]struct {
		config Config
		want   string
		at     time.Duration
	}{
		"recovery timeout": {Config{Checkpoint: true, RecoveryTimeout: 12 * time.Second},
			"agent: away for longer than the recovery timeout of 12s; the executor must end", 72 * time.Second},
		"default": {Config{Checkpoint: true},
			"agent: away for longer than the recovery timeout of 15m0s; the executor must end", 16 * time.Minute},
		"no checkpoint": {Config{RecoveryTimeout: 12 * time.Second},
			"agent: away and the framework does not checkpoint; the executor must end; agent agent:5051: stream: unexpected EOF", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t)
				n.serve("agent:5051", func(x *exchange) {
					x.stream("")
					x.send(agentSubscribed())
					x.hold()
				})
				e := startExecutor(t, n, c.config, plainSubscribe)
				sleep(time.Minute)
				n.stop("agent:5051")
				<-e.done
				if took := time.Since(e.start); took != c.at || e.err.Error() != c.want || fault.KindOf(e.err) != fault.NotFound {
					t.Errorf("ended after %v with (%v) %v", took, fault.KindOf(e.err), e.err)
				}
				if !slices.Equal(e.events, []string{"0s SUBSCRIBED", "1m0s lost"}) {
					t.Errorf("got %q", e.events)
				}
			})
		})
	}
}

// An agent that takes the request and says nothing is away too.
func TestExecutorDoesNotWaitForAnAgentThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		n.serve("agent:5051", func(x *exchange) { x.stream(""); x.hold() })
		e := startExecutor(t, n, Config{Checkpoint: true, RecoveryTimeout: 2 * time.Minute}, plainSubscribe)
		<-e.done
		if took := time.Since(e.start); took != 2*time.Minute {
			t.Errorf("ended after %v with %v", took, e.err)
		}
	})
}

func TestExecutorHasNoWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		n.serve("agent:5051", func(x *exchange) {
			x.stream("")
			x.send(agentSubscribed())
			x.wait(24 * time.Hour)
			x.send(&executor.Event{Type: executor.Event_SHUTDOWN})
			x.hold()
		})
		e := startExecutor(t, n, Config{Checkpoint: true}, plainSubscribe)
		sleep(25 * time.Hour)
		if !slices.Equal(e.events, []string{"0s SUBSCRIBED", "24h0m0s SHUTDOWN"}) {
			t.Errorf("got %q", e.events)
		}
	})
}

func TestExecutorThatItsAgentDoesNotWantEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		n.serve("agent:5051", func(x *exchange) { x.refuse(400, "Executor cannot be found") })
		e := startExecutor(t, n, Config{Checkpoint: true}, plainSubscribe)
		<-e.done
		want := `agent agent:5051: subscribe: 400 Bad Request "Executor cannot be found"; the agent does not want this executor, which must end`
		if e.err.Error() != want || fault.KindOf(e.err) != fault.Invalid {
			t.Errorf("got %v", e.err)
		}
	})
}

func TestExecutorSendsNoDataThatASchedulerMightChokeOn(t *testing.T) {
	update := func(n int) *executor.Call {
		return executorCall(calls.Update(mesos.TaskStatus{TaskID: mesos.TaskID{Value: "t"}, State: mesos.TASK_RUNNING.Enum(), Data: make([]byte, n)}))
	}
	e := NewExecutor(Config{Masters: []string{"agent:5051"}})
	if err := e.Call(t.Context(), update(MaxStatusData)); fault.KindOf(err) != fault.Temporary { // only not subscribed
		t.Errorf("64 KiB: %v", err)
	}
	err := e.Call(t.Context(), update(MaxStatusData+1))
	if fault.KindOf(err) != fault.Invalid || err.Error() != "task t: call UPDATE: data of 65537 bytes, the limit is 65536" {
		t.Errorf("one more: %v", err)
	}
}

func TestErrorEventOfAnAgentIsFinal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		n.serve("agent:5051", func(x *exchange) {
			x.stream("")
			x.send(agentSubscribed(), &executor.Event{Type: executor.Event_ERROR, Error: &executor.Event_Error{Message: "no"}})
			x.hold()
		})
		e := startExecutor(t, n, Config{Checkpoint: true}, plainSubscribe)
		<-e.done
		if e.err.Error() != "agent agent:5051: ERROR event: no" || !slices.Equal(e.events, []string{"0s SUBSCRIBED", "0s ERROR", "0s lost"}) {
			t.Errorf("got %q and %v", e.events, e.err)
		}
	})
}
