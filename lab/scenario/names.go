package scenario

import (
	"reflect"
	"slices"
	"strings"
)

// Names lists the fields of an action that are set; a valid one has exactly one.
func (a Action) Names() []string {
	var set []string
	v := reflect.ValueOf(a)
	for i := range v.NumField() {
		if !v.Field(i).IsZero() {
			set = append(set, v.Type().Field(i).Tag.Get("yaml"))
		}
	}
	return set
}

// Keys lists every key of the language by the type that it stands in, as docs/lab.md documents them: "agents: count".
func Keys() []string {
	var all []string
	seen := map[reflect.Type]bool{}
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
			t = t.Elem()
		}
		if t.Kind() != reflect.Struct || seen[t] {
			return
		}
		seen[t] = true
		for i := range t.NumField() {
			f := t.Field(i)
			all = append(all, strings.ToLower(t.Name())+"."+f.Tag.Get("yaml"))
			walk(f.Type)
		}
	}
	walk(reflect.TypeFor[Scenario]())
	slices.Sort(all)
	return all
}
