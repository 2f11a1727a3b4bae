package mesos

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start runs a cluster over TCP, in real time.
func start(t *testing.T, cfg Config) *Master {
	t.Helper()
	m := NewMaster(cfg)
	t.Cleanup(m.Close)
	if err := m.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	return m
}

func addAgent(t *testing.T, m *Master, cfg AgentConfig) *Agent {
	t.Helper()
	a, err := m.AddAgent(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// town is a cluster in virtual time: agents agent-1, agent-2 … whose executors are robots.
type town struct {
	*testing.T
	*Master
	net    network
	agents []*Agent
}

const townMaster = "10.0.0.1:5050"

func inTown(t *testing.T, agents int, cfg Config, do func(*town)) {
	t.Helper()
	work := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		mem := newMemnet()
		cfg.Listen = mem.Listen
		v := &town{T: t, Master: NewMaster(cfg), net: mem.Dial}
		defer func() {
			v.Close()
			synctest.Wait()
		}()
		if err := v.Start(townMaster); err != nil {
			t.Fatal(err)
		}
		for i := range agents {
			name := "agent-" + string(rune('1'+i))
			v.agents = append(v.agents, addAgent(t, v.Master, AgentConfig{Hostname: name, Address: "10.0.1." + string(rune('1'+i)) + ":5051",
				WorkDir: work + "/" + name, Launcher: robots{v.net}}))
		}
		do(v)
		if err := v.audit(); err != nil {
			t.Error(err)
		}
	})
}

func TestOffersAndCommandTask(t *testing.T) {
	m := start(t, Config{})
	addAgent(t, m, AgentConfig{Hostname: "agent-01", Attributes: []Attribute{{Name: "rack", Text: "a"}}})
	c := subscribe(t, tcp, m.Addr(), plain)
	c.call(`"type":"ACCEPT","accept":{"offer_ids":[{"value":"` + c.offers()[0].id + `"}],"filters":{"refuse_seconds":0},"operations":[{"type":"LAUNCH","launch":{"task_infos":[` +
		strings.TrimSuffix(commandTask("t", "echo hello; exit 3"), "}") + `,"agent_id":{"value":"` + m.agents[0].ID() + `"}}]}}]}`)
	var states []any
	for free := 0.0; free < 4 || len(states) < 3; { // what the task left of the offer comes again, and what it had
		switch e := c.read(); e["type"] {
		case "OFFERS":
			free += cpus(e)
		case "UPDATE":
			states = append(states, e.path("update", "status", "state"))
			c.call(`"type":"ACKNOWLEDGE","acknowledge":{"agent_id":{"value":"` + m.agents[0].ID() + `"},"task_id":{"value":"t"},"uuid":"` + e.text("update", "status", "uuid") + `"}`)
		case "END":
			t.Fatal(e)
		}
	}
	if want := []any{"TASK_STARTING", "TASK_RUNNING", "TASK_FAILED"}; !slices.Equal(states, want) {
		t.Errorf("got %v, want %v", states, want)
	}
	c.call(`"type":"TEARDOWN"`)
	if e := c.next("END"); e["how"] != "chunk" {
		t.Errorf("the stream ended with %v", e["how"])
	}
}

// cpus sums up what an OFFERS event offers.
func cpus(e tree) (sum float64) {
	offers, _ := e.path("offers", "offers").([]any)
	for i := range offers {
		resources, _ := e.path("offers", "offers", i, "resources").([]any)
		for j := range resources {
			if e.path("offers", "offers", i, "resources", j, "name") == "cpus" {
				sum += e.path("offers", "offers", i, "resources", j, "scalar", "value").(float64)
			}
		}
	}
	return sum
}

func TestHandlerBehindNetHTTP(t *testing.T) {
	m := NewMaster(Config{})
	defer m.Close()
	server := httptest.NewServer(m.Handler())
	defer server.Close()
	addAgent(t, m, AgentConfig{Hostname: "agent-01"})
	addr := strings.TrimPrefix(server.URL, "http://")
	c := subscribe(t, tcp, addr, plain)
	if o := c.offers(); len(o) != 1 || o[0].hostname != "agent-01" {
		t.Errorf("unexpected offers %v", o)
	}
	if err := m.Failover(Failover{}); err != nil {
		t.Fatal(err)
	}
	c.next("END")
	c.resubscribe(plain)
	if o := c.offers(); len(o) != 1 {
		t.Errorf("unexpected offers %v after the failover", o)
	}
}

func TestStats(t *testing.T) {
	inTown(t, 1, Config{}, func(v *town) {
		c := subscribe(v.T, v.net, townMaster, plain)
		c.launch(c.offers()[0], executorTask("t", "e", "robot"))
		c.update("TASK_RUNNING")
		c.call(`"type":"MESSAGE","message":{"agent_id":{"value":"` + v.agents[0].ID() + `"},"executor_id":{"value":"e"},"data":"` + encode("hello") + `"}`)
		if e := c.next("MESSAGE"); e.text("message", "data") != encode("hello") {
			v.Errorf("unexpected %v", e)
		}
		synctest.Wait()
		s := v.Stats()
		if s.Calls["ACCEPT"] != 1 || s.Calls["MESSAGE"] != 1 || s.Events["UPDATE"] != 1 || s.ExecutorCalls["UPDATE"] != 1 || s.ExecutorEvents["LAUNCH"] != 1 {
			v.Errorf("unexpected counts %v", s)
		}
		if got, want := s.Agents["agent-1"], (Traffic{MessagesTo: 1, MessagesFrom: 1, BytesTo: 5, BytesFrom: 5, Updates: 1, UpdatesSent: 1}); got != want {
			v.Errorf("got %+v, want %+v", got, want)
		}
	})
}

func TestClose(t *testing.T) {
	m := start(t, Config{})
	addAgent(t, m, AgentConfig{Hostname: "agent-01"})
	c := subscribe(t, tcp, m.Addr(), plain)
	c.launch(c.offers()[0], commandTask("t", "sleep 1000"))
	c.update("TASK_STARTING")
	c.update("TASK_RUNNING")
	m.Close()
	if e := c.next("END"); e["how"] != "EOF" {
		t.Errorf("the stream ended with %v", e["how"])
	}
	m.Close()
	if _, err := m.AddAgent(AgentConfig{Hostname: "late"}); err == nil {
		t.Error("an agent was added to a closed master")
	}
}
