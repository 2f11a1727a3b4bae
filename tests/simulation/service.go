package simulation

import (
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// serviceOf is a specification with the template's plans.
func serviceOf(s Script) *spec.Service {
	phases := spec.Phases{
		{Name: "install", Pod: "node", Strategy: "parallel", MaxParallel: 32}, {Name: "layout", Operation: "layout"},
		{Name: "storage", Operation: "storage", Strategy: "parallel"}, {Name: "rexray", Pod: "node", Strategy: "parallel", MaxParallel: 8},
		{Name: "verify", Operation: "verify"},
	}
	artifact := spec.Artifact{URL: "http://packages/x.deb", SHA256: strings.Repeat("0", 64), Version: "3.6-700.103"}
	return &spec.Service{
		Name: "scaleio", Scheduler: spec.Scheduler{User: "root", Role: "*"},
		ScaleIO: spec.ScaleIO{
			System: spec.System{MDM: spec.MDM{Mode: "existing", Addresses: []string{"10.0.0.10", "10.0.0.11", "10.0.0.12"}},
				Gateways: []string{"https://10.0.0.10"}, Credentials: spec.Credentials{User: "admin"}},
			Pools:    spec.Pools{Mode: s.Mode, Default: spec.Pool{ProtectionDomain: "mydomain", StoragePool: "mypool"}, Onboarding: s.Onboarding},
			Devices:  spec.Devices{MinSize: 100 << 30},
			Packages: map[string]spec.Package{"sds": {Deb: artifact}, "sdc": {Deb: artifact}, "lia": {Deb: artifact}},
			REXRay:   spec.REXRay{Mode: "own", Preempt: true, Size: 16, FSType: "ext4", FileMode: "0777"},
		},
		Pods: map[string]spec.Pod{"node": {Count: "all", Placement: `[["hostname","UNIQUE"]]`,
			Tasks: map[string]spec.Task{"agent": {Goal: "RUNNING", CPUs: 0.1, Memory: 64}}}},
		Plans: map[string]spec.Plan{"deploy": {Strategy: "dependency", Phases: phases}, "expand": {Strategy: "dependency", Phases: phases}},
	}
}

// attributes are those of the original, for one domain: device paths go to a pool; none is no attribute at all.
func attributes(pool string, devices ...string) []layout.Attribute {
	if len(devices) == 0 {
		return nil
	}
	text := func(name, value string) layout.Attribute {
		return layout.Attribute{Name: name, Type: "TEXT", Text: value}
	}
	return []layout.Attribute{
		text("scaleio-sds-domains", "mydomain"), text("scaleio-sds-mydomain", pool), text("scaleio-sds-"+pool, strings.Join(devices, ",")),
		text("scaleio-sdc-domains", "mydomain"), text("scaleio-sdc-mydomain", pool),
	}
}
