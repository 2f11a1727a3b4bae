package rexray

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// tree is the configuration with lower-case keys: REX-Ray does not tell upper from lower case.
type tree map[string]any

func parseTree(text []byte, home string) (tree, error) {
	var raw map[string]any
	if err := yaml.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("error: unable to load config: %v", err)
	}
	lowered, isMap := lower(raw, home).(map[string]any)
	if !isMap {
		return nil, fmt.Errorf("error: unable to load config: not a map")
	}
	return lowered, nil
}

// lower makes keys lower-case and puts the home directory in for $HOME in any string, as gofig does.
func lower(v any, home string) any {
	switch v := v.(type) {
	case map[string]any:
		m := make(map[string]any, len(v))
		for key, value := range v {
			m[strings.ToLower(key)] = lower(value, home)
		}
		return m
	case string:
		return strings.ReplaceAll(v, "$HOME", home)
	default:
		return v
	}
}

func (t tree) at(key string) any {
	var v any = map[string]any(t)
	for part := range strings.SplitSeq(strings.ToLower(key), ".") {
		m, isMap := v.(map[string]any)
		if !isMap {
			return nil
		}
		v = m[part]
	}
	return v
}

func (t tree) branch(key string) tree {
	m, isMap := t.at(key).(map[string]any)
	if !isMap {
		return nil
	}
	return m
}

// view looks keys up in a scope of the file first, then in its parents, then in the environment and at the root.
type view struct {
	file  tree
	env   []string
	scope string
}

func (v view) text(key, preset string) string {
	for scope := v.scope; scope != ""; scope = parentOf(scope) {
		if found := v.file.at(scope + "." + key); found != nil {
			return fmt.Sprint(found)
		}
	}
	name := strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
	for i := len(v.env) - 1; i >= 0; i-- {
		if n, value, _ := strings.Cut(v.env[i], "="); n == name {
			return value
		}
	}
	if found := v.file.at(key); found != nil {
		return fmt.Sprint(found)
	}
	return preset
}

func parentOf(scope string) string {
	i := strings.LastIndexByte(scope, '.')
	if i < 0 {
		return ""
	}
	return scope[:i]
}

func (v view) yes(key string, preset bool) bool {
	b, err := strconv.ParseBool(v.text(key, strconv.FormatBool(preset)))
	return err == nil && b
}

func (v view) number(key string, preset int) int {
	f, err := strconv.ParseFloat(v.text(key, strconv.Itoa(preset)), 64)
	if err != nil {
		return 0
	}
	return int(f)
}

func (v view) duration(key string, preset time.Duration) time.Duration {
	d, err := time.ParseDuration(v.text(key, preset.String()))
	if err != nil {
		return preset
	}
	return d
}

// service is a libStorage service: a gateway, a domain and a pool.
type service struct {
	name                             string
	endpoint, user, password         string
	systemID, systemName             string
	domainID, domainName             string
	poolID, poolName                 string
	thick                            bool
	version                          string
	gateway                          *gateway
	system, domain, pool             entry
	domainsHref, poolsHref, sdcsHref string
}

// module is a socket with its defaults.
type module struct {
	name, socket    string
	service         string
	preempt, counts bool
	retries         int
	retryWait       time.Duration
	attach          time.Duration
	size            int
	fsType          string
	poolName        string // create.default.type
	mountDir, root  string
	mode            os.FileMode
}

// settings is a whole configuration.
type settings struct {
	services []*service
	modules  []module
	guid     string
	drvCfg   string
}

// death is how REX-Ray ends at start: its exit status and what it says.
type death struct {
	status int
	text   string
}

func (d *death) Error() string { return d.text }

func die(format string, args ...any) error {
	return &death{1, "error: service startup failed: " + fmt.Sprintf(format, args...)}
}

// parse reads a configuration; home is REXRAY_HOME, "" when it is not set.
func parse(text []byte, env []string, home string) (*settings, error) {
	file, err := parseTree(text, "/root")
	if err != nil {
		return nil, &death{1, err.Error()}
	}
	if file.at("rexray.storageDrivers") != nil || file.branch("libstorage") == nil {
		return nil, die("libstorage: invalid format")
	}
	root := view{file: file, env: env}
	s := &settings{guid: root.text("scaleio.guid", ""), drvCfg: root.text("scaleio.drvCfg", "/opt/emc/scaleio/sdc/bin/drv_cfg")}
	for _, name := range keys(file.branch("libstorage.server.services")) {
		svc, err := parseService(file, env, name)
		if err != nil {
			return nil, err
		}
		s.services = append(s.services, svc)
	}
	if len(s.services) == 0 {
		return nil, die("libstorage: no services configured")
	}
	lib := "/var/lib/rexray"
	implied := "/run/docker/plugins/rexray.sock"
	if home != "" {
		lib, implied = path.Join(home, "var/lib"), path.Join(home, implied)
	}
	modules := file.branch("rexray.modules")
	if off := (view{file: file, scope: "rexray.modules.default-csi"}); !off.yes("disabled", false) {
		s.modules = append(s.modules, parseModule(file, env, "default-csi", implied, lib))
	}
	for _, name := range keys(modules) {
		v := view{file: file, env: env, scope: "rexray.modules." + name}
		switch {
		case name == "default-csi" || v.yes("disabled", false):
			continue
		case v.text("type", "") != "csi" && v.text("type", "") != "":
			return nil, &death{2, "panic: runtime error: invalid memory address or nil pointer dereference"}
		case file.at(v.scope+".host") == nil:
			return nil, die("agent: mod init failed: host address is required")
		}
		host := fmt.Sprint(file.at(v.scope + ".host"))
		s.modules = append(s.modules, parseModule(file, env, name, strings.TrimPrefix(host, "unix://"), lib))
	}
	return s, nil
}

func keys(t tree) []string {
	var all []string
	for key := range t {
		all = append(all, key)
	}
	slices.Sort(all)
	return all
}

func parseService(file tree, env []string, name string) (*service, error) {
	v := view{file: file, env: env, scope: "libstorage.server.services." + name}
	if driver := v.text("driver", ""); driver != "scaleio" {
		return nil, die("libstorage: invalid driver name: %s", driver)
	}
	return &service{name: name,
		endpoint: v.text("scaleio.endpoint", ""), user: v.text("scaleio.userName", ""), password: v.text("scaleio.password", ""),
		systemID: v.text("scaleio.systemID", ""), systemName: v.text("scaleio.systemName", ""),
		domainID: v.text("scaleio.protectionDomainID", ""), domainName: v.text("scaleio.protectionDomainName", ""),
		poolID: v.text("scaleio.storagePoolID", ""), poolName: v.text("scaleio.storagePoolName", ""),
		thick:   v.text("scaleio.thinOrThick", "") != "" && v.text("scaleio.thinOrThick", "") != "ThinProvisioned",
		version: v.text("scaleio.version", "")}, nil
}

func parseModule(file tree, env []string, name, socket, lib string) module {
	v := view{file: file, env: env, scope: "rexray.modules." + name}
	const ops = "libstorage.integration.volume.operations."
	mode, err := strconv.ParseUint(v.text("linux.volume.fileMode", "0700"), 8, 32)
	if err != nil {
		mode = 0o700
	}
	return module{name: name, socket: socket, service: v.text("libstorage.service", ""),
		preempt: v.yes(ops+"mount.preempt", false), counts: !v.yes(ops+"unmount.ignoreusedcount", false),
		retries: v.number(ops+"mount.retryCount", 0), retryWait: v.duration(ops+"mount.retryWait", 5*time.Second),
		attach: v.duration("libstorage.device.attachTimeout", 30*time.Second),
		size:   v.number(ops+"create.default.size", 16), fsType: v.text(ops+"create.default.fsType", "ext4"),
		poolName: v.text(ops+"create.default.type", ""),
		mountDir: v.text(ops+"mount.path", path.Join(lib, "volumes")), root: v.text(ops+"mount.rootPath", "/data"), mode: os.FileMode(mode)}
}
