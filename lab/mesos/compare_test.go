package mesos

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// idents maps what differs between two runs of the same story: recorded ids, uuids and paths to the emulator's.
type idents struct {
	real  map[string]string // recorded → emulator's
	taken map[string]string // emulator's → recorded
	strip string            // a prefix of the emulator's paths
}

func newIdents() *idents {
	return &idents{real: map[string]string{}, taken: map[string]string{}}
}

func (d *idents) clone() *idents {
	return &idents{maps.Clone(d.real), maps.Clone(d.taken), d.strip}
}

func (d *idents) learn(recorded, actual string) error {
	if have, ok := d.real[recorded]; ok {
		if have != actual {
			return fmt.Errorf("%s was %s before and is %s now", recorded, have, actual)
		}
		return nil
	}
	if have, ok := d.taken[actual]; ok && have != recorded {
		return fmt.Errorf("%s stands for %s already, not for %s", actual, have, recorded)
	}
	d.real[recorded], d.taken[actual] = actual, recorded
	return nil
}

// uuids, and the ids of offers; ids of agents and frameworks must be the very same.
var token = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(-O[0-9]+|-S[0-9]+|-[0-9]{4})?`)

func isFixed(id string) bool {
	return regexp.MustCompile(`-S[0-9]+$|-[0-9]{4}$`).MatchString(id) && len(id) > 36
}

// request gives a recorded request with the emulator's ids.
func (d *idents) request(text string) string {
	text = token.ReplaceAllStringFunc(text, func(id string) string {
		if actual, ok := d.real[id]; ok {
			return actual
		}
		return id
	})
	for recorded, actual := range d.real {
		if strings.HasSuffix(recorded, "==") { // a uuid, in JSON or in a message
			text = strings.ReplaceAll(text, recorded, actual)
			text = strings.ReplaceAll(text, string(bodyOf("", recorded)), string(bodyOf("", actual)))
		}
	}
	return text
}

// text compares two texts up to ids.
func (d *idents) text(recorded, actual string) error {
	if d.strip != "" {
		actual = strings.ReplaceAll(actual, d.strip, "")
	}
	r, a := token.FindAllString(recorded, -1), token.FindAllString(actual, -1)
	if token.ReplaceAllString(recorded, "#") != token.ReplaceAllString(actual, "#") || len(r) != len(a) {
		return fmt.Errorf("recorded %q, got %q", recorded, actual)
	}
	for i := range r {
		if isFixed(r[i]) {
			if r[i] != a[i] {
				return fmt.Errorf("recorded id %s, got %s", r[i], a[i])
			}
			continue
		}
		if err := d.learn(r[i], a[i]); err != nil {
			return err
		}
	}
	return nil
}

var (
	// Times and process ids differ from run to run.
	free = regexp.MustCompile(`(^|\.)(timestamp|executor_pid|nanoseconds|registered_time|reregistered_time|unregistered_time|start_time|elected_time)$`)
	// Lists without a meaning of their order (hashmaps in Mesos).
	unordered = regexp.MustCompile(`(^|\.)(offers|resources|[a-z]+_resources(_full(\.[a-z]+)?)?|agents|recovered_agents|slaves|tasks|unreachable_tasks|completed_tasks|frameworks|completed_frameworks|roles)$`)
)

// same compares recorded and actual JSON values up to ids and times; it learns ids on the way.
func (d *idents) same(path string, recorded, actual any) error {
	fail := func() error { return fmt.Errorf("%s: recorded %v, got %v", path, recorded, actual) }
	switch r := recorded.(type) {
	case map[string]any:
		a, ok := actual.(map[string]any)
		if !ok {
			return fail()
		}
		return d.sameObject(path, r, a)
	case []any:
		a, ok := actual.([]any)
		if !ok || len(a) != len(r) {
			return fmt.Errorf("%s: recorded %d items %v, got %v", path, len(r), recorded, actual)
		}
		if unordered.MatchString(path) {
			return d.sameSet(path, r, slices.Clone(a))
		}
		for i := range r {
			if err := d.same(path+"."+strconv.Itoa(i), r[i], a[i]); err != nil {
				return err
			}
		}
		return nil
	case float64:
		a, ok := actual.(float64)
		if !ok || a != r && !free.MatchString(path) {
			return fail()
		}
		return nil
	case string:
		a, ok := actual.(string)
		if !ok {
			return fail()
		}
		if strings.HasSuffix(path, "uuid") {
			return d.learn(r, a)
		}
		if err := d.text(r, a); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	}
	if recorded != actual {
		return fail()
	}
	return nil
}

func (d *idents) sameObject(path string, r, a map[string]any) error {
	if want, got := slices.Sorted(maps.Keys(r)), slices.Sorted(maps.Keys(a)); !slices.Equal(want, got) {
		return fmt.Errorf("%s: recorded fields %v, got %v", path, want, got)
	}
	// Ids first, so that what hangs on them is found.
	keys := slices.Sorted(maps.Keys(r))
	for _, key := range keys {
		if err := d.same(path+"."+key, r[key], a[key]); err != nil {
			return err
		}
	}
	return nil
}

func (d *idents) sameSet(path string, recorded, actual []any) error {
	for i, r := range recorded {
		var closest error // the longest path is the item that is most alike
		found := false
		for j, a := range actual {
			try := d.clone()
			err := try.same(path+"."+strconv.Itoa(i), r, a)
			if err == nil {
				*d = *try
				actual = slices.Delete(actual, j, j+1)
				found = true
				break
			}
			if closest == nil || depth(err) > depth(closest) {
				closest = err
			}
		}
		if !found {
			return fmt.Errorf("no item like the recorded one: %w", closest)
		}
	}
	return nil
}

func depth(err error) int {
	path, _, _ := strings.Cut(err.Error(), ": recorded")
	return strings.Count(path, ".")
}
