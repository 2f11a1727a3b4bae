// Package mesos emulates an Apache Mesos 1.12 cluster in one process: a master (or several behind one leader) and any number of
// agents, over the real v1 HTTP protocol: scheduler API, executor API, operator API, JSON and protobuf.
//
// What it says on the wire is held to traffic recorded from a real Mesos (conformance_test.go, COVERAGE.md). It imports nothing of
// ours but framework/fault: it is not allowed to agree with our client by sharing code with it.
//
//	m := mesos.NewMaster(mesos.Config{})
//	go m.Serve(listener)
//	agent, err := m.AddAgent(mesos.AgentConfig{Hostname: "agent-01"})
//	...
//	agent.Partition(); m.Failover(mesos.Failover{})
//	m.Close()
//
// The zero Config is a cluster for tests and demos: offers go out at once, agents register at once; what frameworks can see of time
// (heartbeats, pings, resends, grace periods) is as in Mesos. Config.Real gives the pace of a real cluster in every point.
//
// # Locks and goroutines
//
// One mutex, Master.mu, guards the whole cluster; every exported method, HTTP handler and timer takes it. Nothing blocks under it:
// streams queue, and launching, fetching and waiting for processes happen in goroutines of their own that come back through it.
// No goroutine polls and no timer ticks while nothing happens: heartbeats are one timer per stream, pings are computed when an agent
// falls silent, allocation runs when something became free. Per event the work is that of the task, executor, agent and offer that
// it names; only subscribing, REVIVE, reconciliation and the GET calls look at every agent.
//
// Master owns: per listener, connection and busy stream the goroutines of internal/libprocess; per executor one that launches and
// then waits for it; one per health check while it runs; timers. Close ends them all and waits.
//
// # What may be added here, and what not
//
// Facts about Mesos, each with its source (a recording, or a line of Mesos). No shortcut that a real cluster does not have, except
// those that a scenario needs to make things happen (Agent's and Master's exported methods).
package mesos
