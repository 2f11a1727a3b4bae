package mesos

import (
	"net/http"

	api "github.com/mesos/mesos-go/api/v1/lib"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/dcos-scaleio/scaleio/lab/mesos/internal/libprocess"
)

// schedulerCall answers POST /api/v1/scheduler. The checks stand in the order of Mesos (src/master/http.cpp): a call with two faults
// is answered for the first.
func (m *Master) schedulerCall(r *libprocess.Request, principal string) *libprocess.Response {
	var call scheduler.Call
	typed, refusal := readCall(r, &call, "mesos.scheduler.Call_Type", func() int32 { return int32(call.Type) })
	if refusal != nil {
		return refusal
	}
	if reason := refusesCall(&call, typed, principal); reason != "" {
		return badRequest("Failed to validate scheduler::Call: %s", reason)
	}
	media := jsonType
	if call.Type == scheduler.Call_SUBSCRIBE {
		var ok bool
		if media, ok = accepts(r.Header); !ok {
			return notAcceptable()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.stats.Calls[call.Type.String()]++
	if call.Type == scheduler.Call_SUBSCRIBE {
		if r.Header.Get("Mesos-Stream-Id") != "" {
			return badRequest("Subscribe calls should not include the 'Mesos-Stream-Id' header")
		}
		if info := call.Subscribe.FrameworkInfo; principal != "" && info.Principal == nil {
			info.Principal = &principal
		}
		return m.subscribe(media, call.Subscribe)
	}
	f, refusal := m.caller(r, &call, principal)
	if refusal != nil {
		return refusal
	}
	return m.handle(f, &call)
}

// caller gives the framework that a call is from.
func (m *Master) caller(r *libprocess.Request, call *scheduler.Call, principal string) (*framework, *libprocess.Response) {
	f := m.frameworks[call.FrameworkID.Value]
	if f == nil {
		return nil, badRequest("Framework cannot be found")
	}
	if principal != "" && principal != f.info.GetPrincipal() {
		return nil, badRequest("Authenticated principal '%s' does not match principal '%s' set in `FrameworkInfo`", principal, f.info.GetPrincipal())
	}
	if !f.connected() {
		return nil, forbidden("Framework is not subscribed")
	}
	id, ok := r.Header["Mesos-Stream-Id"]
	if !ok {
		return nil, badRequest("All non-subscribe calls should include the 'Mesos-Stream-Id' header")
	}
	if id[0] != f.stream.id {
		return nil, badRequest("The stream ID '%s' included in this request didn't match the stream ID currently associated with framework ID %s", id[0], f.id())
	}
	return f, nil
}

// refusesCall is validation::scheduler::call::validate.
func refusesCall(call *scheduler.Call, typed bool, principal string) string {
	if !typed {
		return "Expecting 'type' to be present"
	}
	if call.Type == scheduler.Call_SUBSCRIBE {
		return refusesSubscribe(call, principal)
	}
	if call.FrameworkID == nil {
		return "Expecting 'framework_id' to be present"
	}
	missing := func(name string, present bool) string {
		if present {
			return ""
		}
		return "Expecting '" + name + "' to be present"
	}
	switch call.Type {
	case scheduler.Call_ACCEPT:
		return missing("accept", call.Accept != nil)
	case scheduler.Call_DECLINE:
		return missing("decline", call.Decline != nil)
	case scheduler.Call_ACCEPT_INVERSE_OFFERS:
		return missing("accept_inverse_offers", call.AcceptInverseOffers != nil)
	case scheduler.Call_DECLINE_INVERSE_OFFERS:
		return missing("decline_inverse_offers", call.DeclineInverseOffers != nil)
	case scheduler.Call_KILL:
		return missing("kill", call.Kill != nil)
	case scheduler.Call_SHUTDOWN:
		return missing("shutdown", call.Shutdown != nil)
	case scheduler.Call_ACKNOWLEDGE:
		if call.Acknowledge != nil && len(call.Acknowledge.UUID) != 16 {
			return "Not a valid UUID"
		}
		return missing("acknowledge", call.Acknowledge != nil)
	case scheduler.Call_ACKNOWLEDGE_OPERATION_STATUS:
		return missing("acknowledge_operation_status", call.AcknowledgeOperationStatus != nil)
	case scheduler.Call_RECONCILE:
		return missing("reconcile", call.Reconcile != nil)
	case scheduler.Call_RECONCILE_OPERATIONS:
		return missing("reconcile_operations", call.ReconcileOperations != nil)
	case scheduler.Call_MESSAGE:
		return missing("message", call.Message != nil)
	case scheduler.Call_REQUEST:
		return missing("request", call.Request != nil)
	case scheduler.Call_UPDATE_FRAMEWORK:
		if u := call.UpdateFramework; u != nil && !sameID(call.FrameworkID, u.FrameworkInfo.ID) {
			return "'framework_id' differs from 'update_framework.framework_info.id'"
		}
		return missing("update_framework", call.UpdateFramework != nil)
	}
	return ""
}

func refusesSubscribe(call *scheduler.Call, principal string) string {
	if call.Subscribe == nil {
		return "Expecting 'subscribe' to be present"
	}
	info := call.Subscribe.FrameworkInfo
	if !sameID(call.FrameworkID, info.ID) {
		return "'framework_id' differs from 'subscribe.framework_info.id'"
	}
	if principal != "" && info.Principal != nil && info.GetPrincipal() != principal {
		return "Authenticated principal '" + principal + "' does not match principal '" + info.GetPrincipal() + "' set in `FrameworkInfo`"
	}
	return ""
}

// sameID compares as protobuf's accessors do: none and an empty one are the same (08/104).
func sameID(a, b *api.FrameworkID) bool { return a.GetValue() == b.GetValue() }

// handle carries a valid call out. Everything but UPDATE_FRAMEWORK is answered 202, whatever comes of it.
func (m *Master) handle(f *framework, call *scheduler.Call) *libprocess.Response {
	switch call.Type {
	case scheduler.Call_TEARDOWN:
		m.removeFramework(f)
	case scheduler.Call_ACCEPT:
		m.accept(f, call.Accept)
	case scheduler.Call_DECLINE:
		m.decline(f, call.Decline)
	case scheduler.Call_REVIVE:
		f.revive(call.Revive.GetRoles())
	case scheduler.Call_SUPPRESS:
		f.suppress(call.Suppress.GetRoles())
	case scheduler.Call_KILL:
		m.kill(f, call.Kill)
	case scheduler.Call_SHUTDOWN:
		if s := m.slaves[call.Shutdown.AgentID.Value]; s != nil {
			s.tell(func(a *Agent) { a.shutdownExecutor(f.id(), call.Shutdown.ExecutorID.Value) })
		}
	case scheduler.Call_ACKNOWLEDGE:
		m.acknowledge(f, call.Acknowledge)
	case scheduler.Call_RECONCILE:
		m.reconcile(f, call.Reconcile.Tasks)
	case scheduler.Call_RECONCILE_OPERATIONS:
		m.reconcileOperations(f, call.ReconcileOperations.Operations)
	case scheduler.Call_MESSAGE:
		if s := m.slaves[call.Message.AgentID.Value]; s != nil {
			m.stats.toAgent(s.hostname(), len(call.Message.Data))
			s.tell(func(a *Agent) { a.frameworkMessage(f.id(), call.Message.ExecutorID.Value, call.Message.Data) })
		}
	case scheduler.Call_UPDATE_FRAMEWORK:
		return m.updateFramework(f, call.UpdateFramework)
	case scheduler.Call_ACKNOWLEDGE_OPERATION_STATUS, scheduler.Call_REQUEST,
		scheduler.Call_ACCEPT_INVERSE_OFFERS, scheduler.Call_DECLINE_INVERSE_OFFERS: // taken note of, as Mesos does without such operations or offers
	default:
		return &libprocess.Response{Status: http.StatusNotImplemented}
	}
	return bare(http.StatusAccepted)
}

func (m *Master) updateFramework(f *framework, call *scheduler.Call_UpdateFramework) *libprocess.Response {
	info := &call.FrameworkInfo
	if reason := refusesInfo(info); reason != "" {
		return badRequest("Supplied FrameworkInfo is not valid: %s", reason)
	}
	reason := refusesPrincipal(f.info, info)
	switch {
	case reason != "":
	case info.User != f.info.User:
		reason = "Updating 'FrameworkInfo.user' is unsupported; attempted to update from '" + f.info.User + "' to '" + info.User + "'"
	case info.GetCheckpoint() != f.info.GetCheckpoint():
		reason = "Updating 'FrameworkInfo.checkpoint' is unsupported; attempted to update from '" +
			trueFalse(f.info.GetCheckpoint()) + "' to '" + trueFalse(info.GetCheckpoint()) + "'"
	}
	if reason != "" {
		return badRequest("FrameworkInfo update is not valid: %s", reason)
	}
	if reason := refusesSuppressed(info, call.SuppressedRoles); reason != "" {
		return badRequest("'UpdateFramework' call is not valid: %s", reason)
	}
	f.info = info
	f.suppressed = map[string]bool{}
	for _, role := range call.SuppressedRoles {
		f.suppressed[role] = true
	}
	m.announce(f)
	m.allocator.soon(nil)
	return bare(http.StatusOK)
}

func trueFalse(b bool) string {
	if b {
		return "true"
	}
	return "false"
}
