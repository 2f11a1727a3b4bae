package gateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	types "github.com/dell/goscaleio/types/v1"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// exchange is one request and its answer as traffic/scaleio keeps them.
type exchange struct {
	Method, Path, RespContentType, RespText string
	Status                                  int
	Resp                                    json.RawMessage
}

func (x exchange) answer() http.HandlerFunc {
	body := x.RespText
	if body == "" {
		body = string(x.Resp)
	}
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", x.RespContentType)
		w.WriteHeader(x.Status)
		_, _ = w.Write([]byte(body))
	}
}

// recorded gives a recording, or skips the test where the recordings are not at hand: the same cases stand in the other tests, by hand.
func recorded(t *testing.T, name string) []exchange {
	t.Helper()
	path := filepath.Join("..", "..", "..", "shared", "traffic", "scaleio", name)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("no recordings here: %v", err)
	}
	var exchanges []exchange
	if err := json.Unmarshal(raw, &exchanges); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return exchanges
}

// replay answers as recorded: each path its answers in their order.
func (f *fake) replay(exchanges []exchange) {
	answers := map[string][]http.HandlerFunc{}
	for _, x := range exchanges {
		key := x.Method + " " + x.Path
		answers[key] = append(answers[key], x.answer())
	}
	for key, list := range answers {
		f.on(key, turns(list...))
	}
}

func find(exchanges []exchange, accept func(exchange) bool) exchange {
	for _, x := range exchanges {
		if accept(x) {
			return x
		}
	}
	panic("not in the recording")
}

func TestRecordedVersions(t *testing.T) {
	for file, want := range map[string]string{
		"2.0.1": "2.0", "3.10": "3.10", "4": "4.0", "4.5.1": "4.5", "R3_6": "3.6", "10.2": "too new", "": "none",
	} {
		f := newFake(t)
		f.replay(recorded(t, "exp-version-string-"+file+".json"))
		f.on("GET /api/types/System/instances", say(200, `[{"id":"499634a44778afc0","name":"scaleio"}]`))
		o, err := f.dial(t).Observe(t.Context())
		switch {
		case want == "too new" || want == "none":
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("%q: %+v %v", file, o, err)
			}
		case err != nil || o.APIVersion != want:
			t.Errorf("%q: %+v %v", file, o, err)
		}
	}
}

func TestRecordedExpiries(t *testing.T) {
	for _, kind := range []string{"json", "html", "empty"} {
		x := find(recorded(t, "exp-expired-token-401-"+kind+".json"), func(x exchange) bool { return x.Status == http.StatusUnauthorized })
		f := newFake(t)
		f.on("GET /api/instances", turns(x.answer(), say(200, `{"System":{"id":"499634a44778afc0"}}`)))
		if _, err := f.dial(t).Observe(t.Context()); err != nil || f.logins != 2 {
			t.Errorf("%s: %d logins, %v", kind, f.logins, err)
		}
	}
}

func TestRecordedGatewaysOfTheOtherScheme(t *testing.T) {
	for _, name := range []string{"exp-v3-bearer-only-gateway.json", "exp-v4-basic-only-gateway.json"} {
		f := newFake(t)
		f.replay(recorded(t, name))
		_, err := f.dial(t).Observe(t.Context())
		if fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), "token that it has just given") || len(f.called()) > 3 {
			t.Errorf("%s: %v after %v", name, err, f.called())
		}
	}
}

func TestRecordedRefusalOfWhatIsMissing(t *testing.T) {
	for _, x := range recorded(t, "exp-device-error-on-missing.json")[2:] {
		if r := readRefusal(x.Status, x.Resp); r == nil || r.kind() != fault.NotFound {
			t.Errorf("%s: %v", x.Resp, r)
		}
	}
}

// Every list and every MDM cluster that goscaleio was given is read by us, too.
func TestRecordedObjects(t *testing.T) {
	for _, version := range []string{"2.0", "2.5", "3.5", "3.6", "4.0"} {
		read := 0
		for _, x := range recorded(t, "full-"+version+".json") {
			if x.Status != http.StatusOK {
				continue
			}
			var into any
			var check = func() string { return "" }
			switch last := x.Path[strings.LastIndex(x.Path, "/")+1:]; {
			case x.Path == "/api/types/System/instances":
				systems := &[]system{}
				into, check = systems, func() string { return (*systems)[0].called() }
			case last == "queryMdmCluster":
				cluster := &types.MdmCluster{}
				into, check = cluster, func() string { return strings.Join(managers(cluster), " ") }
			case x.Method == http.MethodGet && last == "StoragePool":
				pools := &[]pool{}
				into, check = pools, func() string { return (*pools)[0].Name + fmt.Sprint(*(*pools)[0].SparePercentage) }
			case x.Method == http.MethodGet && last == "Device":
				devices := &[]types.Device{}
				into, check = devices, func() string { return (*devices)[0].DeviceCurrentPathName }
			case x.Method == http.MethodGet && last == "Sds":
				sdss := &[]types.Sds{}
				into, check = sdss, func() string { return addresses((*sdss)[0])[0] }
			default:
				continue
			}
			if err := json.Unmarshal(x.Resp, into); err != nil || check() == "" {
				t.Errorf("%s %s: %v", version, x.Path, err)
			}
			read++
		}
		if read < 5 {
			t.Errorf("%s: only %d answers were read", version, read)
		}
	}
}
