package mesos

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// network is how a client reaches addresses: TCP or a memnet.
type network func(addr string) (net.Conn, error)

func tcp(addr string) (net.Conn, error) { return net.Dial("tcp", addr) }

// post sends one JSON request on a connection of its own.
func (n network) post(addr, path, body string, headers ...[2]string) (head, string, error) {
	c, err := n(addr)
	if err != nil {
		return head{}, "", err
	}
	defer c.Close()
	h, reader, err := ask(c, path, body, headers...)
	if err != nil {
		return head{}, "", err
	}
	text, err := readBody(reader, h, "POST")
	return h, string(text), err
}

// ask sends a request and reads the answer's head.
func ask(c net.Conn, path, body string, headers ...[2]string) (head, *bufio.Reader, error) {
	all := append([][2]string{{"Host", "x"}, {"Content-Type", "application/json"}, {"Accept", "application/json"}, {"Content-Length", ""}}, headers...)
	if err := writeRequest(c, "POST "+path+" HTTP/1.1", all, []byte(body)); err != nil {
		return head{}, nil, err
	}
	reader := bufio.NewReader(c)
	h, err := readHead(reader)
	return h, reader, err
}

// subscription is a stream of records.
type subscription struct {
	net.Conn
	head    head
	records chan record
}

func (n network) subscribe(addr, path, body string) (*subscription, error) {
	c, err := n(addr)
	if err != nil {
		return nil, err
	}
	h, reader, err := ask(c, path, body)
	if err == nil && !strings.Contains(h.line, "200") {
		text, _ := readBody(reader, h, "POST")
		err = fmt.Errorf("%s: %s", h.line, text)
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	s := &subscription{c, h, make(chan record, 10000)}
	go readRecords(reader, s.records)
	return s, nil
}

// tree is JSON.
type tree map[string]any

func (tr tree) path(keys ...any) any {
	var at any = map[string]any(tr)
	for _, k := range keys {
		switch k := k.(type) {
		case string:
			m, _ := at.(map[string]any)
			at = m[k]
		case int:
			l, _ := at.([]any)
			if k >= len(l) {
				return nil
			}
			at = l[k]
		}
	}
	return at
}

func (tr tree) text(keys ...any) string {
	s, _ := tr.path(keys...).(string)
	return s
}

// client is a scheduler by hand.
type client struct {
	t      testing.TB
	net    network
	addr   string
	id     string
	stream *subscription
	passed []string // types and states of the events that next passed over
}

const plain = `{"user":"root","name":"fw","role":"scaleio","checkpoint":true,"failover_timeout":600}`

func subscribe(t testing.TB, n network, addr, info string) *client {
	t.Helper()
	c := &client{t: t, net: n, addr: addr}
	c.resubscribe(info)
	return c
}

// resubscribe opens the stream, again with the framework's id.
func (c *client) resubscribe(info string) {
	c.t.Helper()
	body := `{"type":"SUBSCRIBE","subscribe":{"framework_info":` + info + `}}`
	if c.id != "" {
		id := `{"value":"` + c.id + `"}`
		body = `{"type":"SUBSCRIBE","framework_id":` + id + `,"subscribe":{"framework_info":` + strings.TrimSuffix(info, "}") + `,"id":` + id + `}}}`
		c.stream.Close()
	}
	s, err := c.net.subscribe(c.addr, "/api/v1/scheduler", body)
	if err != nil {
		c.t.Fatal(err)
	}
	c.stream = s
	c.t.Cleanup(func() { s.Close() })
	c.id = c.next("SUBSCRIBED").text("subscribed", "framework_id", "value")
}

// read gives the next event; the stream's end is one of type END.
func (c *client) read() tree { return c.readUntil(time.Now().Add(patient)) }

// patient is how long an event is waited for: mostly in virtual time.
const patient = 5 * time.Minute

func (c *client) readUntil(deadline time.Time) tree {
	c.t.Helper()
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case r, ok := <-c.stream.records:
		if !ok || r.end != "" {
			return tree{"type": "END", "how": r.end}
		}
		var e tree
		if err := json.Unmarshal(r.body, &e); err != nil || r.split {
			c.t.Fatalf("%s: %v", r.body, err)
		}
		return e
	case <-timer.C:
		c.t.Fatalf("it did not come within %v, but %v", patient, c.passed)
		return nil
	}
}

// next gives the next event of a type; others before it are passed over.
func (c *client) next(kind string) tree {
	c.t.Helper()
	c.passed = nil
	for deadline := time.Now().Add(patient); ; {
		e := c.readUntil(deadline)
		if e["type"] == kind {
			return e
		}
		if e["type"] == "END" {
			c.t.Fatalf("the stream ended (%v) before %s", e["how"], kind)
		}
		c.passed = append(c.passed, fmt.Sprint(e["type"]))
	}
}

// update gives the next status, which must be of that state, and acknowledges it.
func (c *client) update(state string) tree {
	c.t.Helper()
	e := c.next("UPDATE")
	status, _ := e.path("update", "status").(map[string]any)
	if status["state"] != state {
		c.t.Fatalf("got %v, want %s", status, state)
	}
	if uuid, ok := status["uuid"].(string); ok {
		c.call(`"type":"ACKNOWLEDGE","acknowledge":{"agent_id":{"value":"` + e.text("update", "status", "agent_id", "value") +
			`"},"task_id":{"value":"` + e.text("update", "status", "task_id", "value") + `"},"uuid":"` + uuid + `"}`)
	}
	return status
}

// call must be accepted.
func (c *client) call(body string) {
	c.t.Helper()
	h, text, err := c.try(body)
	if err != nil || !strings.Contains(h.line, "202") {
		c.t.Fatalf("%s: %s %s %v", body, h.line, text, err)
	}
}

func (c *client) try(body string) (head, string, error) {
	return c.net.post(c.addr, "/api/v1/scheduler", `{"framework_id":{"value":"`+c.id+`"},`+body+`}`,
		[2]string{"Mesos-Stream-Id", c.stream.head.get("Mesos-Stream-Id")})
}

// offer is what an offer is used by.
type offer1 struct{ id, agent, hostname string }

// offers gives the next offers.
func (c *client) offers() []offer1 {
	c.t.Helper()
	e := c.next("OFFERS")
	all, _ := e.path("offers", "offers").([]any)
	var out []offer1
	for i := range all {
		out = append(out, offer1{e.text("offers", "offers", i, "id", "value"), e.text("offers", "offers", i, "agent_id", "value"), e.text("offers", "offers", i, "hostname")})
	}
	return out
}

// launch starts tasks, comma-separated TaskInfos without agent_id, and keeps the rest of the offer away for a year.
func (c *client) launch(o offer1, tasks ...string) {
	c.t.Helper()
	for i := range tasks {
		tasks[i] = strings.TrimSuffix(tasks[i], "}") + `,"agent_id":{"value":"` + o.agent + `"}}`
	}
	c.accept(o, `{"type":"LAUNCH","launch":{"task_infos":[`+strings.Join(tasks, ",")+`]}}`)
}

func (c *client) accept(o offer1, operations string) {
	c.t.Helper()
	c.call(`"type":"ACCEPT","accept":{"offer_ids":[{"value":"` + o.id + `"}],"filters":{"refuse_seconds":31536000},"operations":[` + operations + `]}`)
}

const cpu = `[{"name":"cpus","type":"SCALAR","scalar":{"value":0.1}},{"name":"mem","type":"SCALAR","scalar":{"value":32}}]`

func commandTask(id, command string) string {
	quoted, _ := json.Marshal(command)
	return `{"name":"` + id + `","task_id":{"value":"` + id + `"},"resources":` + cpu + `,"command":{"value":` + string(quoted) + `}}`
}

func executorTask(id, executor, command string) string {
	quoted, _ := json.Marshal(command)
	return `{"name":"` + id + `","task_id":{"value":"` + id + `"},"resources":` + cpu + `,"executor":{"type":"CUSTOM","executor_id":{"value":"` + executor +
		`"},"resources":` + cpu + `,"command":{"value":` + string(quoted) + `}}}`
}

func encode(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// readAll reads an answer's stream and gives the types of its events.
func readAll(c net.Conn) <-chan string {
	types := make(chan string, 100)
	go func() {
		reader := bufio.NewReader(c)
		if _, err := readHead(reader); err != nil {
			return
		}
		records := make(chan record, 100)
		go readRecords(reader, records)
		for r := range records {
			var e tree
			if json.Unmarshal(r.body, &e) == nil {
				types <- e.text("type")
			}
		}
	}()
	return types
}
