package host

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
)

// row is a line of lsblk: a disk, or a partition of one.
type row struct {
	d         Device
	p         *Partition
	minor     int
	size      uint64
	name      string
	signature string
	mounted   string
	kind      string
}

func rows(d Device, minor int) (whole row, parts []row) {
	whole = row{d: d, minor: minor, size: d.Size, name: d.name(), signature: d.Signature, mounted: d.Mounted, kind: d.kind()}
	for i := range d.Partitions {
		p := &d.Partitions[i]
		parts = append(parts, row{d: d, p: p, minor: minor + i + 1, size: p.Size, name: path.Base(p.Path), signature: p.Signature, mounted: p.Mounted, kind: "part"})
	}
	return whole, parts
}

func text(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// columns are those of util-linux 2.37, with the JSON types that it gives them.
var columns = map[string]func(row) any{
	"NAME":  func(r row) any { return r.name },
	"KNAME": func(r row) any { return r.name },
	"PATH":  func(r row) any { return "/dev/" + r.name },
	"PKNAME": func(r row) any {
		if r.p == nil {
			return nil
		}
		return r.d.name()
	},
	"MAJ:MIN":    func(r row) any { return fmt.Sprintf("202:%d", r.minor) },
	"SIZE":       func(r row) any { return r.size },
	"TYPE":       func(r row) any { return r.kind },
	"FSTYPE":     func(r row) any { return text(r.signature) },
	"MOUNTPOINT": func(r row) any { return text(r.mounted) },
	"MOUNTPOINTS": func(r row) any {
		return []any{text(r.mounted)}
	},
	"ROTA":     func(r row) any { return r.d.Media != "SSD" },
	"RO":       func(r row) any { return r.d.ReadOnly },
	"RM":       func(r row) any { return r.d.Removable },
	"HOTPLUG":  func(r row) any { return r.d.Removable },
	"MODEL":    func(r row) any { return text(r.d.Model) },
	"SERIAL":   func(r row) any { return text(r.d.Serial) },
	"LOG-SEC":  func(row) any { return 512 },
	"PHY-SEC":  func(row) any { return 4096 },
	"STATE":    func(row) any { return nil },
	"WWN":      func(r row) any { return text(wwn(r.d)) },
	"VENDOR":   func(row) any { return nil },
	"TRAN":     func(row) any { return nil },
	"LABEL":    func(row) any { return nil },
	"UUID":     func(row) any { return nil },
	"PTTYPE":   func(r row) any { return text(tableOf(r.d)) },
	"PARTTYPE": func(row) any { return nil },
	"FSVER":    func(row) any { return nil },
}

func wwn(d Device) string {
	for _, id := range d.ByID {
		if rest, found := strings.CutPrefix(id, "wwn-"); found {
			return rest
		}
	}
	return ""
}

func tableOf(d Device) string {
	if len(d.Partitions) > 0 {
		return "gpt"
	}
	return ""
}

// disks lists the disks of the machine and the volumes mapped to it.
func (h *Host) disks() []Device {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := slices.Clone(h.devices)
	for _, v := range h.volumes {
		all = append(all, Device{Path: v.device, Size: v.size, Media: "HDD", Signature: h.fileSystem(v.system, v.id), ByID: []string{v.link()}})
	}
	return all
}

func lsblk(_ context.Context, h *Host, c Call) Result {
	options, operands := take(c.Argv[1:], "-o", "--output", "-e", "--exclude", "-I", "--include", "-x", "--sort")
	wanted := strings.FieldsFunc(strings.ToUpper(value(options, "-o", "--output")), func(r rune) bool { return r == ',' })
	if len(wanted) == 0 {
		wanted = []string{"NAME", "MAJ:MIN", "RM", "SIZE", "RO", "TYPE", "MOUNTPOINTS"}
	}
	if has(options, "-O", "--output-all") {
		wanted = nil
		for name := range columns {
			wanted = append(wanted, name)
		}
		slices.Sort(wanted)
	}
	for _, name := range wanted {
		if columns[name] == nil {
			return failure(1, "lsblk: unknown column: %s\n", name)
		}
	}
	disks := h.disks()
	var tree []any
	var lines strings.Builder
	var r Result
	for _, operand := range operands {
		if !slices.ContainsFunc(disks, func(d Device) bool { return d.named(operand) }) {
			r.Stderr += fmt.Sprintf("lsblk: %s: not a block device\n", operand)
			r.Status = 32
		}
	}
	for i, d := range disks {
		if len(operands) > 0 && !slices.ContainsFunc(operands, d.named) {
			continue
		}
		whole, parts := rows(d, 16*i)
		if has(options, "-d", "--nodeps") {
			parts = nil
		}
		node := object(whole, wanted)
		var children []any
		fmt.Fprintln(&lines, line(whole, wanted))
		for _, p := range parts {
			children = append(children, object(p, wanted))
			fmt.Fprintln(&lines, line(p, wanted))
		}
		if has(options, "-l", "--list") {
			tree = append(append(tree, node), children...)
			continue
		}
		if len(children) > 0 {
			node["children"] = children
		}
		tree = append(tree, node)
	}
	if !has(options, "-J", "--json") {
		r.Stdout = lines.String()
		return r
	}
	if tree == nil {
		tree = []any{}
	}
	encoded, err := json.MarshalIndent(map[string]any{"blockdevices": tree}, "", "   ")
	h.try(err)
	r.Stdout = string(encoded) + "\n"
	return r
}

func (d Device) named(name string) bool {
	if d.Path == name || d.name() == name {
		return true
	}
	return slices.ContainsFunc(d.ByID, func(id string) bool { return "/dev/disk/by-id/"+id == name }) ||
		slices.ContainsFunc(d.Partitions, func(p Partition) bool { return p.Path == name })
}

func object(r row, wanted []string) map[string]any {
	o := map[string]any{}
	for _, name := range wanted {
		o[strings.ToLower(name)] = columns[name](r)
	}
	return o
}

func line(r row, wanted []string) string {
	var cells []string
	for _, name := range wanted {
		v := columns[name](r)
		switch v := v.(type) {
		case nil:
			cells = append(cells, "")
		case bool:
			cells = append(cells, flag(v))
		default:
			cells = append(cells, fmt.Sprint(v))
		}
	}
	return strings.TrimRight(strings.Join(cells, " "), " ")
}

// signatureAt says what is written on the disk or partition at name.
func (h *Host) signatureAt(name string) (signature, table string, unreadable, found bool) {
	for _, d := range h.disks() {
		for _, p := range d.Partitions {
			if p.Path == name {
				return p.Signature, "", d.Unreadable, true
			}
		}
		if d.named(name) {
			return d.Signature, tableOf(d), d.Unreadable, true
		}
	}
	return "", "", false, false
}

func blkid(_ context.Context, h *Host, c Call) Result {
	options, operands := take(c.Argv[1:], "-o", "--output", "-s", "--match-tag", "-t", "-c", "-L", "-U", "-u", "--usages", "-n", "--match-types", "-S", "-O")
	var r Result
	found := false
	if len(operands) == 0 {
		for _, d := range h.disks() {
			operands = append(operands, d.Path)
		}
	}
	for _, name := range operands {
		signature, table, unreadable, known := h.signatureAt(name)
		switch {
		case !known:
			r.Stderr += fmt.Sprintf("blkid: error: %s: No such file or directory\n", name)
			continue
		case unreadable:
			r.Stderr += fmt.Sprintf("blkid: error: %s: Input/output error\n", name)
			continue
		case signature == "" && table == "":
			continue
		}
		found = true
		tags := [][2]string{}
		if signature != "" {
			tags = append(tags, [2]string{"UUID", uuid(name, signature)}, [2]string{"TYPE", signature}, [2]string{"USAGE", usage(signature)})
		}
		if table != "" {
			tags = append(tags, [2]string{"PTUUID", uuid(name, table)}, [2]string{"PTTYPE", table})
		}
		r.Stdout += blkidLines(name, tags, value(options, "-o", "--output"), value(options, "-s", "--match-tag"))
	}
	if !found {
		r.Status = 2
	}
	return r
}

func blkidLines(name string, tags [][2]string, format, only string) string {
	var b strings.Builder
	if format == "export" {
		fmt.Fprintf(&b, "DEVNAME=%s\n", name)
	}
	var full []string
	for _, tag := range tags {
		if only != "" && tag[0] != only {
			continue
		}
		switch format {
		case "value":
			fmt.Fprintln(&b, tag[1])
		case "export":
			fmt.Fprintf(&b, "%s=%s\n", tag[0], tag[1])
		case "udev":
			key := "ID_FS_" + tag[0]
			if rest, isTable := strings.CutPrefix(tag[0], "PT"); isTable {
				key = "ID_PART_TABLE_" + rest
			}
			fmt.Fprintf(&b, "%s=%s\n", key, tag[1])
		default:
			full = append(full, fmt.Sprintf("%s=%q", tag[0], tag[1]))
		}
	}
	if len(full) > 0 {
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(full, " "))
	}
	return b.String()
}

func uuid(words ...string) string {
	d := digest(words...)
	return fmt.Sprintf("%s-%s-%s-%s-%s", d[:8], d[8:12], d[12:16], d[16:20], d[20:32])
}

func wipefs(_ context.Context, h *Host, c Call) Result {
	options, operands := take(c.Argv[1:], "-o", "--offset", "-O", "--output", "-t", "--types")
	if has(options, "-a", "--all") && !has(options, "-n", "--no-act") {
		return failure(1, "wipefs: the lab never wipes a disk\n")
	}
	var r Result
	var signatures []any
	for _, name := range operands {
		signature, table, unreadable, known := h.signatureAt(name)
		if !known {
			return failure(1, "wipefs: error: %s: probing initialization failed: No such file or directory\n", name)
		}
		if unreadable {
			return failure(1, "wipefs: error: %s: probing initialization failed: Input/output error\n", name)
		}
		for _, s := range []string{signature, table} {
			if s == "" {
				continue
			}
			signatures = append(signatures, map[string]any{"device": path.Base(name), "offset": "0x438", "type": s, "uuid": uuid(name, s), "label": nil})
			if has(options, "-p", "--parsable") {
				r.Stdout += fmt.Sprintf("0x438,%s,,%s\n", uuid(name, s), s)
			} else {
				r.Stdout += fmt.Sprintf("%s 0x438 %s %s\n", path.Base(name), s, uuid(name, s))
			}
		}
	}
	if has(options, "-J", "--json") {
		r.Stdout = "" // nothing found: nothing printed, not even an empty list
		if len(signatures) > 0 {
			encoded, err := json.MarshalIndent(map[string]any{"signatures": signatures}, "", "   ")
			h.try(err)
			r.Stdout = string(encoded) + "\n"
		}
	}
	return r
}

func ip(_ context.Context, h *Host, c Call) Result {
	options, operands := take(c.Argv[1:])
	if len(operands) > 0 && !strings.HasPrefix("address", operands[0]) {
		return failure(1, "Object \"%s\" is unknown, try \"ip help\".\n", operands[0])
	}
	address := func(local string, bits int, scope, label string) map[string]any {
		return map[string]any{"family": "inet", "local": local, "prefixlen": bits, "scope": scope, "label": label}
	}
	links := []any{
		map[string]any{"ifindex": 1, "ifname": "lo", "flags": []string{"LOOPBACK", "UP", "LOWER_UP"}, "mtu": 65536, "operstate": "UNKNOWN", "link_type": "loopback",
			"addr_info": []any{address("127.0.0.1", 8, "host", "lo")}},
		map[string]any{"ifindex": 2, "ifname": "eth0", "flags": []string{"BROADCAST", "MULTICAST", "UP", "LOWER_UP"}, "mtu": 9000, "operstate": "UP", "link_type": "ether",
			"addr_info": []any{address(h.cfg.IP, 16, "global", "eth0")}},
	}
	if !has(options, "-j", "-json", "--json") {
		for name := range options {
			if strings.Contains(name, "j") {
				options["-j"] = ""
			}
		}
	}
	if has(options, "-j", "-json", "--json") {
		encoded, err := json.Marshal(links)
		h.try(err)
		return Result{Stdout: string(encoded) + "\n"}
	}
	return Result{Stdout: fmt.Sprintf("1: lo    inet 127.0.0.1/8 scope host lo\n2: eth0    inet %s/16 scope global eth0\n", h.cfg.IP)}
}

func uname(_ context.Context, h *Host, c Call) Result {
	options, _ := take(c.Argv[1:])
	var words []string
	for _, o := range []struct {
		name, value string
	}{{"-s", "Linux"}, {"-n", h.cfg.Hostname}, {"-r", kernel}, {"-m", "x86_64"}} {
		if has(options, o.name, "-a") || len(options) == 0 && o.name == "-s" {
			words = append(words, o.value)
		}
	}
	return Result{Stdout: strings.Join(words, " ") + "\n"}
}

func lsmod(_ context.Context, h *Host, _ Call) Result {
	out := "Module                  Size  Used by\n"
	if state, _ := h.Unit("scini"); state == "active" {
		out += "scini                 839680  2\n"
	}
	return Result{Stdout: out}
}
