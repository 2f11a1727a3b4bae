package scheduler_test

import (
	"strings"
	"testing"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
)

func TestCheckNamesEveryBadKey(t *testing.T) {
	if err := scheduler.Check(nil); err != nil {
		t.Errorf("an empty store: %v", err)
	}
	good := map[string][]byte{"framework": []byte(`{"id":"f-1"}`), "node/a": []byte(`{"name":"a","index":0}`), "plan/deploy": []byte(`{}`)}
	if err := scheduler.Check(good); err != nil {
		t.Errorf("a good store: %v", err)
	}
	err := scheduler.Check(map[string][]byte{
		"framework": []byte(`{"id":`), "node/a": []byte(`{"name":"b"}`), "node/c": []byte(`{"name":"c"}`), "target": []byte(`[]`), "strange": []byte(`1`),
	})
	lines := fault.Lines(err)
	if len(lines) != 4 {
		t.Fatalf("%d problems, want 4: %q", len(lines), lines)
	}
	for i, key := range []string{"framework", "node/a", "strange", "target"} {
		if !strings.HasPrefix(lines[i], "store key "+key+": ") {
			t.Errorf("problem %d is %q, want one of %s", i, lines[i], key)
		}
	}
	if err := scheduler.Check(map[string][]byte{"node/a": []byte(`{"name":"a","index":1}`)}); err == nil || !strings.Contains(err.Error(), "node/a") {
		t.Errorf("a node is missing: %v", err)
	}
}
