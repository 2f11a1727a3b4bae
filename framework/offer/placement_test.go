package offer

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

func TestPlacementIsReadInAllItsForms(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    `[]`,
		"  ":                                  `[]`,
		"[]":                                  `[]`,
		`[["hostname","UNIQUE"]]`:             `[["hostname","UNIQUE"]]`,
		`["hostname","MAX_PER","2"]`:          `[["hostname","MAX_PER","2"]]`,
		`["hostname","max_per",2]`:            `[["hostname","MAX_PER","2"]]`,
		`["hostname","MAX_PER","+02"]`:        `[["hostname","MAX_PER","2"]]`,
		`["hostname","UNIQUE",""]`:            `[["hostname","UNIQUE"]]`,
		"hostname:UNIQUE":                     `[["hostname","UNIQUE"]]`,
		" hostname : unique , rack : is : a ": `[["hostname","UNIQUE"],["rack","IS","a"]]`,
		"hostname:LIKE:node-.*,rack:IS:a":     `[["hostname","LIKE","node-.*"],["rack","IS","a"]]`,
		`rack:LIKE:(?\:a{1\,2}|b\d)`:          `[["rack","LIKE","(?:a{1,2}|b\\d)"]]`,
		"@zone:GROUP_BY":                      `[["@zone","GROUP_BY"]]`,
		`[["@zone","GROUP_BY","3"],["@region","CLUSTER","r1"],["@hostname","UNLIKE","x"],["rack","IS_NOT","<b>"]]`: `[["@zone","GROUP_BY","3"],["@region","CLUSTER","r1"],["@hostname","UNLIKE","x"],["rack","IS_NOT","<b>"]]`,
	} {
		rule, err := ParsePlacement(text)
		if err != nil || rule.String() != want {
			t.Errorf("%q: got %s, %v; want %s", text, rule, err, want)
		}
	}
}

func TestPlacementThatMakesNoSenseSaysWhatDoes(t *testing.T) {
	for text, want := range map[string]string{
		`[["hostname"]]`:                `placement ["hostname"]: has 1 parts; want a field, an operator and perhaps a parameter (write \: for a colon within)`,
		`[[]]`:                          `placement []: has 0 parts; want a field, an operator and perhaps a parameter (write \: for a colon within)`,
		"hostname:LIKE:a:b":             `placement ["hostname","LIKE","a","b"]: has 4 parts; want a field, an operator and perhaps a parameter (write \: for a colon within)`,
		`[["","UNIQUE"]]`:               `placement ["","UNIQUE"]: names no field; want hostname, @zone, @region or an attribute`,
		`[["@rack","UNIQUE"]]`:          `placement ["@rack","UNIQUE"]: no field @rack; there are @hostname, @zone, @region and attributes, which are written without @`,
		`[["hostname","ALONE"]]`:        `placement ["hostname","ALONE"]: no operator "ALONE"; there are UNIQUE, MAX_PER, CLUSTER, IS, IS_NOT, LIKE, UNLIKE, GROUP_BY`,
		`[["hostname","UNIQUE","1"]]`:   `placement ["hostname","UNIQUE","1"]: UNIQUE takes no parameter`,
		`[["hostname","MAX_PER"]]`:      `placement ["hostname","MAX_PER"]: MAX_PER needs a whole number from 1 as parameter, not ""`,
		`[["hostname","MAX_PER","0"]]`:  `placement ["hostname","MAX_PER","0"]: MAX_PER needs a whole number from 1 as parameter, not "0"`,
		`[["@zone","GROUP_BY","many"]]`: `placement ["@zone","GROUP_BY","many"]: GROUP_BY needs a whole number from 1 as parameter, not "many"`,
		`[["rack","IS"]]`:               `placement ["rack","IS"]: IS needs a value as parameter`,
		`[["rack","CLUSTER"]]`:          `placement ["rack","CLUSTER"]: CLUSTER needs a value as parameter`,
		`[["rack","LIKE"]]`:             `placement ["rack","LIKE"]: LIKE needs a regular expression as parameter`,
		`[["rack","LIKE","a)(b"]]`:      "placement [\"rack\",\"LIKE\",\"a)(b\"]: LIKE needs a regular expression as parameter (RE2 syntax): error parsing regexp: unexpected ): `a)(b`",
		`[["rack","UNLIKE","(?!a)"]]`:   "placement [\"rack\",\"UNLIKE\",\"(?!a)\"]: UNLIKE needs a regular expression as parameter (RE2 syntax): error parsing regexp: invalid or unsupported Perl syntax: `(?!`",
		`["hostname","UNIQUE",true]`:    `placement "[\"hostname\",\"UNIQUE\",true]": true is no string`,
		`[["hostname","UNIQUE"],"x"]`:   `placement "[[\"hostname\",\"UNIQUE\"],\"x\"]": "x" stands among lists; want a list of lists of 2 or 3 strings`,
		`["hostname","UNIQUE"`:          `placement "[\"hostname\",\"UNIQUE\"": not JSON: unexpected EOF`,
		`["hostname","UNIQUE"] x`:       `placement "[\"hostname\",\"UNIQUE\"] x": something follows the JSON list`,
		"hostname:UNIQUE,":              `placement [""]: has 1 parts; want a field, an operator and perhaps a parameter (write \: for a colon within)`,
		"\xff:UNIQUE":                   `placement "\xff:UNIQUE": not UTF-8`,
	} {
		rule, err := ParsePlacement(text)
		if err == nil || err.Error() != want && strings.Join(fault.Lines(err), "\n") != want || fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s:\ngot  %v\nwant %s", text, strings.Join(fault.Lines(err), "\n"), want)
		}
		if rule.rows != nil {
			t.Errorf("%s: gave a rule beside the error", text)
		}
	}
	_, err := ParsePlacement("a:B,hostname:UNIQUE,c:D")
	if lines := fault.Lines(err); len(lines) != 2 {
		t.Errorf("want both faults at once, got %q", lines)
	}
}

func TestPlacementIsReadAsItIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := [][]string{}
		for range rapid.IntRange(0, 4).Draw(t, "rows") {
			field := rapid.OneOf(rapid.SampledFrom([]string{"hostname", "@hostname", "@zone", "@region"}), rapid.StringMatching(`[^@].{0,8}`)).Draw(t, "field")
			op := rapid.SampledFrom(operators).Draw(t, "operator").name
			row := []string{field, op}
			switch op {
			case "MAX_PER", "GROUP_BY":
				row = append(row, rapid.StringMatching(`[1-9][0-9]{0,8}`).Draw(t, "number"))
			case "UNIQUE":
			default:
				row = append(row, rapid.StringMatching(`[a-z<>&,:" ]{1,9}`).Draw(t, "value"))
			}
			rows = append(rows, row)
		}
		rule, err := ParsePlacement(quote(rows))
		if err != nil {
			t.Fatal(err)
		}
		if len(rule.rows) != len(rows) {
			t.Fatalf("%d rows of %d", len(rule.rows), len(rows))
		}
		for i, row := range rule.rows {
			if !slices.Equal(row.cells(), rows[i]) {
				t.Errorf("%q was read as %q", rows[i], row.cells())
			}
		}
		again, err := ParsePlacement(rule.String())
		if err != nil || again.String() != rule.String() {
			t.Errorf("%s was read as %s, %v", rule, again, err)
		}
	})
}

func FuzzParsePlacement(f *testing.F) {
	for _, seed := range []string{
		"", "[]", `[["hostname","UNIQUE"],["@zone","GROUP_BY","3"]]`, `["hostname","MAX_PER","2"]`,
		`hostname:LIKE:node-.*,rack:IS:a`, `a:LIKE:\:\,`, `[["a","LIKE","a)(b"]]`, `[[1,2]]`, "[[[",
	} {
		f.Add(seed, "node-1", "a")
	}
	f.Fuzz(func(t *testing.T, text, hostname, rack string) {
		rule, err := ParsePlacement(text)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid || rule.String() != "[]" {
				t.Errorf("%q: %v, %s", text, err, rule)
			}
			return
		}
		again, err := ParsePlacement(rule.String())
		if err != nil || again.String() != rule.String() {
			t.Errorf("%q is %s and then %s, %v", text, rule, again, err)
		}
		here := Place{Hostname: hostname, Attributes: text1("rack", rack)}
		running := []Placed{{Pod: "node-0", Hostname: hostname, Attributes: here.Attributes}}
		if diff := cmp.Diff(rule.Explain(here, running), again.Explain(here, running)); diff != "" {
			t.Errorf("%s explains itself in two ways: %s", rule, diff)
		}
		if !rule.Counts() && !slices.Equal(rule.Explain(here, running), rule.Explain(here, nil)) {
			t.Errorf("%s does not count, but running pods matter", rule)
		}
	})
}
