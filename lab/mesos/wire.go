package mesos

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gogo/protobuf/proto"

	"github.com/dcos-scaleio/scaleio/lab/mesos/internal/libprocess"
	"github.com/dcos-scaleio/scaleio/lab/mesos/internal/stout"
)

// mediaType is one of the two encodings of the v1 APIs.
type mediaType string

const (
	jsonType  mediaType = "application/json"
	protoType mediaType = "application/x-protobuf"
)

// encode writes a message; also applies to JSON only.
func (t mediaType) encode(msg proto.Message, also stout.Also) []byte {
	if t == jsonType {
		return also.Marshal(msg)
	}
	body, err := proto.Marshal(msg)
	if err != nil { // a required field of ours is missing: a bug that a test should meet
		panic(fmt.Sprintf("%T cannot be written: %v", msg, err))
	}
	return body
}

// accepts gives the type of the answer: JSON wins whenever it is acceptable; of q-values only 0 matters (08/013-037).
func accepts(h http.Header) (mediaType, bool) {
	accept := strings.ToLower(strings.Join(h.Values("Accept"), ","))
	if accept == "" {
		return jsonType, true
	}
	for _, t := range []mediaType{jsonType, protoType} {
		for part := range strings.SplitSeq(accept, ",") {
			name, params, _ := strings.Cut(part, ";")
			switch strings.TrimSpace(name) {
			case string(t), "application/*", "*/*":
				if !refusedByQ.MatchString(params) {
					return t, true
				}
			}
		}
	}
	return "", false
}

var refusedByQ = regexp.MustCompile(`(^|;)\s*q\s*=\s*0(\.0*)?\s*(;|$)`)

func answerText(status int, text string, before ...libprocess.Field) *libprocess.Response {
	header := append(before, libprocess.Field{Name: "Content-Type", Value: "text/plain; charset=utf-8"})
	return &libprocess.Response{Status: status, Header: header, Body: []byte(text)}
}

func badRequest(format string, args ...any) *libprocess.Response {
	return answerText(http.StatusBadRequest, fmt.Sprintf(format, args...))
}

func forbidden(text string) *libprocess.Response { return answerText(http.StatusForbidden, text) }
func unavailable(text string) *libprocess.Response {
	return answerText(http.StatusServiceUnavailable, text)
}
func notFound() *libprocess.Response { return answerText(http.StatusNotFound, "404 Not Found.") }

// bare is an answer without a body: 202 Accepted and 200 OK of calls.
func bare(status int) *libprocess.Response { return &libprocess.Response{Status: status} }

func methodNotAllowed(method string) *libprocess.Response {
	return answerText(http.StatusMethodNotAllowed,
		fmt.Sprintf("405 Method Not Allowed. Expecting one of { 'POST' }, but received '%s'.", method),
		libprocess.Field{Name: "Allow", Value: "POST"})
}

func notAcceptable() *libprocess.Response {
	return answerText(http.StatusNotAcceptable, "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'")
}

// answerCall is the answer of an operator API: Content-Type before Content-Length.
func answerCall(t mediaType, body []byte) *libprocess.Response {
	return &libprocess.Response{Status: http.StatusOK, Body: body, Gzip: t == jsonType,
		Header: []libprocess.Field{{Name: "Content-Type", Value: string(t)}}}
}

// answerPage is the answer of an old endpoint: Content-Length before Content-Type.
func answerPage(contentType string, body []byte) *libprocess.Response {
	return &libprocess.Response{Status: http.StatusOK, Body: body, Gzip: true,
		Header: []libprocess.Field{{Name: "Content-Length"}, {Name: "Content-Type", Value: contentType}}}
}

// readCall decodes the body of a call. typed says whether the call has a type at all (JSON: a name that the enum knows). The
// texts are those of Mesos's handlers, the same for scheduler, executor, master and agent.
func readCall(r *libprocess.Request, msg proto.Message, enum string, kind func() int32) (typed bool, refusal *libprocess.Response) {
	if r.Method != http.MethodPost {
		return false, methodNotAllowed(r.Method)
	}
	if _, ok := r.Header["Content-Type"]; !ok {
		return false, badRequest("Expecting 'Content-Type' to be present")
	}
	switch mediaType(r.Header.Get("Content-Type")) {
	case protoType:
		if err := proto.Unmarshal(r.Body, msg); err != nil {
			return false, badRequest("Failed to parse body into Call protobuf")
		}
		return kind() != 0, nil // UNKNOWN (0) and no type are one in mesos-go
	case jsonType:
		value, err := stout.Parse(r.Body)
		if err != nil {
			return false, badRequest("Failed to parse body into JSON: %v", err)
		}
		if err := stout.Fill(value, msg); err != nil {
			return false, badRequest("Failed to convert JSON into Call protobuf: %v", err)
		}
		return stout.Names(value, "type", enum), nil
	}
	return false, answerText(http.StatusUnsupportedMediaType, "Expecting 'Content-Type' of application/json or application/x-protobuf")
}

// events is one subscriber's stream: what it speaks, its heartbeats, and who counts its events. Guarded by Master.mu.
type events struct {
	id    string // Mesos-Stream-Id; empty for executors and operators
	media mediaType
	body  *libprocess.Stream
	also  stout.Also
	count func(kind string)
	beat  *time.Timer
	ended bool
}

// newEvents makes a stream; gone is called without the lock when the peer went away.
func newEvents(media mediaType, gone func(), count func(string)) *events {
	return &events{media: media, body: libprocess.NewStream(gone), count: count}
}

// response is the head: "Mesos-Stream-Id" before Content-Type, when there is one.
func (e *events) response() *libprocess.Response {
	var header []libprocess.Field
	if e.id != "" {
		header = append(header, libprocess.Field{Name: "Mesos-Stream-Id", Value: e.id})
	}
	header = append(header, libprocess.Field{Name: "Content-Type", Value: string(e.media)})
	return &libprocess.Response{Status: http.StatusOK, Header: header, Stream: e.body}
}

func (e *events) send(kind string, msg proto.Message) {
	e.count(kind)
	e.body.Send(e.media.encode(msg, e.also))
}

// heartbeat sends beat every interval from now on.
func (e *events) heartbeat(m *Master, interval time.Duration, beat func()) {
	e.beat = m.after(interval, func() {
		if !e.ended {
			beat()
			e.beat.Reset(interval)
		}
	})
}

// stop ends the heartbeats.
func (e *events) stop() {
	e.ended = true
	if e.beat != nil {
		e.beat.Stop()
	}
}

// end closes the stream with its last chunk; the connection stays.
func (e *events) end() {
	e.stop()
	e.body.End()
}

// cut breaks the connection.
func (e *events) cut() {
	e.stop()
	e.body.Break()
}

// durationText prints a duration as stout does: 15mins, 2secs, 1.5secs.
func durationText(d time.Duration) string {
	units := []struct {
		unit time.Duration
		name string
	}{{7 * 24 * time.Hour, "weeks"}, {24 * time.Hour, "days"}, {time.Hour, "hrs"}, {time.Minute, "mins"}, {time.Second, "secs"},
		{time.Millisecond, "ms"}, {time.Microsecond, "us"}, {time.Nanosecond, "ns"}}
	for _, u := range units {
		if d >= u.unit {
			return strconv.FormatFloat(float64(d)/float64(u.unit), 'g', 15, 64) + u.name
		}
	}
	return "0ns"
}
