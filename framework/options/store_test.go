package options_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/options"
)

func TestStores(t *testing.T) {
	for args, want := range map[string]string{
		"":                 "bolt:///var/lib/scaleio-scheduler/state.db",
		"-store.uri=/x.db": "bolt:///x.db",
		"-store.type=boltdb -store.uri=bolt:///x.db": "bolt:///x.db",
		"-store.type=zk": "zk://master.mesos:2181/dcos-service-scaleio",
		"-store.type=zk -service.name=/prod/scaleio":         "zk://master.mesos:2181/dcos-service-prod__scaleio",
		"-store.uri=zk://a:2181,b":                           "zk://a:2181,b/dcos-service-scaleio",
		"-store.type=zk -store.uri=zk://a,b/deep/er/":        "zk://a,b/deep/er",
		"-store.type=zk -store.uri=a:1,[::1]:2/x":            "zk://a:1,[::1]:2/x",
		"-store.type=etcd -store.uri=10.0.0.1:2379":          "etcd://10.0.0.1:2379/dcos-service-scaleio",
		"-store.uri=etcd://e/s -store.secret.file=f":         "etcd://e/s",
		"-store.uri=etcd://e -store.ca_file=c -role=any":     "etcd://e/dcos-service-scaleio",
		"-store.uri=zk://a -store.secret.file=f -rest.port=": "zk://a/dcos-service-scaleio",
	} {
		partial, err := options.ParseStore(strings.Fields(args), nil)
		if err != nil || partial.Store.URI() != want {
			t.Errorf("%s: %v, %v; want %s", args, partial, err, want)
			continue
		}
		whole, err := options.Parse(strings.Fields(args), least)
		if args == "-store.uri=zk://a -store.secret.file=f -rest.port=" {
			continue // of which only the store is right
		}
		if diff := cmp.Diff(partial.Store, whole.Store); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", args, err, diff)
		}
	}
}

func TestStoresThatAreRefused(t *testing.T) {
	for args, want := range map[string]string{
		"-store.uri=state.db":                             `-store.uri: "state.db": expected the absolute path of a file, or bolt:///path`,
		"-store.type=etcd":                                `-store.uri: "": expected hosts and root`,
		"-store.uri=zk://u:password@a/x":                  "user and password are given by store.secret",
		"-store.uri=zk://a,,b/x":                          "expected hosts and root",
		"-store.type=etcd -store.uri=zk://a":              "names a store of type zk, -store.type one of type etcd",
		"-store.secret.file=f":                            "is of no use for a file",
		"-store.uri=zk://a -store.ca_file=c":              "is of use for etcd only",
		"-store.uri=etcd://a -store.cert_file=c":          "belong together",
		"-store.uri=consul://a/b":                         "expected the absolute path of a file",
		"-store.secret=u:password":                        "is refused: everybody on the machine can read a command line",
		"-store.type=etcd -store.uri=u:password@a/prefix": "user and password are given by store.secret",
	} {
		_, err := options.ParseStore(strings.Fields(args), nil)
		said := fault.Lines(err)
		if !slices.ContainsFunc(said, func(line string) bool { return strings.Contains(line, want) }) {
			t.Errorf("%s: %q, want %q", args, said, want)
		}
		if strings.Contains(strings.Join(said, "\n"), "password@") || strings.Contains(strings.Join(said, "\n"), "u:password") {
			t.Errorf("%s shows the password: %q", args, said)
		}
	}
}
