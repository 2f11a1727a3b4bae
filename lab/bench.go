package lab

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dcos-scaleio/scaleio/framework/executor"
	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/node"
	"github.com/dcos-scaleio/scaleio/lab/host"
	"github.com/dcos-scaleio/scaleio/lab/mesos"
	"github.com/dcos-scaleio/scaleio/lab/progress"
	"github.com/dcos-scaleio/scaleio/lab/rexray"
	"github.com/dcos-scaleio/scaleio/lab/scenario"
)

// The bench measures the framework, not processes and machines: the scheduler is its real process, the executors are the production code
// in goroutines of the lab, and what they run on machines is answered at once. It is the one place where the lab imports the framework's
// edges (design §5.11).

// Figures are what one size of cluster took.
type Figures struct {
	Agents       int     `json:"agents"`
	Seconds      float64 `json:"seconds"` // from the scheduler's start to COMPLETE
	MesosCalls   int     `json:"mesos_calls"`
	GatewayCalls int     `json:"gateway_calls"`
	BytesPerNode int64   `json:"bytes_per_node"`
	PeakRSS      int64   `json:"peak_rss"`
	CPUSeconds   float64 `json:"cpu_seconds"`     // of the scheduler: what it took, whatever else the machine had to do
	LabCPU       float64 `json:"lab_cpu_seconds"` // of the lab in the same time: executors, machines, Mesos, ScaleIO
}

const benchScenario = `name: bench
about: so many agents with a disk each
agents:
  - count: %d
    hostname: agent-%%04d
    devices: [{path: /dev/xvda, size: 50GiB, signature: ext4, mounted: /}, {path: /dev/xvdf, size: 1TiB, media: HDD}]
expect: {plans: {deploy: COMPLETE}, within: 30m}
`

// Bench measures the deployment of a cluster of so many agents. ScaleIO takes 128 SDSs in a domain and 1024 in a system: bigger clusters
// have several domains, and of the biggest the agents from most on only use what the others provide.
func Bench(ctx context.Context, agents int, programs Programs, log *slog.Logger) (f Figures, err error) {
	s, err := benchCluster(agents)
	if err != nil {
		return f, err
	}
	c, err := newCluster(s, programs, setup{inProcess: true, memory: inMemory(agents)}, log)
	defer func() { err = errors.Join(err, c.close(false)) }()
	if err != nil {
		return f, err
	}
	// The agents fetch the executor's file, as always; that it holds next to nothing is the bench's.
	c.programs.Executor = c.path("executor")
	if err := os.WriteFile(c.programs.Executor, []byte("bench\n"), 0o755); err != nil {
		return f, err
	}
	start, before := time.Now(), ownCPU()
	if err := c.startScheduler(nil); err != nil {
		return f, err
	}
	board := progress.NewBoard()
	watched, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { progress.Watch(watched, c.scheduler.base, board) })
	defer watching.Wait()
	defer cancel()
	for {
		changed := board.Changed()
		if board.Status("deploy") == "COMPLETE" {
			break
		}
		if board.Status("deploy") == "ERROR" {
			return f, errors.New(trouble(board))
		}
		select {
		case <-changed:
		case <-c.scheduler.over():
			return f, c.scheduler.death()
		case <-ctx.Done():
			return f, ctx.Err()
		}
	}
	f = Figures{Agents: agents, Seconds: time.Since(start).Seconds(), PeakRSS: c.scheduler.measure(),
		CPUSeconds: c.scheduler.cpu().Seconds(), LabCPU: (ownCPU() - before).Seconds()}
	stats := c.master.Stats()
	for _, n := range stats.Calls {
		f.MesosCalls += n
	}
	for _, n := range c.system.Calls() {
		f.GatewayCalls += n
	}
	for _, t := range stats.Agents {
		f.BytesPerNode += (t.BytesTo + t.BytesFrom + t.UpdateBytesSent) / int64(agents)
	}
	if n := len(c.system.Snapshot().Devices); n != min(agents, mostProviders) {
		return f, fmt.Errorf("%d devices are attached, %d expected", n, min(agents, mostProviders))
	}
	return f, nil
}

// inMemory is a directory in memory with room for the files of so many machines, or "": on a disk they cost more than all that is
// measured. The scheduler's state stays on the disk.
func inMemory(agents int) string {
	const place, perMachine = "/dev/shm", 1 << 20
	var free unix.Statfs_t
	if err := unix.Statfs(place, &free); err != nil || free.Type != unix.TMPFS_MAGIC || free.Bavail*uint64(free.Bsize) < uint64(agents)*perMachine {
		return ""
	}
	return place
}

// ownCPU is the processor time that this process has taken.
func ownCPU() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// trouble is the first reason why the plan does not go on.
func trouble(b *progress.Board) string {
	for _, p := range b.Plans() {
		if reasons := p.Waiting(); p.Name == "deploy" && len(reasons) > 0 {
			return reasons[0].String()
		}
	}
	return "the plan deploy is in ERROR"
}

const (
	perDomain     = 100  // agents that make a domain: below ScaleIO's limit of 128 SDSs
	mostProviders = 1000 // agents that provide: below ScaleIO's limit of 1024 SDSs
)

// benchCluster is the bench's scenario: domains of about perDomain agents with a pool each, and agents that only use those pools.
func benchCluster(agents int) (*scenario.Scenario, error) {
	s, err := scenario.Parse("bench", fmt.Appendf(nil, benchScenario, agents))
	if err != nil {
		return nil, err
	}
	like := s.Agents[0]
	s.Agents = nil
	providers := min(agents, mostProviders)
	domains := max(1, providers/perDomain)
	// kind adds those of count agents that belong to a domain, numbered from first on.
	kind := func(i, first, count int, provide bool) {
		one := like
		one.From, one.Count = first+i*count/domains, (i+1)*count/domains-i*count/domains
		domain, pool := fmt.Sprint("domain", i+1), fmt.Sprint("pool", i+1)
		one.Attributes = map[string]string{"scaleio-sdc-domains": domain, "scaleio-sdc-" + domain: pool}
		if provide {
			one.Attributes["scaleio-sds-domains"], one.Attributes["scaleio-sds-"+domain], one.Attributes["scaleio-sds-"+pool] = domain, pool, "/dev/xvdf"
		}
		s.Agents = append(s.Agents, one)
	}
	for i := range domains {
		kind(i, 1, providers, true)
		if agents > providers {
			kind(i, providers+1, agents-providers, false)
		}
	}
	return s, nil
}

// benchPrograms are the units of a machine whose work costs nothing.
var benchPrograms = map[string]host.Program{"rexray": rexray.Idle}

// inProcess starts executors as goroutines.
type inProcess struct{ *Cluster }

func (l inProcess) Launch(_ context.Context, launch mesos.Launch) (mesos.Process, error) {
	h := l.host(launch.Hostname)
	cfg, err := executor.FromEnv(func(name string) string { return variable(launch.Env, name) })
	if err != nil {
		return nil, err
	}
	cfg.Version, cfg.Log = "bench", l.log
	cfg.Host = func(string) (node.Host, error) {
		files, err := node.NewHost(h.Dir())
		return directHost{files, h}, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	p := &goroutine{cancel: cancel, ended: make(chan int, 1)}
	go func() { // ends with the process's Kill
		status := 0
		if err := executor.Run(ctx, cfg); err != nil {
			l.log.Error("executor", "host", launch.Hostname, "error", err)
			status = 1 << 8
		}
		p.ended <- status
	}()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.launched++
	return p, nil
}

func variable(env []string, name string) string {
	for _, e := range env {
		if key, value, _ := strings.Cut(e, "="); key == name {
			return value
		}
	}
	return ""
}

// goroutine is an executor without a process.
type goroutine struct {
	cancel context.CancelFunc
	ended  chan int
}

func (g *goroutine) Wait() int { return <-g.ended }
func (g *goroutine) Kill()     { g.cancel() }

// directHost is a machine whose programs are called, not run.
type directHost struct {
	node.Host
	machine *host.Host
}

func (d directHost) Run(ctx context.Context, c node.Command) (node.Result, error) {
	if path.IsAbs(c.Argv[0]) {
		if _, err := os.Stat(d.machine.Path(c.Argv[0])); err != nil {
			return node.Result{}, fault.New(fault.NotFound, "", c.Argv[0], "the host has no such program")
		}
	}
	r, err := d.machine.Run(ctx, host.Call{Argv: c.Argv, Env: c.Env, Stdin: c.Stdin})
	if err == nil && r.Status == 127 {
		err = fault.New(fault.NotFound, "", c.Argv[0], "the host has no such program")
	}
	return node.Result{Status: r.Status, Stdout: []byte(r.Stdout), Stderr: []byte(r.Stderr)}, err
}

func commandBench(args []string, stdout, stderr io.Writer) int {
	set := flag.NewFlagSet("scaleio-lab bench", flag.ContinueOnError)
	set.SetOutput(stderr)
	sizes := set.String("agents", "16,100,1000,2000", "numbers of agents")
	asJSON := set.Bool("json", false, "print JSON")
	debug := set.Bool("debug", false, "show what the lab and its executors log")
	var programs Programs
	set.StringVar(&programs.Scheduler, "scheduler", "", "`PATH` of scaleio-scheduler; default next to this program")
	if err := set.Parse(args); err != nil {
		return exitUsage
	}
	if err := programs.find(false); err != nil {
		fmt.Fprintln(stderr, err)
		return exitUsage
	}
	log := slog.New(slog.DiscardHandler)
	if *debug {
		log = slog.New(slog.NewTextHandler(stderr, nil))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	rows := [][]any{{"AGENTS", "SECONDS", "MESOS CALLS", "GATEWAY CALLS", "BYTES PER NODE", "SCHEDULER RSS", "SCHEDULER CPU", "LAB CPU"}}
	var all []Figures
	for size := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(size))
		if err != nil || n < 3 {
			fmt.Fprintf(stderr, "--agents: %q: numbers from 3 on expected\n", size)
			return exitUsage
		}
		f, err := Bench(ctx, n, programs, log)
		if err != nil {
			fmt.Fprintf(stderr, "%d agents: %v\n", n, err)
			return exitFailed
		}
		all = append(all, f)
		rows = append(rows, []any{f.Agents, fmt.Sprintf("%.2f", f.Seconds), f.MesosCalls, f.GatewayCalls, f.BytesPerNode, fmt.Sprintf("%d MiB", f.PeakRSS>>20),
			fmt.Sprintf("%.1f s", f.CPUSeconds), fmt.Sprintf("%.1f s", f.LabCPU)})
		fmt.Fprintf(stderr, "%d agents: %.2f s\n", n, f.Seconds)
	}
	if *asJSON {
		if err := encode(stdout, all); err != nil {
			return exitFailed
		}
		return 0
	}
	table(stdout, slices.Clip(rows)...)
	return 0
}
