package scaleio

import (
	"time"
)

// removeVolume takes away the volume, its descendants, or all of its vtree. ONLY_ME leaves the snapshots, which then descend from
// what the volume descended from.
func removeVolume(s *System, v *volume, b body) (any, error) {
	mode := "ONLY_ME"
	if b.has("removeMode") {
		if _, err := oneOf("ONLY_ME", "INCLUDING_DESCENDANTS", "DESCENDANTS_ONLY", "WHOLE_VTREE")(b, "removeMode"); err != nil {
			return nil, err
		}
		mode = b.text("removeMode")
	}
	going := v.family(mode)
	for _, one := range going {
		switch {
		case one.mappings.len() > 0 || one.toAll:
			return nil, refuse("VOL_MAPPED")
		case one.keptUntil.After(s.now()):
			return nil, refuse("PERMISSION_DENIED") // the real code for a secure snapshot is not known
		}
	}
	for _, one := range going {
		s.uproot(one)
	}
	return nil, nil
}

func (v *volume) family(mode string) []*volume {
	var all []*volume
	if mode == "WHOLE_VTREE" {
		for one := range v.vtree.volumes.all() {
			all = append(all, one)
		}
		return all
	}
	if mode != "ONLY_ME" {
		for child := range v.children.all() {
			all = append(all, child.family("INCLUDING_DESCENDANTS")...)
		}
	}
	if mode != "DESCENDANTS_ONLY" {
		all = append(all, v)
	}
	return all
}

// uproot removes one volume. A base that leaves snapshots hands its place in the vtree to the first of them.
func (s *System) uproot(v *volume) {
	p, tree := v.pool, v.vtree
	p.volumes.remove(v)
	p.count(v, -1)
	p.charge(v, -v.sizeKB, -v.writtenKB)
	s.volumes.drop(v)
	tree.volumes.remove(v)
	if v.ancestor != nil {
		v.ancestor.children.remove(v)
	}
	for child := range v.children.all() {
		child.ancestor = v.ancestor
		if v.ancestor != nil {
			v.ancestor.children.add(child)
		}
	}
	if tree.base == v {
		tree.base = tree.volumes.first()
	}
	if tree.volumes.len() == 0 {
		s.vtrees.drop(tree)
		p.vtrees.remove(tree)
	}
	s.forgetInGroup(v)
	s.reconsider(p)
	s.touch("Volume")
}

// secureSnapshot keeps a snapshot for some minutes from now.
func secureSnapshot(s *System, v *volume, b body) error {
	minutes, err := b.number("retentionPeriodInMin")
	if err != nil {
		return err
	}
	if minutes > 0 {
		v.keptUntil = s.now().Add(time.Duration(minutes) * time.Minute)
	}
	return nil
}
