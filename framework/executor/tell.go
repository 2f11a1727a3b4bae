package executor

import (
	"bytes"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/executor"
	"github.com/mesos/mesos-go/api/v1/lib/executor/calls"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
)

// refused says that a call could not be delivered.
func (c *core) refused(call *executor.Call, err error) {
	if call.Update == nil {
		return
	}
	i := slices.IndexFunc(c.unacked, func(u *update) bool { return bytes.Equal(u.status.UUID, call.Update.Status.UUID) })
	switch {
	case i < 0:
	case fault.IsTemporary(err):
		c.unacked[i].again = c.now.Add(resend)
	default:
		c.log.Error("the agent does not take an update; it is dropped", "error", err)
		c.unacked = slices.Delete(c.unacked, i, i+1)
	}
}

// update makes a status update and sends it.
func (c *core) update(id mesos.TaskID, state mesos.TaskState, message string, report []byte) {
	source := mesos.SOURCE_EXECUTOR
	timestamp := float64(c.now.UnixMilli()) / 1000
	status := mesos.TaskStatus{TaskID: id, State: &state, Source: &source, ExecutorID: &mesos.ExecutorID{Value: c.executor}, UUID: c.uuid(),
		Timestamp: &timestamp, Message: &message, Data: report}
	c.unacked = append(c.unacked, &update{status: status, report: report != nil})
	if c.connected {
		c.out.calls = append(c.out.calls, c.address(calls.Update(status)))
	}
}

// settle does what has become possible or due.
func (c *core) settle() {
	c.out.wake = time.Time{}
	if !c.leaving.IsZero() {
		c.by(c.leaving)
		if len(c.unacked) == 0 || !c.now.Before(c.leaving) {
			c.out.exit = true
		}
	}
	if !c.connected {
		return
	}
	for _, u := range c.unacked {
		switch {
		case u.again.IsZero():
		case c.now.Before(u.again):
			c.by(u.again)
		default:
			u.again = time.Time{}
			c.out.calls = append(c.out.calls, c.address(calls.Update(u.status)))
		}
	}
	c.tell()
}

// tell sends a report if there is something to tell, the last one has arrived, and it is time.
func (c *core) tell() {
	unacked := slices.ContainsFunc(c.unacked, func(u *update) bool { return u.report })
	if c.task == nil || !c.known || c.news == nothing || unacked || !c.leaving.IsZero() {
		return
	}
	if due := c.sentAt.Add(pace); c.news == progress && c.now.Before(due) {
		c.by(due)
		return
	}
	c.news = nothing
	report, err := encode(c.report)
	if err != nil {
		c.log.Error("the report does not encode", "error", err)
		return
	}
	if bytes.Equal(report, c.sent) && !c.received {
		return
	}
	c.sent, c.sentAt, c.received = report, c.now, false
	c.update(c.task.info.TaskID, mesos.TASK_RUNNING, summary(c.report), report)
}

// by asks to be woken at a time, or before.
func (c *core) by(at time.Time) {
	if c.out.wake.IsZero() || at.Before(c.out.wake) {
		c.out.wake = at
	}
}

// importance says whether somebody waits for what changed: a stage that is reached or left, a failure, its end.
func importance(before, after []inventory.Step) news {
	a, b := inventory.Report{Steps: before}, inventory.Report{Steps: after}
	for _, stage := range []inventory.Stage{inventory.StageInstall, inventory.StageREXRay} {
		if a.Reached(stage, 0) != b.Reached(stage, 0) {
			return urgent
		}
	}
	for i := range after {
		failing := after[i].State == inventory.Retry || after[i].State == inventory.Failed
		if failing && (i >= len(before) || before[i].State != after[i].State || before[i].Message != after[i].Message) {
			return urgent
		}
	}
	return progress
}
