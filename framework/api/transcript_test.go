package api_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/mux"

	"github.com/dcos-scaleio/scaleio/framework/api"
)

var update = flag.Bool("update", false, "rewrite the transcripts; read the difference")

// actions are what a transcript may let happen ("@ name").
var actions = map[string]func(w *world){
	"register":      (*world).register,
	"offer":         (*world).offer,
	"deploy":        (*world).deploy,
	"wait 3s":       func(w *world) { w.pass(3 * time.Second) },
	"gateway fails": func(w *world) { w.gateway = errGateway },
	"agent-02 cannot install": func(w *world) {
		w.hosts[1].fails = "dpkg -i /tmp/sds.deb: exit status 1: 100% of the disk is used"
	},
	"executors die": func(w *world) { w.dies = true },
	"agent-04 joins": func(w *world) {
		w.join(agent(4, "agent-04", disk("/dev/xvdf", "")))
		w.offer()
		w.pass(3 * time.Second)
	},
	"stopping": func(w *world) { w.away = true },
}

// TestTranscripts asks the API over a real core. "> " is a request, with a body after its target; below it stands the answer.
func TestTranscripts(t *testing.T) {
	seen := map[[2]string][]int{}
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, string(text), seen)
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(text), got); diff != "" && !*update {
				t.Errorf("-transcript +answer; rewrite with -update and read the difference\n%s", diff)
			}
		})
	}
	checkPage(t, seen)
}

func replay(t *testing.T, text string, seen map[[2]string][]int) string {
	executor := filepath.Join(t.TempDir(), "scaleio-executor")
	if err := os.WriteFile(executor, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	w := three(t)
	h := w.handler(map[string]string{"scaleio-executor": executor, "lost": executor + ".gone"})
	var out strings.Builder
	for _, line := range strings.Split(text, "\n") {
		mark, rest, _ := strings.Cut(line, " ")
		switch {
		case mark == "#":
			fmt.Fprintln(&out, line)
		case mark == "@":
			do := actions[rest]
			if do == nil {
				t.Fatalf("unknown action %q", rest)
			}
			fmt.Fprintln(&out, line)
			do(w)
		case mark == ">":
			fmt.Fprintln(&out, line)
			fmt.Fprintln(&out, exchange(h, rest, seen))
		}
	}
	return out.String()
}

// exchange gives the answer to "METHOD target body".
func exchange(h http.Handler, request string, seen map[[2]string][]int) string {
	method, target, _ := strings.Cut(request, " ")
	target, body, _ := strings.Cut(target, " ")
	r := ask(h, method, target, body)
	if row, ok := rowOf(method, target); ok && !slices.Contains(seen[row], r.Code) {
		seen[row] = append(seen[row], r.Code)
	}
	head := fmt.Sprintf("%d %s", r.Code, r.Header().Get("Content-Type"))
	if allow := r.Header().Get("Allow"); allow != "" {
		head += ", allow " + allow
	}
	return strings.TrimRight(head+"\n"+r.Body.String(), "\n")
}

// rowOf finds the endpoint of a request.
func rowOf(method, target string) ([2]string, bool) {
	request, err := http.NewRequest(method, target, nil)
	if err != nil {
		return [2]string{}, false
	}
	router := mux.NewRouter().SkipClean(true)
	for _, route := range api.Routes() {
		router.NewRoute().Methods(route[0]).Path(route[1]).Name(route[0] + " " + route[1])
	}
	var match mux.RouteMatch
	if !router.Match(request, &match) || match.MatchErr != nil {
		return [2]string{}, false
	}
	of, path, _ := strings.Cut(match.Route.GetName(), " ")
	return [2]string{of, path}, true
}
