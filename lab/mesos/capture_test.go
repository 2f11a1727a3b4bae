package mesos

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
)

// capture is what the recorder kept of raw connections: whole requests, and what came until it had seen enough.
type capture struct {
	Scenario string
	Name     string
	T        float64
	Request  string
	Head     string `json:"response_head"`
	After    string `json:"after_head_base64"`
	EOF      bool
	Records  []struct {
		Base64 string
	}
	Segments []segment
}

func captureSteps(kind, dir, file string, text []byte) ([]step, error) {
	var c capture
	if err := json.Unmarshal(text, &c); err != nil {
		return nil, err
	}
	switch kind {
	case "raw-capture":
		return c.steps(file), nil
	case "tcp-capture":
		return c.proxied(file), nil
	}
	return c.protoSteps(dir, file)
}

// The recorder read streams for that long; a capture's time is the end of it.
const (
	captured      = 2.5
	protoCaptured = 4.0
)

// steps makes a capture into what the replay knows: an exchange, or a subscription with its events.
func (c *capture) steps(file string) []step {
	base := step{file: file, number: file[:3], Name: c.Name, T: c.T, To: "127.0.0.1:5050", untimed: true}
	base.Request.Line, base.Request.Body = "(raw bytes)", c.Request
	lines := strings.Split(c.Head, "\r\n")
	base.Response.Line = lines[0]
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		base.Response.Headers = append(base.Response.Headers, [2]string{name, value})
	}
	if !strings.Contains(c.Head, "chunked") {
		base.Kind, base.ends = "exchange", c.EOF
		base.Response.Base64 = c.After
		return []step{base}
	}
	subscribe := base
	subscribe.Kind, subscribe.T = "subscribe-head", c.T-captured
	out := []step{subscribe}
	records := make(chan record, 100)
	readRecords(bufio.NewReader(strings.NewReader(string(bodyOf("", c.After)))), records)
	for r := range records {
		if r.end == "" {
			e := base
			e.Kind, e.Stream, e.Record = "event", c.Name, string(r.body)
			must(json.Unmarshal(r.body, &e.Event))
			out = append(out, e)
		}
	}
	end := base
	end.Kind, end.Stream = "stream-closed", c.Name
	return append(out, end)
}

// protoSteps is the same of 14-protobuf, whose one stream spans several files.
func (c *capture) protoSteps(dir, file string) ([]step, error) {
	const stream = "protobuf"
	var out []step
	if c.Head != "" {
		request, err := os.ReadFile(filepath.Join(dir, "subscribe-request-full.bin"))
		if err != nil {
			return nil, err
		}
		subscribe := (&capture{Name: stream, T: c.T - protoCaptured + captured, Request: string(request), Head: c.Head}).steps(file)[0]
		out = append(out, subscribe)
	}
	for _, r := range c.Records {
		out = append(out, step{file: file, number: file[:3], Kind: "event", T: c.T, Stream: stream, Base64: r.Base64, untimed: true})
	}
	return out, nil
}
