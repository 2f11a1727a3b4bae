package offer

import (
	"fmt"
	"slices"
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"pgregory.net/rapid"
)

func text1(name, value string) []mesos.Attribute {
	return []mesos.Attribute{{Name: name, Type: mesos.TEXT, Text: &mesos.Value_Text{Value: value}}}
}

func scalar1(name string, value float64) []mesos.Attribute {
	return []mesos.Attribute{{Name: name, Type: mesos.SCALAR, Scalar: &mesos.Value_Scalar{Value: value}}}
}

// on gives pods node-1, node-2, ... on the given racks, one host each.
func on(racks ...string) (pods []Placed) {
	for i, r := range racks {
		pods = append(pods, Placed{
			Pod: fmt.Sprintf("node-%d", i+1), Hostname: fmt.Sprintf("agent-%02d", i+1), Zone: "z" + r, Region: "r1", Attributes: text1("rack", r)})
	}
	return pods
}

func TestOperatorsSayWhyNot(t *testing.T) {
	here := Place{Hostname: "agent-03", Region: "r1", Zone: "za", Attributes: slices.Concat(
		text1("rack", "a"), text1("dup", "x"), text1("dup", "y"), scalar1("floor", 2), scalar1("half", 1.5),
		[]mesos.Attribute{{Name: "slots", Type: mesos.RANGES, Ranges: &mesos.Value_Ranges{Range: []mesos.Value_Range{{Begin: 1, End: 2}, {Begin: 5, End: 5}}}}},
	)}
	none := on()
	for _, c := range []struct {
		rule    string
		running []Placed
		want    string
	}{
		{"hostname:UNIQUE", on("a", "b"), ""},
		{"hostname:UNIQUE", on("a", "b", "c"), "hostname agent-03 already runs node-3"},
		{"@hostname:UNIQUE", on("a", "b", "c"), "hostname agent-03 already runs node-3"},
		{"rack:UNIQUE", on("b", "a"), "rack a already runs node-2"},
		{"@zone:UNIQUE", on("a", "b", "a", "a", "a", "a"), "zone za already runs node-1, node-3, node-4 and 2 more"},
		{"@region:UNIQUE", none, ""},
		{"colour:UNIQUE", none, `has no attribute colour, which ["colour","UNIQUE"] asks for`},

		{"rack:MAX_PER:2", on("a", "b", "b"), ""},
		{"rack:MAX_PER:2", on("a", "b", "a"), "rack a already runs node-1, node-3, the limit is 2"},
		{"colour:MAX_PER:2", none, `has no attribute colour, which ["colour","MAX_PER","2"] asks for`},

		{"rack:IS:a", none, ""},
		{"rack:CLUSTER:a", none, ""},
		{"rack:IS:b", none, "rack is a, wanted b"},
		{"rack:CLUSTER:b", on("b"), "rack is a, wanted b"},
		{"dup:IS:y", none, ""},
		{"dup:IS:z", none, "dup is x and y, wanted z"},
		{"colour:IS:red", none, `has no attribute colour, which ["colour","IS","red"] asks for`},
		{"floor:IS:2", none, ""},
		{"floor:IS:02", none, ""}, // an agent started with floor:02 says 2
		{"floor:IS:2.0", none, ""},
		{"floor:IS:3", none, "floor is 2, wanted 3"},
		{"floor:IS:x", none, "floor is 2, wanted x"},
		{"half:IS:1.5", none, ""},
		{"slots:IS:[1-2\\,5-5]", none, ""},

		{"rack:IS_NOT:b", none, ""},
		{"rack:IS_NOT:a", none, "rack is a, wanted any other"},
		{"dup:IS_NOT:y", none, "dup is y, wanted any other"},
		{"colour:IS_NOT:red", none, ""},

		{"hostname:LIKE:agent-.*", none, ""},
		{"hostname:LIKE:agent", none, "hostname agent-03 does not match agent"},
		{"hostname:LIKE:x|agent-03", none, ""},
		{"hostname:LIKE:agent-03|", none, ""},
		{"floor:LIKE:[0-9]", none, ""},
		{"dup:LIKE:z", none, "dup x and y does not match z"},
		{"colour:LIKE:.*", none, `has no attribute colour, which ["colour","LIKE",".*"] asks for`},

		{"hostname:UNLIKE:agent", none, ""},
		{"hostname:UNLIKE:agent-0.", none, "hostname agent-03 matches agent-0., which is excluded"},
		{"dup:UNLIKE:y", none, "dup y matches y, which is excluded"},
		{"colour:UNLIKE:.*", none, ""},

		{"rack:GROUP_BY", none, ""},
		{"rack:GROUP_BY", on("a"), ""}, // as in the SDK: values that are not in use do not count
		{"rack:GROUP_BY", on("a", "a", "b"), "rack a runs 2, rack b only 1"},
		{"rack:GROUP_BY", on("a", "b"), ""},
		{"rack:GROUP_BY", on("b", "b"), ""},
		{"rack:GROUP_BY:3", on("a"), "rack a is in use already, 1 of 3 wanted values are; wanted another"},
		{"rack:GROUP_BY:3", on("b", "c"), ""},
		{"rack:GROUP_BY:3", on("a", "b", "c"), ""},
		{"rack:GROUP_BY:3", on("c", "b", "a", "a"), "rack a runs 2, rack b only 1"},
		{"rack:GROUP_BY:2", on("b", "c"), ""}, // a third value is as good
		{"colour:GROUP_BY:3", none, `has no attribute colour, which ["colour","GROUP_BY","3"] asks for`},
	} {
		rule, err := ParsePlacement(c.rule)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		if c.want != "" {
			want = []string{c.want}
		}
		if got := rule.Explain(here, c.running); !slices.Equal(got, want) {
			t.Errorf("%s beside %d: got %q, want %q", c.rule, len(c.running), got, want)
		}
	}
}

func TestEveryOperatorIsInTheTable(t *testing.T) {
	if got := operatorNames(); got != "UNIQUE, MAX_PER, CLUSTER, IS, IS_NOT, LIKE, UNLIKE, GROUP_BY" {
		t.Errorf("operators are %s: extend TestOperatorsSayWhyNot", got)
	}
}

func TestAgentsWithoutAFaultDomainHaveNoZone(t *testing.T) {
	for text, want := range map[string]string{
		"@zone:IS:a":   `has no zone, which ["@zone","IS","a"] asks for`,
		"@region:IS:a": `has no region, which ["@region","IS","a"] asks for`,
	} {
		rule, _ := ParsePlacement(text)
		if got := rule.Explain(Place{Hostname: "h"}, nil); !slices.Equal(got, []string{want}) {
			t.Errorf("%s: got %q", text, got)
		}
	}
}

func TestAllRowsMustPassAndAllReasonsAreGiven(t *testing.T) {
	rule, _ := ParsePlacement("hostname:UNIQUE,rack:IS:b,hostname:LIKE:agent-.*")
	got := rule.Explain(Place{Hostname: "agent-01", Attributes: text1("rack", "a")}, on("a"))
	if !slices.Equal(got, []string{"hostname agent-01 already runs node-1", "rack is a, wanted b"}) {
		t.Errorf("got %q", got)
	}
}

func TestCountsSaysWhetherRunningPodsMatter(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "rack:IS:a": false, "hostname:LIKE:a,rack:UNLIKE:b": false,
		"hostname:UNIQUE": true, "rack:IS:a,rack:MAX_PER:2": true, "@zone:GROUP_BY": true,
	} {
		rule, _ := ParsePlacement(text)
		if rule.Counts() != want {
			t.Errorf("%q counts: %v", text, !want)
		}
	}
}

// Agents come in any order, each as often as it likes; what was let through must hold for what runs.
func TestCountingRulesHoldForWhatTheyLetThrough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		racks := rapid.IntRange(1, 5).Draw(t, "racks")
		limit := rapid.IntRange(1, 3).Draw(t, "limit")
		unique, _ := ParsePlacement("hostname:UNIQUE")
		atMost, _ := ParsePlacement(fmt.Sprintf("rack:MAX_PER:%d", limit))
		spread, _ := ParsePlacement(fmt.Sprintf("rack:GROUP_BY:%d", racks))
		for name, rule := range map[string]Rule{"UNIQUE": unique, "MAX_PER": atMost, "GROUP_BY": spread} {
			var running []Placed
			hosts, inRack := map[string]int{}, map[string]int{}
			for i := range rapid.IntRange(0, 40).Draw(t, "offers") {
				agent := rapid.IntRange(0, 11).Draw(t, "agent")
				here := Place{Hostname: fmt.Sprintf("agent-%02d", agent), Attributes: text1("rack", fmt.Sprint(agent%racks))}
				why := rule.Explain(here, running)
				if before := rule.Explain(here, running[:len(running)/2]); name != "GROUP_BY" && len(before) > 0 && len(why) == 0 {
					t.Fatalf("%s: fewer pods were more in the way", rule)
				}
				if len(why) > 0 {
					continue
				}
				running = append(running, Placed{Pod: fmt.Sprint("node-", i), Hostname: here.Hostname, Attributes: here.Attributes})
				hosts[here.Hostname]++
				inRack[here.Attributes[0].Text.Value]++
			}
			least, most := 1<<30, 0
			for r := range racks {
				n := inRack[fmt.Sprint(r)]
				least, most = min(least, n), max(most, n)
			}
			for h, n := range hosts {
				if name == "UNIQUE" && n > 1 {
					t.Errorf("%d pods at %s", n, h)
				}
			}
			if name == "MAX_PER" && most > limit {
				t.Errorf("%d pods in a rack, the limit is %d", most, limit)
			}
			if name == "GROUP_BY" && most > least+1 {
				t.Errorf("racks run from %d to %d pods", least, most)
			}
		}
	})
}
