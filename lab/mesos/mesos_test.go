package mesos

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, cfg Config) *Master {
	t.Helper()
	m := NewMaster(cfg)
	t.Cleanup(m.Close)
	if err := m.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	return m
}

func addAgent(t *testing.T, m *Master, cfg AgentConfig) *Agent {
	t.Helper()
	a, err := m.AddAgent(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// client is a scheduler by hand: JSON over net/http.
type client struct {
	t        *testing.T
	addr, id string
	streamID string
	body     io.ReadCloser
	lines    *bufio.Reader
}

func (c *client) post(path, body string, header ...string) *http.Response {
	c.t.Helper()
	req, err := http.NewRequest("POST", "http://"+c.addr+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	return resp
}

func subscribe(t *testing.T, addr, info string) *client {
	t.Helper()
	c := &client{t: t, addr: addr}
	resp := c.post("/api/v1/scheduler", `{"type":"SUBSCRIBE","subscribe":{"framework_info":`+info+`}}`)
	if resp.StatusCode != 200 {
		text, _ := io.ReadAll(resp.Body)
		t.Fatalf("SUBSCRIBE: %s %s", resp.Status, text)
	}
	c.streamID, c.body, c.lines = resp.Header.Get("Mesos-Stream-Id"), resp.Body, bufio.NewReader(resp.Body)
	t.Cleanup(func() { resp.Body.Close() })
	c.id = c.next("SUBSCRIBED").path("subscribed", "framework_id", "value").(string)
	return c
}

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

func (c *client) read() tree {
	c.t.Helper()
	type result struct {
		event tree
		err   error
	}
	got := make(chan result, 1)
	go func() {
		line, err := c.lines.ReadString('\n')
		if err != nil {
			got <- result{err: err}
			return
		}
		n, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			got <- result{err: err}
			return
		}
		record := make([]byte, n)
		if _, err := io.ReadFull(c.lines, record); err != nil {
			got <- result{err: err}
			return
		}
		var event tree
		err = json.Unmarshal(record, &event)
		got <- result{event, err}
	}()
	select {
	case r := <-got:
		if r.err != nil {
			return tree{"type": "EOF", "error": r.err.Error()}
		}
		return r.event
	case <-time.After(10 * time.Second):
		c.body.Close()
		<-got
		c.t.Fatal("no event within 10 s")
		return nil
	}
}

// next gives the next event of a type; heartbeats and other types before it are passed over.
func (c *client) next(kind string) tree {
	c.t.Helper()
	for {
		e := c.read()
		if e["type"] == kind {
			return e
		}
		if e["type"] == "EOF" {
			c.t.Fatalf("waiting for %s: %v", kind, e)
		}
	}
}

func (c *client) call(body string) (int, string) {
	c.t.Helper()
	var buf bytes.Buffer
	buf.WriteString(`{"framework_id":{"value":"` + c.id + `"},` + body + `}`)
	resp := c.post("/api/v1/scheduler", buf.String(), "Mesos-Stream-Id", c.streamID)
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text)
}

func (c *client) mustCall(body string) {
	c.t.Helper()
	if status, text := c.call(body); status != 202 {
		c.t.Fatalf("%s: %d %s", body, status, text)
	}
}

const plain = `{"user":"root","name":"fw","role":"scaleio","checkpoint":true,"failover_timeout":60}`

func TestOffersAndCommandTask(t *testing.T) {
	m := start(t, Config{})
	addAgent(t, m, AgentConfig{Hostname: "agent-01", Attributes: []Attribute{{Name: "rack", Text: "a"}}})
	c := subscribe(t, m.Addr(), plain)
	offer := c.next("OFFERS")
	id, agent := offer.path("offers", "offers", 0, "id", "value").(string), offer.path("offers", "offers", 0, "agent_id", "value").(string)
	c.mustCall(`"type":"ACCEPT","accept":{"offer_ids":[{"value":"` + id + `"}],"filters":{"refuse_seconds":0},"operations":[{"type":"LAUNCH","launch":{"task_infos":[
		{"name":"t","task_id":{"value":"t"},"agent_id":{"value":"` + agent + `"},"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.1}}],
		 "command":{"value":"echo hello; exit 3","shell":true}}]}}]}`)
	var states []any
	for free := 0.0; free < 4 || len(states) < 3; { // what the task left of the offer comes again, and what it had
		switch e := c.read(); e["type"] {
		case "OFFERS":
			free += cpus(e)
		case "UPDATE":
			states = append(states, e.path("update", "status", "state"))
			c.mustCall(`"type":"ACKNOWLEDGE","acknowledge":{"agent_id":{"value":"` + agent + `"},"task_id":{"value":"t"},"uuid":"` + e.path("update", "status", "uuid").(string) + `"}`)
		case "EOF":
			t.Fatal(e)
		}
	}
	if want := []any{"TASK_STARTING", "TASK_RUNNING", "TASK_FAILED"}; !slices.Equal(states, want) {
		t.Errorf("got %v, want %v", states, want)
	}
	c.mustCall(`"type":"TEARDOWN"`)
}

// cpus sums up what an OFFERS event offers.
func cpus(e tree) (sum float64) {
	offers, _ := e.path("offers", "offers").([]any)
	for i := range offers {
		resources, _ := e.path("offers", "offers", i, "resources").([]any)
		for j := range resources {
			if e.path("offers", "offers", i, "resources", j, "name") == "cpus" {
				sum += e.path("offers", "offers", i, "resources", j, "scalar", "value").(float64)
			}
		}
	}
	return sum
}
