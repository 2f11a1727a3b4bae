package lab

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dcos-scaleio/scaleio/lab/consumer"
	"github.com/dcos-scaleio/scaleio/lab/host"
	"github.com/dcos-scaleio/scaleio/lab/mesos"
	"github.com/dcos-scaleio/scaleio/lab/rexray"
	"github.com/dcos-scaleio/scaleio/lab/scaleio"
	"github.com/dcos-scaleio/scaleio/lab/scenario"
)

// mdms are the addresses of the managers that are there from the start.
var mdms = []string{"10.0.0.10", "10.0.0.11", "10.0.0.12"}

// rexrayBinary is where DC/OS has it.
const rexrayBinary = "/opt/mesosphere/bin/rexray"

// Programs are the binaries that the lab starts.
type Programs struct {
	Lab       string // itself: what the programs of emulated machines are links to
	Scheduler string
	Executor  string
}

// Cluster is a running lab.
type Cluster struct {
	scenario *scenario.Scenario
	programs Programs
	dir      string
	machines string // directory of the machines and of the agents' sandboxes: dir, or one in memory
	log      *slog.Logger

	system    *scaleio.System
	gateway   *scaleio.Gateway
	caFile    string
	packages  []artifact
	files     *http.Server
	programmd *host.Server
	minder    *minder
	scheduler *scheduler

	setup  setup
	master *mesos.Master // nil: a real one is used
	uri    string        // of the master

	serving sync.WaitGroup

	mu        sync.Mutex // guards all below
	hosts     map[string]*host.Host
	order     []string
	agents    map[string]*mesos.Agent
	executors map[string]mesos.Process // the last one by hostname
	launched  int
}

// artifact is a package file that the lab serves.
type artifact struct {
	component, family, url, sha256, version string
}

// setup is how a cluster differs from the usual one.
type setup struct {
	master    string // URL of a real master
	inProcess bool   // no process but the scheduler's: for the bench
	memory    string // directory in memory for the machines' files; "" keeps them with the others
}

// newCluster brings everything up but the scheduler. close it in any case.
func newCluster(s *scenario.Scenario, p Programs, how setup, log *slog.Logger) (c *Cluster, err error) {
	c = &Cluster{scenario: s, programs: p, log: log, setup: how, uri: how.master,
		hosts: map[string]*host.Host{}, agents: map[string]*mesos.Agent{}, executors: map[string]mesos.Process{}}
	// Short: unix sockets in it must stay below 108 bytes.
	if c.dir, err = os.MkdirTemp("", "slab-"); err != nil {
		return c, err
	}
	c.machines = c.dir
	for _, step := range []func() error{c.startMinder, c.moveMachines, c.startStorage, c.startPackages, c.startMachines, c.startMesos} {
		if err = step(); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (c *Cluster) startMinder() (err error) {
	if c.minder, err = startMinder(c.programs.Lab); err == nil {
		c.minder.dir(c.dir)
	}
	return err
}

// moveMachines puts the machines' files into memory, if that is wanted.
func (c *Cluster) moveMachines() (err error) {
	if c.setup.memory == "" {
		return nil
	}
	if c.machines, err = os.MkdirTemp(c.setup.memory, "slab-"); err == nil {
		c.minder.dir(c.machines)
	}
	return err
}

func (c *Cluster) startStorage() error {
	s := c.scenario.ScaleIO
	c.system = scaleio.New(scaleio.Config{APIVersion: s.APIVersion, Name: s.Name, Password: s.Password, MDMs: mdms, DeviceTest: s.DeviceTest})
	if s.Answers == "html" {
		c.system.Faults().HTML(http.StatusOK, -1)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if c.gateway, err = c.system.ServeTLS(l); err != nil {
		return err
	}
	c.caFile = c.path("gateway-ca.pem")
	return os.WriteFile(c.caFile, c.gateway.CA, 0o644)
}

// startPackages serves what the vendor would.
func (c *Cluster) startPackages() error {
	version := c.scenario.ScaleIO.APIVersion + "-700.103"
	mux := http.NewServeMux()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	for _, family := range []string{"deb", "rpm"} {
		for _, component := range []string{"sds", "sdc", "lia"} {
			p := host.Component(component, version, family)
			sum := sha256.Sum256(p.Bytes())
			c.packages = append(c.packages, artifact{component, family, "http://" + l.Addr().String() + "/" + p.FileName(), hex.EncodeToString(sum[:]), version})
			mux.HandleFunc("GET /"+p.FileName(), func(w http.ResponseWriter, _ *http.Request) {
				// Who asked may be gone.
				if _, err := w.Write(p.Bytes()); err != nil {
					return
				}
			})
		}
	}
	c.files = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	c.serving.Add(1)
	go func() {
		defer c.serving.Done()
		if err := c.files.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			c.log.Error("serving packages", "error", err)
		}
	}()
	return nil
}

func (c *Cluster) path(elements ...string) string {
	return filepath.Join(append([]string{c.dir}, elements...)...)
}

func (c *Cluster) startMachines() (err error) {
	c.programmd, err = host.Serve(c.path("s"), func(root string) *host.Host { return c.host(filepath.Base(root)) })
	return err
}

func (c *Cluster) startMesos() error {
	if c.uri == "" {
		c.master = mesos.NewMaster(mesos.Config{AllocationInterval: c.scenario.Mesos.AllocationInterval, Log: c.log})
		if err := c.master.Start("127.0.0.1:0"); err != nil {
			return err
		}
		c.uri = c.master.Addr()
		for _, a := range c.scenario.Agents {
			if err := c.addAgents(a); err != nil {
				return err
			}
		}
		return nil
	}
	return c.adopt()
}

// host gives a machine by hostname, or nil.
func (c *Cluster) host(name string) *host.Host {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.hosts[name]
}

func (c *Cluster) agent(name string) (*mesos.Agent, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.agents[name]; a != nil {
		return a, nil
	}
	return nil, fmt.Errorf("there is no emulated agent %s", name)
}

// addMachine makes the machine of an agent.
func (c *Cluster) addMachine(name string, a scenario.Agent) (*host.Host, error) {
	c.mu.Lock()
	index := len(c.order)
	c.mu.Unlock()
	cfg := host.Config{Dir: filepath.Join(c.machines, "h", name), Hostname: name, IP: fmt.Sprintf("10.1.%d.%d", index/250, index%250+1), Family: a.Family,
		Devices: devices(a.Devices), Storage: c.system, MDMs: mdms, Binary: c.programs.Lab, Socket: c.path("s"), Volumes: c.path("v"),
		RestartPause: time.Second, Log: c.log,
		Programs: map[string]host.Program{"rexray": rexray.Program},
		Commands: map[string]host.Command{"rexray": rexray.Command, "dvdcli": consumer.Dvdcli}}
	if c.setup.inProcess {
		cfg.Binary, cfg.Socket, cfg.Programs = "", "", benchPrograms
	}
	h, err := host.New(cfg)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hosts[name] = h
	c.order = append(c.order, name)
	return h, nil
}

// addAgents makes machines and puts their agents into the cluster.
func (c *Cluster) addAgents(a scenario.Agent) error {
	var launch mesos.Launcher = launcher{c}
	if c.setup.inProcess {
		launch = inProcess{c}
	}
	for _, name := range a.Hostnames() {
		if _, err := c.addMachine(name, a); err != nil {
			return err
		}
		agent, err := c.master.AddAgent(mesos.AgentConfig{Hostname: name, Attributes: attributes(a.Attributes), Resources: a.Resources,
			Region: a.FaultDomain.Region, Zone: a.FaultDomain.Zone, WorkDir: filepath.Join(c.machines, "w", name), Launcher: launch})
		if err != nil {
			return err
		}
		c.mu.Lock()
		c.agents[name] = agent
		c.mu.Unlock()
	}
	return nil
}

func attributes(all map[string]string) []mesos.Attribute {
	var list []mesos.Attribute
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, mesos.Attribute{Name: name, Text: all[name]})
	}
	return list
}

func devices(all []scenario.Device) []host.Device {
	var list []host.Device
	for _, d := range all {
		one := host.Device{Path: d.Path, Size: uint64(d.Size), Media: d.Media, Type: d.Type, Signature: d.Signature, Mounted: d.Mounted, Holders: d.Holders,
			ByID: d.ByID, Removable: d.Removable, ReadOnly: d.ReadOnly, Model: d.Model, Serial: d.Serial, Unreadable: d.Unreadable}
		for _, p := range d.Partitions {
			one.Partitions = append(one.Partitions, host.Partition{Path: p.Path, Size: uint64(p.Size), Signature: p.Signature, Mounted: p.Mounted})
		}
		list = append(list, one)
	}
	return list
}

// launcher starts executors as real processes, and remembers them.
type launcher struct{ *Cluster }

func (l launcher) Launch(ctx context.Context, launch mesos.Launch) (mesos.Process, error) {
	p, err := (mesos.Processes{}).Launch(ctx, launch)
	if err != nil {
		return nil, err
	}
	own := child{p, l.minder}
	l.minder.group(own.Pid())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.executors[launch.Hostname] = own
	l.launched++
	return own, nil
}

// child is a real process that the minder minds.
type child struct {
	mesos.Process
	minder *minder
}

func (c child) Pid() int   { return c.Process.(mesos.Identified).Pid() }
func (c child) Terminate() { c.Process.(mesos.Terminator).Terminate() }
func (c child) Wait() int {
	status := c.Process.Wait()
	c.minder.ended(c.Pid())
	return status
}

// startScheduler starts the scheduler's process for the first time.
func (c *Cluster) startScheduler(options map[string]any) error {
	port, err := freePort()
	if err != nil {
		return err
	}
	environment, err := c.environment(port, options)
	if err != nil {
		return err
	}
	c.scheduler = &scheduler{binary: c.programs.Scheduler, env: environment, log: c.path("scheduler.log"), base: fmt.Sprintf("http://127.0.0.1:%d", port), minder: c.minder}
	c.scheduler.token, _ = c.scenario.FlatOptions()["api.token"].(string) // most need none
	return c.scheduler.start()
}

// kill is the death of an agent's machine.
func (c *Cluster) killAgent(name string) error {
	a, err := c.agent(name)
	if err != nil {
		return err
	}
	a.Kill()
	c.host(name).PowerOff()
	return nil
}

// Close ends everything; the directory goes unless it is kept.
func (c *Cluster) close(keep bool) error {
	var all []error
	if c.scheduler != nil {
		c.scheduler.kill()
	}
	if c.master != nil {
		c.master.Close()
	}
	for _, name := range c.order {
		c.hosts[name].Close()
	}
	if c.programmd != nil {
		c.programmd.Close()
	}
	if c.files != nil {
		all = append(all, c.files.Close())
	}
	if c.gateway != nil {
		all = append(all, c.gateway.Close())
	}
	c.serving.Wait()
	if !keep {
		all = append(all, os.RemoveAll(c.machines), os.RemoveAll(c.dir))
	}
	if c.minder != nil {
		if keep {
			c.minder.tell("kept", c.dir)
		}
		all = append(all, c.minder.close())
	}
	return errors.Join(all...)
}

// drivers lists the volume drivers whose sockets are on a machine.
func drivers(h *host.Host) []string {
	found, err := filepath.Glob(h.Path("/run/docker/plugins/*.sock"))
	if err != nil {
		return nil
	}
	var names []string
	for _, name := range found {
		names = append(names, strings.TrimSuffix(filepath.Base(name), ".sock"))
	}
	return names
}
