package host

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dcos-scaleio/scaleio/lab/scaleio"
)

const drvCfgFile = "/bin/emc/scaleio/drv_cfg.txt"

// builtin are the programs of ScaleIO's own units.
var builtin = map[string]Program{
	"sds": func(ctx context.Context, p Process) int {
		if s := p.Host.cfg.Storage; s != nil {
			s.StartSDS(p.Host.cfg.IP, p.Host)
			defer s.StopSDS(p.Host.cfg.IP)
		}
		p.Ready()
		<-ctx.Done()
		return 0
	},
	"lia": func(ctx context.Context, p Process) int {
		p.Ready()
		<-ctx.Done()
		return 0
	},
	"scini": func(ctx context.Context, p Process) int {
		h := p.Host
		h.try(writeFile(h.Path("/dev/scini"), "", 0o600))
		h.connect()
		p.Ready()
		<-ctx.Done()
		if h.cfg.Storage != nil {
			h.cfg.Storage.DisconnectSDC(h.guid)
		}
		h.mu.Lock()
		gone := h.volumes
		h.volumes = nil
		h.mu.Unlock()
		for _, v := range gone {
			h.removeDevice(v)
		}
		return 0
	},
}

// sdcConfig is drv_cfg.txt.
func (h *Host) mdms() [][]string {
	data, err := os.ReadFile(h.Path(drvCfgFile))
	if err != nil {
		return nil
	}
	var all [][]string
	for line := range strings.Lines(string(data)) {
		if addresses, found := strings.CutPrefix(strings.TrimSpace(line), "mdm "); found {
			all = append(all, strings.Split(addresses, ","))
		}
	}
	return all
}

func (h *Host) writeSDC(mdms [][]string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "ini_guid %s\n", h.guid)
	for _, addresses := range mdms {
		fmt.Fprintf(&b, "mdm %s\n", strings.Join(addresses, ","))
	}
	return writeFile(h.Path(drvCfgFile), b.String(), 0o644)
}

// configureSDC is what the sdc package does with MDM_IP ("a,b+c,d": two systems).
func (h *Host) configureSDC(mdmIP string) error {
	mdms := h.mdms()
	for system := range strings.SplitSeq(mdmIP, "+") {
		if addresses := splitIPs(system); len(addresses) > 0 && !slices.ContainsFunc(mdms, func(m []string) bool { return overlap(m, addresses) }) {
			mdms = append(mdms, addresses)
		}
	}
	return h.writeSDC(mdms)
}

func splitIPs(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(x string) bool { return slices.Contains(b, x) })
}

// connect makes the driver talk to the MDMs that it is configured for.
func (h *Host) connect() {
	if h.cfg.Storage == nil {
		return
	}
	for _, addresses := range h.mdms() {
		if overlap(addresses, h.cfg.MDMs) {
			if _, err := h.cfg.Storage.ConnectSDC(h.guid, h.cfg.IP, h); err != nil {
				h.cfg.Log.Warn("the MDM refused the SDC", "host", h.cfg.Hostname, "error", err)
			}
		}
	}
}

// Mapped is told by the MDM: a volume is there.
func (h *Host) Mapped(m scaleio.MappedVolume) {
	system, id, size := m.SystemID, m.ID, uint64(m.SizeKB)<<10
	h.mu.Lock()
	if slices.ContainsFunc(h.volumes, func(v volume) bool { return v.system == system && v.id == id }) {
		h.mu.Unlock()
		return
	}
	used := map[string]bool{}
	for _, v := range h.volumes {
		used[v.device] = true
	}
	v := volume{system: system, id: id, size: size}
	for i := 0; v.device == ""; i++ {
		if name := "/dev/scini" + letters(i); !used[name] {
			v.device = name
		}
	}
	h.volumes = append(h.volumes, v)
	h.mu.Unlock()
	data := h.VolumeDir(system, id)
	h.try(os.MkdirAll(data, 0o755))
	h.try(replaceLink(data, h.Path(v.device)))
	h.try(replaceLink("../../"+path.Base(v.device), h.Path("/dev/disk/by-id/"+v.link())))
	h.try(os.MkdirAll(h.Path("/sys/class/block/"+path.Base(v.device)+"/holders"), 0o755))
}

// Unmapped is told by the MDM: the volume is gone from here. What was mounted of it gives errors from now on.
func (h *Host) Unmapped(m scaleio.MappedVolume) {
	h.mu.Lock()
	i := slices.IndexFunc(h.volumes, func(v volume) bool { return v.system == m.SystemID && v.id == m.ID })
	if i < 0 {
		h.mu.Unlock()
		return
	}
	v := h.volumes[i]
	h.volumes = slices.Delete(h.volumes, i, i+1)
	h.mu.Unlock()
	h.removeDevice(v)
}

func (h *Host) removeDevice(v volume) {
	for _, name := range []string{"/dev/disk/by-id/" + v.link(), v.device, "/sys/class/block/" + path.Base(v.device)} {
		if err := os.RemoveAll(h.Path(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			h.try(err)
		}
	}
}

func (v volume) link() string { return "emc-vol-" + v.system + "-" + v.id }

// letters names the i-th disk as the kernel does: a, ..., z, aa, ...
func letters(i int) string {
	if i < 26 {
		return string(rune('a' + i))
	}
	return letters(i/26-1) + string(rune('a'+i%26))
}

// VolumeDir is where the lab keeps the content of a volume: the file fs names its file system (none: not formatted), root is what is in it.
func (h *Host) VolumeDir(system, id string) string {
	return filepath.Join(h.cfg.Volumes, system+"-"+id)
}

func (h *Host) fileSystem(system, id string) string {
	data, err := os.ReadFile(filepath.Join(h.VolumeDir(system, id), "fs"))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// Mount mounts the volume whose device link is under /dev/disk/by-id at a mount point, formatting it first if it holds no file system;
// formatted says whether it did.
func (h *Host) Mount(link, point, fsType string) (formatted bool, err error) {
	device, err := os.Readlink(h.Path("/dev/disk/by-id/" + link))
	if err != nil {
		return false, fmt.Errorf("mount: special device /dev/disk/by-id/%s does not exist", link)
	}
	data := h.Path("/dev/" + path.Base(device))
	if _, err := os.Stat(filepath.Join(data, "fs")); errors.Is(err, fs.ErrNotExist) {
		formatted = true
		if err := os.MkdirAll(filepath.Join(data, "root", "lost+found"), 0o700); err != nil {
			return true, err
		}
		if err := os.Chmod(filepath.Join(data, "root"), 0o755); err != nil {
			return true, err
		}
		if err := os.WriteFile(filepath.Join(data, "fs"), []byte(fsType+"\n"), 0o644); err != nil {
			return true, err
		}
	}
	// Through the by-id link, so that the mount gives errors when the device goes away, as a stale mount does.
	if err := replaceLink(filepath.Join(h.Path("/dev/disk/by-id/"+link), "root"), h.Path(point)); err != nil {
		return formatted, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mounted[point] = mounted{device: "/dev/" + path.Base(device), fs: fsType}
	h.writeMounts()
	return formatted, nil
}

// Unmount undoes Mount. It says whether something was mounted there.
func (h *Host) Unmount(point string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, found := h.mounted[point]; !found {
		return false
	}
	delete(h.mounted, point)
	h.try(os.Remove(h.Path(point)))
	h.try(os.MkdirAll(h.Path(point), 0o755))
	h.writeMounts()
	return true
}

// MountedAt gives the device that is mounted at point, or "".
func (h *Host) MountedAt(point string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mounted[point].device
}

func drvCfg(_ context.Context, h *Host, c Call) Result {
	options, _ := take(c.Argv[1:], "--ip", "--file", "--new_mdm_ip")
	if has(options, "--query_version") {
		p, _ := h.lookup(Component("sdc", "", h.cfg.Family).Name)
		return Result{Stdout: p.Version + "\n"}
	}
	if state, _ := h.Unit("scini"); state != "active" {
		return failure(1, "Failed to open kernel device: /dev/scini. Error: No such file or directory\n")
	}
	switch {
	case has(options, "--query_guid"):
		return Result{Stdout: scaleio.QueryGUID(h.guid)}
	case has(options, "--query_mdms", "--query_mdm"):
		mdms, _ := h.drvCfg()
		return Result{Stdout: scaleio.QueryMDMs(mdms)}
	case has(options, "--query_vols"):
		_, volumes := h.drvCfg()
		return Result{Stdout: scaleio.QueryVols(volumes)}
	case has(options, "--rescan"):
		return Result{Stdout: "Calling kernel module to refresh MDM configuration information\nSuccessfully completed the rescan operation\n"}
	case has(options, "--add_mdm"):
		return addMDM(h, splitIPs(options["--ip"]))
	case has(options, "--mod_mdm_ip"):
		return modMDM(h, options["--ip"], splitIPs(options["--new_mdm_ip"]))
	default:
		return failure(1, "drv_cfg: unknown option\n")
	}
}

func (h *Host) drvCfg() (mdms []scaleio.DrvCfgMDM, volumes []scaleio.MappedVolume) {
	if h.cfg.Storage == nil {
		return nil, nil
	}
	return h.cfg.Storage.DrvCfg(h.guid)
}

func addMDM(h *Host, addresses []string) Result {
	if len(addresses) == 0 {
		return failure(1, "drv_cfg: --add_mdm needs --ip\n")
	}
	mdms := h.mdms()
	if slices.ContainsFunc(mdms, func(m []string) bool { return overlap(m, addresses) }) {
		return failure(1, "Failed to add MDM. The MDM IP address is already configured\n")
	}
	h.try(h.writeSDC(append(mdms, addresses)))
	h.connect()
	return Result{Stdout: fmt.Sprintf("Calling kernel module to connect to MDM (%s)\nSuccessfully connected to MDM\n", strings.Join(addresses, ","))}
}

func modMDM(h *Host, old string, addresses []string) Result {
	mdms := h.mdms()
	for i, m := range mdms {
		if slices.Contains(m, old) {
			mdms[i] = addresses
			h.try(h.writeSDC(mdms))
			h.connect()
			return Result{Stdout: "Successfully modified the MDM IP addresses\n"}
		}
	}
	return failure(1, "Failed to modify MDM. The MDM IP address %s is not configured\n", old)
}

func scini(_ context.Context, h *Host, c Call) Result {
	if len(c.Argv) != 2 {
		return failure(1, "Usage: scini {start|stop|restart|status}\n")
	}
	switch c.Argv[1] {
	case "start":
		if _, err := h.startUnit("scini"); err != nil {
			return failure(1, "Starting scini: %v\n", err)
		}
		return Result{Stdout: "Starting scini ... Success configuring module\n"}
	case "stop":
		h.stopUnit("scini")
		return Result{}
	case "restart":
		h.stopUnit("scini")
		_, err := h.startUnit("scini")
		h.try(err)
		return Result{Stdout: "Success configuring module\n"}
	default:
		state, _ := h.Unit("scini")
		return Result{Stdout: "scini is " + state + "\n"}
	}
}
