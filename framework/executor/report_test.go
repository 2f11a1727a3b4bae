package executor

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
)

func disks(n, links int) (all []inventory.Device) {
	for i := range n {
		d := inventory.Device{ID: fmt.Sprintf("wwn-0x%d", i), Path: fmt.Sprintf("/dev/sd%04d", i), Size: 2 << 40, Type: "disk", Media: "HDD"}
		d.Links = []string{"/dev/disk/by-id/" + d.ID}
		for l := range links {
			d.Links = append(d.Links, fmt.Sprintf("/dev/disk/by-path/pci-0000:00:%02d-%s", l, strings.Repeat("x", 50)))
		}
		all = append(all, d)
	}
	return all
}

func TestReportsFit(t *testing.T) {
	for name, r := range map[string]inventory.Report{
		"small":    {Devices: disks(24, 3)},
		"links":    {Devices: disks(200, 6)},
		"devices":  {Devices: disks(2000, 1), Steps: steps(inventory.Done)},
		"steps":    {Steps: long(300)},
		"warnings": {Warnings: strings.Split(strings.Repeat("a warning that is rather long,", 4000), ",")},
	} {
		text, err := encode(r)
		if err != nil || len(text) > inventory.MaxReport {
			t.Errorf("%s: %d bytes, %v", name, len(text), err)
			continue
		}
		var got inventory.Report
		must(t, json.Unmarshal(text, &got))
		last := ""
		if n := len(got.Warnings); n > 0 {
			last = got.Warnings[n-1]
		}
		switch name {
		case "small":
			if len(got.Devices) != 24 || len(got.Devices[0].Links) != 4 || last != "" {
				t.Error("cut though it fits:", last)
			}
		case "links":
			if len(got.Devices) != 200 || len(got.Devices[0].Links) != 1 || !strings.Contains(last, "links of devices other than by id are left out") {
				t.Error(len(got.Devices), last)
			}
		case "devices":
			n := len(got.Devices)
			if n == 0 || !strings.HasPrefix(last, fmt.Sprintf("%d of 2000 devices are left out of this report, from /dev/sd%04d on", 2000-n, n)) {
				t.Error(n, last)
			}
			if len(text) < inventory.MaxReport*9/10 {
				t.Error("more would have had room:", len(text))
			}
		}
	}
}

func long(n int) (all []inventory.Step) {
	for i := range n {
		all = append(all, inventory.Step{Name: fmt.Sprint("step-", i), Stage: inventory.StageInstall, State: inventory.Failed, Message: strings.Repeat("ä", 600)})
	}
	return all
}

func TestEncodeLeavesTheReportAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := inventory.Report{Devices: disks(rapid.IntRange(0, 250).Draw(t, "n"), rapid.IntRange(0, 4).Draw(t, "links")), Steps: long(rapid.IntRange(0, 40).Draw(t, "steps"))}
		before, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := encode(r); err != nil || len(text) > inventory.MaxReport {
			t.Fatal(len(text), err)
		}
		if after, err := json.Marshal(r); err != nil || string(after) != string(before) {
			t.Fatal("encoding changed what it encodes")
		}
	})
}
