package state

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	berrors "go.etcd.io/bbolt/errors"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// boltWait is how long one look for the file's lock takes: then the end of the context is looked for.
const boltWait = 200 * time.Millisecond

// Acquire implements Store: who has the file open has the lock, until the process ends.
func (b *Bolt) Acquire(ctx context.Context, owner string, waiting func(holder string)) (<-chan struct{}, error) {
	said := false
	for {
		lost, err := b.take(ctx, owner)
		if !errors.Is(err, berrors.ErrTimeout) {
			return lost, err
		}
		if !said && waiting != nil {
			waiting(b.holder())
			said = true
		}
		if err := b.attach(boltWait); err != nil && !errors.Is(err, berrors.ErrTimeout) {
			return nil, err
		}
	}
}

// take leaves our name beside the file if we have it open.
func (b *Bolt) take(ctx context.Context, owner string) (<-chan struct{}, error) {
	if err := b.with(ctx, "lock", func() error { return nil }); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := os.WriteFile(b.holderFile(), []byte(owner), 0o600); err != nil {
		return nil, fault.New(fault.Temporary, "file "+b.holderFile(), "write", "%w", err)
	}
	b.lost = make(chan struct{})
	return b.lost, nil
}

// holderFile says who has the lock, for those who wait; it is not the lock.
func (b *Bolt) holderFile() string { return b.path + ".holder" }

func (b *Bolt) holder() string {
	name, err := os.ReadFile(b.holderFile())
	if err != nil || len(name) == 0 {
		return "another process"
	}
	return strings.TrimSpace(string(name))
}

// named is the holder's name for a sentence, if it is known.
func (b *Bolt) named() string {
	if name := b.holder(); name != "another process" {
		return ", " + name
	}
	return ""
}
