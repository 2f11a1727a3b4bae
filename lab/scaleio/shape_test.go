package scaleio_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/dcos-scaleio/scaleio/lab/scaleio"
)

// realFields is rest-2.6-real-fields.json: what a real VxFlex OS 2.6.11000.113 answered to GET /api/instances.
type realFields map[string]struct {
	Fields map[string]any // JSON types: a list, or of the system one
	Rels   []string
}

// TestShapeOfReal26 holds every object to a real system: the same fields with the same JSON types, the same links, no more, no less.
func TestShapeOfReal26(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(traffic, "scaleio/rest-2.6-real-fields.json"))
	if err != nil {
		t.Skipf("no recordings here: %v", err)
	}
	var file map[string]json.RawMessage
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	var top []string
	if err := json.Unmarshal(file["top"], &top); err != nil {
		t.Fatal(err)
	}
	real := realFields{}
	for name, part := range file {
		one := real[name]
		if name != "top" && name != "_source" {
			if err := json.Unmarshal(part, &one); err != nil {
				t.Fatal(name, err)
			}
			real[name] = one
		}
	}
	whole := wholeOf26(t)
	for _, name := range top {
		if _, there := whole[name]; !there {
			t.Errorf("GET /api/instances lacks %s", name)
		}
	}
	for name := range whole {
		if !slices.Contains(top, name) {
			t.Errorf("GET /api/instances has %s, a real one has not", name)
		}
	}
	for name, want := range real {
		objects, isList := whole[name].([]any)
		if !isList {
			objects = []any{whole[name]}
		}
		for _, object := range objects {
			for _, d := range shapeDifferences(object.(map[string]any), want.Fields, want.Rels) {
				t.Errorf("%s: %s", name, d)
			}
		}
	}
}

// wholeOf26 is GET /api/instances of a system with one of everything.
func wholeOf26(t *testing.T) map[string]any {
	s := scaleio.New(scaleio.Config{APIVersion: "2.6", MDMs: []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}})
	if err := s.Load(small()); err != nil {
		t.Fatal(err)
	}
	for _, one := range small().SDSs {
		s.StartSDS(one.IPs[0], nil)
	}
	if _, err := s.ConnectSDC("271BAD82-08EE-44F2-A2B1-7E2787C27BE1", "10.0.0.11", nil); err != nil {
		t.Fatal(err)
	}
	c := newClient(t, s)
	c.act("Volume", s.Snapshot().Volumes[0].ID, "addMappedSdc", o{"allSdcs": "TRUE"})
	r := httptest.NewRequest("GET", "/api/instances", nil)
	r.Header.Set("Authorization", login(t, s))
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	var whole map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &whole); err != nil {
		t.Fatal(err, w.Body.String())
	}
	return whole
}

var jsonTypes = map[string]string{"str": "a string", "int": "a number", "bool": "a boolean", "dict": "an object", "list": "a list", "null": "null"}

func shapeDifferences(object map[string]any, fields map[string]any, rels []string) []string {
	var all []string
	for name, types := range fields {
		value, there := object[name]
		if !there {
			all = append(all, "lacks "+name)
			continue
		}
		var allowed []string
		switch types := types.(type) {
		case string:
			allowed = []string{jsonTypes[types]}
		case []any:
			for _, one := range types {
				allowed = append(allowed, jsonTypes[one.(string)])
			}
		}
		if got := kindOf(value); !slices.Contains(allowed, got) {
			all = append(all, fmt.Sprintf("%s is %s, of a real one %s", name, got, strings.Join(allowed, " or ")))
		}
	}
	for name := range object {
		if _, real := fields[name]; !real && name != "links" {
			all = append(all, "has "+name+", a real one has not")
		}
	}
	var have []string
	links, _ := object["links"].([]any)
	for _, link := range links {
		have = append(have, link.(map[string]any)["rel"].(string))
	}
	slices.Sort(have)
	slices.Sort(rels)
	if !slices.Equal(have, rels) {
		all = append(all, fmt.Sprintf("has links %q, a real one %q", have, rels))
	}
	return all
}
