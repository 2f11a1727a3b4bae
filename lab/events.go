package lab

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/dcos-scaleio/scaleio/lab/host"
	"github.com/dcos-scaleio/scaleio/lab/mesos"
	"github.com/dcos-scaleio/scaleio/lab/progress"
	"github.com/dcos-scaleio/scaleio/lab/scaleio"
	"github.com/dcos-scaleio/scaleio/lab/scenario"
)

// happening is an event of a scenario and how far it is.
type happening struct {
	scenario.Event
	index int
	at    time.Time // when it is due; zero: its condition has not come to hold yet
	done  bool
}

func happenings(start time.Time, events []scenario.Event) []*happening {
	var all []*happening
	for i, e := range events {
		h := &happening{Event: e, index: i}
		if e.When == nil {
			h.at = start.Add(e.At)
		}
		all = append(all, h)
	}
	return all
}

// early says whether it happens before the scheduler is started.
func (h *happening) early() bool { return h.When == nil && h.At == 0 }

// arm looks whether the condition holds; due says whether it is time.
func (h *happening) arm(now time.Time, b *progress.Board) (due bool) {
	if !h.done && h.at.IsZero() && b.Holds(condition(*h.When)) {
		h.at = now.Add(h.After)
	}
	return !h.done && !h.at.IsZero() && !now.Before(h.at)
}

func (h *happening) String() string {
	return fmt.Sprintf("events[%d] %s", h.index, strings.Join(h.Do.Names(), ", "))
}

func condition(w scenario.When) progress.Condition {
	return progress.Condition{Plan: w.Plan, Phase: w.Phase, Step: w.Step, Status: w.Status, Message: w.Message}
}

// happen makes an action happen. check is for its expectations.
func (r *run) happen(ctx context.Context, a scenario.Action) error {
	c := r.cluster
	onAgent := func(name string, do func(*mesos.Agent) error) error {
		agent, err := c.agent(name)
		if err != nil {
			return err
		}
		return do(agent)
	}
	switch {
	case a.AgentJoin != nil:
		return c.addAgents(*a.AgentJoin)
	case a.AgentKill != "":
		return c.killAgent(a.AgentKill)
	case a.AgentReboot != "":
		return onAgent(a.AgentReboot, func(agent *mesos.Agent) error {
			agent.Kill()
			c.host(a.AgentReboot).Reboot()
			return agent.Start()
		})
	case a.AgentPartition != "":
		return onAgent(a.AgentPartition, func(agent *mesos.Agent) error { agent.Partition(); return nil })
	case a.AgentHeal != "":
		return onAgent(a.AgentHeal, func(agent *mesos.Agent) error { agent.Heal(); return nil })
	case a.AgentRestart != nil:
		return onAgent(a.AgentRestart.Agent, func(agent *mesos.Agent) error {
			if len(a.AgentRestart.Attributes) == 0 {
				return agent.Restart()
			}
			// As the operator does it: an agent does not come back with other attributes unless its work directory goes.
			return agent.Replace(func(cfg *mesos.AgentConfig) { cfg.Attributes = attributes(a.AgentRestart.Attributes) })
		})
	case a.ExecutorKill != "":
		return c.killExecutor(a.ExecutorKill)
	case a.DeviceRefuse != nil:
		d := a.DeviceRefuse
		c.system.Faults().RefuseDevice(c.host(d.Agent).IP(), d.Device, d.Times, d.Code)
	case a.DeviceFail != nil:
		if !c.system.FailDevice(c.host(a.DeviceFail.Agent).IP(), a.DeviceFail.Device) {
			return fmt.Errorf("%s of %s is not attached", a.DeviceFail.Device, a.DeviceFail.Agent)
		}
	case a.Gateway != nil:
		c.gatewayFault(*a.Gateway)
	case a.HostCommand != nil:
		h := a.HostCommand
		c.host(h.Agent).Inject(host.Fault{Command: regexp.MustCompile(h.Match), Times: h.Times, Status: h.Status, Stderr: h.Stderr, Hang: h.Hang, Delay: h.Delay})
	case a.MasterFailover:
		return c.needMaster(func(m *mesos.Master) error { return m.Failover(mesos.Failover{}) })
	case a.StreamBreak > 0:
		return c.needMaster(func(m *mesos.Master) error { return r.breakStreams(ctx, m, a.StreamBreak) })
	case a.SchedulerKill:
		r.noteFramework(ctx)
		c.scheduler.kill()
		return c.scheduler.start()
	case a.Operator != nil:
		return c.scheduler.command(ctx, a.Operator.Plan, a.Operator.Command, a.Operator.Phase, a.Operator.Step)
	case a.Check != nil:
		return r.checkSoon(ctx, *a.Check)
	}
	return nil
}

func (c *Cluster) needMaster(do func(*mesos.Master) error) error {
	if c.master == nil {
		return fmt.Errorf("the master is a real one")
	}
	return do(c.master)
}

// breakStreams breaks the streams a number of times, each time after the scheduler is back.
func (r *run) breakStreams(ctx context.Context, m *mesos.Master, times int) error {
	for range times {
		before := m.Stats().Calls["SUBSCRIBE"]
		m.BreakStreams()
		for m.Stats().Calls["SUBSCRIBE"] == before {
			if !pause(ctx, 5*time.Millisecond) {
				return ctx.Err()
			}
		}
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (c *Cluster) killExecutor(name string) error {
	c.mu.Lock()
	p := c.executors[name]
	c.mu.Unlock()
	if p == nil {
		return fmt.Errorf("no executor was started on %s", name)
	}
	p.Kill()
	return nil
}

func (c *Cluster) gatewayFault(g scenario.GatewayFault) {
	f := scaleio.Fault{Times: g.Times, Status: g.Status, Body: g.Body, Delay: g.Delay, DropBefore: g.Drop == "before", DropAfter: g.Drop == "after"}
	method, path, found := strings.Cut(g.Calls, " ")
	if !found {
		path = method
		method = ""
	}
	f.Method, f.Path = method, regexp.MustCompile(path)
	if g.HTML {
		f.Status, f.Body, f.ContentType = http.StatusOK, "<html><body>It works!</body></html>", "text/html"
	}
	c.system.Faults().Inject(f)
}
