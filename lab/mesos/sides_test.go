package mesos

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// play plays an executor from its side's recording, which the executor's environment names.
func (r *replay) play(l Launch, p *played) {
	name := ""
	for _, v := range l.Env {
		if value, ok := strings.CutPrefix(v, "REC_EXEC_NAME="); ok {
			name = value
		}
	}
	steps, err := r.from(name)
	if err != nil || len(steps) == 0 {
		p.exit(exited(1))
		return
	}
	side := &replay{t: r.t, from: r.from, name: name, steps: steps, story: executorStories[name], net: r.net, m: r.m, agents: r.agents, ids: r.ids.clone(),
		began: time.Now(), streams: map[string]*replayStream{}, verdicts: map[string]verdict{}, process: p}
	side.environment(&steps[0], l)
	side.run()
	for _, st := range side.streams {
		st.conn.Close()
	}
	side.rest()
	sides.add(side)
	p.exit(side.exitStatus())
}

// exitStatus: exec-1 was told to exit and did so with 7 (03/102); the others left with 0.
func (r *replay) exitStatus() int {
	if r.name == "03-custom-executor-executor-side" {
		return exited(7)
	}
	return 0
}

// environment compares what the emulator's agent sets with what the recorded one did. PWD and LC_CTYPE are the shell's and Python's.
func (r *replay) environment(s *step, l Launch) {
	got := map[string]string{}
	for _, v := range l.Env {
		name, value, _ := strings.Cut(v, "=")
		got[name] = value
	}
	want := maps.Clone(s.Env)
	delete(want, "PWD")
	if w, g := slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got)); !slices.Equal(w, g) {
		r.fail(s, "recorded environment %v, got %v", w, g)
		return
	}
	for name, value := range want {
		r.ids.strip = workRoot
		if err := r.ids.text(value, got[name]); err != nil {
			r.fail(s, "%s: %v", name, err)
		}
	}
	r.judge(s, verdict{how: "held"})
}

// sides collects the replays of executors.
var sides sideReplays

type sideReplays struct {
	mu   sync.Mutex
	done []*replay
}

func (s *sideReplays) add(r *replay) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = append(s.done, r)
}

func (s *sideReplays) drain() []*replay {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.done
	s.done = nil
	return out
}
