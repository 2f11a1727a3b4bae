package scaleio

import (
	"sort"
	"strconv"
)

// limit is one line of querySystemLimits.
type limit struct {
	description string
	low, high   int
}

// limitTables are the limits of [scaleio.md §5.1], of 2.x and of later versions where they differ. What no source tells for a
// version is that of 2.x; lines of things that the emulator does not have are left out.
var limits2 = map[string]limit{
	"protectionDomains":               {"Maximum number of Protection Domains", 0, 256},
	"storagePools":                    {"Maximum number of Storage Pools", 0, 1024},
	"storagePoolsPerProtectionDomain": {"Maximum number of Storage Pools per Protection Domain", 0, 64},
	"faultSets":                       {"Maximum number of Fault Sets", 0, 1024},
	"faultSetsPerProtectionDomain":    {"Maximum number of Fault Sets per Protection Domain", 0, 64},
	"sdss":                            {"Maximum number of SDSs", 0, 1024},
	"sdssPerProtectionDomain":         {"Maximum number of SDSs per Protection Domain", 0, 128},
	"sdssPerFaultSet":                 {"Maximum number of SDSs per Fault Set", 0, 64},
	"sdcs":                            {"Maximum number of SDCs", 0, 1024},
	"devicesPerSds":                   {"Maximum number of devices per SDS", 0, 64},
	"devicePerStoragePool":            {"Maximum number of devices per Storage Pool", 0, 300},
	"volumes":                         {"Maximum number of volumes", 0, 32768},
	"volumesPerProtectionDomain":      {"Maximum number of volumes per Protection Domain", 0, 32768},
	"volumePerVtree":                  {"Maximum number of volumes per V-Tree", 0, 32},
	"snapshotsPerVtree":               {"Maximum number of snapshots per V-Tree", 0, 31},
	"volumesPerSdc":                   {"Maximum number of volumes mapped to one SDC", 0, 8192},
	"users":                           {"Maximum number of users", 0, 256},
	"ipPerMdm":                        {"Maximum number of IP addresses per MDM", 1, 8},
	"ipPerHost":                       {"Maximum number of IP addresses per SDS", 1, 8},
	"volumeSizeGb":                    {"Maximum volume size in GB", 8, 1048576},
	"mediumGranularityDeviceSizeInGb": {"Device size in a medium granularity Storage Pool in GB", 100, 8192},
	"capacityPerSdsInGb":              {"Maximum capacity per SDS in GB", 0, 65536},
}

var limits3 = map[string]limit{
	"volumePerVtree":                  {"Maximum number of volumes per V-Tree", 0, 127},
	"snapshotsPerVtree":               {"Maximum number of snapshots per V-Tree", 0, 126},
	"capacityPerSdsInGb":              {"Maximum capacity per SDS in GB", 0, 163840},
	"mediumGranularityDeviceSizeInGb": {"Device size in a medium granularity Storage Pool in GB", 100, 16384},
}

func (s *System) limitOf(name string) limit {
	if l, there := limits3[name]; there && s.version.atLeast(v3) {
		return l
	}
	return limits2[name]
}

// limit is the most that there can be of something. A Lenient system has no limits to numbers.
func (s *System) limit(name string) int {
	if s.config.Lenient && name != "volumePerVtree" && name != "volumeSizeGb" {
		return 1 << 30
	}
	return s.limitOf(name).high
}

func querySystemLimits(s *System, _ body) (any, error) {
	names := make([]string, 0, len(limits2))
	for name := range limits2 {
		names = append(names, name)
	}
	sort.Strings(names)
	list := []fields{}
	for _, name := range names {
		l := s.limitOf(name)
		list = append(list, fields{"type": name, "description": l.description,
			"minVal": strconv.Itoa(l.low), "maxVal": strconv.Itoa(l.high)})
	}
	return fields{"systemLimitEntryList": list}, nil
}
