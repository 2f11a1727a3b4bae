package state_test

import (
	"crypto/tls"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/secret"
	"github.com/dcos-scaleio/scaleio/framework/state"
)

// TestAnEtcdAsksForAUser has an etcd of its own, as users are for all of it.
func TestAnEtcdAsksForAUser(t *testing.T) {
	own := &backend{scheme: "etcd", session: etcd.session, start: etcd.start}
	own.need(t)
	defer os.RemoveAll(own.dir)
	defer own.server.Kill()
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{own.server.Address}, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.UserAdd(t.Context(), "root", "a-secret"); err != nil {
		t.Fatal(err)
	}
	if _, err := client.UserGrantRole(t.Context(), "root", "root"); err != nil {
		t.Fatal(err)
	}
	if _, err := client.AuthEnable(t.Context()); err != nil {
		t.Fatal(err)
	}
	at := own.place(own.server.Address)
	for _, user := range []string{"", "root:another-secret", "nobody:a-secret"} {
		at.User = secret.New(user)
		if _, err := state.Open(at); fault.KindOf(err) != fault.Denied || strings.Contains(err.Error(), "-secret") {
			t.Errorf("user %q: %v", user, err)
		}
	}
	at.User = secret.New("root:a-secret")
	s := opened(t, at)
	defer s.Close()
	if _, err := s.Acquire(t.Context(), "us", nil); err != nil {
		t.Fatal(err)
	}
	if err := count(t.Context(), s, 0); err != nil {
		t.Fatal(err)
	}
	holds(t, s, "x", "1")
}

func TestTheConnectionToAnEtcdIsEncrypted(t *testing.T) {
	etcd.need(t)
	address, caFile := encrypted(t, etcd.server.Address)
	at := etcd.place(address)
	at.CAFile = caFile
	s := opened(t, at)
	defer s.Close()
	if err := count(t.Context(), s, 0); err != nil {
		t.Fatal(err)
	}
	holds(t, s, "x", "1")
	at.CAFile = filepath.Join(t.TempDir(), "none.pem")
	if _, err := state.Open(at); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "none.pem") {
		t.Errorf("without the authority's file: %v", err)
	}
	if err := os.WriteFile(at.CAFile, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := state.Open(at); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "no certificate") {
		t.Errorf("with another file: %v", err)
	}
}

// encrypted stands before a server with TLS; it gives its address and the file of its authority.
func encrypted(t *testing.T, server string) (address, caFile string) {
	t.Helper()
	sample := httptest.NewTLSServer(http.NotFoundHandler())
	sample.Close()
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: sample.Certificate().Raw})
	if err := os.WriteFile(caFile, text, 0o600); err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: sample.TLS.Certificates, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { between(client, server) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		running.Wait()
	})
	return listener.Addr().String(), caFile
}

// between passes on what both sides say until one of them ends.
func between(client net.Conn, address string) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_, _ = io.Copy(client, server)
		client.Close()
	}()
	_, _ = io.Copy(server, client)
	server.Close()
	<-answered
}
