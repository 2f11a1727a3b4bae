package api_test

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/dcos-scaleio/scaleio/framework/api"
)

// row is an endpoint's line in docs/api.md: | GET | `/path` | 200 404 | what |
var row = regexp.MustCompile("(?m)^\\| (GET|POST) \\| `([^`]*)` \\| ([0-9 ]+) \\| .+ \\|$")

// page reads the endpoints of docs/api.md and their codes.
func page(t *testing.T) map[[2]string][]int {
	t.Helper()
	text, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	all := map[[2]string][]int{}
	for _, fields := range row.FindAllStringSubmatch(string(text), -1) {
		key := [2]string{fields[1], fields[2]}
		if all[key] != nil {
			t.Errorf("docs/api.md has %v twice", key)
		}
		for _, code := range strings.Fields(fields[3]) {
			n, _ := strconv.Atoi(code)
			all[key] = append(all[key], n)
		}
	}
	return all
}

func TestPageHasEveryEndpoint(t *testing.T) {
	written := page(t)
	for _, route := range api.Routes() {
		if written[route] == nil {
			t.Errorf("docs/api.md does not tell of %s %s", route[0], route[1])
		}
		delete(written, route)
	}
	for route := range written {
		t.Errorf("docs/api.md tells of %s %s, which is not served", route[0], route[1])
	}
}

// everywhere are the codes that docs/api.md gives once for all endpoints.
var everywhere = []int{403, 405, 503}

// checkPage holds the codes that the transcripts saw against the page, both ways.
func checkPage(t *testing.T, seen map[[2]string][]int) {
	for route, codes := range page(t) {
		for _, code := range codes {
			if !slices.Contains(seen[route], code) && !elsewhere[route] {
				t.Errorf("docs/api.md gives %d for %s %s, and no transcript shows it", code, route[0], route[1])
			}
		}
		for _, code := range seen[route] {
			if !slices.Contains(codes, code) && !slices.Contains(everywhere, code) {
				t.Errorf("%s %s answered %d, which docs/api.md does not tell", route[0], route[1], code)
			}
		}
	}
}

// elsewhere are the endpoints whose answers are no texts for a transcript; they have tests of their own.
var elsewhere = map[[2]string]bool{
	{"GET", "/"}: true, {"GET", "/ui"}: true, {"GET", "/v1/scaleio/events"}: true, {"GET", "/v1/metrics/prometheus"}: true,
	{"GET", "/artifacts/{name}"}: true, {"POST", "/v1/plans/{plan}/start"}: true,
}
