package offer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/go-multierror"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// Rule says where pods may run: rows that must all pass. The zero Rule has none and lets pods run anywhere.
type Rule struct{ rows []row }

// row is one constraint: ["hostname","MAX_PER","2"].
type row struct {
	field    string
	operator *operator
	text     string         // the parameter, "" if there is none
	number   int            // the parameter of MAX_PER and GROUP_BY; 0 if GROUP_BY has none
	pattern  *regexp.Regexp // the parameter of LIKE and UNLIKE, for whole values
}

// ParsePlacement reads a rule as JSON, nested ([["hostname","UNIQUE"]]) or a single row (["hostname","UNIQUE"]), or
// as Marathon's string (hostname:UNIQUE,rack:IS:a with \, and \: for the characters themselves). "" and [] are no
// rule. The error (Invalid) names every row that is wrong.
func ParsePlacement(text string) (Rule, error) {
	cells, err := split(strings.TrimSpace(text))
	if err != nil {
		return Rule{}, fault.New(fault.Invalid, fmt.Sprintf("placement %q", text), "", "%w", err)
	}
	var rule Rule
	var wrong *multierror.Error
	for _, c := range cells {
		r, err := parseRow(c)
		if err != nil {
			wrong = multierror.Append(wrong, fault.New(fault.Invalid, "placement "+quote(c), "", "%w", err))
			continue
		}
		rule.rows = append(rule.rows, r)
	}
	if err := wrong.ErrorOrNil(); err != nil {
		return Rule{}, err
	}
	return rule, nil
}

// String gives the rule as nested JSON, which ParsePlacement reads as the same rule.
func (r Rule) String() string {
	rows := [][]string{}
	for _, row := range r.rows {
		rows = append(rows, row.cells())
	}
	return quote(rows)
}

// Counts says whether the rule looks at the pods that run already.
func (r Rule) Counts() bool {
	for _, row := range r.rows {
		if row.operator.counts {
			return true
		}
	}
	return false
}

// Explain gives every reason why the rule does not let a pod run at here beside those that run; none if it does.
func (r Rule) Explain(here Place, running []Placed) []string {
	var reasons []string
	for _, row := range r.rows {
		if why := row.explain(here, running); why != "" {
			reasons = append(reasons, why)
		}
	}
	return reasons
}

func (r row) cells() []string {
	if r.text == "" {
		return []string{r.field, r.operator.name}
	}
	return []string{r.field, r.operator.name, r.text}
}

// quote gives v as JSON that people can read.
func quote(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil { // strings and slices of them always encode
		return fmt.Sprint(v)
	}
	return strings.TrimSpace(b.String())
}

// split gives the cells of the rows, in whichever form they are written.
func split(text string) ([][]string, error) {
	switch {
	case text == "":
		return nil, nil
	case !utf8.ValidString(text):
		return nil, fmt.Errorf("not UTF-8")
	case strings.HasPrefix(text, "["):
		return splitJSON(text)
	}
	var rows [][]string
	for _, r := range cut(text, ',') {
		cells := cut(r, ':')
		for i := range cells {
			cells[i] = strings.TrimSpace(unescape.Replace(cells[i]))
		}
		rows = append(rows, cells)
	}
	return rows, nil
}

var unescape = strings.NewReplacer(`\,`, `,`, `\:`, `:`)

// cut splits text at every sep that has no backslash before it; the backslashes stay.
func cut(text string, sep byte) (parts []string) {
	from := 0
	for i := range len(text) {
		if text[i] == sep && (i == 0 || text[i-1] != '\\') {
			parts, from = append(parts, text[from:i]), i+1
		}
	}
	return append(parts, text[from:])
}

func splitJSON(text string) ([][]string, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var list []any
	if err := d.Decode(&list); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("something follows the JSON list")
	}
	if len(list) == 0 {
		return nil, nil
	}
	if _, nested := list[0].([]any); !nested {
		list = []any{list}
	}
	var rows [][]string
	for _, r := range list {
		cells, ok := r.([]any)
		if !ok {
			return nil, fmt.Errorf("%s stands among lists; want a list of lists of 2 or 3 strings", quote(r))
		}
		row := []string{}
		for _, c := range cells {
			switch c := c.(type) {
			case string:
				row = append(row, c)
			case json.Number: // as the SDK reads it
				row = append(row, c.String())
			default:
				return nil, fmt.Errorf("%s is no string", quote(c))
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func parseRow(cells []string) (row, error) {
	if len(cells) < 2 || len(cells) > 3 {
		return row{}, fmt.Errorf(`has %d parts; want a field, an operator and perhaps a parameter (write \: for a colon within)`, len(cells))
	}
	r := row{field: cells[0]}
	if len(cells) == 3 {
		r.text = cells[2]
	}
	switch {
	case r.field == "":
		return row{}, fmt.Errorf("names no field; want hostname, @zone, @region or an attribute")
	case strings.HasPrefix(r.field, "@") && !isBuiltin(r.field):
		return row{}, fmt.Errorf("no field %s; there are @hostname, @zone, @region and attributes, which are written without @", r.field)
	}
	if r.operator = operatorOf(cells[1]); r.operator == nil {
		return row{}, fmt.Errorf("no operator %q; there are %s", cells[1], operatorNames())
	}
	if err := r.operator.parameter(&r); err != nil {
		return row{}, fmt.Errorf("%s %w", r.operator.name, err)
	}
	return r, nil
}

// The kinds of parameters that operators have.

func noParameter(r *row) error {
	if r.text != "" {
		return fmt.Errorf("takes no parameter")
	}
	return nil
}

func value(r *row) error {
	if r.text == "" {
		return fmt.Errorf("needs a value as parameter")
	}
	return nil
}

func optionalNumber(r *row) error {
	if r.text == "" {
		return nil
	}
	return number(r)
}

func number(r *row) error {
	n, err := strconv.ParseInt(r.text, 10, 32)
	if err != nil || n < 1 {
		return fmt.Errorf("needs a whole number from 1 as parameter, not %q", r.text)
	}
	r.number, r.text = int(n), strconv.FormatInt(n, 10)
	return nil
}

func pattern(r *row) error {
	if r.text == "" {
		return fmt.Errorf("needs a regular expression as parameter")
	}
	if _, err := regexp.Compile(r.text); err != nil { // by itself, so that it cannot close our parenthesis
		return fmt.Errorf("needs a regular expression as parameter (RE2 syntax): %w", err)
	}
	var err error
	r.pattern, err = regexp.Compile(`\A(?:` + r.text + `)\z`)
	return err
}
