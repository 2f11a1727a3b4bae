package gateway

import (
	"cmp"
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strconv"

	"github.com/dell/goscaleio"
	types "github.com/dell/goscaleio/types/v1"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/layout"
)

// instances is the answer of GET /api/instances without what we have no use for (volumes, vtrees).
type instances struct {
	System  system
	Domains []types.ProtectionDomain `json:"protectionDomainList"`
	Sets    []types.FaultSet         `json:"faultSetList"`
	Pools   []pool                   `json:"storagePoolList"`
	SDSs    []types.Sds              `json:"sdsList"`
	Devices []types.Device           `json:"deviceList"`
	SDCs    []types.Sdc              `json:"sdcList"`
}

// system is the part of a System that identifies it. A real 2.6 has its name in the cluster only (traffic/scaleio/rest-2.6-real-fields.json).
type system struct {
	ID, Name   string
	MdmCluster struct{ Name string }
}

func (s system) called() string { return cmp.Or(s.Name, s.MdmCluster.Name) }

// pool is a storage pool's identity and settings; nil is what a version does not tell.
type pool struct {
	ID, Name           string
	ProtectionDomainID string
	MediaType          string // from 3.0 on
	SparePercentage    *int
	ZeroPaddingEnabled *bool
	RebuildEnabled     *bool
	RebalanceEnabled   *bool
}

// limits are querySystemLimits' by type.
type limits map[string]layout.ObservedLimit

// observe reads the system in four calls: the objects, the pools' statistics, the MDM cluster, and the limits, which are asked once per session.
func (e *endpoint) observe(ctx context.Context) (*layout.Observed, error) {
	s, err := e.login(ctx, nil)
	if err != nil {
		return nil, err
	}
	all, err := e.instances(ctx, s)
	if err != nil {
		return nil, err
	}
	statistics, err := e.statistics(ctx, s, all.Pools)
	if err != nil {
		return nil, err
	}
	var cluster *types.MdmCluster
	err = e.call(ctx, func(c *goscaleio.Client) (err error) {
		cluster, err = goscaleio.NewSystem(c).GetMDMClusterDetails()
		return err
	})
	if err != nil {
		return nil, err
	}
	mdms := managers(cluster)
	if len(mdms) == 0 { // an empty answer, which goscaleio takes for an empty cluster; nodes would lose their MDMs
		return nil, e.fault(fault.Temporary, "names no MDM of its cluster")
	}
	bounds, err := e.limits(ctx, s)
	if err != nil {
		return nil, err
	}
	o := all.observed(statistics)
	o.ID, o.Name, o.APIVersion, o.Limits = s.id, s.name, s.version.String(), bounds
	o.Cluster, o.MDMs = cluster.ClusterState, mdms
	return o, nil
}

func (e *endpoint) instances(ctx context.Context, s *session) (*instances, error) {
	if !s.lists.Load() {
		var all instances
		err := e.do(ctx, http.MethodGet, "/api/instances", nil, &all)
		if err == nil && all.System.ID != "" {
			return &all, nil
		}
		if err != nil && !unknownCall(err) {
			return nil, err
		}
	}
	var all instances
	for _, list := range []struct {
		kind string
		into any
	}{
		{"ProtectionDomain", &all.Domains}, {"FaultSet", &all.Sets}, {"StoragePool", &all.Pools},
		{"Sds", &all.SDSs}, {"Device", &all.Devices}, {"Sdc", &all.SDCs},
	} {
		if err := e.do(ctx, http.MethodGet, "/api/types/"+list.kind+"/instances", nil, list.into); err != nil {
			return nil, err
		}
	}
	s.lists.Store(true)
	return &all, nil
}

// Properties of a pool's statistics: capacities in KiB.
var (
	rebuilding = []string{
		"fwdRebuildCapacityInKb", "pendingFwdRebuildCapacityInKb", "activeFwdRebuildCapacityInKb",
		"bckRebuildCapacityInKb", "pendingBckRebuildCapacityInKb", "activeBckRebuildCapacityInKb",
		"normRebuildCapacityInKb", "pendingNormRebuildCapacityInKb", "activeNormRebuildCapacityInKb",
		"rebalanceCapacityInKb", "pendingRebalanceCapacityInKb", "activeRebalanceCapacityInKb",
	}
	degraded   = []string{"degradedHealthyCapacityInKb", "degradedFailedCapacityInKb"}
	properties = slices.Concat(rebuilding, degraded, []string{
		"capacityLimitInKb", "spareCapacityInKb", "capacityInUseInKb", "capacityAvailableForVolumeAllocationInKb", "failedCapacityInKb",
	})
)

// figures are statistics by property; those that are no number are not capacities.
type figures map[string]any

func (f figures) sum(properties ...string) (kb uint64) {
	for _, property := range properties {
		if number, ok := f[property].(float64); ok && number > 0 { // exact below 2^53 KiB, which is 8 ZiB
			kb += uint64(number)
		}
	}
	return kb
}

// statistics gives the pools' figures by id: in one call, or pool by pool where the gateway does not know it.
func (e *endpoint) statistics(ctx context.Context, s *session, pools []pool) (map[string]figures, error) {
	if len(pools) == 0 {
		return nil, nil
	}
	if !s.single.Load() {
		type selection struct {
			Type       string   `json:"type"`
			AllIDs     []string `json:"allIds"` // present: all
			Properties []string `json:"properties"`
		}
		type query struct {
			List []selection `json:"selectedStatisticsList"`
		}
		var answer struct{ StoragePool map[string]figures }
		err := e.do(ctx, http.MethodPost, "/api/instances/querySelectedStatistics",
			query{[]selection{{Type: "StoragePool", AllIDs: []string{}, Properties: properties}}}, &answer)
		if err == nil && answer.StoragePool != nil {
			return answer.StoragePool, nil
		}
		if err != nil && !unknownCall(err) {
			return nil, err
		}
	}
	byPool := map[string]figures{}
	for _, p := range pools {
		var one figures
		if err := e.do(ctx, http.MethodGet, "/api/instances/StoragePool::"+p.ID+"/relationships/Statistics", nil, &one); err != nil {
			return nil, err
		}
		byPool[p.ID] = one
	}
	s.single.Store(true)
	return byPool, nil
}

// limits are what the system says of itself; none where it does not know the question. A raw call: goscaleio drops the minimum.
func (e *endpoint) limits(ctx context.Context, s *session) (limits, error) {
	if known := s.limits.Load(); known != nil {
		return *known, nil
	}
	var answer struct {
		SystemLimitEntryList []struct{ Type, MinVal, MaxVal string }
	}
	err := e.do(ctx, http.MethodPost, "/api/instances/System/action/querySystemLimits", struct{}{}, &answer)
	if err != nil && !unknownCall(err) {
		return nil, err
	}
	bounds := limits{}
	for _, entry := range answer.SystemLimitEntryList {
		low, _ := strconv.ParseUint(entry.MinVal, 10, 64) // absent or no number: no lower bound
		if high, err := strconv.ParseUint(entry.MaxVal, 10, 64); err == nil {
			bounds[entry.Type] = layout.ObservedLimit{Min: low, Max: high}
		}
	}
	s.limits.Store(&bounds)
	return bounds, nil
}

// managers gives the addresses of the MDMs that clients register with, sorted: mastership moves must not look like a change.
func managers(cluster *types.MdmCluster) []string {
	var ips []string
	for _, mdm := range append([]types.Mdm{cluster.PrimaryMDM}, cluster.SecondaryMDM...) {
		ips = append(ips, mdm.IPs...)
	}
	slices.SortFunc(ips, func(a, b string) int {
		x, errX := netip.ParseAddr(a)
		y, errY := netip.ParseAddr(b)
		if errX != nil || errY != nil {
			return cmp.Compare(a, b)
		}
		return x.Compare(y)
	})
	return slices.Compact(ips)
}

// observed puts names in the place of ids, and everything into an order that does not depend on the answer's.
func (all *instances) observed(statistics map[string]figures) *layout.Observed {
	o := &layout.Observed{}
	domains, sets, sdss := map[string]string{}, map[string]string{}, map[string]string{}
	pools := map[string]layout.ObservedPool{}
	for _, d := range all.Domains {
		domains[d.ID] = d.Name
		o.Domains = append(o.Domains, layout.ObservedDomain{ID: d.ID, Name: d.Name, State: d.ProtectionDomainState})
	}
	for _, f := range all.Sets {
		sets[f.ID] = f.Name
		o.FaultSets = append(o.FaultSets, layout.ObservedFaultSet{ID: f.ID, Name: f.Name, Domain: domains[f.ProtectionDomainID]})
	}
	for _, p := range all.Pools {
		pools[p.ID] = p.observed(domains[p.ProtectionDomainID], statistics[p.ID])
		o.Pools = append(o.Pools, pools[p.ID])
	}
	for _, s := range all.SDSs {
		sdss[s.ID] = s.Name
		o.SDSs = append(o.SDSs, layout.ObservedSDS{ID: s.ID, Name: s.Name, Domain: domains[s.ProtectionDomainID], FaultSet: sets[s.FaultSetID],
			Addresses: addresses(s), Port: s.Port, Membership: s.MembershipState, Connection: s.MdmConnectionState, Maintenance: s.MaintenanceState})
	}
	for _, d := range all.Devices {
		o.Devices = append(o.Devices, layout.ObservedDevice{ID: d.ID, SDS: sdss[d.SdsID], Pool: pools[d.StoragePoolID].Name, Domain: pools[d.StoragePoolID].Domain,
			Path: d.DeviceCurrentPathName, OriginalPath: d.DeviceOriginalPathName, CapacityKB: uint64(max(d.CapacityLimitInKb, 0)),
			State: d.DeviceState, ErrorState: d.ErrorState})
	}
	for _, c := range all.SDCs {
		address := c.SdcIP
		if address == "" && len(c.SdcIPs) > 0 {
			address = c.SdcIPs[0]
		}
		o.SDCs = append(o.SDCs, layout.ObservedSDC{ID: c.ID, Name: c.Name, GUID: c.SdcGUID, Address: address, Connection: c.MdmConnectionState})
	}
	sortBy(o.Domains, func(d layout.ObservedDomain) [2]string { return [2]string{d.Name, d.ID} })
	sortBy(o.FaultSets, func(f layout.ObservedFaultSet) [2]string { return [2]string{f.Domain, f.Name} })
	sortBy(o.Pools, func(p layout.ObservedPool) [2]string { return [2]string{p.Domain, p.Name} })
	sortBy(o.SDSs, func(s layout.ObservedSDS) [2]string { return [2]string{s.Name, s.ID} })
	sortBy(o.Devices, func(d layout.ObservedDevice) [2]string { return [2]string{d.SDS, d.Path} })
	sortBy(o.SDCs, func(c layout.ObservedSDC) [2]string { return [2]string{c.GUID, c.ID} })
	return o
}

func sortBy[T any](list []T, key func(T) [2]string) {
	slices.SortStableFunc(list, func(a, b T) int {
		x, y := key(a), key(b)
		return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1]))
	})
}

func (p pool) observed(domain string, f figures) layout.ObservedPool {
	o := layout.ObservedPool{ID: p.ID, Name: p.Name, Domain: domain, Media: p.MediaType,
		CapacityKB: f.sum("capacityLimitInKb"), SpareKB: f.sum("spareCapacityInKb"), UsedKB: f.sum("capacityInUseInKb"),
		AvailableKB: f.sum("capacityAvailableForVolumeAllocationInKb"), Busy: f.sum(rebuilding...) > 0,
		DegradedKB: f.sum(degraded...), FailedKB: f.sum("failedCapacityInKb")}
	if p.SparePercentage != nil {
		o.SparePercent = *p.SparePercentage
	}
	return o
}

func addresses(s types.Sds) []string {
	var ips []string
	for _, ip := range s.IPList {
		ips = append(ips, ip.IP)
	}
	return ips
}
