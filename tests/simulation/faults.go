package simulation

import (
	"fmt"
	"slices"
	"time"

	mesos "github.com/mesos/mesos-go/api/v1/lib"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/layout"
)

// kind is something that a script may have happen.
type kind struct {
	name   string
	weight uint64
	do     func(w *world, arg uint64)
}

// kinds are all of them. Crashes lists those that end the scheduler's process.
var kinds []kind

// Crashes are the kinds that only end the scheduler's process: without them a script ends in the same layout.
var Crashes = []string{"scheduler-crash", "store-error"}

func init() {
	kinds = []kind{
		{"agent-joins", 6, func(w *world, _ uint64) {
			if len(w.hosts) < 8 {
				w.join()
			}
		}},
		{"agent-cut-off", 6, onHost(func(h *host, arg uint64) { h.cutOff(span(arg, 2*time.Second, 4*time.Minute)) })},
		{"agent-restarts", 6, onHost(func(h *host, arg uint64) { h.restartAgent(span(arg, time.Second, 100*time.Second), "") })},
		{"agent-restarts-and-executor-dies", 3, onHost(func(h *host, arg uint64) { h.restartAgent(span(arg, time.Second, 20*time.Second), "executor") })},
		{"host-reboots-same-id", 4, onHost(func(h *host, arg uint64) { h.reboot(span(arg, 20*time.Second, 4*time.Minute), false) })},
		{"host-reboots-new-id", 5, onHost(func(h *host, arg uint64) { h.reboot(span(arg, 20*time.Second, 4*time.Minute), true) })},
		{"agent-wiped", 4, onHost(func(h *host, arg uint64) { h.wipe(nil) })},
		{"agent-attributes", 3, onHost(func(h *host, arg uint64) { h.wipe(&arg) })},
		{"agent-unregisters", 3, onHost(func(h *host, arg uint64) { h.leave(mesos.TASK_LOST, arg) })},
		{"agent-gone", 2, onHost(func(h *host, arg uint64) { h.leave(mesos.TASK_GONE_BY_OPERATOR, arg) })},
		{"machine-replaced", 2, onHost(func(h *host, arg uint64) {
			if h.up {
				h.machine++
				clear(h.done)
				h.reboot(span(arg, 20*time.Second, 4*time.Minute), true)
			}
		})},
		{"executor-dies", 7, onHost(func(h *host, _ uint64) {
			if h.up {
				h.kills(mesos.TASK_FAILED, "it was killed")
			}
		})},
		{"executors-die", 4, onHost(func(h *host, arg uint64) { h.dies += 1 + int(arg%3) })},
		{"executor-silent", 2, onHost(func(h *host, _ uint64) { h.silent = 1 })},
		{"messages-lost", 5, onHost(func(h *host, arg uint64) { h.loses += 1 + int(arg%4) })},
		{"step-fails", 3, onHost(func(h *host, arg uint64) { h.failStep(arg, inventory.Failed) })},
		{"step-retries", 3, onHost(func(h *host, arg uint64) { h.failStep(arg, inventory.Retry) })},
		{"device-gets-content", 4, onHost(func(h *host, arg uint64) { h.content(arg) })},
		{"calls-fail", 6, func(w *world, arg uint64) { w.process.failCall += 1 + int(arg%4) }},
		{"stream-breaks", 5, func(w *world, _ uint64) { w.master.breakStream() }},
		{"operator-stream-breaks", 4, func(w *world, _ uint64) { w.master.breakOperator() }},
		{"operator-stream-denied", 1, func(w *world, _ uint64) { w.master.hidden = true; w.master.breakOperator() }},
		{"master-fails-over", 5, func(w *world, arg uint64) { w.master.failOver(arg%3 == 0) }},
		{"framework-removed", 1, func(w *world, _ uint64) { w.master.removeFramework() }},
		{"offers-rescinded", 4, func(w *world, _ uint64) { w.master.rescind(""); w.master.allocate() }},
		{"failure-event", 1, onHost(func(h *host, _ uint64) { h.master.failed(h.id, "another-executor") })},
		{"scheduler-crash", 12, func(w *world, arg uint64) { w.process.crashSoon(arg) }},
		{"store-error", 5, func(w *world, arg uint64) { w.process.store.(*faultyStore).failNext(arg%2 == 0) }},
		{"gateway-away", 5, func(w *world, arg uint64) { w.gateway.downTil = w.now + span(arg, time.Second, 3*time.Minute) }},
		{"gateway-denies", 1, func(w *world, arg uint64) {
			w.gateway.denied = true
			w.after(span(arg, time.Second, time.Minute), func() { w.gateway.denied = false })
		}},
		{"gateway-slow", 4, func(w *world, arg uint64) { w.gateway.slow += 1 + int(arg%5) }},
		{"operation-not-done", 5, func(w *world, arg uint64) { w.gateway.fails(arg, false) }},
		{"operation-done-answer-lost", 5, func(w *world, arg uint64) { w.gateway.fails(arg, true) }},
		{"operator-commands-plan", 8, func(w *world, arg uint64) { w.commandPlan(arg) }},
		{"operator-commands-pod", 9, func(w *world, arg uint64) { w.commandPod(arg) }},
	}
}

func onHost(do func(h *host, arg uint64)) func(w *world, arg uint64) {
	return func(w *world, arg uint64) { do(w.hosts[arg%uint64(len(w.hosts))], mix(arg)) }
}

func span(arg uint64, from, to time.Duration) time.Duration {
	return from + time.Duration(arg%uint64(to-from))
}

func (w *world) join() {
	h := newHost(w)
	w.say("%s joins", h.name)
	h.register()
}

func (h *host) cutOff(d time.Duration) {
	if h.cut || !h.up {
		return
	}
	h.say("%s is cut off for %s", h.name, d)
	h.cut = true
	h.disconnect(false)
	h.after(d, h.heal)
}

func (h *host) heal() {
	if h.cut {
		h.cut = false
		h.register()
	}
}

// restartAgent takes the agent's process away; executors go on.
func (h *host) restartAgent(d time.Duration, loses string) {
	if !h.reachable() {
		return
	}
	h.say("the agent on %s restarts, %s", h.name, d)
	h.process = false
	h.disconnect(true)
	if loses != "" {
		h.after(d/2, func() { h.kills(mesos.TASK_FAILED, "it did not live to see the agent's return") })
	}
	h.after(d, h.comeBack)
}

func (h *host) comeBack() {
	if !h.process {
		h.process = true
		h.register()
	}
}

// reboot ends everything on the machine. Mesos before 1.4, and a lost work directory, give the agent a new id.
func (h *host) reboot(d time.Duration, newID bool) {
	if !h.up {
		return
	}
	h.say("%s reboots (new id: %v), %s", h.name, newID, d)
	h.up = false
	h.boot++
	h.disconnect(!h.cut)
	h.dead = newID
	h.after(d, h.boots)
}

func (h *host) boots() {
	if h.up {
		return
	}
	h.up, h.process = true, true
	if h.dead {
		h.vanish()
		h.newID()
	} else {
		h.kills(mesos.TASK_FAILED, "the machine was rebooted")
	}
	h.register()
}

// wipe is a fresh agent at the same address, with other attributes perhaps.
func (h *host) wipe(attribute *uint64) {
	if !h.reachable() {
		return
	}
	h.say("the agent on %s starts anew", h.name)
	h.vanish()
	h.newID()
	if attribute != nil {
		h.attributes = [][]layout.Attribute{nil, attributes("mypool", "/dev/xvdf"), attributes("mypool", "/dev/xvdf", "/dev/xvdg"),
			attributes("otherpool", "/dev/xvdg")}[*attribute%4]
	}
	h.after(h.between("agent", 500*time.Millisecond, 2*time.Second), h.register)
}

// leave is an agent that unregisters or is given up; the machine comes back as a new one.
func (h *host) leave(state mesos.TaskState, arg uint64) {
	if !h.reachable() || !h.master.up || h.master.agents[h.id] == nil {
		return
	}
	id := h.id
	reason := mesos.REASON_AGENT_REMOVED
	if state == mesos.TASK_GONE_BY_OPERATOR {
		h.master.gone[id] = true
		reason = mesos.REASON_AGENT_REMOVED_BY_OPERATOR
	}
	h.master.remove(id, state, reason, "the agent unregistered, or was marked as gone")
	h.vanish()
	h.newID()
	h.process = false
	h.contact++
	h.after(span(arg, time.Second, 3*time.Minute), h.comeBack)
}

func (h *host) failStep(arg uint64, state inventory.State) {
	names := []string{"package-sds", "package-sdc", "service-sds", "sdc-mdms", "rexray"}
	h.failing[names[arg%uint64(len(names))]] = state
}

// content has somebody use a device that nobody has attached.
func (h *host) content(arg uint64) {
	i := 1 + int(arg%2)
	attached := slices.ContainsFunc(h.gateway.truth.Devices, func(d layout.ObservedDevice) bool {
		return d.SDS == fmt.Sprintf("sds-%s", h.name) && d.Path == h.devices[i].Path
	})
	if !attached && h.devices[i].Signature == "" {
		h.say("%s of %s gets a filesystem", h.devices[i].Path, h.name)
		h.devices = slices.Clone(h.devices)
		h.devices[i].Signature = "ext4"
	}
}

func (g *gateway) fails(arg uint64, done bool) {
	for range 1 + arg%3 {
		g.errors = append(g.errors, done)
	}
}

// crashSoon ends the process at its next chance, or at the latest in half a minute.
func (p *process) crashSoon(arg uint64) {
	if !p.alive {
		return
	}
	if arg%4 == 0 {
		p.die("at rest")
		return
	}
	p.crash = &crash{before: arg%4 == 1, sends: int(mix(arg) % 4)}
	p.after(30*time.Second, p.mine(func() {
		if p.crash != nil {
			p.die("at last")
		}
	}))
}
