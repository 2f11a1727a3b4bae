package gateway

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"sync"

	"github.com/dell/goscaleio"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// library is goscaleio with its http.Client.
type library struct {
	client *goscaleio.Client // copied for each call, never written
	http   *http.Client
}

// goscaleioOnce gives the one goscaleio client of the process: its constructor writes package variables that every call reads. Which gateway
// a call goes to travels in its context.
var goscaleioOnce = sync.OnceValues(func() (*library, error) {
	client, err := goscaleio.NewClientWithArgs("http://gateway.invalid", "", 0, false, false)
	if err != nil {
		return nil, err
	}
	sender, err := httpClient(client)
	if err != nil {
		return nil, err
	}
	sender.Transport = byContext{}
	return &library{client, sender}, nil
})

// httpClient gives the http.Client inside goscaleio's client: Client.api is an interface that holds a *client whose field http it is
// (v1.20.0; TestHTTPClient fails when it moves). Only a pointer is read.
func httpClient(client *goscaleio.Client) (*http.Client, error) {
	moved := errors.New("goscaleio keeps its http.Client elsewhere than v1.20.0 did: its TLS cannot be verified our way, so it is not used")
	api := reflect.ValueOf(client).Elem().FieldByName("api")
	if api.Kind() != reflect.Interface || api.Elem().Kind() != reflect.Pointer || api.Elem().Elem().Kind() != reflect.Struct {
		return nil, moved
	}
	field := api.Elem().Elem().FieldByName("http")
	if !field.IsValid() || field.Type() != reflect.TypeFor[*http.Client]() || field.IsNil() {
		return nil, moved
	}
	return (*http.Client)(field.UnsafePointer()), nil
}

// byContext sends a request through the endpoint in its context. It is that value's key, too.
type byContext struct{}

func (byContext) RoundTrip(req *http.Request) (*http.Response, error) {
	e, ok := req.Context().Value(byContext{}).(*endpoint)
	if !ok {
		if req.Body != nil {
			req.Body.Close()
		}
		return nil, fault.New(fault.Internal, "", "", "a request for no gateway: goscaleio forgets the context after its first request, so a call may make only one")
	}
	return e.RoundTrip(req)
}

// call lets do make one call of goscaleio, of one request.
func (e *endpoint) call(ctx context.Context, do func(*goscaleio.Client) error) error {
	ctx, cancel := e.bound(ctx)
	defer cancel()
	once := *e.scaleio.client
	return e.explain(do(once.WithContext(ctx)))
}

// bound is a context of one call at this endpoint.
func (e *endpoint) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithValue(ctx, byContext{}, e), e.config.Timeout)
}
