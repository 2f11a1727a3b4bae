package mesos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/mesos/mesos-go/api/v1/lib/master"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// Operator is one subscription to what happens in the cluster, and questions to the leading master.
type Operator struct {
	subscription *subscription[*master.Event]
}

// NewOperator takes the masters as they are; Run and Agents say what is wrong with them.
func NewOperator(c Config) *Operator {
	return &Operator{newSubscription(c, protocol[*master.Event]{
		peer: "master", path: "/api/v1", longest: longestPause,
		decode: decode[master.Event],
		notice: operatorNotice,
		hint:   operatorHint,
	})}
}

// Run subscribes to the cluster's events and stays subscribed until ctx ends (then its error is ctx.Err()) or the
// masters refuse. handle is called from this goroutine only. Each stream gives SUBSCRIBED with the whole state, then
// what changes (AGENT_ADDED, AGENT_REMOVED, ...), and then exactly once no event and why the stream is lost.
func (o *Operator) Run(ctx context.Context, handle func(event *master.Event, lost error)) error {
	subscribe := master.Call{Type: master.Call_SUBSCRIBE}
	return o.subscription.run(ctx, subscribe.Marshal, handle)
}

// Agents gives every agent that the leading master knows: the registered ones, then those of its registry that did
// not come back yet after a failover (not active, without version).
func (o *Operator) Agents(ctx context.Context) ([]master.Response_GetAgents_Agent, error) {
	answer, err := o.ask(ctx, master.Call{Type: master.Call_GET_AGENTS})
	if err != nil {
		return nil, err
	}
	agents := answer.GetGetAgents().GetAgents()
	for _, info := range answer.GetGetAgents().GetRecoveredAgents() {
		agents = append(agents, master.Response_GetAgents_Agent{AgentInfo: info})
	}
	return agents, nil
}

// ask asks the master of the stream, if there is one, and then each of the list once, until one answers.
func (o *Operator) ask(ctx context.Context, call master.Call) (*master.Response, error) {
	s := o.subscription
	op := "call " + call.Type.String()
	masters, err := s.config.endpoints(s.path)
	if err != nil {
		return nil, err
	}
	if st := s.current.Load(); st != nil {
		masters = append([]*url.URL{st.at}, masters...)
	} else {
		defer s.transport.CloseIdleConnections()
	}
	body, err := call.Marshal()
	if err != nil {
		return nil, fault.New(fault.Internal, "", op, "does not encode: %w", err)
	}
	var last error
	for _, m := range masters {
		answer, at, err := o.askOne(ctx, m, body)
		if err == nil {
			return answer, nil
		}
		last = s.fault(kindOf(err), at, op, err)
		if r := (*refusal)(nil); ctx.Err() != nil || errors.As(err, &r) && r.kind() != fault.Temporary {
			break
		}
	}
	return nil, last
}

func (o *Operator) askOne(ctx context.Context, to *url.URL, body []byte) (*master.Response, *url.URL, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resp, at, err := o.subscription.follow(ctx, to, body)
	if err != nil {
		return nil, at, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, at, refused(resp)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return nil, at, plain(ctx, err)
	}
	if len(data) > maxAnswer {
		return nil, at, fmt.Errorf("an answer above %d bytes", maxAnswer)
	}
	answer := new(master.Response)
	if err := answer.Unmarshal(data); err != nil {
		return nil, at, fmt.Errorf("an answer that does not decode: %w", err)
	}
	return answer, at, nil
}

func operatorNotice(e *master.Event) notice {
	if e.Type != master.Event_SUBSCRIBED {
		return notice{}
	}
	return notice{subscribed: true, heartbeat: seconds(e.Subscribed.GetHeartbeatIntervalSeconds())}
}

func operatorHint(answer *refusal) string {
	if answer.kind() == fault.Denied {
		return "check the principal and secret, and that Mesos permits it to see the cluster"
	}
	return "check that the list of masters names Mesos masters"
}
