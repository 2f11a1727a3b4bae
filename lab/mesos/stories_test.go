package mesos

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gogo/protobuf/proto"
	api "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// helloServer is the recording's web server at 127.0.0.1:8999, and nobody elsewhere.
type helloServer struct{}

func (helloServer) RoundTrip(r *http.Request) (*http.Response, error) {
	answer := &http.Response{StatusCode: http.StatusNotFound, Status: "404 Not Found", Body: http.NoBody, Request: r}
	switch {
	case r.URL.Host != "127.0.0.1:8999":
		return nil, errors.New("connection refused")
	case r.URL.Path == "/hello.sh":
		answer.StatusCode, answer.Body = http.StatusOK, io.NopCloser(strings.NewReader("#!/bin/sh\nsleep 1\n"))
	}
	return answer, nil
}

func on(host string, do func(*Agent)) func(*replay) {
	return func(r *replay) { do(r.agents[host]) }
}

func add(host string) func(*replay) {
	return func(r *replay) {
		a, err := r.m.AddAgent(recordedAgent(host, shell{r.play}))
		must(err)
		r.agents[host] = a
	}
}

// failover kills the one master; it is back after 3.1 s. The recorded agents noticed 75 s after the last ping, whenever that was.
func failover(notice time.Duration) func(*replay) {
	return func(r *replay) {
		r.m.mu.Lock()
		defer r.m.mu.Unlock()
		r.m.cfg.AgentNotice = notice
		go func() { must(r.m.Failover(Failover{Down: 3100 * time.Millisecond})) }()
	}
}

// declines refuses recorded offers for no time.
func declines(offers ...string) func(*replay) {
	return func(r *replay) {
		r.m.mu.Lock()
		defer r.m.mu.Unlock()
		for _, id := range offers {
			recorded := r.m.id + "-" + id
			o := r.m.offers[r.ids.request(recorded)]
			r.m.decline(o.framework, &scheduler.Call_Decline{OfferIDs: []api.OfferID{{Value: o.id}}, Filters: &api.Filters{RefuseSeconds: proto.Float64(0)}})
		}
	}
}

// secondFirst has the second agent's resources dealt out before the first one's: the recorded allocator shuffled agents.
func secondFirst(r *replay) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	a, b := r.agents["127.0.0.2"].slave, r.agents["127.0.0.3"].slave
	a.seq, b.seq = b.seq, a.seq
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func quickPings(c *Config) { c.PingTimeout, c.MaxPingTimeouts = time.Second, 3 }

var replaced = map[string]act{"011": {do: on("127.0.0.2", func(a *Agent) { must(a.Replace(nil)) })}}

const (
	someFields  = "a part of the fields is emulated"
	someMetrics = "a part of the metrics is emulated"
)

const noDefaultExecutor = "the default executor is not emulated"

const noMaintenance = "maintenance is not emulated; calls about inverse offers are accepted"

const agentCalls = "what agents tell of themselves is not emulated"

// variety gives the first agent attributes and resources of every type, the second none and few.
func variety(c *AgentConfig) {
	c.Attributes, c.Resources = nil, "cpus:1;mem:128;disk:64;ports:[31000-32000]"
	if c.Hostname != "127.0.0.2" {
		return
	}
	c.Resources = "cpus:4;mem:1024;disk:2048;custom:7;ports:[31000-31010,32000-32005];devs:{sdb,sdc};cpus(scaleio):1;mem(scaleio):256;disk(scaleio):10"
	for _, text := range []string{"rack:abc", "zone:west", "floor:2", "range:[100-200,300-310]", "colon:a:b:c", "path:/dev/sdb", "float:1.5", "dup:x", "dup:y"} {
		name, value, _ := strings.Cut(text, ":")
		c.Attributes = append(c.Attributes, Attribute{Name: name, Text: value})
	}
}

// executorStories are the scenarios recorded by executors; they run when an executor of that name is launched.
var executorStories = map[string]story{}

// refusedGroup is a LAUNCH_GROUP that fails, on its own: an agent with what was left offers it.
func refusedGroup(from, to, offer, left string) story {
	return story{
		to: to, beyond: noDefaultExecutor, skip: map[string]string{"005-" + before(from): noDefaultExecutor},
		tune:   func(c *AgentConfig) { c.Resources = left },
		setup:  func(r *replay) { r.ids.real[r.m.id+"-"+offer] = r.m.id + "-O0" },
		offers: "the groups before it are not launched",
	}
}

func before(number string) string {
	n, err := strconv.Atoi(number)
	must(err)
	return fmt.Sprintf("%03d", n-1)
}

// stories are the scenarios in scope.
var stories = map[string]story{
	"01-subscribe-offers-decline": {},
	"02-command-tasks": {acts: map[string]act{
		"137": {at: 60.9, do: on("127.0.0.3", func(a *Agent) { a.KillExecutor("t-exkill") })},
	}},
	"03-custom-executor-scheduler-side": {acts: map[string]act{
		"121": {at: 55.479, do: on("127.0.0.2", (*Agent).Stop)}, // the acknowledgement did not arrive any more
		"124": {at: 58.5, do: on("127.0.0.2", func(a *Agent) { must(a.Start()) })},
	}},
	"04-launch-group-default-executor#executor-in-task":    refusedGroup("040", "041", "O2", recordedResources),
	"04-launch-group-default-executor#empty":               refusedGroup("042", "042", "O3", recordedResources),
	"04-launch-group-default-executor#executor-unfit":      refusedGroup("044", "046", "O4", recordedResources),
	"04-launch-group-default-executor#too-much":            refusedGroup("047", "049", "O5", "cpus:0.3;mem:96;disk:32"),
	"04-launch-group-default-executor#default-in-a-LAUNCH": refusedGroup("050", "051", "O6", recordedResources),
	"05-partition-aware": {config: quickPings, acts: map[string]act{
		"028": {do: on("127.0.0.2", (*Agent).Partition)},
		"053": {do: on("127.0.0.2", (*Agent).Heal)},
		"073": {do: on("127.0.0.2", (*Agent).Stop)}, // the acknowledgement did not arrive any more
		"079": {at: 45.387, do: on("127.0.0.2", func(a *Agent) { must(a.Start()) })},
		"089": {do: on("127.0.0.2", (*Agent).Unregister)},
		"094": {at: 62.2, do: on("127.0.0.2", func(a *Agent) { must(a.Replace(nil)) })},
	}},
	"06-partition-not-aware": {config: quickPings, acts: map[string]act{
		"017": {do: on("127.0.0.2", (*Agent).Partition)},
		"041": {do: on("127.0.0.2", (*Agent).Heal)},
		"063": {do: on("127.0.0.2", (*Agent).Stop)},
		"069": {at: 40.28, do: on("127.0.0.2", func(a *Agent) { must(a.Start()) })},
		"077": {do: on("127.0.0.2", (*Agent).Unregister)},
		"082": {at: 57, do: on("127.0.0.2", func(a *Agent) { must(a.Replace(nil)) })},
	}},
	"07-failover-and-disconnect": {phase: 0.5},
	"08-http-errors":             {},
	"10-multi-role": {
		acts: map[string]act{ // the recorder declined some offers without a record of it
			"021": {at: 4.07, do: declines("O1")},
			"058": {do: secondFirst},
			"061": {at: 26.64, do: declines("O10", "O11")},
			"065": {at: 32.64, do: declines("O12")},
		},
		skip: map[string]string{"GET_roles": "/roles is not emulated", "033": "/roles is not emulated"},
	},
	"11-rescind#offer_timeout": {
		to: "016", config: func(c *Config) { c.OfferTimeout = 2 * time.Second },
		acts: map[string]act{
			"014": {do: on("127.0.0.2", (*Agent).Stop)},
			"015": {do: on("127.0.0.3", (*Agent).Stop)},
			"016": {do: func(r *replay) { r.m.Depose() }},
		},
	},
	"11-rescind#agents": {
		from: "017", agents: []string{"127.0.0.2", "127.0.0.3"},
		acts: map[string]act{
			"021": {do: on("127.0.0.2", (*Agent).Stop)},
			"023": {do: on("127.0.0.3", (*Agent).Unregister)},
			"026": {at: 15.39, do: func(r *replay) {
				must(r.agents["127.0.0.3"].Start())
				must(r.agents["127.0.0.2"].Start())
			}},
		},
	},
	"12-maintenance": {
		skip:   map[string]string{"011-016": noMaintenance, "018-020": noMaintenance, "022-035": noMaintenance},
		offers: "maintenance takes offers back",
	},
	"13-operator-api": {
		agents: []string{"127.0.0.2", "127.0.0.3"},
		config: func(c *Config) { c.LaunchDelay = 150 * time.Millisecond },
		acts: map[string]act{
			"122": {do: add("127.0.0.4")},
			"124": {do: on("127.0.0.4", (*Agent).Unregister)},
		},
		skip: map[string]string{
			"FLAGS": "flags are not emulated", "flags": "flags are not emulated", "master-v1-GET_METRICS": "of metrics only /metrics/snapshot is emulated",
			"052-053": "quota is not emulated", "077": "quota is not emulated", "state-summary": "/state-summary is not emulated", "GET_roles": "/roles is not emulated",
			"maintenance_status": "maintenance is not emulated", "system_stats": "pages of libprocess are not emulated", "logging_toggle": "pages of libprocess are not emulated",
			"agent-v1-GET_STATE": agentCalls, "agent-v1-GET_FRAMEWORKS": agentCalls, "agent-v1-GET_EXECUTORS": agentCalls, "agent-v1-GET_TASKS": agentCalls,
			"agent-v1-GET_CONTAINERS": agentCalls, "READ_FILE": agentCalls, "GET_containers": agentCalls, "monitor_statistics": agentCalls,
			"agent-GET_metrics": agentCalls, "files": agentCalls,
		},
		loose: map[string]string{
			"058": someFields, "068": someFields, "086-087": someFields, "101-102": someFields, "master-GET_metrics": someMetrics,
		},
		offers: "the recording sets a quota, which is not emulated",
	},
	"14-protobuf": {agents: []string{"127.0.0.2", "127.0.0.3"}},
	"15-master-restart-in_memory-registry": {
		config: func(c *Config) { c.Registry, c.AgentNotice = InMemory, 72400*time.Millisecond },
		acts: map[string]act{
			"014": {do: failover(72400 * time.Millisecond)},
			"042": {do: failover(65 * time.Second)},
			"054": {do: func(r *replay) { r.m.Depose() }},
		},
		loose: map[string]string{"state": someFields},
		skip:  map[string]string{"000": "not of this run; TestFailover has it"},
	},
	"15b-master-restart-replicated_log": {
		acts: map[string]act{
			"014": {do: failover(72400 * time.Millisecond)},
			"038": {do: failover(65 * time.Second)},
			"048": {do: func(r *replay) { r.m.Depose() }},
		},
		loose: map[string]string{"state": someFields},
	},
	"16-authentication": {
		config: func(c *Config) { c.Credentials = map[string]string{"p1": "s1", "p2": "s2"} },
		skip:   map[string]string{"009-011": "authorization is not emulated", "020-021": "authorization is not emulated"},
	},
	"17-mesos-execute-through-proxy": {
		agents: []string{"127.0.0.2", "127.0.0.3"}, to: "002", beyond: noDefaultExecutor,
	},
	"18-ha-redirect": {
		masters: []string{"127.0.0.12:5050", "127.0.0.11:5050", "127.0.0.13:5050"},
		config:  func(c *Config) { c.AgentNotice = 750 * time.Millisecond },
		setup:   func(r *replay) { r.m.leader = nil }, // nobody is elected yet
		acts: map[string]act{
			"008": {do: func(r *replay) { r.m.leader = r.m.fronts[0] }},
			"035": {do: func(r *replay) { go func() { must(r.m.Failover(Failover{Down: 5450 * time.Millisecond})) }() }},
			"050": {do: func(r *replay) { r.m.Depose() }},
		},
		loose: map[string]string{"metrics": someMetrics},
	},
	"19-no-checkpoint": {setup: func(r *replay) {
		s := r.agents["127.0.0.3"].slave
		s.registered = s.registered.Add(1100 * time.Millisecond) // so fall the recorded pings
	}, acts: map[string]act{
		"017": {do: on("127.0.0.2", (*Agent).Stop)},
		"021": {at: 8.46, do: on("127.0.0.2", func(a *Agent) { must(a.Start()) })},
		"036": {at: 18.58, do: on("127.0.0.3", (*Agent).Partition)},
		"040": {at: 107.14, do: on("127.0.0.3", (*Agent).Heal)},
	}},
	"20-attribute-types-and-static-reservations": {
		tune:  variety,
		setup: secondFirst,
		loose: map[string]string{"agent-state": someFields},
	},
	"22-executor-failures-and-kill-during-launch": {
		config: func(c *Config) { c.ExecutorRegistrationTimeout = 4 * time.Second },
		setup:  func(r *replay) { r.m.fetched.client.Transport = helloServer{} },
	},
	"23-subscribe-http-variants":        {agents: []string{"127.0.0.2"}},
	"24-partition-aware-dropped":        {},
	"25-agent-replaced-not-aware":       {acts: replaced},
	"25-agent-replaced-partition-aware": {acts: replaced},
	"26-filters-and-grace":              {},
}
