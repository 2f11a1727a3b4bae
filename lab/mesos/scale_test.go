package mesos

import (
	"fmt"
	"testing"
	"time"
)

// city is a cluster over TCP with an executor on every agent.
func city(t testing.TB, agents int) (*Master, *client) {
	t.Helper()
	m := NewMaster(Config{})
	t.Cleanup(m.Close)
	if err := m.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	for i := range agents {
		if _, err := m.AddAgent(AgentConfig{Hostname: fmt.Sprintf("agent-%04d", i), WorkDir: t.TempDir(), Launcher: robots{tcp}}); err != nil {
			t.Fatal(err)
		}
	}
	c := subscribe(t, tcp, m.Addr(), plain)
	offers := c.offers()
	if len(offers) != agents {
		t.Fatalf("%d offers, want %d", len(offers), agents)
	}
	for i, o := range offers {
		c.launch(o, executorTask(fmt.Sprint("t-", i), "e", "robot"))
	}
	for range offers {
		c.update("TASK_RUNNING")
	}
	return m, c
}

// Everything works with many agents, and what one event costs does not depend on how many there are.
func TestManyAgents(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const agents = 1000
	begun := time.Now()
	m, c := city(t, agents)
	t.Logf("%d agents run an executor with a task after %v", agents, time.Since(begun))
	begun = time.Now()
	must(m.Failover(Failover{}))
	c.next("END")
	c.resubscribe(plain)
	c.call(`"type":"RECONCILE","reconcile":{"tasks":[]}`)
	for range agents {
		c.update("TASK_RUNNING")
	}
	t.Logf("a failover and the reconciliation of all took %v", time.Since(begun))
	for i := range agents {
		c.kill(fmt.Sprint("t-", i))
	}
	for range agents {
		c.update("TASK_KILLED")
	}
	if err := m.audit(); err != nil {
		t.Error(err)
	}
}

// BenchmarkLaunchAndKill is a KILL through to the acknowledged TASK_KILLED, and the LAUNCH of the next task through to TASK_RUNNING, on one of
// many agents.
func BenchmarkLaunchAndKill(b *testing.B) {
	for _, agents := range []int{10, 100, 1000, 2000} {
		b.Run(fmt.Sprint(agents), func(b *testing.B) {
			_, c := city(b, agents)
			for n := 0; b.Loop(); n++ {
				c.kill(fmt.Sprint("t-", n))
				c.update("TASK_KILLED")
				c.launch(c.offers()[0], executorTask(fmt.Sprint("t-", agents+n), "e", "robot"))
				c.update("TASK_RUNNING")
			}
		})
	}
}
