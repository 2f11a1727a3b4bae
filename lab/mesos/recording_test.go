package mesos

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"
)

const trafficDir = "../../../shared/traffic/mesos"

// step is one recorded file.
type step struct {
	number   string // "007"
	file     string
	File     string // in a fixture
	Name     string
	Kind     string
	T        float64
	Elapsed  float64 `json:"elapsed_s"`
	To       string
	Stream   string
	Why      string
	Request  recordedRequest
	Response recordedResponse
	Record   string
	Base64   string `json:"record_base64"`
	Chunks   []struct {
		Line  string `json:"chunk_size_line"`
		Bytes int
	} `json:"http_chunks"`
	RecordIO int `json:"recordio_length"`
	Event    any
	Env      map[string]string
	Argv     []string

	untimed bool // T is when a capture ended
	ends    bool // the connection ended after the answer
}

type recordedRequest struct {
	Line    string
	Headers [][2]string
	Body    string
	Base64  string `json:"body_base64"`
}

type recordedResponse struct {
	Line       string
	Headers    [][2]string
	Body       string
	Base64     string `json:"body_base64"`
	Len        int    `json:"body_len"`
	Connection string
	Latency    float64 `json:"latency_s"`
}

func bodyOf(text, b64 string) []byte {
	if b64 != "" {
		body, err := base64.StdEncoding.DecodeString(b64)
		if err != nil {
			panic(err)
		}
		return body
	}
	return []byte(text)
}

// scenarios gives the names of the recorded scenarios, or skips the test when there are no recordings here.
func scenarios(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(trafficDir)
	if err != nil {
		t.Skipf("no recordings at %s: the checks of testdata stand alone", trafficDir)
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, e.Name())
		}
	}
	return out
}

// library finds a recorded scenario's steps.
type library func(name string) ([]step, error)

// fixture reads testdata: a scenario's files, or some of them, one in a line.
func fixture(name string) ([]step, error) {
	text, err := os.ReadFile(filepath.Join("testdata", name+".jsonl"))
	if err != nil {
		return nil, err
	}
	var out []step
	for line := range strings.Lines(string(text)) {
		s := step{}
		if err := json.Unmarshal([]byte(line), &s); err != nil {
			return nil, err
		}
		s.file = s.File
		s.number, _, _ = strings.Cut(s.file, "-")
		if s.Record != "" {
			if err := json.Unmarshal([]byte(s.Record), &s.Event); err != nil {
				return nil, err
			}
		}
		out = append(out, s)
	}
	for i := range out {
		sendEarlier(out[:i+1])
	}
	return out, nil
}

// recording reads a scenario of the recordings.
func recording(name string) ([]step, error) {
	dir := filepath.Join(trafficDir, name)
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	sort.Strings(files)
	var out []step
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		s := step{file: filepath.Base(file)}
		var raw struct{ Kind string }
		if err := json.Unmarshal(text, &raw); err != nil {
			return nil, err
		}
		if strings.HasSuffix(raw.Kind, "-capture") {
			steps, err := captureSteps(raw.Kind, dir, s.file, text)
			if err != nil {
				return nil, err
			}
			out = append(out, steps...)
			continue
		}
		if err := json.Unmarshal(text, &s); err != nil {
			return nil, err
		}
		s.number, _, _ = strings.Cut(s.file, "-")
		out = append(out, s)
	}
	for i := range out {
		sendEarlier(out[:i+1])
	}
	return out, nil
}

// sendEarlier moves the last step, a request, to where it was sent: its file was written when the answer was there, and events that
// it caused may have been written before. It stays behind the events that gave it its ids.
func sendEarlier(steps []step) {
	at := len(steps) - 1
	s := steps[at]
	if s.Kind != "exchange" && s.Kind != "subscribe-head" {
		return
	}
	s.T -= s.Elapsed + s.Response.Latency
	steps[at] = s
	for ; at > 0; at-- {
		before := &steps[at-1]
		if before.Kind != "event" || before.T < s.T-0.0015 && !answers(before, s) || gives(before, s) {
			return
		}
		steps[at-1], steps[at] = s, steps[at-1]
	}
}

// answers says whether an event acknowledges what an executor requests.
func answers(event *step, s step) bool {
	uuid, ok := path(event.Event, "acknowledged", "uuid").(string)
	return ok && strings.Contains(s.Request.Body, uuid)
}

// gives says whether a request holds an id that comes from an event: an offer's or a status's. What an executor requests comes from
// any event but an acknowledgement.
func gives(event *step, s step) bool {
	if strings.Contains(s.Request.Line, "/executor") {
		return eventType(event.Event) != "ACKNOWLEDGED"
	}
	for _, found := range newIDs.FindAllStringSubmatch(event.Record, -1) {
		if strings.Contains(s.Request.Body, found[2]) {
			return true
		}
	}
	return false
}

var newIDs = regexp.MustCompile(`"(id":\{"value|uuid)":"([0-9a-f-]{36}-O[0-9]+|[A-Za-z0-9+/]{22}==)"`)
