package scenario_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/dcos-scaleio/scaleio/lab/scenario"
)

// documented lists "type.key" of every row in docs/lab.md below a heading that is a type's name.
func documented(t *testing.T) []string {
	text, err := os.ReadFile("../../docs/lab.md")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	section := ""
	row := regexp.MustCompile("^\\| `([a-z_]+)` \\|")
	for line := range strings.Lines(string(text)) {
		if heading, found := strings.CutPrefix(line, "### "); found {
			section = strings.ToLower(strings.TrimSpace(heading))
		} else if m := row.FindStringSubmatch(line); m != nil && section != "" {
			all = append(all, section+"."+m[1])
		}
	}
	slices.Sort(all)
	return all
}

func TestEveryKeyIsDocumented(t *testing.T) {
	keys, docs := scenario.Keys(), documented(t)
	for _, key := range keys {
		if !slices.Contains(docs, key) {
			t.Errorf("docs/lab.md does not document %s", key)
		}
	}
	for _, key := range docs {
		if !slices.Contains(keys, key) {
			t.Errorf("docs/lab.md documents %s, which there is not", key)
		}
	}
}

const good = `name: x
about: y
agents:
- count: 2
  from: 9
  hostname: agent-%02d
  devices: [{path: /dev/xvdf, size: 1.5TiB}]
options: {pool: {mode: global, list: [a, b]}, reboot: true}
events:
- {at: 1s, do: {agent_kill: agent-10}}
- when: {plan: deploy, status: COMPLETE}
  do: {agent_join: {hostname: late}}
expect: {plans: {deploy: COMPLETE}, within: 5s}
`

func TestParse(t *testing.T) {
	s, err := scenario.Parse("x", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if s.Agents[0].Devices[0].Size != 3<<39 || s.Expect.Within != 5*time.Second || !*s.Proof || s.ScaleIO.APIVersion != "3.6" {
		t.Errorf("%+v", s)
	}
	if names := s.Agents[0].Hostnames(); !slices.Equal(names, []string{"agent-09", "agent-10"}) {
		t.Error(names)
	}
	flat := s.FlatOptions()
	if flat["pool.mode"] != "global" || flat["reboot"] != true || len(flat) != 3 {
		t.Error(flat)
	}
	if err := s.Resize(5); err != nil || len(s.Agents[0].Hostnames()) != 5 {
		t.Error(err)
	}
}

func TestBadScenariosSayWhatIsWrong(t *testing.T) {
	for change, want := range map[string]string{
		"name: x|name: x\nname: y":                  "already defined",
		"about: y|about: y\nabuot: z":               `[3:1] unknown field "abuot"`,
		"from: 9|form: 9":                           `unknown field "form"`,
		"1.5TiB|big":                                `"big" is not a size`,
		"within: 5s|within: soon":                   "invalid duration",
		", within: 5s|":                             "expect.within is missing",
		"agent-%02d|agent":                          "names 2 agents",
		"agent-%02d|agent-%s":                       "at most one number",
		"agent_kill: agent-10|agent_kill: agent-11": `there is no agent "agent-11"; there are agent-09, agent-10, late`,
		"at: 1s, do|at: 1s, when: {plan: deploy, status: COMPLETE}, do":        "at or when expected, not both",
		"do: {agent_kill: agent-10}|do: {}":                                    "exactly one action expected, found 0",
		"{agent_kill: agent-10}|{agent_kill: agent-10, master_failover: true}": "found 2: agent_kill, master_failover",
		"hostname: late|hostname: agent-09":                                    "agent agent-09 is there twice",
		"status: COMPLETE}\n|status: DONE}\n":                                  `status is "DONE"`,
		"about: y|about: y\nscaleio: {certificate: none}":                      `scaleio.certificate is "none"`,
		"name: x|---\nname: x\n---\nname: y":                                   "more than one document",
	} {
		from, to, _ := strings.Cut(change, "|")
		text := strings.Replace(good, from, to, 1)
		if text == good {
			t.Fatalf("%q changes nothing", change)
		}
		if _, err := scenario.Parse("x", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; %q expected", change, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(good))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := scenario.Parse("x", text)
		if err == nil && (s.Name == "" || s.Expect.Within <= 0) {
			t.Errorf("%+v", s)
		}
	})
}
