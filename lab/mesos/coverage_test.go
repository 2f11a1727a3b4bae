package mesos

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write COVERAGE.md's table")

// outOfScope are the recorded scenarios that are not replayed.
var outOfScope = map[string]string{
	"09-reserve-create": "reservations and volumes are not emulated: such operations are refused (TestOperationsThatAreNotEmulated)",
	"21-stalled-reader": "three remarks of the recorder; TestStalledReader does what they say",
}

// verdict is what became of a recorded file.
type verdict struct {
	how string // "held", "loose", "skipped", "missed" or "note"
	why string
}

// coverage collects verdicts: scenario, file.
type coverage map[string]map[string]verdict

// add takes over what a replay did; a scenario may be replayed in parts.
func (c coverage) add(r *replay) {
	scenario, _, _ := strings.Cut(r.name, "#")
	files := c[scenario]
	if files == nil {
		files = map[string]verdict{}
		c[scenario] = files
	}
	for file, v := range r.verdicts {
		if old, ok := files[file]; !ok || old.how == "skipped" {
			files[file] = v
		}
	}
}

// row is a scenario's line in the table.
func (c coverage) row(scenario string) string {
	if why, ok := outOfScope[scenario]; ok {
		return fmt.Sprintf("| %s | out of scope | | | %s |\n", scenario, why)
	}
	counts := map[string]int{}
	reasons := map[string][]string{}
	for _, file := range slices.Sorted(maps.Keys(c[scenario])) {
		v := c[scenario][file]
		counts[v.how]++
		if v.why != "" {
			why := v.why
			if v.how == "loose" {
				why += " (status and headers are held)"
			}
			reasons[why] = append(reasons[why], file[:3])
		}
	}
	how := "fully"
	if counts["skipped"]+counts["loose"] > 0 {
		how = "partly"
	}
	var but []string
	for _, why := range slices.Sorted(maps.Keys(reasons)) {
		but = append(but, spans(reasons[why])+": "+why)
	}
	held := counts["held"] + counts["loose"]
	return fmt.Sprintf("| %s | %s | %d of %d | %d | %s |\n", scenario, how, held, held+counts["skipped"]+counts["missed"], counts["note"], strings.Join(but, "; "))
}

func (c coverage) sum() string {
	counts := map[string]int{}
	for _, files := range c {
		for _, v := range files {
			counts[v.how]++
		}
	}
	held := counts["held"] + counts["loose"]
	return fmt.Sprintf("| all that are in scope | | %d of %d | %d | %d by status and headers only |\n", held, held+counts["skipped"], counts["note"], counts["loose"])
}

// spans shortens sorted numbers: 001-003, 007.
func spans(numbers []string) string {
	var out []string
	for i := 0; i < len(numbers); {
		j := i
		for j+1 < len(numbers) && before(numbers[j+1]) == numbers[j] {
			j++
		}
		if j == i {
			out = append(out, numbers[i])
		} else {
			out = append(out, numbers[i]+"-"+numbers[j])
		}
		i = j + 1
	}
	return strings.Join(out, ", ")
}

// check compares the table of COVERAGE.md with what was replayed, or writes it.
func (c coverage) check(t *testing.T, scenarios []string) {
	t.Helper()
	var table strings.Builder
	table.WriteString("| scenario | replayed | steps | remarks | not compared |\n|---|---|---|---|---|\n")
	for _, scenario := range scenarios {
		if outOfScope[scenario] == "" && c[scenario] == nil {
			t.Errorf("scenario %s is neither replayed nor out of scope", scenario)
		}
		files, err := filepath.Glob(filepath.Join(trafficDir, scenario, "*.json"))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if _, ok := c[scenario][filepath.Base(file)]; !ok && outOfScope[scenario] == "" {
				t.Errorf("nothing is known of %s", file)
			}
		}
		table.WriteString(c.row(scenario))
	}
	table.WriteString(c.sum())
	const file, begin, end = "COVERAGE.md", "<!-- begin scenarios -->\n", "<!-- end scenarios -->\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(text), begin)
	_, tail, found := strings.Cut(rest, end)
	if !found {
		t.Fatalf("%s has no table between %q and %q", file, begin, end)
	}
	want := head + begin + table.String() + end + tail
	switch {
	case want == string(text):
	case *update:
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s does not say what was replayed; go test -run TestRecordedTraffic -update writes it", file)
	}
}
