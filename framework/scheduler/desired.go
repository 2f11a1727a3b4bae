package scheduler

import (
	"reflect"
	"strings"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
	"github.com/dcos-scaleio/scaleio/framework/layout"
	"github.com/dcos-scaleio/scaleio/framework/spec"
	"github.com/dcos-scaleio/scaleio/rexray"
)

// onReport takes what a node says of itself.
func (c *Core) onReport(n *Node, r *inventory.Report) {
	before := n.Report
	if before == nil || !reflect.DeepEqual(before.Devices, r.Devices) || !reflect.DeepEqual(before.Addresses, r.Addresses) {
		c.storage.stale = true
	}
	n.Report, n.ReportTask = r, n.Task.ID
	if n.InstallFrom > 0 && r.Reached(inventory.StageInstall, n.InstallFrom) {
		n.Installed, n.Failures, n.Failure = true, 0, ""
	}
	if n.REXRayFrom > 0 && r.Reached(inventory.StageREXRay, n.REXRayFrom) {
		n.Serves, n.serving = true, "serves "+strings.Join(drivers(n), ", ")
	}
	c.mark(n)
}

// converge brings the node's desired state up to the facts, and sends it until the node has answered.
func (c *Core) converge(n *Node) {
	if n.review {
		n.review = false
		c.derive(n)
	}
	if n.Desired == nil || !n.running() || n.ReportTask != n.Task.ID || n.Report.Generation >= n.Desired.Generation {
		return
	}
	const first, most = 2 * time.Second, time.Minute // between sendings: a MESSAGE may be lost without a word
	if next := n.sentAt.Add(retryAfter(n.sends, first, most)); n.sends > 0 && c.now.Before(next) {
		c.by(next)
		return
	}
	if n.sentAt = c.now; n.askedFor != n.ClaimFrom {
		n.asked, n.askedFor = c.now, n.ClaimFrom
	}
	n.sends++
	c.by(n.sentAt.Add(retryAfter(n.sends, first, most)))
	c.out = append(c.out, Message{AgentID: n.Task.AgentID, ExecutorID: n.Task.ExecutorID, PublicKey: n.Report.PublicKey, Desired: *n.Desired})
}

// derive computes what the node is to be. A new generation begins when anything differs from what was sent.
func (c *Core) derive(n *Node) {
	if n.Desired == nil {
		return
	}
	was := *n.Desired
	next := was
	next.Probe = n.Probe
	if c.storage.current != nil || !c.deployment.Committed { // after a restart of ours a node stays what it is until the layout is known again
		next.Packages, next.SDS, next.MDMs = c.packages(n), c.storage.sds(n) != nil || c.provides(n), c.mdms()
	}
	next.Limits, next.AllowReboot, next.Signatures = c.limits(), c.cfg.Spec.ScaleIO.Reboot, c.cfg.Spec.ScaleIO.Signatures
	if was.REXRay != nil {
		if config := c.rexrayConfig(n); config != nil {
			next.REXRay = config
		}
		next.REXRayBinary = c.rexrayBinary()
	}
	if claims := c.storage.claims(n); len(claims) > 0 {
		next.Claims = claims
	} else if !reflect.DeepEqual(next, was) {
		next.Claims = nil // dropped with the next change: not worth a message of its own
	}
	if was.Generation > 0 && reflect.DeepEqual(next, was) {
		return
	}
	next.Generation = was.Generation + 1
	if was.Generation == 0 || !n.Installed {
		n.InstallFrom = next.Generation
	}
	if next.REXRay != nil && (was.REXRay == nil || !n.Serves) {
		n.REXRayFrom = next.Generation
	}
	if !reflect.DeepEqual(next.Claims, was.Claims) || next.Probe != was.Probe {
		n.ClaimFrom = next.Generation
	}
	n.Desired, n.sends = &next, 0
	c.mark(n)
	n.review = false
}

func (c *Core) limits() inventory.Limits {
	return layout.DeviceLimits(c.cfg.Spec.ScaleIO.Devices)
}

// packages are the components that the node's part calls for. Every node is a client; only one that provides devices is a server.
func (c *Core) packages(n *Node) []inventory.Package {
	var all []inventory.Package
	for _, component := range []string{"lia", "sds", "sdc"} {
		p, ok := c.cfg.Spec.ScaleIO.Packages[component]
		if !ok || component == "sds" && c.storage.sds(n) == nil && !c.provides(n) {
			continue
		}
		all = append(all, inventory.Package{Component: component, Deb: inventory.Artifact(p.Deb), RPM: inventory.Artifact(p.RPM)})
	}
	return all
}

// mdms are the managers that clients register with: as the system tells, or as the operator did while it has not been asked.
func (c *Core) mdms() []string {
	if o := c.storage.observed; o != nil && len(o.MDMs) > 0 {
		return o.MDMs
	}
	all := c.cfg.Spec.ScaleIO.System.MDM.Addresses // managers first: two of three, three of five
	return all[:len(all)-len(all)/2]
}

// workREXRay gives the node its REX-Ray configuration.
func (c *Core) workREXRay(n *Node) {
	if n.Desired == nil || n.Desired.REXRay != nil {
		return
	}
	config := c.rexrayConfig(n)
	if config == nil {
		return
	}
	desired := *n.Desired
	desired.REXRay, desired.REXRayBinary = config, c.rexrayBinary()
	desired.Generation++
	n.Desired, n.REXRayFrom, n.sends, n.review = &desired, desired.Generation, 0, true
	c.mark(n)
	c.set(c.phase(c.planOf(n), roleREXRay).Step(n.Name), c.rexrayStatus(n))
}

// rexrayConfig is what the node's REX-Ray offers: one service per consumed pool, the default one first. Nil while the system is unknown.
func (c *Core) rexrayConfig(n *Node) *rexray.Config {
	pools, o, s := c.storage.consumed(n.Name), c.storage.observed, c.cfg.Spec.ScaleIO
	if o == nil || len(pools) == 0 {
		return nil
	}
	config := &rexray.Config{
		Endpoint: s.System.Gateways[0] + "/api", Insecure: s.System.TLS.Insecure, User: s.System.Credentials.User, SystemID: o.ID,
		Preempt: s.REXRay.Preempt, Size: s.REXRay.Size, FSType: s.REXRay.FSType, FileMode: s.REXRay.FileMode, Thick: s.REXRay.Thick,
	}
	for i, pool := range pools {
		config.Services = append(config.Services, rexray.Service{
			Driver:           rexray.DriverName(pool.ProtectionDomain, pool.StoragePool, i == 0),
			ProtectionDomain: pool.ProtectionDomain, StoragePool: pool.StoragePool,
		})
	}
	return config
}

func (c *Core) rexrayBinary() inventory.Binary {
	r := c.cfg.Spec.ScaleIO.REXRay
	return inventory.Binary{Path: r.Binary, Artifact: inventory.Artifact(r.Artifact)}
}

// sds gives the node's place in the layout, or nil.
func (s *storage) sds(n *Node) *layout.SDS { return s.byNode[n.Name] }

// consumed are the pools of a node, the default one first.
func (s *storage) consumed(node string) []spec.Pool { return s.consumers[node] }
