package rexray

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/dcos-scaleio/scaleio/lab/host"
)

// Version is what the emulated program says it is.
const Version = "0.11.4"

// Program is REX-Ray as a unit starts it: "rexray start [--nopid] [-f] [-c FILE]".
func Program(ctx context.Context, p host.Process) int {
	p.Ready() // Type=simple: systemctl does not wait
	d, err := Start(ctx, p.Host, p.Argv, p.Env)
	if err != nil {
		fmt.Fprintln(p.Stderr, err)
		var end *death
		if errors.As(err, &end) {
			return end.status
		}
		return 1
	}
	<-ctx.Done()
	d.Close(p.Killed())
	return 0
}

// Command is "rexray version" and "rexray volume ls" on the command line, no more.
func Command(_ context.Context, _ *host.Host, c host.Call) host.Result {
	if len(c.Argv) > 1 && c.Argv[1] == "version" {
		return host.Result{Stdout: "REX-Ray\n-------\nBinary: " + c.Argv[0] + "\nFlavor: client+agent+controller\nSemVer: " + Version + "\nOsArch: Linux-x86_64\nCommit: e7414eaa971b27977d2283f2882825393493179d\n"}
	}
	return host.Result{Stderr: "the lab's rexray only runs as a service\n", Status: 1}
}

// Daemon is a running REX-Ray.
type Daemon struct {
	machine  *host.Host
	settings *settings
	servers  []*http.Server
	sockets  []string
	serving  sync.WaitGroup
	end      context.CancelFunc
}

// Start starts REX-Ray on a machine: it returns when all sockets are served, or why it ended.
func Start(ctx context.Context, m *host.Host, argv, env []string) (_ *Daemon, err error) {
	home, file := "", ""
	for _, e := range env {
		if value, found := strings.CutPrefix(e, "REXRAY_HOME="); found && value != "/" {
			home = value
		}
	}
	for i, arg := range argv {
		if (arg == "-c" || arg == "--config") && i+1 < len(argv) {
			file = argv[i+1]
		}
	}
	if file == "" {
		file = defaultFile(m, home)
	}
	text, err := os.ReadFile(m.Path(file))
	if err != nil {
		return nil, die("unable to read %s", file)
	}
	d := &Daemon{machine: m}
	if d.settings, err = parse(text, env, home); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			d.Close(false)
		}
	}()
	for _, s := range d.settings.services {
		if err = s.start(ctx); err != nil {
			return nil, err
		}
	}
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	d.end = end
	for _, mod := range d.settings.modules {
		if err = d.open(life, mod); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func defaultFile(m *host.Host, home string) string {
	etc := "/etc/rexray"
	if home != "" {
		etc = path.Join(home, "etc")
	}
	for _, name := range []string{"rexray.yml", "config.yml"} {
		if _, err := os.Stat(m.Path(path.Join(etc, name))); err == nil {
			return path.Join(etc, name)
		}
	}
	return path.Join(etc, "config.yml")
}

// guid asks the machine's driver.
func (d *Daemon) guid(ctx context.Context) (string, error) {
	if d.settings.guid != "" {
		return d.settings.guid, nil
	}
	r, err := d.machine.Run(ctx, host.Call{Argv: []string{d.settings.drvCfg, "--query_guid"}})
	if _, missing := os.Stat(d.machine.Path(d.settings.drvCfg)); err != nil || missing != nil || r.Status != 0 {
		return "", die("agent: mod init failed: error initializing instance ID cache")
	}
	return strings.TrimSpace(r.Stdout), nil
}

// open starts a module: its instance at every service, its path cache, its socket.
func (d *Daemon) open(ctx context.Context, mod module) error {
	i := -1
	v := &volumes{machine: d.machine, module: mod, counts: map[string]int{}}
	guid, err := d.guid(ctx)
	if err != nil {
		return err
	}
	for j, s := range d.settings.services {
		sdc, err := s.instance(ctx, guid)
		if err != nil {
			return err
		}
		if strings.EqualFold(s.name, mod.service) {
			i, v.sdc = j, sdc.ID
		}
	}
	if i < 0 {
		return die("agent: mod init failed: unknown service: %s", mod.service)
	}
	v.service = d.settings.services[i]
	if _, err := v.service.volumes(ctx); err != nil {
		return die("agent: mod init failed: %v", err)
	}
	if mod.name != "default-csi" { // explicit sockets get their directory made
		if err := os.MkdirAll(filepath.Dir(d.machine.Path(mod.socket)), 0o755); err != nil {
			return die("agent: mod init failed: %v", err)
		}
	}
	place := d.machine.Path(mod.socket)
	if err := os.Remove(place); err != nil && !errors.Is(err, os.ErrNotExist) {
		return die("agent: mod init failed: %v", err)
	}
	l, err := listen(place)
	if err != nil {
		return die("agent: mod init failed: invalid implied sock file: %s: %v", mod.socket, err)
	}
	server := &http.Server{Handler: v.handler(), ReadHeaderTimeout: 10 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	d.servers, d.sockets = append(d.servers, server), append(d.sockets, place)
	d.serving.Add(1)
	go func() {
		defer d.serving.Done()
		// Only ever ends by Close.
		if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			panic(err)
		}
	}()
	return nil
}

// listen listens on a unix socket whose path may be longer than the kernel takes, through its directory.
func listen(place string) (net.Listener, error) {
	dir, err := os.Open(filepath.Dir(place))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	l, err := net.Listen("unix", fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(place)))
	if err != nil {
		return nil, err
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false) // its name is not valid any more
	return l, nil
}

// Close ends the daemon. Mounts stay in place; killed leaves the sockets lying about, as kill -9 does.
func (d *Daemon) Close(killed bool) {
	if d.end != nil {
		d.end()
	}
	for _, s := range d.servers {
		s.Close()
	}
	d.serving.Wait()
	for _, s := range d.settings.services {
		if s.gateway != nil {
			s.gateway.close()
		}
	}
	if killed {
		return
	}
	for _, socket := range d.sockets {
		if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) {
			panic(err) // our own file in our own directory
		}
	}
}
