// Package api is the scheduler's HTTP API: the DC/OS SDK's paths and bodies (dcos-commons 0.56) for plans, pods, state and health, with
// their known faults mended, and /v1/scaleio for what is ours. It also serves the executor to the agents' fetchers.
//
// It decides nothing and keeps nothing: every answer is read from the core, every command is given to it, through Scheduler.Do. No answer
// holds a secret: the core has none. Handlers run on the HTTP server's goroutines; a stream of events ends with its request.
//
// The page (page.html.tmpl, .css, .js) is one file to a browser, loads nothing and runs nothing but its own script, and only reads. New
// endpoints go into routes (server.go), docs/api.md and a transcript (testdata): tests hold the three together.
package api
