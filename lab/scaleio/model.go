package scaleio

import (
	"time"
)

// fields is a JSON object of the API.
type fields = map[string]any

// object is what every object of the API has. settings are fields that the API keeps and shows without the model caring, or
// caring only by reading them.
type object struct {
	id, name string
	settings fields
}

func (o *object) identity() *object { return o }

func (o *object) flag(field string) bool { on, _ := o.settings[field].(bool); return on }

func (o *object) number(field string) int64 {
	switch n := o.settings[field].(type) {
	case int64:
		return n
	case int:
		return int64(n)
	}
	return 0
}

func (o *object) text(field string) string { text, _ := o.settings[field].(string); return text }

// entity is an object of a kind that the API knows.
type entity interface {
	comparable
	thing
}

// thing is entity without the type parameter's constraint: what a list of mixed kinds holds.
type thing interface {
	identity() *object
	kindName() string
	view(*System) fields
	parents() []parent
}

// parent is a link to the object that holds this one: rel "/api/parent/relationship/<field>".
type parent struct {
	field, kind, id string
}

type domain struct {
	object
	system    string // id
	state     string // Active, Inactive
	faultSets roster[*faultSet]
	pools     roster[*pool]
	sdss      roster[*sds]
}

type faultSet struct {
	object
	domain *domain
	sdss   roster[*sds]
}

// sdsIP is an address of an SDS and what it is for: all, sdsOnly, sdcOnly.
type sdsIP struct{ ip, role string }

type sds struct {
	object
	domain   *domain
	faultSet *faultSet // nil: a fault unit of its own
	ips      []sdsIP
	port     int
	index    uint32 // the low half of its id; its devices' ids start with it
	devices  roster[*device]
	everHad  uint32 // devices, for their ids

	host        *process // nil: no process at any of its addresses
	virtual     bool     // Lenient: needs no process
	removing    bool
	maintenance maintenance
	networkTest []fields // results of the last one
}

// unit is the fault unit of an SDS: two copies of a block lie in different ones.
func (d *sds) unit() any {
	if d.faultSet != nil {
		return d.faultSet
	}
	return d
}

func (d *sds) connected() bool { return d.host != nil || d.virtual }

type device struct {
	object
	sds       *sds
	pool      *pool
	path      string // as given
	original  string
	state     string // Normal, InitialTest, ...
	media     string
	maxKB     int64
	limitKB   int64
	disk      Disk
	failed    bool // the disk is broken
	stored    bool // counts in the pool's capacity and holds its share of the data
	lost      bool // stored, but its copies are out of reach or stale
	returning bool // lost, back, and being brought up to date
	test      *due
	leaving   *transfer // removal: its data moves away
}

type sdc struct {
	object
	guid      string
	ips       []string
	connected bool
	approved  bool
	allowed   []string // approved ips
	os        string
	host      SDCHost
	mappings  roster[*mapping]
}

type mapping struct {
	volume   *volume
	sdc      *sdc
	access   string // ReadWrite, ReadOnly, NoAccess
	iops     int64
	mbps     int64
	attached bool // the host was told
}

type volume struct {
	object
	pool      *pool
	vtree     *vtree
	sizeKB    int64
	writtenKB int64 // one copy; of thin volumes
	thick     bool
	ancestor  *volume // of a snapshot
	children  roster[*volume]
	group     string // consistency group of a snapshot
	created   time.Time
	keptUntil time.Time // a secure snapshot's expiry
	mappings  roster[*mapping]
	to        map[*sdc]*mapping // the same by SDC
	toAll     bool              // mapped to all SDCs, with access
	access    string
}

func (v *volume) snapshot() bool { return v.group != "" }

type vtree struct {
	object
	pool    *pool
	base    *volume
	volumes roster[*volume]
}

type user struct {
	object
	password string
	role     string
	mustSet  bool // the password must be changed before anything else
	system   string
}
