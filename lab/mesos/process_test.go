package mesos

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// machine is one agent with real processes, and a scheduler.
func machine(t *testing.T, cfg AgentConfig) (*client, offer1, *Agent) {
	t.Helper()
	m := start(t, Config{})
	cfg.Hostname, cfg.WorkDir = "agent-01", t.TempDir()
	a := addAgent(t, m, cfg)
	c := subscribe(t, tcp, m.Addr(), plain)
	return c, c.offers()[0], a
}

// sandbox finds the one sandbox of an agent.
func sandbox(t *testing.T, a *Agent) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(a.cfg.WorkDir, "slaves/*/frameworks/*/executors/*/runs/*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("sandboxes %v, %v", found, err)
	}
	return found[0]
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestProcessOutputAndEnvironment(t *testing.T) {
	c, o, a := machine(t, AgentConfig{})
	c.launch(o, `{"name":"t","task_id":{"value":"t"},"resources":`+cpu+`,"command":{"value":"echo $MINE $MESOS_SANDBOX; pwd; echo bad >&2; kill -9 $$",
		"environment":{"variables":[{"name":"MINE","value":"yes"}]}}}`)
	c.update("TASK_STARTING")
	c.update("TASK_RUNNING")
	if status := c.update("TASK_FAILED"); status["message"] != "Command terminated with signal Killed" {
		t.Errorf("unexpected status %v", status)
	}
	dir := sandbox(t, a)
	if out, bad := content(t, dir+"/stdout"), content(t, dir+"/stderr"); out != "yes "+dir+"\n"+dir+"\n" || bad != "bad\n" {
		t.Errorf("stdout %q, stderr %q", out, bad)
	}
}

// KILL is SIGTERM to the whole group and SIGKILL after the grace period; nothing of the group is left.
func TestKillGroup(t *testing.T) {
	c, o, a := machine(t, AgentConfig{})
	c.launch(o, `{"name":"t","task_id":{"value":"t"},"resources":`+cpu+`,"kill_policy":{"grace_period":{"nanoseconds":100000000}},
		"command":{"value":"trap '' TERM; sleep 1000 & echo $! >child; echo ready >ready; while true; do wait; done"}}`)
	c.update("TASK_STARTING")
	c.update("TASK_RUNNING")
	dir := sandbox(t, a)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(dir + "/ready"); err == nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the process did not get ready")
		}
	}
	c.kill("t")
	if status := c.update("TASK_KILLED"); status["message"] != "Command terminated with signal Killed" {
		t.Errorf("unexpected status %v", status)
	}
	child := strings.TrimSpace(content(t, dir+"/child"))
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		state, err := os.ReadFile("/proc/" + child + "/stat")
		if err != nil || strings.Contains(string(state), ") Z ") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %s is left: %s", child, state)
		}
	}
}

func TestHealthCheck(t *testing.T) {
	c, o, _ := machine(t, AgentConfig{})
	c.launch(o, `{"name":"t","task_id":{"value":"t"},"resources":`+cpu+`,"command":{"value":"touch well; exec sleep 1000"},
		"health_check":{"type":"COMMAND","command":{"value":"if test -e checked; then exit 1; fi; touch checked"},"delay_seconds":0,"interval_seconds":0.01,"consecutive_failures":2}}`)
	c.update("TASK_STARTING")
	for i, want := range []any{nil, true, false, false} {
		if status := c.update("TASK_RUNNING"); status["healthy"] != want {
			t.Errorf("status %d says %v, want %v", i, status["healthy"], want)
		}
	}
	if status := c.update("TASK_KILLED"); status["healthy"] != false {
		t.Errorf("unexpected status %v", status)
	}
}

// fileServer counts what is asked for.
func fileServer(t *testing.T, files map[string][]byte) (url string, asked *atomic.Int32) {
	asked = &atomic.Int32{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		body, ok := files[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok || r.Header.Get("User-Agent") != "" || r.Header.Get("Accept") != "*/*" {
			http.NotFound(w, r)
			return
		}
		w.Write(body)
	}))
	t.Cleanup(server.Close)
	return server.URL, asked
}

func archives(t *testing.T) map[string][]byte {
	t.Helper()
	var tarred, zipped bytes.Buffer
	z := gzip.NewWriter(&tarred)
	w := tar.NewWriter(z)
	for _, h := range []*tar.Header{{Name: "dir/", Typeflag: tar.TypeDir, Mode: 0o755}, {Name: "dir/tool", Typeflag: tar.TypeReg, Mode: 0o755, Size: 27},
		{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "dir/tool"}} {
		must(w.WriteHeader(h))
		if h.Size > 0 {
			io.WriteString(w, "#!/bin/sh\necho from the tar\n")
		}
	}
	must(w.Close())
	must(z.Close())
	p := zip.NewWriter(&zipped)
	f, err := p.Create("zipped/file")
	must(err)
	io.WriteString(f, "from the zip\n")
	must(p.Close())
	return map[string][]byte{"a.tar.gz": tarred.Bytes(), "b.zip": zipped.Bytes(), "tool": []byte("#!/bin/sh\necho from the tool\n")}
}

func TestFetch(t *testing.T) {
	url, asked := fileServer(t, archives(t))
	home := t.TempDir()
	must(os.WriteFile(home+"/relative", []byte("relative\n"), 0o600))
	c, o, a := machine(t, AgentConfig{FrameworksHome: home})
	uris := fmt.Sprintf(`[{"value":%q},{"value":%q},{"value":%q,"executable":true,"cache":true},{"value":%q,"executable":true,"cache":true,"output_file":"bin/again"},
		{"value":"relative","output_file":"r"},{"value":%q},{"value":%q,"extract":false,"output_file":"kept.zip"}]`,
		url+"/a.tar.gz", url+"/b.zip", url+"/tool?x=1", url+"/tool?x=1", "file://"+home+"/relative", url+"/b.zip")
	task := func(id, uris string) string {
		return `{"name":"` + id + `","task_id":{"value":"` + id + `"},"resources":` + cpu + `,"command":{"value":"./link; ./tool; cat zipped/file r relative; bin/again","uris":` + uris + `}}`
	}
	c.launch(o, task("t", uris))
	c.update("TASK_STARTING")
	c.update("TASK_RUNNING")
	c.update("TASK_FINISHED")
	want := "from the tar\nfrom the tool\nfrom the zip\nrelative\nrelative\nfrom the tool\n"
	if got := content(t, sandbox(t, a)+"/stdout"); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := asked.Load(); n != 4 {
		t.Errorf("%d requests, want 4: one URI is cached", n)
	}
}

// What cannot be fetched, or leads out of the sandbox, fails the task before its command starts.
func TestFetchFails(t *testing.T) {
	var escape bytes.Buffer
	w := tar.NewWriter(&escape)
	must(w.WriteHeader(&tar.Header{Name: "../out", Typeflag: tar.TypeReg, Mode: 0o644}))
	must(w.Close())
	var link bytes.Buffer
	w = tar.NewWriter(&link)
	must(w.WriteHeader(&tar.Header{Name: "out", Typeflag: tar.TypeSymlink, Linkname: "../../x"}))
	must(w.Close())
	url, _ := fileServer(t, map[string][]byte{"escape.tar": escape.Bytes(), "link.tar": link.Bytes(), "no.tar.gz": []byte("no"), "no.zip": []byte("no"), "x": nil})
	m := start(t, Config{})
	addAgent(t, m, AgentConfig{Hostname: "agent-01"})
	for name, uri := range map[string]string{
		"missing": `{"value":"` + url + `/missing","cache":true}`, "nobody listens": `{"value":"http://127.0.0.1:1/x"}`, "no file": `{"value":"/no/such/file"}`,
		"no home": `{"value":"relative"}`, "out": `{"value":"` + url + `/x","output_file":"../x"}`, "tar leads out": `{"value":"` + url + `/escape.tar"}`,
		"link leads out": `{"value":"` + url + `/link.tar"}`, "no tar": `{"value":"` + url + `/no.tar.gz"}`, "no zip": `{"value":"` + url + `/no.zip"}`,
	} {
		t.Run(name, func(t *testing.T) {
			c := subscribe(t, tcp, m.Addr(), plain)
			c.launch(c.offers()[0], `{"name":"t","task_id":{"value":"t"},"resources":`+cpu+`,"command":{"value":"true","uris":[`+uri+`]}}`)
			status := c.update("TASK_FAILED")
			if status["reason"] != "REASON_CONTAINER_LAUNCH_FAILED" || !strings.HasPrefix(status["message"].(string), "Failed to launch container: Failed to fetch all URIs for container '") {
				t.Errorf("unexpected status %v", status)
			}
			c.call(`"type":"TEARDOWN"`)
		})
	}
}

// A fetch that hangs ends with Close.
func TestCloseDuringFetch(t *testing.T) {
	asked, release := make(chan bool), make(chan bool)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- true
		<-release
	}))
	defer server.Close()
	defer close(release)
	c, o, a := machine(t, AgentConfig{})
	c.launch(o, `{"name":"t","task_id":{"value":"t"},"resources":`+cpu+`,"command":{"value":"true","uris":[{"value":"`+server.URL+`/x","cache":true}]}}`)
	<-asked
	a.master.Close()
}
