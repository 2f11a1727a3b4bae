package mesos

//lint:file-ignore ST1005 These texts go over the wire as Mesos writes them.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"time"

	api "github.com/mesos/mesos-go/api/v1/lib"
)

// exited makes a wait(2) status of an exit code.
func exited(code int) int { return code << 8 }

// launchExecutor starts an executor in a goroutine of its own. (Slave::launchExecutor)
func (a *Agent) launchExecutor(e *executor) {
	m := a.master
	e.sandbox = filepath.Join(a.cfg.WorkDir, "slaves", a.id(), "frameworks", e.frameworkID(), "executors", e.id(), "runs", e.container)
	ctx, cancel := context.WithCancel(context.Background())
	e.cancel = cancel
	if !e.command {
		e.arm(m.cfg.ExecutorRegistrationTimeout, e.lateToRegister)
	}
	l := e.launch()
	m.wg.Go(func() {
		defer cancel()
		e.start(ctx, l)
	})
}

// makeSandbox makes the directory and looks the user up, whom a real agent would give it to.
func (l *Launch) makeSandbox() error {
	if l.User != "" {
		if _, err := user.Lookup(l.User); err != nil {
			return fmt.Errorf("Failed to chown directory to '%s': No such user '%s'", l.User, l.User)
		}
	}
	return os.MkdirAll(l.Sandbox, 0o755)
}

// homeless is the end of an executor that has no sandbox.
func (e *executor) homeless(err error) {
	if e.killed || e.abandoned || e.agent.master.closed {
		e.ended(9)
		return
	}
	if e.timer != nil {
		e.timer.Stop()
	}
	for _, t := range sorted(e.tasks) {
		e.drop(t, fmt.Sprintf("Failed to create executor directory '%s': %v", e.sandbox, err))
	}
	e.state = executorTerminated
}

func (e *executor) user() string {
	if c := e.info.Command; c != nil && c.User != nil {
		return c.GetUser()
	}
	return e.framework.info.User
}

func (e *executor) lateToRegister() {
	if e.state != executorRegistering {
		return
	}
	e.state = executorTerminating
	e.pending = &termination{api.TASK_FAILED, api.REASON_EXECUTOR_REGISTRATION_TIMEOUT,
		"Executor did not register within " + durationText(e.agent.master.cfg.ExecutorRegistrationTimeout)}
	e.kill()
}

// launch collects what the launcher is told.
func (e *executor) launch() Launch {
	l := Launch{AgentID: e.agent.id(), FrameworkID: e.frameworkID(), ContainerID: e.container, Hostname: e.agent.cfg.Hostname,
		Executor: e.info, Env: e.environment(), Sandbox: e.sandbox, User: e.user()}
	if e.command {
		for _, t := range e.tasks {
			l.Task = t.info
		}
	}
	if e.info.Command != nil {
		l.setCommand(e.info.Command)
	}
	return l
}

func (l *Launch) setCommand(command *api.CommandInfo) {
	if command.GetShell() || command.Shell == nil {
		l.Path, l.Argv = "/bin/sh", []string{"sh", "-c", command.GetValue()}
	} else {
		l.Path, l.Argv = command.GetValue(), command.Arguments
	}
}

// environment is what a real agent gives an executor: this and nothing else (03-custom-executor-executor-side/001, 19-*/001).
func (e *executor) environment() []string {
	a := e.agent
	host, _ := hostPort(a.addr)
	grace := a.master.cfg.ExecutorShutdownGrace
	if p := e.info.ShutdownGracePeriod; p != nil {
		grace = time.Duration(p.Nanoseconds)
	}
	checkpoint := "0"
	if e.framework.info.GetCheckpoint() {
		checkpoint = "1"
	}
	env := []string{
		"LIBPROCESS_IP=" + host,
		"LIBPROCESS_PORT=0",
		"MESOS_AGENT_ENDPOINT=" + a.addr,
		"MESOS_CHECKPOINT=" + checkpoint,
		"MESOS_DIRECTORY=" + e.sandbox,
		"MESOS_EXECUTOR_ID=" + e.id(),
		"MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD=" + durationText(grace),
		"MESOS_FRAMEWORK_ID=" + e.frameworkID(),
		"MESOS_HTTP_COMMAND_EXECUTOR=0",
		"MESOS_SANDBOX=" + e.sandbox,
		"MESOS_SLAVE_ID=" + a.id(),
		"MESOS_SLAVE_PID=slave(1)@" + a.addr,
	}
	if checkpoint == "1" {
		env = append(env, "MESOS_RECOVERY_TIMEOUT=15mins", "MESOS_SUBSCRIPTION_BACKOFF_MAX=2secs")
	}
	own := e.info.Command.GetEnvironment().GetVariables()
	if !slices.ContainsFunc(own, func(v api.Environment_Variable) bool { return v.Name == "PATH" }) {
		env = append(env, "PATH="+os.Getenv("PATH"))
	}
	for _, v := range own {
		env = append(env, v.Name+"="+v.GetValue())
	}
	return env
}

// start makes the sandbox, fetches, launches and waits. It runs without the lock and takes it for each step.
func (e *executor) start(ctx context.Context, l Launch) {
	m := e.agent.master
	if err := l.makeSandbox(); err != nil {
		m.mu.Lock()
		defer m.mu.Unlock()
		e.homeless(err)
		return
	}
	if d := m.cfg.LaunchDelay; d > 0 {
		wait := time.NewTimer(d)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
		}
	}
	process, err := e.fetchAndLaunch(ctx, l)
	m.mu.Lock()
	if err != nil {
		defer m.mu.Unlock()
		status := exited(1)
		if e.killed {
			status = 9
		} else {
			e.pending = &termination{api.TASK_FAILED, api.REASON_CONTAINER_LAUNCH_FAILED, "Failed to launch container: " + err.Error()}
		}
		e.ended(status)
		return
	}
	e.process = process
	if p, ok := process.(Identified); ok {
		e.pid = uint32(p.Pid())
	}
	if e.killed || m.closed {
		process.Kill()
	}
	if e.run != nil {
		e.run.started()
	}
	m.mu.Unlock()
	status := process.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	e.ended(status)
}

func (e *executor) fetchAndLaunch(ctx context.Context, l Launch) (Process, error) {
	a := e.agent
	if c := e.info.Command; c != nil && ctx.Err() == nil {
		if err := a.master.fetched.fetch(ctx, c.URIs, l.Sandbox, a.cfg.FrameworksHome); err != nil {
			a.master.cfg.Log.Warn("fetching failed", "agent", a.cfg.Hostname, "executor", e.id(), "error", err)
			return nil, fmt.Errorf("Failed to fetch all URIs for container '%s': exited with status 1", l.ContainerID)
		}
	}
	if e.command && !e.beginRun() {
		return nil, errors.New("killed before it was launched")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return a.cfg.Launcher.Launch(ctx, l)
}

// ended is the end of the process. Called with the lock held.
func (e *executor) ended(status int) {
	if e.cancel != nil {
		e.cancel()
	}
	switch {
	case e.abandoned || e.agent.master.closed: // the agent does not know it any more
		if e.run != nil {
			e.run.health.stop()
		}
		if e.timer != nil {
			e.timer.Stop()
		}
	case e.run != nil:
		e.run.ended(status)
	case !e.agent.running:
		e.away = true
	default:
		e.terminated(status)
	}
}
