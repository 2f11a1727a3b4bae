package host

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
)

// Package is an emulated installation package: what the real one's file would tell dpkg or rpm of itself.
type Package struct {
	Name      string // emc-scaleio-sds, EMC-ScaleIO-sds
	Version   string // 3.6-700.103
	Family    string // deb or rpm
	Component string // sds, sdc, lia
	Needs     []string
	Signed    string // rpm: by a key that rpm knows ("known") or does not ("unknown"); empty: not signed
}

const packageMagic = "!<emulated package>"

// Component gives the emulated package of a ScaleIO component with the names that the real ones have.
func Component(component, version, family string) Package {
	p := Package{Name: "emc-scaleio-" + component, Version: version, Family: family, Component: component}
	aio := "libaio1"
	if family == "rpm" {
		p.Name, aio = "EMC-ScaleIO-"+component, "libaio"
	}
	if component == "sds" {
		p.Needs = []string{aio}
	}
	return p
}

// FileName is what the vendor calls the file.
func (p Package) FileName() string {
	if p.Family == "rpm" {
		return fmt.Sprintf("%s-%s.el7.x86_64.rpm", p.Name, p.Version)
	}
	return fmt.Sprintf("EMC-ScaleIO-%s-%s.Ubuntu.14.04.x86_64.deb", p.Component, p.Version)
}

// Bytes is the file.
func (p Package) Bytes() []byte {
	return fmt.Appendf(nil, "%s\nName: %s\nVersion: %s\nFamily: %s\nComponent: %s\nNeeds: %s\nSigned: %s\n",
		packageMagic, p.Name, p.Version, p.Family, p.Component, strings.Join(p.Needs, " "), p.Signed)
}

// ParsePackage reads what Bytes wrote.
func ParsePackage(data []byte) (Package, error) {
	lines := bufio.NewScanner(bytes.NewReader(data))
	if !lines.Scan() || lines.Text() != packageMagic {
		return Package{}, fmt.Errorf("not a package of the lab")
	}
	var p Package
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ": ")
		switch key {
		case "Name":
			p.Name = value
		case "Version":
			p.Version = value
		case "Family":
			p.Family = value
		case "Component":
			p.Component = value
		case "Signed":
			p.Signed = value
		case "Needs":
			p.Needs = strings.Fields(value)
		}
	}
	return p, lines.Err()
}

// release splits a version as rpm does: "3.6-700.103" is version 3.6, release 700.103.el7.
func (p Package) release() (version, release string) {
	version, release, found := strings.Cut(p.Version, "-")
	if !found {
		release = "1"
	}
	if p.Component != "" {
		release += ".el7"
	}
	return version, release
}
