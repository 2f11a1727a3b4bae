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

// executorStories are the scenarios recorded by executors; they run when an executor of that name is launched.
var executorStories = map[string]story{}

// stories are the scenarios in scope.
var stories = map[string]story{
	"01-subscribe-offers-decline": {},
	"02-command-tasks": {acts: map[string]act{
		"137": {at: 60.9, do: on("127.0.0.3", func(a *Agent) { a.KillExecutor("t-exkill") })},
	}},
	"08-http-errors": {},
	"22-executor-failures-and-kill-during-launch": {
		config: func(c *Config) { c.ExecutorRegistrationTimeout = 4 * time.Second },
		setup:  func(r *replay) { r.m.fetched.client.Transport = helloServer{} },
	},
	"24-partition-aware-dropped": {},
	"26-filters-and-grace":       {},
}
