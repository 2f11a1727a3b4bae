package simulation

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestCampaign runs -seeds seeds -from one, and prints what it did.
func TestCampaign(t *testing.T) {
	if *seeds == 0 {
		t.Skip("-seeds is not given")
	}
	c := campaign(*from, *seeds)
	t.Log(c)
	for _, f := range c.failed {
		t.Errorf("seed %d: %v", f.seed, f.failure)
	}
	if len(c.failed) > 0 {
		first := c.failed[0]
		t.Log(explain(Of(first.seed), first.failure))
	}
}

type failed struct {
	seed    uint64
	failure *Failure
}

// report is what a campaign did.
type report struct {
	mu      sync.Mutex
	seeds   int
	steps   int
	virtual time.Duration
	wall    time.Duration
	faults  map[string]int
	failed  []failed
}

func campaign(from uint64, n int) *report {
	c := &report{faults: map[string]int{}, seeds: n}
	begin := time.Now()
	next := make(chan uint64)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for seed := range next {
				c.add(seed, Run(Of(seed), Options{}))
			}
		})
	}
	for i := range n {
		next <- from + uint64(i)
	}
	close(next)
	wg.Wait()
	c.wall = time.Since(begin)
	slices.SortFunc(c.failed, func(a, b failed) int { return int(a.seed) - int(b.seed) })
	return c
}

func (c *report) add(seed uint64, r Result) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps += r.Steps
	c.virtual += r.Virtual
	for kind, n := range r.Faults {
		c.faults[kind] += n
	}
	if r.Failure != nil {
		c.failed = append(c.failed, failed{seed, r.Failure})
	}
}

func (c *report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nseeds %d   steps of the core %d   virtual time %s   wall time %s   steps per second %.0f   failing seeds %d\n",
		c.seeds, c.steps, c.virtual.Round(time.Minute), c.wall.Round(time.Millisecond), float64(c.steps)/c.wall.Seconds(), len(c.failed))
	total := 0
	for _, kind := range slices.Sorted(maps.Keys(c.faults)) {
		fmt.Fprintf(&b, "  %-34s %7d\n", kind, c.faults[kind])
		total += c.faults[kind]
	}
	fmt.Fprintf(&b, "  %-34s %7d\n", "all", total)
	count := map[string]int{}
	for _, f := range c.failed {
		count[f.failure.Invariant]++
	}
	for _, name := range slices.Sorted(maps.Keys(count)) {
		fmt.Fprintf(&b, "  FAILED %-27s %7d\n", name, count[name])
	}
	return b.String()
}
