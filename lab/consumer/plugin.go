package consumer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
)

// plugin is a Docker volume driver that listens on a socket.
type plugin struct{ http *http.Client }

// errNoPlugin says that nothing listens under a driver's name.
var errNoPlugin = errors.New("plugin not found")

// find looks a driver up under root where Docker 1.11 does.
func find(root, driver string) (*plugin, error) {
	for _, place := range []string{"/run/docker/plugins/" + driver + ".sock", "/run/docker/plugins/" + driver + "/" + driver + ".sock"} {
		full := filepath.Join(root, place)
		if _, err := os.Stat(full); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return &plugin{&http.Client{Transport: &http.Transport{DisableKeepAlives: true,
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, full) }}}}, nil
	}
	return nil, errNoPlugin
}

// dial dials a unix socket whose path may be longer than the kernel takes, through its directory.
func dial(ctx context.Context, place string) (net.Conn, error) {
	dir, err := os.Open(filepath.Dir(place))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	var d net.Dialer
	return d.DialContext(ctx, "unix", fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(place)))
}

// reply is any answer of the protocol.
type reply struct {
	Err        string
	Mountpoint string
	Volume     *volume
	Volumes    []volume
}

type volume struct {
	Name       string
	Mountpoint string
}

func (p *plugin) call(ctx context.Context, method string, body map[string]any) (reply, error) {
	encoded, err := json.Marshal(body)
	if err != nil {
		return reply{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://plugin/VolumeDriver."+method, bytes.NewReader(encoded))
	if err != nil {
		return reply{}, err
	}
	request.Header.Set("Accept", "application/vnd.docker.plugins.v1.2+json")
	response, err := p.http.Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil {
		return reply{}, err
	}
	var r reply
	if err := json.Unmarshal(text, &r); err != nil {
		return reply{}, fmt.Errorf("VolumeDriver.%s: %s", method, strings.TrimSpace(string(text)))
	}
	if r.Err != "" || response.StatusCode != http.StatusOK {
		return r, fmt.Errorf("VolumeDriver.%s: %s", method, r.Err)
	}
	return r, nil
}
