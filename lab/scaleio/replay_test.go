package scaleio_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"

	"github.com/dcos-scaleio/scaleio/lab/scaleio"
)

// traffic is where the recordings lie, beside the checkout.
const traffic = "../../../shared/traffic"

// exchange is one recorded request with its answer; traffic/scaleio and traffic/rexray name some fields differently.
type exchange struct {
	Step            string
	Method, Path    string
	Auth            string            // rexray
	Headers         map[string]string // scaleio: with Authorization as "Basic b64(user:token)"
	Body            any
	Status          int
	RespContentType string
	Resp            any
	RespText        string
	Response        any // rexray
}

func readRecording(name string) ([]exchange, error) {
	raw, err := os.ReadFile(filepath.Join(traffic, name))
	if err != nil {
		return nil, err
	}
	var all []exchange
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return all, nil
}

// player replays requests in order. What the recording calls by one id or token, the emulator calls by another: learnt from answers.
type player struct {
	handler http.Handler
	ours    map[string]string // recorded id or token → the emulator's
}

func newPlayer(s *scaleio.System) *player { return &player{s.Handler(), map[string]string{}} }

var idText = regexp.MustCompile(`\b[0-9a-f]{16}\b`)

func (p *player) translate(text string) string {
	return idText.ReplaceAllStringFunc(text, func(id string) string {
		if our, there := p.ours[id]; there {
			return our
		}
		return id
	})
}

var basicText = regexp.MustCompile(`^Basic b64\((.*?):(.*)\)$`)

// authorization of a recorded request, with the emulator's token for the recorded one.
func (p *player) authorization(e exchange) string {
	header := e.Headers["Authorization"]
	if m := basicText.FindStringSubmatch(header); m != nil {
		return basic(m[1], p.token(m[2]))
	}
	if token, bearer := strings.CutPrefix(header, "Bearer "); bearer {
		return "Bearer " + p.token(token)
	}
	return header
}

func (p *player) token(recorded string) string {
	if our, there := p.ours[recorded]; there {
		return our
	}
	return recorded
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

type reply struct {
	status      int
	contentType string
	text        string
	value       any // parsed, if it is JSON
}

func (p *player) send(e exchange, authorization string) reply {
	var body strings.Builder
	if e.Body != nil {
		raw, err := json.Marshal(e.Body)
		if err != nil {
			panic(err)
		}
		body.WriteString(p.translate(string(raw)))
	}
	r := httptest.NewRequest(e.Method, p.translate(e.Path), strings.NewReader(body.String()))
	for name, value := range e.Headers {
		r.Header.Set(name, value)
	}
	r.Header.Del("Authorization")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	answer := reply{status: w.Code, contentType: w.Header().Get("Content-Type"), text: w.Body.String()}
	if err := json.Unmarshal(w.Body.Bytes(), &answer.value); err != nil {
		answer.value = nil
	}
	return answer
}

// difference is something in an answer that the recording has otherwise.
type difference struct {
	where string // "StoragePool.sparePercentage"
	what  string
}

func (d difference) String() string { return d.where + ": " + d.what }

// compare lists what the emulator's answer has otherwise: keys that it lacks, other JSON types, other values. It learns ids.
func (p *player) compare(where string, recorded, ours any) []difference {
	differ := func(format string, args ...any) []difference {
		return []difference{{where, fmt.Sprintf(format, args...)}}
	}
	switch want := recorded.(type) {
	case map[string]any:
		got, ok := ours.(map[string]any)
		if !ok {
			return differ("is %s, recorded an object", kindOf(ours))
		}
		return p.compareObjects(where, want, got)
	case []any:
		got, ok := ours.([]any)
		if !ok {
			return differ("is %s, recorded a list", kindOf(ours))
		}
		if strings.HasSuffix(where, ".links") {
			return p.compareLinks(where, want, got)
		}
		if len(want) != len(got) {
			return differ("has %d entries, recorded %d", len(got), len(want))
		}
		var all []difference
		for i := range want {
			all = append(all, p.compare(where, want[i], got[i])...)
		}
		return all
	case string:
		got, ok := ours.(string)
		if !ok {
			return differ("is %s, recorded a string", kindOf(ours))
		}
		if p.learn(where, want, got); p.translate(want) != got {
			return differ("is %q, recorded %q", got, want)
		}
		return nil
	}
	if kindOf(recorded) != kindOf(ours) {
		return differ("is %s, recorded %s", kindOf(ours), kindOf(recorded))
	}
	if recorded != ours && !timeField.MatchString(where) {
		return differ("is %v, recorded %v", ours, recorded)
	}
	return nil
}

// Fields whose values are times, and those whose values name one object each.
var (
	timeField = regexp.MustCompile(`\.(creationTime|daysInstalled)$`)
	idField   = regexp.MustCompile(`(^|\.)(id|installId|volumeIdList|snapshotGroupId|vtreeId|queryIdByKey)$`)
)

func (p *player) learn(where, recorded, ours string) {
	if idField.MatchString(where) && idText.MatchString(recorded) {
		if _, known := p.ours[recorded]; !known {
			p.ours[recorded] = ours
		}
	}
}

func (p *player) compareObjects(where string, want, got map[string]any) []difference {
	names := make([]string, 0, len(want))
	for name := range want {
		names = append(names, name)
	}
	// ids first and links last: links and references are compared by ids.
	sort.Slice(names, func(i, j int) bool { return rank(names[i])+names[i] < rank(names[j])+names[j] })
	var all []difference
	for _, name := range names {
		value, there := got[name]
		if !there {
			all = append(all, difference{where + "." + name, "is missing"})
			continue
		}
		all = append(all, p.compare(where+"."+name, want[name], value)...)
	}
	return all
}

// compareLinks wants every recorded link; more are fine.
func (p *player) compareLinks(where string, want, got []any) []difference {
	have := map[string]string{}
	for _, one := range got {
		link := one.(map[string]any)
		have[link["rel"].(string)] = link["href"].(string)
	}
	var all []difference
	for _, one := range want {
		link := one.(map[string]any)
		rel, href := link["rel"].(string), link["href"].(string)
		if _, there := have[rel]; !there {
			all = append(all, difference{where, "lack " + rel})
		} else if p.translate(href) != have[rel] {
			all = append(all, difference{where, fmt.Sprintf("%s is %s, recorded %s", rel, have[rel], p.translate(href))})
		}
	}
	return all
}

func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case float64:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "a list"
	}
	return "an object"
}

// subject names what an answer is about, so that differences read the same wherever they show.
func subject(e exchange) string {
	path := regexp.MustCompile(`::[^/]+`).ReplaceAllString(strings.TrimPrefix(e.Path, "/api/"), "")
	parts := strings.Split(path, "/")
	switch {
	case strings.HasSuffix(path, "queryMdmCluster"):
		return "mdmCluster"
	case len(parts) >= 2 && parts[len(parts)-2] == "action":
		return parts[len(parts)-1]
	case len(parts) == 4 && parts[2] == "relationships" && parts[3] == "Statistics":
		return parts[1] + "Statistics"
	case len(parts) == 4 && parts[2] == "relationships" && parts[3] == "SpSds":
		return "Sds"
	case len(parts) == 4 && parts[2] == "relationships":
		return parts[3]
	case len(parts) >= 2:
		return parts[1]
	}
	return path
}

func rank(name string) string {
	switch name {
	case "id":
		return "0"
	case "links":
		return "2"
	}
	return "1"
}
