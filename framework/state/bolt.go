package state

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// lockTimeout is how long an opened file is waited for that another scheduler has: an old instance that is just being killed.
const lockTimeout = time.Second

// bucket holds every key; its name says how values are written (a CRC-32C, big endian, then the value).
var bucket = []byte("scaleio/1")

// Bolt is a Store in one file, which one process at a time can have open. While another one has it, every call says so.
type Bolt struct {
	path string

	mu     sync.RWMutex
	db     *bbolt.DB     // nil while another process has the file, and after Close
	lost   chan struct{} // closed by Close; nil before Acquire
	closed bool
}

// OpenBolt opens the file at path, making it (0600) and its directory (0700) where they are not there. It reads the whole file once, so
// that a damaged one is known before anything is built on it; one that another scheduler has is opened by Acquire.
func OpenBolt(path string) (*Bolt, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fault.New(fault.Invalid, file(path), "make its directory", "%w", err)
	}
	b := &Bolt{path: path}
	if err := b.attach(lockTimeout); err != nil && !errors.Is(err, berrors.ErrTimeout) {
		return nil, err
	}
	return b, nil
}

// attach opens the file, waiting so long for another process to let go of it.
func (b *Bolt) attach(wait time.Duration) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed || b.db != nil {
		return nil
	}
	var opened *os.File
	err := b.guard("open", func() (err error) {
		b.db, err = bbolt.Open(b.path, 0o600, &bbolt.Options{Timeout: wait, OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			opened, err = os.OpenFile(name, flag, mode)
			return opened, err
		}})
		return err
	})
	if err != nil {
		b.db = nil
		release(opened)
		return err
	}
	if err := b.prepare(); err != nil {
		_ = b.db.Close() // the first error says it all
		b.db = nil
		return err
	}
	return nil
}

// with runs what uses the database, if we have it.
func (b *Bolt) with(ctx context.Context, op string, use func() error) error {
	b.mu.RLock()
	defer b.mu.RUnlock()
	switch {
	case b.closed:
		return closed(file(b.path))
	case ctx.Err() != nil:
		return ended(ctx, file(b.path))
	case b.db == nil:
		return b.explain(op, berrors.ErrTimeout)
	}
	return b.guard(op, use)
}

// release lets go of a file that bbolt could not open. It does so itself unless the damage made it panic; then its mapping of the file
// lives on and would keep the lock, so the lock goes first.
func release(opened *os.File) {
	if opened == nil {
		return
	}
	if raw, err := opened.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = syscall.Flock(int(fd), syscall.LOCK_UN) }) // a closed file has no lock
	}
	_ = opened.Close()
}

// prepare makes the bucket, tightens the file's mode and checks every value.
func (b *Bolt) prepare() error {
	if err := os.Chmod(b.path, 0o600); err != nil {
		return fault.New(fault.Invalid, file(b.path), "make it readable by its owner only", "%w", err)
	}
	return b.guard("open", func() error {
		var fresh bool
		err := b.db.View(func(tx *bbolt.Tx) error {
			if info, err := os.Stat(b.path); err != nil {
				return err
			} else if info.Size() < tx.Size() {
				return b.corrupt(fmt.Sprintf("it has %d bytes and should have %d", info.Size(), tx.Size()))
			}
			held := tx.Bucket(bucket)
			if fresh = held == nil; fresh {
				return b.foreign(tx)
			}
			return held.ForEach(func(key, raw []byte) error {
				_, err := b.open(key, raw)
				return err
			})
		})
		if err != nil || !fresh {
			return err
		}
		return b.db.Update(func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket(bucket)
			return err
		})
	})
}

// foreign refuses a file that somebody else writes their own buckets to.
func (b *Bolt) foreign(tx *bbolt.Tx) error {
	if name, _ := tx.Cursor().First(); name != nil {
		return fault.New(fault.Invalid, file(b.path), "open", "it belongs to another program (it holds a bucket %q); name another file", name)
	}
	return nil
}

// Get implements Store.
func (b *Bolt) Get(ctx context.Context, key string) (value []byte, err error) {
	if err := checkKey(key); err != nil {
		return nil, err
	}
	err = b.with(ctx, "read", func() error {
		return b.db.View(func(tx *bbolt.Tx) error {
			raw := tx.Bucket(bucket).Get([]byte(key))
			if raw == nil {
				return notFound(key)
			}
			held, err := b.open([]byte(key), raw)
			value = copied(held)
			return err
		})
	})
	return value, err
}

// List implements Store.
func (b *Bolt) List(ctx context.Context, prefix string) (map[string][]byte, error) {
	if err := checkPrefix(prefix); err != nil {
		return nil, err
	}
	if prefix != "" {
		prefix += "/"
	}
	found := map[string][]byte{}
	err := b.with(ctx, "read", func() error {
		return b.db.View(func(tx *bbolt.Tx) error {
			cursor := tx.Bucket(bucket).Cursor()
			for key, raw := cursor.Seek([]byte(prefix)); key != nil && bytes.HasPrefix(key, []byte(prefix)); key, raw = cursor.Next() {
				value, err := b.open(key, raw)
				if err != nil {
					return err
				}
				found[string(key)] = copied(value)
			}
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return found, nil
}

// Commit implements Store.
func (b *Bolt) Commit(ctx context.Context, writes ...Write) error {
	if err := checkWrites(writes); err != nil {
		return err
	}
	return b.with(ctx, "write", func() error {
		return b.db.Update(func(tx *bbolt.Tx) error {
			held := tx.Bucket(bucket)
			for _, w := range writes {
				now, err := b.now(held, w)
				if err != nil {
					return err
				}
				if !w.met(now) {
					return conflict(w.Key)
				}
			}
			for _, w := range writes {
				if err := put(held, w); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// now gives what a write's comparison needs: what the key holds, read only if it is compared.
func (b *Bolt) now(held *bbolt.Bucket, w Write) ([]byte, error) {
	raw := held.Get([]byte(w.Key))
	if !w.Compare || raw == nil {
		return nil, nil
	}
	return b.open([]byte(w.Key), raw)
}

func put(held *bbolt.Bucket, w Write) error {
	if w.Value == nil {
		return held.Delete([]byte(w.Key))
	}
	raw := make([]byte, 0, 4+len(w.Value))
	raw = binary.BigEndian.AppendUint32(raw, checksum([]byte(w.Key), w.Value))
	return held.Put([]byte(w.Key), append(raw, w.Value...))
}

// Close implements Store.
func (b *Bolt) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if b.lost != nil {
		close(b.lost)
		b.lost = nil
		_ = os.Remove(b.holderFile()) // it only tells who had the lock
	}
	if b.db == nil {
		return nil
	}
	err := b.db.Close()
	b.db = nil
	if err != nil {
		return fault.New(fault.Internal, file(b.path), "close", "%w", err)
	}
	return nil
}

// open gives the value that raw holds; it is part of the transaction's memory, and never nil.
func (b *Bolt) open(key, raw []byte) ([]byte, error) {
	if len(raw) < 4 || binary.BigEndian.Uint32(raw) != checksum(key, raw[4:]) {
		return nil, b.corrupt(fmt.Sprintf("the value of key %q does not have its checksum", key))
	}
	return raw[4:], nil
}

// guard runs what uses the database and says its failures in our words. A damaged page makes bbolt panic, a page beyond the file's end
// raises SIGBUS on the mapped memory: both become an Internal error here instead of the end of the process.
func (b *Bolt) guard(op string, use func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if damage := recover(); damage != nil {
			err = b.corrupt(sentence(damage))
		}
	}()
	return b.explain(op, use())
}

// sentence says what a panic means: a runtime error is a page that is not there.
func sentence(damage any) string {
	if missing, ok := damage.(runtime.Error); ok {
		return "a page cannot be read (" + missing.Error() + ")"
	}
	return fmt.Sprint(damage)
}

func (b *Bolt) explain(op string, err error) error {
	var ours *fault.Error
	switch {
	case err == nil || errors.As(err, &ours):
		return err
	case errors.Is(err, berrors.ErrTimeout):
		return fault.New(fault.Temporary, file(b.path), op, "it is in use by another scheduler%s; stop that one first, or name another file (%w)", b.named(), err)
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrVersionMismatch), errors.Is(err, berrors.ErrChecksum):
		return b.corrupt(err.Error())
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return fault.New(fault.Temporary, file(b.path), op, "%w: nothing was written; make room there", err)
	case errors.Is(err, os.ErrPermission):
		return fault.New(fault.Denied, file(b.path), op, "%w", err)
	}
	return fault.New(fault.Internal, file(b.path), op, "%w", err)
}

func (b *Bolt) corrupt(what string) error {
	return fault.New(fault.Internal, file(b.path), "", "it is damaged: %s; put a backup in its place, or move it away to begin anew", what)
}

func file(path string) string { return "state file " + path }
