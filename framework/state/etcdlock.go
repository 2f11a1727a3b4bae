package state

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// claim puts the key with a lease, if there is none. After a lost answer it may be there with our lease.
func (e *etcd) claim(ctx context.Context, owner string) (holder string, ours bool, err error) {
	lease, err := e.granting(ctx)
	if err != nil {
		return "", false, err
	}
	key := e.root + lockName
	answer, err := e.client.Txn(ctx).If(clientv3.Compare(clientv3.CreateRevision(key), "=", 0)).
		Then(clientv3.OpPut(key, owner, clientv3.WithLease(lease))).Else(clientv3.OpGet(key)).Commit()
	if errors.Is(err, rpctypes.ErrLeaseNotFound) { // it ran out since an attempt that got no answer
		e.drop()
	}
	if err != nil {
		return "", false, e.explain("lock", err)
	}
	if answer.Succeeded {
		return owner, true, nil
	}
	for _, kv := range answer.Responses[0].GetResponseRange().Kvs {
		if kv.Lease == int64(lease) {
			return owner, true, nil
		}
		holder = string(kv.Value)
	}
	e.drop()
	_, _ = e.client.Revoke(ctx, lease) // else it runs out
	return holder, false, nil
}

// granting gives the lease of the last attempt, or a new one.
func (e *etcd) granting(ctx context.Context) (clientv3.LeaseID, error) {
	e.mu.Lock()
	lease := e.lease
	e.mu.Unlock()
	if lease != 0 {
		return lease, nil
	}
	seconds := max(1, int64(e.asked/time.Second))
	granted, err := e.client.Grant(ctx, seconds)
	if err != nil {
		return 0, e.explain("lock", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lease, e.granted = granted.ID, time.Duration(granted.TTL)*time.Second
	return e.lease, nil
}

func (e *etcd) drop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.lease = 0
}

// vacated watches the key; it looks again from time to time.
func (e *etcd) vacated(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, e.asked)
	defer cancel()
	key := e.root + lockName
	now, err := e.client.Get(ctx, key)
	if err != nil || len(now.Kvs) == 0 {
		return e.waited(ctx, err)
	}
	for answer := range e.client.Watch(ctx, key, clientv3.WithRev(now.Header.Revision+1)) {
		for _, event := range answer.Events {
			if event.Type == clientv3.EventTypeDelete {
				return nil
			}
		}
		if err := answer.Err(); err != nil {
			return e.waited(ctx, err)
		}
	}
	return nil
}

func (e *etcd) waited(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return nil // Acquire sees the end of its own context
	}
	return e.explain("wait for the lock", err)
}

func (e *etcd) renew(ctx context.Context) error {
	e.mu.Lock()
	lease := e.lease
	e.mu.Unlock()
	if _, err := e.client.KeepAliveOnce(ctx, lease); err != nil {
		if errors.Is(err, rpctypes.ErrLeaseNotFound) {
			return errGone
		}
		return e.explain("renew the lock", err)
	}
	now, err := e.client.Get(ctx, e.root+lockName)
	if err != nil {
		return e.explain("renew the lock", err)
	}
	if len(now.Kvs) == 0 || now.Kvs[0].Lease != int64(lease) {
		return errGone
	}
	return nil
}

func (e *etcd) patience() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.granted
}
