package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dcos-scaleio/scaleio/framework/options"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
	"github.com/dcos-scaleio/scaleio/framework/state"
	"github.com/dcos-scaleio/scaleio/framework/state/backup"
	"github.com/dcos-scaleio/scaleio/templates"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"scaleio-scheduler": func() { os.Exit(run(os.Args[1:])) }})
}

func TestState(t *testing.T) {
	testscript.Run(t, testscript.Params{Files: []string{"testdata/state.txtar"}})
}

// TestADumpHoldsNoSecret dumps what a scheduler stores of options that are full of secrets.
func TestADumpHoldsNoSecret(t *testing.T) {
	o, err := options.Parse([]string{"-principal=p", "-store.type=zk", "-scaleio.ubuntu14.lia=http://x/lia.deb", "-scaleio.ubuntu14.lia.sha256=" + strings.Repeat("ab", 32),
		"-scaleio.ubuntu14.lia.version=3.6-700.103", "-service.name=s"},
		[]string{"PRIMARY_MDM_ADDRESS=a", "SECONDARY_MDM_ADDRESS=b", "TIEBREAKER_MDM_ADDRESS=c", "GATEWAY_ADDRESS=g",
			"ADMIN_PASSWORD=marker-1", "LIA_TOKEN=marker-2", "MESOS_SECRET=marker-3", "STORE_SECRET=user:marker-4"})
	if err != nil {
		t.Fatal(err)
	}
	_, s, err := templates.Service(o)
	if err != nil {
		t.Fatal(err)
	}
	target, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	store := state.NewMemory()
	if err := store.Commit(t.Context(), state.Write{Key: scheduler.TargetKey, Value: target}); err != nil {
		t.Fatal(err)
	}
	var dump bytes.Buffer
	if err := backup.Dump(t.Context(), store, &dump); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(dump.String(), `"key":"target"`) || strings.Contains(dump.String(), "marker") {
		t.Errorf("the dump holds a secret, or nothing: %s", dump.String())
	}
	all, err := store.List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := scheduler.Check(all); err != nil {
		t.Errorf("what was stored is not good: %v", err)
	}
}
