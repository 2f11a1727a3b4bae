package node

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
)

const oldTree = `{"blockdevices": [
 {"name":"sda","kname":"sda","type":"disk","size":"1000","rota":"1","ro":"0","rm":"0","mountpoint":null,"fstype":null,"model":"DISK  ","serial":"S1","wwn":"0x5","pkname":null,
  "children": [{"name":"sda1","kname":"sda1","type":"part","size":"500","rota":"1","ro":"0","rm":"0","mountpoint":"/boot","fstype":"ext4","pkname":"sda"},
               {"name":"sda2","kname":"sda2","type":"part","size":"500","fstype":"linux_raid_member","pkname":"sda","children":[{"name":"md0","kname":"md0","type":"raid1","size":"400","mountpoint":"/"}]}]},
 {"name":"sdb","kname":"sdb","type":"disk","size":1000,"rota":false,"ro":true,"rm":true,"children":[{"name":"md0","kname":"md0","type":"raid1","size":"400","mountpoint":"/"}]},
 {"name":"c0d0","kname":"cciss!c0d0","type":"disk","size":5},
 {"name":"..","kname":"../x","type":"disk","size":5}
]}`

func TestParseBlocksJSON(t *testing.T) {
	got, err := parseBlocksJSON([]byte(oldTree))
	must(t, err)
	want := []block{
		{name: "sda", kind: "disk", size: 1000, media: "HDD", model: "DISK", serial: "S1"},
		{name: "sda1", kind: "part", size: 500, media: "HDD", fs: "ext4", mounts: []string{"/boot"}, parents: []string{"sda"}},
		{name: "sda2", kind: "part", size: 500, fs: "linux_raid_member", parents: []string{"sda"}},
		{name: "md0", kind: "raid1", size: 400, mounts: []string{"/"}, parents: []string{"sda2", "sdb"}},
		{name: "sdb", kind: "disk", size: 1000, media: "SSD", readOnly: true, hotplug: true},
		{name: "cciss/c0d0", kind: "disk", size: 5},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(block{})); diff != "" {
		t.Error(diff)
	}
	if _, err := parseBlocksJSON([]byte("lsblk: unrecognized option")); err == nil {
		t.Error("no JSON was taken for JSON")
	}
}

func TestParseBlocksPairs(t *testing.T) {
	got, err := parseBlocksPairs([]byte(`NAME="sda" KNAME="sda" TYPE="disk" SIZE="1000" ROTA="1" RO="0" RM="0" MOUNTPOINT="" FSTYPE="" MODEL="A\x20\x22B\x22" SERIAL="S" WWN="" PKNAME=""
NAME="vg-lv" KNAME="dm-0" TYPE="lvm" SIZE="10" ROTA="1" RO="0" RM="0" MOUNTPOINT="/my\x20data" FSTYPE="xfs" MODEL="" SERIAL="" WWN="" PKNAME="sda"

NAME="vg-lv" KNAME="dm-0" TYPE="lvm" SIZE="10" ROTA="1" RO="0" RM="0" MOUNTPOINT="/my\x20data" FSTYPE="xfs" MODEL="" SERIAL="" WWN="" PKNAME="sdb"
`))
	must(t, err)
	want := []block{
		{name: "sda", kind: "disk", size: 1000, media: "HDD", model: `A "B"`, serial: "S"},
		{name: "dm-0", kind: "lvm", size: 10, media: "HDD", fs: "xfs", mounts: []string{"/my data"}, parents: []string{"sda", "sdb"}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(block{})); diff != "" {
		t.Error(diff)
	}
	if _, err := parseBlocksPairs([]byte("sda disk")); err == nil {
		t.Error("a line without pairs was taken")
	}
}

func TestDevicesRollUp(t *testing.T) {
	all, err := parseBlocksJSON([]byte(oldTree))
	must(t, err)
	w := world{
		blocks: all,
		mounts: append(parseMounts([]byte("/dev/sdb /mnt/a\\040b ext4 rw 0 0\nproc /proc proc rw 0 0\n/dev/sda1 /boot ext4 rw 0 0\n")),
			parseSwaps([]byte("Filename Type Size Used Priority\n/dev/sda1 partition 1 0 -2\n"))...),
		links: map[string][]string{
			"/dev/sda": {"/dev/disk/by-path/pci-1", "/dev/disk/by-id/ata-X", "/dev/disk/by-id/wwn-0x5"},
			"/dev/sdb": {"/dev/disk/by-id/lvm-pv-uuid-9", "/dev/disk/by-id/virtio-7", "/dev/disk/by-id/usb-3"},
		},
		holders: map[string][]string{"sda2": {"md0"}, "sdb": {"md0"}},
	}
	want := []inventory.Device{
		{ID: "/dev/cciss/c0d0", Path: "/dev/cciss/c0d0", Size: 5, Type: "disk"},
		{ID: "/dev/md0", Path: "/dev/md0", Size: 400, Type: "raid1", Mounts: []string{"/"}, Root: true},
		{ID: "wwn-0x5", Path: "/dev/sda", Size: 1000, Media: "HDD", Type: "disk", Model: "DISK", Serial: "S1", Root: true,
			Links:  []string{"/dev/disk/by-id/ata-X", "/dev/disk/by-id/wwn-0x5", "/dev/disk/by-path/pci-1"},
			Mounts: []string{"/", "/boot", "[SWAP]"}, Partitions: []string{"/dev/sda1", "/dev/sda2"}, Holders: []string{"md0"}},
		{ID: "virtio-7", Path: "/dev/sdb", Size: 1000, Media: "SSD", Type: "disk", Root: true, Removable: true, ReadOnly: true,
			Links:  []string{"/dev/disk/by-id/lvm-pv-uuid-9", "/dev/disk/by-id/usb-3", "/dev/disk/by-id/virtio-7"},
			Mounts: []string{"/", "/mnt/a b"}, Holders: []string{"md0"}},
	}
	if diff := cmp.Diff(want, w.devices()); diff != "" {
		t.Error(diff)
	}
}

func TestParseSignatures(t *testing.T) {
	for text, want := range map[string]string{
		"":                                 "",
		"DEVNAME=/dev/sda\nTYPE=ext4\n":    "ext4",
		"DEVNAME=/dev/sda\nPTTYPE=gpt\n":   "gpt",
		"PTTYPE=dos\nTYPE=LVM2_member\n":   "LVM2_member",
		"DEVNAME=/dev/sda\nUSAGE=crypto\n": "crypto",
		"MINIMUM_IO_SIZE=512\n":            "",
	} {
		if got := parseSignature([]byte(text)); got != want {
			t.Errorf("%q is %q", text, got)
		}
	}
	for text, want := range map[string]string{
		"": "",
		"DEVICE OFFSET TYPE UUID LABEL\nloop0  0x438  ext4 6e0 x\n": "ext4",
		"DEVICE OFFSET TYPE UUID LABEL\n":                           "",
		"offset               type\n----------------------------------------------------------------\n0x438                ext4   [filesystem]\n": "ext4",
		"something else\n": "content",
	} {
		if got := parseWipefs([]byte(text)); got != want {
			t.Errorf("%q is %q", text, got)
		}
	}
}

func TestParseOS(t *testing.T) {
	for _, c := range []struct{ text, name, family string }{
		{"PRETTY_NAME=\"Ubuntu 14.04.5 LTS\"\nID=ubuntu\nID_LIKE=debian\n", "Ubuntu 14.04.5 LTS", "deb"},
		{"NAME='Rocky Linux'\nVERSION_ID=9.3\nID=rocky\nID_LIKE='rhel centos fedora'\n", "Rocky Linux 9.3", "rpm"},
		{"ID=mystery\nID_LIKE=\"other suse\"\nNAME=My\n", "My", "rpm"},
		{"ID=flatcar\nNAME=Flatcar\n# ID_LIKE=debian\n", "Flatcar", ""},
		{"", "", ""},
	} {
		if got := parseOS([]byte(c.text)); got.Name != c.name || got.Package != c.family {
			t.Errorf("%q is %+v", c.text, got)
		}
	}
	if kernel, arch := parseUname([]byte("5.15.0-91-generic x86_64\n")); kernel != "5.15.0-91-generic" || arch != "amd64" {
		t.Error(kernel, arch)
	}
}

func TestParseAddresses(t *testing.T) {
	got, err := parseAddresses([]byte(`[{"ifname":"lo","addr_info":[{"local":"127.0.0.1","scope":"host"}]},{},
	{"ifname":"eth0","addr_info":[{"family":"inet","local":"10.0.0.5","scope":"global"},{"local":"fe80::1","scope":"link"},{"local":"fd00::2","scope":"global"}]},
	{"ifname":"docker0","addr_info":[{"local":"172.17.0.1","scope":"global"}]},{"ifname":"eth1","addr_info":[{"local":"10.1.0.5","scope":"global"},{"local":"10.0.0.5","scope":"global"}]}]`))
	must(t, err)
	want := []string{"10.0.0.5", "fd00::2", "10.1.0.5"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	lines := `1: lo    inet 127.0.0.1/8 scope host lo\       valid_lft forever preferred_lft forever
2: eth0    inet 10.0.0.5/24 brd 10.0.0.255 scope global dynamic eth0\       valid_lft 3000sec preferred_lft 3000sec
2: eth0    inet6 fd00::2/64 scope global \       valid_lft forever preferred_lft forever
2: eth0    inet6 fe80::1/64 scope link \       valid_lft forever preferred_lft forever
3: docker0    inet 172.17.0.1/16 scope global docker0\       valid_lft forever preferred_lft forever
4: eth1    inet 10.1.0.5/24 scope global eth1\  valid_lft forever
`
	if diff := cmp.Diff(want, parseAddressLines([]byte(lines))); diff != "" {
		t.Error(diff)
	}
}

func TestVersions(t *testing.T) {
	for text, want := range map[string]string{
		"3.6-700.103": "3.6-700.103", "3.6-700.103.el7": "3.6-700.103", "3.6-700.103.el7.x86_64": "3.6-700.103", "1:2.0-14000.231": "2.0-14000.231",
		"3.6-700.103.Ubuntu.22.04": "3.6-700.103", "": "", "R2_6": "", "4": "4", "4.5rc1": "4", "4.": "4", "3.6-7rc1": "3.6",
	} {
		if got := Version(text); got != want {
			t.Errorf("%q is %q, not %q", text, got, want)
		}
	}
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"3.6-700.103", "3.6-700.103.el7", 0}, {"3.6-700.103", "3.6-1000.1", -1}, {"3.10-1", "3.9-1", 1}, {"3.6", "3.6-1", -1}, {"03.006", "3.6", 0},
		{"3.6-99999999999999999999999", "3.6-100000000000000000000000", -1},
	} {
		if got := CompareVersions(c.a, c.b); got < 0 != (c.want < 0) || got > 0 != (c.want > 0) {
			t.Errorf("%s and %s: %d", c.a, c.b, got)
		}
	}
}

func TestParsePackages(t *testing.T) {
	got := parsePackages([]byte("emc-scaleio-sds\t3.6-700.103\tinstalled\nemc-scaleio-sdc\t3.6\tconfig-files\nlibaio1:amd64\t0.3\tinstalled\nemc-scaleio-lia\t1\thalf-installed\n\nx\n"))
	if diff := cmp.Diff(map[string]string{"emc-scaleio-sds": "3.6-700.103", "libaio1": "0.3"}, got); diff != "" {
		t.Error(diff)
	}
	got = parsePackages([]byte("EMC-ScaleIO-sds\t3.6-700.103.el7\npackage EMC-ScaleIO-sdc is not installed\n"))
	if diff := cmp.Diff(map[string]string{"EMC-ScaleIO-sds": "3.6-700.103.el7"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestParseMDMs(t *testing.T) {
	got := parseMDMs([]byte("Retrieved 1 mdm(s)\nMDM-ID 4A54a8ba6df0690f SDC ID 07335d3d00000000 INSTALLATION ID 42fd8b95770d9ce4 IPs [0]-10.0.0.12 [1]-10.0.0.11\nMDM-ID 0000000000000000 SDC ID 0 INSTALLATION ID 0 IPs\n"))
	want := []registration{{system: "4a54a8ba6df0690f", addresses: []string{"10.0.0.12", "10.0.0.11"}}, {system: "0000000000000000"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(registration{})); diff != "" {
		t.Error(diff)
	}
	got = parseMDMLines([]byte("ini_guid X\nmdm 10.0.0.11,10.0.0.12\n#mdm 1.1.1.1\nmdm 10.1.0.1\n"))
	want = []registration{{addresses: []string{"10.0.0.11", "10.0.0.12"}}, {addresses: []string{"10.1.0.1"}}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(registration{})); diff != "" {
		t.Error(diff)
	}
}

// FuzzParsers: whatever a host prints, no parser panics, and every device has a path below /dev and a type.
func FuzzParsers(f *testing.F) {
	f.Add([]byte(oldTree))
	f.Add([]byte(`NAME="sda" KNAME="sda" TYPE="disk" SIZE="1000" MODEL="A\x20\"" PKNAME="sda"`))
	f.Add([]byte("MDM-ID 4a54 SDC ID 07 IPs [0]-10.0.0.12\nmdm a,,b\n/dev/sda\\040x / ext4\n"))
	f.Add([]byte("TYPE=ext4\nPRETTY_NAME=\"\nID=\nNAME\n"))
	f.Add([]byte(`[{"ifname":"eth0","addr_info":[{"local":"10.0.0.5","scope":"global"}]}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, parse := range []func([]byte) ([]block, error){parseBlocksJSON, parseBlocksPairs} {
			all, err := parse(text)
			if err != nil {
				continue
			}
			w := world{blocks: all, mounts: parseMounts(text)}
			seen := map[string]bool{}
			for _, d := range w.devices() {
				if !strings.HasPrefix(d.Path, "/dev/") || strings.Contains(d.Path, "..") || d.Size == 0 || seen[d.Path] {
					t.Errorf("%+v", d)
				}
				seen[d.Path] = true
			}
		}
		parseSwaps(text)
		parseSignature(text)
		parseWipefs(text)
		parseOS(text)
		parseUname(text)
		if _, err := parseAddresses(text); err != nil {
			parseAddressLines(text)
		}
		parsePackages(text)
		parseMDMs(text)
		parseMDMLines(text)
		if v := Version(string(text)); CompareVersions(v, string(text)) != 0 || Version(v) != v {
			t.Errorf("%q is %q", text, v)
		}
	})
}

func TestVersionOrderIsAnOrder(t *testing.T) {
	version := rapid.StringMatching(`[0-9]{1,3}([.-][0-9]{1,4}){0,3}(\.el7)?`)
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := version.Draw(t, "a"), version.Draw(t, "b"), version.Draw(t, "c")
		if (CompareVersions(a, b) < 0) != (CompareVersions(b, a) > 0) || CompareVersions(a, a) != 0 {
			t.Fatal("not antisymmetric")
		}
		if CompareVersions(a, b) <= 0 && CompareVersions(b, c) <= 0 && CompareVersions(a, c) > 0 {
			t.Fatal("not transitive")
		}
	})
}
