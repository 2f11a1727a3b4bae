package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
)

// The parsers here are pure: text in, facts out. They take what any version of the tools prints since those of CentOS 7.

// block is a block device as lsblk tells of it.
type block struct {
	name     string // kernel name, as below /dev: sda, cciss/c0d0
	parents  []string
	kind     string
	size     uint64
	media    string
	fs       string
	model    string
	serial   string
	mounts   []string
	readOnly bool
	hotplug  bool // removable
}

func (b block) path() string { return "/dev/" + b.name }

// sysfs is the name below /sys/class/block.
func (b block) sysfs() string { return strings.ReplaceAll(b.name, "/", "!") }

// columns of lsblk that every version has. PATH and MOUNTPOINTS are newer than CentOS 7.
const columns = "NAME,KNAME,TYPE,SIZE,ROTA,RO,RM,MOUNTPOINT,FSTYPE,MODEL,SERIAL,WWN,PKNAME"

// parseBlocksJSON reads lsblk --json: a tree in which a device appears below each device that it is built on.
func parseBlocksJSON(text []byte) ([]block, error) {
	var top struct {
		Blockdevices []node `json:"blockdevices"`
	}
	if err := json.Unmarshal(text, &top); err != nil {
		return nil, fmt.Errorf("lsblk: %w", err)
	}
	var all blocks
	all.walk(top.Blockdevices, "")
	return all.list, nil
}

// node is a device in the tree of lsblk. Texts, numbers and booleans changed places between its versions.
type node struct {
	Kname, Name, Type, Size, Rota, RO, RM, Mountpoint, Fstype, Model, Serial, Pkname loose

	Children []node
}

// loose is a JSON text, number, boolean or null, as text.
type loose string

func (l *loose) UnmarshalJSON(data []byte) error {
	var text string
	switch {
	case bytes.Equal(data, []byte("null")):
	case data[0] == '"':
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
	default:
		text = string(data)
	}
	*l = loose(strings.TrimSpace(text))
	return nil
}

func (l loose) yes() bool { return l == "1" || l == "true" }

// blocks collects devices, each once, with all their parents.
type blocks struct {
	list []block
	at   map[string]int
}

func (b *blocks) walk(nodes []node, parent string) {
	for _, n := range nodes {
		name := b.add(n, parent)
		b.walk(n.Children, name)
	}
}

func (b *blocks) add(n node, parent string) string {
	name := string(n.Kname)
	if name == "" {
		name = string(n.Name)
	}
	name = strings.ReplaceAll(strings.TrimPrefix(name, "/dev/"), "!", "/")
	if name == "" || strings.Contains(name, "..") {
		return ""
	}
	at, known := b.at[name]
	if !known {
		size, err := strconv.ParseUint(string(n.Size), 10, 64)
		if err != nil {
			size = 0 // then it does not exist, to inventory.Examine
		}
		media := map[loose]string{"1": "HDD", "true": "HDD", "0": "SSD", "false": "SSD"}[n.Rota]
		at = len(b.list)
		b.list = append(b.list, block{name: name, kind: string(n.Type), size: size, media: media, fs: string(n.Fstype), model: string(n.Model),
			serial: string(n.Serial), readOnly: n.RO.yes(), hotplug: n.RM.yes()})
		if b.at == nil {
			b.at = map[string]int{}
		}
		b.at[name] = at
	}
	d := &b.list[at]
	if n.Mountpoint != "" && !slices.Contains(d.mounts, string(n.Mountpoint)) {
		d.mounts = append(d.mounts, string(n.Mountpoint))
	}
	if parent != "" && parent != name && !slices.Contains(d.parents, parent) {
		d.parents = append(d.parents, parent)
	}
	return name
}

var pair = regexp.MustCompile(`([A-Z:-]+)="((?:[^"\\]|\\.)*)"`)

// parseBlocksPairs reads lsblk --pairs, one line for each device and parent. lsblk has --json only since 2.27.
func parseBlocksPairs(text []byte) ([]block, error) {
	var all blocks
	for line := range strings.Lines(string(text)) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		v := map[string]loose{}
		for _, p := range pair.FindAllStringSubmatch(line, -1) {
			v[p[1]] = loose(strings.TrimSpace(unescape(p[2])))
		}
		if v["KNAME"] == "" {
			return nil, fmt.Errorf("lsblk: no KNAME in %q", strings.TrimSpace(line))
		}
		parent := strings.ReplaceAll(strings.TrimPrefix(string(v["PKNAME"]), "/dev/"), "!", "/")
		all.add(node{Kname: v["KNAME"], Type: v["TYPE"], Size: v["SIZE"], Rota: v["ROTA"], RO: v["RO"], RM: v["RM"], Mountpoint: v["MOUNTPOINT"],
			Fstype: v["FSTYPE"], Model: v["MODEL"], Serial: v["SERIAL"]}, parent)
	}
	return all.list, nil
}

var escaped = regexp.MustCompile(`\\x[0-9a-fA-F]{2}|\\[0-7]{3}`)

// unescape reads \x20 as lsblk writes it, and \040 as /proc/mounts does.
func unescape(text string) string {
	return escaped.ReplaceAllStringFunc(text, func(code string) string {
		digits, base := code[1:], 8
		if code[1] == 'x' {
			digits, base = code[2:], 16
		}
		value, err := strconv.ParseUint(digits, base, 8)
		if err != nil {
			return code
		}
		return string([]byte{byte(value)})
	})
}

// mount is a line of /proc/mounts, or a swap device.
type mount struct{ source, point string }

func parseMounts(text []byte) (all []mount) {
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) >= 2 && strings.HasPrefix(f[0], "/") {
			all = append(all, mount{unescape(f[0]), unescape(f[1])})
		}
	}
	return all
}

func parseSwaps(text []byte) (all []mount) {
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) >= 2 && strings.HasPrefix(f[0], "/") {
			all = append(all, mount{unescape(f[0]), "[SWAP]"})
		}
	}
	return all
}

// parseSignature reads blkid -p -o export: what is on a device, "" for nothing.
func parseSignature(text []byte) string {
	v := map[string]string{}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		v[key] = value
	}
	for _, key := range []string{"TYPE", "PTTYPE", "USAGE"} {
		if v[key] != "" {
			return v[key]
		}
	}
	return ""
}

// parseWipefs reads wipefs --no-act: the first signature, "" for none.
func parseWipefs(text []byte) string {
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || f[0] == "DEVICE" || f[0] == "offset" || strings.HasPrefix(f[0], "---"):
		case len(f) > 2 && strings.HasPrefix(f[1], "0x"):
			return f[2]
		case len(f) > 1 && strings.HasPrefix(f[0], "0x"):
			return f[1]
		default:
			return "content"
		}
	}
	return ""
}

// parseOS reads /etc/os-release.
func parseOS(text []byte) inventory.OS {
	v := map[string]string{}
	for line := range strings.Lines(string(text)) {
		key, value, found := strings.Cut(strings.TrimSpace(line), "=")
		if found && !strings.HasPrefix(key, "#") {
			v[key] = strings.Trim(value, `"'`)
		}
	}
	o := inventory.OS{Name: v["PRETTY_NAME"]}
	if o.Name == "" {
		o.Name = strings.TrimSpace(v["NAME"] + " " + v["VERSION_ID"])
	}
	for _, id := range append([]string{v["ID"]}, strings.Fields(v["ID_LIKE"])...) {
		switch id {
		case "debian", "ubuntu":
			o.Package = "deb"
			return o
		case "rhel", "centos", "fedora", "rocky", "almalinux", "ol", "amzn", "suse", "sles", "opensuse":
			o.Package = "rpm"
			return o
		}
	}
	return o
}

// parseUname reads uname -r -m.
func parseUname(text []byte) (kernel, arch string) {
	f := strings.Fields(string(text))
	if len(f) < 2 {
		return strings.TrimSpace(string(text)), ""
	}
	arch = f[1]
	if go_, known := map[string]string{"x86_64": "amd64", "aarch64": "arm64"}[arch]; known {
		arch = go_
	}
	return f[0], arch
}

// virtual are the names of interfaces that containers and overlays make: no other machine reaches their addresses.
var virtual = regexp.MustCompile(`^(docker|br-|veth|virbr|vnet|cni|cali|flannel|weave|kube|dummy|d-dcos|m-dcos|vtep|spartan|minuteman|lo$)`)

func usable(ifname, address string) bool {
	a, err := netip.ParseAddr(address)
	return err == nil && a.IsGlobalUnicast() && !virtual.MatchString(ifname)
}

// parseAddresses reads ip -json addr.
func parseAddresses(text []byte) ([]string, error) {
	var links []struct {
		Ifname string
		Addr   []struct{ Local, Scope string } `json:"addr_info"`
	}
	if err := json.Unmarshal(text, &links); err != nil {
		return nil, fmt.Errorf("ip: %w", err)
	}
	var all []string
	for _, l := range links {
		for _, a := range l.Addr {
			if a.Scope == "global" && usable(l.Ifname, a.Local) && !slices.Contains(all, a.Local) {
				all = append(all, a.Local)
			}
		}
	}
	return all, nil
}

// parseAddressLines reads ip -oneline addr. ip has -json only since 4.13.
func parseAddressLines(text []byte) (all []string) {
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 4 || !slices.Contains(f, "global") || f[2] != "inet" && f[2] != "inet6" {
			continue
		}
		address, _, _ := strings.Cut(f[3], "/")
		if usable(f[1], address) && !slices.Contains(all, address) {
			all = append(all, address)
		}
	}
	return all
}

// parsePackages reads lines of name, version and (deb) state, separated by tabs: what is installed. What is half-installed is not.
func parsePackages(text []byte) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(string(text)) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(f) < 2 || f[0] == "" || len(f) > 2 && strings.TrimSpace(f[2]) != "installed" {
			continue
		}
		name, _, _ := strings.Cut(f[0], ":") // libaio1:amd64
		all[name] = f[1]
	}
	return all
}

// Version gives the numbers of a version as ScaleIO writes it, "3.6-700.103" of "3.6-700.103.el7.x86_64": what stands behind the numbers is
// the distribution's.
func Version(text string) string {
	if _, behind, found := strings.Cut(text, ":"); found { // an epoch
		text = behind
	}
	end, last := 0, 0
	for end < len(text) {
		next := end
		for next < len(text) && text[next] >= '0' && text[next] <= '9' {
			next++
		}
		if next == end {
			break
		}
		last = next
		if next == len(text) || text[next] != '.' && text[next] != '-' {
			if next < len(text) { // 7rc1 is no number
				last = max(0, end-1)
			}
			break
		}
		end = next + 1
	}
	return text[:last]
}

// CompareVersions compares two versions as lists of integers.
func CompareVersions(a, b string) int {
	return slices.CompareFunc(numbers(a), numbers(b), compareDigits)
}

func numbers(version string) []string {
	return strings.FieldsFunc(Version(version), func(r rune) bool { return r == '.' || r == '-' })
}

// compareDigits compares decimal numbers of any length.
func compareDigits(a, b string) int {
	a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

// registration is a system that the SDC is registered with.
type registration struct {
	system    string // MDM-ID; zeros while there is no connection
	addresses []string
}

var (
	registered = regexp.MustCompile(`MDM-ID\s+([0-9a-fA-F]+)\b(.*)`)
	indexed    = regexp.MustCompile(`\[\d+\]-([0-9a-fA-F.:]+)`)
)

// parseMDMs reads drv_cfg --query_mdms.
func parseMDMs(text []byte) (all []registration) {
	for line := range strings.Lines(string(text)) {
		m := registered.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		r := registration{system: strings.ToLower(m[1])}
		for _, a := range indexed.FindAllStringSubmatch(m[2], -1) {
			r.addresses = append(r.addresses, a[1])
		}
		all = append(all, r)
	}
	return all
}

// parseMDMLines reads drv_cfg.txt: a line "mdm a,b" for each system.
func parseMDMLines(text []byte) (all []registration) {
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "mdm" {
			addresses := strings.FieldsFunc(strings.Join(f[1:], ","), func(r rune) bool { return r == ',' })
			all = append(all, registration{addresses: addresses})
		}
	}
	return all
}
