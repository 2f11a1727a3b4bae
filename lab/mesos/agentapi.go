package mesos

import (
	"net/http"
	"strings"

	api "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/agent"

	"github.com/dcos-scaleio/scaleio/lab/mesos/internal/libprocess"
)

// handle answers the agent's own HTTP.
func (a *Agent) handle(r *libprocess.Request) *libprocess.Response {
	path := strings.TrimPrefix(strings.TrimSuffix(r.Path, "/"), "/slave(1)")
	switch {
	case path == "/api/v1/executor":
		return a.executorCall(r)
	case path == "/api/v1" || strings.HasPrefix(path, "/api/v1/"):
		return a.agentCall(r)
	case path == "/health":
		return bare(http.StatusOK)
	case path == "/version":
		return answerPage("application/json", versionPage())
	case path == "/state":
		return answerPage("application/json", locked(a, (*Agent).statePage))
	}
	return notFound()
}

// agentCall is the little of the agent's operator API that is emulated.
func (a *Agent) agentCall(r *libprocess.Request) *libprocess.Response {
	var call agent.Call
	typed, refusal := readCall(r, &call, "mesos.agent.Call_Type", func() int32 { return int32(call.Type) })
	if refusal != nil {
		return refusal
	}
	if !typed {
		return badRequest("Failed to validate agent::Call: Expecting 'type' to be present")
	}
	if call.Type == agent.Call_GET_METRICS && call.GetMetrics == nil {
		return badRequest("Failed to validate agent::Call: Expecting 'get_metrics' to be present")
	}
	media, ok := accepts(r.Header)
	if !ok {
		return notAcceptable()
	}
	out := &agent.Response{}
	switch call.Type {
	case agent.Call_GET_HEALTH:
		out.Type, out.GetHealth = agent.Response_GET_HEALTH, &agent.Response_GetHealth{Healthy: true}
	case agent.Call_GET_VERSION:
		out.Type, out.GetVersion = agent.Response_GET_VERSION, &agent.Response_GetVersion{VersionInfo: *versionInfo()}
	case agent.Call_GET_LOGGING_LEVEL:
		out.Type, out.GetLoggingLevel = agent.Response_GET_LOGGING_LEVEL, &agent.Response_GetLoggingLevel{}
	case agent.Call_GET_AGENT:
		out.Type, out.GetAgent = agent.Response_GET_AGENT, &agent.Response_GetAgent{AgentInfo: locked(a, func(a *Agent) *api.AgentInfo { return a.info })}
	case agent.Call_GET_OPERATIONS:
		out.Type, out.GetOperations = agent.Response_GET_OPERATIONS, &agent.Response_GetOperations{}
	case agent.Call_GET_RESOURCE_PROVIDERS:
		out.Type, out.GetResourceProviders = agent.Response_GET_RESOURCE_PROVIDERS, &agent.Response_GetResourceProviders{}
	default:
		return &libprocess.Response{Status: http.StatusNotImplemented}
	}
	return answerCall(media, media.encode(out, operatorAlso))
}
