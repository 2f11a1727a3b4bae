package servers

import (
	"net"
	"sync"
)

// Proxy passes on what a client and a server say to each other, until it is told to fail.
type Proxy struct {
	Address string

	listener net.Listener
	server   string
	running  sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]bool
	cut   bool          // connections are refused
	flow  chan struct{} // closed while data flows
	count int           // answers of the server that are passed on until the next one is lost with its connection; < 0: all
}

// NewProxy stands before the server at that address.
func NewProxy(server string) (*Proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{Address: listener.Addr().String(), listener: listener, server: server, conns: map[net.Conn]bool{}, flow: make(chan struct{}), count: -1}
	close(p.flow)
	p.running.Go(p.accept)
	return p, nil
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil || !p.keep(client, server) {
			client.Close()
			if server != nil {
				server.Close()
			}
			continue
		}
		p.running.Go(func() { p.pass(client, server, false) })
		p.running.Go(func() { p.pass(server, client, true) })
	}
}

// keep remembers connections, unless there shall be none.
func (p *Proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range conns {
		if !p.cut {
			p.conns[c] = true
		}
	}
	return !p.cut
}

func (p *Proxy) pass(from, to net.Conn, answers bool) {
	defer from.Close()
	defer to.Close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		p.mu.Lock()
		flow := p.flow
		p.mu.Unlock()
		<-flow
		if answers && p.loses() {
			return
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// loses counts an answer down.
func (p *Proxy) loses() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.count < 0 {
		return false
	}
	p.count--
	return p.count < 0
}

// LoseAfter passes on n more answers of the server, and ends the connection instead of the next one, once.
func (p *Proxy) LoseAfter(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.count = n
}

// Lost says whether the answer of LoseAfter was lost.
func (p *Proxy) Lost() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count < 0
}

// Stall keeps all that is said until Heal, as a slow network or server does.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.flow:
		p.flow = make(chan struct{})
	default:
	}
}

// Cut ends all connections and refuses new ones until Heal.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	for c := range p.conns {
		c.Close()
	}
	clear(p.conns)
}

// Heal ends Stall and Cut.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut, p.count = false, -1
	select {
	case <-p.flow:
	default:
		close(p.flow)
	}
}

// Close ends the proxy.
func (p *Proxy) Close() {
	p.listener.Close()
	p.Heal()
	p.Cut()
	p.running.Wait()
}
