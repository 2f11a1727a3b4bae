package mesos

import (
	"context"
	"log/slog"
	"net"
	"time"

	"github.com/google/uuid"
	api "github.com/mesos/mesos-go/api/v1/lib"
)

// Config is a cluster's pace and its seams. Every zero value is usable.
type Config struct {
	// AllocationInterval is the allocator's cycle; 0 allocates as soon as something is free. Mesos: 1 s.
	AllocationInterval time.Duration
	// RegistrationBackoff is how long an agent waits before it (re-)registers; 0 is at once. Mesos: up to 1 s.
	RegistrationBackoff time.Duration
	// AgentNotice is how long an agent takes to notice that there is a new master. Mesos: 1 s with ZooKeeper, 75 s without. 0 is at once.
	AgentNotice time.Duration
	// LaunchDelay is how long an agent takes to start any process. Mesos: 60 ms and more. 0 is at once.
	LaunchDelay time.Duration

	HeartbeatInterval             time.Duration // default 15 s
	PingTimeout                   time.Duration // default 15 s
	MaxPingTimeouts               int           // default 5
	DefaultRefuse                 time.Duration // default 5 s
	OfferTimeout                  time.Duration // default never
	AgentReregisterTimeout        time.Duration // default 10 min
	UpdateRetry                   time.Duration // default 10 s; doubles up to 10 min
	ExecutorRegistrationTimeout   time.Duration // default 1 min
	ExecutorReregistrationTimeout time.Duration // default 2 s
	ExecutorShutdownGrace         time.Duration // default 5 s

	// Registry is what a master remembers of agents after a failover: ReplicatedLog (default) or InMemory (nothing).
	Registry Registry
	// Credentials are principals and secrets; nil asks nobody for them.
	Credentials map[string]string

	MasterID string // of the first master; default a new UUID
	Hostname string // of the master; default the address of its listener
	// Region and Zone are the master's own fault domain: agents with a domain need a master with one. Default: those of the first agent.
	Region, Zone string

	Now    func() time.Time                        // default time.Now; stamps statuses, it drives no timer
	UUID   func() uuid.UUID                        // default uuid.New
	Listen func(addr string) (net.Listener, error) // of agents; default TCP
	Log    *slog.Logger                            // default silent
}

// Registry says where masters keep the list of agents.
type Registry string

const (
	// ReplicatedLog survives a master: the next one waits for the agents in it.
	ReplicatedLog Registry = "replicated_log"
	// InMemory dies with the master.
	InMemory Registry = "in_memory"
)

// Real gives c the pace of a real cluster without ZooKeeper (reference/mesos.md §3.10).
func (c Config) Real() Config {
	c.AllocationInterval = time.Second
	c.RegistrationBackoff = 800 * time.Millisecond
	c.AgentNotice = 75 * time.Second
	c.LaunchDelay = 60 * time.Millisecond
	return c
}

func (c Config) withDefaults() Config {
	preset := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	preset(&c.HeartbeatInterval, 15*time.Second)
	preset(&c.PingTimeout, 15*time.Second)
	preset(&c.DefaultRefuse, 5*time.Second)
	preset(&c.AgentReregisterTimeout, 10*time.Minute)
	preset(&c.UpdateRetry, 10*time.Second)
	preset(&c.ExecutorRegistrationTimeout, time.Minute)
	preset(&c.ExecutorReregistrationTimeout, 2*time.Second)
	preset(&c.ExecutorShutdownGrace, 5*time.Second)
	if c.MaxPingTimeouts == 0 {
		c.MaxPingTimeouts = 5
	}
	if c.Registry == "" {
		c.Registry = ReplicatedLog
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.UUID == nil {
		c.UUID = uuid.New
	}
	if c.Listen == nil {
		c.Listen = func(addr string) (net.Listener, error) { return net.Listen("tcp", addr) }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Attribute is an agent's attribute as its command line would give it: Type is "" or "TEXT", "SCALAR", "RANGES"; with "" the text
// decides as Mesos does: a number is a SCALAR, [1-2,4-5] RANGES, everything else (also "a:b" and "/dev/xvdf") TEXT.
type Attribute struct{ Name, Type, Text string }

// AgentConfig is one agent.
type AgentConfig struct {
	Hostname   string
	Address    string // to listen on; default 127.0.0.1:0, and the same port again after a restart
	Attributes []Attribute
	// Resources in Mesos's syntax: "cpus:2;mem:1024;disk(scaleio):2048;ports:[31000-31010]"; default cpus 4, mem 8192, disk 102400, ports.
	Resources    string
	Region, Zone string // fault domain
	// WorkDir holds sandboxes; default a temporary directory of the master that goes at Close.
	WorkDir string
	// Launcher starts executors and command tasks; default Processes.
	Launcher Launcher
	// FrameworksHome resolves relative URIs.
	FrameworksHome string
}

// Launcher starts an executor, or the command of a task without one. The fetcher has put the URIs into the sandbox.
type Launcher interface {
	Launch(ctx context.Context, l Launch) (Process, error)
}

// Launch is what an agent hands to a Launcher.
type Launch struct {
	AgentID, FrameworkID string
	ContainerID          string
	Hostname             string // of the agent
	Executor             *api.ExecutorInfo
	Task                 *api.TaskInfo // the command task, nil for a custom executor
	Env                  []string      // exactly what a real agent sets (reference/mesos.md §3.5) and the command's own variables
	Sandbox              string
	Path                 string // of the program
	Argv                 []string
	User                 string
}

// Process is a launched executor or command.
type Process interface {
	Wait() (status int) // a wait(2) status; called once
	Kill()              // SIGKILL, with everything that the process started
}

// Terminator is a Process that can be asked to end: SIGTERM. Without it a command task's process is killed.
type Terminator interface{ Terminate() }

// Identified is a Process that has a process id, which shows in container_status.
type Identified interface{ Pid() int }
