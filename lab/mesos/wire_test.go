package mesos

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// head is an answer's status line and headers as they stood on the wire.
type head struct {
	line    string
	headers [][2]string
}

func (h head) get(name string) string {
	for _, f := range h.headers {
		if strings.EqualFold(f[0], name) {
			return f[1]
		}
	}
	return ""
}

func readHead(r *bufio.Reader) (head, error) {
	var h head
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return h, err
		}
		line = strings.TrimSuffix(line, "\r\n")
		switch {
		case h.line == "":
			h.line = line
		case line == "":
			return h, nil
		default:
			name, value, _ := strings.Cut(line, ": ")
			h.headers = append(h.headers, [2]string{name, value})
		}
	}
}

// readBody reads a body of known length; HEAD has none.
func readBody(r *bufio.Reader, h head, method string) ([]byte, error) {
	n, err := strconv.Atoi(h.get("Content-Length"))
	if err != nil || method == "HEAD" {
		return nil, err
	}
	body := make([]byte, n)
	_, err = io.ReadFull(r, body)
	return body, err
}

// record is a RecordIO record of a stream, or its end.
type record struct {
	body  []byte
	end   string // "chunk": the last chunk came; "EOF": the connection ended
	split bool   // the chunk was not exactly one record
}

// readRecords reads a stream chunk by chunk until it ends; after the last chunk it waits for the connection's end, too.
func readRecords(r *bufio.Reader, out chan<- record) {
	defer close(out)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			out <- record{end: "EOF"}
			return
		}
		n, err := strconv.ParseInt(strings.TrimSpace(line), 16, 64)
		if err != nil {
			out <- record{end: "not a chunk: " + line}
			return
		}
		chunk := make([]byte, n+2)
		if _, err := io.ReadFull(r, chunk); err != nil {
			out <- record{end: "EOF"}
			return
		}
		if n == 0 {
			out <- record{end: "chunk"}
			io.Copy(io.Discard, r)
			return
		}
		size, body, ok := strings.Cut(string(chunk[:n]), "\n")
		length, err := strconv.Atoi(size)
		out <- record{body: []byte(body), split: !ok || err != nil || length != len(body)}
	}
}

// writeRequest sends a request as recorded, with its body's real length.
func writeRequest(c net.Conn, line string, headers [][2]string, body []byte) error {
	var out strings.Builder
	fmt.Fprintf(&out, "%s\r\n", line)
	for _, h := range headers {
		if strings.EqualFold(h[0], "Content-Length") {
			h[1] = strconv.Itoa(len(body))
		}
		fmt.Fprintf(&out, "%s: %s\r\n", h[0], h[1])
	}
	out.WriteString("\r\n")
	out.Write(body)
	_, err := io.WriteString(c, out.String())
	return err
}
