package libprocess

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// maxBody bounds a request's body: 40 MiB messages are known to work with a real Mesos (reference/mesos-go.md §1).
const maxBody = 128 << 20

// Field is one header in its place.
type Field struct{ Name, Value string }

// Request is a request whose body has been read and, if it came gzipped, unpacked.
type Request struct {
	Method, Path, Query string
	Header              http.Header
	Body                []byte
}

// Response is a whole answer, or the head of a Stream.
type Response struct {
	Status int
	Header []Field // in order, behind Date; Content-Length is appended unless it is named here with an empty value
	Body   []byte
	Stream *Stream
	// Gzip allows the body to be compressed for those who accept it; bodiless answers and streams never are.
	Gzip bool
}

// Handler answers a request; nil breaks the connection without an answer.
type Handler func(*Request) *Response

// Server serves one address.
type Server struct {
	handler Handler
	now     func() time.Time
	done    sync.WaitGroup

	mu        sync.Mutex
	listeners map[net.Listener]bool
	conns     map[*conn]bool
	closed    bool
}

// NewServer makes a server; now gives the Date header.
func NewServer(handler Handler, now func() time.Time) *Server {
	return &Server{handler: handler, now: now, listeners: map[net.Listener]bool{}, conns: map[*conn]bool{}}
}

// Serve accepts connections until the listener is closed by Close or from outside.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		l.Close()
		return net.ErrClosed
	}
	s.listeners[l] = true
	s.done.Add(1)
	s.mu.Unlock()
	defer s.done.Done()
	for {
		c, err := l.Accept()
		if err != nil {
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.listeners, l)
			if s.closed || errors.Is(err, net.ErrClosed) {
				return nil
			}
			return err
		}
		if !s.begin() {
			c.Close()
			return nil
		}
		go s.serve(c)
	}
}

// begin counts a goroutine in, unless the server is closed.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.done.Add(1)
	return true
}

func (s *Server) end() { s.done.Done() }

// Shut closes the listeners and all connections at once and does not wait: safe with any lock held.
func (s *Server) Shut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for l := range s.listeners {
		l.Close()
	}
	for c := range s.conns {
		c.close()
	}
}

// Close is Shut, and returns when no goroutine of the server is left.
func (s *Server) Close() {
	s.Shut()
	s.done.Wait()
}

// conn is one connection. Writes are serialised, so that an answer may go in between two chunks of a stream.
type conn struct {
	server *Server
	net    net.Conn
	mu     sync.Mutex // held while writing
}

func (c *conn) write(p []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err := c.net.Write(p)
	return err
}

func (c *conn) close() { c.net.Close() }

func (s *Server) serve(nc net.Conn) {
	defer s.end()
	s.converse(nc, bufio.NewReader(nc), nil)
}

// ServeHTTP takes the connection over from net/http and answers this request and the following ones on the wire of this package.
// A closed server breaks the connection.
func (s *Server) ServeHTTP(w http.ResponseWriter, in *http.Request) {
	if !s.begin() {
		panic(http.ErrAbortHandler)
	}
	defer s.end()
	first, err := read(in)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	nc, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	nc.SetDeadline(time.Time{}) // net/http's own; an error shows at the next read
	s.converse(nc, buffered.Reader, func(c *conn) (*Stream, bool) { return s.answer(c, in, first) })
}

// converse answers requests until the connection ends; first, if any, was read by somebody else.
func (s *Server) converse(nc net.Conn, reader *bufio.Reader, first func(*conn) (*Stream, bool)) {
	c := &conn{server: s, net: nc}
	s.mu.Lock()
	s.conns[c] = true
	closed := s.closed
	s.mu.Unlock()
	if closed {
		c.close()
	}
	var streams []*Stream
	defer func() {
		s.mu.Lock()
		delete(s.conns, c)
		s.mu.Unlock()
		c.close()
		for _, stream := range streams {
			stream.lost()
		}
	}()
	next := func(c *conn) (*Stream, bool) { return s.next(c, reader) }
	if first == nil {
		first = next
	}
	for turn := first; ; turn = next {
		stream, more := turn(c)
		if stream != nil {
			streams = append(streams, stream)
		}
		if !more {
			return
		}
	}
}

// next reads and answers one request. What is no HTTP is no request: the connection ends without an answer (08/168).
func (s *Server) next(c *conn, reader *bufio.Reader) (*Stream, bool) {
	in, err := http.ReadRequest(reader)
	if err != nil {
		return nil, false
	}
	request, err := read(in)
	if err != nil {
		return nil, false
	}
	return s.answer(c, in, request)
}

// answer says whether another request may follow. A SUBSCRIBE ignores "Connection: close" and HTTP/1.0 alike (23/003, 004).
func (s *Server) answer(c *conn, in *http.Request, request *Request) (*Stream, bool) {
	response := s.handler(request)
	if response == nil {
		return nil, false
	}
	last := response.Stream == nil && (in.Close || !in.ProtoAtLeast(1, 1))
	if c.write(s.encode(request, response)) != nil {
		return response.Stream, false
	}
	if response.Stream != nil {
		response.Stream.attach(c)
	}
	return response.Stream, !last
}

func read(in *http.Request) (*Request, error) {
	var body io.Reader = http.MaxBytesReader(nil, in.Body, maxBody)
	if in.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		body = io.LimitReader(unpacked, maxBody)
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	path, query, _ := strings.Cut(in.RequestURI, "?")
	return &Request{Method: in.Method, Path: path, Query: query, Header: in.Header, Body: text}, nil
}

// encode writes head and body; the order is Content-Encoding, Date, the response's own fields.
func (s *Server) encode(request *Request, r *Response) []byte {
	body := r.Body
	out := fmt.Appendf(nil, "HTTP/1.1 %d %s\r\n", r.Status, http.StatusText(r.Status))
	if r.Gzip && len(body) > 0 && strings.Contains(request.Header.Get("Accept-Encoding"), "gzip") {
		body = compress(body)
		out = append(out, "Content-Encoding: gzip\r\n"...)
	}
	out = fmt.Appendf(out, "Date: %s\r\n", s.now().UTC().Format(http.TimeFormat))
	if r.Stream != nil {
		out = append(out, "Transfer-Encoding: chunked\r\n"...)
	}
	sized := r.Stream != nil
	for _, field := range r.Header {
		if field.Name == "Content-Length" {
			field.Value, sized = strconv.Itoa(len(body)), true
		}
		out = fmt.Appendf(out, "%s: %s\r\n", field.Name, field.Value)
	}
	if !sized {
		out = fmt.Appendf(out, "Content-Length: %d\r\n", len(body))
	}
	out = append(out, "\r\n"...)
	if request.Method == http.MethodHead {
		return out
	}
	return append(out, body...)
}

func compress(body []byte) []byte {
	var packed strings.Builder
	w := gzip.NewWriter(&packed)
	w.Write(body) // into memory: cannot fail
	w.Close()
	return []byte(packed.String())
}
