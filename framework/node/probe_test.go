package node

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
)

const twoDisks = `{"blockdevices":[{"kname":"xvda","type":"disk","size":53687091200,"rota":false,"mountpoint":"/","fstype":"ext4"},
	{"kname":"xvdf","type":"disk","size":2199023255552,"rota":true},{"kname":"sr0","type":"rom","size":1000}]}`

// emulated is a deb host with two disks and nothing installed.
func emulated(t testing.TB) *fake {
	f := newFake(t)
	f.file(t, "/etc/machine-id", "0123\n")
	f.file(t, "/proc/sys/kernel/random/boot_id", "b-1\n")
	f.file(t, "/etc/os-release", "PRETTY_NAME=\"Ubuntu 22.04\"\nID=ubuntu\n")
	f.file(t, "/proc/1/mounts", "/dev/xvda / ext4 rw 0 0\n")
	f.file(t, "/proc/swaps", "Filename\n")
	f.says("uname", "5.15.0 x86_64\n")
	f.says("ip", `[{"ifname":"eth0","addr_info":[{"local":"10.0.0.5","scope":"global"}]}]`)
	f.says("lsblk", twoDisks)
	f.programs["blkid"] = func(c Command) Result {
		if strings.HasSuffix(c.Argv[len(c.Argv)-1], "xvda") {
			return Result{Stdout: []byte("DEVNAME=/dev/xvda\nTYPE=ext4\n")}
		}
		return Result{Status: 2}
	}
	f.says("wipefs", "")
	f.programs["dpkg-query"] = func(Command) Result { return Result{Status: 1, Stderr: []byte("dpkg-query: no packages found")} }
	return f
}

func TestProbe(t *testing.T) {
	f := emulated(t)
	f.link(t, "/dev/disk/by-id/wwn-0x7", "../../xvdf")
	f.file(t, "/sys/class/block/xvda/holders/dm-0", "")
	f.says("dpkg-query", "emc-scaleio-sds\t3.6-700.103\tinstalled\nemc-scaleio-sdc\t3.6-700.103.Ubuntu\tinstalled\n")
	f.link(t, "/opt/emc/scaleio/sdc/bin/drv_cfg", "/elsewhere") // an emulation's program
	f.says("drv_cfg", "aaaa-bbbb\n")
	want := inventory.Report{
		MachineID: "0123", BootID: "b-1", OS: inventory.OS{Name: "Ubuntu 22.04", Kernel: "5.15.0", Arch: "amd64", Package: "deb"}, Addresses: []string{"10.0.0.5"},
		Devices: []inventory.Device{
			{ID: "/dev/sr0", Path: "/dev/sr0", Size: 1000, Type: "rom"},
			{ID: "/dev/xvda", Path: "/dev/xvda", Size: 53687091200, Type: "disk", Media: "SSD", Signature: "ext4", Mounts: []string{"/"}, Holders: []string{"dm-0"}, Root: true},
			{ID: "wwn-0x7", Path: "/dev/xvdf", Links: []string{"/dev/disk/by-id/wwn-0x7"}, Size: 2199023255552, Type: "disk", Media: "HDD"},
		},
		Software: map[string]string{"sds": "3.6-700.103", "sdc": "3.6-700.103"}, SDCGUID: "AAAA-BBBB",
	}
	if diff := cmp.Diff(want, Probe(t.Context(), f), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	for _, c := range f.commands() {
		if strings.HasPrefix(c, "blkid") && strings.HasSuffix(c, "sr0") {
			t.Error("a CD drive was read")
		}
	}
}

// TestEmptySignatureListIsNotAnError: the original took the exit status 2 of blkid, which says that no disk has a signature, for a failure,
// and gave the node up (fault W2). For us it is an answer, but only one that wipefs confirms.
func TestEmptySignatureListIsNotAnError(t *testing.T) {
	f := emulated(t)
	f.says("lsblk", `{"blockdevices":[{"kname":"sda","type":"disk","size":1000}]}`)
	r := Probe(t.Context(), f)
	if len(r.Devices) != 1 || r.Devices[0].Signature != "" || r.Devices[0].Unreadable != "" || len(r.Warnings) > 0 {
		t.Errorf("%+v %v", r.Devices, r.Warnings)
	}
	f.says("lsblk", `{"blockdevices":[]}`)
	f.file(t, "/proc/1/mounts", "")
	if r := Probe(t.Context(), f); len(r.Devices) != 0 || len(r.Warnings) > 0 {
		t.Errorf("a host without a disk: %+v %v", r.Devices, r.Warnings)
	}
}

// TestWhatCannotBeReadIsUnreadable: no failure of a probe may look like an empty disk.
func TestWhatCannotBeReadIsUnreadable(t *testing.T) {
	xvdf := func(f *fake) inventory.Device {
		for _, d := range Probe(t.Context(), f).Devices {
			if d.Path == "/dev/xvdf" {
				return d
			}
		}
		return inventory.Device{Unreadable: "not there"}
	}
	if d := xvdf(emulated(t)); d.Unreadable != "" {
		t.Fatal(d.Unreadable)
	}
	for name, breaks := range map[string]func(*fake){
		"no right to open it":        func(f *fake) { f.fails("blkid", 2, "blkid: error: /dev/xvdf: Operation not permitted") },
		"an input/output error":      func(f *fake) { f.fails("blkid", 4, "blkid: input/output error") },
		"blkid is quiet, wipefs not": func(f *fake) { f.fails("wipefs", 1, "wipefs: error: /dev/xvdf: probing initialization failed") },
		"no blkid":                   func(f *fake) { delete(f.programs, "blkid") },
		"no wipefs":                  func(f *fake) { delete(f.programs, "wipefs") },
		"no mounts":                  func(f *fake) { os.Remove(f.root + "/proc/1/mounts") },
	} {
		f := emulated(t)
		breaks(f)
		d := xvdf(f)
		if refusals := inventory.Examine(d, inventory.Limits{}); d.Unreadable == "" || len(refusals) == 0 || refusals[len(refusals)-1].Check != "unreadable" {
			t.Errorf("%s: %+v", name, d)
		}
	}
	for signature, breaks := range map[string]func(*fake){
		"several": func(f *fake) { f.fails("blkid", 8, "") },
		"ext4":    func(f *fake) { f.says("wipefs", "DEVICE OFFSET TYPE UUID LABEL\nxvdf 0x438 ext4 1 x\n") },
		"gpt":     func(f *fake) { f.says("blkid", "PTTYPE=gpt\n") },
	} {
		f := emulated(t)
		breaks(f)
		if d := xvdf(f); d.Signature != signature || d.Unreadable != "" {
			t.Errorf("%s: %+v", signature, d)
		}
	}
}

func TestProbeOfAnOldHost(t *testing.T) {
	f := emulated(t)
	f.programs["lsblk"] = func(c Command) Result {
		if c.Argv[1] == "--json" {
			return Result{Status: 1, Stderr: []byte("lsblk: unrecognized option '--json'")}
		}
		return Result{Stdout: []byte(`NAME="sdb" KNAME="sdb" TYPE="disk" SIZE="1000" ROTA="0" RO="0" RM="0" MOUNTPOINT="" FSTYPE="" MODEL="" SERIAL="" WWN="" PKNAME=""` + "\n")}
	}
	f.programs["ip"] = func(c Command) Result {
		if c.Argv[1] == "-json" {
			return Result{Status: 255, Stderr: []byte(`Option "-json" is unknown, try "ip -help".`)}
		}
		return Result{Stdout: []byte("2: eth0    inet 10.0.0.9/24 brd 10.0.0.255 scope global eth0\n")}
	}
	f.file(t, "/etc/os-release", "ID=\"centos\"\nPRETTY_NAME=\"CentOS Linux 7 (Core)\"\n")
	f.programs["rpm"] = func(Command) Result {
		return Result{Status: 3, Stdout: []byte("EMC-ScaleIO-sds\t3.6-700.103.el7\npackage EMC-ScaleIO-sdc is not installed\n")}
	}
	r := Probe(t.Context(), f)
	if len(r.Devices) != 1 || r.Devices[0].Path != "/dev/sdb" || r.Devices[0].Media != "SSD" || r.Addresses[0] != "10.0.0.9" || r.OS.Package != "rpm" || r.Software["sds"] != "3.6-700.103" || len(r.Warnings) > 0 {
		t.Errorf("%+v", r)
	}
}

func TestProbeOfABrokenHostWarns(t *testing.T) {
	f := newFake(t)
	r := Probe(t.Context(), f)
	text := strings.Join(r.Warnings, "\n")
	for _, want := range []string{"/etc/machine-id", "/etc/os-release", "neither deb nor rpm", "uname", "addresses: ip", "no device is known: lsblk", "installed packages"} {
		if !strings.Contains(text, want) {
			t.Errorf("nothing said of %s in\n%s", want, text)
		}
	}
}

func TestClaims(t *testing.T) {
	f := emulated(t)
	f.link(t, "/dev/disk/by-id/wwn-0x7", "../../xvdf")
	claims := []inventory.Claim{{Device: "wwn-0x7", Path: "/dev/xvdf"}, {Device: "/dev/xvda", Path: "/dev/xvda"}, {Device: "wwn-0x8", Path: "/dev/xvdg"}}
	answers, devices := Claims(t.Context(), f, claims, inventory.Limits{MinSize: 1 << 30})
	if got := answers["wwn-0x7"]; got == nil || len(got) != 0 {
		t.Errorf("a free device is refused or has no answer: %+v", got)
	}
	if got := answers["/dev/xvda"]; len(got) == 0 || got[0].Check != "mounted" {
		t.Error(got)
	}
	if got := answers["wwn-0x8"]; len(got) != 1 || got[0].Check != "exists" {
		t.Error(got)
	}
	if len(devices) != 2 {
		t.Error(devices)
	}
	// Something was written to it since the inventory.
	f.says("blkid", "TYPE=xfs\n")
	if answers, _ := Claims(t.Context(), f, claims[:1], inventory.Limits{}); len(answers["wwn-0x7"]) != 1 || answers["wwn-0x7"][0].Check != "filesystem" {
		t.Error(answers)
	}
	// It has another name since the last boot: what the scheduler would attach by its path is another disk.
	if answers, _ := Claims(t.Context(), f, []inventory.Claim{{Device: "wwn-0x7", Path: "/dev/xvde"}}, inventory.Limits{}); answers["wwn-0x7"][0].Check != "exists" {
		t.Error(answers)
	}
	delete(f.programs, "lsblk")
	if answers, _ := Claims(t.Context(), f, claims, inventory.Limits{}); len(answers) != 3 || answers["wwn-0x7"][0].Check != "unreadable" {
		t.Error(answers)
	}
	if answers, devices := Claims(t.Context(), f, nil, inventory.Limits{}); answers != nil || devices != nil {
		t.Error(answers, devices)
	}
}

// TestLoopDevices probes real devices.
func TestLoopDevices(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root for losetup")
	}
	empty, formatted := loop(t), loop(t)
	if out, err := exec.Command("mkfs.ext4", "-q", formatted).CombinedOutput(); err != nil {
		t.Skipf("mkfs.ext4: %v: %s", err, out)
	}
	h, err := NewHost("/")
	must(t, err)
	limits := inventory.Limits{AllowLoop: true, MinSize: 1 << 20}
	judge := func(path string) string {
		devices, warnings := Devices(t.Context(), h, path)
		for _, d := range devices {
			if d.Path == path {
				return fmt.Sprint(inventory.Examine(d, limits))
			}
		}
		return fmt.Sprint("not found: ", warnings)
	}
	if got := judge(empty); got != "[]" {
		t.Errorf("an empty device is refused: %s", got)
	}
	if got := judge(formatted); !strings.Contains(got, "{filesystem "+formatted+" carries a signature of ext4") {
		t.Error(got)
	}
	point := t.TempDir()
	if out, err := exec.Command("mount", formatted, point).CombinedOutput(); err != nil {
		t.Skipf("mount: %v: %s", err, out)
	}
	defer exec.Command("umount", point).Run()
	if got := judge(formatted); !strings.Contains(got, "{mounted "+formatted+" is mounted at "+point) {
		t.Error(got)
	}
}

// loop makes a loop device.
func loop(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "disk")
	must(t, os.WriteFile(file, nil, 0o600))
	must(t, os.Truncate(file, 64<<20))
	out, err := exec.Command("losetup", "--show", "-f", file).CombinedOutput()
	if err != nil {
		t.Skipf("losetup: %v: %s", err, out)
	}
	device := strings.TrimSpace(string(out))
	t.Cleanup(func() { exec.Command("losetup", "-d", device).Run() })
	return device
}
