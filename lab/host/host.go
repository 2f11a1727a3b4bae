package host

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dcos-scaleio/scaleio/lab/scaleio"
)

// Storage is the emulated ScaleIO as a machine's services see it: scaleio.System.
type Storage interface {
	StartSDS(ip string, disks scaleio.Disks)
	StopSDS(ip string)
	ConnectSDC(guid, ip string, h scaleio.SDCHost) (id string, err error)
	DisconnectSDC(guid string)
	DrvCfg(guid string) ([]scaleio.DrvCfgMDM, []scaleio.MappedVolume)
}

// Config describes a machine.
type Config struct {
	Dir      string // its root directory; made by New
	Hostname string
	IP       string
	Family   string // deb or rpm
	Devices  []Device
	Storage  Storage            // may be nil: sds and scini run, and nobody hears of them
	MDMs     []string           // addresses of Storage's MDMs: a driver that is told of one of them connects
	Programs map[string]Program // what units may start besides sds, scini and lia, by the base name of their ExecStart
	Commands map[string]Command // programs of the machine besides the built-in ones, by name
	Binary   string             // what the links to programs point to; "" makes them empty files, for in-process use
	Socket   string             // of Serve, told to the programs; at most 100 bytes
	Volumes  string             // directory that holds the data of the volumes of the system, shared by all machines
	// RestartPause bounds the RestartSec of units; 0 leaves it to the unit.
	RestartPause time.Duration
	Log          *slog.Logger
}

// Host is a machine. Safe for use by several goroutines.
type Host struct {
	cfg  Config
	guid string

	mu        sync.Mutex // guards all below; never held while Storage or a program is called
	on        bool
	boot      int
	devices   []Device
	volumes   []volume
	mounted   map[string]mounted // by mount point: what REX-Ray mounted
	installed map[string]Package
	units     map[string]*unit
	faults    []*Fault
	history   []Ran
	down      chan struct{} // closed by PowerOff
}

// volume is a volume that is mapped to the machine's SDC.
type volume struct {
	system, id, device string // device: /dev/scinia
	size               uint64
}

type mounted struct{ device, fs string }

// Ran is a command that ran on the machine.
type Ran struct {
	At     time.Time
	Argv   []string
	Env    []string // names only: values may be secrets
	Status int
}

// New makes the machine and its files, switched on, with its programs but without any ScaleIO package.
func New(cfg Config) (*Host, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if cfg.Family != "deb" && cfg.Family != "rpm" {
		return nil, fmt.Errorf("host %s: family is %q, deb or rpm expected", cfg.Hostname, cfg.Family)
	}
	h := &Host{cfg: cfg, guid: guidOf(cfg.Hostname), devices: slices.Clone(cfg.Devices), mounted: map[string]mounted{},
		installed: map[string]Package{}, units: map[string]*unit{}}
	if err := h.makeRoot(); err != nil {
		return nil, err
	}
	h.PowerOn()
	return h, nil
}

// Hostname of the machine.
func (h *Host) Hostname() string { return h.cfg.Hostname }

// IP is the machine's address in the emulated network.
func (h *Host) IP() string { return h.cfg.IP }

// Dir is where the machine's root directory is.
func (h *Host) Dir() string { return h.cfg.Dir }

// Path gives the real path of a path of the machine.
func (h *Host) Path(p string) string { return filepath.Join(h.cfg.Dir, p) }

// GUID of the SDC, upper-case; it is the same over reinstallation, as ini_guid in drv_cfg.txt is.
func (h *Host) GUID() string { return h.guid }

// On says whether the machine is switched on.
func (h *Host) On() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.on
}

// PowerOn boots the machine: a new boot id, nothing mounted, the enabled units started.
func (h *Host) PowerOn() {
	h.mu.Lock()
	if h.on {
		h.mu.Unlock()
		return
	}
	h.on, h.down = true, make(chan struct{})
	h.boot++
	clear(h.mounted)
	h.mu.Unlock()
	h.bootFiles()
	h.daemonReload()
	for _, name := range h.enabledUnits() {
		if _, err := h.startUnit(name); err != nil {
			h.cfg.Log.Debug("unit did not start at boot", "host", h.cfg.Hostname, "unit", name, "error", err)
		}
	}
}

// PowerOff ends everything that runs on the machine at once, as pulling the plug does. It waits until nothing runs any more.
func (h *Host) PowerOff() {
	h.mu.Lock()
	if !h.on {
		h.mu.Unlock()
		return
	}
	h.on = false
	close(h.down)
	var all []*unit
	for _, u := range h.units {
		all = append(all, u)
	}
	h.mu.Unlock()
	for _, u := range all {
		u.kill()
	}
	h.mu.Lock()
	gone := h.volumes
	h.volumes = nil
	h.mu.Unlock()
	for _, v := range gone {
		h.removeDevice(v)
	}
}

// Reboot is PowerOff and PowerOn.
func (h *Host) Reboot() { h.PowerOff(); h.PowerOn() }

// Close ends the machine; its files stay.
func (h *Host) Close() { h.PowerOff() }

// AddDevice plugs a disk in.
func (h *Host) AddDevice(d Device) error {
	h.mu.Lock()
	h.devices = append(h.devices, d)
	h.mu.Unlock()
	return h.deviceFiles(d)
}

// ChangeDevice changes a disk in place, for instance to put a file system on it. It says whether the disk is there.
func (h *Host) ChangeDevice(path string, change func(*Device)) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	d, _ := h.at(path)
	if d == nil {
		return false
	}
	change(d)
	h.writeMounts()
	return true
}

// Disk is what an SDS finds when it is told to take path: the device or partition, or false.
func (h *Host) Disk(path string) (scaleio.Disk, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	d, p := h.at(path)
	switch {
	case d == nil:
		return scaleio.Disk{}, false
	case p != nil:
		return scaleio.Disk{Bytes: int64(p.Size), Media: d.Media, Content: p.Signature, Mounted: p.Mounted, Failed: d.ReadOnly}, true
	default:
		return scaleio.Disk{Bytes: int64(d.Size), Media: d.Media, Content: d.Signature, Mounted: strings.Join(d.mounts(), ","),
			Partitioned: len(d.Partitions) > 0, Failed: d.ReadOnly || len(d.Holders) > 0, Serial: d.Serial, Model: d.Model}, true
	}
}

// Fault makes commands misbehave.
type Fault struct {
	Command *regexp.Regexp // over the program's base name and its arguments, joined by blanks
	Times   int            // how many commands; negative: all
	Status  int            // exit status instead of running it; 0 runs it (after Delay)
	Stderr  string
	Hang    bool // never ends; a killed program or machine ends it
	Delay   time.Duration
}

// Inject arms a fault; the first that matches a command is used up.
func (h *Host) Inject(f Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults = append(h.faults, &f)
}

// History lists every command that ran.
func (h *Host) History() []Ran {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.history)
}

// Installed gives the versions of the packages that are installed, by name.
func (h *Host) Installed() map[string]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := map[string]string{}
	for name, p := range h.installed {
		all[name] = p.Version
	}
	return all
}

func digest(words ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(words, "\x00")))
	return hex.EncodeToString(sum[:])
}

func guidOf(hostname string) string {
	d := strings.ToUpper(digest("guid", hostname))
	return fmt.Sprintf("%s-%s-%s-%s-%s", d[:8], d[8:12], d[12:16], d[16:20], d[20:32])
}

func writeFile(path, content string, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}
