package mesos

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// workRoot is where the emulator's agents keep their sandboxes in a replay; below it the paths are the recorded ones.
var workRoot string

var hostAttributes = []Attribute{
	{Name: "scaleio-sds-domains", Text: "mydomain"}, {Name: "scaleio-sds-mydomain", Text: "mypool"}, {Name: "scaleio-sds-mypool", Text: "/dev/xvdf"},
	{Name: "scaleio-sdc-domains", Text: "mydomain"}, {Name: "scaleio-sdc-mydomain", Text: "mypool"},
}

const recordedResources = "cpus:2;mem:1024;disk:2048;ports:[31000-31010]"

func recordedAgent(hostname string, launcher Launcher) AgentConfig {
	n, _ := strconv.Atoi(hostname[strings.LastIndex(hostname, ".")+1:])
	return AgentConfig{Hostname: hostname, Address: hostname + ":5051", Attributes: hostAttributes, Launcher: launcher,
		Resources: recordedResources, WorkDir: workRoot + "/var/lib/mesos-01/run/agent" + strconv.Itoa(n-1) + "-work"}
}

// cast finds the recorded agents: host by host in the order of their ids, as offers, notes and answers name them.
func cast(steps []step) []string {
	hosts := map[int]string{}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if host, ok := v["hostname"].(string); ok {
				if id, ok := path(v, "agent_id", "value").(string); ok {
					if at := strings.LastIndex(id, "-S"); at > 0 {
						n, _ := strconv.Atoi(id[at+2:])
						hosts[n] = host
					}
				}
			}
			for _, one := range v {
				walk(one)
			}
		case []any:
			for _, one := range v {
				walk(one)
			}
		}
	}
	for _, s := range steps {
		walk(s.Event)
	}
	var out []string
	for n := 0; hosts[n] != "" && !slices.Contains(out, hosts[n]); n++ { // a known host with another id is a later life of it
		out = append(out, hosts[n])
	}
	return out
}

var masterIDs = regexp.MustCompile(`"master_info":\{"id":"([0-9a-f-]{36})"`)

func newReplay(t testing.TB, from library, name string, st story) *replay {
	dir, _, _ := strings.Cut(name, "#")
	steps, err := from(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := &replay{t: t, from: from, name: name, steps: steps, story: st, net: newMemnet(), agents: map[string]*Agent{}, ids: newIdents(),
		streams: map[string]*replayStream{}, verdicts: map[string]verdict{}}
	r.ids.strip = workRoot
	r.steps = slices.DeleteFunc(steps, func(s step) bool {
		beyond := s.number < st.from || st.to != "" && s.number > st.to
		if beyond {
			r.judge(&s, verdict{"skipped", st.beyond})
		}
		return beyond
	})
	steps = r.steps
	cfg := Config{}.Real()
	cfg.Listen = r.net.Listen
	cfg.LaunchDelay = 110 * time.Millisecond // of the recorded Mesos, built without optimisation
	for i := range steps {
		if found := masterIDs.FindStringSubmatch(steps[i].Record); found != nil {
			cfg.MasterID = found[1]
			break
		}
	}
	if st.config != nil {
		st.config(&cfg)
	}
	hosts := st.agents
	if hosts == nil {
		hosts = cast(steps)
	}
	r.m = NewMaster(cfg)
	masters := st.masters
	if masters == nil {
		masters = []string{"127.0.0.1:5050"}
	}
	for _, addr := range masters {
		if err := r.m.Start(addr); err != nil {
			t.Fatal(err)
		}
	}
	// The allocator's cycles fall where the recording's offers do: the master is as much older as that takes.
	phase := st.phase
	if phase == 0 {
		phase = cycle(steps)
	}
	r.began = time.Now()
	r.m.allocator.since = r.began.Add(time.Duration(phase * float64(time.Second))).Add(-10 * time.Second)
	for _, host := range hosts {
		agent := recordedAgent(host, shell{r.play})
		if st.tune != nil {
			st.tune(&agent)
		}
		a, err := r.m.AddAgent(agent)
		if err != nil {
			r.m.Close()
			t.Fatal(err)
		}
		r.agents[host] = a
	}
	return r
}

// cycle guesses when allocation cycles fell: at the fraction of a second at which offers came that no request before them explains.
func cycle(steps []step) float64 {
	var fractions []float64
	last := -1.0
	for _, s := range steps {
		switch {
		case s.Kind == "subscribe-head" || s.Kind == "exchange" && strings.Contains(s.Name, "REVIVE"):
			last = s.T
		case eventType(s.Event) == "OFFERS" && s.T-last > 0.3:
			fractions = append(fractions, s.T-float64(int(s.T)))
		}
	}
	if len(fractions) == 0 {
		return 0.5
	}
	slices.Sort(fractions)
	return fractions[len(fractions)/2]
}

// TestRecordedTraffic replays every scenario that is in scope and holds it to the recording.
func TestRecordedTraffic(t *testing.T) {
	all := scenarios(t)
	covered := coverage{}
	workRoot = t.TempDir()
	only := os.Getenv("SCENARIO")
	for _, name := range slices.Sorted(maps.Keys(stories)) {
		st := stories[name]
		if !strings.HasPrefix(name, only) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			for _, one := range tell(t, recording, name, st) {
				covered.add(one)
			}
		})
	}
	if only == "" && !t.Failed() {
		covered.check(t, all)
	}
}

// tell replays one story and gives the replay, and those of executors in it.
func tell(t *testing.T, from library, name string, st story) (all []*replay) {
	synctest.Test(t, func(t *testing.T) {
		r := newReplay(t, from, name, st)
		if st.setup != nil {
			st.setup(r)
		}
		r.run()
		r.rest()
		if err := r.m.audit(); err != nil {
			t.Error(err)
		}
		r.m.Close()
		synctest.Wait()
		all = append(sides.drain(), r)
		for _, one := range all {
			for _, miss := range one.missed {
				t.Errorf("%s/%s", one.name, miss)
			}
			t.Logf("%s: events %.2f s early to %.2f s late", one.name, one.fast, one.slow)
		}
	})
	return all
}

// TestFixtures holds the emulator to what testdata has of the recordings, which may not be here.
func TestFixtures(t *testing.T) {
	workRoot = t.TempDir()
	for _, name := range []string{"01-subscribe-offers-decline", "02-command-tasks", "08-http-errors", "26-filters-and-grace"} {
		t.Run(name, func(t *testing.T) {
			for _, one := range tell(t, fixture, name, stories[name]) {
				held := 0
				for file, v := range one.verdicts {
					switch v.how {
					case "held":
						held++
					case "note":
					default:
						t.Errorf("%s/%s is %s", one.name, file, v.how)
					}
				}
				if held == 0 {
					t.Errorf("nothing of %s was compared", one.name)
				}
			}
		})
	}
}

// audit compares the allocator's books with what there is.
func (m *Master) audit() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	var want shares
	want.charge("", nil, 1)
	for _, s := range m.slaves {
		var used bag
		want.cluster = want.cluster.plus(amountOf(s.total), 1)
		for framework, tasks := range s.tasks {
			for _, t := range tasks {
				if !t.freed {
					want.charge(framework, t.uses, 1)
					used = used.plus(t.uses)
				}
			}
		}
		for framework, executors := range s.executors {
			for _, e := range executors {
				want.charge(framework, newBag(e.info.Resources), 1)
				used = used.plus(newBag(e.info.Resources))
			}
		}
		if amountOf(used) != amountOf(s.used) {
			return fmt.Errorf("agent %s: %v is in use, booked is %v", s.id(), used, s.used)
		}
	}
	for _, o := range m.offers {
		want.charge(o.framework.id(), o.holds, 1)
	}
	if got := m.allocator.shares; got.cluster != want.cluster || !maps.Equal(got.roles, want.roles) || !maps.Equal(got.frameworks, want.frameworks) {
		return fmt.Errorf("the allocator's books are wrong: %v instead of %v", got, want)
	}
	return nil
}
