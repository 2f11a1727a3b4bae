package simulation

import (
	"container/heap"
	"fmt"
	"hash/fnv"
	"time"
)

// world is the clock and what is to happen. Everything in it belongs to the goroutine of Run.
type world struct {
	script  Script
	now     time.Duration // since the epoch of the simulation
	agenda  agenda
	number  int
	dice    map[string]uint64
	faults  map[string]int // injected, by kind
	steps   int            // of the core
	failure *Failure
	lines   []string
	record  bool // write a transcript

	process *process
	master  *master
	hosts   []*host
	gateway *gateway
	watch   watch
}

// Failure is an invariant that did not hold.
type Failure struct {
	Invariant string
	Message   string
	At        time.Duration
}

func (f *Failure) Error() string {
	return fmt.Sprintf("at %s: %s: %s", stamp(f.At), f.Invariant, f.Message)
}

type appointment struct {
	at     time.Duration
	number int
	do     func()
}

type agenda []appointment

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	return a[i].at < a[j].at || a[i].at == a[j].at && a[i].number < a[j].number
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)   { *a = append(*a, x.(appointment)) }
func (a *agenda) Pop() any {
	last := len(*a) - 1
	x := (*a)[last]
	(*a)[last].do = nil
	*a = (*a)[:last]
	return x
}

// at has something happen at a time; what is asked for first of one moment happens first.
func (w *world) at(t time.Duration, do func()) {
	w.number++
	heap.Push(&w.agenda, appointment{max(t, w.now), w.number, do})
}

func (w *world) after(d time.Duration, do func()) { w.at(w.now+d, do) }

// until lets time pass to t, or to the first failure, or until the condition holds.
func (w *world) until(t time.Duration, holds func() bool) bool {
	for w.failure == nil && len(w.agenda) > 0 && w.agenda[0].at <= t {
		next := heap.Pop(&w.agenda).(appointment)
		w.now = next.at
		next.do()
		if holds != nil && holds() {
			return true
		}
	}
	if w.failure == nil {
		w.now = max(w.now, t)
	}
	return false
}

// roll gives the next number of a stream. Streams keep apart what has nothing to do with each other, so that a script with one event less
// plays much like the whole one.
func (w *world) roll(stream string) uint64 {
	n := w.dice[stream]
	w.dice[stream] = n + 1
	h := fnv.New64a()
	h.Write([]byte(stream))
	return mix(mix(w.script.Seed^h.Sum64()) + n)
}

// mix is splitmix64.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (w *world) chance(stream string, percent uint64) bool { return w.roll(stream)%100 < percent }

func (w *world) between(stream string, from, to time.Duration) time.Duration {
	return from + time.Duration(w.roll(stream)%uint64(to-from+1))
}

// wall is virtual time as the core sees it.
func (w *world) wall() time.Time { return time.Unix(1e9, 0).UTC().Add(w.now) }

func (w *world) fail(invariant, format string, args ...any) {
	if w.failure == nil {
		w.failure = &Failure{invariant, fmt.Sprintf(format, args...), w.now}
		w.say("FAILED %s: %s", invariant, w.failure.Message)
	}
}

func (w *world) say(format string, args ...any) {
	if w.record {
		w.lines = append(w.lines, stamp(w.now)+"  "+fmt.Sprintf(format, args...))
	}
}

func stamp(t time.Duration) string {
	return fmt.Sprintf("%02d:%02d:%06.3f", int(t.Hours()), int(t.Minutes())%60, t.Seconds()-float64(int(t.Minutes())*60))
}
