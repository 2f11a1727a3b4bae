// Package scenarios holds the lab's own scenarios. It is data.
package scenarios

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/dcos-scaleio/scaleio/lab/scenario"
)

//go:embed *.yml
var files embed.FS

// Names lists the scenarios, sorted.
func Names() []string {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		panic(err) // embedded
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yml"))
	}
	return names
}

// Load reads one of them.
func Load(name string) (*scenario.Scenario, error) {
	text, err := files.ReadFile(name + ".yml")
	if err != nil {
		return nil, fmt.Errorf("there is no scenario %q; there are %s", name, strings.Join(Names(), ", "))
	}
	return scenario.Parse(name, text)
}
