package scaleio

import (
	"net"
	"strings"
)

func port(b body, param string) (int, error) {
	n, err := within(1, 65535, "INVALID_PORT")(b, param)
	if err != nil {
		return 0, err
	}
	return int(n.(int64)), nil
}

// readIPs takes sdsIpList:[{"SdsIp":{"ip","role"}}]; eight addresses at most, one for SDSs and one for SDCs at least [scaleio.md §5.1].
func (d *sds) readIPs(b body) error {
	for _, one := range b.objects("sdsIpList") {
		given, _ := one["SdsIp"].(map[string]any)
		address := body(given)
		if given == nil {
			address = one
		}
		if err := d.addIP(address); err != nil {
			return err
		}
	}
	if len(d.ips) == 0 {
		return missing("sdsIpList")
	}
	return d.checkRoles()
}

func (d *sds) addIP(b body) error {
	ip := b.text("ip")
	role := "all"
	if b.has("role") {
		if _, err := ipRoles(b, "role"); err != nil {
			return err
		}
		role = b.text("role")
	}
	if net.ParseIP(ip) == nil {
		return refuse("BAD_HOSTNAME")
	}
	if strings.HasPrefix(ip, "0.") { // nobody answers there; the recordings' refusal
		return refuse("COMMUNICATION_ERROR")
	}
	for _, have := range d.ips {
		if have.ip == ip {
			return refuse("TGT_IP_ALREADY_EXISTS")
		}
	}
	if len(d.ips) == 8 {
		return refuse("EXCEED_SYSTEM_CAPACITY_LIMITATIONS")
	}
	d.ips = append(d.ips, sdsIP{ip, role})
	return nil
}

func (d *sds) checkRoles() error {
	var toSDS, toSDC bool
	for _, one := range d.ips {
		toSDS = toSDS || one.role != "sdcOnly"
		toSDC = toSDC || one.role != "sdsOnly"
	}
	switch {
	case !toSDS:
		return refuse("TGT_MUST_HAVE_TGT_IP_ROLE")
	case !toSDC:
		return refuse("TGT_MUST_HAVE_INI_IP_ROLE")
	}
	return nil
}

func addSDSIP(s *System, d *sds, b body) error {
	if s.addresses[joinAddress(b.text("ip"), d.port)] != nil {
		return refuse("TGT_IP_ALREADY_EXISTS")
	}
	if err := d.addIP(b); err != nil {
		return err
	}
	s.addresses[joinAddress(b.text("ip"), d.port)] = d
	return nil
}

func removeSDSIP(s *System, d *sds, b body) error {
	return s.changeIPs(d, b.text("ip"), func(at int) []sdsIP {
		return append(append([]sdsIP{}, d.ips[:at]...), d.ips[at+1:]...)
	})
}

func setSDSIPRole(s *System, d *sds, b body) error {
	if _, err := ipRoles(b, "newRole"); err != nil {
		return err
	}
	return s.changeIPs(d, b.text("sdsIpToSet"), func(at int) []sdsIP {
		ips := append([]sdsIP{}, d.ips...)
		ips[at].role = b.text("newRole")
		return ips
	})
}

// changeIPs gives d other addresses unless a role would be without one.
func (s *System) changeIPs(d *sds, ip string, change func(at int) []sdsIP) error {
	at := -1
	for i, one := range d.ips {
		if one.ip == ip {
			at = i
		}
	}
	if at < 0 {
		return refuse("TGT_IP_NOT_FOUND")
	}
	before := d.ips
	d.ips = change(at)
	if err := d.checkRoles(); err != nil {
		d.ips = before
		return err
	}
	delete(s.addresses, joinAddress(ip, d.port))
	for _, one := range d.ips {
		s.addresses[joinAddress(one.ip, d.port)] = d
	}
	return nil
}

// setSDSPort reaches for the process at the new port, as createSDS does.
func setSDSPort(s *System, d *sds, b body) error {
	n, err := port(b, "sdsPort")
	if err != nil || n == d.port {
		return err
	}
	before := d.port
	d.port = n
	if err := s.reachable(d); err != nil {
		d.port = before
		return err
	}
	for _, one := range d.ips {
		delete(s.addresses, joinAddress(one.ip, before))
		s.addresses[joinAddress(one.ip, n)] = d
	}
	if d.host != nil {
		d.host.sdss.remove(d)
		d.host = nil
	}
	if p := s.processOf(d); p != nil {
		s.attach(d, p)
	} else {
		s.reassessAll(d)
	}
	return nil
}
