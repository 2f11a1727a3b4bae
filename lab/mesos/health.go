package mesos

import (
	"context"
	"time"

	api "github.com/mesos/mesos-go/api/v1/lib"
)

// health checks a command task by running a command beside it, as the command executor does (src/checks/health_checker.cpp).
// Checks of the types HTTP and TCP are not made.
type health struct {
	run      *commandRun
	check    *api.HealthCheck
	since    time.Time
	passed   bool // ever
	failures uint32
	timer    *time.Timer
	process  Process
	stopped  bool
}

func (r *commandRun) checkHealth() {
	check := r.task.info.HealthCheck
	if check == nil || check.Type != api.HealthCheck_COMMAND || check.Command == nil {
		return
	}
	r.health = &health{run: r, check: check, since: r.executor.agent.master.cfg.Now()}
	r.health.after(check.GetDelaySeconds())
}

func (h *health) after(secs float64) {
	m := h.run.executor.agent.master
	h.timer = m.after(inSeconds(secs), func() {
		l := h.run.executor.launch()
		l.setCommand(h.check.Command)
		launcher := h.run.executor.agent.cfg.Launcher
		m.wg.Go(func() { h.once(launcher, l) })
	})
}

func inSeconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

// once runs the command once. It takes the lock for each step.
func (h *health) once(launcher Launcher, l Launch) {
	m := h.run.executor.agent.master
	process, err := launcher.Launch(context.Background(), l)
	status := exited(1)
	if err == nil {
		m.mu.Lock()
		h.process = process
		if h.stopped || m.closed {
			process.Kill()
		}
		h.timer = m.after(inSeconds(h.check.GetTimeoutSeconds()), process.Kill)
		m.mu.Unlock()
		status = process.Wait()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	h.timer.Stop()
	h.process = nil
	if h.stopped || m.closed {
		return
	}
	h.result(status == 0)
	if !h.stopped {
		h.after(h.check.GetIntervalSeconds())
	}
}

// result reports what changed; as many failures in a row as the check allows end the task.
func (h *health) result(healthy bool) {
	now := h.run.executor.agent.master.cfg.Now()
	switch {
	case healthy && h.passed && h.failures == 0:
		return
	case healthy:
		h.passed, h.failures = true, 0
	case !h.passed && h.check.GetGracePeriodSeconds() > 0 && now.Sub(h.since) <= inSeconds(h.check.GetGracePeriodSeconds()):
		return
	default:
		h.failures++
	}
	h.run.healthy = &healthy
	h.run.report(api.TASK_RUNNING, "", api.REASON_TASK_HEALTH_CHECK_STATUS_UPDATED.Enum())
	if h.failures >= h.check.GetConsecutiveFailures() && !healthy {
		h.run.kill(nil)
	}
}

// stop ends checking, when the task ends or is being killed.
func (h *health) stop() {
	if h == nil || h.stopped {
		return
	}
	h.stopped = true
	h.timer.Stop()
	if h.process != nil {
		h.process.Kill()
	}
}
