package rexray

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// gateway is the ScaleIO client that REX-Ray carries: HTTP/1.1, TLS up to 1.2, certificates never checked.
type gateway struct {
	endpoint, user, password string
	version, token           string
	http                     *http.Client
}

func newGateway(s *service) *gateway {
	return &gateway{endpoint: s.endpoint, user: s.user, password: s.password, version: s.version,
		http: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12},
			TLSNextProto: map[string]func(string, *tls.Conn) http.RoundTripper{}}}}
}

func (g *gateway) close() { g.http.CloseIdleConnections() }

// entry is what the driver reads of any object.
type entry struct {
	ID         string  `json:"id"`
	Name       string  `json:"name"`
	DomainID   string  `json:"protectionDomainId"`
	PoolID     string  `json:"storagePoolId"`
	GUID       string  `json:"sdcGuid"`
	SizeKB     int64   `json:"sizeInKb"`
	Ancestor   string  `json:"ancestorVolumeId"`
	Mapped     []sdcOf `json:"mappedSdcInfo"`
	Links      []link  `json:"links"`
	VolumeType string  `json:"volumeType"`
	SCSI       *string `json:"mappedScsiInitiatorInfo"` // anything but null or a string breaks every call
}

type sdcOf struct {
	ID string `json:"sdcId"`
	IP string `json:"sdcIp"`
}

type link struct {
	Rel  string `json:"rel"`
	HRef string `json:"href"`
}

func (e entry) href(rel string) (string, error) {
	for _, l := range e.Links {
		if l.Rel == rel {
			return l.HRef, nil
		}
	}
	return "", fmt.Errorf("no link %s", rel)
}

// root is the endpoint without its /api: links start with that.
func (g *gateway) root() string { return strings.TrimSuffix(g.endpoint, "/api") }

func (g *gateway) login(ctx context.Context) error {
	text, err := g.plain(ctx, g.root()+"/api/login", g.user, g.password)
	if !strings.HasSuffix(g.endpoint, "/api") { // then the request goes astray
		text, err = g.plain(ctx, strings.TrimSuffix(g.endpoint, "/")+"/login", g.user, g.password)
	}
	if err != nil {
		return err
	}
	g.token = strings.Trim(text, `"`)
	return nil
}

var majorMinor = regexp.MustCompile(`\d+\.\d`)

func (g *gateway) askVersion(ctx context.Context) error {
	text, err := g.plain(ctx, g.endpoint+"/version", "", g.token)
	if err == nil && g.version == "" {
		g.version = majorMinor.FindString(text)
	}
	return err
}

// plain is a GET whose answer is a string.
func (g *gateway) plain(ctx context.Context, url, user, password string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	request.SetBasicAuth(user, password)
	response, err := g.http.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s", message(response.StatusCode, body))
	}
	return string(body), err
}

func message(status int, body []byte) string {
	var m struct {
		Message string `json:"message"`
	}
	switch status {
	case 400, 401, 403, 404, 405, 406, 409, 415, 500, 503, 504:
		if err := json.Unmarshal(body, &m); err == nil && m.Message != "" {
			return m.Message
		}
		return http.StatusText(status)
	default:
		return "unhandled API response"
	}
}

// call asks, logs in again once if the token has expired, and reads the answer into out.
func (g *gateway) call(ctx context.Context, method, path string, in, out any) error {
	status, body, err := g.try(ctx, method, path, in)
	if err == nil && status == http.StatusUnauthorized {
		if err = g.login(ctx); err == nil {
			status, body, err = g.try(ctx, method, path, in)
		}
	}
	if err != nil {
		return err
	}
	switch status {
	case 200, 201, 202, 204:
	default:
		return fmt.Errorf("%s", message(status, body))
	}
	if out == nil || len(body) == 0 {
		return nil
	}
	return json.Unmarshal(body, out)
}

func (g *gateway) try(ctx context.Context, method, path string, in any) (status int, body []byte, err error) {
	var content io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return 0, nil, err
		}
		content = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, g.root()+path, content)
	if err != nil {
		return 0, nil, err
	}
	request.SetBasicAuth("", g.token)
	kind := "application/json;version=" + g.version
	request.Header.Set("Accept", kind)
	if in != nil {
		request.Header.Set("Content-Type", kind)
	}
	response, err := g.http.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	return response.StatusCode, body, err
}

func (g *gateway) list(ctx context.Context, path string) (all []entry, err error) {
	return all, g.call(ctx, http.MethodGet, path, nil, &all)
}
