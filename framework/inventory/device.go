package inventory

// Device is a block device of a node as a probe found it. Facts only: whether it may be taken is said by Check and by the layout.
type Device struct {
	// ID is stable over reboots: the base name of the best link under /dev/disk/by-id (wwn- before others), else the path.
	ID    string   `json:"id"`
	Path  string   `json:"path"`            // kernel name of this boot: /dev/xvdf
	Links []string `json:"links,omitempty"` // other names of it, full paths under /dev/disk, sorted
	Size  uint64   `json:"size"`            // bytes
	Media string   `json:"media,omitempty"` // "HDD" or "SSD"; "" when the kernel does not say
	Type  string   `json:"type"`            // as lsblk says: disk, part, loop, rom, lvm, crypt, raid1, mpath, ram, ...

	Signature  string   `json:"signature,omitempty"`  // what blkid/wipefs finds first: ext4, LVM2_member, gpt, ...
	Mounts     []string `json:"mounts,omitempty"`     // mount points of it or of anything on it; swap is "[SWAP]"
	Partitions []string `json:"partitions,omitempty"` // paths
	Holders    []string `json:"holders,omitempty"`    // kernel names of what is built on it: dm-0, md1, bcache0
	Root       bool     `json:"root,omitempty"`       // the running system is on it
	Removable  bool     `json:"removable,omitempty"`
	ReadOnly   bool     `json:"read_only,omitempty"`

	Model  string `json:"model,omitempty"`
	Serial string `json:"serial,omitempty"`

	// Unreadable is why the probe could not tell all of the above ("blkid: exit status 8: ..."). Such a device is never taken.
	Unreadable string `json:"unreadable,omitempty"`
}

// Limits are what the operator lets a device be.
type Limits struct {
	MinSize   uint64   `json:"min_size"`             // bytes
	MaxSize   uint64   `json:"max_size"`             // bytes; 0: no limit
	Exclude   []string `json:"exclude,omitempty"`    // globs (path.Match) over Path, ID and Links
	AllowLoop bool     `json:"allow_loop,omitempty"` // for trying out on a machine without a spare disk
}

// Refusal is a check that said no, and its sentence.
type Refusal struct {
	Check  string `json:"check"`
	Reason string `json:"reason"`
}
