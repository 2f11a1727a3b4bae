package backup_test

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/state"
	"github.com/dcos-scaleio/scaleio/framework/state/backup"
)

var ctx = context.Background()

func filled(t interface{ Fatal(...any) }, values map[string]string) *state.Memory {
	m := state.NewMemory()
	for key, value := range values {
		if err := m.Commit(ctx, state.Write{Key: key, Value: []byte(value)}); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

func content(t interface{ Fatal(...any) }, s state.Store) map[string]string {
	all, err := s.List(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	for key, value := range all {
		texts[key] = string(value)
	}
	return texts
}

func TestADumpIsReadableAndRestoresTheSame(t *testing.T) {
	values := map[string]string{"framework": `{"id":"f-1"}`, "node/a": `{"name":"a<b>"}`, "odd": "\x00\xff", "empty": "", "spaced": `{"a": 1}`, "null": "null"}
	var file bytes.Buffer
	if err := backup.Dump(ctx, filled(t, values), &file); err != nil {
		t.Fatal(err)
	}
	want := `{"scaleio-state":1,"keys":6}
{"key":"empty","base64":""}
{"key":"framework","value":{"id":"f-1"}}
{"key":"node/a","value":{"name":"a<b>"}}
{"key":"null","value":null}
{"key":"odd","base64":"AP8="}
{"key":"spaced","base64":"eyJhIjogMX0="}
`
	if diff := cmp.Diff(want, file.String()); diff != "" {
		t.Error(diff)
	}
	to := state.NewMemory()
	if n, err := backup.Restore(ctx, to, &file, false); n != 6 || err != nil {
		t.Fatal(n, err)
	}
	if diff := cmp.Diff(values, content(t, to)); diff != "" {
		t.Error(diff)
	}
}

func TestAnyStoreComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.MapOf(rapid.StringMatching(`[a-z]{1,8}(/[ -.0-~]{3,9})?`), rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{`{"a":[1,"<&>"]}`, `"\u2028"`, `1e5`}))).Draw(t, "values")
		var file bytes.Buffer
		if err := backup.Dump(ctx, filled(t, values), &file); err != nil {
			t.Fatal(err)
		}
		to := state.NewMemory()
		if _, err := backup.Restore(ctx, to, &file, false); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(values, content(t, to)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestAStoreThatHoldsSomethingIsRefused(t *testing.T) {
	const dump = `{"scaleio-state":1,"keys":1}` + "\n" + `{"key":"a","value":1}` + "\n"
	to := filled(t, map[string]string{"a": "0", "b": "2"})
	if _, err := backup.Restore(ctx, to, strings.NewReader(dump), false); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "-force") {
		t.Errorf("without force: %v", err)
	}
	if diff := cmp.Diff(map[string]string{"a": "0", "b": "2"}, content(t, to)); diff != "" {
		t.Error(diff)
	}
	if n, err := backup.Restore(ctx, to, strings.NewReader(dump), true); n != 1 || err != nil {
		t.Errorf("with force: %d, %v", n, err)
	}
	if diff := cmp.Diff(map[string]string{"a": "1"}, content(t, to)); diff != "" {
		t.Error(diff)
	}
}

func TestADamagedDumpChangesNothing(t *testing.T) {
	const head = `{"scaleio-state":1,"keys":2}` + "\n"
	for dump, want := range map[string]string{
		"":                             "first line",
		"\x00\x01":                     "first line",
		`{"keys":0}`:                   "first line",
		`{"scaleio-state":2,"keys":0}`: "format 2",
		head + `{"key":"a","value":1}`: "a part of it is missing",
		head + `{"key":"a","value":1}` + "\n" + `{"key":"b","val`:                    "line 3",
		head + `{"key":"a","value":1,"base64":""}` + "\n" + `{"key":"b","value":1}`:  "line 2",
		head + `{"key":"a","value":1}` + "\n" + `{"key":"a","value":1}`:              "written twice",
		head + `{"key":"a//b","value":1}` + "\n" + `{"key":"b","value":1}`:           "double slash",
		head + `{"key":"a","value":1} {}` + "\n" + `{"key":"b","value":1}`:           "line 2",
		head + `{"value":1}` + "\n" + `{"key":"b","value":1}`:                        "names no key",
		head + `{"key":"` + strings.Repeat("x", 8*state.MaxValue) + `"}` + "\n" + ``: "line 2",
	} {
		to := state.NewMemory()
		_, err := backup.Restore(ctx, to, strings.NewReader(dump), true)
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%.80q: %v, want %q", dump, err, want)
		}
		if got := content(t, to); len(got) != 0 {
			t.Errorf("%.80q wrote %v", dump, got)
		}
	}
}

func FuzzRestore(f *testing.F) {
	f.Add([]byte(`{"scaleio-state":1,"keys":1}` + "\n" + `{"key":"a","value":1}`))
	f.Add([]byte(`{"scaleio-state":1,"keys":1}` + "\n" + `{"key":"a","base64":"AA=="}`))
	f.Fuzz(func(t *testing.T, dump []byte) {
		to := state.NewMemory()
		n, err := backup.Restore(ctx, to, bytes.NewReader(dump), false)
		if got := content(t, to); err == nil && len(got) != n || err != nil && len(got) != 0 {
			t.Fatalf("%d keys, %v, holds %v", n, err, got)
		}
	})
}
