package executor

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
)

// encode gives a report of at most inventory.MaxReport bytes. What does not fit is left out in this order, and a warning says so: links of
// devices that are not by id, devices from the end of the list, long messages.
func encode(r inventory.Report) ([]byte, error) {
	text, err := json.Marshal(r)
	if err != nil || len(text) <= inventory.MaxReport {
		return text, err
	}
	r.Devices, r.Warnings = slices.Clone(r.Devices), slices.Clone(r.Warnings)
	r.Warnings = append(r.Warnings, "")
	last := &r.Warnings[len(r.Warnings)-1]
	for i := range r.Devices {
		r.Devices[i].Links = slices.DeleteFunc(slices.Clone(r.Devices[i].Links), func(l string) bool { return !strings.HasPrefix(l, "/dev/disk/by-id/") })
	}
	*last = fmt.Sprintf("the report would have %d bytes, %d are possible: links of devices other than by id are left out", len(text), inventory.MaxReport)
	if text, err = json.Marshal(r); err != nil || len(text) <= inventory.MaxReport {
		return text, err
	}
	all := r.Devices
	r.Devices = fitting(all, inventory.MaxReport-len(text)-maxNote)
	if n := len(r.Devices); n < len(all) {
		*last = fmt.Sprintf("%d of %d devices are left out of this report, from %s on: it has room for %d bytes", len(all)-n, len(all), all[n].Path, inventory.MaxReport)
	}
	if text, err = json.Marshal(r); err != nil || len(text) <= inventory.MaxReport {
		return text, err
	}
	return short(r)
}

// maxNote is room for the warning, in bytes.
const maxNote = 300

// fitting gives the first devices, as many as take room bytes more than all of them; room is negative when there are too many.
func fitting(devices []inventory.Device, room int) []inventory.Device {
	for n := len(devices); n > 0; n-- {
		if room >= 0 {
			return devices[:n]
		}
		text, err := json.Marshal(devices[n-1])
		if err != nil {
			return nil
		}
		room += len(text) + len(",")
	}
	return nil
}

// short cuts every text that may be long. It is for reports that even without a device are too long, which no host of flesh and blood has.
func short(r inventory.Report) ([]byte, error) {
	const most, texts = 120, 40
	cut := func(s string) string {
		if len(s) > most {
			return strings.ToValidUTF8(s[:most], "") + "…"
		}
		return s
	}
	r.Steps = slices.Clone(r.Steps)
	for i := range r.Steps {
		r.Steps[i].Message = cut(r.Steps[i].Message)
	}
	claims := map[string][]inventory.Refusal{}
	for id, refusals := range r.Claims {
		claims[id] = []inventory.Refusal{}
		for _, refusal := range refusals[:min(1, len(refusals))] {
			refusal.Reason = cut(refusal.Reason)
			claims[id] = append(claims[id], refusal)
		}
	}
	r.Claims = claims
	last := r.Warnings[len(r.Warnings)-1]
	r.Warnings = append(r.Warnings[:min(texts, len(r.Warnings)-1)], last)
	for i := range r.Warnings {
		r.Warnings[i] = cut(r.Warnings[i])
	}
	r.Addresses = r.Addresses[:min(texts, len(r.Addresses))]
	text, err := json.Marshal(r)
	if err == nil && len(text) > inventory.MaxReport {
		err = fault.New(fault.Invalid, "report", "", "%d bytes even without devices, %d are possible", len(text), inventory.MaxReport)
	}
	return text, err
}

// summary is the report in one line, for whoever looks at the task in Mesos.
func summary(r inventory.Report) string {
	if r.Generation == 0 {
		return fmt.Sprintf("%d devices found", len(r.Devices))
	}
	done := 0
	for _, s := range r.Steps {
		switch s.State {
		case inventory.Done:
			done++
		case inventory.Retry, inventory.Failed:
			return fmt.Sprintf("generation %d: %s: %s", r.Generation, s.Name, s.Message)
		}
	}
	return fmt.Sprintf("generation %d: %d of %d steps done", r.Generation, done, len(r.Steps))
}
