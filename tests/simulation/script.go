package simulation

import (
	"fmt"
	"strings"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// Script is all that a run is made of.
type Script struct {
	Seed       uint64
	Mode       spec.PoolMode
	Onboarding spec.Onboarding
	Agents     int
	Pools      int // 1, or 2: of every other agent
	Events     []Event
}

// Event is a fault or a command, and when. What it hits follows from Arg.
type Event struct {
	At   time.Duration
	Kind string
	Arg  uint64
}

// String is the script as it stands in front of a transcript.
func (s Script) String() string {
	lines := []string{fmt.Sprintf("seed %d: mode %s, onboarding %s, %d agents, %d pools", s.Seed, s.Mode, s.Onboarding, s.Agents, s.Pools)}
	for _, e := range s.Events {
		lines = append(lines, fmt.Sprintf("  %s  %s (%d)", stamp(e.At), e.Kind, e.Arg%1000))
	}
	return strings.Join(lines, "\n")
}

// Of gives the script of a seed.
func Of(seed uint64) Script {
	w := world{script: Script{Seed: seed}, dice: map[string]uint64{}}
	s := Script{Seed: seed, Mode: spec.Imperative, Onboarding: spec.Propose, Agents: 3 + int(w.roll("agents")%3)}
	if w.chance("mode", 40) {
		s.Mode = spec.Global
	}
	if w.chance("onboarding", 30) {
		s.Onboarding = spec.Auto
	}
	if s.Pools = 1; s.Mode == spec.Imperative && w.chance("pools", 25) {
		s.Pools, s.Agents = 2, 6
	}
	var at time.Duration
	for range 1 + w.roll("events")%24 {
		switch w.roll("pause") % 4 { // faults come in bursts
		case 0:
			at += w.between("short", 0, 300*time.Millisecond)
		case 1, 2:
			at += w.between("middle", 0, 8*time.Second)
		case 3:
			at += w.between("long", 0, 150*time.Second)
		}
		s.Events = append(s.Events, Event{at, kindOf(w.roll("kind")), w.roll("arg")})
	}
	if s.Pools == 2 { // one agent less, and a pool has too few to be one: nothing could mend that
		s = s.Without("agent-attributes")
	}
	return s
}

// kindOf draws a kind by weight.
func kindOf(n uint64) string {
	var total uint64
	for _, k := range kinds {
		total += k.weight
	}
	n %= total
	for _, k := range kinds {
		if n < k.weight {
			return k.name
		}
		n -= k.weight
	}
	return ""
}

// Without gives the script without the events of some kinds.
func (s Script) Without(kinds ...string) Script {
	var left []Event
	for _, e := range s.Events {
		drop := false
		for _, k := range kinds {
			drop = drop || e.Kind == k
		}
		if !drop {
			left = append(left, e)
		}
	}
	s.Events = left
	return s
}

// Shrink leaves out what the failure does not need.
func Shrink(s Script, fails func(Script) bool) Script {
	for size := max(1, len(s.Events)/2); size >= 1; size /= 2 {
		for i := 0; i+size <= len(s.Events); {
			less := s
			less.Events = append(append([]Event{}, s.Events[:i]...), s.Events[i+size:]...)
			if fails(less) {
				s = less
			} else {
				i += size
			}
		}
	}
	for s.Agents > 3*s.Pools {
		less := s
		less.Agents--
		if !fails(less) {
			break
		}
		s = less
	}
	return s
}
