package state

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"strings"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// The limits of an etcd with its defaults: max-txn-ops 128, max-request-bytes 1.5 MiB.
const (
	etcdChanges = 128
	etcdBytes   = 1_000_000
)

// etcd is cells on an etcd v3: a key for each. The lock is a key with a lease.
type etcd struct {
	client *clientv3.Client
	place  string // for messages
	root   string // ends in a slash
	asked  time.Duration

	mu      sync.Mutex
	lease   clientv3.LeaseID // of our lock, or of an attempt to get it; 0: none
	granted time.Duration
}

// openEtcd makes a client; nothing is sent yet, unless there is a user.
func openEtcd(at Config, servers []string, root string) (*etcd, error) {
	e := &etcd{place: "state store etcd://" + strings.Join(servers, ",") + root, root: root + "/", asked: at.session()}
	security, err := at.tls()
	if err != nil {
		return nil, fault.New(fault.Invalid, e.place, "connect", "%w", err)
	}
	config := clientv3.Config{Endpoints: servers, TLS: security, DialTimeout: at.session(), Logger: zap.NewNop(),
		DialKeepAliveTime: 5 * time.Second, DialKeepAliveTimeout: at.session() / 2}
	config.Username, config.Password, _ = strings.Cut(at.User.Reveal(), ":")
	if e.client, err = clientv3.New(config); err != nil {
		return nil, e.explain("connect", err)
	}
	return e, nil
}

// tls gives what a connection is secured by, or nil when no certificate is named.
func (at Config) tls() (*tls.Config, error) {
	if at.CAFile == "" && at.CertFile == "" {
		return nil, nil
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if at.CAFile != "" {
		pem, err := os.ReadFile(at.CAFile)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, errors.New(at.CAFile + " holds no certificate (PEM)")
		}
	}
	if at.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(at.CertFile, at.KeyFile)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

func (e *etcd) where() string { return e.place }

func (e *etcd) limits() (changes, size int) { return etcdChanges, etcdBytes }

// read asks for all in one transaction per etcdChanges names, so that each is no older than the one before it.
func (e *etcd) read(ctx context.Context, names ...string) ([]cell, error) {
	cells := make([]cell, 0, len(names))
	for len(names) > 0 {
		some := names[:min(len(names), etcdChanges)]
		names = names[len(some):]
		gets := make([]clientv3.Op, len(some))
		for i, name := range some {
			gets[i] = clientv3.OpGet(e.root + name)
		}
		answer, err := e.client.Txn(ctx).Then(gets...).Commit()
		if err != nil {
			return nil, e.explain("read", err)
		}
		for _, one := range answer.Responses {
			var c cell
			for _, kv := range one.GetResponseRange().Kvs {
				c = cell{kv.Value, kv.Version}
			}
			cells = append(cells, c)
		}
	}
	return cells, nil
}

func (e *etcd) under(ctx context.Context, folder string, want func(string) bool) (map[string]cell, error) {
	prefix := e.root + folder + "/"
	answer, err := e.client.Get(ctx, prefix, clientv3.WithPrefix())
	if err != nil {
		return nil, e.explain("list", err)
	}
	found := map[string]cell{}
	for _, kv := range answer.Kvs {
		if name := strings.TrimPrefix(string(kv.Key), prefix); want(name) {
			found[name] = cell{kv.Value, kv.Version}
		}
	}
	return found, nil
}

func (e *etcd) swap(ctx context.Context, at int64, changes []change) error {
	ops := make([]clientv3.Op, len(changes))
	for i, c := range changes {
		if c.value == nil {
			ops[i] = clientv3.OpDelete(e.root + c.name)
		} else {
			ops[i] = clientv3.OpPut(e.root+c.name, string(c.value))
		}
	}
	answer, err := e.client.Txn(ctx).If(clientv3.Compare(clientv3.Version(e.root+headName), "=", at)).Then(ops...).Commit()
	if err != nil {
		return e.explain("write", err)
	}
	if !answer.Succeeded {
		return errMoved
	}
	return nil
}

func (e *etcd) close() error {
	e.mu.Lock()
	lease := e.lease
	e.mu.Unlock()
	if lease != 0 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_, _ = e.client.Revoke(ctx, lease) // else it runs out
	}
	if err := e.client.Close(); err != nil && !errors.Is(err, context.Canceled) {
		return fault.New(fault.Internal, e.place, "close", "%w", err)
	}
	return nil
}

// etcdKinds are the kinds of the errors of the client that are not Internal, by their gRPC code.
var etcdKinds = map[codes.Code]fault.Kind{
	codes.Unavailable: fault.Temporary, codes.DeadlineExceeded: fault.Temporary, codes.Canceled: fault.Temporary,
	codes.ResourceExhausted: fault.Temporary, codes.Aborted: fault.Temporary,
	codes.PermissionDenied: fault.Denied, codes.Unauthenticated: fault.Denied, codes.FailedPrecondition: fault.Denied,
}

func (e *etcd) explain(op string, err error) error {
	if errors.Is(err, rpctypes.ErrAuthFailed) || errors.Is(err, rpctypes.ErrUserEmpty) {
		return fault.New(fault.Denied, e.place, op, "%w: expected a user and password of this etcd (store.secret)", err)
	}
	code := status.Code(err)
	var known rpctypes.EtcdError
	switch {
	case errors.As(err, &known):
		code = known.Code()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled), errors.Is(err, clientv3.ErrNoAvailableEndpoints):
		code = codes.Unavailable
	}
	return fault.New(etcdKinds[code], e.place, op, "%w", err)
}
