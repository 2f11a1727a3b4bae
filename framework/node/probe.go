package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
)

const (
	// probeTime bounds a command of a probe. A disk that does not answer within it is unreadable.
	probeTime = 20 * time.Second
	// probesAtOnce is how many disks are read at the same time: a node with one dead disk is not late, one with 24 disks not busy.
	probesAtOnce = 4
)

// Probe tells what a host is. It gives all that it can find out; what it cannot is a warning, or makes a device Unreadable.
func Probe(ctx context.Context, h Host) inventory.Report {
	p := &probe{ctx: ctx, host: h}
	p.MachineID = p.line("/etc/machine-id")
	p.BootID = p.line("/proc/sys/kernel/random/boot_id")
	p.OS = p.system()
	p.Addresses = p.addresses()
	p.Devices = p.devices(nil)
	p.Software = p.software()
	p.SDCGUID = p.guid()
	return p.Report
}

// Software gives what an installation changes of a report: the installed versions by component, and the SDC's GUID.
func Software(ctx context.Context, h Host, family string) (software map[string]string, guid string) {
	p := &probe{ctx: ctx, host: h}
	p.OS.Package = family
	return p.software(), p.guid()
}

// Devices gives the block devices of a host, sorted by path, and what could not be found out. With paths only those are examined closely.
func Devices(ctx context.Context, h Host, paths ...string) ([]inventory.Device, []string) {
	p := &probe{ctx: ctx, host: h}
	return p.devices(paths), p.Warnings
}

// probe collects a report.
type probe struct {
	inventory.Report
	ctx  context.Context
	host Host
}

func (p *probe) warn(format string, args ...any) {
	p.Warnings = append(p.Warnings, fmt.Sprintf(format, args...))
}

// run runs a command of the probe, with its bound in time.
func (p *probe) run(argv ...string) (Result, error) {
	ctx, cancel := context.WithTimeout(p.ctx, probeTime)
	defer cancel()
	return p.host.Run(ctx, command(argv...))
}

// line reads a file of one line.
func (p *probe) line(name string) string {
	text, err := readFile(p.host, name)
	if err != nil {
		p.warn("%v", err)
	}
	return strings.TrimSpace(string(text))
}

func (p *probe) system() inventory.OS {
	text, err := readFile(p.host, "/etc/os-release")
	if err != nil {
		p.warn("%v", err)
	}
	o := parseOS(text)
	if o.Package == "" {
		p.warn("the distribution %q is of no known family: neither deb nor rpm", o.Name)
	}
	r, err := p.run("uname", "-r", "-m")
	if err != nil {
		p.warn("%v", err)
	}
	o.Kernel, o.Arch = parseUname(r.Stdout)
	return o
}

func (p *probe) addresses() []string {
	r, err := p.run("ip", "-json", "addr")
	if err == nil && r.Status == 0 {
		all, err := parseAddresses(r.Stdout)
		if err == nil {
			return all
		}
	}
	if err == nil {
		r, err = p.run("ip", "-oneline", "addr")
	}
	if err == nil && r.Status != 0 {
		err = failed(command("ip", "-oneline", "addr"), r)
	}
	if err != nil {
		p.warn("addresses: %v", err)
	}
	return parseAddressLines(r.Stdout)
}

// components are those whose installed version is reported.
var components = []string{"sds", "sdc", "lia", "mdm"}

func packageName(family, component string) string {
	if family == "deb" {
		return "emc-scaleio-" + component
	}
	return "EMC-ScaleIO-" + component
}

func (p *probe) software() map[string]string {
	var names []string
	for _, c := range components {
		names = append(names, packageName(p.OS.Package, c))
	}
	installed, err := installed(p.ctx, p.host, p.OS.Package, names...)
	if err != nil {
		p.warn("installed packages: %v", err)
	}
	software := map[string]string{}
	for i, c := range components {
		if version, found := installed[names[i]]; found {
			software[c] = Version(version)
		}
	}
	return software
}

// installed gives the versions of those of the named packages that are installed.
func installed(ctx context.Context, h Host, family string, names ...string) (map[string]string, error) {
	var c Command
	switch family {
	case "deb":
		c = command("dpkg-query", "--show", "--showformat=${Package}\\t${Version}\\t${db:Status-Status}\\n")
	case "rpm":
		c = command("rpm", "--query", "--queryformat=%{NAME}\\t%{VERSION}-%{RELEASE}\\n")
	default:
		return nil, fault.New(fault.Invalid, "", "", "the distribution has no known kind of packages")
	}
	c.Argv = append(c.Argv, names...)
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	r, err := h.Run(ctx, c)
	if err != nil {
		return nil, err
	}
	// Both say by their status how many they do not know: dpkg-query 1, rpm their number. Above that something is wrong.
	if r.Status > len(names) || family == "deb" && r.Status > 1 {
		return nil, failed(c, r)
	}
	return parsePackages(r.Stdout), nil
}

// drivers are where drv_cfg may be.
var drivers = []string{"/opt/emc/scaleio/sdc/bin/drv_cfg", "/bin/emc/scaleio/drv_cfg"}

// driver gives the path of drv_cfg, "" without an SDC.
func driver(h Host) string {
	for _, name := range drivers {
		if present(h, name) {
			return name
		}
	}
	return ""
}

// present says whether a file or a link is there.
func present(h Host, name string) bool {
	if _, err := h.Stat(name); err == nil {
		return true
	}
	_, err := h.Readlink(name)
	return err == nil
}

func (p *probe) guid() string {
	name := driver(p.host)
	if name == "" {
		return ""
	}
	r, err := p.run(name, "--query_guid")
	if err == nil && r.Status != 0 {
		err = failed(command(name, "--query_guid"), r)
	}
	if err != nil {
		p.warn("%v", err)
		return ""
	}
	guid, _, _ := strings.Cut(strings.TrimSpace(string(r.Stdout)), "\n")
	return strings.ToUpper(strings.TrimSpace(guid))
}

// devices gives the devices; only those of paths are read unless paths is empty.
func (p *probe) devices(paths []string) []inventory.Device {
	all, err := p.blocks()
	if err != nil {
		p.warn("no device is known: %v", err)
		return nil
	}
	before := len(p.Warnings)
	w := world{blocks: all, mounts: p.mounts(), links: p.links(), holders: map[string][]string{}}
	for _, b := range all {
		found, err := p.host.Glob("/sys/class/block/" + b.sysfs() + "/holders/*")
		if err != nil {
			p.warn("holders of %s: %v", b.path(), err)
		}
		for _, f := range found {
			w.holders[b.name] = append(w.holders[b.name], path.Base(f))
		}
	}
	devices := w.devices()
	p.read(devices, paths)
	for i := range devices { // whatever is not known of all is not known of each
		devices[i].Unreadable = strings.Join(slices.DeleteFunc(append([]string{devices[i].Unreadable}, p.Warnings[before:]...),
			func(s string) bool { return s == "" }), "; ")
	}
	return devices
}

func (p *probe) blocks() ([]block, error) {
	argv := []string{"lsblk", "--json", "--bytes", "--output", columns}
	r, err := p.run(argv...)
	if err != nil {
		return nil, err
	}
	if r.Status == 0 {
		return parseBlocksJSON(r.Stdout)
	}
	argv[1] = "--pairs"
	old, err := p.run(argv...)
	switch {
	case err != nil:
		return nil, err
	case old.Status != 0:
		return nil, failed(command(argv...), old)
	}
	return parseBlocksPairs(old.Stdout)
}

// mounts are those that the first process sees; our own namespace may lack some.
func (p *probe) mounts() []mount {
	text, err := readFile(p.host, "/proc/1/mounts")
	if err != nil {
		text, err = readFile(p.host, "/proc/mounts")
	}
	if err != nil {
		p.warn("mounts: %v", err)
	}
	swaps, err := readFile(p.host, "/proc/swaps")
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel without swap has none
		p.warn("swaps: %v", err)
	}
	all := slices.Concat(parseMounts(text), parseSwaps(swaps))
	for i, m := range all {
		if target, err := p.host.Readlink(m.source); err == nil { // /dev/mapper/vg-lv
			all[i].source = absolute(m.source, target)
		}
	}
	return all
}

func absolute(link, target string) string {
	if path.IsAbs(target) {
		return path.Clean(target)
	}
	return path.Join(path.Dir(link), target)
}

// links gives the links below /dev/disk by the device that they lead to.
func (p *probe) links() map[string][]string {
	found, err := p.host.Glob("/dev/disk/*/*")
	if err != nil {
		p.warn("links of devices: %v", err)
	}
	all := map[string][]string{}
	for _, link := range found {
		if target, err := p.host.Readlink(link); err == nil {
			device := absolute(link, target)
			all[device] = append(all[device], link)
		}
	}
	return all
}

// read looks for signatures on the devices that might be taken otherwise.
func (p *probe) read(devices []inventory.Device, paths []string) {
	var group errgroup.Group
	group.SetLimit(probesAtOnce)
	for i := range devices {
		d := &devices[i]
		if !readable(*d) || len(paths) > 0 && !slices.Contains(paths, d.Path) {
			continue
		}
		group.Go(func() error {
			signature, unreadable := p.signature(d.Path)
			if signature != "" {
				d.Signature = signature
			}
			d.Unreadable = unreadable
			return nil
		})
	}
	if err := group.Wait(); err != nil { // none of the functions fails
		p.warn("%v", err)
	}
}

// readable says whether a device is of a kind that carries signatures of its own; to read a CD drive would spin it up.
func readable(d inventory.Device) bool {
	return d.Type == "disk" || d.Type == "loop" || d.Type == "mpath" || strings.HasPrefix(d.Type, "raid")
}

// signature gives what is on a device, and why that cannot be told. blkid ends with 2 both when it finds nothing and when it cannot open
// the device (and not always says so), so an empty answer is asked for again from wipefs, which also sees more.
func (p *probe) signature(device string) (signature, unreadable string) {
	const nothing, ambivalent = 2, 8
	r, err := p.run("blkid", "-p", "-o", "export", device)
	switch {
	case err != nil:
		return "", err.Error()
	case r.Status == ambivalent:
		return "several", ""
	case r.Status != 0 && r.Status != nothing || r.Status == nothing && len(strings.TrimSpace(string(r.Stderr))) > 0:
		return "", fmt.Sprintf("blkid: exit status %d: %s", r.Status, r.Tail())
	}
	if found := parseSignature(r.Stdout); found != "" {
		return found, ""
	}
	r, err = p.run("wipefs", "-n", device)
	switch {
	case err != nil:
		return "", err.Error()
	case r.Status != 0:
		return "", fmt.Sprintf("wipefs: exit status %d: %s", r.Status, r.Tail())
	}
	return parseWipefs(r.Stdout), ""
}
