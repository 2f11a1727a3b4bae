package api_test

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/api"
	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// words is the text of the page without its marks, and the marks' names; it fails when they do not nest.
func words(t *testing.T, html string) (string, map[string]int) {
	t.Helper()
	_, html, _ = strings.Cut(html, "<body>") // the head has marks without an end
	html, _, _ = strings.Cut(html, "<script>")
	d := xml.NewDecoder(strings.NewReader("<body>" + html + "</body>"))
	d.Strict, d.Entity, d.AutoClose = false, xml.HTMLEntity, xml.HTMLAutoClose
	var text strings.Builder
	marks := map[string]int{}
	for {
		token, err := d.Token()
		if err == io.EOF {
			return strings.Join(strings.Fields(text.String()), " "), marks
		}
		if err != nil {
			t.Fatal(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			marks[token.Name.Local]++
			for _, a := range token.Attr {
				if strings.HasPrefix(a.Name.Local, "on") || strings.HasPrefix(strings.ToLower(a.Value), "javascript:") {
					t.Errorf("<%s %s=%q> runs something", token.Name.Local, a.Name.Local, a.Value)
				}
			}
		case xml.CharData:
			text.Write(token)
			text.WriteByte(' ')
		}
	}
}

func says(t *testing.T, w *world, sentences ...string) {
	t.Helper()
	for _, path := range []string{"/", "/ui"} {
		r := ask(w.handler(nil), "GET", path, "")
		if r.Code != 200 || r.Header().Get("Content-Type") != "text/html; charset=utf-8" || r.Header().Get("Content-Security-Policy") != api.Policy {
			t.Fatalf("GET %s: %d %v", path, r.Code, r.Header())
		}
		text, _ := words(t, r.Body.String())
		for _, s := range sentences {
			if !strings.Contains(text, s) {
				t.Errorf("the page at %s does not say %q", path, s)
			}
		}
		if t.Failed() {
			t.Fatal(text)
		}
	}
}

func TestPageBeforeAnything(t *testing.T) {
	w := newWorld(t, service())
	w.gateway = fault.New(fault.Temporary, "gateway 10.0.0.10", "log in", "no route to host")
	says(t, w, "Not registered with Mesos yet", "The ScaleIO gateway has not answered yet.", "No agent is known yet.", "layout DELAYED gateway 10.0.0.10: log in: no route to host; next try at",
		"None yet: the layout has not been decided.", "Nothing to do.")
}

func TestPageOfARunningService(t *testing.T) {
	w := three(t)
	w.deploy()
	says(t, w, "mydomain/mypool made, not measured yet HDD 3 3 – – – 34 %")
	for i := range w.system.Pools {
		w.system.Pools[i].CapacityKB, w.system.Pools[i].UsedKB, w.system.Pools[i].AvailableKB = 6<<30, 3<<30, 1<<30
	}
	w.pass(90 * time.Second) // the next look at the system
	says(t, w, "scaleio Running", "framework framework-1", "ScaleIO: scaleio 454581a100000002, API 3.6, ClusteredNormal", "deploy COMPLETE 13 of 13 steps",
		"mydomain/mypool healthy HDD 3 3 6 TiB 50 3 TiB 1 TiB", "agent-03 serves volumes node-2 deploy – 1 scaleio", "3 taken, 0 proposed for consent, 4 refused.",
		"/dev/xvdg on agent-03 /dev/xvdg carries a signature of xfs", "on agent-01, agent-02, agent-03 /dev/xvda is mounted at /")
	w.step(scheduler.AgentsHidden{Err: errGateway})
	w.join(agent(4, "agent-04", disk("/dev/xvdf", "")))
	w.offer()
	w.pass(3 * time.Second)
	says(t, w, "What you should know warning service agents are known by their offers alone", "expand WAITING", "continue plan expand to agree",
		"1 proposed for consent", "/dev/xvdf on agent-04 passes every check, and waits for consent")
	w.step(scheduler.AgentRemoved{ID: "S2"})
	says(t, w, "agent-02 the agent is not connected to the Mesos master node-1")
}

func TestPageWithErrors(t *testing.T) {
	w := three(t)
	w.hosts[1].fails = "dpkg: exit status 1: 100% full"
	w.hosts[2].report.Warnings = []string{"docker/volume isolator is off"}
	w.deploy()
	says(t, w, "Something needs you", "agent-02 ERROR node agent-02: services: dpkg: exit status 1: 100% full", "warning agent-03 docker/volume isolator is off")
	w = newWorld(t, imperative())
	w.hosts = []*host{agent(1, "agent-01", disk("/dev/xvdf", ""))}
	for name, value := range map[string]string{"scaleio-sds-domains": "mydomain", "scaleio-sds-mydomain": "mypool", "scaleio-sds-mypool": "/dev/xvdz"} {
		w.hosts[0].agent.Attributes = append(w.hosts[0].agent.Attributes, layout.Attribute{Name: name, Type: "TEXT", Text: value})
	}
	w.deploy()
	says(t, w, "error LAYOUT-011 agent-01", "attribute scaleio-sds-mypool=/dev/xvdz", "name one of the agent's disks")
}

func imperative() *spec.Service {
	s := service()
	s.ScaleIO.Pools.Mode = spec.Imperative
	return s
}

// TestHostileNames: what an agent, a disk, Mesos or ScaleIO is called stays text.
func TestHostileNames(t *testing.T) {
	const evil = `</li></title><script>alert(1)</script><img src=x onerror=alert(1)>" onclick="x' {{.}} javascript:alert(1)`
	plain := three(t)
	plain.deploy()
	_, want := words(t, ask(plain.handler(nil), "GET", "/", "").Body.String())
	s := service()
	s.Name = evil
	w := newWorld(t, s)
	w.hosts = []*host{agent(1, evil+"1", disk("/dev/xvdf", "")), agent(2, evil+"2", disk("/dev/xvdf", "")), agent(3, evil+"3", disk("/dev/xvdf", ""), disk("/dev/"+evil, evil))}
	for _, h := range w.hosts {
		h.report.Warnings, h.report.Software, h.agent.Zone = []string{evil}, map[string]string{evil: evil}, evil
	}
	w.system.Name, w.system.Cluster, w.system.APIVersion = evil, evil, evil
	w.system.Pools = []layout.ObservedPool{{Name: evil, Domain: evil, Media: evil, CapacityKB: 1}}
	w.deploy()
	w.gateway = errGateway
	body := ask(w.handler(nil), "GET", "/", "").Body.String()
	text, marks := words(t, body)
	if strings.Count(body, "<script>") != 1 || strings.Contains(body, "<img") || strings.Count(body, "</title>") != 1 {
		t.Errorf("a name became a mark:\n%s", body)
	}
	for mark := range marks {
		if want[mark] == 0 && mark != "meter" {
			t.Errorf("a name made a <%s>", mark)
		}
	}
	for _, s := range []string{evil + "1 serves volumes", "warning " + evil, evil + "/" + evil + " healthy"} {
		if s = strings.Join(strings.Fields(s), " "); !strings.Contains(text, s) {
			t.Errorf("the page does not say %q:\n%s", s, text)
		}
	}
}

// TestPageOfThousands stays readable, and small enough to be sent every second.
func TestPageOfThousands(t *testing.T) {
	w := thousand(t)
	w.step(scheduler.AgentRemoved{ID: "S900"})
	r := ask(w.handler(nil), "GET", "/", "")
	text, _ := words(t, r.Body.String())
	if r.Body.Len() > 200<<10 {
		t.Errorf("it has %d bytes", r.Body.Len())
	}
	for _, s := range []string{"and 900 more: all nodes", "and 900 more that are COMPLETE", "on agent-0000, agent-0001, agent-0002, agent-0003, agent-0004, agent-0005, agent-0006, agent-0007 and 992 more",
		"Software agent-0899 the agent is not connected"} {
		if !strings.Contains(text, s) {
			t.Errorf("the page does not say %q", s)
		}
	}
}
