package mesos

import (
	"fmt"
	"strings"
	"syscall"
	"time"

	api "github.com/mesos/mesos-go/api/v1/lib"
)

const defaultKillGrace = 3 * time.Second // of the command executor (mesos.md §3.4.6)

// commandRun is a command task being run: what Mesos's command executor does (src/launcher/executor.cpp), played by the agent.
type commandRun struct {
	executor *executor
	task     *agentTask
	killing  bool
	expired  bool // max_completion_time
	grace    *time.Timer
	limit    *time.Timer
	health   *health
	healthy  *bool             // the last result of a check
	backlog  []*api.TaskStatus // while the agent's process is down
	gone     bool              // the process ended
}

// beginRun is the command executor's SUBSCRIBE: from now on a KILL goes to the process. It says false when the task is gone already.
func (e *executor) beginRun() bool {
	m := e.agent.master
	m.mu.Lock()
	defer m.mu.Unlock()
	if e.abandoned || e.killed || e.state != executorRegistering || m.closed {
		return false
	}
	for _, t := range e.tasks {
		if !t.queued {
			return false // killed before delivery
		}
		t.queued, e.sentTask = false, true
		e.state, e.run = executorRunning, &commandRun{executor: e, task: t}
	}
	if e.run == nil {
		return false
	}
	e.pid = uint32(20000 + m.next()%10000) // of a mesos-executor that there is not
	e.run.report(api.TASK_STARTING, "", nil)
	return true
}

// started is the command's fork.
func (r *commandRun) started() {
	if r.killing {
		r.terminate(nil)
		return
	}
	r.report(api.TASK_RUNNING, "", nil)
	r.checkHealth()
	if limit := r.task.info.MaxCompletionTime; limit != nil {
		r.limit = r.executor.agent.master.after(time.Duration(limit.Nanoseconds), func() {
			if !r.killing {
				r.killing, r.expired = true, true
				r.health.stop()
				r.terminate(nil)
			}
		})
	}
}

// report sends a status of the command executor's, or keeps it until the agent is back.
func (r *commandRun) report(state api.TaskState, message string, reason *api.TaskStatus_Reason) {
	e := r.executor
	now := e.agent.master.seconds()
	status := &api.TaskStatus{TaskID: r.task.info.TaskID, State: &state, Source: api.SOURCE_EXECUTOR.Enum(), Reason: reason,
		AgentID: e.agent.info.ID, ExecutorID: &e.info.ExecutorID, Timestamp: &now, UUID: e.agent.master.uuid(), Healthy: r.healthy}
	if message != "" {
		status.Message = &message
	}
	if !e.agent.running {
		r.backlog = append(r.backlog, status)
		return
	}
	e.agent.statusUpdate(e.framework, status)
}

// reconnect is the agent's process coming back.
func (r *commandRun) reconnect() {
	if r == nil {
		return
	}
	for _, status := range r.backlog {
		r.executor.agent.statusUpdate(r.executor.framework, status)
	}
	r.backlog = nil
	if r.gone {
		r.executor.terminated(0)
	}
}

// kill is KILL or SHUTDOWN: SIGTERM, and SIGKILL after the grace period.
func (r *commandRun) kill(policy *api.KillPolicy) {
	if r == nil || r.gone {
		return
	}
	if r.killing {
		if policy != nil {
			r.terminate(policy)
		}
		return
	}
	r.killing = true
	r.health.stop()
	if hasCapability(r.executor.framework.info, api.FrameworkInfo_Capability_TASK_KILLING_STATE) {
		r.report(api.TASK_KILLING, "", nil)
	}
	if r.limit != nil {
		r.limit.Stop()
	}
	r.terminate(policy)
}

func (r *commandRun) terminate(policy *api.KillPolicy) {
	e := r.executor
	if e.process == nil {
		return // started calls again
	}
	grace := defaultKillGrace
	for _, p := range []*api.KillPolicy{r.task.info.KillPolicy, policy} {
		if p != nil && p.GracePeriod != nil {
			grace = time.Duration(p.GracePeriod.Nanoseconds)
		}
	}
	p, ok := e.process.(Terminator)
	if !ok {
		e.process.Kill()
		return
	}
	p.Terminate()
	if r.grace != nil {
		r.grace.Stop()
	}
	r.grace = e.agent.master.after(grace, e.process.Kill)
}

// ended is the end of the command, and with it of its executor. An executor that was killed itself says nothing more: its agent does.
func (r *commandRun) ended(status int) {
	e := r.executor
	r.gone = true
	r.health.stop()
	for _, timer := range []*time.Timer{r.grace, r.limit} {
		if timer != nil {
			timer.Stop()
		}
	}
	if !e.killed {
		state, message := r.verdict(syscall.WaitStatus(status))
		var reason *api.TaskStatus_Reason
		if r.expired {
			state, reason = api.TASK_FAILED, api.REASON_MAX_COMPLETION_TIME_REACHED.Enum()
		}
		r.report(state, message, reason)
	}
	if e.agent.running {
		e.terminated(status)
	}
}

func (r *commandRun) verdict(status syscall.WaitStatus) (api.TaskState, string) {
	state := api.TASK_FAILED
	switch {
	case r.killing:
		state = api.TASK_KILLED
	case status.Exited() && status.ExitStatus() == 0:
		state = api.TASK_FINISHED
	}
	if status.Signaled() {
		return state, "Command terminated with signal " + signalName(status.Signal())
	}
	return state, fmt.Sprintf("Command exited with status %d", status.ExitStatus())
}

// signalName is strsignal(3).
func signalName(s syscall.Signal) string {
	name := s.String()
	return strings.ToUpper(name[:1]) + name[1:]
}
