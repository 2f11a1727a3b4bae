package scaleio

import (
	"time"
)

// Config says which system is emulated. The zero value is a system of API 3.6 whose MDM cluster was not created yet.
type Config struct {
	APIVersion     string   // as /api/version says it: "2.0", "3.6", "4.5.1"; default "3.6"
	Name           string   // the system's name; may be empty
	ID             string   // the system's id; empty: follows from Seed
	User, Password string   // default admin, Password123. Before the cluster exists the gateway's own admin; the MDM's is then admin/admin
	MDMs           []string // ips of the cluster: 1, 3 or 5 members, managers first; more are standbys; none: to be created

	// Lenient serves clients' test suites: an SDS needs no process at its address, a volume neither three fault units nor room, the
	// last device of an SDS can go, and answers hold the links and fields of every version.
	Lenient bool

	Now        func() time.Time // default time.Now
	DeviceTest time.Duration    // how long the initial test of a new device takes; 0: no time
	MoveRate   int64            // KiB per second that rebuild, rebalance and removal move in one pool; 0: 1 GiB/s; negative: at once
	Seed       string           // ids follow from it: the same calls give the same ids; default Name

	PlainErrors     bool // from 3.0 on, too: errors as a message only, not as "Error with details" (both occur, scaleio.md §1.1)
	UnquotedVersion bool // below 3.0: /api/version without JSON quotes (both occur, scaleio.md §1.1)
	EmptyObject     bool // actions without an answer say {} instead of nothing (both occur, scaleio.md §1.1)
}

func (c Config) withDefaults() Config {
	set := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	set(&c.APIVersion, "3.6")
	set(&c.User, "admin")
	set(&c.Password, "Password123")
	set(&c.Seed, c.Name)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.MoveRate == 0 {
		c.MoveRate = gib
	}
	return c
}

// Units of the API: KiB. A volume is a multiple of 8 GiB [scaleio.md §5.1].
const (
	mib        int64 = 1024
	gib              = 1024 * mib
	volumeStep       = 8 * gib
)
