package node

import (
	"path"
	"slices"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
)

// world is all that was found out about block devices, before it is put together.
type world struct {
	blocks  []block
	mounts  []mount             // sources resolved
	links   map[string][]string // paths of links, by the path of the device
	holders map[string][]string // kernel names, by name of the block
}

// system are the mount points of a running system: what is on their disk is needed to boot and run.
var system = []string{"/", "/usr", "/boot", "/boot/efi"}

// devices gives every device that is no partition and has a size, sorted by path, with all that is built on it rolled up.
func (w world) devices() []inventory.Device {
	children := map[string][]block{}
	for _, b := range w.blocks {
		for _, parent := range b.parents {
			children[parent] = append(children[parent], b)
		}
	}
	bySource := map[string][]string{}
	for _, m := range w.mounts {
		bySource[m.source] = append(bySource[m.source], m.point)
	}
	var all []inventory.Device
	for _, b := range w.blocks {
		if b.kind == "part" || b.size == 0 {
			continue
		}
		d := inventory.Device{Path: b.path(), Size: b.size, Media: b.media, Type: b.kind, Signature: b.fs, Removable: b.hotplug, ReadOnly: b.readOnly,
			Model: b.model, Serial: b.serial, Links: slices.Sorted(slices.Values(w.links[b.path()])), Holders: slices.Clone(w.holders[b.name])}
		d.ID = stableName(d)
		for _, on := range descendants(b, children) {
			d.Mounts = append(append(d.Mounts, on.mounts...), bySource[on.path()]...)
			if on.kind == "part" {
				d.Partitions = append(d.Partitions, on.path())
				d.Holders = append(d.Holders, w.holders[on.name]...)
			}
		}
		d.Mounts, d.Partitions, d.Holders = sorted(d.Mounts), sorted(d.Partitions), sorted(d.Holders)
		d.Root = slices.ContainsFunc(d.Mounts, func(point string) bool { return slices.Contains(system, point) })
		all = append(all, d)
	}
	slices.SortFunc(all, func(a, b inventory.Device) int { return strings.Compare(a.Path, b.Path) })
	return all
}

// sorted gives the texts sorted, each once; nil for none.
func sorted(texts []string) []string {
	slices.Sort(texts)
	if texts = slices.Compact(texts); len(texts) == 0 {
		return nil
	}
	return texts
}

// descendants gives a device and all that is built on it, each once.
func descendants(b block, children map[string][]block) []block {
	all, seen := []block{b}, map[string]bool{b.name: true}
	for i := 0; i < len(all); i++ {
		for _, c := range children[all[i].name] {
			if !seen[c.name] {
				seen[c.name] = true
				all = append(all, c)
			}
		}
	}
	return all
}

// better are prefixes of names under /dev/disk/by-id, the best first; then come all others. A name that depends on the content of a disk
// or on what is built of it is not stable.
var (
	better  = []string{"wwn-", "nvme-eui.", "nvme-uuid.", "scsi-", "ata-", "nvme-", "virtio-"}
	content = []string{"lvm-pv-uuid-", "dm-name-", "md-name-", "md-uuid-"}
)

// stableName gives the ID of a device: its best name under /dev/disk/by-id, else its path.
func stableName(d inventory.Device) string {
	best, bestRank := d.Path, len(better)+1
	for _, link := range d.Links {
		name, isID := strings.CutPrefix(link, "/dev/disk/by-id/")
		if !isID || slices.ContainsFunc(content, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
			continue
		}
		rank := slices.IndexFunc(better, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
		if rank < 0 {
			rank = len(better)
		}
		if rank < bestRank {
			best, bestRank = path.Base(link), rank
		}
	}
	return best
}
