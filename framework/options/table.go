package options

import (
	"fmt"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// Option is one row of the table.
type Option struct {
	Name     string   // in options.json, and with a hyphen before it on the command line
	Aliases  []string // other names of it
	Env      []string // environment variables; the first that is set counts
	Default  string
	Required bool
	Help     string
	value    func(*Options) value
}

// Kind says what value is expected.
func (o Option) Kind() string { return o.value(&Options{}).kind }

// Secret says whether the option is a secret: it comes from the environment, never from the command line.
func (o Option) Secret() bool { return o.value(&Options{}).secret }

// Group is a part of the table with a heading.
type Group struct {
	Title   string
	Options []Option
}

// Table is the list of all options.
var Table = []Group{
	{"Mesos", []Option{
		{Name: "uri", Env: []string{"MESOS_MASTER_HTTP"}, Default: "leader.mesos:5050",
			Help: "The Mesos masters; the leader is found among them. Port 5050 is added where none is given.",
			value: func(o *Options) value {
				return list(&o.Mesos.Masters, "list of host:port or http(s)://host:port", tidyMaster)
			}},
		{Name: "principal", Env: []string{"FRAMEWORK_PRINCIPAL"}, Help: "The principal that the service registers with.",
			value: func(o *Options) value { return anyText(&o.Mesos.Principal) }},
		{Name: "mesos.secret", Env: []string{"MESOS_SECRET"}, Help: "The principal's secret.",
			value: func(o *Options) value { return hidden(&o.Mesos.Secret.Value) }},
		{Name: "mesos.secret.file", Env: []string{"MESOS_SECRET_FILE"}, Help: "The file that holds the principal's secret.",
			value: func(o *Options) value { return file(&o.Mesos.Secret.File) }},
		{Name: "mesos.service_account", Env: []string{"DCOS_SERVICE_ACCOUNT_CREDENTIAL"},
			Help:  "The DC/OS service account to log in as, in place of a secret: the JSON with uid, private_key and login_endpoint, or the path of its file.",
			value: func(o *Options) value { return account(&o.Mesos.Account) }},
		{Name: "mesos.service_account.file", Env: []string{"SERVICE_ACCOUNT_FILE"}, Help: "The file that holds the service account.",
			value: func(o *Options) value { return file(&o.Mesos.Account.File) }},
		{Name: "mesos.ca_file", Env: []string{"MESOS_CA_FILE"},
			Help:  "The file (PEM) of the authority that signed the certificates of the masters and of DC/OS' login. With it, masters without a scheme are https.",
			value: func(o *Options) value { return file(&o.Mesos.CAFile) }},
		{Name: "service.name", Env: []string{"FRAMEWORK_NAME"}, Default: "scaleio", Help: "The name of the service. It cannot change later.",
			value: func(o *Options) value { return words(&o.Service.Name, "name", spec.CheckServiceName) }},
		{Name: "role", Env: []string{"ROLE"}, Default: "scaleio", Help: "The Mesos role. It cannot change later.",
			value: func(o *Options) value { return words(&o.Service.Role, "Mesos role", spec.CheckRole) }},
		{Name: "user", Env: []string{"FRAMEWORK_USER"}, Default: "root",
			Help:  "The user that nodes run the executor as: it installs packages, so it has to be root outside of a lab. It cannot change later.",
			value: func(o *Options) value { return user(&o.Service.User) }},
		{Name: "hostname", Env: []string{"HOSTNAME"}, Help: "The scheduler's hostname that Mesos shows. Empty: the name of the machine.",
			value: func(o *Options) value { return host(&o.Service.Hostname) }},
	}},
	{"Scheduler", []Option{
		{Name: "loglevel", Env: []string{"LOG_LEVEL"}, Default: "info", Help: "How much is logged.",
			value: func(o *Options) value { return oneOf(&o.LogLevel, "debug", "info", "warn", "error") }},
		{Name: "rest.port", Env: []string{"REST_PORT", "PORT_API"}, Default: "35000", Help: "The port of the HTTP API; 0 takes a free one.",
			value: func(o *Options) value { return integer(&o.API.Port, 0, 65535) }},
		{Name: "rest.address", Env: []string{"REST_ADDRESS"},
			Help:  "The address that agents reach the scheduler by. Empty: that of its connection to the master.",
			value: func(o *Options) value { return host(&o.API.Address) }},
		{Name: "api.bind", Env: []string{"API_BIND"}, Help: "The address that the HTTP API listens on. Empty: all.",
			value: func(o *Options) value { return address(&o.API.Bind) }},
		{Name: "api.token", Env: []string{"API_TOKEN"},
			Help: "What whoever changes anything by the HTTP API has to show (Authorization: Bearer). Without it nobody is asked, which is refused " +
				"where the API listens on a public address.",
			value: func(o *Options) value { return hidden(&o.API.Token.Value) }},
		{Name: "api.token.file", Env: []string{"API_TOKEN_FILE"}, Help: "The file that holds the token of the HTTP API.",
			value: func(o *Options) value { return file(&o.API.Token.File) }},
		{Name: "api.insecure", Env: []string{"API_INSECURE"}, Default: "false",
			Help:  "Nobody is asked for a token on a public address either: for networks where only Admin Router reaches it.",
			value: func(o *Options) value { return boolean(&o.API.Insecure) }},
		{Name: "api.tls.cert_file", Env: []string{"API_TLS_CERT_FILE"},
			Help:  "The file (PEM) of the certificate of the HTTP API, which is https then. Agents fetch the executor from it, so they have to trust it.",
			value: func(o *Options) value { return file(&o.API.CertFile) }},
		{Name: "api.tls.key_file", Env: []string{"API_TLS_KEY_FILE"}, Help: "The file (PEM) of the certificate's private key.",
			value: func(o *Options) value { return file(&o.API.KeyFile) }},
		{Name: "reset-framework", Env: []string{"RESET_FRAMEWORK"}, Default: "false",
			Help:  "After Mesos has removed the framework: forget its id and register anew, with all that is known of nodes and storage.",
			value: func(o *Options) value { return boolean(&o.ResetFramework) }},
	}},
	{"State", storeOptions},
	{"Executor", []Option{
		{Name: "executor.altpath", Env: []string{"ALT_EXECUTOR_PATH"},
			Help:  "The executor's file, which the scheduler serves to the agents. Empty: scaleio-executor next to the scheduler's own file.",
			value: func(o *Options) value { return file(&o.Executor.Path) }},
		{Name: "executor.url", Env: []string{"EXECUTOR_URL"}, Help: "Where agents fetch the executor instead; executor.sha256 is then needed.",
			value: func(o *Options) value { return artifactURL(&o.Executor.URL) }},
		{Name: "executor.sha256", Env: []string{"EXECUTOR_SHA256"}, Help: "The checksum of what is at executor.url; it is checked before it runs.",
			value: func(o *Options) value { return sha256(&o.Executor.SHA256) }},
		{Name: "executor.cpu.non", Env: []string{"EXECUTOR_NON_CPU"}, Default: "0.1", Help: "The CPUs of an executor.",
			value: func(o *Options) value { return amount(&o.Executor.CPUs) }},
		{Name: "executor.mem.non", Env: []string{"EXECUTOR_NON_MEM"}, Default: "64", Help: "The memory of an executor, in MB.",
			value: func(o *Options) value { return amount(&o.Executor.Memory) }},
		{Name: "executor.host_root", Env: []string{"EXECUTOR_HOST_ROOT"},
			Help:  "For the lab only, never on a real cluster: the directory that executors take for the root of their host.",
			value: func(o *Options) value { return hostRoot(&o.Executor.HostRoot) }},
		{Name: "install.parallel", Env: []string{"INSTALL_PARALLEL"}, Default: "32", Help: "How many nodes are installed at once.",
			value: func(o *Options) value { return integer(&o.InstallParallel, 1, 10000) }},
		{Name: "reboot", Env: []string{"ALLOW_REBOOT"}, Default: "false",
			Help:  "Nodes may reboot themselves when a package needs it. Without it they only say so.",
			value: func(o *Options) value { return boolean(&o.Reboot) }},
	}},
	{"ScaleIO system", []Option{
		{Name: "scaleio.preconfig.primary", Env: []string{"PRIMARY_MDM_ADDRESS"}, Required: true, Help: "The address of the primary MDM.",
			value: func(o *Options) value { return host(&o.System.Primary) }},
		{Name: "scaleio.preconfig.secondary", Env: []string{"SECONDARY_MDM_ADDRESS"}, Required: true,
			Help: "The address of the secondary MDM; two for a cluster of five.",
			value: func(o *Options) value {
				return list(&o.System.Secondaries, "list of addresses", checked(spec.CheckHost))
			}},
		{Name: "scaleio.preconfig.tiebreaker", Env: []string{"TIEBREAKER_MDM_ADDRESS"}, Required: true,
			Help: "The address of the tie-breaker; two for a cluster of five.",
			value: func(o *Options) value {
				return list(&o.System.TieBreakers, "list of addresses", checked(spec.CheckHost))
			}},
		{Name: "scaleio.preconfig.gateway", Env: []string{"GATEWAY_ADDRESS"}, Required: true,
			Help: "The gateways; the first that answers is used.",
			value: func(o *Options) value {
				return list(&o.System.Gateways, "list of host, host:port or https://host:port", tidyGateway)
			}},
		{Name: "gateway.ca_file", Env: []string{"GATEWAY_CA_FILE"}, Help: "The file (PEM) of the authority that signed the gateway's certificate.",
			value: func(o *Options) value { return file(&o.System.TLS.CAFile) }},
		{Name: "gateway.sha256", Env: []string{"GATEWAY_SHA256"}, Help: "The checksum of the gateway's own certificate: that one is trusted.",
			value: func(o *Options) value { return sha256(&o.System.TLS.SHA256) }},
		{Name: "gateway.insecure", Env: []string{"GATEWAY_INSECURE"}, Default: "false",
			Help:  "Trust any certificate: whoever answers gets the password.",
			value: func(o *Options) value { return boolean(&o.System.TLS.Insecure) }},
		{Name: "scaleio.user", Env: []string{"SCALEIO_USER"}, Default: "admin", Help: "The user of the gateway.",
			value: func(o *Options) value { return user(&o.System.User) }},
		{Name: "scaleio.password", Env: []string{"ADMIN_PASSWORD"},
			Help:  "The password of the gateway's user. Either this or scaleio.password.file is needed.",
			value: func(o *Options) value { return hidden(&o.System.Password.Value) }},
		{Name: "scaleio.password.file", Env: []string{"SCALEIO_PASSWORD_FILE"}, Help: "The file that holds the password.",
			value: func(o *Options) value { return file(&o.System.Password.File) }},
		{Name: "scaleio.clustername", Env: []string{"CLUSTER_NAME"},
			Help:  "The name that the system must have, so that no other one is touched by mistake. Empty: any.",
			value: func(o *Options) value { return name(&o.System.Name) }},
		{Name: "scaleio.apiversion", Env: []string{"API_VERSION"}, Help: "The version of the gateway's API, such as 3.6. Empty: the gateway is asked.",
			value: func(o *Options) value { return words(&o.System.APIVersion, "version", spec.CheckAPIVersion) }},
		{Name: "network.cidr", Env: []string{"NETWORK_CIDR"},
			Help:  "The network that the data servers use, such as 10.0.0.0/24. Empty: each node's first global address.",
			value: func(o *Options) value { return words(&o.Network, "CIDR", spec.CheckNetwork) }},
	}},
	{"Pools and devices", []Option{
		{Name: "pool.mode", Env: []string{"POOL_MODE"}, Default: string(spec.Imperative),
			Help: "How devices become pools. imperative: only what agents' attributes name. global: also every safe device of agents without " +
				"attributes, into the default pool; choosing it is the consent for the agents present at the first deployment.",
			value: func(o *Options) value {
				return words(&o.Pools.Mode, strings.Join(spec.PoolModes, ", "), spec.CheckPoolMode)
			}},
		{Name: "pool.onboarding", Env: []string{"POOL_ONBOARDING"}, Default: string(spec.Propose),
			Help:  "What happens to the devices of agents that come later and have no attributes. propose: they are shown and wait for consent.",
			value: func(o *Options) value { return oneOf(&o.Pools.Onboarding, string(spec.Propose), string(spec.Auto)) }},
		{Name: "pool.fault_set_by", Env: []string{"POOL_FAULT_SET_BY"},
			Help:  "What makes fault sets: the name of an agent attribute, or @zone. Empty: only the attribute scaleio-fault-set.",
			value: func(o *Options) value { return words(&o.Pools.FaultSetBy, "attribute or @zone", spec.CheckFaultSetBy) }},
		{Name: "scaleio.protectiondomain", Env: []string{"PROTECTION_DOMAIN"}, Default: "default", Help: "The protection domain of the default pool.",
			value: func(o *Options) value { return name(&o.Pools.Default.ProtectionDomain) }},
		{Name: "scaleio.storagepool", Env: []string{"STORAGE_POOL"}, Default: "default", Help: "The default pool.",
			value: func(o *Options) value { return name(&o.Pools.Default.StoragePool) }},
		{Name: "devices.min_size", Env: []string{"DEVICES_MIN_SIZE"}, Default: "100GiB", Help: "Smaller devices are not taken.",
			value: func(o *Options) value { return size(&o.Devices.MinSize) }},
		{Name: "devices.max_size", Env: []string{"DEVICES_MAX_SIZE"}, Help: "Bigger devices are not taken. Empty: no limit of ours.",
			value: func(o *Options) value { return size(&o.Devices.MaxSize) }},
		{Name: "devices.exclude", Env: []string{"DEVICES_EXCLUDE"},
			Help:  "Devices that are not taken: patterns over paths and links, such as /dev/disk/by-id/usb-*.",
			value: func(o *Options) value { return list(&o.Devices.Exclude, "list of patterns", checked(spec.CheckGlob)) }},
		{Name: "devices.allow_loop", Env: []string{"DEVICES_ALLOW_LOOP"}, Default: "false", Help: "Loop devices may be taken: for trying it out.",
			value: func(o *Options) value { return boolean(&o.Devices.AllowLoop) }},
	}},
	{"Packages", append(packageOptions(),
		Option{Name: "packages.rpm_signatures", Env: []string{"PACKAGES_RPM_SIGNATURES"}, Default: spec.SignaturesCheck,
			Help: "What is asked of the signatures of rpm files, besides the checksum. check: none may be wrong. require: there must be one, by a key that " +
				"the node's rpm knows. off: nothing. deb files carry none.",
			value: func(o *Options) value { return oneOf(&o.Packages.Signatures, spec.Signatures...) }},
		Option{Name: "scaleio.lia.token", Env: []string{"LIA_TOKEN"},
			Help:  "The token that LIA is installed with. Either this or scaleio.lia.token.file is needed when a package of LIA is named.",
			value: func(o *Options) value { return hidden(&o.System.LIAToken.Value) }},
		Option{Name: "scaleio.lia.token.file", Env: []string{"LIA_TOKEN_FILE"}, Help: "The file that holds the token.",
			value: func(o *Options) value { return file(&o.System.LIAToken.File) }},
	)},
	{"REX-Ray", []Option{
		{Name: "rexray.mode", Env: []string{"REXRAY_MODE"}, Default: "own",
			Help:  "own: a REX-Ray of ours, with its own unit and home. off: none is touched.",
			value: func(o *Options) value { return oneOf(&o.REXRay.Mode, "own", "off") }},
		{Name: "rexray.default_pool", Env: []string{"REXRAY_DEFAULT_POOL"},
			Help: "The pool behind the volume driver scaleio, as <domain>/<pool>. Empty: the first pool of the node.",
			value: func(o *Options) value {
				return words(&o.REXRay.DefaultPool, "<domain>/<pool>", func(text string) string { _, wrong := spec.ParsePool(text); return wrong })
			}},
		{Name: "rexray.binary", Env: []string{"REXRAY_BINARY"},
			Help:  "The path of REX-Ray on the nodes. Empty: " + defaultREXRay + ", where DC/OS has it, unless rexray.url is given.",
			value: func(o *Options) value { return absolute(&o.REXRay.Binary) }},
		{Name: "rexray.url", Env: []string{"REXRAY_URL"}, Help: "Where nodes fetch REX-Ray; rexray.sha256 is then needed.",
			value: func(o *Options) value { return artifactURL(&o.REXRay.Artifact.URL) }},
		{Name: "rexray.sha256", Env: []string{"REXRAY_SHA256"}, Help: "The checksum of what is at rexray.url.",
			value: func(o *Options) value { return sha256(&o.REXRay.Artifact.SHA256) }},
		{Name: "rexray.size", Env: []string{"REXRAY_SIZE"}, Default: "16", Help: "The size of a volume whose app names none.",
			value: func(o *Options) value { return volumeSize(&o.REXRay.Size) }},
		{Name: "rexray.fs_type", Env: []string{"REXRAY_FS_TYPE"}, Default: "ext4", Help: "The filesystem of new volumes.",
			value: func(o *Options) value { return oneOf(&o.REXRay.FSType, "ext4", "xfs") }},
		{Name: "rexray.file_mode", Env: []string{"REXRAY_FILE_MODE"}, Default: "0777",
			Help:  "The mode of a volume's directory. With less than 0777 only apps that run as root can write.",
			value: func(o *Options) value { return words(&o.REXRay.FileMode, "octal mode", spec.CheckFileMode) }},
		{Name: "rexray.thick", Env: []string{"REXRAY_THICK"}, Default: "false", Help: "New volumes take all their capacity at once.",
			value: func(o *Options) value { return boolean(&o.REXRay.Thick) }},
		{Name: "rexray.preempt", Env: []string{"REXRAY_PREEMPT"}, Default: "true",
			Help:  "An app that moves takes its volume away from the node it was on: needed when that node is dead.",
			value: func(o *Options) value { return boolean(&o.REXRay.Preempt) }},
		{Name: "rexray.parallel", Env: []string{"REXRAY_PARALLEL"}, Default: "8", Help: "How many nodes' REX-Rays are set up at once.",
			value: func(o *Options) value { return integer(&o.REXRayParallel, 1, 10000) }},
	}},
}

// defaultREXRay is where DC/OS 1.10 to 2.2 have REX-Ray 0.11.4 (rexray.md §0.8).
const defaultREXRay = "/opt/mesosphere/bin/rexray"

// packageOptions are those of every component for both families of distributions, under the original's names.
func packageOptions() (all []Option) {
	families := []struct {
		name, alias, env, file string
		of                     func(*spec.Package) *spec.Artifact
	}{
		{"ubuntu14", "", "DEB", "deb", func(p *spec.Package) *spec.Artifact { return &p.Deb }},
		{"rhel7", "centos7", "RPM", "rpm", func(p *spec.Package) *spec.Artifact { return &p.RPM }},
	}
	components := []struct {
		name string
		of   func(*Options) *spec.Package
	}{
		{"sds", func(o *Options) *spec.Package { return &o.Packages.SDS }},
		{"sdc", func(o *Options) *spec.Package { return &o.Packages.SDC }},
		{"lia", func(o *Options) *spec.Package { return &o.Packages.LIA }},
	}
	for _, family := range families {
		for _, component := range components {
			artifact := func(o *Options) *spec.Artifact { return family.of(component.of(o)) }
			env := family.env + "_" + strings.ToUpper(component.name)
			row := func(suffix, help string, of func(*Options) value) {
				option := Option{Name: "scaleio." + family.name + "." + component.name + suffix, Help: help, value: of,
					Env: []string{env + strings.ToUpper(strings.ReplaceAll(suffix, ".", "_"))}}
				if family.alias != "" {
					option.Aliases = []string{"scaleio." + family.alias + "." + component.name + suffix}
				}
				if suffix == "" { // the URL, for options.json, where the name is also a group's
					for _, name := range append([]string{option.Name}, option.Aliases...) {
						option.Aliases = append(option.Aliases, name+".url")
					}
				}
				all = append(all, option)
			}
			what := fmt.Sprintf("%s's %s", strings.ToUpper(component.name), family.file)
			row("", "Where nodes fetch "+what+" from; its .sha256 and .version are then needed.", func(o *Options) value { return artifactURL(&artifact(o).URL) })
			row(".sha256", "The checksum of "+what+".", func(o *Options) value { return sha256(&artifact(o).SHA256) })
			row(".version", "The version of "+what+", such as 3.6-700.103.", func(o *Options) value {
				return words(&artifact(o).Version, "version", spec.CheckPackageVersion)
			})
		}
	}
	return all
}
