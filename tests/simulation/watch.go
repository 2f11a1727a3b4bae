package simulation

import (
	"slices"
	"strings"
	"time"

	mesosscheduler "github.com/mesos/mesos-go/api/v1/lib/scheduler"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/plan"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// Invariants are what must hold at every moment, by name.
var Invariants = map[string]string{
	"one-task":                "A node never has more than one executor, and in the end exactly one.",
	"device-checked":          "A device is attached only if every check let it pass, by the node's last report and by its own look a moment before.",
	"device-reported":         "A device is attached only to the node that reported it.",
	"device-one-pool":         "A device is in one pool, and is never sent to another.",
	"op-once":                 "An operation is not sent while it runs, nor again after its success was told.",
	"sds-once":                "ScaleIO has at most one SDS for each node.",
	"nothing-removed":         "No task is killed, and nothing is taken away from a node, without a command.",
	"plan-moves":              "What is installed or served stays COMPLETE until an operator restarts it; the service's deployment, too.",
	"interrupted-holds":       "An interrupted plan or phase begins nothing.",
	"one-replaced":            "At most one node is being replaced.",
	"store-is-all":            "A core made of the store alone stands where the core stands.",
	"no-secret":               "No secret is stored or sent in the clear.",
	"framework-id":            "The framework id that was stored is the one that is used.",
	"generation-is-one-thing": "A generation of a desired state has one content.",
	"no-hot-loop":             "The core comes to rest, and never wants to be woken in the past.",
	"converges":               "When the faults are over, every plan completes and every device is where it belongs.",
	"quiet":                   "What has converged leaves Mesos and the nodes alone.",
}

// claimAge is how old a node's last look at a device may be when it is attached.
const claimAge = 125 * time.Second

// watch looks whether the invariants hold.
type watch struct {
	*world
	killable map[string]scheduler.Verb // what an operator wants of pods that ends their tasks, by node
	running  map[string]bool           // operations of this process
	done     map[string]bool           // that it was told were done
	statuses map[string]plan.Status
	ahead    bool // an operation was done and the system not read since
	excused  bool // an operator restarted something
	looks    int
	quiet    bool
	sent     map[string]int // while quiet
	before   map[string]inventory.Desired
}

func newWatch(w *world) watch {
	return watch{world: w, killable: map[string]scheduler.Verb{}, running: map[string]bool{}, done: map[string]bool{}, statuses: map[string]plan.Status{},
		sent: map[string]int{}, before: map[string]inventory.Desired{}}
}

// restarted forgets what was true of the last process only.
func (w *watch) restarted() { clear(w.running); clear(w.done) }

func (w *watch) mayKill(node string, verb scheduler.Verb) {
	if verb != scheduler.Resume {
		w.killable[node] = verb
	}
}

func (w *watch) commands(name string, verb scheduler.Verb, phase, step string) {
	if verb != scheduler.Continue && verb != scheduler.Interrupt {
		w.excused = true
	}
}

func (w *watch) subscribes(call *mesosscheduler.Call) {
	id := call.Subscribe.FrameworkInfo.GetID().GetValue()
	if stored := string(w.process.stored()["framework"]); stored != "" && !strings.Contains(stored, `"`+id+`"`) || stored == "" && id != "" {
		w.fail("framework-id", "subscribes as %q, the store says %s", id, stored)
	}
}

// ready looks at what the core wants, before anything of it is done.
func (w *watch) ready(r scheduler.Ready) {
	if !r.Wake.IsZero() && !r.Wake.After(w.wall()) {
		w.fail("no-hot-loop", "the core wants to be woken at %s, and it is %s", r.Wake, w.wall())
	}
	for _, record := range r.Records {
		if strings.Contains(string(record.Value), planted) {
			w.fail("no-secret", "store key %s holds a secret", record.Key)
		}
	}
	for _, op := range r.Apply {
		w.applies(op)
	}
}

// told is what the core learns of an operation.
func (w *watch) told(in scheduler.Input) {
	if a, ok := in.(scheduler.Applied); ok {
		delete(w.running, a.Operation.Key())
		if a.Err == nil {
			w.done[a.Operation.Key()] = true
			w.ahead = true
		}
	}
	if o, ok := in.(scheduler.SystemObserved); ok && o.Err == nil {
		w.ahead = false
	}
}

func (w *watch) node(name string) *scheduler.NodeView {
	nodes := w.process.core.Nodes()
	i := slices.IndexFunc(nodes, func(n scheduler.NodeView) bool { return n.Name == name })
	if i < 0 {
		return nil
	}
	return &nodes[i]
}

func (w *watch) applies(op layout.Operation) {
	key := op.Key()
	if w.running[key] || w.done[key] && op.Kind != layout.SetSpare {
		w.fail("op-once", "%s is sent again (still running: %v)", key, w.running[key])
	}
	w.running[key] = true
	if w.held("deploy", "storage") && (w.held("expand", "storage") || op.Node != "" && w.node(op.Node).Plan == "deploy") {
		w.fail("interrupted-holds", "%s is sent", key)
	}
	if op.Kind == layout.AddDevice {
		w.attaches(op)
	}
}

func (w *watch) held(name, phase string) bool {
	d := w.process.core.Plan(name).Decisions()
	return d.Interrupted || d.Phases[phase].Interrupted
}

func (w *watch) attaches(op layout.Operation) {
	n := w.node(op.Node)
	i := slices.IndexFunc(n.Devices, func(d inventory.Device) bool { return d.ID == op.Device.ID })
	h := w.hosts[slices.IndexFunc(w.hosts, func(h *host) bool { return h.name == op.Node })]
	checked, ever := h.checked[op.Device.ID]
	switch {
	case i < 0 || !h.told[op.Device.ID]:
		w.fail("device-reported", "%s of %s is attached, which did not report it", op.Device.ID, op.Node)
	case len(inventory.Examine(n.Devices[i], layout.DeviceLimits(w.process.cfg.Spec.ScaleIO.Devices))) > 0:
		w.fail("device-checked", "%s of %s is attached, which its report forbids: %+v", op.Device.ID, op.Node, n.Devices[i])
	case !ever || w.now-checked > claimAge:
		w.fail("device-checked", "%s of %s is attached, and its node looked at it %s ago (ever: %v)", op.Device.ID, op.Node, w.now-checked, ever)
	}
}

// carried looks at what ScaleIO is told to do.
func (w *watch) carried(op layout.Operation) {
	if op.Kind != layout.CreateSDS {
		return
	}
	for _, s := range w.gateway.truth.SDSs {
		if s.Name != op.SDS.Name && slices.Equal(s.Addresses, op.SDS.Addresses) {
			w.fail("sds-once", "%s is to be made where %s is", op.SDS.Name, s.Name)
		}
	}
}

// calls looks at what is sent to Mesos.
func (w *watch) calls(c *mesosscheduler.Call) {
	if w.quiet {
		w.sent[c.GetType().String()]++
	}
	switch c.GetType() {
	case mesosscheduler.Call_KILL:
		w.kills(c.Kill.TaskID.Value)
	case mesosscheduler.Call_MESSAGE:
		if strings.Contains(string(c.Message.Data), planted) {
			w.fail("no-secret", "a message holds a secret")
		}
	case mesosscheduler.Call_ACCEPT:
		for _, op := range c.Accept.Operations {
			for _, t := range op.GetLaunch().GetTaskInfos() {
				w.launches(t.TaskID.Value)
			}
		}
	}
}

func (w *watch) kills(task string) {
	for _, n := range w.process.core.Nodes() {
		if n.Task != nil && n.Task.ID == task && w.killable[n.Name] == "" {
			w.fail("nothing-removed", "%s of %s is killed, and nobody said so", task, n.Name)
		}
	}
}

func (w *watch) launches(task string) {
	for _, n := range w.process.core.Nodes() {
		if n.Task == nil || n.Task.ID != task {
			continue
		}
		held := w.held("recovery", "executors")
		if !n.Installed {
			held = w.held(n.Plan, "install")
		}
		if held || n.Paused {
			w.fail("interrupted-holds", "%s is launched (paused: %v)", task, n.Paused)
		}
	}
}

// desired looks at what a node is told to be.
func (w *watch) desired(d *inventory.Desired) {
	was, known := w.before[d.Node]
	w.before[d.Node] = *d
	if known && was.REXRay != nil && d.REXRay == nil {
		w.fail("nothing-removed", "generation %d takes REX-Ray away from %s", d.Generation, d.Node)
	}
	if known && len(was.MDMs) > 0 && len(d.MDMs) == 0 {
		w.fail("nothing-removed", "generation %d takes the MDMs away from %s", d.Generation, d.Node)
	}
}

// moves looks at how the statuses of steps have changed.
func (w *watch) moves() {
	for _, name := range []string{"deploy", "expand"} {
		for _, ph := range w.process.core.Plan(name).Phases {
			for _, s := range ph.Steps {
				path := name + "/" + ph.Name + "/" + s.Name
				was, is := w.statuses[path], s.Status()
				w.statuses[path] = is
				if was == plan.Complete && is != plan.Complete && (ph.Name == "install" || ph.Name == "rexray") && !w.excused {
					w.fail("plan-moves", "%s was COMPLETE and is %s: %s", path, is, s.Message())
				}
			}
		}
	}
	w.excused = false
	replaced := 0
	for _, n := range w.process.core.Nodes() {
		if n.Replace == scheduler.ReplaceBegun {
			replaced++
		}
	}
	if replaced > 1 {
		w.fail("one-replaced", "%d nodes are being replaced", replaced)
	}
}

// rested looks at what was sent while nothing was to be done.
func (w *watch) rested() {
	for _, kind := range []string{"ACCEPT", "KILL", "MESSAGE"} {
		if w.sent[kind] > 0 {
			w.fail("quiet", "%d %s while nothing is to be done", w.sent[kind], kind)
		}
	}
	for kind, n := range w.sent {
		if n > 20 {
			w.fail("quiet", "%d %s in ten minutes while nothing is to be done", n, kind)
		}
	}
}

// placed looks at the end of it all.
func (w *watch) placed() {
	for _, h := range w.hosts {
		if h.executor == nil || !h.executor.alive {
			w.fail("one-task", "%s has no executor in the end", h.name)
		}
		for _, path := range w.wanted(h) {
			if !slices.ContainsFunc(w.gateway.truth.Devices, func(d layout.ObservedDevice) bool { return d.SDS == "sds-"+h.name && d.Path == path }) {
				w.fail("converges", "%s of %s is not attached in the end", path, h.name)
			}
		}
	}
	if n := len(w.master.tasks); n != len(w.hosts) {
		w.fail("one-task", "Mesos has %d tasks for %d nodes in the end", n, len(w.hosts))
	}
}

// wanted are the devices that a host is to give.
func (w *watch) wanted(h *host) []string {
	if w.script.Mode == spec.Global {
		return []string{"/dev/xvdf", "/dev/xvdg"}
	}
	for _, a := range h.attributes {
		if strings.HasPrefix(a.Name, "scaleio-sds-") && strings.HasPrefix(a.Text, "/dev/") {
			return strings.Split(a.Text, ",")
		}
	}
	return nil
}
