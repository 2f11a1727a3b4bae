package mesos

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	api "github.com/mesos/mesos-go/api/v1/lib"
)

// cache holds the files of URIs with cache:true, each fetched once per Master.
type cache struct {
	client *http.Client
	life   context.Context // a file for all is fetched on, whoever asked first may be killed
	end    context.CancelFunc

	mu    sync.Mutex
	files map[string]*cachedFile
}

type cachedFile struct {
	once sync.Once
	body []byte
	err  error
}

func newCache() *cache {
	transport := &http.Transport{DisableCompression: true, DisableKeepAlives: true, Proxy: nil}
	life, end := context.WithCancel(context.Background())
	return &cache{life: life, end: end, client: &http.Client{Transport: transport, Timeout: 5 * time.Minute}, files: map[string]*cachedFile{}}
}

// fetch puts the files of a command into its sandbox: executable ones with that bit, archives unpacked unless that is not wanted.
func (c *cache) fetch(ctx context.Context, uris []api.CommandInfo_URI, sandbox, home string) error {
	for i := range uris {
		if err := c.one(ctx, &uris[i], sandbox, home); err != nil {
			return fmt.Errorf("%s: %w", uris[i].Value, err)
		}
	}
	return nil
}

func (c *cache) one(ctx context.Context, uri *api.CommandInfo_URI, sandbox, home string) error {
	body, err := c.read(ctx, uri, home)
	if err != nil {
		return err
	}
	name := uri.GetOutputFile()
	if name == "" {
		name, _, _ = strings.Cut(filepath.Base(uri.Value), "?")
	}
	path, err := inside(sandbox, name)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	mode := fs.FileMode(0o644)
	if uri.GetExecutable() {
		mode = 0o755
	}
	if err := os.WriteFile(path, body, mode); err != nil {
		return err
	}
	if uri.GetExecutable() || uri.Extract != nil && !uri.GetExtract() {
		return nil
	}
	return extract(path, sandbox)
}

// inside refuses a name that leads out of dir.
func inside(dir, name string) (string, error) {
	if !filepath.IsLocal(name) {
		return "", fmt.Errorf("%q leads out of the sandbox", name)
	}
	return filepath.Join(dir, name), nil
}

func (c *cache) read(ctx context.Context, uri *api.CommandInfo_URI, home string) ([]byte, error) {
	if !uri.GetCache() {
		return c.load(ctx, uri.Value, home)
	}
	c.mu.Lock()
	file := c.files[uri.Value]
	if file == nil {
		file = &cachedFile{}
		c.files[uri.Value] = file
	}
	c.mu.Unlock()
	file.once.Do(func() { file.body, file.err = c.load(c.life, uri.Value, home) })
	if file.err != nil { // a failure is not cached
		c.mu.Lock()
		if c.files[uri.Value] == file {
			delete(c.files, uri.Value)
		}
		c.mu.Unlock()
	}
	return file.body, file.err
}

func (c *cache) load(ctx context.Context, uri, home string) ([]byte, error) {
	if strings.HasPrefix(uri, "http://") || strings.HasPrefix(uri, "https://") {
		return c.get(ctx, uri)
	}
	path := strings.TrimPrefix(uri, "file://")
	if !filepath.IsAbs(path) {
		if home == "" {
			return nil, fmt.Errorf("a relative path was passed for the resource but the Mesos framework home was not specified")
		}
		path = filepath.Join(home, path)
	}
	return os.ReadFile(path)
}

// get asks as Mesos's fetcher does: with Host and Accept and no other header (22/064).
func (c *cache) get(ctx context.Context, uri string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "*/*")
	request.Header["User-Agent"] = nil
	response, err := c.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("unexpected HTTP response %s", response.Status)
	}
	return io.ReadAll(response.Body)
}

// extract unpacks an archive by its name's ending; anything else is left as it is.
func extract(path, dir string) error {
	switch {
	case strings.HasSuffix(path, ".tar.gz"), strings.HasSuffix(path, ".tgz"):
		return withFile(path, func(f *os.File) error {
			unpacked, err := gzip.NewReader(f)
			if err != nil {
				return err
			}
			return untar(unpacked, dir)
		})
	case strings.HasSuffix(path, ".tar"):
		return withFile(path, func(f *os.File) error { return untar(f, dir) })
	case strings.HasSuffix(path, ".zip"):
		return unzip(path, dir)
	}
	return nil
}

func withFile(path string, do func(*os.File) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return do(f)
}

func untar(r io.Reader, dir string) error {
	archive := tar.NewReader(r)
	for {
		header, err := archive.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		path, err := inside(dir, filepath.Clean(header.Name))
		if err != nil {
			return err
		}
		switch header.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(path, 0o755)
		case tar.TypeSymlink:
			if !filepath.IsLocal(filepath.Join(filepath.Dir(header.Name), header.Linkname)) {
				return fmt.Errorf("%q leads out of the sandbox", header.Linkname)
			}
			err = os.Symlink(header.Linkname, path)
		case tar.TypeReg:
			err = writeTo(path, archive, fs.FileMode(header.Mode)&0o777)
		}
		if err != nil {
			return err
		}
	}
}

func unzip(path, dir string) error {
	archive, err := zip.OpenReader(path)
	if err != nil {
		return err
	}
	defer archive.Close()
	for _, file := range archive.File {
		target, err := inside(dir, filepath.Clean(file.Name))
		if err != nil {
			return err
		}
		if file.FileInfo().IsDir() {
			if err := os.MkdirAll(target, 0o755); err != nil {
				return err
			}
			continue
		}
		body, err := file.Open()
		if err != nil {
			return err
		}
		err = writeTo(target, body, file.Mode()&0o777)
		body.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func writeTo(path string, body io.Reader, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(f, body); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
