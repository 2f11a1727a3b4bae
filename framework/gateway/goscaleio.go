package gateway

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"sync"

	"github.com/dell/goscaleio"
)

// packageVariables keeps the headers that goscaleio holds in package variables: written by its constructor, read by every call.
var packageVariables sync.RWMutex

// newGoscaleio makes a client for base and gives the http.Client that it sends with.
func newGoscaleio(base string) (*goscaleio.Client, *http.Client, error) {
	packageVariables.Lock()
	defer packageVariables.Unlock()
	client, err := goscaleio.NewClientWithArgs(base, "", 0, false, false)
	if err != nil {
		return nil, nil, err
	}
	sender, err := httpClient(client)
	return client, sender, err
}

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

// call lets do make one call of goscaleio. The context holds for the first request only (goscaleio forgets it then), so do calls
// nothing that makes more than one.
func (e *endpoint) call(ctx context.Context, do func(*goscaleio.Client) error) error {
	packageVariables.RLock()
	defer packageVariables.RUnlock()
	once := *e.scaleio
	return e.explain(do(once.WithContext(ctx)))
}
