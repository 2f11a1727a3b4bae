package mesos

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestFailover(t *testing.T) {
	inTown(t, 2, Config{AgentNotice: 2 * time.Second}, func(v *town) {
		c := subscribe(v.T, v.net, townMaster, plain)
		c.launch(c.offers()[0], executorTask("t", "e", "robot"))
		c.update("TASK_RUNNING")
		synctest.Wait()
		old := v.ID()
		go func() { must(v.Failover(Failover{Down: 3 * time.Second, Recovery: time.Second})) }()
		if e := c.next("END"); e["how"] != "EOF" {
			v.Errorf("the stream ended with %v", e["how"])
		}
		if _, _, err := c.try(`"type":"REVIVE"`); err == nil {
			v.Error("a dead master answered")
		}
		time.Sleep(3500 * time.Millisecond)
		if h, text, _ := c.try(`"type":"REVIVE"`); h.line != "HTTP/1.1 503 Service Unavailable" || text != "Master has not finished recovery" {
			v.Errorf("got %s %q", h.line, text)
		}
		time.Sleep(time.Second)
		if v.ID() == old {
			v.Error("the new master has the old one's id")
		}
		id := c.id
		c.resubscribe(plain)
		if c.id != id {
			v.Errorf("the framework was %s and is %s", id, c.id)
		}
		begun := time.Now()
		c.offers() // of an agent that came back
		if wait := time.Since(begun); wait < time.Second || wait > 2*time.Second {
			v.Errorf("the agents were back after %v", wait)
		}
		time.Sleep(time.Second) // for the other one
		c.call(`"type":"RECONCILE","reconcile":{"tasks":[]}`)
		if status := c.update("TASK_RUNNING"); status["reason"] != "REASON_RECONCILIATION" {
			v.Errorf("unexpected status %v", status)
		}
	})
}

// Agents that do not come back to a new master in time are unreachable, if the registry knew them.
func TestFailoverWithoutAnAgent(t *testing.T) {
	inTown(t, 1, Config{AgentReregisterTimeout: time.Minute}, func(v *town) {
		c := subscribe(v.T, v.net, townMaster, `{"user":"root","name":"fw","role":"scaleio","checkpoint":true,"failover_timeout":600,"capabilities":[{"type":"PARTITION_AWARE"}]}`)
		c.launch(c.offers()[0], executorTask("t", "e", "robot"))
		c.update("TASK_RUNNING")
		ask := `"type":"RECONCILE","reconcile":{"tasks":[{"task_id":{"value":"t"},"agent_id":{"value":"` + v.agents[0].ID() + `"}}]}`
		v.agents[0].Kill()
		must(v.Failover(Failover{}))
		c.resubscribe(plain[:len(plain)-1] + `,"capabilities":[{"type":"PARTITION_AWARE"}]}`)
		c.call(ask) // no answer: the agent may still come
		time.Sleep(59 * time.Second)
		synctest.Wait()
		if n := v.Stats().Events["UPDATE"]; n != 1 {
			v.Errorf("%d statuses came, want the one before", n)
		}
		time.Sleep(2 * time.Second)
		c.call(ask)
		c.update("TASK_UNREACHABLE")
		must(v.agents[0].Start())
		time.Sleep(time.Second)
		c.call(ask)
		c.update("TASK_GONE")
	})
}

func TestEnsemble(t *testing.T) {
	inTown(t, 1, Config{}, func(v *town) {
		const second, third = "10.0.0.2:5050", "10.0.0.3:5050"
		must(v.Start(second))
		must(v.Start(third))
		c := subscribe(v.T, v.net, townMaster, plain)
		c.offers()
		location := func(of string) string {
			h, _, err := v.net.post(of, "/api/v1/scheduler", "{}")
			if err != nil {
				return err.Error()
			}
			return h.line[9:12] + " " + h.get("Location")
		}
		if got := location(second); got != "307 //10.0.0.1:5050/master/api/v1/scheduler" {
			v.Errorf("a standby says %s", got)
		}
		must(v.Failover(Failover{}))
		c.next("END")
		if v.Addr() != second || location(third) != "307 //10.0.0.2:5050/master/api/v1/scheduler" || !strings.Contains(location(townMaster), "refused") {
			v.Errorf("%s leads, the third says %s, the dead one %s", v.Addr(), location(third), location(townMaster))
		}
		v.Depose()
		if got := location(second); got != "503 " {
			v.Errorf("without a leader: %s", got)
		}
		if err := v.Elect(townMaster); err == nil {
			v.Error("a dead master was elected")
		}
		must(v.Revive())
		must(v.Elect(townMaster))
		if got := location(second); got != "307 //10.0.0.1:5050/master/api/v1/scheduler" {
			v.Errorf("a standby says %s", got)
		}
		c.resubscribe(plain)
		c.offers()
	})
}

// Close does not wait for a failover, a failover does not outlive Close.
func TestCloseDuringFailover(t *testing.T) {
	inTown(t, 1, Config{}, func(v *town) {
		ended := make(chan error)
		go func() { ended <- v.Failover(Failover{Down: time.Hour}) }()
		synctest.Wait()
		begun := time.Now()
		v.Close()
		if err := <-ended; err == nil || time.Since(begun) > time.Second {
			v.Errorf("the failover ended with %v after %v", err, time.Since(begun))
		}
	})
}

// The streams break, nothing else: the framework keeps its id, its task and its failover timeout.
func TestBreakStreams(t *testing.T) {
	inTown(t, 1, Config{}, func(v *town) {
		operator, err := v.net.subscribe(townMaster, "/api/v1", `{"type":"SUBSCRIBE"}`)
		must(err)
		defer operator.Close()
		c := subscribe(v.T, v.net, townMaster, plain)
		c.launch(c.offers()[0], executorTask("t", "e", "robot"))
		c.update("TASK_RUNNING")
		v.BreakStreams()
		if e := c.next("END"); e["how"] != "EOF" {
			v.Errorf("the stream ended with %v", e["how"])
		}
		for r := range operator.records {
			if r.end == "chunk" {
				v.Error("the operator's stream ended with the last chunk")
			}
		}
		time.Sleep(time.Minute)
		c.resubscribe(plain)
		c.call(`"type":"KILL","kill":{"task_id":{"value":"t"}}`)
		c.update("TASK_KILLED")
	})
}

// A scheduler that does not read stays connected, and reads everything later (21).
func TestStalledReader(t *testing.T) {
	inTown(t, 1, Config{}, func(v *town) {
		c, err := v.net(townMaster)
		must(err)
		defer c.Close()
		body := `{"type":"SUBSCRIBE","subscribe":{"framework_info":` + plain + `}}`
		must(writeRequest(c, "POST /api/v1/scheduler HTTP/1.1", [][2]string{{"Host", "x"}, {"Content-Type", "application/json"}, {"Accept", "application/json"}, {"Content-Length", ""}}, []byte(body)))
		time.Sleep(50 * time.Second)
		if _, text, err := v.net.post(townMaster, "/api/v1", `{"type":"GET_FRAMEWORKS"}`); err != nil || !strings.Contains(text, `"connected":true`) {
			v.Errorf("after 50 s: %s %v", text, err)
		}
		counts := map[string]int{}
		stream := readAll(c)
		for range 6 { // SUBSCRIBED, OFFERS, HEARTBEATs at 0, 15, 30, 45 s
			counts[<-stream]++
		}
		if counts["SUBSCRIBED"] != 1 || counts["OFFERS"] != 1 || counts["HEARTBEAT"] != 4 {
			v.Errorf("got %v", counts)
		}
	})
}
