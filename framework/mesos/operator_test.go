package mesos

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/master"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

func operatorOn(n *network) *Operator {
	return NewOperator(Config{Masters: threeMasters.Masters, Dial: n.dial, Jitter: func() float64 { return 0 }, Log: slog.New(slog.DiscardHandler)})
}

func getAgents(names, recovered []string) *master.Response {
	r := &master.Response{Type: master.Response_GET_AGENTS, GetAgents: &master.Response_GetAgents{}}
	for _, n := range names {
		r.GetAgents.Agents = append(r.GetAgents.Agents, master.Response_GetAgents_Agent{
			AgentInfo: mesos.AgentInfo{Hostname: n}, Active: true, Version: "1.12.0"})
	}
	for _, n := range recovered {
		r.GetAgents.RecoveredAgents = append(r.GetAgents.RecoveredAgents, mesos.AgentInfo{Hostname: n})
	}
	return r
}

func (x *exchange) operatorCall(t *testing.T) master.Call_Type {
	c := new(master.Call)
	if err := c.Unmarshal(x.body); err != nil {
		t.Error(err)
	}
	if id, has := x.Header["Mesos-Stream-Id"]; has {
		t.Errorf("an operator's call with stream id %q", id)
	}
	return c.Type
}

func (x *exchange) respond(m marshaler) {
	b, _ := m.Marshal()
	x.w.Header().Set("Content-Type", "application/x-protobuf")
	x.w.Write(b)
}

func TestOperatorSeesStateThenChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t)
		beat := 15.0
		n.serve("m1:5050", func(x *exchange) { x.redirect("//m2:5050/master/api/v1") })
		n.serve("m2:5050", func(x *exchange) {
			if x.operatorCall(t) == master.Call_GET_AGENTS {
				x.respond(getAgents([]string{"agent-01", "agent-02"}, []string{"agent-03"}))
				return
			}
			if x.URL.Path != "/master/api/v1" {
				t.Errorf("path %s", x.URL.Path)
			}
			x.stream("")
			x.send(
				&master.Event{Type: master.Event_SUBSCRIBED, Subscribed: &master.Event_Subscribed{
					HeartbeatIntervalSeconds: &beat,
					GetState:                 &master.Response_GetState{GetAgents: getAgents([]string{"agent-01"}, nil).GetAgents}}},
				&master.Event{Type: master.Event_HEARTBEAT},
				&master.Event{Type: master.Event_AGENT_ADDED, AgentAdded: &master.Event_AgentAdded{
					Agent: getAgents([]string{"agent-02"}, nil).GetAgents.Agents[0]}},
				&master.Event{Type: master.Event_AGENT_REMOVED, AgentRemoved: &master.Event_AgentRemoved{AgentID: mesos.AgentID{Value: "S2"}}})
			x.hold()
		})
		var got []string
		start := time.Now()
		o := operatorOn(n)
		ctx, stop := context.WithTimeout(t.Context(), 38*time.Second)
		defer stop()
		err := o.Run(ctx, func(e *master.Event, lost error) {
			line := fmt.Sprint(time.Since(start), " ")
			switch {
			case lost != nil:
				line += lost.Error()
			case e.Type == master.Event_SUBSCRIBED:
				line += "SUBSCRIBED " + e.Subscribed.GetState.GetAgents.Agents[0].AgentInfo.Hostname
				agents, err := o.Agents(ctx)
				if err != nil || len(agents) != 3 || !agents[1].Active || agents[2].Active || agents[2].AgentInfo.Hostname != "agent-03" {
					t.Errorf("agents %v, %v", agents, err)
				}
			case e.Type == master.Event_AGENT_ADDED:
				line += "AGENT_ADDED " + e.AgentAdded.Agent.AgentInfo.Hostname
			default:
				line += e.Type.String()
			}
			got = append(got, line)
		})
		if err != context.DeadlineExceeded {
			t.Errorf("ended with %v", err)
		}
		if want := []string{
			"0s SUBSCRIBED agent-01", "0s HEARTBEAT", "0s AGENT_ADDED agent-02", "0s AGENT_REMOVED",
			"37.5s master m2:5050: stream: silent for 37.5s",
			"37.7s SUBSCRIBED agent-01", "37.7s HEARTBEAT", "37.7s AGENT_ADDED agent-02", "37.7s AGENT_REMOVED",
			"38s master m2:5050: stream: context deadline exceeded",
		}; !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
	})
}

func TestAgentsAreAskedOfWhicheverMasterAnswers(t *testing.T) {
	refuse := func(status int) func(*exchange) { return func(x *exchange) { x.refuse(status, "") } }
	for name, c := range map[string]struct {
		m1   func(*exchange)
		want string
		kind fault.Kind
	}{
		"refused dial":  {nil, "", 0},
		"503":           {refuse(503), "", 0},
		"standby":       {func(x *exchange) { x.redirect("//m2:5050/master/api/v1") }, "", 0},
		"no answer":     {func(x *exchange) { x.hold() }, "", 0},
		"nonsense":      {func(x *exchange) { x.w.Write([]byte("\xff\xff")) }, "", 0},
		"unauthorized":  {refuse(401), "master m1:5050: call GET_AGENTS: 401 Unauthorized", fault.Denied},
		"not permitted": {refuse(403), "master m1:5050: call GET_AGENTS: 403 Forbidden", fault.Denied},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := newNetwork(t)
				if c.m1 != nil {
					n.serve("m1:5050", c.m1)
				}
				n.serve("m2:5050", func(x *exchange) { x.respond(getAgents([]string{"agent-01"}, nil)) })
				agents, err := operatorOn(n).Agents(t.Context())
				if open := n.open.Load(); open != 0 {
					t.Errorf("%d connections are left open", open)
				}
				if c.want == "" && (err != nil || len(agents) != 1 || agents[0].AgentInfo.Hostname != "agent-01") {
					t.Errorf("got %v, %v", agents, err)
				}
				if c.want != "" && (err == nil || err.Error() != c.want || fault.KindOf(err) != c.kind) {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

func TestAgentsOfNobodyIsTemporary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, err := operatorOn(newNetwork(t)).Agents(t.Context())
		if fault.KindOf(err) != fault.Temporary || err.Error() != "master m3:5050: call GET_AGENTS: dial: connection refused" {
			t.Errorf("got %v", err)
		}
	})
}

func TestOperatorThatIsRefusedStops(t *testing.T) {
	for status, want := range map[int]string{
		401: "master m1:5050: subscribe: 401 Unauthorized; check the principal and secret, and that Mesos permits it to see the cluster",
		404: "master m1:5050: subscribe: 404 Not Found; check that the list of masters names Mesos masters",
	} {
		synctest.Test(t, func(t *testing.T) {
			n := newNetwork(t)
			n.serve("m1:5050", func(x *exchange) { x.refuse(status, "") })
			err := operatorOn(n).Run(t.Context(), func(*master.Event, error) { t.Error("something was handed out") })
			if err == nil || err.Error() != want {
				t.Errorf("got %v", err)
			}
		})
	}
}
