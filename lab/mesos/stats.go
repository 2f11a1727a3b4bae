package mesos

import "maps"

// Stats counts what went over the wire since the master was made (failovers do not reset it).
type Stats struct {
	Calls          map[string]int // scheduler calls by type
	Events         map[string]int // scheduler events by type
	ExecutorCalls  map[string]int
	ExecutorEvents map[string]int
	OperatorCalls  map[string]int
	OperatorEvents map[string]int
	Agents         map[string]Traffic // by hostname
}

// Traffic is what schedulers and executors told each other by way of an agent; bytes are those of their data.
type Traffic struct {
	MessagesTo, MessagesFrom int
	BytesTo, BytesFrom       int64 // MESSAGE
	Updates                  int   // UPDATE of executors, not counting resends
	UpdateBytes              int64
	UpdatesSent              int // UPDATE to schedulers, with resends
	UpdateBytesSent          int64
}

func (s *Stats) reset() {
	*s = Stats{Calls: map[string]int{}, Events: map[string]int{}, ExecutorCalls: map[string]int{}, ExecutorEvents: map[string]int{},
		OperatorCalls: map[string]int{}, OperatorEvents: map[string]int{}, Agents: map[string]Traffic{}}
}

// Stats gives a copy of the counters.
func (m *Master) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.stats
	for _, counter := range []*map[string]int{&s.Calls, &s.Events, &s.ExecutorCalls, &s.ExecutorEvents, &s.OperatorCalls, &s.OperatorEvents} {
		*counter = maps.Clone(*counter)
	}
	s.Agents = maps.Clone(s.Agents)
	return s
}

func (s *Stats) event(kind string)         { s.Events[kind]++ }
func (s *Stats) executorEvent(kind string) { s.ExecutorEvents[kind]++ }

func (s *Stats) traffic(hostname string, count func(*Traffic)) {
	t := s.Agents[hostname]
	count(&t)
	s.Agents[hostname] = t
}

func (s *Stats) toAgent(hostname string, bytes int) {
	s.traffic(hostname, func(t *Traffic) { t.MessagesTo++; t.BytesTo += int64(bytes) })
}

func (s *Stats) fromAgent(hostname string, bytes int) {
	s.traffic(hostname, func(t *Traffic) { t.MessagesFrom++; t.BytesFrom += int64(bytes) })
}

func (s *Stats) fromExecutor(hostname string, bytes int) {
	s.traffic(hostname, func(t *Traffic) { t.Updates++; t.UpdateBytes += int64(bytes) })
}

func (s *Stats) update(hostname string, bytes int) {
	s.traffic(hostname, func(t *Traffic) { t.UpdatesSent++; t.UpdateBytesSent += int64(bytes) })
}
