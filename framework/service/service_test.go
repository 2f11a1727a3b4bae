package service

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
	"github.com/dcos-scaleio/scaleio/framework/state"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// refused runs a service that cannot start, and gives why.
func refused(t *testing.T, env []string) error {
	t.Helper()
	o, s := parse(t, env)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := Run(ctx, o, s, slog.New(slog.DiscardHandler))
	if err == nil {
		t.Fatal("it ran")
	}
	if strings.Contains(err.Error(), password) {
		t.Errorf("the error shows the password: %v", err)
	}
	return err
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestCannotStart: what is wrong is said at once, in words, and nothing was sent.
func TestCannotStart(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	env := settings(t)
	for _, test := range []struct {
		name string
		env  []string
		says string
		kind fault.Kind
	}{
		{"the port is taken", []string{"REST_PORT=" + port}, "API: listen: listen tcp 127.0.0.1:" + port + ": bind: address already in use; is another scheduler running here, or is rest.port taken?", fault.Invalid},
		{"the password's file is not there", []string{"ADMIN_PASSWORD=", "SCALEIO_PASSWORD_FILE=/nowhere/secret"}, "secret file /nowhere/secret: open /nowhere/secret: no such file or directory", fault.Invalid},
		{"the password's file is empty", []string{"ADMIN_PASSWORD=", "SCALEIO_PASSWORD_FILE=" + write(t, "p", "\n")}, "is empty", fault.Invalid},
		{"the password has two lines", []string{"ADMIN_PASSWORD=", "SCALEIO_PASSWORD_FILE=" + write(t, "p", password+"\n"+password+"\n")}, "holds line breaks", fault.Invalid},
		{"the secret of Mesos is not there", []string{"FRAMEWORK_PRINCIPAL=p", "MESOS_SECRET_FILE=/nowhere/secret"}, "secret file /nowhere/secret", fault.Invalid},
		{"the store is no store", []string{"STORE_URI=" + write(t, "state.db", strings.Repeat("no store ", 5000))}, "state.db", fault.Internal},
		{"the executor is not there", []string{"ALT_EXECUTOR_PATH=/nowhere/executor"}, "executor /nowhere/executor: read it: open /nowhere/executor: no such file or directory; put it there, or name it by executor.altpath or executor.url", fault.Invalid},
		{"the authority of the gateway is not there", []string{"GATEWAY_INSECURE=false", "GATEWAY_CA_FILE=/nowhere/ca.pem"}, "/nowhere/ca.pem", fault.Invalid},
		{"no master has a name that is known", []string{"MESOS_MASTER_HTTP=nobody.invalid:5050,nobody-else.invalid:5050", "API_BIND=0.0.0.0", "API_INSECURE=true"}, "give it by rest.address", fault.Invalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := refused(t, append(settings(t), test.env...))
			if !strings.Contains(err.Error(), test.says) || fault.KindOf(err) != test.kind {
				t.Errorf("%v: %v, expected %v: ... %s ...", fault.KindOf(err), err, test.kind, test.says)
			}
		})
	}
	if _, err := os.Stat(strings.TrimPrefix(env[3], "STORE_URI=")); err == nil {
		t.Error("settings alone made a store")
	}
}

// TestStoreOfAnotherService: a service does not become another one by a changed option, and the store keeps what it had.
func TestStoreOfAnotherService(t *testing.T) {
	env := settings(t)
	r := start(t, env)
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ set, says string }{
		{"FRAMEWORK_NAME=other", `spec name: cannot change from "scaleio" to "other"`},
		{"ROLE=other", "spec scheduler.role: cannot change"},
		{"FRAMEWORK_USER=other", "spec scheduler.user: cannot change"},
	} {
		if err := refused(t, append(env, test.set)); !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", test.set, err)
		}
	}
	r = start(t, append(env, "REXRAY_SIZE=32")) // what may change does
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	if _, s := parse(t, env); checkUpdate(stored(t, env)[scheduler.TargetKey], s) != nil {
		t.Error("the refused service is in the store")
	}
}

func stored(t *testing.T, env []string) map[string][]byte {
	t.Helper()
	o, _ := parse(t, env)
	store, err := state.Open(state.Config{URI: o.Store.URI()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	all, err := store.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestDamagedStore: nothing runs on half a memory.
func TestDamagedStore(t *testing.T) {
	for key, says := range map[string]string{
		"node/agent-01":     "store key node/agent-01: read: ",
		scheduler.TargetKey: "store key target: read: ",
		"unheard":           "store key unheard: read: it is of no known kind",
	} {
		env := settings(t)
		o, _ := parse(t, env)
		store, err := state.Open(state.Config{URI: o.Store.URI()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Acquire(t.Context(), "test", nil); err != nil {
			t.Fatal(err)
		}
		if err := store.Commit(t.Context(), state.Write{Key: key, Value: []byte(`{"name`)}); err != nil {
			t.Fatal(err)
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		if err := refused(t, env); !strings.Contains(err.Error(), says) || fault.KindOf(err) != fault.Internal {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// TestAnswersWithoutAnybody: no Mesos, no gateway, and the API says so.
func TestAnswersWithoutAnybody(t *testing.T) {
	r := start(t, settings(t))
	for path, want := range map[string]struct {
		code int
		says string
	}{
		"/v1/health?verbose=true":      {200, `"value": 318`},
		"/v1/plans/deploy":             {202, "waits for"},
		"/v1/state/frameworkId":        {404, "Element not found"},
		"/v1/pod":                      {200, "[]"},
		"/v1/metrics/prometheus":       {200, "scaleio_node_message_bytes_total"},
		"/":                            {200, "Not registered with Mesos yet"},
		"/artifacts/" + executorFile:   {200, "#!/bin/sh\n"},
		"/artifacts/scaleio-scheduler": {404, "Element not found"},
	} {
		if code, body := r.get(t, path); code != want.code || !strings.Contains(body, want.says) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
	if _, err := http.Get(r.base + "/version"); err == nil {
		t.Error("it still listens")
	}
}

// TestEndsWithReaders: a stream, and a reader who does not read on, keep the scheduler no longer than its farewell.
func TestEndsWithReaders(t *testing.T) {
	r := start(t, settings(t))
	response, err := http.Get(r.base + "/v1/scaleio/events")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	silent, err := net.Dial("tcp", strings.TrimPrefix(r.base, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if _, err := io.WriteString(silent, "POST /v1/plans/deploy/start HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{"); err != nil {
		t.Fatal(err)
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
	if rest, err := io.ReadAll(response.Body); err != nil {
		t.Errorf("the stream broke off: %v after %s", err, rest)
	}
}

// TestNoSecretEndToEnd deploys three nodes, and looks for the password wherever it could have slipped to (W22).
func TestNoSecretEndToEnd(t *testing.T) {
	around, nodes := cluster(t)
	env := settings(t, around...)
	r := start(t, env)
	r.deployed(t)
	for _, path := range []string{"/", "/v1/plans", "/v1/plans/deploy", "/v1/plans/expand", "/v1/plans/recovery", "/v1/pod/status", "/v1/pod/node-0/info", "/v1/state/frameworkId",
		"/v1/health?verbose=true", "/v1/scaleio/layout", "/v1/scaleio/nodes", "/v1/scaleio/system", "/v1/metrics/prometheus", "/version", "/api/state"} {
		code, body := r.get(t, path)
		if code != 200 || strings.Contains(body, password) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
	if strings.Contains(r.log.String(), password) {
		t.Errorf("the log shows the password: %s", r.log)
	}
	for key, value := range stored(t, env) {
		if strings.Contains(string(value), password) {
			t.Errorf("the store's key %s shows the password", key)
		}
	}
	nodes.mu.Lock()
	defer nodes.mu.Unlock()
	if len(nodes.opened) < 3 || nodes.opened[0] != password {
		t.Errorf("the nodes did not get the password: %d secrets", len(nodes.opened))
	}
	// Started again, it knows what it did.
	again := start(t, env)
	again.deployed(t)
	if err := again.end(); err != nil {
		t.Error(err)
	}
}

func TestReachable(t *testing.T) {
	loopback, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer loopback.Close()
	everywhere, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	defer everywhere.Close()
	for _, test := range []struct {
		address string
		on      net.Listener
		masters string
		want    string
	}{
		{"scheduler.example", everywhere, "127.0.0.1:5050", "scheduler.example"},
		{"fd00::1", everywhere, "127.0.0.1:5050", "[fd00::1]"},
		{"", loopback, "10.0.0.1:5050", "127.0.0.1"},
		{"", everywhere, "127.0.0.1:5050", "127.0.0.1"},
		{"", everywhere, "http://127.0.0.1:5050/mesos", "127.0.0.1"},
		{"", everywhere, "nobody.invalid:5050,127.0.0.1:5050", "127.0.0.1"},
	} {
		o, _ := parse(t, settings(t, "REST_ADDRESS="+test.address, "MESOS_MASTER_HTTP="+test.masters))
		_, port, _ := net.SplitHostPort(test.on.Addr().String())
		got, err := reachable(t.Context(), o, test.on)
		if err != nil || got != test.want+":"+port {
			t.Errorf("%+v: %s %v", test, got, err)
		}
	}
}

func TestHostPort(t *testing.T) {
	for from, want := range map[string]string{
		"leader.mesos:5050": "leader.mesos:5050", "leader.mesos": "leader.mesos:5050", "http://leader.mesos": "leader.mesos:5050",
		"https://leader.mesos:443/mesos": "leader.mesos:443", "[::1]:5050": "[::1]:5050", "https://[::1]/mesos": "[::1]:5050", "10.0.0.1": "10.0.0.1:5050",
	} {
		if got := hostPort(from); got != want {
			t.Errorf("%s: %s, expected %s", from, got, want)
		}
	}
}

func TestExecutorOf(t *testing.T) {
	path := write(t, executorFile, "abc")
	o, _ := parse(t, settings(t, "ALT_EXECUTOR_PATH="+path))
	e, artifacts, err := executorOf(o, "10.0.0.1:35000")
	const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	if err != nil || e.URL != "http://10.0.0.1:35000/artifacts/scaleio-executor" || e.SHA256 != abc || artifacts[executorFile] != path {
		t.Errorf("%+v %v %v", e, artifacts, err)
	}
	o, _ = parse(t, settings(t, "ALT_EXECUTOR_PATH=", "EXECUTOR_URL=https://repo.example/executor", "EXECUTOR_SHA256="+abc))
	e, artifacts, err = executorOf(o, "")
	if err != nil || e.URL != "https://repo.example/executor" || e.SHA256 != abc || len(artifacts) != 0 {
		t.Errorf("%+v %v %v", e, artifacts, err)
	}
	o, _ = parse(t, settings(t, "ALT_EXECUTOR_PATH="))
	if _, _, err = executorOf(o, "x:1"); err == nil || !strings.Contains(err.Error(), executorFile+": read it: ") {
		t.Errorf("beside the test there is no executor: %v", err)
	}
	if page("http://", "") != "" || page("http://", "10.0.0.1:35000") != "http://10.0.0.1:35000/" {
		t.Error("page")
	}
}

// BenchmarkFirstAnswer is the time from the start to the first answer, with an empty store and an executor of 20 MB.
func BenchmarkFirstAnswer(b *testing.B) {
	env := settings(b)
	big := filepath.Join(b.TempDir(), "executor")
	if err := os.WriteFile(big, make([]byte, 20<<20), 0o600); err != nil {
		b.Fatal(err)
	}
	env = append(env, "ALT_EXECUTOR_PATH="+big)
	for b.Loop() {
		r := start(b, env)
		if code, body := r.get(b, "/v1/health"); code != 200 {
			b.Fatal(code, body)
		}
		b.StopTimer()
		if err := r.end(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
