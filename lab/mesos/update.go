package mesos

import (
	"slices"
	"time"

	api "github.com/mesos/mesos-go/api/v1/lib"
)

const maxUpdateRetry = 10 * time.Minute // STATUS_UPDATE_RETRY_INTERVAL_MAX

// updateStream is the agent's queue of statuses of one task: the next is sent when the one before is acknowledged, and each is sent
// again after 10, 20, 40 s … (mesos.md §3.4.2)
type updateStream struct {
	seq       int64
	framework string
	task      string
	queue     []*api.TaskStatus
	seen      map[string]bool // uuids, against duplicates of an executor that sends again
	latest    api.TaskState
	wait      time.Duration
	timer     *time.Timer
}

func (u *updateStream) order() int64 { return u.seq }

func updateKey(framework, task string) string { return framework + "\x00" + task }

// enqueue takes a status into its task's queue and says whether it is new.
func (a *Agent) enqueue(framework string, status *api.TaskStatus, latest api.TaskState) bool {
	key := updateKey(framework, status.TaskID.Value)
	u := a.updates[key]
	if u == nil {
		u = &updateStream{seq: a.master.next(), framework: framework, task: status.TaskID.Value, seen: map[string]bool{}}
		a.updates[key] = u
	}
	u.latest = latest
	if u.seen[string(status.UUID)] {
		return false
	}
	u.seen[string(status.UUID)] = true
	u.queue = append(u.queue, status)
	if len(u.queue) == 1 {
		a.send(u, a.master.cfg.UpdateRetry)
	}
	return true
}

// send forwards the head of a queue and arms its next resend. While the agent is not registered nothing is sent.
func (a *Agent) send(u *updateStream, wait time.Duration) {
	if u.timer != nil {
		u.timer.Stop()
	}
	if !a.registered || a.partitioned || !a.running {
		return
	}
	head := u.queue[0]
	u.wait = min(wait, maxUpdateRetry)
	u.timer = a.master.after(u.wait, func() {
		if len(u.queue) > 0 && u.queue[0] == head && a.updates[updateKey(u.framework, u.task)] == u {
			a.send(u, 2*u.wait)
		}
	})
	status := *head
	a.report(func(s *slave) { a.master.statusUpdate(s, u.framework, &status, u.latest) })
}

// acknowledged takes the head off when it is the one that is meant; every other acknowledgement is ignored.
func (a *Agent) acknowledged(framework, task string, uuid []byte) {
	u := a.updates[updateKey(framework, task)]
	if u == nil || len(u.queue) == 0 || string(u.queue[0].UUID) != string(uuid) {
		return
	}
	head := u.queue[0]
	u.queue = u.queue[1:]
	u.timer.Stop()
	if terminal(head.GetState()) {
		delete(a.updates, updateKey(framework, task))
		a.taskDone(framework, task)
		return
	}
	if len(u.queue) > 0 {
		a.send(u, a.master.cfg.UpdateRetry)
	}
}

// flush sends every unacknowledged status again, at once.
func (a *Agent) flush() {
	for _, u := range sorted(a.updates) {
		if len(u.queue) > 0 {
			a.send(u, a.master.cfg.UpdateRetry)
		}
	}
}

// resume is the word of the master that the agent is registered.
func (a *Agent) resume() {
	a.registered = true
	a.flush()
}

// pause stops resending until resume.
func (a *Agent) pause() {
	for _, u := range a.updates {
		if u.timer != nil {
			u.timer.Stop()
		}
	}
}

func (a *Agent) forget(which func(*updateStream) bool) {
	for key, u := range a.updates {
		if which(u) {
			if u.timer != nil {
				u.timer.Stop()
			}
			delete(a.updates, key)
		}
	}
}

// taskDone is the acknowledgement of a task's terminal status.
func (a *Agent) taskDone(framework, taskID string) {
	t := a.taskOf(framework, taskID)
	if t == nil {
		return
	}
	delete(t.executor.tasks, taskID)
	if e := t.executor; e.state == executorTerminated && len(e.tasks) == 0 {
		e.remove()
	}
}

// statusUpdate takes a status, of an executor or of the agent itself, and says whether its executor is known: only then is an
// executor told that its status is safe. (Slave::statusUpdate)
func (a *Agent) statusUpdate(h *hosted, status *api.TaskStatus) (known bool) {
	if h.terminating {
		return false
	}
	if state := status.GetState(); a.draining != nil && (state == api.TASK_KILLED || state == api.TASK_KILLING) {
		status.Reason = api.REASON_AGENT_DRAINING.Enum()
		if a.draining.GetMarkGone() && hasCapability(h.info, api.FrameworkInfo_Capability_PARTITION_AWARE) {
			status.State = api.TASK_GONE_BY_OPERATOR.Enum()
		}
	}
	t := a.taskOf(h.info.ID.Value, status.TaskID.Value)
	if t == nil { // never launched, or ended and acknowledged: passed on as it is (03/090-093)
		a.enqueue(h.info.ID.Value, status, status.GetState())
		return false
	}
	if terminal(t.state) {
		return true
	}
	if !t.queued && t.executor.state != executorTerminated {
		t.executor.describe(status)
	}
	t.queued = false
	t.state = status.GetState()
	if n := len(t.statuses); n > 0 && t.statuses[n-1].GetState() == t.state {
		t.statuses = t.statuses[:n-1]
	}
	kept := *status
	kept.Data = nil
	t.statuses = append(slices.Clip(t.statuses), kept)
	a.enqueue(h.info.ID.Value, status, t.state)
	return true
}

// describe adds the container to a status.
func (e *executor) describe(status *api.TaskStatus) {
	if status.ContainerStatus == nil {
		status.ContainerStatus = &api.ContainerStatus{}
	}
	c := status.ContainerStatus
	if c.ContainerID == nil {
		c.ContainerID = &api.ContainerID{Value: e.container}
	}
	if e.pid != 0 {
		c.ExecutorPID = &e.pid
	}
	if len(c.NetworkInfos) == 0 {
		host, _ := hostPort(e.agent.addr)
		c.NetworkInfos = []api.NetworkInfo{{IPAddresses: []api.NetworkInfo_IPAddress{{IPAddress: &host}}}}
	}
}
