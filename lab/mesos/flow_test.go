package mesos

import (
	"bufio"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// segment is what one read of a proxy gave.
type segment struct {
	T          float64
	Connection int
	Direction  string
	Data       string // a rune is a byte
}

func (s segment) bytes() string {
	out := make([]byte, 0, len(s.Data))
	for _, r := range s.Data {
		out = append(out, byte(r))
	}
	return string(out)
}

// proxied makes steps of 17: mesos-execute subscribes on one connection and calls on another.
func (c *capture) proxied(file string) []step {
	first := c.Segments[0].Connection
	begin := c.T - c.Segments[len(c.Segments)-1].T
	base := step{file: file, number: file[:3], Name: c.Name, Stream: c.Name, To: "127.0.0.1:5050"}
	out := c.stream(base, begin, c.flow(first, "client->master"), c.flow(first, "master->client"))
	asked, answered := c.flow(first+1, "client->master"), c.flow(first+1, "master->client")
	for asked.rest() != "" {
		e := base
		e.Kind, e.Request, e.Response = "exchange", asked.request(), answered.response()
		e.T = begin + asked.time()
		out = append(out, e)
	}
	slices.SortStableFunc(out, func(x, y step) int { return cmp.Compare(x.T, y.T) })
	end := base
	end.Kind, end.T = "stream-closed", c.T
	return append(out, end)
}

// stream is the subscription and its events.
func (c *capture) stream(base step, begin float64, asked, answered *flow) []step {
	subscribe := base
	subscribe.Kind, subscribe.Request = "subscribe-head", asked.request()
	subscribe.T, subscribe.Response = begin+asked.time(), answered.response()
	out := []step{subscribe}
	for answered.rest() != "" {
		e := base
		line, _, _ := strings.Cut(answered.rest(), "\r\n")
		n, err := strconv.ParseInt(line, 16, 64)
		must(err)
		answered.take(len(line) + 2)
		_, record, _ := strings.Cut(answered.take(int(n)), "\n")
		answered.take(2)
		e.Kind, e.T = "event", begin+answered.time()
		if strings.HasPrefix(record, "{") {
			must(json.Unmarshal([]byte(record), &e.Event))
			e.Record = record
		} else {
			e.Base64 = base64.StdEncoding.EncodeToString([]byte(record))
		}
		out = append(out, e)
	}
	return out
}

// flow is what went through a connection in one direction, being read.
type flow struct {
	segments []segment
	text     string
	at       int
}

func (c *capture) flow(connection int, direction string) *flow {
	f := &flow{}
	for _, s := range c.Segments {
		if s.Connection == connection && s.Direction == direction {
			f.segments = append(f.segments, s)
			f.text += s.bytes()
		}
	}
	return f
}

func (f *flow) rest() string { return f.text[f.at:] }

func (f *flow) take(n int) string {
	f.at += n
	return f.text[f.at-n : f.at]
}

// time is when the last byte that was taken had come.
func (f *flow) time() float64 {
	end := 0
	for _, s := range f.segments {
		if end += len(s.bytes()); end >= f.at {
			return s.T
		}
	}
	return 0
}

func (f *flow) message() (line string, headers [][2]string, body string) {
	h, err := readHead(bufio.NewReader(strings.NewReader(f.rest())))
	must(err)
	f.take(strings.Index(f.rest(), "\r\n\r\n") + 4)
	n, _ := strconv.Atoi(h.get("Content-Length")) // a stream has none
	return h.line, h.headers, f.take(n)
}

func (f *flow) request() recordedRequest {
	line, headers, body := f.message()
	return recordedRequest{Line: line, Headers: headers, Base64: base64.StdEncoding.EncodeToString([]byte(body))}
}

func (f *flow) response() recordedResponse {
	line, headers, body := f.message()
	return recordedResponse{Line: line, Headers: headers, Body: body}
}
