package inventory

import (
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// MaxReport is the most that an encoded Report may take, in bytes (mesos-go.md §8.7).
const MaxReport = 64 << 10

// Report is what a node says of itself. It is complete: it needs no earlier one to be understood.
type Report struct {
	Node       string `json:"node"` // hostname, as Mesos knows the agent
	MachineID  string `json:"machine_id,omitempty"`
	BootID     string `json:"boot_id,omitempty"`
	Generation uint64 `json:"generation"` // of the Desired that Steps, Claims and REXRay speak of; 0: none received yet
	Probe      uint64 `json:"probe"`      // the last Desired.Probe that was answered
	PublicKey  []byte `json:"public_key,omitempty"`
	Version    string `json:"version"` // of the executor

	OS        OS                `json:"os"`
	Addresses []string          `json:"addresses,omitempty"` // global unicast, in the order of the interfaces
	Devices   []Device          `json:"devices,omitempty"`   // whole disks and what looks like one, sorted by path
	Software  map[string]string `json:"software,omitempty"`  // installed version by component: "sds": "3.6-700.103"
	SDCGUID   string            `json:"sdc_guid,omitempty"`

	Steps  []Step               `json:"steps,omitempty"`  // the host steps of Generation, in their order
	Claims map[string][]Refusal `json:"claims,omitempty"` // by Device.ID: checked again for Generation; an empty list means it may be attached
	// Warnings are what the operator should know and nothing waits for: "docker/volume isolator is off".
	Warnings []string `json:"warnings,omitempty"`
}

// OS is the operating system of a node.
type OS struct {
	Name    string `json:"name"`    // "Debian GNU/Linux 12 (bookworm)"
	Kernel  string `json:"kernel"`  // 6.1.0-13-amd64
	Arch    string `json:"arch"`    // amd64
	Package string `json:"package"` // "deb" or "rpm"
}

// State is how far a host step is.
type State string

// The states of a host step.
const (
	Pending State = "pending" // waits for an earlier step
	Running State = "running"
	Done    State = "done"
	Retry   State = "retry"  // failed in a way that may pass; At says when it is tried again
	Failed  State = "failed" // only the operator can help
)

// Stage groups the host steps by the phase of the plan that waits for them.
type Stage string

// The stages, in their order.
const (
	StageInstall Stage = "install" // prerequisites, packages, services
	StageREXRay  Stage = "rexray"
)

// Step is one host step of a node.
type Step struct {
	Name    string     `json:"name"` // stable: "package-sds"
	Stage   Stage      `json:"stage"`
	State   State      `json:"state"`
	Message string     `json:"message,omitempty"` // what it does, did, or why it failed (command, exit status, tail of the output)
	Kind    fault.Kind `json:"kind,omitempty"`    // of the failure
	At      *time.Time `json:"at,omitempty"`      // of the next try, by the node's clock
}

// Reached says whether every step of the stage is done, for a report on generation or a later one.
func (r *Report) Reached(stage Stage, generation uint64) bool {
	if r == nil || r.Generation < generation {
		return false
	}
	for _, s := range r.Steps {
		if s.Stage == stage && s.State != Done {
			return false
		}
	}
	return true
}
