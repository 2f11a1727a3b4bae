package mesos

import (
	"context"
	"net/url"
	"time"
)

// pace gives the pauses between attempts: first, then twice as long each time up to longest, each shortened by up to
// a half at random so that many frameworks do not come back in step.
type pace struct {
	first, longest time.Duration
	jitter         func() float64
	last           time.Duration
}

func (p *pace) reset() { p.last = 0 }

func (p *pace) next() time.Duration {
	p.last = min(max(p.first, 2*p.last), p.longest)
	return p.last - time.Duration(p.jitter()*float64(p.last)/2)
}

// rest waits for d or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// walk is the order in which masters are asked: the one that served the last stream once, then the list, round and
// round from where it was left.
type walk struct {
	masters []*url.URL
	at      int
	leader  *url.URL // asked next, then forgotten
	asked   string   // host of the last one
}

// next gives the master to ask and whether it is another one than before.
func (w *walk) next() (u *url.URL, changed bool) {
	if w.leader != nil {
		u, w.leader = w.leader, nil
	} else {
		u = w.advance()
		if u.Host == w.asked && len(w.masters) > 1 {
			u = w.advance()
		}
	}
	changed, w.asked = u.Host != w.asked, u.Host
	return u, changed
}

func (w *walk) advance() *url.URL {
	u := w.masters[w.at%len(w.masters)]
	w.at++
	return u
}
