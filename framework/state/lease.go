package state

import (
	"context"
	"sync"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// lease is a lock of a Remote while it lasts. Its goroutine renews it, and has ended when end returns.
type lease struct {
	mu    sync.Mutex
	fence string        // the token that our commits need; "" without a lock
	lost  chan struct{} // closed by keep
	stop  context.CancelFunc
}

// Acquire implements Store.
func (r *Remote) Acquire(ctx context.Context, owner string, waiting func(holder string)) (<-chan struct{}, error) {
	since, err := r.claim(ctx, owner, waiting)
	if err != nil {
		return nil, err
	}
	take := token()
	lost := r.lease.begin(take, func(ctx context.Context, lost chan struct{}) { r.keep(ctx, since, lost) })
	c := &commit{token: token(), take: take}
	if err := r.use(ctx, func(ctx context.Context) error { return r.commit(ctx, c) }); err != nil {
		return nil, err
	}
	if err := r.use(ctx, r.sweep); err != nil {
		return nil, err
	}
	if _, err := r.lease.ours(); err != nil { // it took so long that another one may have it
		return nil, err
	}
	return lost, nil
}

// claim waits until the lock is ours and gives a moment before the server began to count our silence.
func (r *Remote) claim(ctx context.Context, owner string, waiting func(string)) (since time.Time, err error) {
	said := ""
	for {
		var holder string
		var ours bool
		if err := r.use(ctx, func(ctx context.Context) (err error) {
			since = time.Now()
			holder, ours, err = r.cells.claim(ctx, owner)
			return err
		}); ours || err != nil {
			return since, err
		}
		if holder != said && waiting != nil {
			waiting(holder)
			said = holder
		}
		if err := r.cells.vacated(ctx); err != nil && (ctx.Err() != nil || !fault.IsTemporary(err)) {
			return since, err
		}
	}
}

// keep renews the lock until the server may have given it away: it was silent for the session since the last renewal that it answered
// began.
func (r *Remote) keep(ctx context.Context, since time.Time, lost chan struct{}) {
	defer close(lost)
	patience := r.cells.patience()
	until := since.Add(patience)
	for {
		timer := time.NewTimer(min(patience/5, time.Until(until)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		asked := time.Now()
		call, cancel := context.WithDeadline(ctx, until)
		err := r.cells.renew(call)
		cancel()
		switch {
		case err == nil:
			until = asked.Add(patience)
		case !fault.IsTemporary(err), !time.Now().Before(until):
			return
		}
	}
}

// begin starts to keep the lock.
func (l *lease) begin(fence string, keep func(context.Context, chan struct{})) <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	var ctx context.Context
	ctx, l.stop = context.WithCancel(context.Background())
	l.fence, l.lost = fence, make(chan struct{})
	go keep(ctx, l.lost)
	return l.lost
}

// ours gives the token for commits; an error when the lock was had and lost.
func (l *lease) ours() (fence string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fence != "" {
		select {
		case <-l.lost:
			return "", lockLost("state store")
		default:
		}
	}
	return l.fence, nil
}

// end stops keeping the lock and waits for the goroutine that did.
func (l *lease) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stop != nil {
		l.stop()
		<-l.lost
	}
}
