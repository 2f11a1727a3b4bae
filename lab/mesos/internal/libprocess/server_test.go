package libprocess

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var then = time.Date(2026, 11, 22, 12, 47, 35, 0, time.UTC)

func serve(t *testing.T, handler Handler) (s *Server, addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s = NewServer(handler, func() time.Time { return then })
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s, l.Addr().String()
}

func dial(t *testing.T, addr, request string) (*net.TCPConn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn), bufio.NewReader(c)
}

func want(t *testing.T, r *bufio.Reader, text string) {
	t.Helper()
	got := make([]byte, len(text))
	n, err := io.ReadFull(r, got)
	if string(got[:n]) != text {
		t.Fatalf("got %q (%v), want %q", got[:n], err, text)
	}
}

func wantEnd(t *testing.T, r *bufio.Reader) {
	t.Helper()
	if rest, err := io.ReadAll(r); len(rest) > 0 {
		t.Fatalf("got %q (%v), want the end of the connection", rest, err)
	}
}

func echo(r *Request) *Response {
	return &Response{Status: 200, Header: []Field{{"X-B", "1"}, {"X-A", "2"}}, Body: append([]byte(r.Method+" "+r.Path+" "), r.Body...), Gzip: true}
}

const date = "Date: Sun, 22 Nov 2026 12:47:35 GMT\r\n"

func TestAnswers(t *testing.T) {
	_, addr := serve(t, func(r *Request) *Response {
		if r.Path == "/none" {
			return nil
		}
		return echo(r)
	})
	head := "HTTP/1.1 200 OK\r\n" + date + "X-B: 1\r\nX-A: 2\r\n"
	for name, one := range map[string]struct{ request, answer string }{
		"one answer, and the connection ends": {"GET /a?b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", head + "Content-Length: 7\r\n\r\nGET /a "},
		"HTTP/1.0 ends, too":                  {"GET /a HTTP/1.0\r\n\r\n", head + "Content-Length: 7\r\n\r\nGET /a "},
		"HEAD has the length and no body":     {"HEAD /a HTTP/1.0\r\n\r\n", head + "Content-Length: 8\r\n\r\n"},
		"a chunked request": {"POST /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
			head + "Content-Length: 11\r\n\r\nPOST /a abc"},
		"two requests at once": {"GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.0\r\n\r\n",
			head + "Content-Length: 7\r\n\r\nGET /a " + head + "Content-Length: 7\r\n\r\nGET /b "},
		"garbage":             {"NOT HTTP AT ALL\r\n\r\n", ""},
		"gzip that is not":    {"POST /a HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", ""},
		"a dying process":     {"GET /none HTTP/1.1\r\nHost: x\r\n\r\n", ""},
		"half a request only": {"GET /a HTT", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, r := dial(t, addr, one.request)
			want(t, r, one.answer)
			c.CloseWrite()
			wantEnd(t, r)
		})
	}
}

func TestGzip(t *testing.T) {
	_, addr := serve(t, echo)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	io.WriteString(w, strings.Repeat("a", 1000))
	w.Close()
	request, err := http.NewRequest("POST", "http://"+addr+"/x", &packed)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Encoding", "gzip")
	request.Close = true
	answer, err := http.DefaultClient.Do(request) // asks for gzip and unpacks it
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if text := "POST /x " + strings.Repeat("a", 1000); string(body) != text || !answer.Uncompressed {
		t.Errorf("got %q, %v, compressed %v", body, err, answer.Uncompressed)
	}
}

// streaming answers /s with a stream and everything else with "".
func streaming(t *testing.T) (addr string, streams chan *Stream, gone chan bool, s *Server) {
	streams, gone = make(chan *Stream, 1), make(chan bool, 1)
	s, addr = serve(t, func(r *Request) *Response {
		if r.Path != "/s" {
			return &Response{Status: 202}
		}
		stream := NewStream(func() { gone <- true })
		stream.Send([]byte("first"))
		streams <- stream
		return &Response{Status: 200, Stream: stream}
	})
	return addr, streams, gone, s
}

const (
	askStream   = "POST /s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	askOther    = "POST /o HTTP/1.1\r\nHost: x\r\n\r\n"
	streamHead  = "HTTP/1.1 200 OK\r\n" + date + "Transfer-Encoding: chunked\r\n\r\n"
	otherAnswer = "HTTP/1.1 202 Accepted\r\n" + date + "Content-Length: 0\r\n\r\n"
	firstChunk  = "7\r\n5\nfirst\r\n"
)

// A chunk is a record; another answer may stand between two; the last chunk leaves the connection open.
func TestStream(t *testing.T) {
	addr, streams, _, _ := streaming(t)
	c, r := dial(t, addr, askStream)
	want(t, r, streamHead+firstChunk)
	stream := <-streams
	stream.Send(bytes.Repeat([]byte("x"), 20))
	want(t, r, "17\r\n20\nxxxxxxxxxxxxxxxxxxxx\r\n")
	io.WriteString(c, askOther)
	want(t, r, otherAnswer)
	stream.Send(nil)
	want(t, r, "2\r\n0\n\r\n")
	stream.End()
	stream.Send([]byte("too late"))
	want(t, r, "0\r\n\r\n")
	io.WriteString(c, askOther)
	want(t, r, otherAnswer)
}

// The peer's end of a stream, whole or half, is told once; a stream that was ended or broken here tells nothing.
func TestStreamIsGone(t *testing.T) {
	for name, one := range map[string]struct {
		leave func(*net.TCPConn, *Stream)
		told  bool
	}{
		"closed":       {func(c *net.TCPConn, _ *Stream) { c.Close() }, true},
		"half closed":  {func(c *net.TCPConn, _ *Stream) { c.CloseWrite() }, true},
		"reset":        {func(c *net.TCPConn, _ *Stream) { c.SetLinger(0); c.Close() }, true},
		"ended before": {func(c *net.TCPConn, s *Stream) { s.End(); c.Close() }, false},
		"broken":       {func(_ *net.TCPConn, s *Stream) { s.Break() }, false},
	} {
		t.Run(name, func(t *testing.T) {
			addr, streams, gone, server := streaming(t)
			c, r := dial(t, addr, askStream)
			want(t, r, streamHead+firstChunk)
			one.leave(c, <-streams)
			if one.told {
				<-gone
			}
			if name == "broken" || name == "half closed" {
				wantEnd(t, r)
			}
			server.Close()
			select {
			case <-gone:
				t.Error("it was told (again)")
			default:
			}
		})
	}
}

// A reader that stalls blocks nobody, and Close gets rid of it.
func TestStalledReader(t *testing.T) {
	addr, streams, gone, server := streaming(t)
	dial(t, addr, askStream)
	stream := <-streams
	record := make([]byte, 1<<20)
	for range 64 { // more than sockets buffer
		stream.Send(record)
	}
	server.Close()
	<-gone
	stream.Send(record)
}

func TestBehindNetHTTP(t *testing.T) {
	s := NewServer(echo, func() time.Time { return then })
	defer s.Close()
	front := httptest.NewServer(s)
	defer front.Close()
	c, r := dial(t, front.Listener.Addr().String(), "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nbGET /c HTTP/1.1\r\nHost: x\r\n\r\n")
	head := "HTTP/1.1 200 OK\r\n" + date + "X-B: 1\r\nX-A: 2\r\n"
	want(t, r, head+"Content-Length: 9\r\n\r\nPOST /a b")
	want(t, r, head+"Content-Length: 7\r\n\r\nGET /c ")
	c.Close()
	s.Close()
	_, r = dial(t, front.Listener.Addr().String(), "GET /d HTTP/1.1\r\nHost: x\r\n\r\n")
	wantEnd(t, r)
}

// Streams may be used from everywhere at once.
func TestConcurrentUse(t *testing.T) {
	addr, streams, _, _ := streaming(t)
	_, r := dial(t, addr, askStream)
	stream := <-streams
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				stream.Send([]byte("abc"))
			}
		})
	}
	want(t, r, streamHead+firstChunk+strings.Repeat("5\r\n3\nabc\r\n", 800))
	all.Wait()
	stream.End()
	want(t, r, "0\r\n\r\n")
}
