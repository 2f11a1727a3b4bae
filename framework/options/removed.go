package options

import "strings"

// removed are the original's flags that mean nothing any more, and what replaces them. A name that ends in "." stands for all below it.
var removed = []struct{ name, says string }{
	{"aws.", "growing pools with AWS volumes is gone: attach a disk to the agent, it is offered like any other"},
	{"debug", "use -loglevel=debug; nodes reboot only with -reboot"},
	{"executor.cpu.factor", "MDMs are not placed by this service: the MDM cluster must exist"},
	{"executor.cpu.mdm", "MDMs are not placed by this service: the MDM cluster must exist"},
	{"executor.mem.factor", "MDMs are not placed by this service: the MDM cluster must exist"},
	{"executor.mem.mdm", "MDMs are not placed by this service: the MDM cluster must exist"},
	{"executor.memory.", "use -executor.mem.non"},
	{"experimental", "setting up an MDM cluster is not in this version: name the one that is there with -scaleio.preconfig.*"},
	{"isolator.", "the DVDI isolator is gone: Mesos' own docker/volume isolator mounts the volumes"},
	{"rexray.branch", "REX-Ray's download sites are gone: name its file with -rexray.binary, or with -rexray.url and -rexray.sha256"},
	{"rexray.version", "REX-Ray's download sites are gone: name its file with -rexray.binary, or with -rexray.url and -rexray.sha256"},
	{"scaleio.centos7.gw", "the gateway is not installed by this service: name the one that is there with -scaleio.preconfig.gateway"},
	{"scaleio.centos7.mdm", "MDMs are not installed by this service: name those that are there with -scaleio.preconfig.*"},
	{"scaleio.clusterid", "the system's id is asked from the gateway; -scaleio.clustername makes sure that it is the right system"},
	{"scaleio.deb.", "use -scaleio.ubuntu14.sds, .sdc and .lia"},
	{"scaleio.lbgateway", "use -scaleio.preconfig.gateway, which takes a list"},
	{"scaleio.rhel7.gw", "the gateway is not installed by this service: name the one that is there with -scaleio.preconfig.gateway"},
	{"scaleio.rhel7.mdm", "MDMs are not installed by this service: name those that are there with -scaleio.preconfig.*"},
	{"scaleio.rpm.", "use -scaleio.rhel7.sds, .sdc and .lia"},
	{"scaleio.ubuntu14.gw", "the gateway is not installed by this service: name the one that is there with -scaleio.preconfig.gateway"},
	{"scaleio.ubuntu14.mdm", "MDMs are not installed by this service: name those that are there with -scaleio.preconfig.*"},
	{"store.add.", "the state is no longer edited by hand: the HTTP API restarts or completes steps, scaleio-scheduler state dump and restore move it"},
	{"store.del.", "the state is no longer edited by hand: the HTTP API restarts or completes steps, scaleio-scheduler state dump and restore move it"},
	{"store.delete", "stop the scheduler and remove its state file (-store.uri), or the root on the servers"},
	{"store.dump", "use scaleio-scheduler state dump; GET /v1/scaleio/nodes and /v1/plans show what is known"},
}

// gone says what became of an option of the original, or "".
func gone(name string) string {
	for _, r := range removed {
		if name == r.name || strings.HasSuffix(r.name, ".") && strings.HasPrefix(name, r.name) {
			return "was removed: " + r.says
		}
	}
	return ""
}
