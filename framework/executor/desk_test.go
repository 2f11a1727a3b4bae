package executor

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"go.uber.org/goleak"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is a core and all that happens to it, with a clock that moves by hand.
type desk struct {
	t    tb
	core core
	now  time.Time
	log  bytes.Buffer
	ids  int
	out  []ready // what was wanted since the last look
}

func newDesk(t tb) *desk {
	d := &desk{t: t, now: time.Unix(1000, 0).UTC()}
	d.core = core{log: slog.New(slog.NewTextHandler(&d.log, nil)), framework: "fw", executor: "ex", pending: pending,
		uuid: func() []byte { d.ids++; return fmt.Appendf(nil, "uuid-%011d", d.ids) }}
	d.core.report = inventory.Report{Version: "v", PublicKey: []byte("key")}
	return d
}

func (d *desk) step(happen func(*core)) ready {
	d.core.step(d.now, func() { happen(&d.core) })
	out := d.core.take()
	d.out = append(d.out, out)
	return out
}

func (d *desk) event(e *executor.Event) ready { return d.step(func(c *core) { c.event(e) }) }

func (d *desk) subscribed() ready {
	return d.event(&executor.Event{Type: executor.Event_SUBSCRIBED, Subscribed: &executor.Event_Subscribed{AgentInfo: mesos.AgentInfo{Hostname: "agent-01"}}})
}

func (d *desk) launch(id string) ready {
	return d.event(&executor.Event{Type: executor.Event_LAUNCH, Launch: &executor.Event_Launch{Task: mesos.TaskInfo{TaskID: mesos.TaskID{Value: id}}}})
}

func (d *desk) kill(id string) ready {
	return d.event(&executor.Event{Type: executor.Event_KILL, Kill: &executor.Event_Kill{TaskID: mesos.TaskID{Value: id}}})
}

func (d *desk) message(want inventory.Desired) ready {
	data, err := json.Marshal(want)
	must(d.t, err)
	return d.event(&executor.Event{Type: executor.Event_MESSAGE, Message: &executor.Event_Message{Data: data}})
}

// ack acknowledges the oldest update.
func (d *desk) ack() ready {
	u := d.core.unacked[0]
	return d.event(&executor.Event{Type: executor.Event_ACKNOWLEDGED, Acknowledged: &executor.Event_Acknowledged{TaskID: u.status.TaskID, UUID: u.status.UUID}})
}

func (d *desk) facts() inventory.Report {
	return inventory.Report{MachineID: "m", OS: inventory.OS{Package: "deb"}, Devices: []inventory.Device{{ID: "wwn-1", Path: "/dev/sdb", Size: 1, Type: "disk"}}}
}

// running is a desk whose task runs and has reported.
func running(t tb) *desk {
	d := newDesk(t)
	d.subscribed()
	d.launch("t")
	d.step(func(c *core) { c.found(d.facts(), 0) })
	d.ack()
	return d
}

// reports decodes the updates of a ready that carry one.
func reports(t tb, out ready) (all []inventory.Report) {
	t.Helper()
	for _, c := range out.calls {
		if c.Update != nil && c.Update.Status.Data != nil {
			var r inventory.Report
			must(t, json.Unmarshal(c.Update.Status.Data, &r))
			all = append(all, r)
		}
	}
	return all
}

func one(t tb, out ready) inventory.Report {
	t.Helper()
	all := reports(t, out)
	if len(all) != 1 {
		t.Fatalf("%d reports, not one", len(all))
	}
	return all[0]
}

func must(t tb, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(generation uint64) inventory.Desired {
	return inventory.Desired{Node: "agent-01", Generation: generation, SDS: true, Packages: []inventory.Package{{Component: "sds"}}}
}

func steps(state ...inventory.State) (all []inventory.Step) {
	for i, s := range state {
		all = append(all, inventory.Step{Name: fmt.Sprint("s", i), Stage: inventory.StageInstall, State: s})
	}
	return all
}

func broken(d *desk) ready { return d.step(func(c *core) { c.fail(errors.New("no such directory")) }) }

// tb is what a test and a property have in common.
type tb interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}
