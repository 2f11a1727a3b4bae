package spec

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/offer"
	"github.com/dcos-scaleio/scaleio/framework/plan"
)

// A Rule is one thing that must hold of every spec.
type Rule struct {
	Name  string // stable: "gateways"
	Says  string // what must hold
	check func(*Service, add)
}

// add notes what is wrong at a path of the spec; an empty sentence is nothing wrong.
type add func(path, sentence string)

// Rules are all of them; Validate checks each.
var Rules = []Rule{
	{"name", "the service's name can be part of DNS names and task ids", func(s *Service, wrong add) { wrong("name", CheckServiceName(s.Name)) }},
	{"scheduler", "user, role and principal are what Mesos takes", checkScheduler},
	{"system", "the system's name, gateway user and API version are legal", checkSystem},
	{"mdm", "the MDM cluster exists and has 3 or 5 members, each named once by its address", checkMDM},
	{"gateways", "there is at least one gateway, an https URL without a path", checkGateways},
	{"tls", "the gateway's certificate is checked in one way, or not at all", checkTLS},
	{"pools", "pool mode, default pool, onboarding and the source of fault sets are known", checkPools},
	{"devices", "device sizes and patterns make sense", checkDevices},
	{"packages", "every package has URL, checksum and version, and what is asked of signatures is known", checkPackages},
	{"rexray", "REX-Ray's volumes are what ScaleIO and the agents can make", checkREXRay},
	{"network", "the network of the data servers is a CIDR", checkNetwork},
	{"pods", "there is one pod, node, on every agent, with one task, agent, that keeps running", checkPods},
	{"plans", "deploy and expand have our phases, in an order that can work", checkPlans},
}

// Validate checks every rule and gives everything that is wrong at once, sorted.
func Validate(s *Service) error {
	var problems Problems
	for _, rule := range Rules {
		rule.check(s, func(path, sentence string) { problems.Add("spec "+path, sentence) })
	}
	return problems.Sorted()
}

func checkScheduler(s *Service, wrong add) {
	wrong("scheduler.user", CheckUser(s.Scheduler.User))
	wrong("scheduler.principal", CheckText(s.Scheduler.Principal))
	wrong("scheduler.role", CheckRole(s.Scheduler.Role))
}

func checkSystem(s *Service, wrong add) {
	system := s.ScaleIO.System
	if system.Name != "" {
		wrong("scaleio.system.name", CheckName(system.Name))
	}
	wrong("scaleio.system.credentials.user", CheckUser(system.Credentials.User))
	wrong("scaleio.system.credentials.secret-file", CheckText(system.Credentials.SecretFile))
	if system.APIVersion != "" {
		wrong("scaleio.system.api-version", CheckAPIVersion(system.APIVersion))
	}
}

func checkMDM(s *Service, wrong add) {
	const at = "scaleio.system.mdm."
	mdm := s.ScaleIO.System.MDM
	if mdm.Mode != "existing" {
		wrong(at+"mode", fmt.Sprintf("%q: expected existing; setting up an MDM cluster is not in this version yet", mdm.Mode))
	}
	if n := len(mdm.Addresses); n != 3 && n != 5 {
		wrong(at+"addresses", fmt.Sprintf("has %d addresses: expected 3 or 5, one for each member of the cluster: managers and tie-breakers", n))
	}
	for i, address := range mdm.Addresses {
		wrong(fmt.Sprintf("%saddresses[%d]", at, i), CheckHost(address))
	}
	for _, address := range Twice(mdm.Addresses) {
		wrong(at+"addresses", fmt.Sprintf("%q is named twice", address))
	}
}

// Twice gives the addresses that were named before, in whatever way.
func Twice(addresses []string) (again []string) {
	seen := map[string]bool{}
	for _, address := range addresses {
		if seen[sameHost(address)] {
			again = append(again, address)
		}
		seen[sameHost(address)] = true
	}
	return again
}

// sameHost gives one text for all ways of writing an address.
func sameHost(address string) string {
	if ip, err := netip.ParseAddr(address); err == nil {
		return ip.Unmap().String()
	}
	return strings.ToLower(strings.TrimSuffix(address, "."))
}

func checkGateways(s *Service, wrong add) {
	gateways := s.ScaleIO.System.Gateways
	if len(gateways) == 0 {
		wrong("scaleio.system.gateways", "is empty: expected at least one, such as https://10.0.0.10")
	}
	for i, gateway := range gateways {
		wrong(fmt.Sprintf("scaleio.system.gateways[%d]", i), CheckGateway(gateway))
	}
}

func checkTLS(s *Service, wrong add) {
	const at = "scaleio.system.tls"
	tls := s.ScaleIO.System.TLS
	wrong(at+".ca-file", CheckText(tls.CAFile))
	if tls.SHA256 != "" {
		wrong(at+".sha256", CheckSHA256(tls.SHA256))
	}
	if tls.Insecure && (tls.CAFile != "" || tls.SHA256 != "") {
		wrong(at, "insecure switches off the check that ca-file or sha256 asks for: expected one of them")
	}
}

func checkPools(s *Service, wrong add) {
	const at = "scaleio.pools."
	pools := s.ScaleIO.Pools
	wrong(at+"mode", CheckPoolMode(string(pools.Mode)))
	wrong(at+"default.protection-domain", CheckName(pools.Default.ProtectionDomain))
	wrong(at+"default.storage-pool", CheckName(pools.Default.StoragePool))
	wrong(at+"onboarding", CheckOneOf(string(pools.Onboarding), string(Propose), string(Auto)))
	wrong(at+"fault-set-by", CheckFaultSetBy(pools.FaultSetBy))
}

func checkDevices(s *Service, wrong add) {
	const at = "scaleio.devices."
	devices := s.ScaleIO.Devices
	if devices.MaxSize != 0 && devices.MaxSize < devices.MinSize {
		wrong(at+"max-size", fmt.Sprintf("%s is below min-size, %s", devices.MaxSize, devices.MinSize))
	}
	for i, glob := range devices.Exclude {
		wrong(fmt.Sprintf("%sexclude[%d]", at, i), CheckGlob(glob))
	}
}

// Components are what a node may be given a package of.
var Components = []string{"sds", "sdc", "lia"}

// Signatures is what may be asked of the signatures of rpm files: no wrong one, one by a known key, nothing.
var Signatures = []string{SignaturesCheck, "require", "off"}

// SignaturesCheck is what an empty text means.
const SignaturesCheck = "check"

func checkPackages(s *Service, wrong add) {
	if s.ScaleIO.Signatures != "" {
		wrong("scaleio.rpm-signatures", CheckOneOf(s.ScaleIO.Signatures, Signatures...))
	}
	for _, component := range slices.Sorted(maps.Keys(s.ScaleIO.Packages)) {
		at := "scaleio.packages." + component
		wrong(at, CheckOneOf(component, Components...))
		of := s.ScaleIO.Packages[component]
		if of.Empty() {
			wrong(at, "has neither deb nor rpm")
		}
		checkArtifact(of.Deb, true, at+".deb", wrong)
		checkArtifact(of.RPM, true, at+".rpm", wrong)
	}
}

func checkArtifact(a Artifact, versioned bool, at string, wrong add) {
	if a.Empty() {
		return
	}
	for _, sentence := range a.Check(versioned) {
		wrong(at, sentence)
	}
}

func checkREXRay(s *Service, wrong add) {
	const at = "scaleio.rexray."
	r := s.ScaleIO.REXRay
	wrong(at+"mode", CheckOneOf(r.Mode, "own", "off"))
	if r.Mode == "off" {
		return
	}
	if r.DefaultPool != "" {
		_, sentence := ParsePool(r.DefaultPool)
		wrong(at+"default-pool", sentence)
	}
	wrong(at+"size", CheckVolumeSize(r.Size))
	wrong(at+"fs-type", CheckOneOf(r.FSType, "ext4", "xfs"))
	wrong(at+"file-mode", CheckFileMode(r.FileMode))
	switch {
	case r.Binary != "" && !r.Artifact.Empty():
		wrong(at+"binary", "is given beside artifact: expected one of them")
	case r.Binary == "" && r.Artifact.Empty():
		wrong(at+"binary", "is missing: expected the path of REX-Ray on the nodes, or an artifact")
	case r.Binary != "":
		wrong(at+"binary", CheckPath(r.Binary))
	}
	checkArtifact(r.Artifact, false, at+"artifact", wrong)
}

func checkNetwork(s *Service, wrong add) {
	if s.ScaleIO.Network != "" {
		wrong("scaleio.network", CheckNetwork(s.ScaleIO.Network))
	}
}

// The names of the one pod and its one task.
const (
	PodNode   = "node"
	TaskAgent = "agent"
)

func checkPods(s *Service, wrong add) {
	for _, name := range slices.Sorted(maps.Keys(s.Pods)) {
		wrong("pods."+name, CheckOneOf(name, PodNode))
	}
	pod, ok := s.Pods[PodNode]
	if !ok {
		wrong("pods.node", "is missing")
		return
	}
	wrong("pods.node.count", CheckOneOf(pod.Count, "all"))
	if _, err := offer.ParsePlacement(pod.Placement); err != nil {
		for _, line := range fault.Lines(err) {
			wrong("pods.node.placement", line)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(pod.Tasks)) {
		wrong("pods.node.tasks."+name, CheckOneOf(name, TaskAgent))
	}
	task, ok := pod.Tasks[TaskAgent]
	if !ok {
		wrong("pods.node.tasks.agent", "is missing")
		return
	}
	wrong("pods.node.tasks.agent.goal", CheckOneOf(task.Goal, "RUNNING"))
	wrong("pods.node.tasks.agent.cpus", checkAmount(task.CPUs))
	wrong("pods.node.tasks.agent.memory", checkAmount(task.Memory))
}

func checkAmount(amount float64) string {
	if !(amount > 0) || math.IsInf(amount, 0) {
		return fmt.Sprintf("%v: expected a number above 0", amount)
	}
	return ""
}

// form is how a phase of ours must look: what it is of, and when it may be left out.
type form struct{ name, pod, operation string }

// forms are the phases, in the only order that works: each needs what those before it did.
var forms = []form{
	{name: "install", pod: PodNode},
	{name: "layout", operation: "layout"},
	{name: "storage", operation: "storage"},
	{name: "rexray", pod: PodNode},
	{name: "verify", operation: "verify"},
}

func formNames() (names []string) {
	for _, f := range forms {
		names = append(names, f.name)
	}
	return names
}

func checkPlans(s *Service, wrong add) {
	for _, name := range slices.Sorted(maps.Keys(s.Plans)) {
		at := "plans." + name
		wrong(at, CheckOneOf(name, "deploy", "expand"))
		wrong(at+".strategy", checkStrategy(s.Plans[name].Strategy))
		checkPhases(s.Plans[name].Phases, s.ScaleIO.REXRay.Mode == "off", at+".phases", wrong)
	}
	for _, name := range []string{"deploy", "expand"} {
		if _, ok := s.Plans[name]; !ok {
			wrong("plans."+name, "is missing")
		}
	}
}

func checkPhases(phases Phases, withoutREXRay bool, at string, wrong add) {
	last := -1
	seen := map[string]bool{}
	for _, phase := range phases {
		here := at + "." + phase.Name
		i := slices.IndexFunc(forms, func(f form) bool { return f.name == phase.Name })
		if i < 0 {
			wrong(here, CheckOneOf(phase.Name, formNames()...))
			continue
		}
		if seen[phase.Name] {
			wrong(here, "comes twice")
		} else if i < last {
			wrong(here, fmt.Sprintf("comes after %s, which needs it: expected the order %s", forms[last].name, strings.Join(formNames(), ", ")))
		}
		last, seen[phase.Name] = max(last, i), true
		checkForm(phase, forms[i], here, wrong)
	}
	for _, f := range forms {
		if !seen[f.name] && !(f.name == "rexray" && withoutREXRay) {
			wrong(at+"."+f.name, "is missing")
		}
	}
}

func checkForm(phase Phase, want form, at string, wrong add) {
	if phase.Pod != want.pod || phase.Operation != want.operation {
		wrong(at, fmt.Sprintf("has pod %q and operation %q: expected %s", phase.Pod, phase.Operation, want))
	}
	wrong(at+".strategy", checkStrategy(phase.Strategy))
	if phase.MaxParallel < 0 {
		wrong(at+".max-parallel", fmt.Sprintf("%d: expected a number from 1, or none for no bound", phase.MaxParallel))
	}
}

func (f form) String() string {
	if f.pod != "" {
		return "pod " + f.pod + " alone"
	}
	return "operation " + f.operation + " alone"
}

func checkStrategy(name string) string {
	if _, err := plan.ParseStrategy(name); err != nil {
		return err.Error()
	}
	return ""
}

// ValidateUpdate gives everything that a running service cannot change from old to next, sorted.
func ValidateUpdate(old, next *Service) error {
	var problems Problems
	for _, fixed := range []struct{ path, old, next, why string }{
		{"name", old.Name, next.Name, "tasks and stored state carry it"},
		{"scheduler.user", old.Scheduler.User, next.Scheduler.User, "Mesos keeps the user that the framework registered with"},
		{"scheduler.principal", old.Scheduler.Principal, next.Scheduler.Principal, "Mesos ends a framework that changes it"},
		{"scheduler.role", old.Scheduler.Role, next.Scheduler.Role, "the running tasks hold resources of it"},
		{"scaleio.system.name", cmp.Or(old.ScaleIO.System.Name, next.ScaleIO.System.Name), cmp.Or(next.ScaleIO.System.Name, old.ScaleIO.System.Name),
			"the nodes' devices belong to that system"},
	} {
		if fixed.old != fixed.next {
			problems.Add("spec "+fixed.path, fmt.Sprintf("cannot change from %q to %q: %s; keep the old value, or install a second service", fixed.old, fixed.next, fixed.why))
		}
	}
	return problems.Sorted()
}
