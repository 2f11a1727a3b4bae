package simulation

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	"golang.org/x/crypto/nacl/box"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
)

// executor speaks the node's side of the protocol as framework/executor does, and its worker takes its time.
type executor struct {
	*host
	task, id string
	alive    bool
	known    bool // an inventory was made
	report   inventory.Report
	desired  *inventory.Desired
	rest     []byte
	order    int
	probed   uint64
	waiting  bool // for the agent to take the last report
	news     bool
}

// nodeKey is the key pair of every node: making one for each is slow and shows nothing more.
var nodeKey, nodeSecret, _ = box.GenerateKey(rand.Reader)

func (h *host) launch(task, id string) {
	if h.executor != nil {
		h.fail("one-task", "%s is launched on %s, where %s runs", task, h.name, h.executor.task)
		return
	}
	e := &executor{host: h, task: task, id: id, alive: true}
	e.report = inventory.Report{Node: h.name, MachineID: fmt.Sprintf("machine-%d-%d", h.n, h.machine), BootID: fmt.Sprint(h.boot), PublicKey: nodeKey[:],
		Version: "test", Addresses: []string{fmt.Sprintf("10.0.1.%d", h.n)}}
	h.executor = e
	h.queues[task] = &queue{executor: id, state: mesos.TASK_STAGING}
	h.tasks = append(h.tasks, task)
	switch {
	case h.silent > 0:
		h.silent--
		e.later("start", time.Minute, time.Minute, func() { h.kills(mesos.TASK_FAILED, "the executor did not register") })
		return
	case h.dies > 0:
		h.dies--
		e.later("start", 100*time.Millisecond, time.Second, func() { h.kills(mesos.TASK_FAILED, "the executor ended") })
		return
	}
	e.later("start", 150*time.Millisecond, 1500*time.Millisecond, func() {
		h.push(task, mesos.TASK_STARTING, nil, "")
		e.later("probe", 200*time.Millisecond, 3*time.Second, func() { e.found(0) })
	})
}

// later does something if the executor still lives then.
func (e *executor) later(stream string, from, to time.Duration, do func()) {
	e.after(e.between(stream, from, to), func() {
		if e.alive {
			do()
		}
	})
}

// kills ends the executor; FAILURE comes before the update.
func (h *host) kills(state mesos.TaskState, why string) {
	e := h.executor
	if e == nil {
		return
	}
	e.alive, h.executor = false, nil
	h.say("the executor on %s ends: %s", h.name, why)
	if state != mesos.TASK_KILLED && h.reachable() && h.master.up && h.master.agents[h.id] != nil {
		h.master.failed(h.id, e.id)
	}
	h.push(e.task, state, nil, why)
}

// vanish is the end of all that the machine ran, with nobody to tell of it.
func (h *host) vanish() {
	if h.executor != nil {
		h.executor.alive, h.executor = false, nil
	}
	clear(h.queues)
	h.tasks = nil
}

func (h *host) kill(task string) {
	if e := h.executor; e != nil && e.task == task {
		e.later("kill", 10*time.Millisecond, 3*time.Second, func() { h.kills(mesos.TASK_KILLED, "killed on request") })
	}
}

// message takes a Desired as framework/executor does.
func (h *host) message(id string, data []byte) {
	e := h.executor
	if h.loses > 0 {
		h.loses--
		h.say("a message to %s is lost", h.name)
		return
	}
	if e == nil || e.id != id || !e.known {
		return
	}
	var d inventory.Desired
	if err := json.Unmarshal(data, &d); err != nil || d.Node != h.name || d.Generation == 0 {
		h.fail("generation-is-one-thing", "%s is sent what it cannot use: %v %+v", h.name, err, d)
		return
	}
	h.openSecrets(&d)
	if e.desired != nil && d.Generation < e.desired.Generation {
		return
	}
	rest := restOf(d)
	fresh := e.desired == nil || d.Generation > e.desired.Generation
	if !fresh && !bytes.Equal(rest, e.rest) {
		h.fail("generation-is-one-thing", "generation %d of %s was\n%s\nand is\n%s", d.Generation, h.name, e.rest, rest)
		return
	}
	e.accept(d, fresh)
	e.rest = rest
}

func restOf(d inventory.Desired) []byte {
	d.Probe, d.Secrets = 0, nil
	rest, _ := json.Marshal(d)
	return rest
}

// openSecrets is what a node does with what was sealed to it.
func (h *host) openSecrets(d *inventory.Desired) {
	for name, sealed := range d.Secrets {
		if text, ok := box.OpenAnonymous(nil, sealed, nodeKey, nodeSecret); !ok || string(text) != planted+name {
			h.fail("no-secret", "%s cannot open %s", h.name, name)
		}
	}
}

func (e *executor) accept(d inventory.Desired, fresh bool) {
	probe := e.desired == nil || d.Probe != e.desired.Probe
	e.desired = &d
	e.say("%s has generation %d, probe %d, %d claims, rexray %v", e.name, d.Generation, d.Probe, len(d.Claims), d.REXRay != nil)
	if fresh {
		e.report.Generation, e.report.Claims, e.report.Steps = d.Generation, nil, stepsOf(&d)
	}
	e.tell()
	if !fresh && !probe {
		return
	}
	e.order++
	order := e.order
	then := func(stream string, from, to time.Duration, do func()) {
		e.later(stream, from, to, func() {
			if e.order == order {
				do()
			}
		})
	}
	work := func() { e.work(order, 0) }
	look := func() {
		if d.Probe == e.probed {
			work()
			return
		}
		then("probe", 200*time.Millisecond, 2*time.Second, func() { e.found(d.Probe); work() })
	}
	then("claims", 20*time.Millisecond, 800*time.Millisecond, func() {
		if fresh && len(d.Claims) > 0 {
			e.claim(&d)
		}
		look()
	})
}

// found is a fresh inventory.
func (e *executor) found(probe uint64) {
	e.report.Devices = slices.Clone(e.devices)
	for _, d := range e.devices {
		e.told[d.ID] = true
	}
	e.report.Probe, e.probed, e.known = probe, probe, true
	e.tell()
}

// claim looks at devices that are about to be attached.
func (e *executor) claim(d *inventory.Desired) {
	e.report.Claims = map[string][]inventory.Refusal{}
	e.report.Devices = slices.Clone(e.report.Devices)
	for _, claim := range d.Claims {
		i := slices.IndexFunc(e.devices, func(k inventory.Device) bool { return k.ID == claim.Device })
		if i < 0 {
			e.report.Claims[claim.Device] = []inventory.Refusal{{Check: "exists", Reason: claim.Path + " is gone"}}
			continue
		}
		e.report.Claims[claim.Device] = inventory.Examine(e.devices[i], d.Limits)
		if len(e.report.Claims[claim.Device]) == 0 {
			e.checked[claim.Device] = e.now
		}
		if k := slices.IndexFunc(e.report.Devices, func(k inventory.Device) bool { return k.ID == claim.Device }); k >= 0 {
			e.report.Devices[k] = e.devices[i]
		}
	}
	e.tell()
}

func stepsOf(d *inventory.Desired) (all []inventory.Step) {
	add := func(name string, stage inventory.Stage) {
		all = append(all, inventory.Step{Name: name, Stage: stage, State: inventory.Pending})
	}
	for _, p := range d.Packages {
		add("package-"+p.Component, inventory.StageInstall)
	}
	if d.SDS {
		add("service-sds", inventory.StageInstall)
	}
	if len(d.MDMs) > 0 {
		add("sdc-mdms", inventory.StageInstall)
	}
	if d.REXRay != nil {
		add("rexray", inventory.StageREXRay)
	}
	return all
}

// work does the steps from the i-th on.
func (e *executor) work(order, i int) {
	if e.order != order {
		return
	}
	for ; i < len(e.report.Steps) && e.done[e.report.Steps[i].Name]; i++ {
		e.set(i, inventory.Done, "")
	}
	if e.tell(); i == len(e.report.Steps) {
		return
	}
	e.set(i, inventory.Running, "")
	e.later("step", 100*time.Millisecond, 3*time.Second, func() {
		name := e.report.Steps[min(i, len(e.report.Steps)-1)].Name
		state, fails := e.failing[name]
		switch {
		case e.order != order:
		case fails:
			e.set(i, state, "does not work")
			e.tell()
			if state == inventory.Retry {
				e.later("retry", 3*time.Second, 8*time.Second, func() { e.work(order, i) })
			}
		default:
			e.done[name] = true
			e.set(i, inventory.Done, "")
			e.work(order, i+1)
		}
	})
}

func (e *executor) set(i int, state inventory.State, message string) {
	e.report.Steps = slices.Clone(e.report.Steps)
	e.report.Steps[i].State, e.report.Steps[i].Message = state, message
}

// tell reports, one report at a time.
func (e *executor) tell() {
	if e.news = true; e.waiting || !e.known {
		return
	}
	e.news, e.waiting = false, true
	if e.done["sdc-mdms"] {
		e.report.SDCGUID = fmt.Sprintf("GUID-%d", e.n)
	}
	data, _ := json.Marshal(e.report)
	e.push(e.task, mesos.TASK_RUNNING, data, "")
	e.taken()
}

// taken waits until the agent has taken the report.
func (e *executor) taken() {
	e.later("agent", 5*time.Millisecond, 50*time.Millisecond, func() {
		if !e.process {
			e.later("agent", time.Second, time.Second, e.taken)
			return
		}
		if e.waiting = false; e.news {
			e.tell()
		}
	})
}

// brief is a report in a few words.
func brief(data []byte) string {
	var r inventory.Report
	if json.Unmarshal(data, &r) != nil {
		return "no report"
	}
	done := 0
	for _, s := range r.Steps {
		if s.State == inventory.Done {
			done++
		}
	}
	return fmt.Sprintf("generation %d, probe %d, %d of %d steps, claims %v", r.Generation, r.Probe, done, len(r.Steps), r.Claims)
}
