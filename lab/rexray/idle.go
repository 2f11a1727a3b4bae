package rexray

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/dcos-scaleio/scaleio/lab/host"
)

// Idle is a Program for benchmarks of what is around REX-Ray: its sockets answer that they are there and hold no volume; the gateway is
// never asked.
func Idle(ctx context.Context, p host.Process) int {
	file := ""
	for i, arg := range p.Argv {
		if arg == "-c" && i+1 < len(p.Argv) {
			file = p.Argv[i+1]
		}
	}
	text, err := os.ReadFile(p.Host.Path(file))
	if err != nil {
		fmt.Fprintln(p.Stderr, err)
		return 1
	}
	s, err := parse(text, p.Env, "")
	if err != nil {
		fmt.Fprintln(p.Stderr, err)
		return 1
	}
	mux := http.NewServeMux()
	for path, answer := range map[string]string{"/Plugin.Activate": `{"Implements":["VolumeDriver"]}`, "/VolumeDriver.List": `{"Volumes":[],"Err":""}`} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, answer) })
	}
	server := &http.Server{Handler: mux, BaseContext: func(net.Listener) context.Context { return ctx }}
	ended := make(chan error)
	for _, m := range s.modules {
		place := p.Host.Path(m.socket)
		if err := errors.Join(os.MkdirAll(filepath.Dir(place), 0o755), os.RemoveAll(place)); err != nil {
			fmt.Fprintln(p.Stderr, err)
			return 1
		}
		l, err := listen(place)
		if err != nil {
			fmt.Fprintln(p.Stderr, err)
			return 1
		}
		go func() { ended <- server.Serve(l) }()
	}
	p.Ready()
	<-ctx.Done()
	server.Close()
	for range s.modules {
		<-ended
	}
	return 0
}
