package state

import (
	"path/filepath"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// Open opens the store that uri names: "bolt:///var/lib/scaleio/state.db" is the file of that path, taken literally.
func Open(uri string) (Store, error) {
	scheme, rest, _ := strings.Cut(uri, "://")
	switch scheme {
	case "bolt":
		if !filepath.IsAbs(rest) {
			return nil, fault.New(fault.Invalid, "state store "+uri, "", "expected the absolute path of a file, such as bolt:///var/lib/scaleio/state.db")
		}
		store, err := OpenBolt(rest)
		if err != nil {
			return nil, err
		}
		return store, nil
	case "zk", "etcd":
		return nil, fault.New(fault.Invalid, "state store "+uri, "", "stores of kind %s are not in this version yet; expected bolt:///absolute/path", scheme)
	}
	return nil, fault.New(fault.Invalid, "state store "+uri, "", "expected bolt:///absolute/path")
}
