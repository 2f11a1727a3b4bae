package scheduler

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	mesos "github.com/mesos/mesos-go/api/v1/lib"
	mesosscheduler "github.com/mesos/mesos-go/api/v1/lib/scheduler"
)

// mesosStories are the commands of transcripts about what happens between Mesos, its agents and us.
var mesosStories = map[string]func(w *world, words []string) string{
	// agent-reboot NAME: it registers with another id; its executor is gone and nobody says so.
	"agent-reboot": func(w *world, words []string) string {
		h := w.hosts[words[0]]
		h.task = nil
		h.agent.ID += "-rebooted"
		h.agent.Active = true
		delete(w.declined, words[0])
		w.feed(AgentAdded{h.agent})
		w.offer()
		return ""
	},
	// stale-offer NAME: of the agent that was there first, late on its stream.
	"stale-offer": func(w *world, words []string) string {
		w.event(&mesosscheduler.Event{Type: mesosscheduler.Event_OFFERS, Offers: &mesosscheduler.Event_Offers{Offers: []mesos.Offer{{
			ID: mesos.OfferID{Value: "O-stale"}, AgentID: mesos.AgentID{Value: strings.TrimSuffix(w.hosts[words[0]].agent.ID, "-rebooted")},
			Hostname: words[0], Resources: mesos.Resources{scalar("cpus", 4), scalar("mem", 8192)}}}}})
		return ""
	},
	// agent-forgotten NAME: a new master without a registry does not know it; its executor runs on.
	"agent-forgotten": func(w *world, words []string) string {
		h := w.hosts[words[0]]
		h.agent.Active = false
		w.feed(AgentRemoved{h.agent.ID})
		w.fromMaster(h, mesos.TASK_LOST)
		return ""
	},
	// agent-disconnects NAME, agent-reconnects NAME: its process restarts; the master's list says so, and nobody says when it is over.
	"agent-disconnects": func(w *world, words []string) string {
		w.hosts[words[0]].agent.Active = false
		w.list()
		return ""
	},
	"agent-reconnects": func(w *world, words []string) string {
		w.hosts[words[0]].agent.Active = true
		w.offer()
		return ""
	},
	// calls-lost KIND TIMES: they do not reach the master.
	"calls-lost": func(w *world, words []string) string {
		n, _ := strconv.Atoi(words[1])
		w.lostCalls[words[0]] = n
		return ""
	},
	// framework-removed: by Mesos, with its executors. The scheduler says why it ends.
	"framework-removed": func(w *world, _ []string) string {
		for _, h := range w.hosts {
			h.task = nil
		}
		w.event(&mesosscheduler.Event{Type: mesosscheduler.Event_ERROR, Error: &mesosscheduler.Event_Error{Message: "Framework has been removed"}})
		w.run()
		return w.core.Over().Error()
	},
	// scheduler-start [reset]: what a start of the scheduler says, or that it runs.
	"scheduler-start": func(w *world, words []string) string {
		if len(words) > 0 {
			writes, err := ResetFramework(w.store)
			if err != nil {
				return err.Error()
			}
			for _, write := range writes {
				if w.store[write.Key] = write.Value; write.Value == nil {
					delete(w.store, write.Key)
				}
			}
		}
		core, err := New(w.cfg)
		if err == nil {
			err = core.Restore(w.store)
		}
		if err == nil {
			err = core.Over()
		}
		if err != nil {
			return err.Error()
		}
		w.start()
		return "runs"
	},
	// pod VERB NAME: a command of the operator.
	"pod": func(w *world, words []string) string {
		tasks, err := w.core.CommandPod(w.now, Verb(words[0]), words[1])
		w.run()
		return fmt.Sprintf("tasks %s, error %v", strings.Join(tasks, ", "), err)
	},
}

func (w *world) fromMaster(h *worldHost, state mesos.TaskState) {
	if h.task != nil {
		w.event(&mesosscheduler.Event{Type: mesosscheduler.Event_UPDATE, Update: &mesosscheduler.Event_Update{Status: mesos.TaskStatus{
			TaskID: h.task.TaskID, State: &state, AgentID: &mesos.AgentID{Value: h.agent.ID}}}})
	}
}

// list tells all agents anew.
func (w *world) list() {
	var agents []Agent
	for _, name := range w.order {
		agents = append(agents, w.hosts[name].agent)
	}
	w.feed(AgentsListed{agents})
}

// loses says whether a call is one of those that get lost.
func (w *world) loses(call *mesosscheduler.Call) bool {
	kind := call.GetType().String()
	if w.lostCalls[kind] == 0 {
		return false
	}
	w.lostCalls[kind]--
	w.feed(CallFailed{call, fmt.Errorf("connection reset by peer")})
	return true
}

func mesosLine(t *testing.T, w *world, name string, words []string) string {
	do := mesosStories[name]
	if do == nil {
		t.Fatalf("%q is no command", name)
	}
	return do(w, words)
}
