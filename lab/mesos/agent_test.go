package mesos

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const aware = `{"user":"root","name":"fw","role":"scaleio","checkpoint":true,"failover_timeout":600,"capabilities":[{"type":"PARTITION_AWARE"}]}`

// running is a town with one robot that runs task t on agent-1.
func running(t *testing.T, info string, do func(*town, *client, *Agent)) {
	t.Helper()
	inTown(t, 1, Config{}, func(v *town) {
		c := subscribe(v.T, v.net, townMaster, info)
		c.launch(c.offers()[0], executorTask("t", "e", "robot"))
		c.update("TASK_RUNNING")
		synctest.Wait()
		do(v, c, v.agents[0])
	})
}

func (c *client) kill(task string) {
	c.t.Helper()
	c.call(`"type":"KILL","kill":{"task_id":{"value":"` + task + `"}}`)
}

// Only the agent's process restarts: executors of a framework that checkpoints live on, and the agent is the same.
func TestAgentRestart(t *testing.T) {
	running(t, aware, func(v *town, c *client, a *Agent) {
		id, addr := a.ID(), a.Addr()
		a.Stop()
		if a.Registered() {
			v.Error("a stopped agent is registered")
		}
		time.Sleep(10 * time.Second)
		must(a.Start())
		time.Sleep(5 * time.Second)
		if a.ID() != id || a.Addr() != addr || !a.Registered() {
			v.Errorf("the agent is %s at %s, registered %v; it was %s at %s", a.ID(), a.Addr(), a.Registered(), id, addr)
		}
		c.kill("t")
		c.update("TASK_KILLED") // nothing else was said of the task
		must(a.Restart())
	})
}

// While the agent is away statuses wait in the executor.
func TestStatusDuringAgentRestart(t *testing.T) {
	running(t, aware, func(v *town, c *client, a *Agent) {
		c.call(`"type":"MESSAGE","message":{"agent_id":{"value":"` + a.ID() + `"},"executor_id":{"value":"e"},"data":"YQ=="}`)
		c.next("MESSAGE")
		c.kill("t")
		synctest.Wait()
		a.Stop() // the scheduler has not acknowledged
		time.Sleep(time.Second)
		must(a.Start())
		c.update("TASK_KILLED")
	})
}

// The executors of a framework that does not checkpoint end with their agent's process.
func TestAgentRestartWithoutCheckpoint(t *testing.T) {
	info := strings.Replace(aware, `"checkpoint":true`, `"checkpoint":false`, 1)
	running(t, info, func(v *town, c *client, a *Agent) {
		must(a.Restart())
		status := c.update("TASK_LOST")
		if status["reason"] != "REASON_AGENT_DISCONNECTED" {
			v.Errorf("unexpected status %v", status)
		}
	})
}

// An executor that is dead when its agent comes back ends its tasks.
func TestExecutorDiesWhileAgentIsAway(t *testing.T) {
	running(t, aware, func(v *town, c *client, a *Agent) {
		a.Stop()
		if !a.KillExecutor("e") {
			v.Error("there is no executor e")
		}
		time.Sleep(time.Second)
		must(a.Start())
		if status := c.update("TASK_FAILED"); status["reason"] != "REASON_EXECUTOR_TERMINATED" {
			v.Errorf("unexpected status %v", status)
		}
	})
}

func TestKillExecutor(t *testing.T) {
	running(t, aware, func(v *town, c *client, a *Agent) {
		if a.KillExecutor("other") || !a.KillExecutor("e") {
			v.Error("the wrong executor was killed")
		}
		if e := c.next("FAILURE"); e.text("failure", "executor_id", "value") != "e" || e.path("failure", "status") != 9.0 {
			v.Errorf("unexpected %v", e)
		}
		c.update("TASK_FAILED")
		time.Sleep(time.Second)
		if a.KillExecutor("e") {
			v.Error("a dead executor was killed again")
		}
	})
}

// After a reboot the agent has its id and no executors: their tasks are dropped.
func TestReboot(t *testing.T) {
	running(t, aware, func(v *town, c *client, a *Agent) {
		id := a.ID()
		must(a.Reboot())
		status := c.update("TASK_DROPPED")
		if a.ID() != id || status["reason"] != "REASON_RECONCILIATION" {
			v.Errorf("agent %s is %s now, the status is %v", id, a.ID(), status)
		}
	})
}

// A dead machine is noticed by the pings that stay away; it may come back.
func TestKillAndStart(t *testing.T) {
	running(t, aware, func(v *town, c *client, a *Agent) {
		begun := time.Now()
		a.Kill()
		c.update("TASK_UNREACHABLE")
		if e := c.next("FAILURE"); e.text("failure", "agent_id", "value") != a.ID() {
			v.Errorf("unexpected %v", e)
		}
		if wait := time.Since(begun); wait < 75*time.Second || wait > 90*time.Second {
			v.Errorf("it was noticed after %v", wait)
		}
		must(a.Start())
		if o := c.offers(); o[0].agent != a.ID() {
			v.Errorf("unexpected offers %v", o)
		}
	})
}

// A partition shorter than the pings' patience costs nothing but time.
func TestShortPartition(t *testing.T) {
	running(t, aware, func(v *town, c *client, a *Agent) {
		a.Partition()
		c.kill("t")
		time.Sleep(time.Minute)
		if n := v.Stats().Events["UPDATE"]; n != 1 {
			v.Errorf("%d statuses came through the partition", n)
		}
		a.Heal()
		c.update("TASK_KILLED")
		a.Heal()
	})
}

func TestLongPartition(t *testing.T) {
	running(t, aware, func(v *town, c *client, a *Agent) {
		a.Partition()
		c.update("TASK_UNREACHABLE")
		a.Heal()
		if status := c.update("TASK_RUNNING"); status["reason"] != "REASON_AGENT_REREGISTERED" {
			v.Errorf("unexpected status %v", status)
		}
	})
}

// Another work directory makes another agent at the same address; the old one's tasks are lost (25).
func TestReplace(t *testing.T) {
	running(t, aware, func(v *town, c *client, a *Agent) {
		id, addr := a.ID(), a.Addr()
		must(a.Replace(func(cfg *AgentConfig) { cfg.Attributes = []Attribute{{Name: "rack", Text: "b"}} }))
		c.update("TASK_LOST")
		if o := c.offers(); o[0].agent == id || a.ID() == id || a.Addr() != addr {
			v.Errorf("offers %v of agent %s at %s; the old one is %s at %s", o, a.ID(), a.Addr(), id, addr)
		}
	})
}

// A real agent does not start with other attributes on its old work directory.
func TestRestartWith(t *testing.T) {
	running(t, aware, func(v *town, c *client, a *Agent) {
		change := func(rack string) func(*AgentConfig) {
			return func(cfg *AgentConfig) { cfg.Attributes = []Attribute{{Name: "rack", Text: rack}} }
		}
		err := a.RestartWith(change("b"))
		if err == nil || !strings.Contains(err.Error(), "incompatible agent info") {
			v.Errorf("got %v", err)
		}
		if a.Registered() {
			v.Error("the agent runs")
		}
		must(a.RestartWith(func(*AgentConfig) {}))
		time.Sleep(10 * time.Second)
		if !a.Registered() {
			v.Error("the agent does not run")
		}
		must(a.Replace(change("b")))
	})
}

func TestUnregister(t *testing.T) {
	running(t, aware, func(v *town, c *client, a *Agent) {
		id := a.ID()
		a.Unregister()
		if status := c.update("TASK_LOST"); !strings.Contains(status["message"].(string), "the agent unregistered") {
			v.Errorf("unexpected status %v", status)
		}
		c.next("FAILURE")
		must(a.Start())
		if o := c.offers(); o[0].agent == id {
			v.Error("the agent came back with its old id")
		}
	})
}

func TestAgentsThatCannotBe(t *testing.T) {
	inTown(t, 1, Config{}, func(v *town) {
		for name, cfg := range map[string]AgentConfig{
			"no hostname":       {},
			"a taken address":   {Hostname: "a", Address: v.agents[0].Addr()},
			"strange resources": {Hostname: "a", Resources: "cpus"},
			"strange attribute": {Hostname: "a", Attributes: []Attribute{{Name: "a", Type: "NOSUCH", Text: "1"}}},
		} {
			if _, err := v.AddAgent(cfg); err == nil {
				v.Errorf("%s: it was added", name)
			}
		}
	})
}

// Operations that are not emulated fail as invalid ones do in Mesos, and give their resources back.
func TestOperationsThatAreNotEmulated(t *testing.T) {
	inTown(t, 1, Config{}, func(v *town) {
		c := subscribe(v.T, v.net, townMaster, aware)
		reserve := `"type":"RESERVE","reserve":{"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":1},"role":"scaleio","reservation":{"principal":"p"}}]}}`
		o := c.offers()[0]
		c.call(`"type":"ACCEPT","accept":{"offer_ids":[{"value":"` + o.id + `"}],"filters":{"refuse_seconds":0},"operations":[{` + reserve + `]}`)
		o = c.offers()[0]
		c.call(`"type":"ACCEPT","accept":{"offer_ids":[{"value":"` + o.id + `"}],"filters":{"refuse_seconds":0},"operations":[{"id":{"value":"op"},` + reserve + `]}`)
		e := c.next("UPDATE_OPERATION_STATUS")
		if e.text("update_operation_status", "status", "state") != "OPERATION_ERROR" || !strings.Contains(e.text("update_operation_status", "status", "message"), "not emulated") {
			v.Errorf("unexpected %v", e)
		}
		if slices.Contains(c.passed, "UPDATE") {
			v.Errorf("unexpected events %v", c.passed)
		}
	})
}
