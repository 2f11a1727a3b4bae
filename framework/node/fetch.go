package node

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
)

// stall is how long a download may be silent.
const stall = time.Minute

var downloads = &http.Client{Transport: &http.Transport{
	Proxy:                 http.ProxyFromEnvironment,
	DialContext:           (&net.Dialer{Timeout: 15 * time.Second}).DialContext,
	TLSHandshakeTimeout:   15 * time.Second,
	ResponseHeaderTimeout: stall,
	DisableKeepAlives:     true, // one file from one server, then nothing for months
	DisableCompression:    true,
}}

// fetch makes sure that the file holds the artifact. Under its name there is never anything but content of the right checksum.
func (w Work) fetch(ctx context.Context, what string, a inventory.Artifact, file string, mode fs.FileMode) error {
	if len(a.SHA256) != sha256.Size*2 {
		return fault.New(fault.Invalid, what, "", "the options give no sha256 for %s; nothing was installed", shown(a.URL))
	}
	if is, err := w.holds(file, a.SHA256); err != nil || is {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	body, err := w.open(ctx, what, a.URL)
	if err != nil {
		return err
	}
	defer body.Close()
	silence := time.AfterFunc(stall, func() { cancel(errors.New("no byte for " + stall.String())) })
	defer silence.Stop()
	checked := &verified{from: body, hash: sha256.New(), want: strings.ToLower(a.SHA256), what: what, url: shown(a.URL), alive: func() { silence.Reset(stall) }}
	err = w.Host.Write(file, checked, mode)
	if checked.err != nil { // of the source, whatever Write made of it
		err = checked.err
	}
	var known *fault.Error
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case ctx.Err() != nil:
		return fault.New(fault.Temporary, what, "", "download of %s: %w", shown(a.URL), context.Cause(ctx))
	}
	return fault.New(fault.Temporary, what, "", "download of %s to %s: %w", shown(a.URL), file, err)
}

// holds says whether a file has a checksum.
func (w Work) holds(file, sum string) (bool, error) {
	f, err := w.Host.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return false, err
	}
	return hex.EncodeToString(h.Sum(nil)) == strings.ToLower(sum), nil
}

// open starts a download. A file: URL is a file of the host.
func (w Work) open(ctx context.Context, what, from string) (io.ReadCloser, error) {
	u, err := url.Parse(from)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "file" {
		return nil, fault.New(fault.Invalid, what, "", "%q is not a URL of http, https or file", shown(from))
	}
	if u.Scheme == "file" {
		f, err := w.Host.Open(u.Path)
		if err != nil {
			return nil, fault.New(fault.NotFound, what, "", "%w", err)
		}
		return f, nil
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, fault.New(fault.Invalid, what, "", "%q is not a URL", shown(from))
	}
	client := w.Client
	if client == nil {
		client = downloads
	}
	response, err := client.Do(request)
	if err != nil {
		var where *url.Error // repeats the URL with all that may be secret in it
		if errors.As(err, &where) {
			err = where.Err
		}
		return nil, fault.New(fault.Temporary, what, "", "download of %s: %w", shown(from), err)
	}
	if response.StatusCode != http.StatusOK {
		response.Body.Close()
		return nil, fault.New(answered(response.StatusCode), what, "", "download of %s: the server answered %s; nothing was installed", shown(from), response.Status)
	}
	return response.Body, nil
}

// answered tells what kind of failure a status is.
func answered(status int) fault.Kind {
	switch {
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return fault.Temporary
	case status == http.StatusNotFound, status == http.StatusGone:
		return fault.NotFound
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return fault.Denied
	}
	return fault.Invalid
}

// shown is a URL without what may be secret in it.
func shown(from string) string {
	u, err := url.Parse(from)
	if err != nil {
		return "a URL that cannot be read"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// verified passes bytes on and fails at their end if their checksum is wrong.
type verified struct {
	from      io.Reader
	hash      hash.Hash
	want      string
	what, url string
	alive     func()
	err       error
}

func (v *verified) Read(p []byte) (int, error) {
	n, err := v.from.Read(p)
	v.alive()
	v.hash.Write(p[:n])
	if err == io.EOF {
		if got := hex.EncodeToString(v.hash.Sum(nil)); got != v.want {
			err = fault.New(fault.Denied, v.what, "", "checksum of %s is %s, options say %s; nothing was installed", v.url, got, v.want)
		}
	}
	if err != nil && err != io.EOF {
		v.err = err
	}
	return n, err
}
