package scaleio

import (
	"container/heap"
	"time"
)

// due is something that happens in the model when its time has come and a call is made.
type due struct {
	at    time.Time
	order int // of equal times, the earlier made comes first
	run   func()
	index int // in the heap; -1: happened or cancelled
}

type agenda struct {
	heap []*due
	made int
}

func (a *agenda) Len() int { return len(a.heap) }
func (a *agenda) Less(i, j int) bool {
	x, y := a.heap[i], a.heap[j]
	return x.at.Before(y.at) || x.at.Equal(y.at) && x.order < y.order
}
func (a *agenda) Swap(i, j int) {
	a.heap[i], a.heap[j] = a.heap[j], a.heap[i]
	a.heap[i].index, a.heap[j].index = i, j
}
func (a *agenda) Push(x any) { d := x.(*due); d.index = len(a.heap); a.heap = append(a.heap, d) }
func (a *agenda) Pop() any {
	d := a.heap[len(a.heap)-1]
	a.heap = a.heap[:len(a.heap)-1]
	d.index = -1
	return d
}

// after has run happen when wait has passed; no wait: at the end of the call at hand, or at the start of the next.
func (s *System) after(wait time.Duration, run func()) *due {
	s.agenda.made++
	d := &due{at: s.now().Add(wait), order: s.agenda.made, run: run}
	heap.Push(&s.agenda, d)
	return d
}

// cancel keeps d from happening; a nil or past one is fine.
func (s *System) cancel(d *due) {
	if d != nil && d.index >= 0 {
		heap.Remove(&s.agenda, d.index)
	}
}

// settle lets everything happen whose time has come.
func (s *System) settle() {
	for len(s.agenda.heap) > 0 && !s.agenda.heap[0].at.After(s.now()) {
		heap.Pop(&s.agenda).(*due).run()
	}
}

// transfer is data on its way, at the rate of the system.
type transfer struct {
	total int64 // KiB
	start time.Time
	due   *due
}

// move starts a transfer; done happens at its end.
func (s *System) move(total int64, done func()) *transfer {
	return &transfer{total: total, start: s.now(), due: s.after(s.takes(total), done)}
}

func (s *System) takes(total int64) time.Duration {
	if s.config.MoveRate < 0 {
		return 0
	}
	seconds := float64(total) / float64(s.config.MoveRate)
	return time.Duration(min(seconds, 1e9) * float64(time.Second)) // thirty years are enough, and no overflow
}

// left is how much of a transfer is still to come; of none, nothing.
func (s *System) left(t *transfer) int64 {
	if t == nil || s.config.MoveRate < 0 {
		return 0
	}
	gone := int64(s.now().Sub(t.start).Seconds() * float64(s.config.MoveRate))
	return min(t.total, max(0, t.total-gone))
}

func (s *System) now() time.Time { return s.config.Now() }
