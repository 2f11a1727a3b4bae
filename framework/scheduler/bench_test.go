package scheduler

import (
	"fmt"
	"testing"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/plan"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// The core alone: from the first agent to a COMPLETE deploy plan, with Mesos, nodes and ScaleIO answering at once.
func BenchmarkDeploy(b *testing.B) {
	for _, agents := range []int{16, 1000, 2000} {
		b.Run(fmt.Sprintf("agents=%d", agents), func(b *testing.B) {
			for b.Loop() {
				w := newWorld(b, serviceOf(spec.Imperative, "", spec.Propose))
				w.observed.Limits = map[string]layout.ObservedLimit{"sdss": {Max: 4096}}
				for i := range agents {
					w.join(fmt.Sprintf("agent-%04d", i+1), seed(fmt.Sprintf("domain%d/pool%d:/dev/xvdf", i/100, i/100)), deviceOf("/dev/xvdf", 2<<40))
				}
				if !w.until(10*time.Minute, func() bool { return w.core.Plan("deploy").Status() == plan.Complete }) {
					b.Fatal(w.show("deploy"))
				}
			}
		})
	}
}
