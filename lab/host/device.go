package host

import (
	"path"
	"strings"
)

// Device is a disk of the machine as the kernel and what was written to it before make it look.
type Device struct {
	Path       string // /dev/xvdf
	Size       uint64 // bytes
	Media      string // HDD, SSD, or "" when the kernel does not say (then lsblk says rotational)
	Type       string // as lsblk: disk (default), loop, rom, ...
	Signature  string // what blkid finds: ext4, LVM2_member, ...
	Mounted    string // mount point of the device itself; "[SWAP]" for swap
	Partitions []Partition
	Holders    []string // kernel names of what is built on it: dm-0
	ByID       []string // base names under /dev/disk/by-id
	Removable  bool
	ReadOnly   bool
	Model      string
	Serial     string
	Unreadable bool // blkid gets an input/output error
}

// Partition is a partition of a Device.
type Partition struct {
	Path      string // /dev/xvda1
	Size      uint64
	Signature string
	Mounted   string
}

func (d Device) name() string { return path.Base(d.Path) }

func (d Device) kind() string {
	if d.Type == "" {
		return "disk"
	}
	return d.Type
}

// mounts lists every mount point of the device and of what is on it.
func (d Device) mounts() []string {
	var all []string
	if d.Mounted != "" {
		all = append(all, d.Mounted)
	}
	for _, p := range d.Partitions {
		if p.Mounted != "" {
			all = append(all, p.Mounted)
		}
	}
	return all
}

// mount is a line of /proc/mounts.
type mount struct{ device, point, fs string }

func (h *Host) mountTable() []mount {
	table := []mount{{"proc", "/proc", "proc"}, {"sysfs", "/sys", "sysfs"}, {"udev", "/dev", "devtmpfs"}, {"tmpfs", "/run", "tmpfs"}}
	add := func(device, point, fs string) {
		if point != "" && point != "[SWAP]" {
			if fs == "" {
				fs = "ext4"
			}
			table = append(table, mount{device, point, fs})
		}
	}
	for _, d := range h.devices {
		add(d.Path, d.Mounted, d.Signature)
		for _, p := range d.Partitions {
			add(p.Path, p.Mounted, p.Signature)
		}
	}
	for point, m := range h.mounted {
		table = append(table, mount{m.device, point, m.fs})
	}
	return table
}

// at finds what path names: a device, or a partition, by kernel name or by any link under /dev/disk.
func (h *Host) at(p string) (*Device, *Partition) {
	for i := range h.devices {
		d := &h.devices[i]
		if d.Path == p {
			return d, nil
		}
		for _, link := range d.ByID {
			if p == "/dev/disk/by-id/"+link {
				return d, nil
			}
		}
		for j := range d.Partitions {
			if d.Partitions[j].Path == p {
				return d, &d.Partitions[j]
			}
		}
	}
	return nil, nil
}

// filesystems are the signatures that blkid calls USAGE="filesystem"; the others are "raid", "crypto" or "other".
func usage(signature string) string {
	switch {
	case strings.HasPrefix(signature, "ext"), signature == "xfs", signature == "btrfs", signature == "vfat", signature == "ntfs", signature == "iso9660":
		return "filesystem"
	case strings.HasSuffix(signature, "_member"):
		return "raid"
	case strings.HasPrefix(signature, "crypto"):
		return "crypto"
	default:
		return "other"
	}
}
