// Command scaleio-lab runs a whole cluster on one machine: see docs/lab.md.
package main

import (
	"os"

	"github.com/dcos-scaleio/scaleio/lab"
	"github.com/dcos-scaleio/scaleio/lab/host"
)

func main() {
	// Every program of an emulated machine is a link to this one.
	if status, handled := host.Main(os.Args, os.Stdout, os.Stderr); handled {
		os.Exit(status)
	}
	os.Exit(lab.Command(os.Args[1:], os.Stdout, os.Stderr))
}
