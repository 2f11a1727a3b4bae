package state

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-zookeeper/zk"
	"golang.org/x/sync/errgroup"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/secret"
)

// The limits of a ZooKeeper with its default jute.maxbuffer of 1 MiB - 1 for a whole request.
const (
	zkChanges = 10000
	zkBytes   = 900_000
)

// inFlight bounds the requests that are sent before the first is answered.
const inFlight = 64

// zookeeper is cells on a ZooKeeper: a znode for each. A key is one znode, whatever slashes it has, so that nothing is left of a key that
// was removed. The lock is an ephemeral znode.
type zookeeper struct {
	conn    *zk.Conn
	servers string
	root    string // absolute, no slash at the end
	acl     []zk.ACL
	asked   time.Duration // the session that we asked for
	granted atomic.Int64  // the session that the server granted, in ms; 0 before the first
	session atomic.Int64  // the session that holds the lock
	calls   sync.WaitGroup
}

// openZooKeeper connects; user is "name:password" for digest authentication, or empty: then anybody may read and write what is made.
func openZooKeeper(servers []string, root string, user secret.Value, session time.Duration, log *slog.Logger) (*zookeeper, error) {
	z := &zookeeper{servers: strings.Join(servers, ","), root: root, asked: session, acl: zk.WorldACL(zk.PermAll)}
	conn, _, err := zk.Connect(servers, session, zk.WithLogger(zkLog{log, z}), zk.WithLogInfo(true))
	if err != nil { // no server's name has an address
		return nil, fault.New(fault.Temporary, z.where(), "connect", "%w", err)
	}
	z.conn = conn
	ctx, cancel := context.WithTimeout(context.Background(), session)
	defer cancel()
	if err := insist(ctx, func() error { return z.login(ctx, user) }); err != nil {
		_ = z.close()
		return nil, err
	}
	return z, nil
}

// login authenticates, and has the server catch up with what others wrote.
func (z *zookeeper) login(ctx context.Context, user secret.Value) error {
	if !user.Empty() {
		z.acl = zk.AuthACL(zk.PermAll) // of who is authenticated on this connection
		if _, err := await(ctx, z, "authenticate", func() (any, error) { return nil, z.conn.AddAuth("digest", []byte(user.Reveal())) }); err != nil {
			return err
		}
	}
	_, err := await(ctx, z, "connect", func() (string, error) { return z.conn.Sync("/") })
	return err
}

func (z *zookeeper) where() string { return "state store zk://" + z.servers + z.root }

func (z *zookeeper) limits() (changes, size int) { return zkChanges, zkBytes }

// path is the znode of a cell. The key that follows a folder is one name there.
func (z *zookeeper) path(name string) string {
	if folder, key, ok := strings.Cut(name, "/"); ok {
		name = folder + "/" + escape.Replace(key)
	}
	return z.root + "/" + name
}

var (
	escape   = strings.NewReplacer("%", "%25", "/", "%2F")
	unescape = strings.NewReplacer("%25", "%", "%2F", "/")
)

func (z *zookeeper) read(ctx context.Context, names ...string) ([]cell, error) {
	cells := make([]cell, len(names))
	first, err := z.get(ctx, names[0])
	if err != nil {
		return nil, err
	}
	cells[0] = first
	err = each(ctx, len(names)-1, func(ctx context.Context, i int) (err error) {
		cells[i+1], err = z.get(ctx, names[i+1])
		return err
	})
	return cells, err
}

// each calls do for 0 to n-1, several at once.
func each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(inFlight)
	for i := range n {
		group.Go(func() error { return do(ctx, i) })
	}
	return group.Wait()
}

func (z *zookeeper) get(ctx context.Context, name string) (cell, error) {
	return await(ctx, z, "read", func() (cell, error) {
		value, stat, err := z.conn.Get(z.path(name))
		if errors.Is(err, zk.ErrNoNode) {
			return cell{}, nil
		}
		if err != nil {
			return cell{}, err
		}
		return cell{value, int64(stat.Version) + 1}, nil
	})
}

func (z *zookeeper) under(ctx context.Context, folder string, want func(string) bool) (map[string]cell, error) {
	nodes, err := await(ctx, z, "list", func() ([]string, error) {
		children, _, err := z.conn.Children(z.root + "/" + folder)
		if errors.Is(err, zk.ErrNoNode) {
			err = nil
		}
		return children, err
	})
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(nodes))
	for _, node := range nodes {
		if name := unescape.Replace(node); want(name) {
			names = append(names, name)
		}
	}
	cells := make([]cell, len(names))
	if err := each(ctx, len(names), func(ctx context.Context, i int) (err error) {
		cells[i], err = z.get(ctx, folder+"/"+names[i])
		return err
	}); err != nil {
		return nil, err
	}
	found := make(map[string]cell, len(names))
	for i, c := range cells {
		if c.version > 0 {
			found[names[i]] = c
		}
	}
	return found, nil
}

// swap is one multi. Whether a znode has to be made or set is read before: nobody can change that without moving the head.
func (z *zookeeper) swap(ctx context.Context, at int64, changes []change) error {
	if at == 0 {
		if err := z.prepare(ctx); err != nil {
			return err
		}
	}
	there := make([]bool, len(changes))
	if err := each(ctx, len(changes), func(ctx context.Context, i int) (err error) {
		if changes[i].name != headName {
			there[i], err = z.exists(ctx, changes[i].name)
		}
		return err
	}); err != nil {
		return err
	}
	ops := z.ops(at, changes, there)
	_, err := await(ctx, z, "write", func() (any, error) { return nil, failure(z.conn.Multi(ops...)) })
	if errors.Is(err, zk.ErrBadVersion) || errors.Is(err, zk.ErrNoNode) || errors.Is(err, zk.ErrNodeExists) {
		return errMoved
	}
	return err
}

func (z *zookeeper) exists(ctx context.Context, name string) (bool, error) {
	return await(ctx, z, "read", func() (bool, error) {
		there, _, err := z.conn.Exists(z.path(name))
		return there, err
	})
}

// ops begins with the head, so that a head that has moved is what fails.
func (z *zookeeper) ops(at int64, changes []change, there []bool) []any {
	version := int32(at - 1)
	ops := []any{&zk.CheckVersionRequest{Path: z.path(headName), Version: version}}
	for i, c := range changes {
		path := z.path(c.name)
		switch {
		case c.name == headName && at == 0:
			ops[0] = &zk.CreateRequest{Path: path, Data: c.value, Acl: z.acl}
		case c.name == headName:
			ops[0] = &zk.SetDataRequest{Path: path, Data: c.value, Version: version}
		case c.value == nil && there[i]:
			ops = append(ops, &zk.DeleteRequest{Path: path, Version: -1})
		case c.value == nil:
		case there[i]:
			ops = append(ops, &zk.SetDataRequest{Path: path, Data: c.value, Version: -1})
		default:
			ops = append(ops, &zk.CreateRequest{Path: path, Data: c.value, Acl: z.acl})
		}
	}
	return ops
}

// failure is what made a multi fail: the first operation with an error of its own, as the others are said to be rolled back.
func failure(answers []zk.MultiResponse, err error) error {
	for _, a := range answers {
		if a.Error != nil && isKnown(a.Error) {
			return a.Error
		}
	}
	return err
}

func isKnown(err error) bool {
	return slices.ContainsFunc([]error{zk.ErrBadVersion, zk.ErrNoNode, zk.ErrNodeExists, zk.ErrNoAuth, zk.ErrInvalidACL, zk.ErrSessionExpired},
		func(known error) bool { return errors.Is(err, known) })
}

// prepare makes the root and its folders where they are not there.
func (z *zookeeper) prepare(ctx context.Context) error {
	var paths []string
	for i, c := range z.root + "/" {
		if c == '/' && i > 0 {
			paths = append(paths, z.root[:i])
		}
	}
	for _, path := range append(paths, z.root+"/"+keysFolder, z.root+"/"+stageFolder) {
		if _, err := await(ctx, z, "make "+path, func() (any, error) {
			if there, _, err := z.conn.Exists(path); there || err != nil {
				return nil, err
			}
			_, err := z.conn.Create(path, nil, 0, z.acl)
			if errors.Is(err, zk.ErrNodeExists) {
				err = nil
			}
			return nil, err
		}); err != nil {
			return err
		}
	}
	return nil
}

func (z *zookeeper) close() error {
	z.conn.Close()
	z.calls.Wait()
	return nil
}

// await runs a call of the ZooKeeper client, which knows no context: when ctx ends first, the call goes on alone until the client has an
// answer or is closed.
func await[T any](ctx context.Context, z *zookeeper, op string, call func() (T, error)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	answers := make(chan answer, 1)
	z.calls.Go(func() {
		value, err := call()
		answers <- answer{value, err}
	})
	select {
	case a := <-answers:
		return a.value, z.explain(op, a.err)
	case <-ctx.Done():
		var none T
		return none, fault.New(fault.Temporary, z.where(), op, "no answer in time: %w", ctx.Err())
	}
}

// zkKinds are the kinds of the errors of the client that are not Internal.
var zkKinds = map[error]fault.Kind{
	zk.ErrConnectionClosed: fault.Temporary, zk.ErrNoServer: fault.Temporary, zk.ErrSessionExpired: fault.Temporary,
	zk.ErrSessionMoved: fault.Temporary, zk.ErrClosing: fault.Temporary,
	zk.ErrNoAuth: fault.Denied, zk.ErrAuthFailed: fault.Denied, zk.ErrInvalidACL: fault.Denied,
}

func (z *zookeeper) explain(op string, err error) error {
	if err == nil {
		return nil
	}
	for known, kind := range maps.All(zkKinds) {
		if !errors.Is(err, known) {
			continue
		}
		if kind == fault.Denied {
			err = fmt.Errorf("%w: expected the user and password (store.secret) that made it", err)
		}
		return fault.New(kind, z.where(), op, "%w", err)
	}
	return fault.New(fault.Internal, z.where(), op, "%w", err)
}
