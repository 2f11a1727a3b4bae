package scaleio_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/dcos-scaleio/scaleio/lab/scaleio"
)

var update = flag.Bool("update", false, "rewrite the tables of COVERAGE.md")

// deviations are where the emulator does not do what was recorded, and why. The recordings of traffic/scaleio and traffic/rexray
// were made against throw-away gateways, not against a product: where a source of reference/scaleio.md says otherwise, it wins.
// Every difference must be one of these, and every one of these must happen.
var deviations = []struct{ is, why string }{
	{`^System\.(mdmMode|mdmClusterState|primaryMdmActorIpList|primaryMdmActorPort): is missing$`,
		"fields of 1.3x, empty from 2.x on (§1.3); a real 2.6 has none of them"},
	{`^System\.systemVersionName: `, "the recorded gateways say one product version whatever their API's; ours follows Config.APIVersion (§1.3)"},
	{`^(mdmCluster\..*\.versionInfo|mdmCluster\..*versionInfo|Sds\.softwareVersionInfo|Sdc\.versionInfo): is "R[0-9_.]+", recorded "R3_6\.0\.0"$`,
		"the recorded gateway says one software version whatever its API's"},
	{`^System\.installId: .* recorded "x"$`, "an id; the recording's is no id"},
	{`^mdmCluster\.id: `, "the system's id in decimal, as a real 2.6 (§1.1)"},
	{`^mdmCluster\.name: is "sio1", recorded ""$`, "a cluster is named as its system (§3.3)"},
	{`^mdmCluster\.(master|slaves|tieBreakers)\.opensslVersion: `, `"N/A" is what a disconnected member shows (§1.3)`},
	{`^mdmCluster\.master\.status: is missing$`, "the master has no status (§1.3)"},
	{`^RemoveStandByMdm: .* answers 500, recorded 200`, "there is no MDM with that id: MDM_DOES_NOT_EXIST (§5.6)"},
	{`^querySystemLimits\.systemLimitEntryList: has \d+ entries, recorded 2$`, "the limits of §5.1 under the names of §1.3, with minVal"},
	{`^StoragePool\.backgroundScannerMode: is "Disabled"`, "the default of a real 2.6 (§1.5)"},
	{`^StoragePool\.sparePercentage: is 34, recorded 10$`, "34 was asked for; the recorded gateway drops it"},
	{`^Sds\.rmcacheEnabled: is false, recorded true$`, "FALSE was asked for; the recorded gateway drops it"},
	{`^Sds\.certificateInfo: is an object, recorded null$`, "an object at a real 2.6 (rest-2.6-real-fields.json)"},
	{`^StoragePoolStatistics\.(numOfSds|numOfDevices|maxCapacityInKb|capacityLimitInKb): `, "the pool's own numbers; the recorded gateway answers the system's for every object"},
	{`^SdcStatistics\.\w+: is missing$`, "an SDC's statistics are its volumes and its traffic (§1.9); the recorded gateway answers the system's"},
	{`^DeleteStoragePool: POST removeStoragePool answers 500, recorded 200`, "the pool still holds the snapshot: STORAGE_POOL_HAS_VOLS (§5.6)"},
	{`^DeleteProtectionDomain: POST removeProtectionDomain answers 500, recorded 200`, "the domain still has sdsB: FD_HAS_TGTS (§5.6)"},
	{`^Sdc\.onVmWare: is missing$`, "a real 2.6 has no such field; REX-Ray does not read it (rexray.md §2.2)"},
	{`^Volume\.errorCode: is 85, recorded 6$`, "the two recorded gateways have two numbers for VOL_NAME_IN_USE; clients must not depend on either"},
}

// seen is what a replay met: which recordings, which deviations.
type seen struct {
	recordings map[string]int // exchanges
	deviations map[int]bool
}

// recording reads a file of exchanges; without the recordings the test is skipped.
func (s *seen) recording(t *testing.T, name string) []exchange {
	t.Helper()
	all, err := readRecording(name)
	if errors.Is(err, fs.ErrNotExist) {
		t.Skipf("no recordings here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.recordings[name] = len(all)
	return all
}

// explain wants a deviation for every difference.
func (s *seen) explain(t *testing.T, found []difference) {
	t.Helper()
	for _, d := range found {
		known := false
		for i, one := range deviations {
			if regexp.MustCompile(one.is).MatchString(d.String()) {
				s.deviations[i], known = true, true
			}
		}
		if !known {
			t.Errorf("differs from the recording: %s", d)
		}
	}
}

// TestReplay sends every recorded request again and holds every answer against the recorded one: status, content type, keys, JSON
// types, values up to ids and times.
func TestReplay(t *testing.T) {
	names := recordingNames(t)
	met := &seen{map[string]int{}, map[int]bool{}}
	t.Run("full", func(t *testing.T) { replayFull(t, met) })
	t.Run("experiments", func(t *testing.T) { replayExperiments(t, met) })
	t.Run("rexray", func(t *testing.T) { replayREXRay(t, met) })
	if len(met.recordings) < len(names) && flag.Lookup("test.run").Value.String() != "" {
		return // only a part was asked for
	}
	for _, name := range names {
		if _, replayed := met.recordings[name]; !replayed {
			t.Errorf("%s was not replayed", name)
		}
	}
	for i, one := range deviations {
		if !met.deviations[i] {
			t.Errorf("no recording has it otherwise any more: %s", one.is)
		}
	}
	document(t, "recordings", recordingsTable(names, met))
}

// recordingNames are all files of exchanges of traffic/scaleio and traffic/rexray.
func recordingNames(t *testing.T) []string {
	t.Helper()
	var names []string
	for _, pattern := range []string{"scaleio/full-*.json", "scaleio/exp-*.json", "rexray/*.json"} {
		paths, err := filepath.Glob(filepath.Join(traffic, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			names = append(names, filepath.Base(filepath.Dir(path))+"/"+filepath.Base(path))
		}
	}
	if len(names) == 0 {
		t.Skip("no recordings here: ../shared/traffic is not beside this checkout")
	}
	return names
}

func recordingsTable(names []string, met *seen) string {
	var b strings.Builder
	b.WriteString("| recording | exchanges replayed |\n|---|---|\n")
	total := 0
	for _, name := range names {
		fmt.Fprintf(&b, "| %s | %d |\n", name, met.recordings[name])
		total += met.recordings[name]
	}
	fmt.Fprintf(&b, "| all %d | %d |\n", len(names), total)
	return b.String()
}

func TestDeviationsAreDocumented(t *testing.T) {
	var b strings.Builder
	b.WriteString("| difference (pattern) | why ours stays |\n|---|---|\n")
	for _, one := range deviations {
		fmt.Fprintf(&b, "| `%s` | %s |\n", strings.ReplaceAll(one.is, "|", `\|`), one.why)
	}
	document(t, "deviations", b.String())
}

// TestCallsAreDocumented counts the calls of Dell's document for 4.5.5 by whether the emulator answers them.
func TestCallsAreDocumented(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(traffic, "scaleio/rest-4.5.5-facts.json"))
	if err != nil {
		t.Skipf("no recordings here: %v", err)
	}
	var facts struct{ Paths map[string]any }
	if err := json.Unmarshal(raw, &facts); err != nil {
		t.Fatal(err)
	}
	by := map[string][]string{}
	for call := range facts.Paths {
		how := scaleio.Answers(call)
		by[how] = append(by[how], call)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Of the %d calls in rest-4.5.5-facts.json, %d are answered, %d taken without effect, %d not there (404).\n",
		len(facts.Paths), len(by["yes"]), len(by["yes, without effect"]), len(by["no"]))
	for _, how := range []string{"yes, without effect", "no"} {
		sort.Strings(by[how])
		title := map[string]string{"no": "Not there", "yes, without effect": "Taken without effect"}[how]
		fmt.Fprintf(&b, "\n%s:\n\n", title)
		for _, call := range by[how] {
			fmt.Fprintf(&b, "- `%s`\n", call)
		}
	}
	document(t, "calls", b.String())
}

// document holds a generated part of COVERAGE.md to what it should be, or with -update writes it.
func document(t *testing.T, part, want string) {
	t.Helper()
	const name = "COVERAGE.md"
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := "<!-- begin "+part+" -->\n", "<!-- end "+part+" -->"
	before, rest, ok1 := strings.Cut(string(raw), begin)
	have, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		t.Fatalf("%s has no part %q", name, part)
	}
	if have == want {
		return
	}
	if !*update {
		t.Errorf("%s, part %q, is not what this test found; go test ./lab/scaleio -update writes it. First difference: %s", name, part, firstDifference(have, want))
		return
	}
	if err := os.WriteFile(name, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

func firstDifference(have, want string) string {
	a, b := strings.Split(have, "\n"), strings.Split(want, "\n")
	for i, line := range b {
		if i >= len(a) || a[i] != line {
			return fmt.Sprintf("line %d should be %q", i+1, line)
		}
	}
	return fmt.Sprintf("it has %d lines too many", len(slices.Clip(a))-len(b))
}
