package lab

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/options"
)

// asked are the API's answers that are searched for secrets, besides those of every plan.
var asked = []string{"/v1/plans", "/v1/pod/status", "/v1/state/frameworkId", "/v1/health?verbose=true", "/v1/scaleio/layout", "/v1/scaleio/nodes",
	"/v1/scaleio/system", "/v1/metrics/prometheus", "/version", "/api/state"}

// leaks lists the places where a secret stands that must not: API answers, logs, the state, command lines, files that others may read.
func (r *run) leaks(ctx context.Context) []string {
	c := r.cluster
	s := c.scenario.ScaleIO
	var secrets [][]byte
	for _, text := range append(c.given(), s.Password, s.Given, liaToken) {
		if !slices.ContainsFunc(secrets, func(known []byte) bool { return string(known) == text }) {
			secrets = append(secrets, []byte(text))
		}
	}
	var found []string
	search := func(text []byte, where string) {
		for _, secret := range secrets {
			if bytes.Contains(text, secret) {
				found = append(found, where)
				return
			}
		}
	}
	paths := slices.Clone(asked)
	for _, p := range r.board.Plans() {
		paths = append(paths, "/v1/plans/"+p.Name)
	}
	for _, path := range paths {
		text, err := c.scheduler.get(ctx, path)
		if err != nil {
			text = nil // the scenario's end may be the scheduler's; what it said is in its log
		}
		search(text, "API answer of "+path)
	}
	for _, name := range c.order {
		for _, ran := range c.hosts[name].History() {
			search([]byte(strings.Join(ran.Argv, " ")), fmt.Sprintf("command line on %s: %s", name, ran.Argv[0]))
		}
	}
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		found = append(found, err.Error())
	}
	for _, line := range lines {
		if text, err := os.ReadFile(line); err == nil { // else it has ended
			search(text, "command line of process "+filepath.Base(filepath.Dir(line)))
		}
	}
	return append(found, c.leakingFiles(search)...)
}

// given are the secrets among the scenario's options.
func (c *Cluster) given() (secrets []string) {
	flat := c.scenario.FlatOptions()
	for o := range options.All() {
		if text, ok := flat[o.Name].(string); ok && o.Secret() {
			secrets = append(secrets, text)
		}
	}
	return secrets
}

// own are the files of the lab that hold the secrets because the scheduler or a package is to read them.
func (c *Cluster) own(path string, info fs.FileInfo) bool {
	inHosts := strings.HasPrefix(path, c.path("h")+"/")
	mayHold := path == c.path("password") || path == c.path("lia-token") || inHosts
	return mayHold && info.Mode().Perm()&0o077 == 0
}

func (c *Cluster) leakingFiles(search func(text []byte, where string)) (errs []string) {
	err := filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // gone meanwhile, or nothing to read
		}
		info, err := d.Info()
		if err != nil || info.Size() > 8<<20 || c.own(path, info) {
			return nil // the executor's binary in sandboxes is bigger
		}
		if text, err := os.ReadFile(path); err == nil {
			search(text, fmt.Sprintf("file %s (mode %o)", strings.TrimPrefix(path, c.dir), info.Mode().Perm()))
		}
		return nil
	})
	if err != nil {
		errs = append(errs, err.Error())
	}
	return errs
}
