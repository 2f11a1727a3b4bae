package scenario

import (
	"slices"
	"strings"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// Scenario is one file.
type Scenario struct {
	Name    string         `yaml:"name"`
	About   string         `yaml:"about"`
	ScaleIO ScaleIO        `yaml:"scaleio"`
	Mesos   Mesos          `yaml:"mesos"`
	Agents  []Agent        `yaml:"agents"`
	Options map[string]any `yaml:"options"`
	Events  []Event        `yaml:"events"`
	Proof   *bool          `yaml:"proof"` // nil: when the deploy plan is expected to be COMPLETE
	Expect  Expect         `yaml:"expect"`
}

// ScaleIO is the storage system that is there.
type ScaleIO struct {
	APIVersion  string        `yaml:"api_version"`
	MDM         string        `yaml:"mdm"`
	Name        string        `yaml:"name"`
	Password    string        `yaml:"password"`    // the one that the gateway takes
	Given       string        `yaml:"given"`       // the one that the scheduler is given; empty: the same
	Certificate string        `yaml:"certificate"` // trusted, untrusted, insecure
	Answers     string        `yaml:"answers"`     // json, html
	DeviceTest  time.Duration `yaml:"device_test"`
}

// Mesos is the cluster's pace.
type Mesos struct {
	AllocationInterval time.Duration `yaml:"allocation_interval"`
}

// Agent describes Count agents that differ in their number only.
type Agent struct {
	Count       int               `yaml:"count"`
	From        int               `yaml:"from"`
	Hostname    string            `yaml:"hostname"`
	Family      string            `yaml:"family"`
	Resources   string            `yaml:"resources"`
	Attributes  map[string]string `yaml:"attributes"`
	FaultDomain FaultDomain       `yaml:"fault_domain"`
	Devices     []Device          `yaml:"devices"`
}

// FaultDomain is where an agent stands.
type FaultDomain struct {
	Region string `yaml:"region"`
	Zone   string `yaml:"zone"`
}

// Device is a disk.
type Device struct {
	Path       string      `yaml:"path"`
	Size       spec.Size   `yaml:"size"`
	Media      string      `yaml:"media"`
	Type       string      `yaml:"type"`
	Signature  string      `yaml:"signature"`
	Mounted    string      `yaml:"mounted"`
	Partitions []Partition `yaml:"partitions"`
	Holders    []string    `yaml:"holders"`
	Removable  bool        `yaml:"removable"`
	ReadOnly   bool        `yaml:"read_only"`
	ByID       []string    `yaml:"by_id"`
	Model      string      `yaml:"model"`
	Serial     string      `yaml:"serial"`
	Unreadable bool        `yaml:"unreadable"`
}

// Partition is a partition of a Device.
type Partition struct {
	Path      string    `yaml:"path"`
	Size      spec.Size `yaml:"size"`
	Signature string    `yaml:"signature"`
	Mounted   string    `yaml:"mounted"`
}

// Event is something that happens, once: At after the start, or After when When has come to hold. With neither it happens before the
// scheduler is started.
type Event struct {
	At    time.Duration `yaml:"at"`
	When  *When         `yaml:"when"`
	After time.Duration `yaml:"after"`
	Do    Action        `yaml:"do"`
}

// When is a condition on the plans: what is named has the status. Of several steps that match, one is enough.
type When struct {
	Plan    string `yaml:"plan"`
	Phase   string `yaml:"phase"`
	Step    string `yaml:"step"`
	Status  string `yaml:"status"`
	Message string `yaml:"message"` // a regular expression over the step's message
}

// Action is what happens: exactly one of its fields.
type Action struct {
	AgentJoin      *Agent        `yaml:"agent_join"`
	AgentKill      string        `yaml:"agent_kill"`
	AgentReboot    string        `yaml:"agent_reboot"`
	AgentPartition string        `yaml:"agent_partition"`
	AgentHeal      string        `yaml:"agent_heal"`
	AgentRestart   *AgentRestart `yaml:"agent_restart"`
	ExecutorKill   string        `yaml:"executor_kill"`
	DeviceRefuse   *DeviceRefuse `yaml:"device_refuse"`
	DeviceFail     *DeviceFail   `yaml:"device_fail"`
	Gateway        *GatewayFault `yaml:"gateway"`
	HostCommand    *HostCommand  `yaml:"host_command"`
	MasterFailover bool          `yaml:"master_failover"`
	StreamBreak    int           `yaml:"stream_break"`
	SchedulerKill  bool          `yaml:"scheduler_kill"`
	Operator       *Operator     `yaml:"operator"`
	Check          *Expect       `yaml:"check"`
}

// AgentRestart starts an agent's process again, with other attributes when some are given.
type AgentRestart struct {
	Agent      string            `yaml:"agent"`
	Attributes map[string]string `yaml:"attributes"`
}

// DeviceRefuse makes the SDS of an agent refuse a device a number of times.
type DeviceRefuse struct {
	Agent  string `yaml:"agent"`
	Device string `yaml:"device"`
	Times  int    `yaml:"times"`
	Code   string `yaml:"code"`
}

// DeviceFail breaks an attached device.
type DeviceFail struct {
	Agent  string `yaml:"agent"`
	Device string `yaml:"device"`
}

// GatewayFault makes the gateway misbehave for the next Times calls that match Calls.
type GatewayFault struct {
	Calls  string        `yaml:"calls"` // regular expression over "METHOD /path"
	Times  int           `yaml:"times"`
	Status int           `yaml:"status"`
	Body   string        `yaml:"body"`
	Delay  time.Duration `yaml:"delay"`
	Drop   string        `yaml:"drop"` // before or after the work
	HTML   bool          `yaml:"html"`
}

// HostCommand makes a command of an agent's machine misbehave.
type HostCommand struct {
	Agent  string        `yaml:"agent"`
	Match  string        `yaml:"match"` // regular expression over the command line
	Times  int           `yaml:"times"`
	Status int           `yaml:"status"`
	Stderr string        `yaml:"stderr"`
	Hang   bool          `yaml:"hang"`
	Delay  time.Duration `yaml:"delay"`
}

// Operator is a command to the scheduler's API, as the CLI sends it.
type Operator struct {
	Plan    string `yaml:"plan"`
	Command string `yaml:"command"`
	Phase   string `yaml:"phase"`
	Step    string `yaml:"step"`
}

// Expect is what must hold, all at one time, not later than Within after the start.
type Expect struct {
	Plans            map[string]string `yaml:"plans"`
	Steps            []When            `yaml:"steps"`    // each holds now
	Messages         []When            `yaml:"messages"` // each was seen at some time
	Within           time.Duration     `yaml:"within"`
	Pools            map[string]Pool   `yaml:"pools"`
	Refused          []Refused         `yaml:"refused"`
	Proposed         []Proposed        `yaml:"proposed"`
	Health           int               `yaml:"health"`
	LayoutEquals     string            `yaml:"layout_equals"`
	Executors        int               `yaml:"executors"`
	FrameworkIDKept  bool              `yaml:"framework_id_kept"`
	GatewayCallsMost map[string]int    `yaml:"gateway_calls_most"`
	LogLinesMost     int               `yaml:"log_lines_most"`
	SubscribesMost   int               `yaml:"subscribes_most"`
}

// Pool is what a storage pool must consist of.
type Pool struct {
	SDS     int `yaml:"sds"`
	Devices int `yaml:"devices"`
}

// Refused is a device that must have been refused by a check.
type Refused struct {
	Agent  string `yaml:"agent"`
	Device string `yaml:"device"`
	Check  string `yaml:"check"`
}

// Proposed is a device that must wait for consent.
type Proposed struct {
	Agent  string `yaml:"agent"`
	Device string `yaml:"device"`
}

// Resize makes the first kind of agents n of them, and what is expected of a single pool and of executors follows.
func (s *Scenario) Resize(n int) error {
	if len(s.Agents) == 0 || !strings.Contains(s.Agents[0].Hostname, "%") || n < 1 {
		return fault.New(fault.Invalid, "scenario "+s.Name, "resize", "its agents cannot be %d", n)
	}
	more := n - s.Agents[0].Count
	s.Agents[0].Count = n
	if len(s.Expect.Pools) == 1 {
		for name, p := range s.Expect.Pools {
			s.Expect.Pools[name] = Pool{p.SDS + more, p.Devices + more}
		}
	}
	if s.Expect.Executors != 0 {
		s.Expect.Executors += more
	}
	s.Expect.Refused = slices.DeleteFunc(s.Expect.Refused, func(r Refused) bool {
		return !slices.ContainsFunc(s.Agents, func(a Agent) bool { return slices.Contains(a.Hostnames(), r.Agent) })
	})
	s.Expect.LayoutEquals = ""
	return nil
}
