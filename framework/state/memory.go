package state

import (
	"context"
	"strings"
	"sync"
)

// Memory is a Store without a disk, for tests and simulations.
type Memory struct {
	data *memoryData

	mu     sync.Mutex
	closed bool
	lost   chan struct{} // nil before Acquire
	denied bool          // the lock was lost
}

// memoryData is what outlives a Memory, as a disk outlives a process.
type memoryData struct {
	mu     sync.RWMutex
	values map[string][]byte

	holder *Memory // who has the lock
	owner  string
	freed  chan struct{} // closed when the holder lets go
}

// NewMemory makes an empty store.
func NewMemory() *Memory { return &Memory{data: &memoryData{values: map[string][]byte{}}} }

// Again gives another store of the same content, as a second scheduler or the next start of one opens it.
func (m *Memory) Again() *Memory { return &Memory{data: m.data} }

// Get implements Store.
func (m *Memory) Get(ctx context.Context, key string) ([]byte, error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	if err := m.ready(ctx); err != nil {
		return nil, err
	}
	m.data.mu.RLock()
	defer m.data.mu.RUnlock()
	value, ok := m.data.values[key]
	if !ok {
		return nil, notFound(key)
	}
	return copied(value), nil
}

// List implements Store.
func (m *Memory) List(ctx context.Context, prefix string) (map[string][]byte, error) {
	if err := checkPrefix(prefix); err != nil {
		return nil, err
	}
	if err := m.ready(ctx); err != nil {
		return nil, err
	}
	if prefix != "" {
		prefix += "/"
	}
	m.data.mu.RLock()
	defer m.data.mu.RUnlock()
	found := map[string][]byte{}
	for key, value := range m.data.values {
		if strings.HasPrefix(key, prefix) {
			found[key] = copied(value)
		}
	}
	return found, nil
}

// Commit implements Store.
func (m *Memory) Commit(ctx context.Context, writes ...Write) error {
	if err := checkWrites(writes); err != nil {
		return err
	}
	if err := m.ready(ctx); err != nil {
		return err
	}
	m.mu.Lock()
	denied := m.denied
	m.mu.Unlock()
	if denied {
		return lockLost("state in memory")
	}
	m.data.mu.Lock()
	defer m.data.mu.Unlock()
	for _, w := range writes {
		if !w.met(m.data.values[w.Key]) {
			return conflict(w.Key)
		}
	}
	for _, w := range writes {
		if w.Value == nil {
			delete(m.data.values, w.Key)
		} else {
			m.data.values[w.Key] = copied(w.Value)
		}
	}
	return nil
}

// Close implements Store.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	m.letGo()
	return nil
}

// Acquire implements Store.
func (m *Memory) Acquire(ctx context.Context, owner string, waiting func(holder string)) (<-chan struct{}, error) {
	for {
		if err := m.ready(ctx); err != nil {
			return nil, err
		}
		lost, holder, freed := m.take(owner)
		if lost != nil {
			return lost, nil
		}
		if waiting != nil {
			waiting(holder)
		}
		select {
		case <-freed:
		case <-ctx.Done():
		}
	}
}

// take takes the lock, or gives who has it and what is closed when that one lets go.
func (m *Memory) take(owner string) (lost <-chan struct{}, holder string, freed <-chan struct{}) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.data.mu.Lock()
	defer m.data.mu.Unlock()
	if m.data.holder != nil {
		return nil, m.data.owner, m.data.freed
	}
	m.data.holder, m.data.owner, m.data.freed = m, owner, make(chan struct{})
	m.lost = make(chan struct{})
	return m.lost, "", nil
}

// Lose takes the lock away, as a server does whose session with us ended.
func (m *Memory) Lose() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.denied = m.letGo() || m.denied
}

// letGo frees the lock if we have it.
func (m *Memory) letGo() bool {
	m.data.mu.Lock()
	defer m.data.mu.Unlock()
	if m.data.holder != m {
		return false
	}
	m.data.holder = nil
	close(m.data.freed)
	close(m.lost)
	return true
}

func (m *Memory) ready(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return closed("state in memory")
	}
	return ended(ctx, "state in memory")
}
