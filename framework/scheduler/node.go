package scheduler

import (
	"fmt"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/offer"
)

// Node is an agent as we manage it, keyed by hostname. The exported fields are stored, and reproduce it after a restart.
type Node struct {
	Name  string `json:"name"`
	Index int    `json:"index"` // of the pod: node-<index>
	Agent Agent  `json:"agent"`

	Later     bool            `json:"later,omitempty"`     // came after the first layout: belongs to the expand plan
	Consent   bool            `json:"consent,omitempty"`   // its unnamed devices may be taken: it was there at the first deployment
	Consented map[string]bool `json:"consented,omitempty"` // single devices that the operator agreed to

	Paused   bool        `json:"paused,omitempty"`   // by an operator: no executor is launched
	Replace  Replacement `json:"replace,omitempty"`  // by an operator
	Replaced string      `json:"replaced,omitempty"` // the task that is being replaced

	Since    time.Time `json:"since,omitzero"` // when it last began to wait for an offer or a first report
	Task     *Task     `json:"task,omitempty"`
	Launches int       `json:"launches,omitempty"` // ever; makes task ids unique
	Failures int       `json:"failures,omitempty"` // of the executor, in a row
	RetryAt  time.Time `json:"retry_at,omitzero"`  // no launch before
	Failure  string    `json:"failure,omitempty"`  // the last one, in words

	Desired     *inventory.Desired `json:"desired,omitempty"` // as last sent or about to be
	InstallFrom uint64             `json:"install_from,omitempty"`
	REXRayFrom  uint64             `json:"rexray_from,omitempty"`
	ClaimFrom   uint64             `json:"claim_from,omitempty"` // generations at which these parts last changed
	Installed   bool               `json:"installed,omitempty"`  // InstallFrom was reached once
	Serves      bool               `json:"serves,omitempty"`     // REXRayFrom was reached once
	Probe       uint64             `json:"probe,omitempty"`
	Report      *inventory.Report  `json:"report,omitempty"`
	ReportTask  string             `json:"report_task,omitempty"` // the task that gave Report

	offer       *mesos.Offer // in hand
	place       offer.Placed // as placement rules see it
	misfit      string       // why the last offer did not do
	declined    bool         // Mesos holds its offers back because we declined one
	listed      bool         // the master has it, connected or not
	killAt      time.Time    // KILL again then
	sentAt      time.Time    // of Desired.Generation; zero: not sent by this scheduler
	sends       int
	reconcileAt time.Time // ask Mesos for the task again then; zero: answered
	serving     string    // "serves scaleio, ...": the message of its rexray step
	badReport   string    // why the last report could not be read
	asked       time.Time // when the node was first told of its claims as they are
	askedFor    uint64    // ClaimFrom of then
	review      bool      // Desired has to be derived anew
	claiming    bool      // its storage step runs: devices are claimed
}

// Task is the one task of a node.
type Task struct {
	ID         string    `json:"id"`
	AgentID    string    `json:"agent_id"`
	ExecutorID string    `json:"executor_id"`
	State      string    `json:"state"` // TASK_STAGING until Mesos tells
	Message    string    `json:"message,omitempty"`
	Since      time.Time `json:"since"`             // launched
	Killing    bool      `json:"killing,omitempty"` // an operator wants it to end
}

// Pod is the name of the pod instance, TaskName that of its task.
func (n *Node) Pod() string      { return fmt.Sprintf("node-%d", n.Index) }
func (n *Node) TaskName() string { return n.Pod() + "-agent" }

// setAgent takes what Mesos tells of the agent.
func (n *Node) setAgent(a Agent) {
	n.Agent = a
	n.place = offer.Placed{Pod: n.Pod(), Hostname: n.Name, Region: a.Region, Zone: a.Zone, Attributes: wireAttributes(a.Attributes)}
}

// Running says whether the executor is there and has told of itself.
func (n *Node) running() bool {
	return n.Task != nil && n.Task.State == mesos.TASK_RUNNING.String() && n.Report != nil && n.Agent.Active && n.Agent.ID == n.Task.AgentID
}

// patience is how long a launch or an offer may take before a node is set aside: no other node waits for it any longer.
const patience = time.Minute

// trouble says why nobody should wait for this node, or "".
func (n *Node) trouble(now time.Time) string {
	switch {
	case n.Paused:
		return "paused by the operator"
	case !n.Agent.Active:
		return "the agent is not connected to the Mesos master"
	case n.Task == nil && n.Failures > 0:
		return n.Failure
	case n.Task != nil && n.Task.State == mesos.TASK_UNREACHABLE.String():
		return "the agent is unreachable"
	case n.Report == nil && !n.Since.IsZero() && now.Sub(n.Since) >= patience:
		return "no report within " + patience.String()
	}
	return ""
}

// retryAfter is the back-off after so many failures in a row.
func retryAfter(failures int, first, most time.Duration) time.Duration {
	d := first
	for range failures - 1 {
		if d *= 2; d >= most {
			return most
		}
	}
	return d
}

// failed records that the task ended.
func (n *Node) failed(now time.Time, why string) {
	n.Task, n.reconcileAt, n.killAt = nil, time.Time{}, time.Time{}
	n.Failures++
	n.Failure = why
	n.RetryAt = now.Add(retryAfter(n.Failures, time.Second, 2*time.Minute))
	n.sentAt, n.sends = time.Time{}, 0
}

// worst gives the host step of a stage that stands out: failed before retrying before running before pending; nil when all are done.
func worst(r *inventory.Report, stage inventory.Stage) *inventory.Step {
	order := []inventory.State{inventory.Failed, inventory.Retry, inventory.Running, inventory.Pending}
	var found *inventory.Step
	for i := range r.Steps {
		s := &r.Steps[i]
		if s.Stage != stage || s.State == inventory.Done {
			continue
		}
		if found == nil || slices.Index(order, s.State) < slices.Index(order, found.State) {
			found = s
		}
	}
	return found
}
