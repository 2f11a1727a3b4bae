package scaleio

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// Gateway is a System served over TLS. Close ends it and waits for its goroutines.
type Gateway struct {
	Addr string // "127.0.0.1:43211"
	URL  string // "https://127.0.0.1:43211"
	CA   []byte // PEM of the certificate, which signed itself: a client that trusts it trusts the gateway

	server *http.Server
	done   chan struct{} // closed when Serve returned
}

// ServeTLS serves s on listener with a certificate of its own, valid for the listener's address, localhost and names.
func (s *System) ServeTLS(listener net.Listener, names ...string) (*Gateway, error) {
	certificate, ca, err := selfSigned(listener.Addr(), names)
	if err != nil {
		return nil, fault.New(fault.Internal, "gateway "+listener.Addr().String(), "make a certificate", "%w", err)
	}
	g := &Gateway{
		Addr: listener.Addr().String(), URL: "https://" + listener.Addr().String(), CA: ca, done: make(chan struct{}),
		server: &http.Server{Handler: s.Handler(), TLSConfig: &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
			ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0)},
	}
	go func() { // owned by Close
		defer close(g.done)
		_ = g.server.ServeTLS(listener, "", "") // ends with ErrServerClosed, or with the listener, whose owner knows why
	}()
	return g, nil
}

// Client trusts the gateway.
func (g *Gateway) Client() *http.Client {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(g.CA)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
}

// Close ends the gateway: calls that are being answered get a second.
func (g *Gateway) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := g.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = g.server.Close()
	}
	<-g.done
	return err
}

func selfSigned(addr net.Addr, names []string) (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	// The machine's clock, not the system's: it is the client's that judges.
	now := time.Now()
	parent := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "scaleio-gateway"}, NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true, IsCA: true, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	if host, _, err := net.SplitHostPort(addr.String()); err == nil {
		names = append(names, host)
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			parent.IPAddresses = append(parent.IPAddresses, ip)
		} else {
			parent.DNSNames = append(parent.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, parent, parent, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}
