package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// socketLink is the link in a machine's root directory that leads its programs to the lab.
const socketLink = "/.lab"

// passed are the variables of a program's environment that its emulation may see.
var passed = []string{"MDM_IP", "TOKEN", "MDM_ROLE_IS_MANAGER", "GATEWAY_ADMIN_PASSWORD", "I_AM_SURE", "DEBIAN_FRONTEND", "LANG", "LC_ALL"}

type request struct {
	Root  string   `json:"root"`
	Argv  []string `json:"argv"`
	Env   []string `json:"env"`
	Stdin []byte   `json:"stdin,omitempty"`
}

type answer struct {
	Stdout string `json:"stdout"`
	Stderr string `json:"stderr"`
	Status int    `json:"status"`
}

// Main is for main: when the process was started as a program of an emulated machine, it does what that does and handled is true.
func Main(argv []string, stdout, stderr io.Writer) (status int, handled bool) {
	if len(argv) == 0 {
		return 0, false
	}
	root, found := rootOf(argv[0])
	if !found {
		return 0, false
	}
	conn, err := net.Dial("unix", readLink(root+socketLink))
	if err != nil {
		fmt.Fprintf(stderr, "%s: the lab of this machine is gone: %v\n", argv[0], err)
		return 126, true
	}
	defer conn.Close()
	r := request{Root: root, Argv: argv, Stdin: piped(os.Stdin)}
	for _, e := range os.Environ() {
		if name, _, _ := strings.Cut(e, "="); slices.Contains(passed, name) {
			r.Env = append(r.Env, e)
		}
	}
	var a answer
	if err = json.NewEncoder(conn).Encode(r); err == nil {
		err = json.NewDecoder(conn).Decode(&a)
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: the machine is off: %v\n", argv[0], err)
		return 126, true
	}
	fmt.Fprint(stdout, a.Stdout)
	fmt.Fprint(stderr, a.Stderr)
	return a.Status, true
}

// rootOf finds the root directory of the machine that a program belongs to: the nearest directory above it with a socket link.
func rootOf(program string) (string, bool) {
	if !filepath.IsAbs(program) {
		return "", false
	}
	for dir := filepath.Dir(program); dir != "/"; dir = filepath.Dir(dir) {
		if readLink(dir+socketLink) != "" {
			return dir, true
		}
	}
	return "", false
}

func readLink(name string) string {
	target, err := os.Readlink(name)
	if err != nil {
		return ""
	}
	return target
}

// piped reads standard input when it is a pipe or a file, never a terminal or /dev/null.
func piped(f *os.File) []byte {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice != 0 {
		return nil
	}
	data, err := io.ReadAll(io.LimitReader(f, 1<<20))
	if err != nil {
		return nil
	}
	return data
}

// Server answers the programs of many machines on one unix socket. Each connection has a goroutine; Close ends and waits for all.
type Server struct {
	listener net.Listener
	find     func(root string) *Host
	ctx      context.Context
	cancel   context.CancelFunc
	all      sync.WaitGroup
}

// Serve listens on socket (at most 100 bytes: the kernel takes 108) and finds machines by their root directory.
func Serve(socket string, find func(root string) *Host) (*Server, error) {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	s := &Server{listener: l, find: find}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.all.Add(1)
	go func() {
		defer s.all.Done()
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.all.Add(1)
			go func() {
				defer s.all.Done()
				defer conn.Close()
				s.serve(conn)
			}()
		}
	}()
	return s, nil
}

// Close ends the programs that run and waits for them.
func (s *Server) Close() {
	s.cancel()
	s.listener.Close()
	s.all.Wait()
}

func (s *Server) serve(conn net.Conn) {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	stop := context.AfterFunc(s.ctx, func() { conn.Close() })
	defer stop()
	var r request
	decoder := json.NewDecoder(conn)
	if err := decoder.Decode(&r); err != nil {
		return
	}
	h := s.find(r.Root)
	if h == nil || len(r.Argv) == 0 {
		return
	}
	s.all.Add(1)
	go func() { // the program was killed
		defer s.all.Done()
		var nothing json.RawMessage
		if err := decoder.Decode(&nothing); errors.Is(err, io.EOF) || err != nil {
			cancel()
		}
	}()
	argv := slices.Clone(r.Argv)
	argv[0] = strings.TrimPrefix(argv[0], r.Root)
	result, err := h.Run(ctx, Call{Argv: argv, Env: r.Env, Stdin: r.Stdin})
	if err != nil {
		return // the connection closes: the machine is off
	}
	// The program may be gone; nobody is left to tell then.
	if err := json.NewEncoder(conn).Encode(answer(result)); err != nil {
		return
	}
}
