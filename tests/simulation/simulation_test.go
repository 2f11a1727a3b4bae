package simulation

import (
	"flag"
	"testing"
)

var (
	seeds = flag.Int("seeds", 0, "how many seeds the campaign runs")
	from  = flag.Uint64("from", 1, "the first seed of the campaign")
	show  = flag.Uint64("show", 0, "run this one seed and print its transcript")
	why   = flag.Uint64("why", 0, "shrink this failing seed and print what is left of it")
)

// explain shrinks a failing script and gives its transcript.
func explain(s Script, f *Failure) string {
	small := Shrink(s, func(s Script) bool {
		r := Run(s, Options{})
		return r.Failure != nil && r.Failure.Invariant == f.Invariant
	})
	r := Run(small, Options{Record: true})
	if r.Failure == nil {
		return "the shrunk script does not fail: the run is not deterministic"
	}
	return r.Failure.Error() + "\n" + r.Transcript
}

func TestShow(t *testing.T) {
	if *show == 0 {
		t.Skip("-show is not given")
	}
	r := Run(Of(*show), Options{Record: true})
	t.Logf("%s", r.Transcript)
	if r.Failure != nil {
		t.Fatal(r.Failure)
	}
}

func TestExplain(t *testing.T) {
	if *why == 0 {
		t.Skip("-why is not given")
	}
	if r := Run(Of(*why), Options{}); r.Failure != nil {
		t.Fatal(explain(Of(*why), r.Failure))
	}
}
