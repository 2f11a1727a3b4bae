package templates

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"text/template"
	"unicode/utf8"

	"github.com/Masterminds/sprig/v3"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/options"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

//go:embed *.yml.tmpl
var files embed.FS

// all are the parsed templates; they are ours, so that a fault in them is known before anything runs.
var all = template.Must(template.New("").Option("missingkey=error").Funcs(sprig.HermeticTxtFuncMap()).
	Funcs(template.FuncMap{"yaml": yaml}).ParseFS(files, "*.yml.tmpl"))

// Service gives the spec that follows from the options: rendered, parsed and validated.
func Service(o *options.Options) ([]byte, *spec.Service, error) {
	rendered, err := Render(string(o.Pools.Mode), o)
	if err != nil {
		return nil, nil, err
	}
	s, err := spec.Parse(rendered)
	if err != nil { // not the operator's fault: options cannot break the form
		return nil, nil, fault.New(fault.Internal, "template "+string(o.Pools.Mode), "", "rendered to what is no spec: %w", err)
	}
	if err := spec.Validate(s); err != nil {
		return nil, nil, err
	}
	return rendered, s, nil
}

// Render gives svc.yml for a pool mode.
func Render(mode string, o *options.Options) ([]byte, error) {
	name := mode + ".yml.tmpl"
	if mode == "parts" || all.Lookup(name) == nil {
		return nil, fault.New(fault.Invalid, "pool mode "+mode, "", "there is no template for it")
	}
	var out bytes.Buffer
	if err := all.ExecuteTemplate(&out, name, o); err != nil {
		return nil, fault.New(fault.Invalid, "template "+mode, "render", "%w", err)
	}
	return out.Bytes(), nil
}

// yaml writes a value so that YAML reads exactly it.
func yaml(value any) (string, error) {
	if size, ok := value.(spec.Size); ok {
		return size.Exact(), nil
	}
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.String:
		return quote(v.String())
	case reflect.Slice:
		items := make([]string, v.Len())
		for i := range items {
			item, err := yaml(v.Index(i).Interface())
			if err != nil {
				return "", err
			}
			items[i] = item
		}
		return "[" + strings.Join(items, ", ") + "]", nil
	case reflect.Bool, reflect.Int, reflect.Float64:
		out, err := json.Marshal(value)
		return string(out), err
	}
	return "", fmt.Errorf("a %T cannot be written into the spec", value)
}

// quote gives a double-quoted scalar of printable ASCII; everything else is escaped, so that no line break or byte order mark of any kind
// stands in the document.
func quote(text string) (string, error) {
	if !utf8.ValidString(text) {
		return "", errors.New("a value is not valid UTF-8")
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r >= ' ' && r <= '~':
			b.WriteRune(r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			fmt.Fprintf(&b, `\U%08X`, r)
		}
	}
	b.WriteByte('"')
	return b.String(), nil
}
