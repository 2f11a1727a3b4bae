package mesos

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/gogo/protobuf/proto"
	"github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/dcos-scaleio/scaleio/lab/mesos/internal/stout"
)

type replayStream struct {
	conn    net.Conn
	records chan record
	media   string
	queue   []any // events that came and were not asked for yet
	came    []time.Time
	ended   string
	owed    map[string]float64 // offers that did not match one by one
}

func (r *replay) subscribe(s *step) {
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
