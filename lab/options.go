package lab

import (
	"maps"
	"os"
	"path/filepath"

	"github.com/dcos-scaleio/scaleio/framework/options"
)

// liaToken is what LIA is installed with; it must stay as secret as the password.
const liaToken = "Lab-Token-8832"

// environment makes the scheduler's environment: what the lab knows of its own cluster, then the scenario's options, then those given.
// Secrets go by files.
func (c *Cluster) environment(port int, given map[string]any) ([]string, error) {
	s := c.scenario.ScaleIO
	for name, text := range map[string]string{"password": s.Given, "lia-token": liaToken} {
		if err := os.WriteFile(c.path(name), []byte(text+"\n"), 0o600); err != nil {
			return nil, err
		}
	}
	all := map[string]any{
		"uri": c.uri, "rest.address": "127.0.0.1", "api.bind": "127.0.0.1", "rest.port": port, "store.uri": c.path("state.db"),
		"executor.altpath": c.programs.Executor, "executor.host_root": filepath.Join(c.machines, "h", "{hostname}"),
		"scaleio.preconfig.primary": mdms[0], "scaleio.preconfig.secondary": mdms[1], "scaleio.preconfig.tiebreaker": mdms[2],
		"scaleio.preconfig.gateway": c.gateway.URL, "scaleio.password.file": c.path("password"), "scaleio.lia.token.file": c.path("lia-token"),
		"rexray.binary": rexrayBinary,
	}
	switch s.Certificate {
	case "trusted":
		all["gateway.ca_file"] = c.caFile
	case "insecure":
		all["gateway.insecure"] = true
	}
	for _, a := range c.packages {
		name := "scaleio." + map[string]string{"deb": "ubuntu14", "rpm": "rhel7"}[a.family] + "." + a.component
		all[name], all[name+".sha256"], all[name+".version"] = a.url, a.sha256, a.version
	}
	maps.Copy(all, c.scenario.FlatOptions())
	maps.Copy(all, given)
	return options.Environ(all)
}
