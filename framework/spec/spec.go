package spec

// Service is a whole service specification.
type Service struct {
	Name      string          `json:"name"`
	Scheduler Scheduler       `json:"scheduler"`
	ScaleIO   ScaleIO         `json:"scaleio"`
	Pods      map[string]Pod  `json:"pods"`
	Plans     map[string]Plan `json:"plans"`
}

// Scheduler is how the framework registers with Mesos.
type Scheduler struct {
	Principal string `json:"principal,omitempty"`
	User      string `json:"user"`
	Role      string `json:"role"`
}

// ScaleIO is the storage system and how it is to be laid out.
type ScaleIO struct {
	System   System             `json:"system"`
	Pools    Pools              `json:"pools"`
	Devices  Devices            `json:"devices"`
	Packages map[string]Package `json:"packages,omitempty"` // by component: sds, sdc, lia
	// Signatures is what is asked of the signatures of rpm files, one of Signatures; empty: check.
	Signatures string `json:"rpm-signatures,omitempty"`
	REXRay     REXRay `json:"rexray"`
	// Network limits the addresses that an SDS is given to this CIDR; empty: the node's first global address.
	Network string `json:"network,omitempty"`
	Reboot  bool   `json:"reboot,omitempty"` // nodes may reboot themselves when a package needs it
}

// System is the ScaleIO system that is there.
type System struct {
	Name        string      `json:"name,omitempty"` // expected name; empty: whatever it is called
	MDM         MDM         `json:"mdm"`
	Gateways    []string    `json:"gateways"` // https URLs; the first that answers is used
	Credentials Credentials `json:"credentials"`
	APIVersion  string      `json:"api-version,omitempty"` // "X.Y"; empty: asked from the gateway
	TLS         TLS         `json:"tls,omitzero"`
}

// MDM is the cluster of metadata managers.
type MDM struct {
	Mode      string   `json:"mode"` // "existing"
	Addresses []string `json:"addresses"`
}

// Credentials name the gateway's user; the password is in a file, or in the environment of the scheduler, never here.
type Credentials struct {
	User       string `json:"user"`
	SecretFile string `json:"secret-file,omitempty"`
}

// TLS is how the gateway's certificate is checked.
type TLS struct {
	CAFile   string `json:"ca-file,omitempty"`
	SHA256   string `json:"sha256,omitempty"` // of the pinned certificate, hex
	Insecure bool   `json:"insecure,omitempty"`
}

// PoolMode is how a layout is made (design §6).
type PoolMode string

// The pool modes.
const (
	Global      PoolMode = "global"
	Imperative  PoolMode = "imperative"
	Declarative PoolMode = "declarative"
)

// Onboarding is what happens to the devices of an agent that comes later and has no attributes.
type Onboarding string

// The ways of onboarding.
const (
	Propose Onboarding = "propose" // shown, waits for consent
	Auto    Onboarding = "auto"
)

// Pools is how devices become storage pools.
type Pools struct {
	Mode       PoolMode   `json:"mode"`
	Default    Pool       `json:"default"`
	Onboarding Onboarding `json:"onboarding"`
	FaultSetBy string     `json:"fault-set-by,omitempty"` // "", the name of an attribute, or "@zone"
}

// Pool names a storage pool of a protection domain.
type Pool struct {
	ProtectionDomain string `json:"protection-domain"`
	StoragePool      string `json:"storage-pool"`
}

func (p Pool) String() string { return p.ProtectionDomain + "/" + p.StoragePool }

// Devices limits which devices may be taken.
type Devices struct {
	MinSize   Size     `json:"min-size"`
	MaxSize   Size     `json:"max-size,omitempty"`
	Exclude   []string `json:"exclude,omitempty"`
	AllowLoop bool     `json:"allow-loop,omitempty"`
}

// Package is where a component comes from, by family of distributions.
type Package struct {
	Deb Artifact `json:"deb,omitzero"`
	RPM Artifact `json:"rpm,omitzero"`
}

// Artifact is a file with its checksum (hex) and the version inside.
type Artifact struct {
	URL     string `json:"url"`
	SHA256  string `json:"sha256"`
	Version string `json:"version,omitempty"`
}

// REXRay is what apps get their volumes from.
type REXRay struct {
	Mode        string   `json:"mode"`                   // "own": our unit and home; "off"
	DefaultPool string   `json:"default-pool,omitempty"` // "<domain>/<pool>" behind the plain driver name; empty: the first pool of the node
	Preempt     bool     `json:"preempt"`
	Size        int      `json:"size"`      // GiB
	FSType      string   `json:"fs-type"`   // ext4, xfs
	FileMode    string   `json:"file-mode"` // octal
	Thick       bool     `json:"thick,omitempty"`
	Binary      string   `json:"binary,omitempty"`  // path on the agents
	Artifact    Artifact `json:"artifact,omitzero"` // or where it comes from
}

// Pod is a kind of pod: this service has one, "node".
type Pod struct {
	Count     string          `json:"count"` // "all": one on every agent that the placement admits
	Placement string          `json:"placement,omitempty"`
	Tasks     map[string]Task `json:"tasks"`
}

// Task is the one task of a pod.
type Task struct {
	Goal   string  `json:"goal"` // RUNNING
	CPUs   float64 `json:"cpus"`
	Memory float64 `json:"memory"` // MB
}

// Plan is an order of work.
type Plan struct {
	Strategy string `json:"strategy,omitempty"` // as in package plan; empty: serial
	Phases   Phases `json:"phases"`
}

// Phases keep the order of the YAML map that they come from; their JSON is an object in that order.
type Phases []Phase

// Phase is a set of steps: one per node of Pod (what they do is said by the name: install, rexray), or those of one of our operations.
type Phase struct {
	Name        string `json:"-"` // the key of the map
	Pod         string `json:"pod,omitempty"`
	Operation   string `json:"operation,omitempty"` // layout, storage, verify
	Strategy    string `json:"strategy,omitempty"`
	MaxParallel int    `json:"max-parallel,omitempty"` // 0: no bound
}
