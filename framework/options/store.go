package options

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// Store is where the scheduler keeps its state.
type Store struct {
	Type  string // bolt, zk, etcd
	Place string // the file's absolute path, or servers and root: host:port,host:port/root
	User  Secret // "name:password" on the servers; may be absent
	// Files (PEM) of an etcd's authority, and of our certificate and its key; "": not used.
	CAFile, CertFile, KeyFile string
}

// URI is what state.Open takes.
func (s Store) URI() string { return s.Type + "://" + s.Place }

const (
	defaultStoreFile    = "/var/lib/scaleio-scheduler/state.db"
	defaultStoreServers = "master.mesos:2181" // DC/OS' own ZooKeepers
)

var storeOptions = []Option{
	{Name: "store.type", Env: []string{"STORE_TYPE"}, Default: "bolt",
		Help:  "What the scheduler keeps its state in: a file of its machine (bolt), ZooKeeper (zk) or etcd v3 (etcd). docs/state.md tells how to move it.",
		value: func(o *Options) value { return storeType(&o.Store.Type) }},
	{Name: "store.uri", Env: []string{"STORE_URI"},
		Help: "The file of the state, which must outlive the scheduler: not in its sandbox. Or hosts and root, such as zk-1.zk:2181,zk-2.zk:2181/dcos-service-scaleio. " +
			"Empty: " + defaultStoreFile + "; for zk " + defaultStoreServers + ". Without a root: /dcos-service-<service.name>.",
		value: func(o *Options) value { return words(&o.Store.Place, "path, or hosts and root", spec.CheckText) }},
	{Name: "store.secret", Env: []string{"STORE_SECRET"},
		Help: "User and password for the servers, as name:password. A ZooKeeper then lets that user alone see the state (digest); without it anybody who " +
			"reaches the ZooKeeper can read and change it.",
		value: func(o *Options) value { return hidden(&o.Store.User.Value) }},
	{Name: "store.secret.file", Env: []string{"STORE_SECRET_FILE"}, Help: "The file that holds user and password for the servers.",
		value: func(o *Options) value { return file(&o.Store.User.File) }},
	{Name: "store.ca_file", Env: []string{"STORE_CA_FILE"}, Help: "The file (PEM) of the authority that signed the etcd's certificate. Empty: no encryption.",
		value: func(o *Options) value { return file(&o.Store.CAFile) }},
	{Name: "store.cert_file", Env: []string{"STORE_CERT_FILE"}, Help: "The file (PEM) of the scheduler's own certificate for etcd.",
		value: func(o *Options) value { return file(&o.Store.CertFile) }},
	{Name: "store.key_file", Env: []string{"STORE_KEY_FILE"}, Help: "The file (PEM) of that certificate's key.",
		value: func(o *Options) value { return file(&o.Store.KeyFile) }},
}

func storeType(field *string) value {
	return value{kind: "bolt, zk, etcd", field: field, set: func(text string) string {
		switch text {
		case "boltdb": // the original's name
			text = "bolt"
		case "bolt", "zk", "etcd":
		default:
			return fmt.Sprintf("%q: expected bolt, zk or etcd", text)
		}
		*field = text
		return ""
	}}
}

// store takes store.uri apart, as store.type says what it means.
func (p *parser) store() {
	s := &p.options.Store
	if scheme, rest, ok := strings.Cut(s.Place, "://"); ok && storeType(new(string)).set(scheme) == "" {
		if p.has("store.type") && s.Type != scheme {
			p.problems.Add(p.source("store.uri"), fmt.Sprintf("names a store of type %s, %s one of type %s", scheme, p.source("store.type"), s.Type))
		}
		s.Type, s.Place = scheme, rest
	}
	switch s.Type {
	case "": // wrong, which was said
	case "bolt":
		p.problems.Add(p.source("store.uri"), s.file())
	default:
		p.problems.Add(p.source("store.uri"), s.servers(p.options.Service.Name))
	}
	for _, name := range []string{"store.secret", "store.secret.file"} {
		if p.has(name) && s.Type == "bolt" {
			p.problems.Add(p.source(name), "is of no use for a file: expected -store.type=zk or etcd")
		}
	}
	for _, name := range []string{"store.ca_file", "store.cert_file", "store.key_file"} {
		if p.has(name) && s.Type != "etcd" {
			p.problems.Add(p.source(name), "is of use for etcd only")
		}
	}
	if p.has("store.cert_file") != p.has("store.key_file") {
		p.problems.Add(p.source("store.cert_file"), "and -store.key_file belong together")
	}
}

func (s *Store) file() (wrong string) {
	if s.Place == "" {
		s.Place = defaultStoreFile
	}
	if spec.CheckPath(s.Place) != "" {
		return fmt.Sprintf("%q: expected the absolute path of a file, or bolt:///path", spec.Redact(s.Place))
	}
	return ""
}

// servers takes hosts and root apart.
func (s *Store) servers(service string) (wrong string) {
	if s.Place == "" && s.Type == "zk" {
		s.Place = defaultStoreServers
	}
	hosts, root, _ := strings.Cut(s.Place, "/")
	for host := range strings.SplitSeq(hosts, ",") {
		if !isServer(host) {
			return fmt.Sprintf("%q: expected hosts and root, such as host:port,host:port/dcos-service-scaleio; user and password are given by store.secret", spec.Redact(s.Place))
		}
	}
	if root = strings.Trim(root, "/"); root == "" {
		root = rootOf(service)
	}
	if spec.CheckPath("/"+root) != "" {
		return fmt.Sprintf("%q is no root", "/"+root)
	}
	s.Place = hosts + "/" + root
	return ""
}

// isServer says whether a text is a host, or a host and a port.
func isServer(text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		host, port = strings.Trim(text, "[]"), "1"
	}
	_, wrong := strconv.ParseUint(port, 10, 16)
	return wrong == nil && spec.CheckHost(host) == ""
}

// rootOf is where DC/OS' tools look for what a service left in ZooKeeper.
func rootOf(service string) string {
	return "dcos-service-" + strings.ReplaceAll(strings.Trim(service, "/"), "/", "__")
}

// ParseStore reads from the same command line and environment as Parse no more than what names the store: all else may be missing.
func ParseStore(args, env []string) (*Options, error) {
	p := &parser{options: &Options{}, given: map[string]given{}}
	p.environment(env)
	if err := p.flags(args); err != nil {
		return nil, err
	}
	for o := range All() {
		if o.Name == "service.name" || o.Name == "loglevel" || strings.HasPrefix(o.Name, "store.") {
			p.fillOne(o)
		}
	}
	p.store()
	p.atMostOne("store.secret", "store.secret.file")
	if err := p.problems.Sorted(); err != nil {
		return nil, err
	}
	return p.options, nil
}
