package plan

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// phaseOf makes a one-phase plan whose steps have the given statuses.
func phaseOf(s Strategy, statuses ...Status) *Plan {
	p := New("p", Serial)
	ph := p.AddPhase("ph", s, 0)
	for i, status := range statuses {
		ph.AddStep(fmt.Sprintf("s%d", i)).Set(status, "")
	}
	return p
}

func TestPhaseStatusFollowsTheSDKTable(t *testing.T) {
	for _, test := range []struct {
		strategy Strategy
		steps    []Status
		want     Status
	}{
		{Serial, nil, Complete},
		{Serial, []Status{Complete, Complete}, Complete},
		{Serial, []Status{Pending, Pending}, Pending},
		{Serial, []Status{Complete, Pending}, InProgress},
		{Parallel, []Status{Complete, Starting}, InProgress},
		{Parallel, []Status{Started, Started}, Started},
		{Parallel, []Status{Starting, Started}, Starting},
		{Parallel, []Status{Prepared, Pending}, InProgress},
		{Parallel, []Status{Error, Complete}, Error},
		{Parallel, []Status{Delayed, Delayed}, Delayed},
		// The SDK's fault: these mixes were ERROR although nothing was wrong (dcos-commons.md §4.1).
		{Parallel, []Status{Complete, Delayed}, Delayed},
		{Serial, []Status{Delayed, Pending}, Delayed},
		{Serial, []Status{Complete, Delayed, Pending}, Delayed},
		{Parallel, []Status{Delayed, Pending}, Pending},
		{Parallel, []Status{Complete, Delayed, Started}, InProgress},
	} {
		if got := phaseOf(test.strategy, test.steps...).Phases[0].Status(); got != test.want {
			t.Errorf("%s over %v is %s, want %s", test.strategy, test.steps, got, test.want)
		}
	}
}

func TestNothingIsInErrorUnlessSomethingIs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := randomPlan(t)
		any := false
		all := true
		for _, ph := range p.Phases {
			for _, s := range ph.Steps {
				any = any || s.Status() == Error
				all = all && s.Status() == Complete
			}
		}
		if got := p.Status(); (got == Error) != any || (got == Complete) != all {
			t.Fatalf("plan is %s; a step in ERROR: %v, all COMPLETE: %v", got, any, all)
		}
	})
}

func TestCandidatesKeepOrderDependenciesAndBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := randomPlan(t)
		candidates := p.Candidates()
		running := map[*Phase]int{}
		for _, s := range candidates {
			if status := s.Status(); status == Complete || status == Error || status == Waiting {
				t.Fatalf("%s is %s and a candidate", s.Path(), status)
			}
			for _, ref := range s.After {
				if !p.complete(ref) {
					t.Fatalf("%s is a candidate before %s is complete", s.Path(), ref)
				}
			}
			if p.Strategy.serial() && !p.reached(s.phase) {
				t.Fatalf("%s is a candidate before its turn", s.Path())
			}
			running[s.phase]++
		}
		for ph, n := range running {
			already := 0
			for _, s := range ph.Steps {
				if s.Status().Running() {
					already++
				}
			}
			if ph.MaxParallel > 0 && n > max(ph.MaxParallel, already) {
				t.Fatalf("%d candidates in a phase of at most %d", n, ph.MaxParallel)
			}
			if ph.Strategy.serial() && n > 1 {
				t.Fatalf("%d candidates in a serial phase", n)
			}
		}
	})
}

// A plan always goes on as long as no step is in error: completing its candidates completes it.
func TestCompletingCandidatesCompletesThePlan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := randomPlan(t)
		for _, ph := range p.Phases {
			for _, s := range ph.Steps {
				if s.Status() == Error || s.Status() == Waiting {
					s.Set(Pending, "")
				}
			}
		}
		for range 1000 {
			if p.Status() == Complete {
				return
			}
			for _, s := range p.Candidates() {
				s.Set(Complete, "")
			}
			p.Continue("")
		}
		t.Fatalf("stuck: %+v", p.View())
	})
}

func randomPlan(t *rapid.T) *Plan {
	strategy := rapid.SampledFrom(Strategies)
	statuses := rapid.SampledFrom([]Status{Pending, Prepared, Starting, Started, Complete, Delayed, Error})
	p := New("p", strategy.Draw(t, "plan strategy"))
	var earlier []Ref
	for i := range rapid.IntRange(0, 3).Draw(t, "phases") {
		ph := p.AddPhase(fmt.Sprintf("ph%d", i), strategy.Draw(t, "phase strategy"), rapid.IntRange(0, 3).Draw(t, "max parallel"))
		for j := range rapid.IntRange(0, 4).Draw(t, "steps") {
			var after []Ref
			if len(earlier) > 0 && rapid.Bool().Draw(t, "depends") {
				after = append(after, rapid.SampledFrom(earlier).Draw(t, "after"))
			}
			s := ph.AddStep(fmt.Sprintf("s%d", j), after...)
			s.Set(statuses.Draw(t, "status"), "")
		}
		for _, s := range ph.Steps {
			earlier = append(earlier, s.Path())
		}
	}
	return p
}

func names(steps []*Step) []string {
	got := []string{}
	for _, s := range steps {
		got = append(got, s.Path().String())
	}
	return got
}

func TestStrategies(t *testing.T) {
	for _, test := range []struct {
		strategy Strategy
		want     []string
	}{
		{Serial, []string{"ph/s1"}},
		{Parallel, []string{"ph/s1", "ph/s2", "ph/s3"}},
		{Dependency, []string{"ph/s1", "ph/s2", "ph/s3"}},
		{Canary, []string{}},
		{ParallelCanary, []string{}},
	} {
		p := phaseOf(test.strategy, Complete, Pending, Pending, Pending)
		if test.strategy.canaries() > 0 {
			p.Phases[0].Steps[0].Set(Pending, "")
		}
		if diff := cmp.Diff(test.want, names(p.Candidates())); diff != "" {
			t.Errorf("%s: %s", test.strategy, diff)
		}
	}
}

func TestCanaryWaitsTwice(t *testing.T) {
	p := phaseOf(ParallelCanary, Pending, Pending, Pending, Pending)
	if got := p.Status(); got != Waiting {
		t.Fatalf("a canary nobody let go is %s", got)
	}
	for i, want := range [][]string{{"ph/s0"}, {"ph/s0", "ph/s1", "ph/s2", "ph/s3"}} {
		if _, err := p.Continue(""); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, names(p.Candidates())); diff != "" {
			t.Errorf("after %d continues: %s", i+1, diff)
		}
	}
}

func TestRestartedStepWaitsForItsDependenciesAgain(t *testing.T) {
	// In the SDK an element that was complete when the strategy first ran was later run out of order (issue 2951).
	p := phaseOf(Serial, Complete, Complete, Pending)
	p.Phases[0].Steps[0].Set(Pending, "")
	if diff := cmp.Diff([]string{"ph/s0"}, names(p.Candidates())); diff != "" {
		t.Error(diff)
	}
}

func TestHeldStepWaitsForTheOperator(t *testing.T) {
	p := phaseOf(Parallel, Pending)
	s := p.Phases[0].Steps[0]
	s.Hold(true)
	if s.Status() != Waiting || p.Status() != Waiting || len(p.Candidates()) != 0 {
		t.Fatalf("a held step is %s, its plan %s", s.Status(), p.Status())
	}
	if r, err := p.Continue("ph"); r != Done || err != nil || !s.Agreed() || s.Status() != Pending {
		t.Fatalf("continue: %v, %v; agreed %v, %s", r, err, s.Agreed(), s.Status())
	}
	if r, _ := p.Continue("ph"); r != AlreadyDone {
		t.Error("a second continue did something")
	}
}

func TestCommandsPersistAndAnswerAsTheSDK(t *testing.T) {
	build := func() *Plan {
		p := New("p", Serial)
		for _, name := range []string{"a", "b"} {
			ph := p.AddPhase(name, Serial, 0)
			ph.AddStep("x")
			ph.AddStep("y")
		}
		return p
	}
	p := build()
	for _, test := range []struct {
		do   func() (Result, error)
		want Result
		kind fault.Kind
	}{
		{do: func() (Result, error) { return p.Continue("") }, want: AlreadyDone},
		{do: func() (Result, error) { return p.Interrupt("") }},
		{do: func() (Result, error) { return p.Interrupt("") }, want: AlreadyDone},
		{do: func() (Result, error) { return p.Interrupt("b") }},
		{do: func() (Result, error) { return p.ForceComplete("a", "x") }},
		{do: func() (Result, error) { return p.ForceComplete("a", "x") }, want: AlreadyDone},
		{do: func() (Result, error) { return p.ForceComplete("", "x") }, kind: fault.Invalid},
		{do: func() (Result, error) { return p.ForceComplete("a", "z") }, kind: fault.NotFound},
		{do: func() (Result, error) { return p.Continue("c") }, kind: fault.NotFound},
		{do: func() (Result, error) { _, r, err := p.Restart("a", "y"); return r, err }, want: AlreadyDone},
		{do: func() (Result, error) { return p.ForceComplete("a", p.Phase("a").Step("y").ID()) }},
	} {
		got, err := test.do()
		if got != test.want || (err != nil) != (test.kind != 0) || err != nil && fault.KindOf(err) != test.kind {
			t.Errorf("got %v, %v; want %v of kind %v", got, err, test.want, test.kind)
		}
	}
	again := build()
	again.Recall(p.Decisions())
	if diff := cmp.Diff(p.View(), again.View()); diff != "" {
		t.Errorf("a restart forgot: %s", diff)
	}
	if got := again.Phase("a").Step("x").Status(); got != Complete {
		t.Errorf("a forced step is %s after a restart", got)
	}
	steps, _, err := again.Restart("", "")
	if err != nil || len(steps) != 4 || slices.ContainsFunc(steps, func(s *Step) bool { return s.Status() != Pending }) {
		t.Errorf("restart of the plan: %d steps, %v", len(steps), err)
	}
}

func TestEveryStepThatDoesNotRunSaysWhy(t *testing.T) {
	p := New("deploy", Dependency)
	p.AddPhase("install", Parallel, 0).AddStep("agent-01").Set(Delayed, "the executor ended")
	p.AddPhase("storage", Parallel, 0).AddStep("agent-01", Ref{"install", "agent-01"})
	serial := p.AddPhase("more", Serial, 0).AddStep("x")
	if got := p.Phase("storage").Steps[0].Message(); got != "waits for install/agent-01" {
		t.Errorf("says %q", got)
	}
	if _, err := p.Interrupt(""); err != nil {
		t.Fatal(err)
	}
	if got := serial.Message(); got != "plan deploy is interrupted; continue it to go on" {
		t.Errorf("says %q", got)
	}
	if got := p.Status(); got != Waiting {
		t.Errorf("an interrupted plan is %s", got)
	}
}

func BenchmarkCandidatesOf3000Steps(b *testing.B) {
	p := New("deploy", Dependency)
	install, storage := p.AddPhase("install", Parallel, 32), p.AddPhase("storage", Parallel, 0)
	for i := range 1500 {
		name := fmt.Sprintf("agent-%04d", i)
		install.AddStep(name).Set(Complete, "")
		storage.AddStep(name, Ref{"install", name})
	}
	for b.Loop() {
		p.Candidates()
		p.Status()
	}
}
