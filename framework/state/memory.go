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
}

// memoryData is what outlives a Memory, as a disk outlives a process.
type memoryData struct {
	mu     sync.RWMutex
	values map[string][]byte
}

// NewMemory makes an empty store.
func NewMemory() *Memory { return &Memory{data: &memoryData{values: map[string][]byte{}}} }

// Reopen gives a new store with the same content, and closes m: what a restart of the scheduler finds.
func (m *Memory) Reopen() *Memory {
	_ = m.Close() // never fails
	return &Memory{data: m.data}
}

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
	return nil
}

func (m *Memory) ready(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return closed("state in memory")
	}
	return ended(ctx, "state in memory")
}
