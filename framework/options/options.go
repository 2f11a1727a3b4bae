package options

import (
	"errors"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/secret"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// Options are all that the operator says to the scheduler.
type Options struct {
	LogLevel string // debug, info, warn, error
	Service  Service
	Mesos    Mesos
	API      API
	Executor Executor
	Store    Store
	System   System
	Pools    spec.Pools
	Devices  spec.Devices
	Packages Packages
	REXRay   spec.REXRay
	Network  string // CIDR that the data servers' addresses are in; "": any
	Reboot   bool   // nodes may reboot themselves

	ResetFramework bool // forget a framework that Mesos has removed

	InstallParallel int // how many nodes are installed at once
	REXRayParallel  int // how many nodes' REX-Rays are set up at once
}

// Service is how the framework registers with Mesos.
type Service struct {
	Name     string
	Role     string
	User     string
	Hostname string // "": the name of this machine
}

// Mesos is where the masters are and who we are to them.
type Mesos struct {
	Masters   []string // "host:port" or "http(s)://host:port[/path]"
	Principal string
	Secret    Secret // of Principal; may be absent
	Account   Secret // the document of a DC/OS service account, instead of Secret; may be absent
	CAFile    string // who signed the masters' certificates and the login's; "": whom the machine trusts
}

// API is where the scheduler's HTTP API listens.
type API struct {
	Bind    string // address to listen on; "": all
	Port    int    // 0: any free one
	Address string // address or name that agents reach this scheduler by; "": that of the connection to the master

	Token    Secret // of whoever changes anything; may be absent
	Insecure bool   // Token may be absent on a public address too
	CertFile string // "": no TLS
	KeyFile  string
}

// Executor is the program that runs on every node.
type Executor struct {
	Path     string // file that the scheduler serves; "": scaleio-executor next to the scheduler's own
	URL      string // where the agents fetch it instead; "": from the scheduler
	SHA256   string // of what is at URL
	CPUs     float64
	Memory   float64 // MB
	HostRoot string  // lab only: the node's root directory; {hostname} is the agent's
}

// System is the ScaleIO system that is there.
type System struct {
	Name        string // expected; "": whatever it is called
	User        string
	Password    Secret
	LIAToken    Secret // may be absent
	APIVersion  string // "": asked from the gateway
	Primary     string // addresses of the MDM cluster's members
	Secondaries []string
	TieBreakers []string
	Gateways    []string // https URLs
	TLS         spec.TLS
}

// MDMs are the addresses of all members of the MDM cluster, managers first.
func (s System) MDMs() []string {
	return append(append([]string{s.Primary}, s.Secondaries...), s.TieBreakers...)
}

// Packages are where the ScaleIO components come from.
type Packages struct {
	SDS, SDC, LIA spec.Package
	Signatures    string // one of spec.Signatures
}

// ByComponent gives the packages that were named.
func (p Packages) ByComponent() map[string]spec.Package {
	all := map[string]spec.Package{"sds": p.SDS, "sdc": p.SDC, "lia": p.LIA}
	for component, of := range all {
		if of.Empty() {
			delete(all, component)
		}
	}
	return all
}

// Secret is where a secret is: in the environment, which was read, or in a file, which Read reads.
type Secret struct {
	Value secret.Value
	File  string
}

// Given says whether the operator named it at all.
func (s Secret) Given() bool { return s.File != "" || !s.Value.Empty() }

// Bounds of a secret's file, in bytes.
const (
	maxSecret   = 4 << 10
	maxDocument = 32 << 10
)

// Read gives the secret. One line break at the end of a file does not belong to it. An error never shows any of it.
func (s Secret) Read() (secret.Value, error) {
	if s.File == "" {
		return s.Value, nil
	}
	text, err := readSecret(s.File, maxSecret)
	if err != nil {
		return secret.Value{}, s.wrong("%w", err)
	}
	text = strings.TrimSuffix(strings.TrimSuffix(text, "\n"), "\r")
	if wrong := checkSecret(text); wrong != "" {
		return secret.Value{}, s.wrong("%s", wrong)
	}
	return secret.New(text), nil
}

// ReadDocument gives a secret of many lines, as it stands in its file.
func (s Secret) ReadDocument() (secret.Value, error) {
	if s.File == "" {
		return s.Value, nil
	}
	text, err := readSecret(s.File, maxDocument)
	if err != nil {
		return secret.Value{}, s.wrong("%w", err)
	}
	return secret.New(text), nil
}

func (s Secret) wrong(format string, args ...any) error {
	return fault.New(fault.Invalid, "secret file "+s.File, "", format, args...)
}

func readSecret(path string, most int64) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = errors.New("is too big to be a secret")
	}
	return string(data), err
}

// checkSecret says what is wrong with a secret without showing it.
func checkSecret(text string) string {
	switch {
	case text == "":
		return "is empty"
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return "holds line breaks or other control characters"
	case strings.Contains(text, "$HOME"):
		return "holds the text $HOME, which REX-Ray replaces by a directory; change it"
	}
	return ""
}
