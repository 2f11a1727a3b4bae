package scheduler

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Metrics count what the driver does. Registry is what the API serves.
type Metrics struct {
	Registry     *prometheus.Registry
	calls        *prometheus.CounterVec
	events       *prometheus.CounterVec
	operations   *prometheus.CounterVec
	messageBytes prometheus.Counter
}

func newMetrics() *Metrics {
	m := &Metrics{
		Registry:   prometheus.NewRegistry(),
		calls:      counters("scaleio_mesos_calls_total", "Calls to the Mesos master.", "type"),
		events:     counters("scaleio_mesos_events_total", "Events from the Mesos master.", "type"),
		operations: counters("scaleio_gateway_operations_total", "Operations on the ScaleIO gateway.", "operation", "result"),
		messageBytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "scaleio_node_message_bytes_total", Help: "Bytes of desired states sent to nodes.",
		}),
	}
	m.Registry.MustRegister(m.calls, m.events, m.operations, m.messageBytes, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func (m *Metrics) gateway(operation string, err error) {
	result := "done"
	if err != nil {
		result = "failed"
	}
	m.operations.WithLabelValues(operation, result).Inc()
}
