package inventory

import (
	"fmt"
	"path"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// A Check refuses a device in words that an operator can act on, or returns "".
type Check struct {
	Name    string // stable: reports, scenarios and problems hold it
	Refuses func(Device, Limits) string
}

// Checks is every check, in the order in which they are shown. A device may be taken only if none of them refuses it; the scheduler asks
// when it plans, and the node asks again just before a device is attached.
var Checks = []Check{
	{"exists", func(d Device, _ Limits) string {
		switch {
		case d.Path == "":
			return naming(d) + " has no path: the node does not have it now"
		case d.Size == 0:
			return d.Path + " has a size of 0: the node does not have it now, or no medium is in it"
		}
		return ""
	}},
	{"type", wrongType},
	{"mounted", func(d Device, _ Limits) string {
		if len(d.Mounts) == 0 {
			return ""
		}
		return fmt.Sprintf("%s is mounted at %s", naming(d), strings.Join(d.Mounts, ", "))
	}},
	{"partitions", func(d Device, _ Limits) string {
		if len(d.Partitions) == 0 {
			return ""
		}
		return fmt.Sprintf("%s has the partitions %s", naming(d), strings.Join(d.Partitions, ", "))
	}},
	{"filesystem", func(d Device, _ Limits) string {
		if d.Signature == "" {
			return ""
		}
		return fmt.Sprintf("%s carries a signature of %s: it may hold data, and nothing here wipes a disk", naming(d), d.Signature)
	}},
	{"holders", func(d Device, _ Limits) string {
		if len(d.Holders) == 0 {
			return ""
		}
		return fmt.Sprintf("%s is in use by %s", naming(d), strings.Join(d.Holders, ", "))
	}},
	{"root", func(d Device, _ Limits) string { return when(d.Root, naming(d)+" holds the running system") }},
	{"removable", func(d Device, _ Limits) string { return when(d.Removable, naming(d)+" is removable") }},
	{"read-only", func(d Device, _ Limits) string { return when(d.ReadOnly, naming(d)+" is read-only") }},
	{"size", func(d Device, l Limits) string {
		switch {
		case d.Size == 0: // said by exists
			return ""
		case d.Size < l.MinSize:
			return outOfRange(d, "below the minimum of", l.MinSize)
		case l.MaxSize > 0 && d.Size > l.MaxSize:
			return outOfRange(d, "above the maximum of", l.MaxSize)
		}
		return ""
	}},
	{"excluded", excluded},
	{"unreadable", func(d Device, _ Limits) string {
		return when(d.Unreadable != "", naming(d)+" could not be examined: "+d.Unreadable)
	}},
}

// Examine asks every check and gives the refusals in the order of Checks; none means that the device may be taken.
func Examine(d Device, l Limits) []Refusal {
	var refusals []Refusal
	for _, c := range Checks {
		if reason := c.Refuses(d, l); reason != "" {
			refusals = append(refusals, Refusal{Check: c.Name, Reason: strings.Join(strings.Fields(reason), " ")})
		}
	}
	return refusals
}

func naming(d Device) string {
	switch {
	case d.Path != "":
		return d.Path
	case d.ID != "":
		return d.ID
	}
	return "a device"
}

func when(refused bool, reason string) string {
	if refused {
		return reason
	}
	return ""
}

// unreal are kernel names that lsblk may call a disk though no disk of the machine stands behind them: ram0 and zram0 are "disk" to it.
var unreal = []struct{ prefix, what string }{
	{"ram", "a RAM disk"}, {"zram", "a compressed RAM disk"}, {"dm-", "a device-mapper device"}, {"md", "a software RAID"}, {"bcache", "a bcache device"},
	{"zd", "a ZFS volume"}, {"nbd", "a network block device"}, {"rbd", "a Ceph volume"}, {"drbd", "a DRBD device"}, {"sr", "an optical drive"}, {"fd", "a floppy drive"},
}

func wrongType(d Device, l Limits) string {
	switch loop := numbered(path.Base(d.Path), "loop"); {
	case scini(d):
		return naming(d) + " is a volume of ScaleIO itself: storage made of its own volumes would be a loop"
	case d.Signature == "mpath_member":
		return naming(d) + " is one path of a multipath disk; expected a whole disk"
	case d.Type == "loop" || d.Type == "disk" && loop:
		return when(!l.AllowLoop, naming(d)+" is a loop device; expected a whole disk")
	case d.Type == "":
		return naming(d) + " is of unknown type; expected a whole disk"
	case d.Type != "disk":
		return fmt.Sprintf("%s is of type %s; expected a whole disk", naming(d), d.Type)
	}
	for _, u := range unreal {
		if numbered(path.Base(d.Path), u.prefix) {
			return fmt.Sprintf("%s is %s; expected a whole disk", naming(d), u.what)
		}
	}
	return when(strings.HasPrefix(d.Path, "/dev/mapper/") || strings.HasPrefix(d.Path, "/dev/md/"), naming(d)+" is built on other devices; expected a whole disk")
}

func numbered(name, prefix string) bool {
	rest, ok := strings.CutPrefix(name, prefix)
	return ok && rest != "" && rest[0] >= '0' && rest[0] <= '9'
}

// scini says whether the device is a mapped ScaleIO volume: by its kernel name, or by the link that the SDC makes (scaleio.md §3.4; REX-Ray reads it in any case of letters).
func scini(d Device) bool {
	for _, name := range append([]string{d.Path, d.ID}, d.Links...) {
		if base := strings.ToLower(path.Base(name)); strings.HasPrefix(base, "scini") || strings.HasPrefix(base, "emc-vol-") {
			return true
		}
	}
	return false
}

func outOfRange(d Device, relation string, limit uint64) string {
	size, bound := spec.Size(d.Size).String(), spec.Size(limit).String()
	if strings.Replace(size, ".00", "", 1) == strings.Replace(bound, ".00", "", 1) { // they differ by less than is shown
		size, bound = fmt.Sprintf("%d B", d.Size), fmt.Sprintf("%d B", limit)
	}
	return fmt.Sprintf("%s has %s, %s %s", naming(d), size, relation, bound)
}

func excluded(d Device, l Limits) string {
	for _, pattern := range l.Exclude {
		for _, name := range append([]string{d.Path, d.ID}, d.Links...) {
			switch ok, err := path.Match(pattern, name); {
			case err != nil: // what it was to keep out cannot be known, so everything stays out
				return fmt.Sprintf("%s is left alone because the exclude pattern %q is malformed", naming(d), pattern)
			case ok:
				return fmt.Sprintf("%s is excluded by the pattern %q", naming(d), pattern)
			}
		}
	}
	return ""
}
