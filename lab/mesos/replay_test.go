package mesos

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// story is how a recorded scenario is replayed: what the recording did besides its requests, and which steps are not for us.
type story struct {
	config   func(*Config)
	from, to string   // numbers of the first and last step; default all
	beyond   string   // why not
	masters  []string // addresses; default 127.0.0.1:5050
	agents   []string // hostnames in the order of their ids; default: as the recording's offers and answers name them
	tune     func(*AgentConfig)
	setup    func(*replay)
	acts     map[string]act    // before the step of that number
	skip     map[string]string // step number, or "NN-MM", or a part of the file's name → why
	loose    map[string]string // like skip, of steps whose answer is compared by status and headers only
	offers   string            // why the sums of offers differ
	phase    float64           // when allocation cycles fall, in fractions of the recorded second; default from the recording
}

// act is what the recording did to the cluster at a time: 0 is the time of the step.
type act struct {
	at float64
	do func(*replay)
}

// replay is one run of a recorded story against the emulator, in virtual time.
type replay struct {
	t        testing.TB
	from     library
	name     string
	steps    []step
	story    story
	net      *memnet
	m        *Master
	agents   map[string]*Agent // by hostname
	ids      *idents
	began    time.Time
	shift    time.Duration // how late the emulator is
	streams  map[string]*replayStream
	missed   []string // steps that did not hold
	verdicts map[string]verdict
	process  *played // of an executor's replay
	fast     float64 // the most that an event came too early, in seconds
	slow     float64
}

func (r *replay) fail(s *step, format string, args ...any) {
	r.missed = append(r.missed, fmt.Sprintf("%s: %s", s.file, fmt.Sprintf(format, args...)))
}

// at waits for a recorded time.
func (r *replay) at(seconds float64) {
	due := r.began.Add(time.Duration(seconds*float64(time.Second)) + r.shift)
	if wait := time.Until(due); wait > 0 {
		time.Sleep(wait)
	}
}

func reason(reasons map[string]string, s *step) string {
	for key, why := range reasons {
		from, to, ranged := strings.Cut(key, "-")
		if ranged && len(from) == 3 && len(to) == 3 {
			if s.number >= from && s.number <= to {
				return why
			}
		} else if s.number == key || strings.Contains(s.file, key) {
			return why
		}
	}
	return ""
}

// run goes through all steps.
func (r *replay) run() {
	for i := range r.steps {
		s := &r.steps[i]
		if a, ok := r.story.acts[s.number]; ok {
			at := a.at
			if at == 0 {
				at = s.T
			}
			r.at(at)
			a.do(r)
		}
		missed := len(r.missed)
		why := reason(r.story.skip, s)
		if !s.compared() || s.Env != nil {
			r.judge(s, verdict{how: "note"})
			continue
		}
		if why != "" {
			r.judge(s, verdict{"skipped", why})
			continue
		}
		switch s.Kind {
		case "subscribe-head":
			r.subscribe(s)
		case "exchange":
			r.exchange(s)
		case "event":
			r.event(s)
		case "stream-closed":
			r.closed(s)
		}
		switch why := reason(r.story.loose, s); {
		case len(r.missed) > missed:
			r.judge(s, verdict{how: "missed"})
		case why != "":
			r.judge(s, verdict{"loose", why})
		default:
			r.judge(s, verdict{how: "held"})
		}
	}
}

// compared says whether a file is more than the recorder's remark.
func (s *step) compared() bool {
	return s.Env != nil || slices.Contains([]string{"subscribe-head", "exchange", "event", "stream-closed"}, s.Kind)
}

// judge notes what became of a file; of several steps in it a miss counts.
func (r *replay) judge(s *step, v verdict) {
	if !s.compared() {
		v = verdict{how: "note"}
	}
	if old := r.verdicts[s.file]; old.how == "missed" || v.how == "note" && old.how != "" {
		return
	}
	r.verdicts[s.file] = v
}

// rest reports what the emulator sent and the recording has not. Heartbeats are not counted: some fall behind a recording's end.
func (r *replay) rest() {
	for name, st := range r.streams {
		st.drain()
		for _, e := range st.queue {
			switch eventType(e) {
			case "HEARTBEAT":
			case "OFFERS":
				offers, _ := path(e, "offers", "offers").([]any)
				for _, one := range offers {
					st.owe(path(one, "agent_id", "value"), one, -1)
				}
			default:
				text, _ := json.Marshal(e)
				r.missed = append(r.missed, fmt.Sprintf("stream %s: the emulator sent an event that is not recorded: %s", name, text))
			}
		}
		for what, amount := range st.owed {
			if math.Abs(amount) > 0.0005 && r.story.offers == "" {
				r.missed = append(r.missed, fmt.Sprintf("stream %s: offers of agent %s differ by %g from the recorded ones", name, what, -amount))
			}
		}
		st.conn.Close()
		for range st.records {
		}
	}
}

func (r *replay) dial(s *step) net.Conn {
	c, err := r.net.Dial(s.To)
	if err != nil {
		return nil
	}
	return c
}

func (r *replay) sendRequest(c net.Conn, s *step) error {
	body := bodyOf(s.Request.Body, s.Request.Base64)
	if own := r.ids.request(string(body)); s.Request.Base64 == "" || len(own) == len(body) { // within a message only in place
		body = []byte(own)
	}
	if s.Request.Line == "(raw bytes)" {
		_, err := c.Write(body)
		return err
	}
	headers := slices.Clone(s.Request.Headers)
	for i := range headers {
		headers[i][1] = r.ids.request(headers[i][1])
	}
	return writeRequest(c, r.ids.request(s.Request.Line), headers, body)
}

// sameHead compares status line, names and order of headers, and the values that are not times, ids or lengths.
func (r *replay) sameHead(s *step, h head, length bool) {
	if h.line != s.Response.Line {
		r.fail(s, "recorded %q, got %q", s.Response.Line, h.line)
	}
	var want, got []string
	for _, f := range s.Response.Headers {
		want = append(want, f[0])
	}
	for _, f := range h.headers {
		got = append(got, f[0])
	}
	if !slices.Equal(want, got) {
		r.fail(s, "recorded headers %v, got %v", want, got)
		return
	}
	for i, f := range s.Response.Headers {
		actual := h.headers[i][1]
		switch f[0] {
		case "Date":
			if _, err := http.ParseTime(actual); err != nil {
				r.fail(s, "Date is %q", actual)
			}
		case "Mesos-Stream-Id":
			if err := r.ids.learn(f[1], actual); err != nil {
				r.fail(s, "Mesos-Stream-Id: %v", err)
			}
		case "Content-Length":
			if length && f[1] != actual {
				r.fail(s, "recorded Content-Length %s, got %s", f[1], actual)
			}
		default:
			if f[1] != actual {
				r.fail(s, "recorded %s: %q, got %q", f[0], f[1], actual)
			}
		}
	}
}

func (r *replay) exchange(s *step) {
	r.at(s.T)
	c := r.dial(s)
	if c == nil {
		r.fail(s, "connection refused at %s", s.To)
		return
	}
	defer c.Close()
	if err := r.sendRequest(c, s); err != nil {
		r.fail(s, "%v", err)
		return
	}
	reader := bufio.NewReader(c)
	h, err := readHead(reader)
	if s.Response.Connection != "" {
		if err == nil {
			r.fail(s, "recorded no answer, got %q", h.line)
		}
		return
	}
	if err != nil {
		r.fail(s, "recorded %q, got %v", s.Response.Line, err)
		return
	}
	method, _, _ := strings.Cut(s.Request.Line, " ")
	body, err := readBody(reader, h, method)
	if err != nil {
		r.fail(s, "%v", err)
		return
	}
	r.sameAnswer(s, h, body)
	if s.ends {
		if _, err := reader.ReadByte(); err == nil {
			r.fail(s, "recorded the end of the connection, got more bytes")
		}
	}
}

func (r *replay) sameAnswer(s *step, h head, body []byte) {
	if reason(r.story.loose, s) != "" {
		r.sameHead(s, h, false)
		return
	}
	recorded := bodyOf(s.Response.Body, s.Response.Base64)
	if h.get("Content-Encoding") == "gzip" && len(recorded) > 0 {
		r.sameHead(s, h, false)
		r.sameJSON(s, gunzip(recorded), gunzip(body))
		return
	}
	if s.Response.Len > 0 || h.get("Content-Encoding") != "" {
		r.sameHead(s, h, false)
		return
	}
	if !strings.Contains(h.get("Content-Type"), "json") {
		r.sameHead(s, h, true)
		if err := r.ids.text(string(recorded), string(body)); err != nil {
			r.fail(s, "body: %v", err)
		}
		return
	}
	r.sameHead(s, h, false)
	r.sameJSON(s, recorded, body)
}

func gunzip(body []byte) []byte {
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil
	}
	out, err := io.ReadAll(z)
	if err != nil {
		return nil
	}
	return out
}

func (r *replay) sameJSON(s *step, recorded, body []byte) {
	var want, got any
	if json.Unmarshal(recorded, &want) != nil || json.Unmarshal(body, &got) != nil {
		r.fail(s, "body: recorded %s, got %s", recorded, body)
		return
	}
	if err := r.ids.same("", want, got); err != nil {
		r.fail(s, "body: %v", err)
	}
}
