package mesos

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gogo/protobuf/proto"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/dcos-scaleio/scaleio/lab/mesos/internal/stout"
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
	name     string
	dir      string
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

type replayStream struct {
	conn    net.Conn
	records chan record
	media   string
	queue   []any // events that came and were not asked for yet
	came    []time.Time
	ended   string
	owed    map[string]float64 // offers that did not match one by one
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

func (r *replay) now() float64 { return (time.Since(r.began) - r.shift).Seconds() }

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
	r.ready(s)
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

func (r *replay) subscribe(s *step) {
	r.ready(s)
	r.at(s.T)
	name := strings.TrimSuffix(s.Name, "-HEAD")
	c := r.dial(s)
	if c == nil {
		r.fail(s, "connection refused at %s", s.To)
		return
	}
	if err := r.sendRequest(c, s); err != nil {
		r.fail(s, "%v", err)
		return
	}
	reader := bufio.NewReader(c)
	h, err := readHead(reader)
	if err != nil {
		r.fail(s, "%v", err)
		return
	}
	if !strings.Contains(h.line, "200") || h.get("Transfer-Encoding") == "" {
		body, err := readBody(reader, h, "POST")
		if err != nil {
			r.fail(s, "%v", err)
			return
		}
		r.sameHead(s, h, true)
		if err := r.ids.text(s.Response.Body, string(body)); err != nil {
			r.fail(s, "body: %v", err)
		}
		c.Close()
		return
	}
	r.sameHead(s, h, false)
	st := &replayStream{conn: c, records: make(chan record, 10000), media: h.get("Content-Type")}
	r.streams[name] = st
	go readRecords(reader, st.records)
}

func (st *replayStream) take(rec record) {
	switch {
	case rec.end != "":
		st.ended = rec.end
		return
	case rec.split:
		st.queue, st.came = append(st.queue, map[string]any{"type": "SPLIT"}), append(st.came, time.Now())
		return
	}
	body := rec.body
	if st.media == "application/x-protobuf" {
		var e scheduler.Event
		if err := proto.Unmarshal(body, &e); err != nil {
			body = []byte(`{"type":"UNREADABLE"}`)
		} else {
			body = stout.Marshal(&e)
		}
	}
	var e any
	if err := json.Unmarshal(body, &e); err != nil {
		e = map[string]any{"type": "UNREADABLE"}
	}
	st.queue, st.came = append(st.queue, e), append(st.came, time.Now())
}

func (st *replayStream) drain() {
	for {
		select {
		case rec, ok := <-st.records:
			if !ok {
				return
			}
			st.take(rec)
		default:
			return
		}
	}
}

// wait waits for one more record until the deadline.
func (st *replayStream) wait(deadline time.Time) bool {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case rec, ok := <-st.records:
		if !ok {
			return false
		}
		st.take(rec)
		return true
	case <-timer.C:
		return false
	}
}

func eventType(e any) string {
	m, _ := e.(map[string]any)
	kind, _ := m["type"].(string)
	return kind
}

func path(e any, keys ...string) any {
	for _, k := range keys {
		m, _ := e.(map[string]any)
		e = m[k]
	}
	return e
}

// lane is what an event must stay in order with: offers, heartbeats, the updates of one task, everything else.
func lane(e any) string {
	switch kind := eventType(e); kind {
	case "OFFERS", "HEARTBEAT":
		return kind
	case "UPDATE":
		return fmt.Sprint("UPDATE ", path(e, "update", "status", "task_id", "value"))
	case "TASK_UPDATED":
		return fmt.Sprint("UPDATE ", path(e, "task_updated", "status", "task_id", "value"))
	case "TASK_ADDED":
		return fmt.Sprint("UPDATE ", path(e, "task_added", "task", "task_id", "value"))
	case "ACKNOWLEDGED":
		return fmt.Sprint("ACKNOWLEDGED ", path(e, "acknowledged", "task_id", "value"))
	default:
		return ""
	}
}

// patience is how much later than recorded an event may come; offers wait for a cycle that falls elsewhere.
const (
	patience      = 1500 * time.Millisecond
	offerPatience = 1050 * time.Millisecond
)

// late lets what follows wait as well when the emulator took longer than the recording, so that the pauses in between stay.
func (r *replay) late(s *step) {
	if s.untimed {
		return
	}
	if late := time.Since(r.began) - r.shift - time.Duration(s.T*float64(time.Second)); late > 20*time.Millisecond {
		r.shift += late
	}
}

func (r *replay) event(s *step) {
	if s.Record == "" && s.Base64 != "" {
		st := &replayStream{}
		if r.streams[s.Stream] != nil {
			st.media = r.streams[s.Stream].media
		}
		st.take(record{body: bodyOf("", s.Base64)})
		s.Event = st.queue[0]
	}
	st := r.streams[s.Stream]
	if st == nil {
		r.fail(s, "stream %s does not exist", s.Stream)
		return
	}
	if eventType(s.Event) == "HEARTBEAT" && !s.untimed && len(st.came) > 0 && r.heartbeat(s, st) {
		return
	}
	wait := patience
	if eventType(s.Event) == "OFFERS" {
		wait = offerPatience
	}
	deadline := r.began.Add(time.Duration(s.T*float64(time.Second)) + r.shift + wait)
	var first error
	for tried := 0; ; {
		for ; tried < len(st.queue); tried++ {
			e := st.queue[tried]
			if lane(e) != lane(s.Event) {
				continue
			}
			try := r.ids.clone()
			if err := try.same(eventType(e), s.Event, e); err != nil {
				if first == nil {
					first = err
				}
				if kind := eventType(e); kind == "OFFERS" || kind == "RESCIND" {
					continue // the emulator may have bundled or split them, or takes several offers back in another order
				}
				r.fail(s, "%v", first)
				st.remove(tried)
				return
			}
			r.ids = try
			r.timing(s, st.came[tried])
			st.remove(tried)
			r.late(s)
			return
		}
		if !st.wait(deadline) {
			break
		}
	}
	r.late(s)
	if eventType(s.Event) == "OFFERS" {
		r.offers(s, st)
		return
	}
	if first == nil {
		first = fmt.Errorf("it did not come (stream %s)", s.Stream)
	}
	r.fail(s, "%v", first)
}

func (st *replayStream) remove(i int) {
	st.queue, st.came = slices.Delete(st.queue, i, i+1), slices.Delete(st.came, i, i+1)
}

// timing notes how far from the recorded time an event came; being late shifts what follows.
func (r *replay) timing(s *step, came time.Time) {
	late := came.Sub(r.began).Seconds() - r.shift.Seconds() - s.T
	if kind := eventType(s.Event); kind != "OFFERS" && kind != "HEARTBEAT" && !s.untimed {
		r.slow, r.fast = max(r.slow, late), max(r.fast, -late)
		if late < -1.1 || late > 1.1 {
			r.fail(s, "recorded at %.2f s, came %.2f s off", s.T, late)
		}
	}
}

// heartbeat: any heartbeat within a second of the recorded one serves.
func (r *replay) heartbeat(s *step, st *replayStream) bool {
	r.at(s.T + 1)
	st.drain()
	for i, e := range st.queue {
		if eventType(e) == "HEARTBEAT" {
			off := st.came[i].Sub(r.began).Seconds() - r.shift.Seconds() - s.T
			if off > -1.5 && off < 1.5 {
				st.remove(i)
				return true
			}
		}
	}
	return false
}

// offers: the emulator may have put the offers of one recorded event into several, or several into one, or cut an agent's resources
// into offers elsewhere, because its cycle fell before or after a task's end. What is owed is settled per agent at the end.
func (r *replay) offers(s *step, st *replayStream) {
	recorded, _ := path(s.Event, "offers", "offers").([]any)
	for _, want := range recorded {
		if r.oneOffer(st, want) {
			continue
		}
		agent := path(want, "agent_id", "value")
		st.owe(agent, want, 1)
		for _, e := range st.queue { // requests about the recorded offer go to the emulator's
			offers, _ := path(e, "offers", "offers").([]any)
			for _, got := range offers {
				if path(got, "agent_id", "value") == agent {
					_ = r.ids.learn(path(want, "id", "value").(string), path(got, "id", "value").(string))
				}
			}
		}
	}
}

// owe adds an offer's scalars to what the recording (+1) or the emulator (-1) offered beyond the other.
func (st *replayStream) owe(agent, offer any, sign float64) {
	resources, _ := path(offer, "resources").([]any)
	for _, one := range resources {
		if amount, ok := path(one, "scalar", "value").(float64); ok {
			key := fmt.Sprint(agent, " ", path(one, "name"), " ", path(one, "role"))
			if st.owed == nil {
				st.owed = map[string]float64{}
			}
			st.owed[key] += sign * amount
		}
	}
}

func (r *replay) oneOffer(st *replayStream, want any) bool {
	for i, e := range st.queue {
		if eventType(e) != "OFFERS" {
			continue
		}
		offers, _ := path(e, "offers", "offers").([]any)
		for j, got := range offers {
			try := r.ids.clone()
			if try.same("offers", want, got) != nil {
				continue
			}
			r.ids = try
			offers = slices.Delete(slices.Clone(offers), j, j+1)
			if len(offers) == 0 {
				st.remove(i)
			} else {
				st.queue[i] = map[string]any{"type": "OFFERS", "offers": map[string]any{"offers": offers}}
			}
			return true
		}
	}
	return false
}

// ready waits until every id in a request is known: an offer that the recording had may not have come yet.
func (r *replay) ready(*step) {}

func (r *replay) closed(s *step) {
	st := r.streams[s.Stream]
	if st == nil {
		r.fail(s, "stream %s does not exist", s.Stream)
		return
	}
	r.at(s.T)
	st.drain()
	if strings.HasPrefix(s.Why, "terminating chunk") {
		deadline := time.Now().Add(time.Second)
		for st.ended == "" && st.wait(deadline) {
		}
		if st.ended != "chunk" {
			r.fail(s, "recorded the last chunk, got %q", st.ended)
		}
		return
	}
	// The connection ended: by the recording's client, unless the emulator ended it.
	if st.ended == "chunk" {
		r.fail(s, "recorded the end of the connection, got the last chunk")
	}
	st.conn.Close()
}

// play plays an executor from its side's recording, which the executor's environment names.
func (r *replay) play(l Launch, p *played) {
	name := ""
	for _, v := range l.Env {
		if value, ok := strings.CutPrefix(v, "REC_EXEC_NAME="); ok {
			name = value
		}
	}
	steps, err := readScenario(filepath.Join(trafficDir, name))
	if err != nil || len(steps) == 0 {
		p.exit(exited(1))
		return
	}
	side := &replay{t: r.t, name: name, steps: steps, story: executorStories[name], net: r.net, m: r.m, agents: r.agents, ids: r.ids.clone(),
		began: time.Now(), streams: map[string]*replayStream{}, verdicts: map[string]verdict{}, process: p}
	side.environment(&steps[0], l)
	side.run()
	for _, st := range side.streams {
		st.conn.Close()
	}
	side.rest()
	sides.add(side)
	p.exit(side.exitStatus())
}

// exitStatus: exec-1 was told to exit and did so with 7 (03/102); the others left with 0.
func (r *replay) exitStatus() int {
	if r.name == "03-custom-executor-executor-side" {
		return exited(7)
	}
	return 0
}

// environment compares what the emulator's agent sets with what the recorded one did. PWD and LC_CTYPE are the shell's and Python's.
func (r *replay) environment(s *step, l Launch) {
	got := map[string]string{}
	for _, v := range l.Env {
		name, value, _ := strings.Cut(v, "=")
		got[name] = value
	}
	want := maps.Clone(s.Env)
	delete(want, "PWD")
	if w, g := slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)); !slices.Equal(w, g) {
		r.fail(s, "recorded environment %v, got %v", w, g)
		return
	}
	for name, value := range want {
		r.ids.strip = workRoot
		if err := r.ids.text(value, got[name]); err != nil {
			r.fail(s, "%s: %v", name, err)
		}
	}
	r.judge(s, verdict{how: "held"})
}

// sides collects the replays of executors.
var sides sideReplays

type sideReplays struct {
	mu   sync.Mutex
	done []*replay
}

func (s *sideReplays) add(r *replay) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = append(s.done, r)
}

func (s *sideReplays) drain() []*replay {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.done
	s.done = nil
	return out
}
