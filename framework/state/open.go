package state

import (
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/secret"
)

// Config says which store Open opens.
type Config struct {
	// URI is bolt:///file (an absolute path, taken literally), zk://host:port,host:port/root or etcd://host:port,host:port/root.
	URI string
	// User is "name:password": for ZooKeeper's digest authentication, with which all that we make is for that user only, or of an etcd.
	User secret.Value
	// The files (PEM) of an etcd's authority, and of our certificate and its key: without any of them the connection is in the clear.
	CAFile, CertFile, KeyFile string
	// Session is how long a server may be silent until calls to it fail, and until the lock of an owner that is silent is taken away.
	// 0: DefaultSession.
	Session time.Duration
	Log     *slog.Logger // may be nil
}

// DefaultSession outlasts the election of a new leader, and is what a scheduler waits for after another one was killed.
const DefaultSession = 10 * time.Second

func (at Config) session() time.Duration {
	if at.Session == 0 {
		return DefaultSession
	}
	return at.Session
}

// The ports of servers whose addresses name none.
var ports = map[string]string{"zk": "2181", "etcd": "2379"}

// Open opens the store that is configured.
func Open(at Config) (Store, error) {
	scheme, rest, _ := strings.Cut(at.URI, "://")
	wrong := func(why string) error { return fault.New(fault.Invalid, "state store "+at.URI, "", "%s", why) }
	if scheme == "bolt" {
		if !filepath.IsAbs(rest) {
			return nil, wrong("expected the absolute path of a file, such as bolt:///var/lib/scaleio/state.db")
		}
		store, err := OpenBolt(rest)
		if err != nil {
			return nil, err
		}
		return store, nil
	}
	if ports[scheme] == "" {
		return nil, wrong("expected bolt:///absolute/path, zk://host:port/root or etcd://host:port/root")
	}
	servers, root, problem := parsePlace(scheme, rest)
	if problem != "" {
		return nil, wrong(problem)
	}
	if !at.User.Empty() && !strings.Contains(at.User.Reveal(), ":") {
		return nil, wrong("the user's secret is not of the form name:password")
	}
	if at.Log == nil {
		at.Log = slog.New(slog.DiscardHandler)
	}
	return at.dial(scheme, servers, root)
}

func (at Config) dial(scheme string, servers []string, root string) (Store, error) {
	c, err := at.cells(scheme, servers, root)
	if err != nil {
		return nil, err
	}
	r, err := openRemote(c, at.session())
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (at Config) cells(scheme string, servers []string, root string) (cells, error) {
	if scheme == "zk" {
		return openZooKeeper(servers, root, at.User, at.session(), at.Log)
	}
	return openEtcd(at, servers, root)
}

// parsePlace takes "host:port,host/root" apart, or says what is wrong with it.
func parsePlace(scheme, text string) (servers []string, root, wrong string) {
	hosts, root, _ := strings.Cut(text, "/")
	for host := range strings.SplitSeq(hosts, ",") {
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(strings.Trim(host, "[]"), ports[scheme])
		}
		if strings.HasPrefix(host, ":") || strings.ContainsAny(host, "@ ") {
			return nil, "", "expected hosts as host or host:port, separated by commas, without blanks, user or password"
		}
		servers = append(servers, host)
	}
	root = "/" + strings.Trim(root, "/")
	if err := checkKey(root[1:]); err != nil {
		return nil, "", "expected a root behind the hosts, such as /dcos-service-scaleio"
	}
	return servers, root, ""
}

// Warnings says what an operator should know about how the store is protected.
func (at Config) Warnings() []string {
	scheme, _, _ := strings.Cut(at.URI, "://")
	var all []string
	if ports[scheme] != "" && at.User.Empty() && (scheme == "zk" || at.CertFile == "") {
		all = append(all, "anybody who reaches "+at.URI+" can read and change the state; name a user and password with store.secret or store.secret.file")
	}
	if scheme == "etcd" && at.CAFile == "" && at.CertFile == "" {
		all = append(all, "the connection to "+at.URI+" is not encrypted; name its authority with store.ca_file")
	}
	return all
}
