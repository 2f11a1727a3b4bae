package executor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"github.com/mesos/mesos-go/api/v1/lib/executor/calls"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
)

const (
	// pace is how often progress is reported that nobody waits for.
	pace = time.Second
	// resend is the pause before an update is sent again that the agent did not take.
	resend = 500 * time.Millisecond
	// farewell is how long a killed executor waits for the agent to take TASK_KILLED; the agent's own patience is 5 s by default.
	farewell = 3 * time.Second
	// maxDesired bounds a message, in bytes: a Desired is a few KiB.
	maxDesired = 1 << 20
)

// ready is what the core wants done since it was last asked.
type ready struct {
	calls []*executor.Call
	hello string             // the name of the node is known: the worker can begin
	order *inventory.Desired // for the worker; replaces earlier ones
	wake  time.Time          // tick then; zero: no need
	exit  bool
}

// core is the executor without I/O. It belongs to whoever holds the driver's mutex.
type core struct {
	log       *slog.Logger
	framework string
	executor  string
	uuid      func() []byte
	// pending lists the steps of a Desired before any is looked at.
	pending func(inventory.Desired) []inventory.Step

	node      string
	connected bool
	task      *task
	unacked   []*update

	report  inventory.Report
	known   bool // whether the report holds an inventory
	desired *inventory.Desired
	rest    []byte // of desired: all but probe and secrets, encoded, to tell resent ones from changed ones

	news     news
	sent     []byte    // the last report
	sentAt   time.Time // zero: none yet
	leaving  time.Time // when to exit at the latest, once killed
	received bool      // an answer to a Desired is owed
	broken   error     // why this executor cannot work

	out ready
	now time.Time
}

// news is how much there is to tell.
type news int

const (
	nothing  news = iota
	progress      // may wait
	urgent
)

// task is the one task of the executor.
type task struct {
	info  mesos.TaskInfo
	acked bool // the agent has an update of it
}

// update is a status update that the agent has not acknowledged.
type update struct {
	status mesos.TaskStatus
	report bool
	again  time.Time // send it again then; zero: it is on its way
}

// step lets one thing happen at a time.
func (c *core) step(now time.Time, happen func()) {
	c.now = now
	happen()
	c.settle()
}

// take gives what is wanted.
func (c *core) take() ready {
	out := c.out
	c.out = ready{}
	return out
}

// event handles an event of the agent. One without its body is ignored like one of an unknown type.
func (c *core) event(e *executor.Event) {
	switch {
	case e.Type == executor.Event_SUBSCRIBED && e.Subscribed != nil:
		c.subscribed(e.Subscribed)
	case e.Type == executor.Event_LAUNCH && e.Launch != nil:
		c.launch(e.Launch.Task)
	case e.Type == executor.Event_LAUNCH_GROUP && e.LaunchGroup != nil:
		for _, t := range e.LaunchGroup.TaskGroup.Tasks {
			c.launch(t)
		}
	case e.Type == executor.Event_ACKNOWLEDGED && e.Acknowledged != nil:
		c.acknowledged(e.Acknowledged)
	case e.Type == executor.Event_MESSAGE && e.Message != nil:
		c.message(e.Message.Data)
	case e.Type == executor.Event_KILL && e.Kill != nil:
		c.kill(e.Kill.TaskID.Value)
	case e.Type == executor.Event_SHUTDOWN:
		c.log.Info("the agent shuts this executor down; what runs on the host goes on")
		c.out.exit = true
	case e.Type == executor.Event_HEARTBEAT:
	default: // a newer agent may send more
		c.log.Debug("event ignored", "type", e.Type.String())
	}
}

func (c *core) subscribed(e *executor.Event_Subscribed) {
	c.connected = true
	for _, u := range c.unacked {
		u.again = time.Time{} // it went along with SUBSCRIBE
	}
	switch name := e.GetAgentInfo().Hostname; {
	case c.node == "":
		c.node, c.report.Node, c.out.hello = name, name, name
	case c.node != name:
		c.log.Warn("the agent has another hostname now; this executor keeps the first", "was", c.node, "is", name)
	}
}

// lost says that the stream ended.
func (c *core) lost() { c.connected = false }

// subscribe gives the call that begins a stream.
func (c *core) subscribe() *executor.Call {
	var tasks []mesos.TaskInfo
	if c.task != nil && !c.task.acked {
		tasks = append(tasks, c.task.info)
	}
	var updates []executor.Call_Update
	for _, u := range c.unacked {
		updates = append(updates, executor.Call_Update{Status: u.status})
	}
	return c.address(calls.Subscribe(tasks, updates))
}

func (c *core) address(call *executor.Call) *executor.Call {
	return call.With(calls.Framework(c.framework), calls.Executor(c.executor))
}

func (c *core) launch(info mesos.TaskInfo) {
	switch {
	case c.task != nil && c.task.info.TaskID.Value == info.TaskID.Value:
	case c.task != nil || !c.leaving.IsZero():
		c.log.Error("task refused: an executor has one", "task", info.TaskID.Value)
		c.update(info.TaskID, mesos.TASK_FAILED, "this executor has the task "+c.taskID()+" and takes no other", nil)
	default:
		c.task = &task{info: info}
		c.news = urgent
		c.giveUp()
	}
}

func (c *core) taskID() string {
	if c.task == nil {
		return ""
	}
	return c.task.info.TaskID.Value
}

func (c *core) acknowledged(e *executor.Event_Acknowledged) {
	if c.task != nil && e.TaskID.Value == c.taskID() {
		c.task.acked = true
	}
	c.unacked = slices.DeleteFunc(c.unacked, func(u *update) bool { return bytes.Equal(u.status.UUID, e.UUID) })
}

func (c *core) kill(id string) {
	switch {
	case c.task == nil || id != c.taskID():
		c.log.Warn("KILL of a task that is not here", "task", id)
	case c.leaving.IsZero():
		c.log.Info("task killed; what runs on the host goes on", "task", id)
		c.leaving = c.now.Add(farewell)
		c.update(c.task.info.TaskID, mesos.TASK_KILLED, "killed on request; nothing on the host was stopped", nil)
	}
}

// message takes a Desired.
func (c *core) message(data []byte) {
	ignore := func(why string, args ...any) {
		c.log.Warn("message ignored: "+fmt.Sprintf(why, args...), "bytes", len(data))
	}
	var d inventory.Desired
	switch {
	case len(data) > maxDesired:
		ignore("above the limit of %d bytes", maxDesired)
		return
	case json.Unmarshal(data, &d) != nil:
		ignore("not a desired state in JSON")
		return
	case d.Node != c.node:
		ignore("for the node %q, this is %q", d.Node, c.node)
		return
	case d.Generation == 0:
		ignore("without a generation")
		return
	case c.desired != nil && d.Generation < c.desired.Generation:
		ignore("generation %d is older than %d", d.Generation, c.desired.Generation)
		return
	}
	rest, err := withoutAnswers(d)
	if err != nil {
		ignore("%v", err)
		return
	}
	fresh := c.desired == nil || d.Generation > c.desired.Generation
	if !fresh && !bytes.Equal(rest, c.rest) {
		ignore("generation %d was another one before", d.Generation)
		return
	}
	c.accept(d, fresh)
	c.rest = rest
}

// withoutAnswers encodes what a generation stands for.
func withoutAnswers(d inventory.Desired) ([]byte, error) {
	d.Probe, d.Secrets = 0, nil
	return json.Marshal(d)
}

func (c *core) accept(d inventory.Desired, fresh bool) {
	// A box has another look each time it is sealed: only a step that may be waiting for it makes it news.
	waiting := slices.ContainsFunc(c.report.Steps, func(s inventory.Step) bool { return s.State != inventory.Done })
	changed := fresh || d.Probe != c.desired.Probe || waiting && !maps.EqualFunc(d.Secrets, c.desired.Secrets, bytes.Equal)
	c.desired, c.received = &d, true
	if fresh {
		c.report.Generation, c.report.Claims = d.Generation, nil
		c.report.Steps = c.pending(d)
	}
	if changed {
		c.out.order = &d
	}
	c.news = urgent
}

// found is the result of a probe.
func (c *core) found(facts inventory.Report, probe uint64) {
	r := facts
	r.Node, r.Version, r.PublicKey = c.node, c.report.Version, c.report.PublicKey
	r.Generation, r.Steps, r.Claims, r.Probe = c.report.Generation, c.report.Steps, c.report.Claims, probe
	c.report, c.known = r, true
	c.news = urgent
}

// warned is what the operator should know.
func (c *core) warned(all []string) {
	if !slices.Equal(all, c.report.Warnings) {
		c.report.Warnings, c.news = all, max(c.news, progress)
	}
}

// fail says that there is no host to work on.
func (c *core) fail(err error) {
	c.broken = err
	c.giveUp()
}

func (c *core) giveUp() {
	if c.task != nil && c.broken != nil && c.leaving.IsZero() {
		c.log.Error("the executor gives up", "error", c.broken)
		c.leaving = c.now.Add(farewell)
		c.update(c.task.info.TaskID, mesos.TASK_FAILED, c.broken.Error(), nil)
	}
}

// claimed is the result of checking claims for a generation.
func (c *core) claimed(generation uint64, claims map[string][]inventory.Refusal, devices []inventory.Device) {
	if generation != c.report.Generation {
		return
	}
	c.report.Claims = claims
	c.report.Devices = slices.Clone(c.report.Devices)
	for _, d := range devices {
		if i := slices.IndexFunc(c.report.Devices, func(k inventory.Device) bool { return k.ID == d.ID }); i >= 0 {
			c.report.Devices[i] = d
		}
	}
	c.news = urgent
}

// advanced is what became of the steps of a generation.
func (c *core) advanced(generation uint64, steps []inventory.Step) {
	if generation != c.report.Generation {
		return
	}
	before := c.report.Steps
	c.report.Steps = steps
	c.news = max(c.news, importance(before, steps))
}
