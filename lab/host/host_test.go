package host_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dcos-scaleio/scaleio/lab/host"
	"github.com/dcos-scaleio/scaleio/lab/scaleio"
)

func TestMain(m *testing.M) {
	if status, handled := host.Main(os.Args, os.Stdout, os.Stderr); handled {
		os.Exit(status)
	}
	goleak.VerifyTestMain(m)
}

// storage records what the machine's services tell it.
type storage struct {
	sds  map[string]scaleio.Disks
	sdcs map[string]scaleio.SDCHost
}

func (s *storage) StartSDS(ip string, d scaleio.Disks) { s.sds[ip] = d }
func (s *storage) StopSDS(ip string)                   { delete(s.sds, ip) }
func (s *storage) ConnectSDC(guid, _ string, h scaleio.SDCHost) (string, error) {
	s.sdcs[guid] = h
	return "c1a0000100000000", nil
}
func (s *storage) DisconnectSDC(guid string) { delete(s.sdcs, guid) }
func (s *storage) DrvCfg(string) ([]scaleio.DrvCfgMDM, []scaleio.MappedVolume) {
	return []scaleio.DrvCfgMDM{{SystemID: "4a5b", SDCID: "c1a0", Installation: "1", IPs: []string{"10.0.0.10"}}}, nil
}

func newStorage() *storage {
	return &storage{sds: map[string]scaleio.Disks{}, sdcs: map[string]scaleio.SDCHost{}}
}

var disks = []host.Device{
	{Path: "/dev/xvda", Size: 50 << 30, Media: "SSD", Partitions: []host.Partition{{Path: "/dev/xvda1", Size: 49 << 30, Signature: "ext4", Mounted: "/"}}},
	{Path: "/dev/xvdf", Size: 2 << 40, Media: "HDD", ByID: []string{"wwn-0x5000c500a1b2c3d4"}},
	{Path: "/dev/xvdg", Size: 2 << 40, Signature: "xfs", Holders: []string{"dm-0"}},
	{Path: "/dev/xvdh", Size: 2 << 40, Unreadable: true},
}

func machine(t *testing.T, family string, change func(*host.Config)) (*host.Host, *storage) {
	t.Helper()
	s := newStorage()
	cfg := host.Config{Dir: filepath.Join(t.TempDir(), "agent-01"), Hostname: "agent-01", IP: "10.1.0.1", Family: family, Devices: disks, Storage: s, MDMs: []string{"10.0.0.10"},
		Volumes: t.TempDir()}
	if change != nil {
		change(&cfg)
	}
	h, err := host.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h, s
}

func run(t *testing.T, h *host.Host, line string, env ...string) host.Result {
	t.Helper()
	r, err := h.Run(context.Background(), host.Call{Argv: strings.Fields(line), Env: env})
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return r
}

func want(t *testing.T, h *host.Host, line string, status int, contains string, env ...string) {
	t.Helper()
	r := run(t, h, line, env...)
	if r.Status != status || !strings.Contains(r.Stdout+r.Stderr, contains) {
		t.Errorf("%s: status %d, %q; want %d and %q", line, r.Status, r.Stdout+r.Stderr, status, contains)
	}
}

func put(t *testing.T, h *host.Host, name string, data []byte) string {
	t.Helper()
	place := h.Path(name)
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(place, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestDebPackagesInstallAsDpkgDoes(t *testing.T) {
	h, s := machine(t, "deb", nil)
	sds := put(t, h, "/var/cache/sds.deb", host.Component("sds", "3.6-700.103", "deb").Bytes())
	sdc := put(t, h, "/var/cache/sdc.deb", host.Component("sdc", "3.6-700.103", "deb").Bytes())
	want(t, h, "dpkg-query --show --showformat=${Version} emc-scaleio-sds", 1, "no packages found matching emc-scaleio-sds")
	want(t, h, "dpkg -i "+sds, 1, "depends on libaio1")
	want(t, h, "apt-get install -y nonsense", 100, "Unable to locate package nonsense")
	want(t, h, "apt-get install -y libaio1", 0, "Setting up libaio1")
	want(t, h, "dpkg -i "+sds, 0, "Setting up emc-scaleio-sds")
	want(t, h, "dpkg-query --show --showformat=${Package}\\t${Version}\\t${db:Status-Status}\\n emc-scaleio-sds emc-scaleio-lia", 1, "emc-scaleio-sds\t3.6-700.103\tinstalled\n")
	if s.sds["10.1.0.1"] == nil {
		t.Error("the SDS does not run")
	}
	want(t, h, "systemctl is-active sds", 0, "active")
	want(t, h, "dpkg -i "+sdc, 0, "", "MDM_IP=10.0.0.10,10.0.0.11")
	if s.sdcs[h.GUID()] == nil {
		t.Error("the SDC is not connected")
	}
	want(t, h, "/opt/emc/scaleio/sdc/bin/drv_cfg --query_guid", 0, h.GUID())
	want(t, h, "drv_cfg --query_mdms", 0, "MDM-ID 4a5b SDC ID c1a0")
	want(t, h, "drv_cfg --add_mdm --ip 10.0.0.10 --file /bin/emc/scaleio/drv_cfg.txt", 1, "already configured")
	want(t, h, "dpkg -r emc-scaleio-sds", 0, "")
	if s.sds["10.1.0.1"] != nil {
		t.Error("the SDS still runs")
	}
}

func TestRPMPackagesInstallAsRpmDoes(t *testing.T) {
	h, _ := machine(t, "rpm", nil)
	lia := put(t, h, "/tmp/lia.rpm", host.Component("lia", "3.6-700.103", "rpm").Bytes())
	old := put(t, h, "/tmp/old.rpm", host.Component("lia", "3.5-1.1", "rpm").Bytes())
	want(t, h, "rpm -q EMC-ScaleIO-lia", 1, "package EMC-ScaleIO-lia is not installed")
	want(t, h, "rpm -i "+lia, 0, "", "TOKEN=sesame-42")
	want(t, h, "rpm -q EMC-ScaleIO-lia", 0, "EMC-ScaleIO-lia-3.6-700.103.el7.x86_64")
	want(t, h, "rpm --query --queryformat=%{NAME}\\t%{VERSION}-%{RELEASE}\\n EMC-ScaleIO-lia a b", 2, "EMC-ScaleIO-lia\t3.6-700.103.el7\n")
	want(t, h, "rpm -U "+lia, 1, "already installed")
	want(t, h, "rpm -i "+old, 1, "conflicts")
	info, err := os.Stat(h.Path("/opt/emc/scaleio/lia/cfg/conf.txt"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the token's file: %v %v", info, err)
	}
	for _, ran := range h.History() {
		if strings.Contains(strings.Join(append(ran.Argv, ran.Env...), " "), "sesame-42") {
			t.Error("the history keeps the token")
		}
	}
}

func TestProbesShowTheDisks(t *testing.T) {
	h, _ := machine(t, "deb", nil)
	r := run(t, h, "lsblk --json --bytes --output NAME,KNAME,TYPE,SIZE,ROTA,RO,RM,MOUNTPOINT,FSTYPE,MODEL,SERIAL,WWN,PKNAME")
	var tree struct {
		Blockdevices []struct {
			Name     string
			Size     uint64
			Rota     bool
			Children []struct{ Mountpoint string }
		}
	}
	if err := json.Unmarshal([]byte(r.Stdout), &tree); err != nil {
		t.Fatal(err)
	}
	if d := tree.Blockdevices[0]; d.Name != "xvda" || d.Rota || d.Children[0].Mountpoint != "/" {
		t.Errorf("%+v", d)
	}
	want(t, h, "lsblk -o NONSENSE", 1, "unknown column: NONSENSE")
	want(t, h, "blkid --probe /dev/xvdf", 2, "")
	want(t, h, "blkid -p -o value -s TYPE /dev/xvdg", 0, "xfs\n")
	want(t, h, "blkid --probe /dev/xvda", 0, `PTTYPE="gpt"`)
	want(t, h, "blkid --probe /dev/xvdh", 2, "Input/output error")
	want(t, h, "wipefs --json /dev/disk/by-id/wwn-0x5000c500a1b2c3d4", 0, "")
	want(t, h, "wipefs --json /dev/xvdg", 0, `"type": "xfs"`)
	want(t, h, "wipefs -a /dev/xvdf", 1, "never wipes")
	want(t, h, "ip -json addr", 0, `"local":"10.1.0.1"`)
	want(t, h, "uname -r -m", 0, "generic x86_64\n")
	holders, err := filepath.Glob(h.Path("/sys/class/block/xvdg/holders/*"))
	if err != nil || len(holders) != 1 {
		t.Errorf("holders %v %v", holders, err)
	}
	mounts, err := os.ReadFile(h.Path("/proc/1/mounts"))
	if err != nil || !strings.Contains(string(mounts), "/dev/xvda1 / ext4") {
		t.Errorf("%s %v", mounts, err)
	}
	if d, found := h.Disk("/dev/xvda"); !found || d.Mounted != "/" || !d.Partitioned {
		t.Errorf("an SDS sees %+v", d)
	}
}

func TestUnits(t *testing.T) {
	starts := make(chan host.Process, 10)
	h, _ := machine(t, "deb", func(c *host.Config) {
		c.RestartPause = time.Millisecond
		c.Programs = map[string]host.Program{"thing": func(ctx context.Context, p host.Process) int {
			p.Ready()
			starts <- p
			if len(p.Argv) > 1 && p.Argv[1] == "fail" {
				p.Stderr.WriteString("it does not work\n")
				return 3
			}
			<-ctx.Done()
			return 0
		}}
	})
	put(t, h, "/usr/bin/thing", nil)
	if err := os.Chmod(h.Path("/usr/bin/thing"), 0o755); err != nil {
		t.Fatal(err)
	}
	unit := "[Service]\nEnvironment=A=1 \"B=two words\"\nExecStartPre=/bin/mkdir -p /run/thing\nExecStart=/usr/bin/thing start\nRestart=always\nRestartSec=15\n[Install]\nWantedBy=multi-user.target\n"
	want(t, h, "systemctl start thing", 5, "thing.service not found")
	want(t, h, "systemctl is-enabled thing", 1, "No such file or directory")
	put(t, h, "/etc/systemd/system/thing.service", []byte(unit))
	want(t, h, "systemctl is-enabled thing", 1, "disabled")
	want(t, h, "systemctl enable --now thing.service", 0, "")
	p := <-starts
	if strings.Join(p.Env, "|") != "A=1|B=two words" || p.Argv[1] != "start" {
		t.Errorf("%v %v", p.Env, p.Argv)
	}
	if _, err := os.Stat(h.Path("/run/thing")); err != nil {
		t.Error(err)
	}
	want(t, h, "systemctl is-active thing", 0, "active")
	put(t, h, "/etc/systemd/system/thing.service", []byte(strings.Replace(unit, "start", "fail", 1)))
	want(t, h, "systemctl start thing", 0, "changed on disk")
	want(t, h, "systemctl daemon-reload", 0, "")
	want(t, h, "systemctl restart thing", 0, "")
	for range 3 { // Restart=always
		<-starts
	}
	want(t, h, "systemctl stop thing", 0, "")
	want(t, h, "systemctl is-active thing", 3, "inactive")
	put(t, h, "/etc/systemd/system/thing.service", []byte(unit))
	want(t, h, "systemctl daemon-reload", 0, "")
	for len(starts) > 0 {
		<-starts
	}
	boot, err := os.ReadFile(h.Path("/proc/sys/kernel/random/boot_id"))
	if err != nil {
		t.Fatal(err)
	}
	h.Reboot()
	<-starts // it is enabled
	again, err := os.ReadFile(h.Path("/proc/sys/kernel/random/boot_id"))
	if err != nil || string(again) == string(boot) {
		t.Error("the boot id is the same after a reboot")
	}
}

func TestVolumesBecomeDevicesAndStaleMountsGiveErrors(t *testing.T) {
	h, _ := machine(t, "deb", nil)
	v := scaleio.MappedVolume{SystemID: "4a5b", ID: "d6f1", SizeKB: 8 << 20}
	h.Mapped(v)
	formatted, err := h.Mount("emc-vol-4a5b-d6f1", "/mnt/a", "ext4")
	if err != nil || !formatted {
		t.Fatal(formatted, err)
	}
	if err := os.WriteFile(h.Path("/mnt/a/file"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, h, "lsblk --json --bytes --output NAME,FSTYPE", 0, `"name": "scinia"`)
	h.Unmapped(v)
	if _, err := os.ReadFile(h.Path("/mnt/a/file")); err == nil {
		t.Error("a volume that is gone can be read")
	}
	h.Unmount("/mnt/a")
	h.Mapped(v)
	if formatted, err = h.Mount("emc-vol-4a5b-d6f1", "/mnt/a", "ext4"); err != nil || formatted {
		t.Errorf("formatted %v, %v: the data are lost", formatted, err)
	}
	if data, err := os.ReadFile(h.Path("/mnt/a/file")); err != nil || string(data) != "x" {
		t.Error(string(data), err)
	}
}

func TestFaultsOfCommands(t *testing.T) {
	h, _ := machine(t, "deb", nil)
	h.Inject(host.Fault{Command: regexp.MustCompile("^apt-get .*libaio1"), Times: 2, Status: 100, Stderr: "E: Could not get lock\n"})
	want(t, h, "apt-get install -y libaio1", 100, "Could not get lock")
	want(t, h, "apt-get install -y libaio1", 100, "Could not get lock")
	want(t, h, "apt-get install -y libaio1", 0, "")
	h.Inject(host.Fault{Command: regexp.MustCompile("^uname"), Times: 1, Hang: true})
	ended := make(chan error)
	go func() {
		_, err := h.Run(context.Background(), host.Call{Argv: []string{"uname"}})
		ended <- err
	}()
	h.PowerOff()
	if err := <-ended; err == nil {
		t.Error("a program ended well on a machine that is off")
	}
}

func TestProgramsAreLinksToTheLab(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "lab") // short: a unix socket
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	h, _ := machine(t, "deb", func(c *host.Config) { c.Binary, c.Socket = self, dir+"/s" })
	server, err := host.Serve(dir+"/s", func(root string) *host.Host {
		if root == h.Dir() {
			return h
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	out, err := exec.Command(h.Path("/usr/bin/uname"), "-n").CombinedOutput()
	if err != nil || string(out) != "agent-01\n" {
		t.Errorf("%q %v", out, err)
	}
	out, err = exec.Command(h.Path("/usr/sbin/blkid"), "-p", "/dev/xvdf").CombinedOutput()
	if exit, isExit := err.(*exec.ExitError); !isExit || exit.ExitCode() != 2 || len(out) != 0 {
		t.Errorf("%q %v", out, err)
	}
	h.Inject(host.Fault{Command: regexp.MustCompile("^lsmod"), Times: 1, Hang: true})
	hung := exec.Command(h.Path("/usr/sbin/lsmod"))
	if err := hung.Start(); err != nil {
		t.Fatal(err)
	}
	if err := hung.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = hung.Wait() // killed
	h.PowerOff()
	if out, err = exec.Command(h.Path("/usr/bin/uname"), "-n").CombinedOutput(); err == nil || !strings.Contains(string(out), "machine is off") {
		t.Errorf("%q %v", out, err)
	}
}
