package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"

	"github.com/dell/goscaleio"
	types "github.com/dell/goscaleio/types/v1"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

func (t *task) createSDS() (result Result, err error) {
	want := t.op.SDS
	if err := t.domain(want.Domain); err != nil {
		return "", err
	}
	if want.FaultSet != "" {
		if t.ids.FaultSet, err = t.faultSet(want.FaultSet); err != nil {
			return "", err
		}
		if t.ids.FaultSet == "" {
			return "", fault.New(fault.NotFound, "", "", "there is no fault set %s/%s", want.Domain, want.FaultSet)
		}
	}
	t.ids.SDS, result, err = settle(t.sds, func() (string, error) {
		server := &types.Sds{Name: want.Name, FaultSetID: t.ids.FaultSet}
		for _, ip := range want.Addresses {
			server.IPList = append(server.IPList, &types.SdsIP{IP: ip, Role: goscaleio.RoleAll})
		}
		return t.ask(func(c *goscaleio.Client) (string, error) { return t.inDomain(c).CreateSdsWithParams(server) })
	})
	return result, err
}

// sds gives the id of the operation's SDS, or "". One of that name that is elsewhere is a conflict: an SDS never changes its domain or
// fault set (scaleio.md §1.6), and addresses that it does not have may be another machine's.
func (t *task) sds() (string, error) {
	want := t.op.SDS
	id, err := t.idByName("Sds", want.Name)
	if id == "" || err != nil {
		return "", err
	}
	var found types.Sds
	err = t.e.call(t.ctx, func(c *goscaleio.Client) (err error) {
		found, err = goscaleio.NewSystem(c).GetSdsByID(id)
		return err
	})
	switch {
	case err != nil:
		return "", err
	case found.SdsState == "RemovePending":
		return "", fault.New(fault.Temporary, "", "", "an SDS of that name is being removed: it can be created when it is gone")
	case found.ProtectionDomainID != t.ids.Domain:
		return "", conflict("there is one of that name in another protection domain (id %s)", found.ProtectionDomainID)
	case found.FaultSetID != t.ids.FaultSet:
		return "", conflict("there is one of that name in fault set %q, expected %q (ids): an SDS gets its fault set at its creation only",
			found.FaultSetID, t.ids.FaultSet)
	}
	has := addresses(found)
	for _, ip := range want.Addresses {
		if !slices.ContainsFunc(has, func(other string) bool { return sameAddress(ip, other) }) {
			return "", conflict("there is one of that name with the addresses %s, expected %s: is it another machine's?",
				strings.Join(has, ", "), strings.Join(want.Addresses, ", "))
		}
	}
	return id, nil
}

func sameAddress(a, b string) bool {
	x, errX := netip.ParseAddr(a)
	y, errY := netip.ParseAddr(b)
	return a == b || errX == nil && errY == nil && x.Unmap() == y.Unmap()
}

func (t *task) addDevice() (result Result, err error) {
	p, err := t.existingPool()
	if err != nil {
		return "", err
	}
	if t.ids.SDS, err = t.idByName("Sds", t.op.SDS.Name); err != nil {
		return "", err
	}
	if t.ids.SDS == "" {
		return "", fault.New(fault.NotFound, "", "", "there is no such SDS")
	}
	s, err := t.e.login(t.ctx, nil)
	if err != nil {
		return "", err
	}
	t.ids.Device, result, err = settle(t.device, func() (string, error) {
		device := &types.DeviceParam{Name: deviceName(t.op.Device.ID), DeviceCurrentPathname: t.op.Device.Path, SdsID: t.ids.SDS, TestMode: "testAndActivate"}
		if s.version.atLeast(v3) {
			device.MediaType = t.op.Device.Media
		}
		return t.ask(func(c *goscaleio.Client) (string, error) {
			return goscaleio.NewStoragePoolEx(c, &types.StoragePool{ID: p.ID}).AttachDevice(device)
		})
	})
	return result, err
}

// device gives the id of the operation's device if its SDS has it, by its name, which is the disk's own, or else by its present path.
func (t *task) device() (string, error) {
	var devices []types.Device
	err := t.e.call(t.ctx, func(c *goscaleio.Client) (err error) {
		devices, err = goscaleio.NewSdsEx(c, &types.Sds{ID: t.ids.SDS}).GetDevice()
		return err
	})
	if err != nil {
		return "", err
	}
	name := deviceName(t.op.Device.ID)
	at := slices.IndexFunc(devices, func(d types.Device) bool { return d.Name == name })
	if at < 0 {
		at = slices.IndexFunc(devices, func(d types.Device) bool { return d.DeviceCurrentPathName == t.op.Device.Path })
	}
	switch {
	case at < 0:
		return "", nil
	case devices[at].DeviceState == "RemovePending":
		return "", fault.New(fault.Temporary, "", "", "the device is being removed: it can be added when it is gone")
	case devices[at].StoragePoolID != t.ids.Pool:
		return "", conflict("the device is in another storage pool (id %s): it must be removed there first", devices[at].StoragePoolID)
	}
	return devices[at].ID, nil
}

// maxName is what ScaleIO allows a name (scaleio.md §5.1).
const maxName = 31

// deviceName is the name that a device gets from the stable id of its disk. What cannot be a name, or is too long, is told apart by a hash.
func deviceName(id string) string {
	name := strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || r == '/' {
			return '-'
		}
		return r
	}, strings.TrimPrefix(id, "/dev/"))
	if name == strings.TrimPrefix(id, "/dev/") && len(name) <= maxName {
		return name
	}
	sum := sha256.Sum256([]byte(id))
	return name[:min(len(name), maxName-9)] + "-" + hex.EncodeToString(sum[:4])
}
