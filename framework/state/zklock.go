package state

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"
)

// claim makes the ephemeral znode. After a lost answer it may be there and be ours.
func (z *zookeeper) claim(ctx context.Context, owner string) (holder string, ours bool, err error) {
	if err := z.prepare(ctx); err != nil {
		return "", false, err
	}
	path := z.path(lockName)
	_, err = await(ctx, z, "lock", func() (string, error) { return z.conn.Create(path, []byte(owner), zk.FlagEphemeral, z.acl) })
	if err != nil && !errors.Is(err, zk.ErrNodeExists) {
		return "", false, err
	}
	held, err := z.held(ctx)
	if err != nil {
		return "", false, err
	}
	z.session.Store(held.session)
	return held.owner, held.session == z.conn.SessionID(), nil
}

type held struct {
	owner   string
	session int64 // 0: nobody has it
}

func (z *zookeeper) held(ctx context.Context) (held, error) {
	return await(ctx, z, "lock", func() (held, error) {
		value, stat, err := z.conn.Get(z.path(lockName))
		if errors.Is(err, zk.ErrNoNode) {
			return held{}, nil
		}
		if err != nil {
			return held{}, err
		}
		return held{string(value), stat.EphemeralOwner}, nil
	})
}

// vacated watches the znode; it looks again from time to time, as a watch can get lost with its session.
func (z *zookeeper) vacated(ctx context.Context) error {
	gone, err := await(ctx, z, "wait for the lock", func() (<-chan zk.Event, error) {
		there, _, events, err := z.conn.ExistsW(z.path(lockName))
		if !there {
			events = nil
		}
		return events, err
	})
	if err != nil || gone == nil {
		return err
	}
	again := time.NewTimer(z.asked)
	defer again.Stop()
	select {
	case <-gone:
	case <-again.C:
	case <-ctx.Done():
		return ended(ctx, z.where())
	}
	return nil
}

// renew reads the lock. The request before it goes to the leader: a follower that lost its leader still answers reads for a while.
func (z *zookeeper) renew(ctx context.Context) error {
	if _, err := await(ctx, z, "renew the lock", func() (string, error) { return z.conn.Sync(z.path(lockName)) }); err != nil {
		return err
	}
	now, err := z.held(ctx)
	if err == nil && now.session != z.session.Load() {
		return errGone
	}
	return err
}

// patience is four fifths of the session: a follower tells the leader of a client's requests a little later.
func (z *zookeeper) patience() time.Duration {
	session := z.asked
	if granted := time.Duration(z.granted.Load()) * time.Millisecond; granted > 0 {
		session = min(granted, session)
	}
	return session * 4 / 5
}

// zkLog takes what the client logs. The session's time, which the server may shorten, is told nowhere else.
type zkLog struct {
	log *slog.Logger
	z   *zookeeper
}

func (l zkLog) Printf(text string, args ...any) {
	if strings.HasPrefix(text, "authenticated: ") && len(args) == 2 {
		if ms, ok := args[1].(int32); ok {
			l.z.granted.Store(int64(ms))
		}
	}
	l.log.Debug("ZooKeeper: "+text, "values", args)
}
