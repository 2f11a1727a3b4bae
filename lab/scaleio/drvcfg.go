package scaleio

import (
	"fmt"
	"strings"
)

// DrvCfgMDM is one MDM cluster as the SDC driver knows it.
type DrvCfgMDM struct {
	SystemID     string // 16 hex digits; "": not connected
	SDCID        string
	Installation string
	IPs          []string
}

// QueryGUID is what `drv_cfg --query_guid` prints [scaleio.md §3.4].
func QueryGUID(guid string) string { return strings.ToUpper(guid) + "\n" }

// QueryMDMs is what `drv_cfg --query_mdms` prints; clusters that are not connected are left out, as the driver retrieved none.
func QueryMDMs(mdms []DrvCfgMDM) string {
	var lines []string
	for _, m := range mdms {
		if m.SystemID == "" {
			continue
		}
		line := fmt.Sprintf("MDM-ID %s SDC ID %s INSTALLATION ID %s IPs", m.SystemID, m.SDCID, m.Installation)
		for i, ip := range m.IPs {
			line += fmt.Sprintf(" [%d]-%s", i, ip)
		}
		lines = append(lines, line)
	}
	return retrieved(len(lines), "mdm", lines)
}

// QueryVols is what `drv_cfg --query_vols` prints.
func QueryVols(volumes []MappedVolume) string {
	var lines []string
	for _, v := range volumes {
		lines = append(lines, fmt.Sprintf("VOL-ID %s MDM-ID %s", v.ID, v.SystemID))
	}
	return retrieved(len(lines), "volume", lines)
}

func retrieved(n int, what string, lines []string) string {
	return fmt.Sprintf("Retrieved %d %s(s)\n", n, what) + strings.Join(append(lines, ""), "\n")
}

// DrvCfg is what the driver of an SDC would be told: the cluster it belongs to and the volumes it has. An unknown or disconnected
// guid knows neither.
func (s *System) DrvCfg(guid string) (mdms []DrvCfgMDM, volumes []MappedVolume) {
	s.look(func() {
		c := s.sdcByGUID[strings.ToUpper(guid)]
		if c == nil || !c.connected || s.cluster == nil {
			return
		}
		mdms = []DrvCfgMDM{{s.id, c.id, s.installation, s.cluster.managers()}}
		for m := range c.mappings.all() {
			if m.attached {
				volumes = append(volumes, s.mappedVolume(m))
			}
		}
	})
	return mdms, volumes
}
