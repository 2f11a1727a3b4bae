package rexray

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/dcos-scaleio/scaleio/lab/host"
)

// volumes is one module: its volumes as Docker and dvdcli see them.
type volumes struct {
	machine *host.Host
	module  module
	service *service
	sdc     string

	mu     sync.Mutex // one operation at a time; guards counts
	counts map[string]int
}

// operation is one of the plugin protocol.
type operation func(v *volumes, ctx context.Context, r ask) (any, error)

type ask struct {
	Name string
	ID   string
	Opts map[string]string
}

type mountpoint struct{ Mountpoint, Err string }

// shown is a volume in answers.
type shown struct {
	Name       string
	Mountpoint string
	Status     map[string]any `json:",omitempty"`
}

var operations = map[string]operation{
	"Create": (*volumes).create, "Get": (*volumes).get, "List": (*volumes).list, "Mount": (*volumes).mount,
	"Path": (*volumes).path, "Unmount": (*volumes).unmount, "Remove": (*volumes).remove,
}

func (v *volumes) handler() http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, status int, body any) {
		w.Header().Set("Content-Type", "application/vnd.docker.plugins.v1.2+json")
		w.WriteHeader(status)
		// The caller may have gone.
		if err := json.NewEncoder(w).Encode(body); err != nil {
			return
		}
	}
	mux.HandleFunc("POST /Plugin.Activate", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string][]string{"Implements": {"VolumeDriver"}})
	})
	mux.HandleFunc("POST /VolumeDriver.Capabilities", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]any{"Capabilities": map[string]string{"Scope": "global"}})
	})
	for name, do := range operations {
		mux.HandleFunc("POST /VolumeDriver."+name, func(w http.ResponseWriter, request *http.Request) {
			var r ask
			if err := json.NewDecoder(request.Body).Decode(&r); err != nil {
				answer(w, http.StatusBadRequest, mountpoint{Err: err.Error()})
				return
			}
			v.mu.Lock()
			body, err := do(v, request.Context(), r)
			v.mu.Unlock()
			if err != nil {
				answer(w, http.StatusInternalServerError, map[string]string{"Err": fmt.Sprintf("docker-legacy: %s: %s: failed: %v", name, r.Name, err)})
				return
			}
			answer(w, http.StatusOK, body)
		})
	}
	return mux
}

func (v *volumes) create(ctx context.Context, r ask) (any, error) {
	size, pool := int64(v.module.size), v.module.poolName
	for key, value := range r.Opts {
		switch strings.ToLower(key) {
		case "size":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				n = 0
			}
			size = n
		case "volumetype", "type":
			pool = value
		}
	}
	return map[string]string{"Err": ""}, v.service.create(ctx, r.Name, size, pool)
}

func (v *volumes) get(ctx context.Context, r ask) (any, error) {
	found, err := v.service.named(ctx, r.Name)
	if err != nil {
		return nil, err
	}
	return map[string]any{"Volume": v.show(found), "Err": ""}, nil
}

func (v *volumes) list(ctx context.Context, _ ask) (any, error) {
	all, err := v.service.volumes(ctx)
	if err != nil {
		return nil, err
	}
	listed := []shown{}
	for _, one := range all {
		listed = append(listed, v.show(one))
	}
	return map[string]any{"Volumes": listed, "Err": ""}, nil
}

func (v *volumes) show(e entry) shown {
	s := shown{Name: e.Name, Status: map[string]any{"name": e.Name, "size": e.SizeKB >> 20, "type": e.VolumeType, "service": v.service.name, "server": v.service.name}}
	if v.here(e) && v.machine.MountedAt(v.point(e)) != "" {
		s.Mountpoint = v.point(e) + v.module.root
	}
	return s
}

func (v *volumes) point(e entry) string { return path.Join(v.module.mountDir, e.Name) }

func (v *volumes) here(e entry) bool {
	for _, m := range e.Mapped {
		if m.ID == v.sdc {
			return true
		}
	}
	return false
}

func (v *volumes) link(e entry) string { return "emc-vol-" + v.service.system.ID + "-" + e.ID }

// device says whether the volume's device is there.
func (v *volumes) device(e entry) bool {
	_, err := os.Readlink(v.machine.Path("/dev/disk/by-id/" + v.link(e)))
	return err == nil
}

// mount tries as often as the configuration says.
func (v *volumes) mount(ctx context.Context, r ask) (any, error) {
	for attempt := 0; ; attempt++ {
		place, err := v.mountOnce(ctx, r.Name)
		if err == nil {
			v.counts[r.Name]++
			return mountpoint{Mountpoint: place}, nil
		}
		if attempt >= v.module.retries || !pause(ctx, v.module.retryWait) {
			return nil, err
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (v *volumes) mountOnce(ctx context.Context, name string) (string, error) {
	found, err := v.service.named(ctx, name)
	if err != nil {
		return "", err
	}
	if len(found.Mapped) > 0 && !v.here(found) && !v.module.preempt {
		return "", errMissing
	}
	point := v.point(found)
	if !v.here(found) {
		v.machine.Unmount(point) // in precaution
		if err := v.service.attach(ctx, found.ID, v.sdc, v.module.preempt); err != nil {
			return "", err
		}
		if !v.await(ctx, found) {
			return "", errDevice
		}
		if found, err = v.service.inspect(ctx, found.ID); err != nil {
			return "", err
		}
	}
	if !v.device(found) {
		return "", errNoDevice
	}
	if v.machine.MountedAt(point) != "" {
		return point + v.module.root, nil
	}
	if _, err := v.machine.Mount(v.link(found), point, v.module.fsType); err != nil {
		return "", err
	}
	data := v.machine.Path(point + v.module.root)
	if err := os.MkdirAll(data, 0o755); err != nil {
		return "", err
	}
	return point + v.module.root, os.Chmod(data, v.module.mode)
}

// await looks for the device every half second, as REX-Ray does.
func (v *volumes) await(ctx context.Context, e entry) bool {
	for waited := time.Duration(0); waited < v.module.attach; waited += 500 * time.Millisecond {
		if !pause(ctx, 500*time.Millisecond) {
			return false
		}
		if v.device(e) {
			return true
		}
	}
	return false
}

func (v *volumes) path(ctx context.Context, r ask) (any, error) {
	found, err := v.service.named(ctx, r.Name)
	if err != nil {
		return nil, err
	}
	if v.counts[r.Name] == 0 {
		return mountpoint{}, nil
	}
	return mountpoint{Mountpoint: v.show(found).Mountpoint}, nil
}

func (v *volumes) unmount(ctx context.Context, r ask) (any, error) {
	found, err := v.service.named(ctx, r.Name)
	if err != nil {
		return nil, err
	}
	if v.counts[r.Name] > 0 {
		v.counts[r.Name]--
	}
	if v.module.counts && v.counts[r.Name] > 0 {
		return mountpoint{}, nil
	}
	v.counts[r.Name] = 0
	if !v.here(found) {
		return nil, errMissing
	}
	if !v.device(found) {
		return nil, errDetach
	}
	v.machine.Unmount(v.point(found))
	return mountpoint{}, v.service.detach(ctx, found.ID, v.sdc)
}

func (v *volumes) remove(ctx context.Context, r ask) (any, error) {
	found, err := v.service.named(ctx, r.Name)
	if err != nil {
		return nil, err
	}
	return map[string]string{"Err": ""}, v.service.remove(ctx, found.ID)
}
