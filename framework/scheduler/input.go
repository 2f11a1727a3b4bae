package scheduler

import (
	"strconv"
	"strings"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mesosscheduler "github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/state"
)

// Input is one thing that happened. The closed list follows.
type Input interface{ input() }

type (
	// MesosEvent came on the subscription.
	MesosEvent struct{ Event *mesosscheduler.Event }
	// MesosLost says that the subscription ended; another one follows.
	MesosLost struct{ Err error }
	// AgentsListed is the whole list of agents that the master has.
	AgentsListed struct{ Agents []Agent }
	// AgentsHidden says that the list cannot be had: agents are known by their offers alone.
	AgentsHidden struct{ Err error }
	// AgentAdded is an agent that registered.
	AgentAdded struct{ Agent Agent }
	// AgentRemoved is an agent that the master gave up, by id.
	AgentRemoved struct{ ID string }
	// CallFailed is a call that did not reach Mesos, or was refused.
	CallFailed struct {
		Call *mesosscheduler.Call
		Err  error
	}
	// SystemObserved answers Ready.Observe.
	SystemObserved struct {
		System *layout.Observed
		Err    error
	}
	// Applied answers one of Ready.Apply.
	Applied struct {
		Operation layout.Operation
		Err       error
	}
	// Tick is nothing but the passing of time (Ready.Wake).
	Tick struct{}
)

func (MesosEvent) input()     {}
func (MesosLost) input()      {}
func (AgentsListed) input()   {}
func (AgentsHidden) input()   {}
func (AgentAdded) input()     {}
func (AgentRemoved) input()   {}
func (CallFailed) input()     {}
func (SystemObserved) input() {}
func (Applied) input()        {}
func (Tick) input()           {}

// Ready is what the core wants done: first Records, durably; then the rest, Calls in their order.
type Ready struct {
	Records []state.Write
	Calls   []*mesosscheduler.Call
	Desired []Message
	Observe bool               // read the whole system from the gateway
	Apply   []layout.Operation // in their order
	Wake    time.Time          // Step(Tick) then, at the latest; zero: no need
	Changed bool               // something that operators see
	Stop    error              // not nil: this scheduler is over (another has its place, or the framework was removed)
}

// Message is a desired state on its way to a node. The driver adds the secrets, sealed to PublicKey.
type Message struct {
	AgentID, ExecutorID string
	PublicKey           []byte
	Desired             inventory.Desired
}

// Agent is what Mesos tells of an agent.
type Agent struct {
	ID         string             `json:"id"`
	Hostname   string             `json:"hostname"`
	Region     string             `json:"region,omitempty"`
	Zone       string             `json:"zone,omitempty"`
	Attributes []layout.Attribute `json:"attributes,omitempty"`
	Active     bool               `json:"active"`
}

// AgentOf reads an agent out of what the operator API gives.
func AgentOf(info *mesos.AgentInfo, active bool) Agent {
	a := Agent{ID: info.GetID().Value, Hostname: info.Hostname, Attributes: attributes(info.Attributes), Active: active}
	a.place(info.GetDomain())
	return a
}

func agentOfOffer(o *mesos.Offer) Agent {
	a := Agent{ID: o.AgentID.Value, Hostname: o.Hostname, Attributes: attributes(o.Attributes), Active: true}
	a.place(o.Domain)
	return a
}

func (a *Agent) place(domain *mesos.DomainInfo) {
	if f := domain.GetFaultDomain(); f != nil {
		a.Region, a.Zone = f.Region.Name, f.Zone.Name
	}
}

// wireAttributes is the way back, for placement rules: they compare texts.
func wireAttributes(all []layout.Attribute) []mesos.Attribute {
	var out []mesos.Attribute
	for _, a := range all {
		out = append(out, mesos.Attribute{Name: a.Name, Type: mesos.TEXT, Text: &mesos.Value_Text{Value: a.Text}})
	}
	return out
}

func attributes(from []mesos.Attribute) []layout.Attribute {
	var all []layout.Attribute
	for _, a := range from {
		all = append(all, layout.Attribute{Name: a.Name, Type: a.Type.String(), Text: attributeText(a)})
	}
	return all
}

func attributeText(a mesos.Attribute) string {
	switch a.Type {
	case mesos.TEXT:
		return a.GetText().GetValue()
	case mesos.SCALAR:
		return strconv.FormatFloat(a.GetScalar().GetValue(), 'f', -1, 64)
	case mesos.SET:
		return "{" + strings.Join(a.GetSet().GetItem(), ",") + "}"
	case mesos.RANGES:
		var parts []string
		for _, r := range a.GetRanges().GetRange() {
			parts = append(parts, strconv.FormatUint(r.Begin, 10)+"-"+strconv.FormatUint(r.End, 10))
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	return ""
}
