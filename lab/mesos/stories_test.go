package mesos

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
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

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func quickPings(c *Config) { c.PingTimeout, c.MaxPingTimeouts = time.Second, 3 }

var replaced = map[string]act{"011": {do: on("127.0.0.2", func(a *Agent) { must(a.Replace(nil)) })}}

// executorStories are the scenarios recorded by executors; they run when an executor of that name is launched.
var executorStories = map[string]story{}

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
	"19-no-checkpoint": {setup: func(r *replay) {
		s := r.agents["127.0.0.3"].slave
		s.registered = s.registered.Add(1100 * time.Millisecond) // so fall the recorded pings
	}, acts: map[string]act{
		"017": {do: on("127.0.0.2", (*Agent).Stop)},
		"021": {at: 8.46, do: on("127.0.0.2", func(a *Agent) { must(a.Start()) })},
		"036": {at: 18.58, do: on("127.0.0.3", (*Agent).Partition)},
		"040": {at: 107.14, do: on("127.0.0.3", (*Agent).Heal)},
	}},
	"22-executor-failures-and-kill-during-launch": {
		config: func(c *Config) { c.ExecutorRegistrationTimeout = 4 * time.Second },
		setup:  func(r *replay) { r.m.fetched.client.Transport = helloServer{} },
	},
	"24-partition-aware-dropped":        {},
	"25-agent-replaced-not-aware":       {acts: replaced},
	"25-agent-replaced-partition-aware": {acts: replaced},
	"26-filters-and-grace":              {},
}
