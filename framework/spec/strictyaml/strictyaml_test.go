package strictyaml_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dcos-scaleio/scaleio/framework/spec/strictyaml"
)

type Embedded struct {
	Inside string `json:"inside"`
}

type thing struct {
	Embedded
	Name   string            `json:"name"`
	Count  int               `json:"count,omitempty"`
	Small  uint8             `json:"small"`
	Ratio  float64           `json:"ratio"`
	On     bool              `json:"on"`
	List   []string          `json:"list"`
	Sub    *thing            `json:"sub"`
	Things map[string]thing  `json:"things"`
	Labels map[string]string `json:"labels"`
	Steps  steps             `json:"steps"`
	Level  level             `json:"level"`
	Hidden string            `json:"-"`
	Plain  string
}

// level unmarshals itself.
type level int

func (l *level) UnmarshalJSON(data []byte) error {
	if string(data) != `"high"` {
		return errors.New("a level is high")
	}
	*l = 3
	return nil
}

// steps keeps the order of a map.
type steps []string

func (steps) Element() any { return thing{} }

func (s *steps) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(strings.NewReader(string(data)))
	if _, err := decoder.Token(); err != nil {
		return err
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return err
		}
		var t thing
		if err := decoder.Decode(&t); err != nil {
			return err
		}
		*s = append(*s, key.(string)+"="+t.Name)
	}
	return nil
}

func TestDecode(t *testing.T) {
	var got thing
	err := strictyaml.Decode([]byte(`
# a comment
name: "0777"
inside: in
count: -12
small: 255
ratio: 1e-1
on: True
list: [a, 'b: c', "d\ne"]
sub: {name: deep, ratio: 3}
things: {x: {name: in x}}
labels: {"a b": "c", n: '1'}
level: high
steps:
  zebra: {name: last}
  ant: {name: first}
Plain: |
  two
  lines
`), &got)
	if err != nil {
		t.Fatal(err)
	}
	want := thing{Embedded: Embedded{"in"}, Name: "0777", Count: -12, Small: 255, Ratio: .1, On: true, List: []string{"a", "b: c", "d\ne"},
		Sub: &thing{Name: "deep", Ratio: 3}, Things: map[string]thing{"x": {Name: "in x"}}, Labels: map[string]string{"a b": "c", "n": "1"},
		Level: 3, Steps: steps{"zebra=last", "ant=first"}, Plain: "two\nlines\n"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestEveryFaultAtOnceWithItsLine(t *testing.T) {
	var got thing
	err := strictyaml.Decode([]byte(`name: 3.6
count: many
small: 256
ratio: .inf
on: yes please
list: one
sub: [x]
nmae: typo
things: {x: {nmae: typo, list: [1, {a: b}]}}
name: again
labels:
level: low
steps: {ant: {count: 0x10, on: 1}, ant: {name: twice}}
1: number
Hidden: x
Plain: &anchor x
inside: *anchor
`), &got)
	want := []string{
		`line 1: name: 3.6 is the number 3.6, expected text: write it in quotes`,
		`line 2: count: is the text "many", expected a whole number`,
		`line 3: small: 256 is not a plain decimal number that fits`,
		`line 4: ratio: .inf is not a plain number`,
		`line 5: on: is the text "yes please", expected true or false`,
		`line 6: list: is the text "one", expected a list`,
		`line 7: sub: is a list, expected a map`,
		`line 8: nmae: is unknown; expected one of Plain, count, inside, labels, level, list, name, on, ratio, small, steps, sub, things`,
		`line 9: things.x.list[0]: 1 is the number 1, expected text: write it in quotes`,
		`line 9: things.x.list[1]: is a map, expected text`,
		`line 9: things.x.nmae: is unknown; expected one of Plain, count, inside, labels, level, list, name, on, ratio, small, steps, sub, things`,
		`line 10: name: is here a second time; the first is in line 1`,
		`line 11: labels: has no value, expected a map`,
		`line 12: level: a level is high`,
		`line 13: steps.ant: is here a second time; the first is in line 13`,
		`line 13: steps.ant.count: 0x10 is not a plain decimal number that fits`,
		`line 13: steps.ant.on: is the number 1, expected true or false`,
		`line 14: a key must be plain text, not the number 1`,
		`line 15: Hidden: is unknown; expected one of Plain, count, inside, labels, level, list, name, on, ratio, small, steps, sub, things`,
		`line 16: Plain: anchors and aliases are not allowed`,
		`line 17: inside: anchors and aliases are not allowed`,
	}
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, strings.Split(err.Error(), "\n")); diff != "" {
		t.Error(diff)
	}
}

func TestDocuments(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "the document is empty",
		"# nothing\n":              "the document is empty",
		"---\nname: a\n---\n":      "line 3: a second document begins here; only one is read",
		"name: a\n---\nname: b":    "line 2: a second document begins here; only one is read",
		"name: [a":                 "line 1: not YAML: did not find expected ',' or ']'",
		"name: a\n\tcount: 1":      "line 2: not YAML: found a tab character that violates indentation",
		"name: a\n---\n[":          "not YAML",
		"just text":                `line 1: is the text "just text", expected a map`,
		"- a":                      "line 1: is a list, expected a map",
		"name: !!binary aGk=":      "line 1: name: the tag !!binary is not allowed",
		"name: !secret x":          "line 1: name: the tag !secret is not allowed",
		"<<: {name: a}":            "line 1: a key must be plain text, not !!merge",
		"name: ~":                  "line 1: name: has no value, expected text",
		"name: 2001-01-01":         "line 1: name: 2001-01-01 is the date 2001-01-01, expected text: write it in quotes",
		"null":                     "line 1: has no value, expected a map",
		"name: \x01":               "not YAML: control characters are not allowed",
		"name: \xff":               "not YAML",
		"? [a]\n: b":               "line 1: a key must be plain text, not a list",
		"a: &a [*a]":               "is unknown",
		strings.Repeat("[", 20000): "not YAML: exceeded max depth of 10000",
		strings.Repeat("#\n", strictyaml.MaxDocument): "at most 1048576 are read",
	} {
		var got thing
		err := strictyaml.Decode([]byte(text), &got)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v\nwant %s", text, err, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("name: a\nsteps: {a: {name: b}, c: {}}\nlist: [x]\n"))
	f.Add([]byte("things: {x: {sub: {ratio: 1.5}}}\nlevel: high"))
	f.Add([]byte("a: &a b\nc: *a\n---\n"))
	f.Add([]byte(`{"name": "a", "count": 3}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var first, second thing
		if err := strictyaml.Decode(data, &first); err != nil {
			var faults strictyaml.Error
			if !errors.As(err, &faults) || len(faults) == 0 {
				t.Fatalf("an error without faults: %v", err)
			}
			return
		}
		if err := strictyaml.Decode(data, &second); err != nil || !cmp.Equal(first, second) {
			t.Fatalf("read twice it differs: %v", err)
		}
	})
}
