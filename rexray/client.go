package rexray

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

const (
	// patience is how long a call may take when its context has no deadline: as long as the docker/volume isolator of Mesos waits.
	patience = 2 * time.Minute
	// maxAnswer bounds what is read of an answer, in bytes. A list of 100 000 volumes stays below it.
	maxAnswer = 32 << 20
)

// Client speaks the Docker volume plugin protocol over a driver's socket. It keeps no connection open and may be used by several goroutines.
type Client struct {
	driver string
	http   *http.Client
}

// Volume is a volume as a driver tells of it.
type Volume struct {
	Name       string         `json:"Name"`
	Mountpoint string         `json:"Mountpoint"`
	Status     map[string]any `json:"Status,omitempty"`
}

// NewClient gives a client of the driver behind dial.
func NewClient(driver string, dial func(context.Context) (net.Conn, error)) *Client {
	return &Client{driver: driver, http: &http.Client{Transport: &http.Transport{
		DialContext:        func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) },
		DisableKeepAlives:  true,
		DisableCompression: true,
	}}}
}

// Activate asks what the plugin implements: "VolumeDriver".
func (c *Client) Activate(ctx context.Context) ([]string, error) {
	var answer struct{ Implements []string }
	err := c.call(ctx, "Plugin.Activate", struct{}{}, &answer)
	return answer.Implements, err
}

// List gives all volumes of the system, whatever their pool. Its success proves that the driver reaches the gateway.
func (c *Client) List(ctx context.Context) ([]Volume, error) {
	var answer struct{ Volumes []Volume }
	err := c.call(ctx, "VolumeDriver.List", struct{}{}, &answer)
	return answer.Volumes, err
}

// Create makes a volume. It is not idempotent: an existing name is an error.
func (c *Client) Create(ctx context.Context, name string, options map[string]string) error {
	return c.call(ctx, "VolumeDriver.Create", struct {
		Name string
		Opts map[string]string
	}{name, options}, nil)
}

// Get tells of one volume; NotFound if there is none of this name.
func (c *Client) Get(ctx context.Context, name string) (Volume, error) {
	var answer struct{ Volume Volume }
	err := c.call(ctx, "VolumeDriver.Get", named{Name: name}, &answer)
	return answer.Volume, err
}

// Mount maps and mounts a volume for the user id and gives the directory of its data.
func (c *Client) Mount(ctx context.Context, name, id string) (string, error) {
	return c.mountpoint(ctx, "VolumeDriver.Mount", named{Name: name, ID: id})
}

// Path gives the directory of a mounted volume, "" if it is not mounted here.
func (c *Client) Path(ctx context.Context, name string) (string, error) {
	return c.mountpoint(ctx, "VolumeDriver.Path", named{Name: name})
}

// Unmount ends the use of a volume by the user id.
func (c *Client) Unmount(ctx context.Context, name, id string) error {
	return c.call(ctx, "VolumeDriver.Unmount", named{Name: name, ID: id}, nil)
}

// Remove deletes a volume with its data.
func (c *Client) Remove(ctx context.Context, name string) error {
	return c.call(ctx, "VolumeDriver.Remove", named{Name: name}, nil)
}

type named struct {
	Name string
	ID   string `json:",omitempty"`
}

func (c *Client) mountpoint(ctx context.Context, method string, request named) (string, error) {
	var answer struct{ Mountpoint string }
	err := c.call(ctx, method, request, &answer)
	return answer.Mountpoint, err
}

func (c *Client) call(ctx context.Context, method string, request, answer any) error {
	if _, bounded := ctx.Deadline(); !bounded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	fail := func(kind fault.Kind, format string, args ...any) error {
		return fault.New(kind, "volume driver "+c.driver, strings.TrimPrefix(method, "VolumeDriver."), format, args...)
	}
	body, err := json.Marshal(request)
	if err != nil {
		return fail(fault.Internal, "%w", err)
	}
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://driver/"+method, bytes.NewReader(body))
	if err != nil {
		return fail(fault.Internal, "%w", err)
	}
	post.Header.Set("Content-Type", "application/vnd.docker.plugins.v1.2+json")
	response, err := c.http.Do(post)
	if err != nil {
		return fail(fault.Temporary, "%w", plain(err))
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fail(fault.Temporary, "%w", err)
	case len(text) > maxAnswer:
		return fail(fault.Invalid, "answered with more than %d bytes", maxAnswer)
	}
	return read(text, response, answer, fail)
}

// read takes an answer apart. The protocol has but a text for errors, and REX-Ray's texts hide their cause; only "resource not found" tells
// what to do next, for the rest trying again may help.
func read(text []byte, response *http.Response, answer any, fail func(fault.Kind, string, ...any) error) error {
	var wrong struct{ Err string }
	err := json.Unmarshal(text, &wrong)
	switch {
	case err == nil && strings.HasSuffix(wrong.Err, "resource not found"):
		return fail(fault.NotFound, "%s", wrong.Err)
	case err == nil && wrong.Err != "":
		return fail(fault.Temporary, "%s", wrong.Err)
	case response.StatusCode != http.StatusOK:
		return fail(fault.Temporary, "answered %s: %s", response.Status, firstLine(text))
	case err != nil:
		return fail(fault.Invalid, "answered with something else than JSON: %s", firstLine(text))
	case answer == nil:
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fail(fault.Invalid, "answered with JSON of another form: %w", err)
	}
	return nil
}

// plain takes the made-up URL out of an error of net/http.
func plain(err error) error {
	for inner := errors.Unwrap(err); inner != nil; inner = errors.Unwrap(inner) {
		if _, ok := inner.(*net.OpError); ok {
			return inner
		}
		err = inner
	}
	return err
}

func firstLine(text []byte) string {
	line, _, _ := bytes.Cut(bytes.TrimSpace(text), []byte("\n"))
	const most = 200
	if len(line) > most {
		return fmt.Sprintf("%q…", line[:most])
	}
	return fmt.Sprintf("%q", line)
}
