package node

import (
	"context"
	"fmt"
	"slices"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
)

// Claims probes the claimed devices again and examines them. Every claim has an entry; an empty one says that the device may be attached
// under the path of the claim. It also gives the devices as they are now.
func Claims(ctx context.Context, h Host, claims []inventory.Claim, limits inventory.Limits) (map[string][]inventory.Refusal, []inventory.Device) {
	if len(claims) == 0 {
		return nil, nil
	}
	var paths []string
	for _, c := range claims {
		paths = append(paths, c.Path)
	}
	devices, warnings := Devices(ctx, h, paths...)
	answers := map[string][]inventory.Refusal{}
	var found []inventory.Device
	for _, c := range claims {
		i := slices.IndexFunc(devices, func(d inventory.Device) bool { return d.ID == c.Device })
		switch {
		case len(warnings) > 0:
			answers[c.Device] = refuse("unreadable", "%s could not be examined: %s", c.Path, warnings[0])
		case i < 0:
			answers[c.Device] = refuse("exists", "the node has no device %s (%s) now", c.Device, c.Path)
		case devices[i].Path != c.Path:
			answers[c.Device] = refuse("exists", "%s is %s now, not %s: names of devices change when a machine boots", c.Device, devices[i].Path, c.Path)
		default:
			answers[c.Device] = append([]inventory.Refusal{}, inventory.Examine(devices[i], limits)...)
			found = append(found, devices[i])
		}
	}
	return answers, found
}

func refuse(check, format string, args ...any) []inventory.Refusal {
	return []inventory.Refusal{{Check: check, Reason: fmt.Sprintf(format, args...)}}
}
