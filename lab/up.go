package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/dcos-scaleio/scaleio/lab/progress"
	"github.com/dcos-scaleio/scaleio/lab/scenario"
	"github.com/dcos-scaleio/scaleio/lab/scenarios"
)

// Up is a scenario to be carried out.
type Up struct {
	Scenario *scenario.Scenario
	Options  map[string]any // put over those of the scenario
	Master   string         // of a real Mesos; "" emulates it
	Keep     bool
	Programs Programs
	Out      io.Writer // progress and results; io.Discard for none
	Terminal bool
	Width    int
	Log      *slog.Logger
}

// run is a scenario that is being carried out.
type run struct {
	up      Up
	cluster *Cluster
	board   *progress.Board
	screen  *progress.Screen
	start   time.Time
	events  []*happening

	checked    []Expectation // by events
	frameworks []string
	found      []Expectation // when last evaluated
}

// Do carries the scenario out. The report says whether it passed; an error says why it could not be carried out.
func (u Up) Do(ctx context.Context) (report *Report, err error) {
	if u.Log == nil {
		u.Log = slog.New(slog.DiscardHandler)
	}
	report = &Report{Scenario: u.Scenario.Name}
	c, err := newCluster(u.Scenario, u.Programs, setup{master: u.Master}, u.Log)
	r := &run{up: u, cluster: c, board: progress.NewBoard()}
	if err == nil {
		err = r.carryOut(ctx, report)
	}
	err = errors.Join(err, c.close(u.Keep))
	if u.Keep {
		fmt.Fprintf(u.Out, "\nEverything is kept in %s\n", c.dir)
	}
	if err != nil {
		report.Error, report.Passed = err.Error(), false
	}
	return report, err
}

func (r *run) carryOut(ctx context.Context, report *Report) error {
	out := r.up.Out
	fmt.Fprintf(out, "%s: %s\n", r.up.Scenario.Name, r.up.Scenario.About)
	r.start = time.Now()
	r.screen = &progress.Screen{Out: r.up.Out, Terminal: r.up.Terminal, Width: r.up.Width, Start: r.start}
	r.events = happenings(r.start, r.up.Scenario.Events)
	if err := r.makeHappen(ctx, (*happening).early); err != nil {
		return err
	}
	if err := r.cluster.startScheduler(r.up.Options); err != nil {
		return err
	}
	err := r.converge(ctx)
	report.ConvergedSeconds = time.Since(r.start).Seconds()
	r.gather(ctx, report)
	if err != nil {
		showExpectations(out, r.found)
		return err
	}
	if len(r.cluster.system.Snapshot().Pools) > 0 {
		r.cluster.showStorage(out)
	}
	showRefusals(out, report.Refusals)
	report.Expectations = append(r.checked, r.found...)
	r.alwaysExpected(ctx, report)
	if *r.up.Scenario.Proof {
		fmt.Fprintln(out, "\nThe proof: a volume outlives its agent")
		report.Proof = r.cluster.prove(ctx, func(format string, args ...any) { fmt.Fprintf(out, "  "+format+"\n", args...) })
		report.Expectations = append(report.Expectations, Expectation{"a volume outlives its agent", report.Proof.Error, report.Proof.Error == ""})
	}
	report.Passed = passed(report.Expectations)
	showExpectations(out, report.Expectations)
	fmt.Fprintf(out, "\n%s in %.1f s (deployed in %.1f s); the scheduler took %d MiB at most\n", verdict(report.Passed), time.Since(r.start).Seconds(),
		report.ConvergedSeconds, report.SchedulerPeakRSS>>20)
	if r.up.Keep {
		r.stay(ctx)
	}
	return nil
}

func verdict(passed bool) string {
	if passed {
		return "passed"
	}
	return "FAILED"
}

// alwaysExpected adds what holds for every scenario, and the comparison with another one.
func (r *run) alwaysExpected(ctx context.Context, report *Report) {
	leaks := r.leaks(ctx)
	report.Expectations = append(report.Expectations, Expectation{"no secret in answers, logs, state, command lines or files of others", strings.Join(leaks, "; "), len(leaks) == 0})
	other := r.up.Scenario.Expect.LayoutEquals
	if other == "" {
		return
	}
	e := Expectation{Expected: "the layout is that of " + other}
	twin, err := scenarios.Load(other)
	var theirs *Report
	if err == nil {
		off := false
		twin.Proof = &off
		theirs, err = Up{Scenario: twin, Programs: r.up.Programs, Out: io.Discard, Log: r.up.Log}.Do(ctx)
	}
	if err == nil {
		e.Pass, e.Found, err = sameLayout(report.Layout, theirs.Layout)
	}
	if err != nil {
		e.Found = err.Error()
	}
	report.Expectations = append(report.Expectations, e)
}

// converge makes the events happen until all that is expected holds, or until the time is over.
func (r *run) converge(ctx context.Context) error {
	expect := r.up.Scenario.Expect
	ctx, cancel := context.WithDeadlineCause(ctx, r.start.Add(expect.Within), fmt.Errorf("not all that is expected holds after %v", expect.Within))
	defer cancel()
	defer r.follow(ctx)()
	for {
		changed := r.board.Changed()
		if err := r.makeHappen(ctx, func(h *happening) bool { return h.arm(time.Now(), r.board) }); err != nil {
			return err
		}
		if r.allHappened() {
			if r.found = r.evaluate(ctx, expect); passed(r.found) {
				r.noteFramework(ctx)
				return nil
			}
		}
		if err := r.await(ctx, changed); err != nil {
			if r.found == nil {
				r.found = r.evaluate(context.WithoutCancel(ctx), expect)
			}
			return err
		}
	}
}

// glance is how often is looked, without the plans having changed, for what the API does not announce.
const glance = 100 * time.Millisecond

// await waits until something may be different.
func (r *run) await(ctx context.Context, changed <-chan struct{}) error {
	timer := time.NewTimer(glance)
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	case <-r.cluster.scheduler.over():
		return r.cluster.scheduler.death()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// makeHappen makes the events happen that are due.
func (r *run) makeHappen(ctx context.Context, due func(*happening) bool) error {
	for _, h := range r.events {
		if !due(h) {
			continue
		}
		h.done = true
		r.screen.Say("%v", h)
		if err := r.happen(ctx, h.Do); err != nil {
			return fmt.Errorf("%v: %w", h, err)
		}
	}
	return nil
}

func (r *run) allHappened() bool {
	for _, h := range r.events {
		if !h.done {
			return false
		}
	}
	return true
}

// follow watches the plans and shows them; the function that it returns ends both, with a last look.
func (r *run) follow(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	var both sync.WaitGroup
	both.Go(func() { progress.Watch(ctx, r.cluster.scheduler.base, r.board) })
	both.Go(func() { r.screen.Run(ctx, r.board) })
	return func() {
		cancel()
		both.Wait()
	}
}

// stay says how to look at the cluster, and waits for the end of ctx.
func (r *run) stay(ctx context.Context) {
	c := r.cluster
	fmt.Fprintf(r.up.Out, `
The lab stays up; Ctrl-C ends it.
  scheduler   %s/v1/plans/deploy   %s/v1/scaleio/layout
  Mesos       http://%s/state
  gateway     %s  (user admin, password in %s, certificate in %s)
  machines    %s
`, c.scheduler.base, c.scheduler.base, strings.TrimPrefix(c.uri, "http://"), c.gateway.URL, c.path("password"), c.caFile, c.path("h"))
	<-ctx.Done()
}

// Write writes the report as JSON to a file.
func (r *Report) Write(name string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644)
}
