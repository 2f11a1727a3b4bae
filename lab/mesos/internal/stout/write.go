package stout

import (
	"encoding/base64"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Also asks the writer for what a handler of Mesos prints although the protobuf message does not hold it.
type Also struct {
	Empty map[string][]string // message name → repeated fields printed as [] when empty
	Extra map[string]string   // message name → JSON members appended: `"checkpoint":true`
}

// Marshal writes msg (a generated struct or a pointer to one) as jsonify(JSON::Protobuf(msg)) does.
func Marshal(msg any) []byte { return Also{}.Marshal(msg) }

// Marshal writes msg with the additions of a.
func (a Also) Marshal(msg any) []byte {
	return a.append(nil, reflect.Indirect(reflect.ValueOf(msg)))
}

func (a Also) append(out []byte, v reflect.Value) []byte {
	m := messageOf(v.Type())
	empties := a.Empty[m.name]
	start := len(out)
	out = append(out, '{')
	key := func(name string) {
		if len(out) > start+1 {
			out = append(out, ',')
		}
		out = append(AppendString(out, name), ':')
	}
	for i := range m.fields {
		f := &m.fields[i]
		value, set := f.present(v)
		switch {
		case set:
			key(f.name)
			out = a.field(out, f, value)
		case f.repeated && slices.Contains(empties, f.name):
			key(f.name)
			out = append(out, "[]"...)
		case f.hasDef:
			key(f.name)
			out = f.appendPreset(out)
		}
	}
	if extra := a.Extra[m.name]; extra != "" {
		if len(out) > start+1 {
			out = append(out, ',')
		}
		out = append(out, extra...)
	}
	return append(out, '}')
}

func (a Also) field(out []byte, f *field, v reflect.Value) []byte {
	switch {
	case f.isMap:
		out = append(out, '{')
		for i, key := range slices.Sorted(maps.Keys(keysOf(v))) {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(AppendString(out, key), ':')
			out = a.value(out, f, v.MapIndex(reflect.ValueOf(key)))
		}
		return append(out, '}')
	case f.repeated:
		out = append(out, '[')
		for i := range v.Len() {
			if i > 0 {
				out = append(out, ',')
			}
			out = a.value(out, f, reflect.Indirect(v.Index(i)))
		}
		return append(out, ']')
	}
	return a.value(out, f, v)
}

func keysOf(v reflect.Value) map[string]bool {
	keys := make(map[string]bool, v.Len())
	for _, key := range v.MapKeys() {
		keys[key.String()] = true
	}
	return keys
}

func (a Also) value(out []byte, f *field, v reflect.Value) []byte {
	switch f.kind {
	case kindMessage:
		return a.append(out, v)
	case kindString:
		return AppendString(out, v.String())
	case kindBytes:
		return AppendString(out, base64.StdEncoding.EncodeToString(v.Bytes()))
	case kindEnum:
		return AppendString(out, enumName(f.enum, int32(v.Int())))
	case kindBool:
		return strconv.AppendBool(out, v.Bool())
	case kindDouble:
		return AppendDouble(out, v.Float())
	case kindUint:
		return strconv.AppendUint(out, v.Uint(), 10)
	default:
		return strconv.AppendInt(out, v.Int(), 10)
	}
}

func (f *field) appendPreset(out []byte) []byte {
	switch f.kind {
	case kindBool:
		return strconv.AppendBool(out, f.preset == "1")
	case kindDouble:
		value, _ := strconv.ParseFloat(f.preset, 64) // generated
		return AppendDouble(out, value)
	case kindEnum:
		value, _ := strconv.ParseInt(f.preset, 10, 32) // generated
		return AppendString(out, enumName(f.enum, int32(value)))
	case kindString:
		return AppendString(out, f.preset)
	default:
		return append(out, f.preset...)
	}
}

// AppendDouble writes a double as rapidjson does: shortest digits, always with a fraction or an exponent.
func AppendDouble(out []byte, value float64) []byte {
	digits := strconv.FormatFloat(value, 'e', -1, 64)
	mantissa, exponent, _ := strings.Cut(digits, "e")
	power, _ := strconv.Atoi(exponent)
	if power >= 21 || power < -6 {
		return strconv.AppendInt(append(append(out, mantissa...), 'e'), int64(power), 10)
	}
	start := len(out)
	out = strconv.AppendFloat(out, value, 'f', -1, 64)
	if !slices.Contains(out[start:], '.') {
		out = append(out, ".0"...)
	}
	return out
}

const hex = "0123456789ABCDEF"

// AppendString writes a JSON string as rapidjson does: only quotes, backslashes and control characters are escaped.
func AppendString(out []byte, text string) []byte {
	out = append(out, '"')
	for i := range len(text) {
		switch c := text[i]; c {
		case '"', '\\':
			out = append(out, '\\', c)
		case '\b':
			out = append(out, `\b`...)
		case '\f':
			out = append(out, `\f`...)
		case '\n':
			out = append(out, `\n`...)
		case '\r':
			out = append(out, `\r`...)
		case '\t':
			out = append(out, `\t`...)
		default:
			if c < ' ' {
				out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			} else {
				out = append(out, c)
			}
		}
	}
	return append(out, '"')
}

// Text writes msg in protobuf's text format, fields by number, as Mesos puts a whole message into an error text.
func Text(msg any) string {
	var out strings.Builder
	text(&out, reflect.Indirect(reflect.ValueOf(msg)), "")
	return out.String()
}

func text(out *strings.Builder, v reflect.Value, indent string) {
	m := messageOf(v.Type())
	for _, at := range m.byNumber {
		f := &m.fields[at]
		value, set := f.present(v)
		switch {
		case !set || f.isMap:
		case f.repeated:
			for i := range value.Len() {
				f.text1(out, reflect.Indirect(value.Index(i)), indent)
			}
		default:
			f.text1(out, value, indent)
		}
	}
}

func (f *field) text1(out *strings.Builder, v reflect.Value, indent string) {
	if f.kind == kindMessage {
		fmt.Fprintf(out, "%s%s {\n", indent, f.name)
		text(out, v, indent+"  ")
		fmt.Fprintf(out, "%s}\n", indent)
		return
	}
	var value string
	switch f.kind {
	case kindString:
		value = quoted(v.String())
	case kindBytes:
		value = quoted(string(v.Bytes()))
	case kindEnum:
		value = enumName(f.enum, int32(v.Int()))
	case kindDouble:
		value = strconv.FormatFloat(v.Float(), 'g', 15, 64)
	default:
		value = fmt.Sprint(v.Interface())
	}
	fmt.Fprintf(out, "%s%s: %s\n", indent, f.name, value)
}

// quoted is protobuf's CEscape: octal for what is not printable ASCII.
func quoted(s string) string {
	var out strings.Builder
	out.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\n':
			out.WriteString(`\n`)
		case c == '\r':
			out.WriteString(`\r`)
		case c == '\t':
			out.WriteString(`\t`)
		case c == '"' || c == '\'' || c == '\\':
			out.WriteByte('\\')
			out.WriteByte(c)
		case c < ' ' || c >= utf8.RuneSelf || c == 0x7f:
			fmt.Fprintf(&out, `\%03o`, c)
		default:
			out.WriteByte(c)
		}
	}
	out.WriteByte('"')
	return out.String()
}
