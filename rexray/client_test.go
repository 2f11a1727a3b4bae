package rexray_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/rexray"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// plugin serves the plugin protocol on a socket and gives a client of it.
func plugin(t *testing.T, answer http.HandlerFunc) *rexray.Client {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &httptest.Server{Listener: l, Config: &http.Server{Handler: answer}}
	s.Start()
	t.Cleanup(s.Close)
	return rexray.NewClient("scaleio", func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	})
}

func TestClientSpeaksTheProtocol(t *testing.T) {
	var asked []string
	answers := map[string]string{
		"/Plugin.Activate":      `{"Implements": ["VolumeDriver"]}`,
		"/VolumeDriver.List":    `{"Volumes":[{"Name":"a","Mountpoint":""},{"Name":"b","Mountpoint":"/m"}],"Err":""}`,
		"/VolumeDriver.Create":  `{"Err":""}`,
		"/VolumeDriver.Get":     `{"Volume":{"Name":"a","Mountpoint":"/m","Status":{"size":16}},"Err":""}`,
		"/VolumeDriver.Mount":   `{"Mountpoint":"/var/lib/rexray/volumes/a/data","Err":""}`,
		"/VolumeDriver.Path":    `{"Mountpoint":"","Err":""}`,
		"/VolumeDriver.Unmount": `{"Err":""}`,
		"/VolumeDriver.Remove":  `{}`,
	}
	c := plugin(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, r.Method+" "+r.URL.Path+" "+string(body))
		io.WriteString(w, answers[r.URL.Path])
	})
	ctx := t.Context()
	implements, err := c.Activate(ctx)
	must(t, err)
	if diff := cmp.Diff([]string{"VolumeDriver"}, implements); diff != "" {
		t.Error(diff)
	}
	volumes, err := c.List(ctx)
	must(t, err)
	if len(volumes) != 2 || volumes[1].Mountpoint != "/m" {
		t.Error(volumes)
	}
	must(t, c.Create(ctx, "a", map[string]string{"size": "16"}))
	v, err := c.Get(ctx, "a")
	must(t, err)
	if v.Name != "a" || v.Status["size"] != float64(16) {
		t.Error(v)
	}
	mountpoint, err := c.Mount(ctx, "a", "id-1")
	must(t, err)
	if mountpoint != "/var/lib/rexray/volumes/a/data" {
		t.Error(mountpoint)
	}
	if p, err := c.Path(ctx, "a"); p != "" || err != nil {
		t.Error(p, err)
	}
	must(t, c.Unmount(ctx, "a", "id-1"))
	must(t, c.Remove(ctx, "a"))
	want := []string{
		`POST /Plugin.Activate {}`, `POST /VolumeDriver.List {}`, `POST /VolumeDriver.Create {"Name":"a","Opts":{"size":"16"}}`, `POST /VolumeDriver.Get {"Name":"a"}`,
		`POST /VolumeDriver.Mount {"Name":"a","ID":"id-1"}`, `POST /VolumeDriver.Path {"Name":"a"}`, `POST /VolumeDriver.Unmount {"Name":"a","ID":"id-1"}`, `POST /VolumeDriver.Remove {"Name":"a"}`,
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Error(diff)
	}
}

func TestClientErrors(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		kind   fault.Kind
		text   string
	}{
		{"as REX-Ray does", 500, `{"Err":"docker-legacy: Mount: a: failed: resource not found"}`, fault.NotFound, "resource not found"},
		{"without a cause", 500, `{"Err":"docker-legacy: Create: a: failed: error creating volume"}`, fault.Temporary, "error creating volume"},
		{"with status 200", 200, `{"Err":"device or resource busy"}`, fault.Temporary, "busy"},
		{"a page", 200, "<html>\nhello", fault.Invalid, `"<html>"`},
		{"a page and a status", 502, "<html>", fault.Temporary, "502"},
		{"another form", 200, `{"Mountpoint":[1]}`, fault.Invalid, "another form"},
		{"a status and nothing", 404, `{}`, fault.Temporary, "404"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client := plugin(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			})
			_, err := client.Mount(t.Context(), "a", "x")
			if err == nil || fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.text) || !strings.HasPrefix(err.Error(), "volume driver scaleio: Mount: ") {
				t.Errorf("%v: %v", fault.KindOf(err), err)
			}
		})
	}
}

func TestClientHasDeadlines(t *testing.T) {
	hang := make(chan struct{})
	client := plugin(t, func(http.ResponseWriter, *http.Request) { <-hang })
	defer close(hang)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := client.List(ctx); fault.KindOf(err) != fault.Temporary {
		t.Error(err)
	}
}

func TestCallsWithoutADeadlineHaveOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var there net.Conn
		c := rexray.NewClient("x", func(context.Context) (here net.Conn, err error) {
			here, there = net.Pipe() // nobody answers
			go io.Copy(io.Discard, there)
			return here, nil
		})
		start := time.Now()
		_, err := c.List(t.Context())
		if fault.KindOf(err) != fault.Temporary || strings.Contains(err.Error(), "http://") {
			t.Error(err)
		}
		if took := time.Since(start); took != 2*time.Minute {
			t.Error("the isolator of Mesos would have given up after 2m, this took", took)
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(200, `{"Err":""}`)
	f.Add(500, `{"Err":"x","Volumes":null}`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		c := rexray.NewClient("x", func(context.Context) (net.Conn, error) {
			here, there := net.Pipe()
			go func() {
				defer there.Close()
				buffer := make([]byte, 4096)
				there.Read(buffer)
				r := http.Response{StatusCode: 200 + (status%300+300)%300, ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body))}
				r.Write(there)
			}()
			return here, nil
		})
		volumes, err := c.List(t.Context())
		if err == nil && !json.Valid([]byte(body)) {
			t.Errorf("%q gave %v", body, volumes)
		}
	})
}
