package service

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/options"
	"github.com/dcos-scaleio/scaleio/framework/secret"
)

// shortest is how many characters the API's token has at least: what is guessed over a network must be long.
const shortest = 16

// listen opens the API's port, or says why it must not be opened like this. It gives the token that the API asks for, if it does.
func listen(ctx context.Context, o *options.Options, log *slog.Logger) (net.Listener, secret.Value, error) {
	token, err := o.API.Token.Read()
	if err != nil {
		return nil, token, err
	}
	if n := len(token.Reveal()); n > 0 && n < shortest {
		return nil, token, fault.New(fault.Invalid, "API", "protect it", "its token has %d characters, expected %d or more", n, shortest)
	}
	public, err := publicAddress(o.API.Bind, net.InterfaceAddrs)
	if err != nil {
		return nil, token, err
	}
	if err := permits(o.API, public, log); err != nil {
		return nil, token, err
	}
	var config *tls.Config
	if o.API.CertFile != "" {
		if config, err = certificate(o.API.CertFile, o.API.KeyFile); err != nil {
			return nil, token, err
		}
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(o.API.Bind, strconv.Itoa(o.API.Port)))
	if err != nil {
		return nil, token, fault.New(fault.Invalid, "API", "listen", "%w; is another scheduler running here, or is rest.port taken?", err)
	}
	if config != nil {
		listener = secured{listener, config}
	}
	return listener, token, nil
}

// permits refuses an API that the world could command, and warns of what is not as it should be.
func permits(o options.API, public netip.Addr, log *slog.Logger) error {
	switch {
	case !public.IsValid():
	case !o.Token.Given() && !o.Insecure:
		return fault.New(fault.Invalid, "API", "protect it", "it would listen on %s, a public address, where anybody could command it: give a token "+
			"(API_TOKEN or api.token.file), a private address to listen on (api.bind), or api.insecure if only Admin Router reaches it", public)
	case !o.Token.Given():
		log.Warn("the API takes commands from anybody who reaches it (api.insecure)", "address", public)
	case o.CertFile == "":
		log.Warn("the API's token goes over the network in clear text; give a certificate (api.tls.cert_file)", "address", public)
	}
	return nil
}

// scheme is how the API is reached.
func scheme(o *options.Options) string {
	if o.API.CertFile != "" {
		return "https://"
	}
	return "http://"
}

// shared are addresses behind a provider's translation, which the internet does not reach (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// publicAddress is one that bind covers and that is neither the machine's own nor a private network's. Not valid: there is none.
func publicAddress(bind string, interfaces func() ([]net.Addr, error)) (netip.Addr, error) {
	if at, err := netip.ParseAddr(bind); err == nil && !at.IsUnspecified() {
		return firstPublic(at), nil
	}
	found, err := interfaces()
	if err != nil {
		return netip.Addr{}, fault.New(fault.Internal, "API", "list this machine's addresses", "%w; name the one to listen on by api.bind", err)
	}
	var all []netip.Addr
	for _, a := range found {
		if network, err := netip.ParsePrefix(a.String()); err == nil {
			all = append(all, network.Addr())
		}
	}
	return firstPublic(all...), nil
}

func firstPublic(all ...netip.Addr) netip.Addr {
	for _, a := range all {
		if a = a.Unmap(); a.IsGlobalUnicast() && !a.IsPrivate() && !shared.Contains(a) {
			return a
		}
	}
	return netip.Addr{}
}

func certificate(certFile, keyFile string) (*tls.Config, error) {
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fault.New(fault.Invalid, "API", "read its certificate "+certFile+" and key "+keyFile, "%w", err)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// secured is a listener whose connections speak TLS.
type secured struct {
	net.Listener
	config *tls.Config
}

func (s secured) Accept() (net.Conn, error) {
	conn, err := s.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return tls.Server(conn, s.config), nil
}

// SetDeadline is for the waiting room.
func (s secured) SetDeadline(t time.Time) error {
	if d, ok := s.Listener.(deadliner); ok {
		return d.SetDeadline(t)
	}
	return nil
}
