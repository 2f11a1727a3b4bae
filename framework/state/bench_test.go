package state_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dcos-scaleio/scaleio/framework/state"
)

// BenchmarkRestart opens a store with 1000 nodes, takes its lock and reads all: what a scheduler does before it can begin.
func BenchmarkRestart(b *testing.B) {
	everywhere(b, func(b *testing.B, at state.Config) {
		s, err := state.Open(at)
		if err != nil {
			b.Fatal(err)
		}
		var writes []state.Write
		for i := range 1000 {
			writes = append(writes, state.Write{Key: fmt.Sprintf("node/agent-%04d", i), Value: []byte(strings.Repeat("5 kilobytes", 460))})
		}
		if err := s.Commit(b.Context(), writes...); err != nil {
			b.Fatal(err)
		}
		s.Close()
		for b.Loop() {
			s, err := state.Open(at)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := s.Acquire(b.Context(), "bench", nil); err != nil {
				b.Fatal(err)
			}
			if all, err := s.List(b.Context(), ""); err != nil || len(all) != 1000 {
				b.Fatal(len(all), err)
			}
			s.Close()
		}
	})
}

// BenchmarkCommit writes one node at a time.
func BenchmarkCommit(b *testing.B) {
	everywhere(b, func(b *testing.B, at state.Config) {
		s, err := state.Open(at)
		if err != nil {
			b.Fatal(err)
		}
		defer s.Close()
		value := []byte(strings.Repeat("5 kilobytes", 460))
		for b.Loop() {
			if err := s.Commit(b.Context(), state.Write{Key: "node/agent-0001", Value: value}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func everywhere(b *testing.B, run func(*testing.B, state.Config)) {
	b.Run("bolt", func(b *testing.B) { run(b, state.Config{URI: "bolt://" + filepath.Join(b.TempDir(), "state.db")}) })
	for _, backend := range backends {
		b.Run(backend.scheme, func(b *testing.B) {
			backend.need(b)
			run(b, backend.place(backend.server.Address))
		})
	}
}
