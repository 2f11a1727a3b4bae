package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/options"
	"github.com/dcos-scaleio/scaleio/framework/scheduler"
)

// executorFile is the executor's name as an artifact, and beside the scheduler's own program.
const executorFile = "scaleio-executor"

// executorOf says what agents fetch and run: the operator's URL, or the program beside ours, served by us at address.
func executorOf(o *options.Options, address string) (scheduler.Executor, map[string]string, error) {
	executor := scheduler.Executor{URL: o.Executor.URL, SHA256: o.Executor.SHA256, HostRoot: o.Executor.HostRoot}
	if executor.URL != "" {
		return executor, nil, nil
	}
	path := o.Executor.Path
	if path == "" {
		own, err := os.Executable()
		if err != nil {
			return executor, nil, fault.New(fault.Internal, "executor", "find it", "%w; name it by executor.altpath", err)
		}
		path = filepath.Join(filepath.Dir(own), executorFile)
	}
	sum, err := checksum(path)
	if err != nil {
		return executor, nil, fault.New(fault.Invalid, "executor "+path, "read it", "%w; put it there, or name it by executor.altpath or executor.url", err)
	}
	executor.URL, executor.SHA256 = scheme(o)+address+"/artifacts/"+executorFile, sum
	return executor, map[string]string{executorFile: path}, nil
}

func checksum(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// reachable is the address that agents reach us by: as given, else the one that we listen on, else that of this machine towards the first
// master whose name is known.
func reachable(ctx context.Context, o *options.Options, listener net.Listener) (string, error) {
	own := listener.Addr().(*net.TCPAddr)
	port := strconv.Itoa(own.Port)
	if o.API.Address != "" {
		return net.JoinHostPort(o.API.Address, port), nil
	}
	if !own.IP.IsUnspecified() {
		return own.String(), nil
	}
	var why error
	for _, master := range o.Mesos.Masters {
		conn, err := (&net.Dialer{}).DialContext(ctx, "udp", hostPort(master)) // sends nothing; the kernel picks the way
		if err != nil {
			why = err
			continue
		}
		defer conn.Close()
		return net.JoinHostPort(conn.LocalAddr().(*net.UDPAddr).IP.String(), port), nil
	}
	return "", fault.New(fault.Invalid, "API", "find the address that agents reach it by", "%w; give it by rest.address", why)
}

// hostPort takes a master's address out of "host:port" or a URL. The port does not matter for the way.
func hostPort(master string) string {
	if !strings.Contains(master, "://") {
		master = "http://" + master
	}
	u, err := url.Parse(master)
	if err != nil { // options refuse it
		return master
	}
	port := u.Port()
	if port == "" {
		port = "5050"
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// page is where Mesos' own pages link to.
func page(scheme, address string) string {
	if address == "" {
		return ""
	}
	return scheme + address + "/"
}
