package layout

import (
	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// Attribute is an attribute of a Mesos agent; Type is TEXT, SCALAR, RANGES or SET, Text its value as Mesos prints it ("2.0", "[1-2]").
type Attribute struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Text string `json:"text"`
}

// Node is an agent that may provide or consume storage, and whose inventory is known: one that has not reported yet is left out.
type Node struct {
	Name       string // hostname; one of its kind
	Zone       string
	Attributes []Attribute
	Addresses  []string // as reported
	Devices    []inventory.Device
	// Consent says that devices of this node which no attribute names may be taken by pool.mode: it was there at the first
	// deployment, or the operator (or the option) said yes. Consented holds single devices (by ID) that were agreed to.
	Consent   bool
	Consented map[string]bool
}

// Layout is the desired storage, with a reason for everything.
type Layout struct {
	Domains   []string   `json:"domains"`
	FaultSets []FaultSet `json:"fault_sets,omitempty"`
	Pools     []Pool     `json:"pools"`
	SDSs      []SDS      `json:"sdss"`
	Consumers []Consumer `json:"consumers"`
	Verdicts  []Verdict  `json:"verdicts"` // every device of every node
	Problems  []Problem  `json:"problems,omitempty"`
}

// FaultSet groups SDSs that fail together.
type FaultSet struct {
	Domain string `json:"domain"`
	Name   string `json:"name"`
}

// Pool is a storage pool with its settings.
type Pool struct {
	spec.Pool
	Media        string `json:"media"` // HDD, SSD, Transitional
	SparePercent int    `json:"spare_percent"`
}

// SDS is a node's data server in one protection domain.
type SDS struct {
	Name      string   `json:"name"`
	Node      string   `json:"node"`
	Domain    string   `json:"domain"`
	FaultSet  string   `json:"fault_set,omitempty"`
	Addresses []string `json:"addresses"`
	Devices   []Device `json:"devices"`
}

// Device is a device that has its place.
type Device struct {
	ID    string    `json:"id"`
	Path  string    `json:"path"`
	Size  spec.Size `json:"size"`
	Media string    `json:"media"`
	Pool  spec.Pool `json:"pool"`
	// Attached is the ObservedDevice.ID that it has already; empty: it is still to be attached.
	Attached string `json:"attached,omitempty"`
}

// Consumer is what a node's apps may use; the first pool is the default one.
type Consumer struct {
	Node  string      `json:"node"`
	Pools []spec.Pool `json:"pools"`
}

// Outcome is what became of a device.
type Outcome string

// The outcomes.
const (
	Taken    Outcome = "taken"    // in the layout
	Proposed Outcome = "proposed" // would be taken; waits for consent
	Refused  Outcome = "refused"
)

// Verdict is what the plan says of one device, and why.
type Verdict struct {
	Node     string              `json:"node"`
	Device   inventory.Device    `json:"device"`
	Outcome  Outcome             `json:"outcome"`
	Pool     *spec.Pool          `json:"pool,omitempty"`     // of a taken or proposed one
	Refusals []inventory.Refusal `json:"refusals,omitempty"` // of a refused one: every check that said no
	Reason   string              `json:"reason"`             // one sentence
}

// Severity of a problem.
type Severity string

// An Error stops the plan before anything is touched (of Node, if it names one; of everything otherwise). A Warning is shown.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Problem is a rule that the layout does not keep.
type Problem struct {
	Code     string   `json:"code"` // "LAYOUT-007"
	Severity Severity `json:"severity"`
	Node     string   `json:"node,omitempty"` // the node whose input is at fault; only its devices are held back
	Message  string   `json:"message"`        // what is wrong: agent, attribute, value, expected
	Fix      string   `json:"fix"`            // what to do
}

// Observed is the system as the gateway reports it.
type Observed struct {
	ID         string                   `json:"id"` // 16 hex digits
	Name       string                   `json:"name"`
	APIVersion string                   `json:"api_version"`
	Cluster    string                   `json:"cluster"` // ClusteredNormal, ClusteredDegraded, ...
	MDMs       []string                 `json:"mdms"`    // addresses of the managers
	Domains    []ObservedDomain         `json:"domains"`
	FaultSets  []ObservedFaultSet       `json:"fault_sets,omitempty"`
	Pools      []ObservedPool           `json:"pools"`
	SDSs       []ObservedSDS            `json:"sdss"`
	Devices    []ObservedDevice         `json:"devices"`
	SDCs       []ObservedSDC            `json:"sdcs"`
	Limits     map[string]ObservedLimit `json:"limits,omitempty"` // querySystemLimits by type; empty when the system does not tell
}

// ObservedDomain is a protection domain.
type ObservedDomain struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	State string `json:"state"`
}

// ObservedFaultSet is a fault set.
type ObservedFaultSet struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Domain string `json:"domain"` // by name
}

// ObservedPool is a storage pool. Capacities are in KiB, as ScaleIO counts.
type ObservedPool struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	Domain       string `json:"domain"`
	Media        string `json:"media"`
	SparePercent int    `json:"spare_percent"`
	CapacityKB   uint64 `json:"capacity_kb"`
	SpareKB      uint64 `json:"spare_kb"`
	UsedKB       uint64 `json:"used_kb"`
	AvailableKB  uint64 `json:"available_kb"` // for new volumes, after mirroring
	Busy         bool   `json:"busy"`         // rebuild or rebalance is running
	// Ours says that we created it (the caller remembers): only then is a spare percentage above the needed one lowered again.
	Ours       bool   `json:"ours"`
	DegradedKB uint64 `json:"degraded_kb"`
	FailedKB   uint64 `json:"failed_kb"`
}

// ObservedSDS is a data server.
type ObservedSDS struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Domain      string   `json:"domain"`
	FaultSet    string   `json:"fault_set,omitempty"`
	Addresses   []string `json:"addresses"`
	Port        int      `json:"port"`
	Membership  string   `json:"membership"`  // Joined, JoinPending, Decoupled
	Connection  string   `json:"connection"`  // Connected, Disconnected
	Maintenance string   `json:"maintenance"` // NoMaintenance, ...
}

// ObservedDevice is a device of an SDS.
type ObservedDevice struct {
	ID           string `json:"id"`
	SDS          string `json:"sds"` // by name, as Pool and Domain
	Pool         string `json:"pool"`
	Domain       string `json:"domain"`
	Path         string `json:"path"`
	OriginalPath string `json:"original_path"`
	CapacityKB   uint64 `json:"capacity_kb"`
	State        string `json:"state"`       // Normal, ...
	ErrorState   string `json:"error_state"` // None, Error, ...
}

// ObservedSDC is a client.
type ObservedSDC struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	GUID       string `json:"guid"`
	Address    string `json:"address"`
	Connection string `json:"connection"`
}

// ObservedLimit is a bound that the live system states.
type ObservedLimit struct {
	Min uint64 `json:"min"`
	Max uint64 `json:"max"`
}

// Kind names an operation on ScaleIO.
type Kind string

// The operations. Each is idempotent: the gateway looks up before it creates, and what is already so is not touched.
const (
	CreateDomain   Kind = "create-domain"
	CreateFaultSet Kind = "create-fault-set"
	CreatePool     Kind = "create-pool"
	SetSpare       Kind = "set-spare"
	CreateSDS      Kind = "create-sds"
	AddDevice      Kind = "add-device"
)

// Operation is one change of the system. Which fields are set follows from the kind.
type Operation struct {
	Kind     Kind
	Domain   string
	FaultSet string
	Pool     Pool   // CreatePool, SetSpare, AddDevice (its name and settings)
	SDS      SDS    // CreateSDS, AddDevice (without Devices)
	Device   Device // AddDevice
	Node     string // whose step this belongs to; "" for domains, fault sets and pools
	After    []string
}

// Key identifies the operation: "create-pool mydomain/mypool", "add-device agent-02 /dev/xvdf". Stable over calls of Diff; what After names.
func (o Operation) Key() string {
	switch o.Kind {
	case CreateDomain:
		return string(o.Kind) + " " + o.Domain
	case CreateFaultSet:
		return string(o.Kind) + " " + o.Domain + "/" + o.FaultSet
	case CreatePool, SetSpare:
		return string(o.Kind) + " " + o.Pool.String()
	case CreateSDS:
		return string(o.Kind) + " " + o.SDS.Name
	default:
		return string(o.Kind) + " " + o.Node + " " + o.Device.ID
	}
}
