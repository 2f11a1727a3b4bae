package stout

import (
	"cmp"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gogo/protobuf/proto"
)

type kind int

const (
	kindMessage kind = iota
	kindString
	kindBytes
	kindEnum
	kindBool
	kindDouble
	kindInt
	kindUint
)

// field is one protobuf field of a generated Go struct.
type field struct {
	name     string // as in the .proto file
	tag      int
	index    int // of the struct field
	kind     kind
	elem     reflect.Type // the Go type of one value: no pointer, no slice
	required bool
	repeated bool
	isMap    bool
	preset   string // the default, when it is to be printed although the field is unset
	hasDef   bool
	enum     string
}

// message is a generated Go struct: its fields in declaration order, by name, and in number order.
type message struct {
	fields   []field
	byName   map[string]int
	byNumber []int
	name     string
}

// deprecatedDefaults are the fields whose default stout does not print, because their .proto says deprecated=true.
var deprecatedDefaults = map[string]bool{"FrameworkInfo.role": true, "Resource.role": true}

// newerEnums are the values that Mesos 1.12 knows and mesos-go v0.0.11 does not (reference/mesos-go.md §2.2).
var newerEnums = map[string]map[string]int32{"mesos.MasterInfo_Capability_Type": {"QUOTA_V2": 3}}

var types sync.Map // reflect.Type → *message

func messageOf(t reflect.Type) *message {
	if m, ok := types.Load(t); ok {
		return m.(*message)
	}
	m, _ := types.LoadOrStore(t, newMessage(t))
	return m.(*message)
}

func newMessage(t reflect.Type) *message {
	m := &message{byName: map[string]int{}, name: t.Name()}
	for i := range t.NumField() {
		tag := t.Field(i).Tag.Get("protobuf")
		if tag == "" {
			continue
		}
		f := newField(t.Field(i), tag)
		f.index = i
		f.hasDef = f.hasDef && !deprecatedDefaults[t.Name()+"."+f.name]
		m.byName[f.name] = len(m.fields)
		m.byNumber = append(m.byNumber, len(m.fields))
		m.fields = append(m.fields, f)
	}
	slices.SortFunc(m.byNumber, func(a, b int) int { return cmp.Compare(m.fields[a].tag, m.fields[b].tag) })
	return m
}

func newField(s reflect.StructField, tag string) field {
	parts := strings.Split(tag, ",")
	number, _ := strconv.Atoi(parts[1]) // generated
	f := field{tag: number, required: parts[2] == "req", repeated: parts[2] == "rep", elem: s.Type}
	for _, part := range parts[3:] {
		switch key, value, _ := strings.Cut(part, "="); key {
		case "name":
			f.name = value
		case "enum":
			f.enum = value
		case "def":
			f.preset, f.hasDef = value, true
		}
	}
	if s.Type.Kind() == reflect.Map {
		f.isMap = true
	}
	f.elem, f.kind = elemOf(s.Type, f.repeated && !f.isMap, f.enum != "")
	return f
}

func elemOf(t reflect.Type, repeated, enum bool) (reflect.Type, kind) {
	if t.Kind() == reflect.Map || repeated {
		t = t.Elem()
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case enum:
		return t, kindEnum
	case t.Kind() == reflect.Struct:
		return t, kindMessage
	case t.Kind() == reflect.Slice:
		return t, kindBytes
	case t.Kind() == reflect.String:
		return t, kindString
	case t.Kind() == reflect.Bool:
		return t, kindBool
	case t.Kind() == reflect.Float64:
		return t, kindDouble
	case t.Kind() == reflect.Uint32 || t.Kind() == reflect.Uint64:
		return t, kindUint
	default:
		return t, kindInt
	}
}

// present says whether the field of this struct value is set, and gives its value without a pointer.
func (f *field) present(v reflect.Value) (reflect.Value, bool) {
	fv := v.Field(f.index)
	switch fv.Kind() {
	case reflect.Pointer:
		if fv.IsNil() {
			return fv, false
		}
		return fv.Elem(), true
	case reflect.Slice, reflect.Map:
		if f.required { // required bytes
			return fv, true
		}
		return fv, !fv.IsNil() && (fv.Len() > 0 || !f.repeated)
	default: // a value that cannot be absent, unless it is an optional enum at its zero (UNKNOWN)
		return fv, f.required || f.kind != kindEnum || fv.Int() != 0
	}
}

var enumNames sync.Map // enum type → map[int32]string

func enumName(enum string, value int32) string {
	names, ok := enumNames.Load(enum)
	if !ok {
		byValue := map[int32]string{}
		for _, known := range []map[string]int32{proto.EnumValueMap(enum), newerEnums[enum]} {
			for name, value := range known {
				byValue[value] = name
			}
		}
		names, _ = enumNames.LoadOrStore(enum, byValue)
	}
	return names.(map[int32]string)[value]
}

func enumValue(enum, name string) (int32, bool) {
	if value, ok := proto.EnumValueMap(enum)[name]; ok {
		return value, true
	}
	value, ok := newerEnums[enum][name]
	return value, ok
}
