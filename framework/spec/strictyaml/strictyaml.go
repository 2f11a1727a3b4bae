package strictyaml

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// MaxDocument bounds a document, in bytes: much more than anybody writes by hand.
const MaxDocument = 1 << 20

// Fault is one thing that is wrong. Line is 0 when it is not known.
type Fault struct {
	Line int
	Path string // "plans.deploy.phases.install"; "" for the whole document
	Text string
}

func (f Fault) String() string {
	var parts []string
	if f.Line > 0 {
		parts = append(parts, fmt.Sprintf("line %d", f.Line))
	}
	if f.Path != "" {
		parts = append(parts, f.Path)
	}
	return strings.Join(append(parts, f.Text), ": ")
}

// Error is all that is wrong with a document, by line. It prints one fault a line.
type Error []Fault

func (e Error) Error() string {
	lines := make([]string, len(e))
	for i, f := range e {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// An Ordered map is one whose order of keys is kept: a type that unmarshals itself from a JSON object, in its order. Element gives the
// zero value of its values, so that they are checked as strictly as everything else.
type Ordered interface {
	json.Unmarshaler
	Element() any
}

// Decode reads data into the value that into points to, whose type says what is allowed. The error is an Error.
func Decode(data []byte, into any) error {
	r := &reader{}
	root := r.document(data)
	var out bytes.Buffer
	if root != nil {
		r.value(&out, root, reflect.TypeOf(into).Elem(), "")
	}
	if len(r.faults) == 0 {
		if err := json.Unmarshal(out.Bytes(), into); err != nil {
			r.add(nil, "", "%v", err)
		}
	}
	if len(r.faults) == 0 {
		return nil
	}
	slices.SortStableFunc(r.faults, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Text, b.Text))
	})
	return r.faults
}

// reader writes a document as JSON while it collects what is wrong with it.
type reader struct{ faults Error }

func (r *reader) add(at *yaml.Node, path, format string, args ...any) {
	f := Fault{Path: path, Text: fmt.Sprintf(format, args...)}
	if at != nil {
		f.Line = at.Line
	}
	r.faults = append(r.faults, f)
}

var lineOf = regexp.MustCompile(`^yaml: line (\d+): `)

// document gives the root of the only document in data, or nil and a fault.
func (r *reader) document(data []byte) *yaml.Node {
	if len(data) > MaxDocument {
		r.add(nil, "", "the document has %d bytes, at most %d are read", len(data), MaxDocument)
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := decoder.Decode(&doc); err != nil {
		r.syntax(err)
		return nil
	}
	if err := decoder.Decode(&more); err == nil {
		r.add(&more, "", "a second document begins here; only one is read")
		return nil
	} else if !errors.Is(err, io.EOF) {
		r.syntax(err)
		return nil
	}
	return doc.Content[0]
}

func (r *reader) syntax(err error) {
	if errors.Is(err, io.EOF) {
		r.add(nil, "", "the document is empty")
		return
	}
	text := err.Error()
	at := &yaml.Node{}
	if found := lineOf.FindStringSubmatch(text); found != nil {
		at.Line, _ = strconv.Atoi(found[1])
		text = text[len(found[0]):]
	}
	r.add(at, "", "not YAML: %s", strings.TrimPrefix(text, "yaml: "))
}

var (
	unmarshaler = reflect.TypeFor[json.Unmarshaler]()
	ordered     = reflect.TypeFor[Ordered]()
)

// value writes node as JSON for a Go value of type want.
func (r *reader) value(out *bytes.Buffer, node *yaml.Node, want reflect.Type, path string) {
	switch {
	case node.Kind == yaml.AliasNode || node.Anchor != "":
		r.add(node, path, "anchors and aliases are not allowed")
		return
	case node.Style&yaml.TaggedStyle != 0:
		r.add(node, path, "the tag %s is not allowed", node.Tag)
		return
	case node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null":
		r.add(node, path, "has no value, expected %s", describe(want))
		return
	}
	switch {
	case reflect.PointerTo(want).Implements(ordered):
		element := reflect.TypeOf(reflect.New(want).Interface().(Ordered).Element())
		r.mapping(out, node, path, want, func(string) (reflect.Type, bool) { return element, true })
	case reflect.PointerTo(want).Implements(unmarshaler):
		r.custom(out, node, want, path)
	case want.Kind() == reflect.Pointer:
		r.value(out, node, want.Elem(), path)
	case want.Kind() == reflect.Struct:
		fields := fieldsOf(want)
		r.mapping(out, node, path, want, func(key string) (reflect.Type, bool) { t, ok := fields[key]; return t, ok })
	case want.Kind() == reflect.Map:
		r.mapping(out, node, path, want, func(string) (reflect.Type, bool) { return want.Elem(), true })
	case want.Kind() == reflect.Slice:
		r.sequence(out, node, want, path)
	default:
		r.scalar(out, node, want, path)
	}
}

// mapping writes a YAML map; typeOf gives the type of a key's value, or says that the key is unknown.
func (r *reader) mapping(out *bytes.Buffer, node *yaml.Node, path string, want reflect.Type, typeOf func(string) (reflect.Type, bool)) {
	if node.Kind != yaml.MappingNode {
		r.wrongType(node, want, path)
		return
	}
	seen := map[string]int{}
	out.WriteByte('{')
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if key.Kind != yaml.ScalarNode || key.ShortTag() != "!!str" || key.Anchor != "" || key.Style&yaml.TaggedStyle != 0 {
			r.add(key, path, "a key must be plain text, not %s", found(key))
			continue
		}
		at := join(path, key.Value)
		if line, again := seen[key.Value]; again {
			r.add(key, at, "is here a second time; the first is in line %d", line)
			continue
		}
		if out.Len() > 0 && out.Bytes()[out.Len()-1] != '{' {
			out.WriteByte(',')
		}
		seen[key.Value] = key.Line
		of, known := typeOf(key.Value)
		if !known {
			r.add(key, at, "is unknown; expected one of %s", strings.Join(slices.Sorted(maps.Keys(fieldsOf(want))), ", "))
			continue
		}
		out.Write(quoted(key.Value))
		out.WriteByte(':')
		r.value(out, value, of, at)
	}
	out.WriteByte('}')
}

func (r *reader) sequence(out *bytes.Buffer, node *yaml.Node, want reflect.Type, path string) {
	if node.Kind != yaml.SequenceNode {
		r.wrongType(node, want, path)
		return
	}
	out.WriteByte('[')
	for i, item := range node.Content {
		if i > 0 {
			out.WriteByte(',')
		}
		r.value(out, item, want.Elem(), fmt.Sprintf("%s[%d]", path, i))
	}
	out.WriteByte(']')
}

// custom lets a type that unmarshals itself look at a scalar: its error is found here, with the line.
func (r *reader) custom(out *bytes.Buffer, node *yaml.Node, want reflect.Type, path string) {
	if node.Kind != yaml.ScalarNode {
		r.wrongType(node, want, path)
		return
	}
	text := quoted(node.Value)
	if err := reflect.New(want).Interface().(json.Unmarshaler).UnmarshalJSON(text); err != nil {
		r.add(node, path, "%v", err)
	}
	out.Write(text)
}

var decimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)

func (r *reader) scalar(out *bytes.Buffer, node *yaml.Node, want reflect.Type, path string) {
	if node.Kind != yaml.ScalarNode {
		r.wrongType(node, want, path)
		return
	}
	tag := node.ShortTag()
	switch kind := want.Kind(); {
	case kind == reflect.String && tag == "!!str":
		out.Write(quoted(node.Value))
	case kind == reflect.String && (tag == "!!int" || tag == "!!float" || tag == "!!bool" || tag == "!!timestamp"):
		r.add(node, path, "%s is %s, expected text: write it in quotes", node.Value, found(node))
	case kind == reflect.Bool && tag == "!!bool":
		out.WriteString(strings.ToLower(node.Value))
	case (kind >= reflect.Int && kind <= reflect.Uint64) && tag == "!!int":
		r.integer(out, node, want, path)
	case (kind == reflect.Float32 || kind == reflect.Float64) && (tag == "!!int" || tag == "!!float"):
		r.number(out, node, path)
	default:
		r.wrongType(node, want, path)
	}
}

func (r *reader) integer(out *bytes.Buffer, node *yaml.Node, want reflect.Type, path string) {
	if !decimal.MatchString(node.Value) || json.Unmarshal([]byte(node.Value), reflect.New(want).Interface()) != nil {
		r.add(node, path, "%s is not a plain decimal number that fits", node.Value)
	}
	out.WriteString(node.Value)
}

func (r *reader) number(out *bytes.Buffer, node *yaml.Node, path string) {
	number, err := strconv.ParseFloat(node.Value, 64)
	if err != nil || math.IsNaN(number) || math.IsInf(number, 0) {
		r.add(node, path, "%s is not a plain number", node.Value)
		return
	}
	out.WriteString(strconv.FormatFloat(number, 'g', -1, 64))
}

func (r *reader) wrongType(node *yaml.Node, want reflect.Type, path string) {
	r.add(node, path, "is %s, expected %s", found(node), describe(want))
}

// found says what a node is.
func found(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch node.ShortTag() {
	case "!!str":
		return fmt.Sprintf("the text %.60q", node.Value)
	case "!!int", "!!float":
		return "the number " + node.Value
	case "!!bool":
		return "the truth value " + node.Value
	case "!!null":
		return "nothing"
	case "!!timestamp":
		return "the date " + node.Value
	}
	return node.ShortTag()
}

// describe says what a type wants.
func describe(want reflect.Type) string {
	switch {
	case reflect.PointerTo(want).Implements(ordered):
		return "a map"
	case reflect.PointerTo(want).Implements(unmarshaler):
		return "a " + strings.ToLower(want.Name())
	}
	switch want.Kind() {
	case reflect.Pointer:
		return describe(want.Elem())
	case reflect.Struct, reflect.Map:
		return "a map"
	case reflect.Slice:
		return "a list"
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	}
	return "a whole number"
}

// fieldsOf gives the types of a struct's fields by their JSON name.
func fieldsOf(want reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for _, field := range reflect.VisibleFields(want) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.IsExported() && name != "-" && !(field.Anonymous && name == "") {
			fields[cmp.Or(name, field.Name)] = field.Type
		}
	}
	return fields
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func quoted(text string) []byte {
	out, _ := json.Marshal(text) // a string is always marshalled
	return out
}
