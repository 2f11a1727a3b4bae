package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const kernel = "5.15.0-91-generic"

// programs are the links that every machine of a family has from the start.
var programs = map[string][]string{
	"deb": {"/usr/bin/dpkg", "/usr/bin/dpkg-query", "/usr/bin/dpkg-deb", "/usr/bin/apt-get"},
	"rpm": {"/usr/bin/rpm", "/usr/bin/yum"},
	"": {"/usr/bin/systemctl", "/usr/bin/lsblk", "/usr/sbin/blkid", "/usr/sbin/wipefs", "/usr/sbin/ip", "/usr/bin/uname",
		"/usr/bin/udevadm", "/usr/sbin/lsmod", "/usr/sbin/modprobe", "/usr/bin/mokutil"},
}

// addons are where the programs of Config.Commands go.
var addons = map[string]string{"rexray": "/opt/mesosphere/bin/rexray", "dvdcli": "/opt/mesosphere/bin/dvdcli"}

var releases = map[string]string{
	"deb": "PRETTY_NAME=\"Ubuntu 22.04.3 LTS\"\nNAME=\"Ubuntu\"\nVERSION_ID=\"22.04\"\nVERSION=\"22.04.3 LTS (Jammy Jellyfish)\"\nID=ubuntu\nID_LIKE=debian\n",
	"rpm": "NAME=\"CentOS Linux\"\nVERSION=\"7 (Core)\"\nID=\"centos\"\nID_LIKE=\"rhel fedora\"\nVERSION_ID=\"7\"\nPRETTY_NAME=\"CentOS Linux 7 (Core)\"\n",
}

func (h *Host) makeRoot() error {
	for _, dir := range []string{"/tmp", "/var/tmp", "/var/lib", "/run", "/etc/systemd/system", "/lib/systemd/system", "/dev/disk/by-id", "/sys/class/block"} {
		if err := os.MkdirAll(h.Path(dir), 0o755); err != nil {
			return err
		}
	}
	files := map[string]string{
		"/etc/machine-id":           digest("machine", h.cfg.Hostname)[:32] + "\n",
		"/etc/os-release":           releases[h.cfg.Family],
		"/etc/hostname":             h.cfg.Hostname + "\n",
		"/proc/sys/kernel/hostname": h.cfg.Hostname + "\n", "/proc/sys/kernel/osrelease": kernel + "\n",
		"/proc/version": "Linux version " + kernel + "\n",
	}
	for name, content := range files {
		if err := writeFile(h.Path(name), content, 0o644); err != nil {
			return err
		}
	}
	if h.cfg.Socket != "" {
		if err := replaceLink(h.cfg.Socket, h.Path(socketLink)); err != nil {
			return err
		}
	}
	names := slices.Concat(programs[""], programs[h.cfg.Family])
	for name := range h.cfg.Commands {
		if place, known := addons[name]; known {
			names = append(names, place)
		} else {
			names = append(names, "/usr/bin/"+name)
		}
	}
	for _, name := range names {
		if err := h.link(name); err != nil {
			return err
		}
	}
	for _, d := range h.cfg.Devices {
		if err := h.deviceFiles(d); err != nil {
			return err
		}
	}
	return nil
}

// link puts a program in its place.
func (h *Host) link(name string) error {
	place := h.Path(name)
	if h.cfg.Binary == "" {
		return writeFile(place, "", 0o755)
	}
	return replaceLink(h.cfg.Binary, place)
}

func replaceLink(target, place string) error {
	if err := os.MkdirAll(filepath.Dir(place), 0o755); err != nil {
		return err
	}
	if err := os.Remove(place); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(target, place)
}

// bootFiles writes what is new after a boot.
func (h *Host) bootFiles() {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := digest("boot", h.cfg.Hostname, strconv.Itoa(h.boot))
	id := fmt.Sprintf("%s-%s-%s-%s-%s\n", d[:8], d[8:12], d[12:16], d[16:20], d[20:32])
	h.try(writeFile(h.Path("/proc/sys/kernel/random/boot_id"), id, 0o644))
	h.try(os.RemoveAll(h.Path("/run")))
	h.try(os.MkdirAll(h.Path("/run"), 0o755))
	h.writeMounts()
}

// try logs what cannot go wrong on a machine whose directory is there.
func (h *Host) try(err error) {
	if err != nil {
		h.cfg.Log.Error("emulated machine", "host", h.cfg.Hostname, "error", err)
	}
}

// writeMounts brings /proc up to date; h.mu is held.
func (h *Host) writeMounts() {
	var mounts, info, swaps strings.Builder
	swaps.WriteString("Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n")
	for i, m := range h.mountTable() {
		fmt.Fprintf(&mounts, "%s %s %s rw,relatime 0 0\n", m.device, m.point, m.fs)
		fmt.Fprintf(&info, "%d 1 0:%d / %s rw,relatime shared:%d - %s %s rw\n", 20+i, 20+i, m.point, i+1, m.fs, m.device)
	}
	swap := func(device, point string, size uint64) {
		if point == "[SWAP]" {
			fmt.Fprintf(&swaps, "%s\t\t\t\tpartition\t%d\t\t0\t\t-2\n", device, size>>10)
		}
	}
	for _, d := range h.devices {
		swap(d.Path, d.Mounted, d.Size)
		for _, p := range d.Partitions {
			swap(p.Path, p.Mounted, p.Size)
		}
	}
	for _, process := range []string{"/proc/self", "/proc/1"} {
		h.try(writeFile(h.Path(process+"/mounts"), mounts.String(), 0o644))
		h.try(writeFile(h.Path(process+"/mountinfo"), info.String(), 0o644))
	}
	h.try(writeFile(h.Path("/proc/mounts"), mounts.String(), 0o644))
	h.try(writeFile(h.Path("/proc/swaps"), swaps.String(), 0o644))
}

// deviceFiles makes what /dev and /sys show of a disk.
func (h *Host) deviceFiles(d Device) error {
	write := func(name, dir string, size uint64) error {
		files := map[string]string{"size": strconv.FormatUint(size/512, 10), "ro": flag(d.ReadOnly), "removable": flag(d.Removable),
			"queue/rotational": flag(d.Media != "SSD")}
		for file, content := range files {
			if err := writeFile(h.Path(path.Join(dir, file)), content+"\n", 0o444); err != nil {
				return err
			}
		}
		if err := os.MkdirAll(h.Path(dir+"/holders"), 0o755); err != nil {
			return err
		}
		return writeFile(h.Path("/dev/"+name), "", 0o660)
	}
	dir := "/sys/class/block/" + d.name()
	if err := write(d.name(), dir, d.Size); err != nil {
		return err
	}
	for _, holder := range d.Holders {
		if err := writeFile(h.Path(dir+"/holders/"+holder), "", 0o444); err != nil {
			return err
		}
	}
	for _, p := range d.Partitions {
		if err := write(path.Base(p.Path), "/sys/class/block/"+path.Base(p.Path), p.Size); err != nil {
			return err
		}
		if err := os.MkdirAll(h.Path(dir+"/"+path.Base(p.Path)), 0o755); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(h.Path("/sys/block"), 0o755); err != nil {
		return err
	}
	if err := replaceLink("../class/block/"+d.name(), h.Path("/sys/block/"+d.name())); err != nil {
		return err
	}
	for _, id := range d.ByID {
		if err := replaceLink("../../"+d.name(), h.Path("/dev/disk/by-id/"+id)); err != nil {
			return err
		}
	}
	return nil
}

func flag(b bool) string {
	if b {
		return "1"
	}
	return "0"
}
