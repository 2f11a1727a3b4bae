package secret_test

import (
	"bytes"
	"encoding/gob"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/dcos-scaleio/scaleio/framework/secret"
)

const text = "hunter2"

type holder struct {
	Open   secret.Value
	Point  *secret.Value
	List   []secret.Value
	Map    map[string]secret.Value
	closed secret.Value
	inner  struct{ deep secret.Value }
}

func held() holder {
	v := secret.New(text)
	h := holder{Open: v, Point: &v, List: []secret.Value{v}, Map: map[string]secret.Value{"a": v}, closed: v}
	h.inner.deep = v
	return h
}

func TestNoFormatShowsASecret(t *testing.T) {
	v, h := secret.New(text), held()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%10s", "%-5v", "%p", "%t", "%c", "%U", "%e", "%!"} {
		for name, thing := range map[string]any{"value": v, "pointer": &v, "struct": h, "pointer to struct": &h, "slice": []any{v, h}, "error": fmt.Errorf("in %v", h)} {
			out := fmt.Sprintf(verb, thing)
			if strings.Contains(out, text) || strings.Contains(out, fmt.Sprintf("%x", text)) || strings.Contains(out, fmt.Sprintf("%X", text)) {
				t.Errorf("%s of a %s shows it: %s", verb, name, out)
			}
		}
	}
	if got := fmt.Sprintf("%v %s %#v %d", v, v, v, v); got != "*** *** *** ***" {
		t.Errorf("it prints as %q", got)
	}
}

func TestNoEncoderShowsASecret(t *testing.T) {
	var out bytes.Buffer
	for _, log := range []*slog.Logger{slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))} {
		log.Info("x", "value", secret.New(text), "struct", held(), "any", slog.AnyValue(secret.New(text)))
	}
	asJSON, err := json.Marshal(held())
	if err != nil {
		t.Fatal(err)
	}
	out.Write(asJSON)
	_ = gob.NewEncoder(&out).Encode(struct{ A secret.Value }{secret.New(text)}) // it may refuse; it may not tell
	if strings.Contains(out.String(), text) || !strings.Contains(out.String(), `"Open":"***"`) {
		t.Errorf("encoders wrote %s", out.String())
	}
}

func TestASecretIsNotReadFromADocument(t *testing.T) {
	var h holder
	if err := json.Unmarshal([]byte(`{"Open":"***"}`), &h); err == nil {
		t.Error("the placeholder was read as a secret")
	}
}

func TestRevealEqualEmpty(t *testing.T) {
	var none secret.Value
	if !none.Empty() || !secret.New("").Empty() || secret.New(text).Empty() {
		t.Error("Empty is wrong")
	}
	if none.Reveal() != "" || secret.New(text).Reveal() != text {
		t.Error("Reveal is wrong")
	}
	if !secret.New(text).Equal(secret.New(text)) || secret.New(text).Equal(none) || !none.Equal(secret.New("")) {
		t.Error("Equal is wrong")
	}
}
