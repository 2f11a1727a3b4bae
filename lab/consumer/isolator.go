package consumer

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/dcos-scaleio/scaleio/lab/host"
)

// The limits of the isolator of Mesos.
const (
	mountTimeout   = 120 * time.Second
	unmountTimeout = 10 * time.Minute
)

// Isolator is the docker/volume isolator of one agent.
type Isolator struct {
	machine *host.Host

	mu    sync.Mutex
	users map[string]int // containers by driver and volume
}

// New gives the isolator of the agent on a machine. The machine needs Dvdcli among its commands.
func New(machine *host.Host) *Isolator { return &Isolator{machine: machine, users: map[string]int{}} }

// Mounted is a volume in a container.
type Mounted struct {
	isolator     *Isolator
	Driver, Name string
	Path         string // on the machine: what is bind-mounted into the container
}

// Mount mounts a volume for a container, creating it when there is none of that name.
func (i *Isolator) Mount(ctx context.Context, driver, name string, options map[string]string) (*Mounted, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, mountTimeout)
	defer cancel()
	argv := []string{"dvdcli", "mount", "--volumedriver=" + driver, "--volumename=" + name}
	for _, key := range slices.Sorted(maps.Keys(options)) {
		argv = append(argv, "--volumeopts="+key+"="+options[key])
	}
	r, err := i.machine.Run(ctx, host.Call{Argv: argv})
	if err == nil && r.Status != 0 {
		err = fmt.Errorf("%s: exit status %d: %s", strings.Join(argv, " "), r.Status, strings.TrimSpace(r.Stderr))
	}
	if err != nil {
		return nil, fmt.Errorf("agent %s: mount volume %s: %w", i.machine.Hostname(), name, err)
	}
	i.users[driver+"/"+name]++
	return &Mounted{i, driver, name, strings.TrimSpace(r.Stdout)}, nil
}

// Unmount is the end of the container: the volume is unmounted when no other container of this agent uses it.
func (m *Mounted) Unmount(ctx context.Context) error {
	i := m.isolator
	i.mu.Lock()
	defer i.mu.Unlock()
	key := m.Driver + "/" + m.Name
	if i.users[key]--; i.users[key] > 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, unmountTimeout)
	defer cancel()
	r, err := i.machine.Run(ctx, host.Call{Argv: []string{"dvdcli", "unmount", "--volumedriver=" + m.Driver, "--volumename=" + m.Name}})
	if err == nil && r.Status != 0 {
		err = fmt.Errorf("exit status %d: %s", r.Status, strings.TrimSpace(r.Stderr))
	}
	if err != nil {
		return fmt.Errorf("agent %s: Failed to clean up an isolator when destroying container: unmount volume %s: %w", i.machine.Hostname(), m.Name, err)
	}
	return nil
}

// file is where a file of the volume is for the lab.
func (m *Mounted) file(name string) (string, error) {
	if !filepath.IsLocal(name) {
		return "", fmt.Errorf("%s: leads out of the volume", name)
	}
	if !m.isolator.machine.On() {
		return "", host.ErrOff
	}
	return m.isolator.machine.Path(filepath.Join(m.Path, name)), nil
}

// WriteFile writes a file as the app in the container does.
func (m *Mounted) WriteFile(name string, data []byte) error {
	place, err := m.file(name)
	if err != nil {
		return err
	}
	return os.WriteFile(place, data, 0o644)
}

// ReadFile reads one.
func (m *Mounted) ReadFile(name string) ([]byte, error) {
	place, err := m.file(name)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(place)
}
