package stout

//lint:file-ignore ST1005 These texts go over the wire as Mesos writes them.

import (
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Fill puts a parsed JSON value into msg, a pointer to a generated struct. Its errors are what Mesos answers after
// "Failed to convert JSON into Call protobuf: ".
func Fill(value any, msg any) error {
	object, ok := value.(Object)
	if !ok {
		return errors.New("Expecting a JSON object")
	}
	var missing []string
	if err := fill(object, reflect.ValueOf(msg).Elem(), "", &missing); err != nil {
		return err
	}
	if len(missing) > 0 {
		return fmt.Errorf("Missing required fields: %s", strings.Join(missing, ", "))
	}
	return nil
}

// Names says whether the field of the JSON object holds the name of a value that the enum has: what has_<field>() would say.
func Names(value any, field, enum string) bool {
	object, _ := value.(Object)
	name, ok := object[field].(string)
	if ok {
		_, ok = enumValue(enum, name)
	}
	return ok
}

// fill goes through the keys in sorted order (std::map) and appends the paths of missing required fields: own ones in declaration
// order first, then those of sub-messages by field number, as InitializationErrorString does.
func fill(object Object, v reflect.Value, path string, missing *[]string) error {
	m := messageOf(v.Type())
	below := make(map[int][]string)
	set := make(map[int]bool)
	for _, key := range slices.Sorted(maps.Keys(object)) {
		at, ok := m.byName[key]
		if !ok || object[key] == nil { // unknown fields are ignored, null is unset
			continue
		}
		f := &m.fields[at]
		var lacks []string
		was, err := f.fill(object[key], v.Field(f.index), path+f.name, &lacks)
		if err != nil {
			return err
		}
		set[at], below[at] = was, lacks
	}
	for at := range m.fields {
		if m.fields[at].required && !set[at] {
			*missing = append(*missing, path+m.fields[at].name)
		}
	}
	for _, at := range m.byNumber {
		*missing = append(*missing, below[at]...)
	}
	return nil
}

// fill sets the Go field v from a JSON value and says whether it is set now.
func (f *field) fill(value any, v reflect.Value, path string, missing *[]string) (bool, error) {
	if list, ok := value.([]any); ok {
		if !f.repeated || f.isMap {
			return false, fmt.Errorf("Not expecting a JSON array for field '%s'", f.name)
		}
		for _, item := range list {
			if item == nil {
				continue
			}
			if err := f.add(item, v, path, missing); err != nil {
				return false, err
			}
		}
		return true, nil
	}
	switch {
	case f.isMap:
		return true, f.fillMap(value, v, path, missing)
	case f.repeated:
		return true, f.add(value, v, path, missing)
	}
	one := reflect.New(f.elem).Elem()
	ok, err := f.one(value, one, path+".", missing)
	if err != nil || !ok {
		return false, err
	}
	if v.Kind() == reflect.Pointer {
		v.Set(one.Addr())
	} else {
		v.Set(one)
	}
	return true, nil
}

func (f *field) add(value any, v reflect.Value, path string, missing *[]string) error {
	one := reflect.New(f.elem).Elem()
	ok, err := f.one(value, one, fmt.Sprintf("%s[%d].", path, v.Len()), missing)
	if err != nil || !ok {
		return err
	}
	if v.Type().Elem().Kind() == reflect.Pointer {
		one = one.Addr()
	}
	v.Set(reflect.Append(v, one))
	return nil
}

func (f *field) fillMap(value any, v reflect.Value, path string, missing *[]string) error {
	object, ok := value.(Object)
	if !ok {
		return f.unexpected(value)
	}
	v.Set(reflect.MakeMap(v.Type()))
	for _, key := range slices.Sorted(maps.Keys(object)) {
		one := reflect.New(f.elem).Elem()
		if _, err := f.one(object[key], one, path+"["+key+"].", missing); err != nil {
			return err
		}
		v.SetMapIndex(reflect.ValueOf(key), one)
	}
	return nil
}

// one sets a single value; false without an error is an enum name that nobody knows.
func (f *field) one(value any, v reflect.Value, path string, missing *[]string) (bool, error) {
	switch value := value.(type) {
	case Object:
		if f.kind != kindMessage {
			return false, f.unexpected(value)
		}
		return true, fill(value, v, path, missing)
	case string:
		return f.text(value, v)
	case Number:
		return true, f.number(value, v)
	case bool:
		if f.kind != kindBool {
			return false, f.unexpected(value)
		}
		v.SetBool(value)
		return true, nil
	}
	return false, f.unexpected(value)
}

func (f *field) unexpected(value any) error {
	what := map[reflect.Kind]string{reflect.Map: "object", reflect.Slice: "array", reflect.Bool: "boolean"}[reflect.ValueOf(value).Kind()]
	switch value.(type) {
	case string:
		what = "string"
	case Number:
		what = "number"
	}
	return fmt.Errorf("Not expecting a JSON %s for field '%s'", what, f.name)
}

func (f *field) text(text string, v reflect.Value) (bool, error) {
	switch f.kind {
	case kindString:
		v.SetString(text)
	case kindBytes:
		bytes, err := decode64(text)
		if err != nil {
			return false, fmt.Errorf("Failed to base64 decode bytes field '%s': %w", f.name, err)
		}
		v.SetBytes(bytes)
	case kindEnum:
		value, ok := enumValue(f.enum, text)
		if !ok && f.required {
			return false, fmt.Errorf("Failed to find enum for '%s'", text)
		}
		v.SetInt(int64(value))
		return ok, nil
	case kindDouble, kindInt, kindUint:
		return true, f.quotedNumber(text, v)
	case kindBool:
		value, err := Parse([]byte(text))
		flag, ok := value.(bool)
		if err == nil && !ok {
			err = errors.New("Unexpected JSON type parsed")
		}
		if err != nil {
			return false, fmt.Errorf("Failed to parse '%s' as a JSON boolean for field '%s': %w", text, f.name, err)
		}
		v.SetBool(flag)
	default:
		return false, f.unexpected(text)
	}
	return true, nil
}

// quotedNumber reads a number inside a string, which stout accepts.
func (f *field) quotedNumber(text string, v reflect.Value) error {
	switch {
	case f.kind == kindDouble && text == "Infinity":
		v.SetFloat(math.Inf(1))
		return nil
	case f.kind == kindDouble && text == "-Infinity":
		v.SetFloat(math.Inf(-1))
		return nil
	}
	value, err := Parse([]byte(text))
	number, ok := value.(Number)
	if err == nil && !ok {
		err = errors.New("Unexpected JSON type parsed")
	}
	if err != nil {
		return fmt.Errorf("Failed to parse '%s' as a JSON number for field '%s': %w", text, f.name, err)
	}
	return f.number(number, v)
}

func (f *field) number(number Number, v reflect.Value) error {
	switch f.kind {
	case kindDouble:
		value, _ := strconv.ParseFloat(string(number), 64) // checked by the parser; ±Inf when out of range
		v.SetFloat(value)
	case kindInt:
		value, err := strconv.ParseInt(string(number), 10, 64)
		if err != nil {
			float, _ := strconv.ParseFloat(string(number), 64)
			value = int64(float)
		}
		v.SetInt(value)
	case kindUint:
		value, err := strconv.ParseUint(string(number), 10, 64)
		if err != nil {
			float, _ := strconv.ParseFloat(string(number), 64)
			value = uint64(float)
		}
		v.SetUint(value)
	default:
		return f.unexpected(number)
	}
	return nil
}

// decode64 is stout's base64::decode: blanks are skipped, padding ends the text and may be missing.
func decode64(text string) ([]byte, error) {
	text, _, _ = strings.Cut(text, "=")
	var clean strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c == ' ' || c >= '\t' && c <= '\r':
		case c == '+' || c == '/' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z':
			clean.WriteByte(c)
		default:
			return nil, fmt.Errorf("Invalid character '%c'", c)
		}
	}
	digits := clean.String()
	if len(digits)%4 == 1 { // six bits are no byte
		digits = digits[:len(digits)-1]
	}
	return base64.RawStdEncoding.DecodeString(digits)
}
