package simulation

import (
	"bufio"
	"flag"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dcos-scaleio/scaleio/framework/state"
)

var (
	seeds = flag.Int("seeds", 0, "how many seeds the campaign runs")
	from  = flag.Uint64("from", 1, "the first seed of the campaign")
	show  = flag.Uint64("show", 0, "run this one seed and print its transcript")
	why   = flag.Uint64("why", 0, "shrink this failing seed and print what is left of it")
)

// bounded is how many seeds an ordinary test run has time for.
func bounded() int {
	if raceEnabled || testing.Short() {
		return 40
	}
	return 400
}

// TestSeeds runs the first seeds.
func TestSeeds(t *testing.T) {
	c := campaign(1, bounded())
	t.Log(c)
	for _, f := range c.failed {
		t.Errorf("seed %d: %v", f.seed, f.failure)
	}
	if len(c.failed) > 0 {
		t.Log(explain(Of(c.failed[0].seed), c.failed[0].failure))
	}
}

// TestSeedsThatFoundBugs runs those that did. Each line of the file is a seed and what it found; generators change, and then a seed finds
// nothing any more, but what it stood for is in a transcript of framework/scheduler.
func TestSeedsThatFoundBugs(t *testing.T) {
	file, err := os.Open("testdata/seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		number, found, _ := strings.Cut(lines.Text(), " ")
		if number == "" || number == "#" {
			continue
		}
		seed, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			t.Fatalf("%q: %v", lines.Text(), err)
		}
		if r := Run(Of(seed), Options{}); r.Failure != nil {
			t.Errorf("seed %d (%s): %v", seed, found, r.Failure)
		}
	}
}

// The same seed is the same run.
func TestSameSeedSameRun(t *testing.T) {
	for seed := range uint64(5) {
		a, b := Run(Of(seed), Options{Record: true}), Run(Of(seed), Options{Record: true})
		if diff := cmp.Diff(strings.Split(a.Transcript, "\n"), strings.Split(b.Transcript, "\n")); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
	}
}

// Crashes of the scheduler change nothing of what is there in the end.
func TestCrashesDoNotChangeTheLayout(t *testing.T) {
	crashes := 0
	for seed := range uint64(bounded() / 6) {
		s := Of(seed).Without("agent-attributes", "device-gets-content") // where a device goes depends on when these meet it
		with, without := Run(s, Options{}), Run(s.Without(Crashes...), Options{})
		for _, kind := range Crashes {
			crashes += with.Faults[kind]
		}
		if with.Failure != nil || without.Failure != nil {
			t.Fatalf("seed %d: with crashes: %v; without: %v", seed, with.Failure, without.Failure)
		}
		if diff := cmp.Diff(without.Layout, with.Layout); diff != "" {
			t.Fatalf("seed %d (-without crashes +with):\n%s", seed, diff)
		}
	}
	t.Logf("%d crashes", crashes)
}

// A store on disk, closed and opened again at each crash, gives the same run as one in memory.
func TestStoresDoNotChangeTheLayout(t *testing.T) {
	for seed := range uint64(bounded() / 60) {
		path := filepath.Join(t.TempDir(), "state.db")
		open := func() state.Store {
			store, err := state.OpenBolt(path)
			if err != nil {
				t.Fatal(err)
			}
			return store
		}
		last := open()
		disk := Run(Of(seed), Options{Store: last, Reopen: func(s state.Store) state.Store { s.Close(); last = open(); return last }})
		last.Close()
		memory := Run(Of(seed), Options{})
		if disk.Failure != nil || memory.Failure != nil {
			t.Fatalf("seed %d: on disk: %v; in memory: %v", seed, disk.Failure, memory.Failure)
		}
		if diff := cmp.Diff(memory.Layout, disk.Layout); diff != "" || memory.Steps != disk.Steps {
			t.Fatalf("seed %d: %d steps on disk, %d in memory (-memory +disk):\n%s", seed, disk.Steps, memory.Steps, diff)
		}
	}
}

// A script that fails is shrunk to what the failure needs, and every invariant that can fail is named.
func TestShrink(t *testing.T) {
	s := Of(7)
	s.Events = nil
	for i := range 20 {
		s.Events = append(s.Events, Event{Kind: kinds[i%len(kinds)].name, Arg: uint64(i)})
	}
	small := Shrink(s, func(s Script) bool {
		found := 0
		for _, e := range s.Events {
			if e.Arg == 3 || e.Arg == 17 {
				found++
			}
		}
		return found == 2
	})
	if len(small.Events) != 2 || small.Agents != 3 {
		t.Errorf("shrunk to %v", small)
	}
}

// explain shrinks a failing script and gives its transcript.
func explain(s Script, f *Failure) string {
	small := Shrink(s, func(s Script) bool {
		r := Run(s, Options{})
		return r.Failure != nil && r.Failure.Invariant == f.Invariant
	})
	r := Run(small, Options{Record: true})
	if r.Failure == nil {
		return "the shrunk script does not fail: the run is not deterministic"
	}
	return r.Failure.Error() + "\n" + Invariants[r.Failure.Invariant] + "\n" + r.Transcript
}

func TestShow(t *testing.T) {
	if *show == 0 {
		t.Skip("-show is not given")
	}
	r := Run(Of(*show), Options{Record: true})
	t.Logf("%s", r.Transcript)
	if r.Failure != nil {
		t.Fatal(r.Failure)
	}
}

func TestExplain(t *testing.T) {
	if *why == 0 {
		t.Skip("-why is not given")
	}
	if r := Run(Of(*why), Options{}); r.Failure != nil {
		t.Fatal(explain(Of(*why), r.Failure))
	}
}
