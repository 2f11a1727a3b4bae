package offer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
)

// Place is what placement rules see of an agent.
type Place struct {
	Hostname     string
	Region, Zone string // "" if the agent has no fault domain
	Attributes   []mesos.Attribute
}

// Placed is a pod and the place where it runs. Those given to a rule are the other pods of the same type, never the
// one to be placed.
type Placed struct {
	Pod          string // "node-2"
	Hostname     string
	Region, Zone string
	Attributes   []mesos.Attribute
}

func (p Placed) place() Place { return Place{p.Hostname, p.Region, p.Zone, p.Attributes} }

// placeOf gives what rules see of an offer.
func placeOf(o *mesos.Offer) Place {
	p := Place{Hostname: o.Hostname, Attributes: o.Attributes}
	if d := o.GetDomain().GetFaultDomain(); d != nil {
		p.Region, p.Zone = d.Region.Name, d.Zone.Name
	}
	return p
}

// operator is one kind of row.
type operator struct {
	name      string
	parameter func(*row) error // reads the row's parameter
	counts    bool             // looks at running pods
	absent    bool             // passes where the field has no value
	// explain says why a pod may not run where the row's field has these values (at least one), or "".
	explain func(r row, here []datum, running []Placed) string
}

// operators is filled in init: explain refers to rows, and rows to operators.
var operators []operator

func init() {
	operators = []operator{
		{name: "UNIQUE", parameter: noParameter, counts: true, explain: unique},
		{name: "MAX_PER", parameter: number, counts: true, explain: maxPer},
		{name: "CLUSTER", parameter: value, explain: is},
		{name: "IS", parameter: value, explain: is},
		{name: "IS_NOT", parameter: value, absent: true, explain: isNot},
		{name: "LIKE", parameter: pattern, explain: like},
		{name: "UNLIKE", parameter: pattern, absent: true, explain: unlike},
		{name: "GROUP_BY", parameter: optionalNumber, counts: true, explain: groupBy},
	}
}

func operatorOf(name string) *operator {
	for i := range operators {
		if strings.EqualFold(operators[i].name, name) {
			return &operators[i]
		}
	}
	return nil
}

func operatorNames() string {
	var names []string
	for _, o := range operators {
		names = append(names, o.name)
	}
	return strings.Join(names, ", ")
}

// datum is a value that a field has at a place.
type datum struct {
	text   string
	scalar *float64 // if Mesos took it for a number: rack:02 comes as 2
}

func (d datum) is(text string) bool {
	if d.text == text || d.scalar == nil {
		return d.text == text
	}
	f, err := strconv.ParseFloat(text, 64)
	return err == nil && f == *d.scalar
}

func isBuiltin(field string) bool {
	return field == "@hostname" || field == "@zone" || field == "@region"
}

// label is how reasons name the row's field.
func (r row) label() string { return strings.TrimPrefix(r.field, "@") }

// values gives what the row's field is at a place. An attribute may stand there more than once.
func (r row) values(p Place) []datum {
	switch r.field {
	case "hostname", "@hostname":
		return known(p.Hostname)
	case "@zone":
		return known(p.Zone)
	case "@region":
		return known(p.Region)
	}
	var all []datum
	for i := range p.Attributes {
		if a := &p.Attributes[i]; a.Name == r.field {
			all = append(all, datumOf(a))
		}
	}
	return all
}

func known(text string) []datum {
	if text == "" {
		return nil
	}
	return []datum{{text: text}}
}

// datumOf writes an attribute's value as it was written at the agent, as far as Mesos kept that.
func datumOf(a *mesos.Attribute) datum {
	switch {
	case a.Text != nil:
		return datum{text: a.Text.Value}
	case a.Scalar != nil:
		return datum{text: plain(a.Scalar.Value), scalar: &a.Scalar.Value}
	case a.Ranges != nil:
		var spans []string
		for _, r := range a.Ranges.Range {
			spans = append(spans, fmt.Sprintf("%d-%d", r.Begin, r.End))
		}
		return datum{text: "[" + strings.Join(spans, ",") + "]"}
	case a.Set != nil:
		return datum{text: "{" + strings.Join(a.Set.Item, ",") + "}"}
	}
	return datum{}
}

// plain writes a number without exponent and without zeros behind the point.
func plain(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func (r row) explain(here Place, running []Placed) string {
	values := r.values(here)
	if len(values) > 0 {
		return r.operator.explain(r, values, running)
	}
	if r.operator.absent {
		return ""
	}
	what := "attribute " + r.field
	if isBuiltin(r.field) || r.field == "hostname" {
		what = r.label()
	}
	return fmt.Sprintf("has no %s, which %s asks for", what, quote(r.cells()))
}

// pods gives the pods that run where the row's field has the value text.
func (r row) pods(text string, running []Placed) (names []string) {
	for _, p := range running {
		if slices.ContainsFunc(r.values(p.place()), func(d datum) bool { return d.text == text }) {
			names = append(names, p.Pod)
		}
	}
	return names
}

func unique(r row, here []datum, running []Placed) string {
	for _, d := range here {
		if pods := r.pods(d.text, running); len(pods) > 0 {
			return fmt.Sprintf("%s %s already runs %s", r.label(), d.text, few(pods))
		}
	}
	return ""
}

func maxPer(r row, here []datum, running []Placed) string {
	for _, d := range here {
		if pods := r.pods(d.text, running); len(pods) >= r.number {
			return fmt.Sprintf("%s %s already runs %s, the limit is %d", r.label(), d.text, few(pods), r.number)
		}
	}
	return ""
}

func is(r row, here []datum, _ []Placed) string {
	if slices.ContainsFunc(here, func(d datum) bool { return d.is(r.text) }) {
		return ""
	}
	return fmt.Sprintf("%s is %s, wanted %s", r.label(), texts(here), r.text)
}

func isNot(r row, here []datum, _ []Placed) string {
	if slices.ContainsFunc(here, func(d datum) bool { return d.is(r.text) }) {
		return fmt.Sprintf("%s is %s, wanted any other", r.label(), r.text)
	}
	return ""
}

func like(r row, here []datum, _ []Placed) string {
	if slices.ContainsFunc(here, func(d datum) bool { return r.pattern.MatchString(d.text) }) {
		return ""
	}
	return fmt.Sprintf("%s %s does not match %s", r.label(), texts(here), r.text)
}

func unlike(r row, here []datum, _ []Placed) string {
	for _, d := range here {
		if r.pattern.MatchString(d.text) {
			return fmt.Sprintf("%s %s matches %s, which is excluded", r.label(), d.text, r.text)
		}
	}
	return ""
}

// groupBy spreads pods over the values in use. With a number it first wants so many values in use; without it, values
// where nothing runs yet are not waited for.
func groupBy(r row, here []datum, running []Placed) string {
	use := map[string]int{}
	for _, p := range running {
		for _, d := range r.values(p.place()) {
			use[d.text]++
		}
	}
	for _, d := range here {
		if use[d.text] == 0 {
			continue
		}
		if len(use) < r.number {
			return fmt.Sprintf("%s %s is in use already, %d of %d wanted values are; wanted another", r.label(), d.text, len(use), r.number)
		}
		for other, n := range sorted(use) {
			if n < use[d.text] {
				return fmt.Sprintf("%s %s runs %d, %s %s only %d", r.label(), d.text, use[d.text], r.label(), other, n)
			}
		}
	}
	return ""
}

// sorted yields what is used least first, by name among equals, so that reasons do not depend on the order of a map.
func sorted(use map[string]int) func(func(string, int) bool) {
	names := make([]string, 0, len(use))
	for name := range use {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if use[a] != use[b] {
			return use[a] - use[b]
		}
		return strings.Compare(a, b)
	})
	return func(yield func(string, int) bool) {
		for _, name := range names {
			if !yield(name, use[name]) {
				return
			}
		}
	}
}

func texts(values []datum) string {
	var all []string
	for _, d := range values {
		all = append(all, d.text)
	}
	return strings.Join(all, " and ")
}

// few names pods, the first three of many.
func few(pods []string) string {
	const shown = 3
	if len(pods) <= shown {
		return strings.Join(pods, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(pods[:shown], ", "), len(pods)-shown)
}
