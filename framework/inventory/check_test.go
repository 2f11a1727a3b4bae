package inventory_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	. "github.com/dcos-scaleio/scaleio/framework/inventory"
)

var limits = Limits{MinSize: 100 << 30, MaxSize: 8 << 40, Exclude: []string{"/dev/disk/by-id/usb-*", "nvme-Spare_*"}}

func clean() Device {
	return Device{ID: "wwn-0x5000c500a1b2c3d4", Path: "/dev/sdb", Links: []string{"/dev/disk/by-id/ata-ST2000_Z1", "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4"},
		Size: 2 << 40, Media: "HDD", Type: "disk"}
}

// TestChecks changes one fact of a clean disk; exactly the named checks refuse it, in words that hold what is given.
func TestChecks(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*Device)
		limits func(*Limits)
		want   string // names of checks
		says   string
	}{
		{name: "a clean disk"},
		{name: "of the smallest size", change: func(d *Device) { d.Size = 100 << 30 }},
		{name: "of the largest size", change: func(d *Device) { d.Size = 8 << 40 }},
		{name: "without limits", change: func(d *Device) { d.Size = 1 }, limits: func(l *Limits) { *l = Limits{} }},
		{name: "gone", change: func(d *Device) { d.Size = 0 }, want: "exists", says: "/dev/sdb has a size of 0"},
		{name: "without a path", change: func(d *Device) { d.Path = "" }, want: "exists", says: "wwn-0x5000c500a1b2c3d4 has no path"},
		{name: "a partition", change: func(d *Device) { d.Path, d.Type = "/dev/sdb1", "part" }, want: "type", says: "/dev/sdb1 is of type part; expected a whole disk"},
		{name: "a logical volume", change: func(d *Device) { d.Path, d.Type = "/dev/dm-0", "lvm" }, want: "type", says: "type lvm"},
		{name: "encrypted", change: func(d *Device) { d.Path, d.Type = "/dev/dm-1", "crypt" }, want: "type"},
		{name: "a RAID", change: func(d *Device) { d.Path, d.Type = "/dev/md0", "raid1" }, want: "type"},
		{name: "multipath", change: func(d *Device) { d.Path, d.Type = "/dev/dm-2", "mpath" }, want: "type"},
		{name: "one path of a multipath disk", change: func(d *Device) { d.Signature, d.Holders = "mpath_member", []string{"dm-2"} }, want: "type filesystem holders", says: "one path of a multipath disk"},
		{name: "an optical drive", change: func(d *Device) { d.Path, d.Type = "/dev/sr0", "rom" }, want: "type"},
		{name: "of no type", change: func(d *Device) { d.Type = "" }, want: "type", says: "unknown type"},
		{name: "RAM that lsblk calls a disk", change: func(d *Device) { d.Path = "/dev/ram0" }, want: "type", says: "/dev/ram0 is a RAM disk"},
		{name: "zram that lsblk calls a disk", change: func(d *Device) { d.Path = "/dev/zram0" }, want: "type"},
		{name: "a device-mapper name", change: func(d *Device) { d.Path = "/dev/mapper/data" }, want: "type", says: "built on other devices"},
		{name: "a network block device", change: func(d *Device) { d.Path = "/dev/nbd3" }, want: "type"},
		{name: "a ScaleIO volume", change: func(d *Device) { d.Path = "/dev/scinia" }, want: "type", says: "/dev/scinia is a volume of ScaleIO"},
		{name: "a ScaleIO volume by its link", change: func(d *Device) { d.Links = []string{"/dev/disk/by-id/EMC-vol-499634a44778afc0-1"} }, want: "type"},
		{name: "a ScaleIO volume where loop devices are allowed", change: func(d *Device) { d.Path, d.Type = "/dev/scinia", "loop" }, limits: func(l *Limits) { l.AllowLoop = true }, want: "type"},
		{name: "a loop device", change: func(d *Device) { d.Path, d.Type = "/dev/loop0", "loop" }, want: "type", says: "/dev/loop0 is a loop device"},
		{name: "a loop device that is allowed", change: func(d *Device) { d.Path, d.Type = "/dev/loop0", "loop" }, limits: func(l *Limits) { l.AllowLoop = true }},
		{name: "a partition of an allowed loop device", change: func(d *Device) { d.Path, d.Type = "/dev/loop0p1", "part" }, limits: func(l *Limits) { l.AllowLoop = true }, want: "type"},
		{name: "mounted", change: func(d *Device) { d.Mounts = []string{"/data", "[SWAP]"} }, want: "mounted", says: "/dev/sdb is mounted at /data, [SWAP]"},
		{name: "partitioned", change: func(d *Device) { d.Partitions = []string{"/dev/sdb1", "/dev/sdb2"} }, want: "partitions", says: "/dev/sdb1, /dev/sdb2"},
		{name: "with a filesystem", change: func(d *Device) { d.Signature = "ext4" }, want: "filesystem", says: "/dev/sdb carries a signature of ext4"},
		{name: "with a partition table alone", change: func(d *Device) { d.Signature = "gpt" }, want: "filesystem"},
		{name: "held", change: func(d *Device) { d.Holders = []string{"bcache0"} }, want: "holders", says: "/dev/sdb is in use by bcache0"},
		{name: "the root disk", change: func(d *Device) { d.Root = true }, want: "root", says: "/dev/sdb holds the running system"},
		{name: "removable", change: func(d *Device) { d.Removable = true }, want: "removable"},
		{name: "read-only", change: func(d *Device) { d.ReadOnly = true }, want: "read-only"},
		{name: "too small", change: func(d *Device) { d.Size = 50 << 30 }, want: "size", says: "/dev/sdb has 50 GiB, below the minimum of 100 GiB"},
		{name: "too small by a byte", change: func(d *Device) { d.Size = 100<<30 - 1 }, want: "size", says: "107374182399"},
		{name: "too large", change: func(d *Device) { d.Size = 9 << 40 }, want: "size", says: "/dev/sdb has 9 TiB, above the maximum of 8 TiB"},
		{name: "excluded by a link", change: func(d *Device) { d.Links = append(d.Links, "/dev/disk/by-id/usb-Stick") }, want: "excluded", says: `pattern "/dev/disk/by-id/usb-*"`},
		{name: "excluded by its id", change: func(d *Device) { d.ID = "nvme-Spare_1" }, want: "excluded"},
		{name: "excluded by its path", limits: func(l *Limits) { l.Exclude = []string{"/dev/sd[a-c]"} }, want: "excluded"},
		{name: "under a pattern that cannot be read", limits: func(l *Limits) { l.Exclude = []string{"/dev/sd[x"} }, want: "excluded", says: "malformed"},
		{name: "unreadable", change: func(d *Device) { d.Unreadable = "blkid: exit status 8:\nambivalent" }, want: "unreadable", says: "/dev/sdb could not be examined: blkid: exit status 8: ambivalent"},
		{name: "the usual root disk", change: func(d *Device) {
			d.Path, d.Size, d.Signature, d.Mounts, d.Partitions, d.Root = "/dev/sda", 50<<30, "dos", []string{"/"}, []string{"/dev/sda1"}, true
		}, want: "mounted partitions filesystem root size"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, l := clean(), limits
			if test.change != nil {
				test.change(&d)
			}
			if test.limits != nil {
				test.limits(&l)
			}
			refusals := Examine(d, l)
			var names, all []string
			for _, r := range refusals {
				names, all = append(names, r.Check), append(all, r.Reason)
				if !strings.HasPrefix(r.Reason, d.Path+" ") && d.Path != "" {
					t.Errorf("does not begin with the path: %q", r.Reason)
				}
			}
			if got := strings.Join(names, " "); got != test.want {
				t.Errorf("refused by %q, expected %q: %q", got, test.want, all)
			}
			if !strings.Contains(strings.Join(all, "\n"), test.says) {
				t.Errorf("%q does not say %q", all, test.says)
			}
		})
	}
}

// TestNamesOfChecks: they appear in options, reports and scenarios, and never change.
func TestNamesOfChecks(t *testing.T) {
	var names []string
	for _, c := range Checks {
		names = append(names, c.Name)
	}
	want := "exists type mounted partitions filesystem holders root removable read-only size excluded unreadable"
	if got := strings.Join(names, " "); got != want {
		t.Errorf("%s\nexpected\n%s", got, want)
	}
}

func drawDevice(t *rapid.T) Device {
	some := func(label string, values ...string) []string {
		return rapid.SliceOfNDistinct(rapid.SampledFrom(values), 0, len(values), rapid.ID[string]).Draw(t, label)
	}
	return Device{
		ID: rapid.SampledFrom([]string{"wwn-0x1", "usb-x", ""}).Draw(t, "id"), Path: rapid.SampledFrom([]string{"/dev/sdb", "/dev/loop1", "/dev/ram0", "/dev/scinia", ""}).Draw(t, "path"),
		Links: some("links", "/dev/disk/by-id/usb-x", "/dev/disk/by-id/wwn-0x1"), Size: rapid.SampledFrom([]uint64{0, 1, 100 << 30, 2 << 40, 1 << 63}).Draw(t, "size"),
		Type: rapid.SampledFrom([]string{"disk", "part", "loop", "lvm", ""}).Draw(t, "type"), Signature: rapid.SampledFrom([]string{"", "", "ext4", "mpath_member"}).Draw(t, "signature"),
		Mounts: some("mounts", "/", "[SWAP]"), Partitions: some("partitions", "/dev/sdb1"), Holders: some("holders", "dm-0"), Root: rapid.Bool().Draw(t, "root"),
		Removable: rapid.Bool().Draw(t, "removable"), ReadOnly: rapid.Bool().Draw(t, "readonly"), Unreadable: rapid.SampledFrom([]string{"", "blkid:\nfailed"}).Draw(t, "unreadable"),
	}
}

// TestOnlyACleanDiskPasses: whatever a device is, it passes only if each fact by itself allows it; and one more limit never lets more through.
func TestOnlyACleanDiskPasses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawDevice(t)
		l := Limits{MinSize: rapid.SampledFrom([]uint64{0, 100 << 30}).Draw(t, "min"), AllowLoop: rapid.Bool().Draw(t, "loop")}
		refusals := Examine(d, l)
		disk := d.Path == "/dev/sdb" && d.Type == "disk" || l.AllowLoop && (d.Path == "/dev/loop1" && d.Type == "disk" || d.Type == "loop" && d.Path != "/dev/scinia" && d.Path != "")
		want := disk && d.Size > 0 && d.Size >= l.MinSize && d.Signature == "" && len(d.Mounts)+len(d.Partitions)+len(d.Holders) == 0 &&
			!d.Root && !d.Removable && !d.ReadOnly && d.Unreadable == ""
		if got := len(refusals) == 0; got != want {
			t.Fatalf("passes: %v, expected %v: %+v", got, want, refusals)
		}
		for _, r := range refusals {
			if r.Check == "" || r.Reason == "" || strings.ContainsAny(r.Reason, "\n\t") {
				t.Fatalf("not a sentence: %+v", r)
			}
		}
		stricter := l
		stricter.Exclude, stricter.AllowLoop, stricter.MaxSize = []string{"usb-*"}, false, 1<<40
		for _, r := range refusals {
			if !slices.ContainsFunc(Examine(d, stricter), func(o Refusal) bool { return o.Check == r.Check }) {
				t.Fatalf("stricter limits let %s pass", r.Check)
			}
		}
	})
}
