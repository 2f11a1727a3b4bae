package scaleio

import (
	"iter"
	"slices"
	"strings"
)

func (c *sdc) kindName() string  { return "Sdc" }
func (c *sdc) parents() []parent { return []parent{{"systemId", "System", c.text("systemId")}} }

func (c *sdc) view(s *System) fields {
	v := fields{
		"sdcGuid": c.guid, "sdcIp": orNull(first(c.ips)), "sdcApproved": c.approved || s.self.text("restrictedSdcMode") == "None",
		"sdcApprovedIps": c.allowed, "mdmConnectionState": "Connected", "osType": c.os,
		"softwareVersionInfo": s.release(), "versionInfo": s.release(), "installedSoftwareVersionInfo": s.release(),
	}
	if c.allowed == nil {
		v["sdcApprovedIps"] = []string{}
	}
	if s.from(v3) {
		v["sdcIps"] = c.ips
	}
	if !c.connected { // a real 2.6 knew neither version then [scaleio.md §1.9, ND]
		v["mdmConnectionState"], v["softwareVersionInfo"], v["versionInfo"] = "Disconnected", nil, nil
	}
	return v
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// Values of a real 2.6 [scaleio.md §1.9].
var sdcPresets = []preset{
	{"kernelVersion", "4.15.18", v2}, {"kernelBuildNumber", nil, v2}, {"memoryAllocationFailure", nil, v2},
	{"socketAllocationFailure", nil, v2},
	{"hostType", "SdcHost", v4}, {"cantConnectToSomeSdss", false, v4}, {"mdmIpAddressesCurrent", true, v4}, {"sdcType", "AppSdc", v4},
}

func sdcKind() *kind {
	sdcs := func(s *System) *table[*sdc] { return &s.sdcs }
	return &kind{
		name: "Sdc", listKey: "sdcList", absent: "INI_NOT_FOUND",
		find: found(sdcs), all: every(sdcs),
		key: func(s *System, b body) (string, error) {
			if c := s.sdcByIP[b.text("ip")]; c != nil {
				return c.id, nil
			}
			if c, there := s.sdcs.named("", b.text("name")); there {
				return c.id, nil
			}
			return "", refuse("INI_NOT_FOUND")
		},
		rels:      []rel{{"Statistics", v2}, {"Volume", v2}},
		relations: map[string]relation{"Volume": {of: sdcVolumes, since: v2}},
		stats:     func(s *System, t thing) fields { return s.sdcStatistics(t.(*sdc)) },
		actions: map[string]action{
			"setSdcName":                  answeringID(do(renameSDC)),
			"setSdcPerformanceParameters": answeringID(setProfile),
			"removeSdc":                   do(removeSDC),
		},
	}
}

func sdcVolumes(_ *System, t thing) iter.Seq[thing] {
	return func(yield func(thing) bool) {
		for m := range t.(*sdc).mappings.all() {
			if !yield(m.volume) {
				return
			}
		}
	}
}

// newSDC makes an SDC known, with the volumes that are mapped to all. A guid that was approved before it came is approved.
func (s *System) newSDC(id, guid, ip string) *sdc {
	if id == "" {
		id = s.ids.next("Sdc")
	}
	c := &sdc{object: object{id, "", s.presets(sdcPresets)}, guid: guid, ips: []string{ip}, os: "Linux"}
	c.settings["systemId"], c.settings["perfProfile"] = s.id, s.profile()
	s.sdcs.insert(c)
	s.sdcByGUID[guid] = c
	if ip != "" {
		s.sdcByIP[ip] = c
	}
	for v := range s.toAll.all() {
		s.mapTo(v, c, v.access)
	}
	return c
}

// allowed says whether the system's restriction lets an SDC have volumes: by its guid, or by its ips.
func (s *System) allowed(c *sdc) bool {
	switch s.self.text("restrictedSdcMode") {
	case "Guid":
		return c.approved
	case "ApprovedIp":
		return c.approved && slices.Contains(c.allowed, first(c.ips))
	}
	return true
}

func renameSDC(s *System, c *sdc, b body) error {
	name, err := b.must("sdcName")
	if err != nil {
		return err
	}
	if name == c.name {
		return nil
	}
	if err := freshName(&s.sdcs, "", name, "INI_NAME_IN_USE"); err != nil {
		return err
	}
	s.sdcs.rename(c, name)
	return nil
}

func removeSDC(s *System, c *sdc, _ body) error {
	switch {
	case c.connected:
		return refuse("INI_MUST_BE_DISCONNECTED")
	case c.mappings.len() > 0:
		return refuse("INI_HAS_MAPPINGS")
	}
	s.sdcs.drop(c)
	delete(s.sdcByGUID, c.guid)
	if s.sdcByIP[first(c.ips)] == c {
		delete(s.sdcByIP, first(c.ips))
	}
	return nil
}

// restrictSDCs refuses a mode that would cut off an SDC with mappings: approve first, then restrict [scaleio.md §1.3].
func restrictSDCs(s *System, _ *systemThing, b body) error {
	if _, err := oneOf("None", "Guid", "ApprovedIp")(b, "restrictedSdcMode"); err != nil {
		return err
	}
	before := s.self.text("restrictedSdcMode")
	s.self.settings["restrictedSdcMode"] = b.text("restrictedSdcMode")
	for c := range s.sdcs.all() {
		if c.mappings.len() > 0 && !s.allowed(c) {
			s.self.settings["restrictedSdcMode"] = before
			if c.approved {
				return refuse("APPROVED_SDC_HAS_WRONG_IP")
			}
			return refuse("UNAPPROVED_SDC_HAS_MAPPINGS")
		}
	}
	s.self.settings["restrictedSdcModeEnabled"] = b.text("restrictedSdcMode") != "None"
	return nil
}

// approveSDC approves by guid or by ip an SDC that is known.
func approveSDC(s *System, _ *systemThing, b body) (any, error) {
	c := s.sdcByGUID[strings.ToUpper(b.text("sdcGuid"))]
	ips := b.list("sdcIps")
	if b.has("sdcIp") {
		ips = append(ips, b.text("sdcIp"))
	}
	for _, ip := range ips {
		if c == nil {
			c = s.sdcByIP[ip]
		}
	}
	switch {
	case c == nil:
		return nil, refuse("INI_NOT_FOUND")
	case c.approved && len(ips) == 0:
		return nil, refuse("SDC_ALREADY_APPROVED")
	}
	if b.has("name") {
		if err := renameSDC(s, c, body{"sdcName": b.text("name")}); err != nil {
			return nil, err
		}
	}
	c.approved = true
	for _, ip := range ips {
		if !slices.Contains(c.allowed, ip) {
			c.allowed = append(c.allowed, ip)
		}
	}
	s.announce(c)
	return fields{"id": c.id}, nil
}

func setApprovedIPs(s *System, _ *systemThing, b body) error {
	c, err := lookup(&s.sdcs, b.text("sdcId"), "INI_NOT_FOUND")
	if err != nil {
		return err
	}
	ips := b.list("sdcApprovedIps")
	if c.connected && !slices.Contains(ips, first(c.ips)) {
		return refuse("UNAPPROVED_SDC_IPS")
	}
	c.allowed = ips
	s.announce(c)
	return nil
}
