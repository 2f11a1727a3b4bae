package executor_test

import (
	"context"
	"crypto/rand"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	wire "github.com/mesos/mesos-go/api/v1/lib/executor"
	"golang.org/x/crypto/nacl/box"

	"github.com/dcos-scaleio/scaleio/framework/executor"
	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/node"
	"github.com/dcos-scaleio/scaleio/rexray"
)

// start runs an executor; the channel gives how it ended.
func start(t testing.TB, a *agent, h node.Host) (context.CancelFunc, chan error) {
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- executor.Run(ctx, a.config(h)) }()
	t.Cleanup(cancel)
	return cancel, ended
}

func end(t testing.TB, ended chan error) error {
	t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
		return nil
	}
}

func desired(generation uint64) inventory.Desired {
	return inventory.Desired{Node: "agent-01", Generation: generation, SDS: true, Packages: []inventory.Package{{Component: "sds", Deb: inventory.Artifact{Version: "3.6-700.103"}}}}
}

func anything(inventory.Report) bool { return true }

func TestAnExecutorBringsItsHostThere(t *testing.T) {
	a, h := newAgent(t), newHost()
	_, ended := start(t, a, h)
	first := a.until("is first", anything)
	if first.Node != "agent-01" || first.Generation != 0 || first.MachineID != "m" || len(first.Devices) != 1 || len(first.PublicKey) != 32 || first.Version != "v1" {
		t.Errorf("%+v", first)
	}
	d := desired(1)
	d.Claims = []inventory.Claim{{Device: "/dev/sdb", Path: "/dev/sdb"}, {Device: "/dev/sdz", Path: "/dev/sdz"}}
	a.message(d)
	receipt := a.until("is the receipt", func(r inventory.Report) bool { return r.Generation == 1 })
	if receipt.Reached(inventory.StageInstall, 1) && receipt.Claims == nil {
		t.Error("reached without a look")
	}
	r := a.until("has all", func(r inventory.Report) bool { return r.Reached(inventory.StageInstall, 1) && r.Claims != nil })
	if got := r.Claims["/dev/sdb"]; got == nil || len(got) > 0 {
		t.Errorf("%+v", r.Claims)
	}
	if got := r.Claims["/dev/sdz"]; len(got) != 1 || got[0].Check != "exists" {
		t.Errorf("%+v", r.Claims)
	}
	if r.Software["sds"] != "3.6-700.103" {
		t.Errorf("%+v", r.Software)
	}
	// The secret reaches the file although it was sealed to this very process.
	d = desired(2)
	d.REXRay = &rexray.Config{Endpoint: "https://10.0.0.1/api", User: "admin", SystemID: "0123456701234567", Size: 8, FSType: "ext4", FileMode: "0777",
		Services: []rexray.Service{{Driver: "scaleio", ProtectionDomain: "d", StoragePool: "p"}}}
	sealed, err := box.SealAnonymous(nil, []byte("hunter2"), (*[32]byte)(first.PublicKey), rand.Reader)
	must(t, err)
	d.Secrets = map[string][]byte{inventory.SecretPassword: sealed}
	d.REXRayBinary.Path = "/missing"
	a.message(d)
	r = a.until("failed", func(r inventory.Report) bool {
		return r.Generation == 2 && slices.ContainsFunc(r.Steps, func(s inventory.Step) bool { return s.State == inventory.Failed })
	})
	if !r.Reached(inventory.StageInstall, 2) || r.Reached(inventory.StageREXRay, 2) || !slices.ContainsFunc(r.Warnings, func(w string) bool { return strings.Contains(w, "dvdcli") }) {
		// The warning may be told with the next report, which is due within a second.
		a.until("warns", func(r inventory.Report) bool { return strings.Contains(strings.Join(r.Warnings, " "), "dvdcli") })
	}
	a.send(&wire.Event{Type: wire.Event_KILL, Kill: &wire.Event_Kill{TaskID: mesos.TaskID{Value: "t"}}})
	for {
		s := a.update()
		if *s.State == mesos.TASK_KILLED {
			break
		}
	}
	if err := end(t, ended); err != nil {
		t.Error(err)
	}
	for _, c := range h.ran {
		if strings.Contains(c, "stop") || strings.Contains(c, "disable") {
			t.Error("the end of an executor stopped something:", c)
		}
	}
}

func TestAnIdleExecutorDoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, h := newAgent(t), newHost()
		cancel, ended := start(t, a, h)
		a.until("is first", anything)
		a.message(desired(1))
		a.until("is done", func(r inventory.Report) bool { return r.Reached(inventory.StageInstall, 1) })
		synctest.Wait()
		runs := h.count()
		<-time.After(24 * time.Hour) // of the bubble's time
		synctest.Wait()
		if n := h.count() - runs; n > 0 || len(a.calls) > 0 {
			t.Errorf("%d commands ran, %d calls were made", n, len(a.calls))
		}
		ask := desired(1)
		ask.Probe = 3
		a.message(ask)
		a.until("answers the probe", func(r inventory.Report) bool { return r.Probe == 3 })
		if h.count() == runs {
			t.Error("answered without a look")
		}
		cancel()
		if err := end(t, ended); err != nil {
			t.Error(err)
		}
	})
}

func TestAReceiptDoesNotWaitForAStuckCommand(t *testing.T) {
	a, h := newAgent(t), newHost()
	_, ended := start(t, a, h)
	a.until("is first", anything)
	h.mu.Lock()
	h.block = make(chan struct{})
	h.mu.Unlock()
	for g := range uint64(3) {
		a.message(desired(g + 1))
		a.until("is the receipt", func(r inventory.Report) bool { return r.Generation == g+1 })
	}
	close(h.block)
	a.until("is done", func(r inventory.Report) bool { return r.Reached(inventory.StageInstall, 3) })
	a.send(&wire.Event{Type: wire.Event_SHUTDOWN})
	if err := end(t, ended); err != nil {
		t.Error(err)
	}
}

func TestAnUpdateSurvivesTheLossOfTheStream(t *testing.T) {
	a, h := newAgent(t), newHost()
	cancel, ended := start(t, a, h)
	a.until("is first", anything)
	a.mu.Lock()
	a.drop = true
	a.mu.Unlock()
	a.message(desired(1))
	lost := a.update()
	again := a.update() // came along with SUBSCRIBE
	if string(lost.UUID) != string(again.UUID) {
		t.Error("another update:", again)
	}
	a.until("is done", func(r inventory.Report) bool { return r.Reached(inventory.StageInstall, 1) })
	cancel()
	if err := end(t, ended); err != nil {
		t.Error(err)
	}
}

func TestWithoutCheckpointItEndsWithItsAgent(t *testing.T) {
	a := newAgent(t)
	ended := make(chan error, 1)
	go func() {
		cfg := a.config(newHost())
		cfg.Mesos.Checkpoint = false
		ended <- executor.Run(t.Context(), cfg)
	}()
	a.until("is first", anything)
	a.mu.Lock()
	close(a.stream)
	a.stream = nil
	a.mu.Unlock()
	if err := end(t, ended); fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
}

func TestABadHostFailsTheTask(t *testing.T) {
	a := newAgent(t)
	ended := make(chan error, 1)
	go func() {
		cfg := a.config(nil)
		cfg.Host = func(name string) (node.Host, error) { return node.NewHost("/no/such/" + name) }
		ended <- executor.Run(t.Context(), cfg)
	}()
	if s := a.update(); *s.State != mesos.TASK_FAILED || !strings.Contains(s.GetMessage(), "/no/such/agent-01") {
		t.Errorf("%+v", s)
	}
	if err := end(t, ended); err == nil || !strings.Contains(err.Error(), "/no/such/agent-01") {
		t.Error(err)
	}
}

func TestFromEnv(t *testing.T) {
	env := map[string]string{"MESOS_FRAMEWORK_ID": "fw", "MESOS_EXECUTOR_ID": "ex", "MESOS_AGENT_ENDPOINT": "127.0.0.2:5051", "MESOS_CHECKPOINT": "1", "MESOS_RECOVERY_TIMEOUT": "15mins"}
	c, err := executor.FromEnv(func(name string) string { return env[name] })
	must(t, err)
	if c.FrameworkID != "fw" || c.ExecutorID != "ex" || c.Mesos.Masters[0] != "127.0.0.2:5051" || !c.Mesos.Checkpoint || c.Mesos.RecoveryTimeout != 15*time.Minute {
		t.Errorf("%+v", c)
	}
	env = map[string]string{"MESOS_CHECKPOINT": "1", "MESOS_RECOVERY_TIMEOUT": "soon"}
	_, err = executor.FromEnv(func(name string) string { return env[name] })
	if lines := fault.Lines(err); len(lines) != 4 {
		t.Error(lines)
	}
	if err := executor.Run(t.Context(), executor.Config{}); err == nil {
		t.Error("it runs without a host")
	}
}

// TestManyInOneProcess is how the lab measures: 200 executors in one process.
func TestManyInOneProcess(t *testing.T) {
	var all sync.WaitGroup
	for range 200 {
		a := newAgent(t)
		cancel, ended := start(t, a, newHost())
		all.Go(func() {
			a.until("is first", anything)
			a.message(desired(1))
			a.until("is done", func(r inventory.Report) bool { return r.Reached(inventory.StageInstall, 1) })
			cancel()
			if err := end(t, ended); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
