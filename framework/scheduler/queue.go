package scheduler

import (
	"context"
	"sync"
)

// queue is an unbounded first-in first-out queue with one consumer: the loop must never wait for a slow edge.
type queue[T any] struct {
	mu    sync.Mutex
	items []T
	some  chan struct{} // holds a token while items may be there
}

func newQueue[T any]() *queue[T] { return &queue[T]{some: make(chan struct{}, 1)} }

func (q *queue[T]) put(item T) {
	q.mu.Lock()
	q.items = append(q.items, item)
	q.mu.Unlock()
	select {
	case q.some <- struct{}{}:
	default:
	}
}

// run hands every item to do, in order, until ctx ends.
func (q *queue[T]) run(ctx context.Context, do func(T)) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.some:
		}
		q.mu.Lock()
		items := q.items
		q.items = nil
		q.mu.Unlock()
		for _, item := range items {
			if ctx.Err() != nil {
				return
			}
			do(item)
		}
	}
}
