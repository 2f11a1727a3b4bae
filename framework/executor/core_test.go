package executor

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"pgregory.net/rapid"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
)

func TestTheFirstReport(t *testing.T) {
	d := newDesk(t)
	if out := d.subscribed(); out.hello != "agent-01" || len(out.calls) > 0 {
		t.Errorf("%+v", out)
	}
	if out := d.launch("t"); len(out.calls) > 0 {
		t.Error("told before anything is known")
	}
	out := d.step(func(c *core) { c.found(d.facts(), 0) })
	r := one(t, out)
	if r.Node != "agent-01" || r.Generation != 0 || r.Version != "v" || string(r.PublicKey) != "key" || len(r.Devices) != 1 || r.Steps != nil {
		t.Errorf("%+v", r)
	}
	u := out.calls[0]
	s := u.Update.Status
	if *s.State != mesos.TASK_RUNNING || *s.Source != mesos.SOURCE_EXECUTOR || s.ExecutorID.Value != "ex" || len(s.UUID) != 16 || u.FrameworkID.Value != "fw" || u.ExecutorID.Value != "ex" {
		t.Errorf("%+v", u)
	}
	// The other order: the inventory is there before the task.
	d = newDesk(t)
	d.subscribed()
	d.step(func(c *core) { c.found(d.facts(), 0) })
	one(t, d.launch("t"))
}

func TestAReceiptComesAtOnceAndReachesNothing(t *testing.T) {
	d := running(t)
	out := d.message(want(7))
	r := one(t, out)
	if r.Generation != 7 || out.order == nil || out.order.Generation != 7 {
		t.Errorf("%+v", out)
	}
	if r.Reached(inventory.StageInstall, 7) {
		t.Error("a receipt says that the work is done")
	}
	for _, s := range r.Steps {
		if s.State != inventory.Pending {
			t.Errorf("%+v", s)
		}
	}
	// What an earlier generation came to says nothing of this one.
	d.ack()
	d.step(func(c *core) { c.advanced(6, steps(inventory.Done)) })
	d.step(func(c *core) { c.claimed(6, map[string][]inventory.Refusal{"wwn-1": {}}, nil) })
	d.now = d.now.Add(time.Minute)
	if out := d.step(func(*core) {}); len(out.calls) > 0 {
		t.Errorf("%+v", reports(t, out))
	}
}

func TestReportsCoalesce(t *testing.T) {
	d := running(t)
	one(t, d.message(want(1))) // not acknowledged
	for _, state := range []inventory.State{inventory.Running, inventory.Retry, inventory.Running, inventory.Done} {
		if out := d.step(func(c *core) { c.advanced(1, steps(state)) }); len(out.calls) > 0 {
			t.Error("a second report before the first has arrived")
		}
	}
	if r := one(t, d.ack()); !r.Reached(inventory.StageInstall, 1) {
		t.Errorf("%+v", r)
	}
	if out := d.ack(); len(out.calls) > 0 || !out.wake.IsZero() {
		t.Error("an idle executor does something")
	}
}

func TestProgressIsToldOnceASecondAndWhatMattersAtOnce(t *testing.T) {
	d := running(t)
	d.message(want(1))
	d.ack()
	out := d.step(func(c *core) { c.advanced(1, steps(inventory.Running, inventory.Pending)) })
	if len(out.calls) > 0 || !out.wake.Equal(d.now.Add(time.Second)) {
		t.Errorf("%+v", out)
	}
	d.now = out.wake
	if r := one(t, d.step(func(*core) {})); r.Steps[0].State != inventory.Running {
		t.Errorf("%+v", r)
	}
	d.ack()
	for _, states := range [][]inventory.Step{
		steps(inventory.Retry, inventory.Pending), steps(inventory.Done, inventory.Failed), steps(inventory.Done, inventory.Done), steps(inventory.Done, inventory.Running),
	} {
		one(t, d.step(func(c *core) { c.advanced(1, states) }))
		d.ack()
	}
}

func TestNothingIsSentWhenNothingChanged(t *testing.T) {
	d := running(t)
	d.message(want(1))
	d.ack()
	for range 5 {
		d.now = d.now.Add(time.Hour)
		out := d.step(func(c *core) { c.advanced(1, c.report.Steps) })
		out.calls = append(out.calls, d.step(func(c *core) { c.warned(nil) }).calls...)
		if len(out.calls) > 0 {
			t.Errorf("%+v", reports(t, out))
		}
	}
}

func TestAResentDesiredIsAnsweredAndOrdersNothing(t *testing.T) {
	d := running(t)
	d.message(want(1))
	d.ack()
	d.step(func(c *core) { c.advanced(1, steps(inventory.Done)) })
	d.ack()
	again := want(1)
	again.Secrets = map[string][]byte{"scaleio-password": []byte("sealed once more")}
	out := d.message(again)
	if r := one(t, out); r.Generation != 1 || out.order != nil || r.Steps[0].State != inventory.Done {
		t.Errorf("%+v", out)
	}
	// A step that may wait for the secret is told of it.
	d.ack()
	d.step(func(c *core) { c.advanced(1, steps(inventory.Retry)) })
	again.Secrets = map[string][]byte{"scaleio-password": []byte("sealed to this key")}
	if out := d.message(again); out.order == nil {
		t.Error("a secret that is waited for goes nowhere")
	}
}

func TestAProbeIsAnsweredWithItsNumber(t *testing.T) {
	d := running(t)
	d.message(want(1))
	d.ack()
	ask := want(1)
	ask.Probe = 5
	out := d.message(ask)
	if r := one(t, out); r.Probe != 0 || out.order == nil {
		t.Errorf("answered before it was done: %+v", out)
	}
	d.ack()
	if r := one(t, d.step(func(c *core) { c.found(d.facts(), 5) })); r.Probe != 5 || r.Generation != 1 || len(r.Steps) == 0 {
		t.Errorf("%+v", r)
	}
}

func TestClaimsAreForOneGeneration(t *testing.T) {
	d := running(t)
	d.message(want(1))
	d.ack()
	changed := []inventory.Device{{ID: "wwn-1", Path: "/dev/sdb", Size: 1, Type: "disk", Signature: "ext4"}}
	out := d.step(func(c *core) { c.claimed(1, map[string][]inventory.Refusal{"wwn-1": {}}, changed) })
	r := one(t, out)
	if got, answered := r.Claims["wwn-1"]; !answered || got == nil || len(got) > 0 || r.Devices[0].Signature != "ext4" {
		t.Errorf("%+v", r)
	}
	if !strings.Contains(string(out.calls[0].Update.Status.Data), `"claims":{"wwn-1":[]}`) {
		t.Errorf("%s", out.calls[0].Update.Status.Data)
	}
	d.ack()
	if r := one(t, d.message(want(2))); r.Claims != nil {
		t.Error("claims of an earlier generation are shown as those of this one")
	}
}

func TestBadMessagesAreIgnored(t *testing.T) {
	d := running(t)
	d.message(want(5))
	d.ack()
	other, old, none := want(6), want(4), want(0)
	other.Node = "agent-02"
	changed := want(5)
	changed.SDS = false
	for _, m := range []inventory.Desired{other, old, none, changed} {
		if out := d.message(m); len(out.calls) > 0 || out.order != nil {
			t.Errorf("taken: %+v", m)
		}
	}
	for _, data := range [][]byte{nil, []byte("{"), []byte("[]"), []byte(`"x"`), []byte("\xff"), bytes.Repeat([]byte(" "), maxDesired+1)} {
		if out := d.event(&executor.Event{Type: executor.Event_MESSAGE, Message: &executor.Event_Message{Data: data}}); len(out.calls) > 0 || out.order != nil {
			t.Errorf("taken: %.20q", data)
		}
	}
	if lines := strings.Count(d.log.String(), "message ignored"); lines != 10 {
		t.Errorf("%d lines\n%s", lines, d.log.String())
	}
}

func TestNothingIsLostWhileTheAgentIsAway(t *testing.T) {
	d := running(t)
	d.message(want(1))
	d.step(func(c *core) { c.lost() }) // the receipt is on its way
	if out := d.step(func(c *core) { c.advanced(1, steps(inventory.Done)) }); len(out.calls) > 0 {
		t.Error("sent to nobody")
	}
	call := d.core.subscribe()
	if n := len(call.Subscribe.UnacknowledgedUpdates); n != 1 || len(call.Subscribe.UnacknowledgedTasks) != 0 || call.FrameworkID.Value != "fw" {
		t.Errorf("%+v", call)
	}
	if out := d.subscribed(); len(out.calls) > 0 || out.hello != "" {
		t.Errorf("sent twice, or begun anew: %+v", out)
	}
	if r := one(t, d.ack()); !r.Reached(inventory.StageInstall, 1) {
		t.Errorf("%+v", r)
	}
	// A task that no update has told of goes along, too.
	d = newDesk(t)
	d.subscribed()
	d.launch("t")
	d.step(func(c *core) { c.lost() })
	if call := d.core.subscribe(); len(call.Subscribe.UnacknowledgedTasks) != 1 {
		t.Errorf("%+v", call)
	}
	d.subscribed()
	one(t, d.step(func(c *core) { c.found(d.facts(), 0) }))
}

func TestAnUpdateThatWasNotTakenIsSentAgain(t *testing.T) {
	d := running(t)
	call := d.message(want(1)).calls[0]
	out := d.step(func(c *core) { c.refused(call, fault.New(fault.Temporary, "", "", "503")) })
	if len(out.calls) > 0 || !out.wake.Equal(d.now.Add(resend)) {
		t.Errorf("%+v", out)
	}
	d.now = out.wake
	again := d.step(func(*core) {})
	if len(again.calls) != 1 || !bytes.Equal(again.calls[0].Update.Status.UUID, call.Update.Status.UUID) {
		t.Errorf("%+v", again)
	}
	// One that will never be taken does not stop those after it.
	d.step(func(c *core) { c.refused(call, fault.New(fault.Invalid, "", "", "400")) })
	one(t, d.step(func(c *core) { c.advanced(1, steps(inventory.Done)) }))
}

func TestKill(t *testing.T) {
	d := running(t)
	d.message(want(1)) // its receipt is not acknowledged yet
	if out := d.kill("another"); out.exit || len(out.calls) > 0 {
		t.Errorf("%+v", out)
	}
	out := d.kill("t")
	if out.exit || len(out.calls) != 1 || *out.calls[0].Update.Status.State != mesos.TASK_KILLED {
		t.Fatalf("%+v", out)
	}
	if out := d.step(func(c *core) { c.advanced(1, steps(inventory.Done)) }); len(out.calls) > 0 {
		t.Error("TASK_RUNNING after TASK_KILLED")
	}
	d.ack()
	if out := d.ack(); !out.exit {
		t.Error("it stays")
	}
	d = running(t)
	d.step(func(c *core) { c.lost() })
	out = d.kill("t")
	if !out.wake.Equal(d.now.Add(farewell)) {
		t.Errorf("%+v", out)
	}
	if call := d.core.subscribe(); *call.Subscribe.UnacknowledgedUpdates[0].Status.State != mesos.TASK_KILLED {
		t.Errorf("%+v", call)
	}
	d.now = out.wake
	if out := d.step(func(*core) {}); !out.exit {
		t.Error("it waits for ever")
	}
}

func TestShutdownAndUnknownEvents(t *testing.T) {
	d := running(t)
	for _, e := range []*executor.Event{{Type: executor.Event_HEARTBEAT}, {Type: 99}, {Type: executor.Event_LAUNCH_GROUP}, {Type: executor.Event_MESSAGE},
		{Type: executor.Event_LAUNCH}, {Type: executor.Event_KILL}, {Type: executor.Event_ACKNOWLEDGED}, {Type: executor.Event_SUBSCRIBED}} {
		if out := d.event(e); out.exit || len(out.calls) > 0 {
			t.Errorf("%+v: %+v", e, out)
		}
	}
	if out := d.event(&executor.Event{Type: executor.Event_SHUTDOWN}); !out.exit {
		t.Error("it stays")
	}
}

func TestKillBeforeLaunch(t *testing.T) {
	d := newDesk(t)
	d.subscribed()
	for _, id := range []string{"", "t"} {
		if out := d.kill(id); out.exit || len(out.calls) > 0 {
			t.Errorf("%+v", out)
		}
	}
}

func TestAnotherTaskIsRefused(t *testing.T) {
	d := running(t)
	if out := d.launch("t"); len(out.calls) > 0 {
		t.Error("the same task again is news")
	}
	out := d.launch("u")
	if len(out.calls) != 1 || *out.calls[0].Update.Status.State != mesos.TASK_FAILED || out.calls[0].Update.Status.TaskID.Value != "u" {
		t.Errorf("%+v", out)
	}
}

func TestWithoutAHostTheTaskFails(t *testing.T) {
	for _, order := range [][]func(*desk) ready{
		{(*desk).subscribed, func(d *desk) ready { return d.launch("t") }, broken}, {(*desk).subscribed, broken, func(d *desk) ready { return d.launch("t") }},
	} {
		d := newDesk(t)
		var out ready
		for _, happen := range order {
			out = happen(d)
		}
		if len(out.calls) != 1 || *out.calls[0].Update.Status.State != mesos.TASK_FAILED || !strings.Contains(*out.calls[0].Update.Status.Message, "no such directory") {
			t.Errorf("%+v", out)
		}
		if !d.ack().exit {
			t.Error("it stays")
		}
	}
}

// TestWhateverHappens: in any order of events there is at most one report on its way, every report fits, generations do not fall, and when
// nothing happens any more the last report is what is.
func TestWhateverHappens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := newDesk(t)
		d.subscribed()
		d.launch("t")
		generation, seen := uint64(0), uint64(0)
		var last inventory.Report
		look := func(out ready) {
			for _, r := range reports(d.t, out) {
				if r.Generation < seen {
					t.Fatalf("generation %d after %d", r.Generation, seen)
				}
				seen, last = r.Generation, r
			}
			pending := 0
			for _, u := range d.core.unacked {
				if u.report {
					pending++
				}
			}
			if pending > 1 {
				t.Fatalf("%d reports on their way", pending)
			}
		}
		states := rapid.SampledFrom([]inventory.State{inventory.Pending, inventory.Running, inventory.Done, inventory.Retry, inventory.Failed})
		t.Repeat(map[string]func(*rapid.T){
			"found": func(t *rapid.T) {
				look(d.step(func(c *core) { c.found(d.facts(), rapid.Uint64Max(3).Draw(t, "probe")) }))
			},
			"message": func(t *rapid.T) { generation++; look(d.message(want(generation))) },
			"resend":  func(t *rapid.T) { look(d.message(want(max(1, generation)))); generation = max(1, generation) },
			"advanced": func(t *rapid.T) {
				all := steps(states.Draw(t, "a"), states.Draw(t, "b"))
				look(d.step(func(c *core) { c.advanced(generation-rapid.Uint64Max(1).Draw(t, "late"), all) }))
			},
			"ack": func(t *rapid.T) {
				if len(d.core.unacked) > 0 && d.core.connected {
					look(d.ack())
				}
			},
			"lost":       func(t *rapid.T) { look(d.step(func(c *core) { c.lost() })) },
			"subscribed": func(t *rapid.T) { d.core.subscribe(); look(d.subscribed()) },
			"tick":       func(t *rapid.T) { d.now = d.now.Add(400 * time.Millisecond); look(d.step(func(*core) {})) },
		})
		look(d.step(func(c *core) { c.found(d.facts(), 9) }))
		if !d.core.connected {
			look(d.subscribed())
		}
		for range 10 {
			d.now = d.now.Add(time.Minute)
			look(d.step(func(*core) {}))
			if len(d.core.unacked) > 0 {
				look(d.ack())
			}
		}
		out := d.step(func(*core) {})
		if len(out.calls) > 0 || !out.wake.IsZero() {
			t.Fatal("it does not come to rest")
		}
		if diff := cmp.Diff(d.core.report.Steps, last.Steps); diff != "" || last.Generation != d.core.report.Generation || last.Probe != 9 {
			t.Fatalf("the last report is not what is: %s", diff)
		}
	})
}
