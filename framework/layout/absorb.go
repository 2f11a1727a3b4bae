package layout

import "slices"

// Absorb records that an operation was carried out, so that the next Diff does not ask for it again before the system has been read anew.
// Identifiers and states that only the system knows stay empty.
func (o *Observed) Absorb(op Operation) {
	switch op.Kind {
	case CreateDomain:
		o.Domains = append(o.Domains, ObservedDomain{Name: op.Domain})
	case CreateFaultSet:
		o.FaultSets = append(o.FaultSets, ObservedFaultSet{Name: op.FaultSet, Domain: op.Domain})
	case CreatePool:
		o.Pools = append(o.Pools, ObservedPool{
			Name: op.Pool.StoragePool, Domain: op.Pool.ProtectionDomain, Media: op.Pool.Media, SparePercent: op.Pool.SparePercent,
		})
	case SetSpare:
		for i := range o.Pools {
			if p := &o.Pools[i]; p.Name == op.Pool.StoragePool && p.Domain == op.Pool.ProtectionDomain {
				p.SparePercent = op.Pool.SparePercent
			}
		}
	case CreateSDS:
		o.SDSs = append(o.SDSs, ObservedSDS{Name: op.SDS.Name, Domain: op.SDS.Domain, FaultSet: op.SDS.FaultSet, Addresses: op.SDS.Addresses})
	case AddDevice:
		o.Devices = append(o.Devices, ObservedDevice{
			SDS: op.SDS.Name, Pool: op.Device.Pool.StoragePool, Domain: op.Device.Pool.ProtectionDomain,
			Path: op.Device.Path, OriginalPath: op.Device.Path, CapacityKB: uint64(op.Device.Size) >> 10,
		})
	}
}

// Clone copies what Absorb changes, so that the copy may leave the owner.
func (o *Observed) Clone() *Observed {
	c := *o
	c.Domains, c.FaultSets, c.Pools = slices.Clone(o.Domains), slices.Clone(o.FaultSets), slices.Clone(o.Pools)
	c.SDSs, c.Devices, c.SDCs = slices.Clone(o.SDSs), slices.Clone(o.Devices), slices.Clone(o.SDCs)
	return &c
}
