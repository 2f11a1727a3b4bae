package node

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"path"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

// Host is a machine as its steps and probes see it. All paths are absolute and mean the host's files, whatever directory or mount
// namespace they are reached through. Errors of files wrap fs.ErrNotExist where that is the cause. Safe for use by several goroutines.
type Host interface {
	Open(name string) (io.ReadCloser, error)
	// Write replaces a file atomically: when from or anything else fails, the old one stays. Directories that are missing are made, for
	// root alone if mode gives nothing to others.
	Write(name string, from io.Reader, mode fs.FileMode) error
	Remove(name string) error
	Stat(name string) (fs.FileInfo, error)
	Readlink(name string) (string, error)
	// Glob gives the files that match, sorted, as absolute paths of the host.
	Glob(pattern string) ([]string, error)
	// Run runs a program to its end. An exit status other than 0 is a Result, not an error. A program that is not there is NotFound.
	Run(ctx context.Context, c Command) (Result, error)
	// Dial connects to a unix socket.
	Dial(ctx context.Context, socket string) (net.Conn, error)
}

// Command is a program with its arguments, run without a shell. Argv[0] is a name, looked up in Programs, or an absolute path.
type Command struct {
	Argv  []string
	Env   []string // NAME=value, added to a small fixed environment; the only place for a secret
	Stdin []byte
}

func (c Command) String() string { return strings.Join(c.Argv, " ") }

// Result is what a program left when it ended.
type Result struct {
	Status int    // exit status; 128 + the signal that killed it
	Stdout []byte // the first MaxOutput bytes
	Stderr []byte
}

// MaxOutput bounds what is kept of a program's output, in bytes: lsblk of some thousand devices stays below it.
const MaxOutput = 4 << 20

// Programs are the directories where commands are looked up.
var Programs = []string{"/usr/sbin", "/usr/bin", "/sbin", "/bin", "/opt/emc/scaleio/sdc/bin"}

// maxTail bounds what a report tells of a program's output, in bytes.
const maxTail = 400

// Tail is the end of what a program said, on one line: of its errors if there are any.
func (r Result) Tail() string {
	text := bytes.TrimSpace(r.Stderr)
	if len(text) == 0 {
		text = bytes.TrimSpace(r.Stdout)
	}
	line := strings.Join(strings.FieldsFunc(strings.ToValidUTF8(string(text), "?"), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	if len(line) > maxTail {
		line = "…" + strings.ToValidUTF8(line[len(line)-maxTail:], "")
	}
	return line
}

// failed gives the error of a command that ended with a status other than 0. Most of what makes installers and services fail passes or is
// mended on the host itself, so it is tried again.
func failed(c Command, r Result) error {
	return fault.New(fault.Temporary, "", c.String(), "exit status %d: %s", r.Status, r.Tail())
}

// run is Host.Run for a command that must succeed.
func run(ctx context.Context, h Host, c Command) (Result, error) {
	r, err := h.Run(ctx, c)
	if err == nil && r.Status != 0 {
		err = failed(c, r)
	}
	return r, err
}

// command is a Command without environment.
func command(argv ...string) Command { return Command{Argv: argv} }

// maxFile bounds a file that is read whole.
const maxFile = 8 << 20

// readFile reads a whole file.
func readFile(h Host, name string) ([]byte, error) {
	f, err := h.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s is longer than %d bytes", name, maxFile)
	}
	return text, err
}

// checkName refuses what is no absolute path of a host.
func checkName(name string) error {
	if !path.IsAbs(name) || strings.ContainsRune(name, 0) {
		return fault.New(fault.Invalid, "", "", "%q is not an absolute path", name)
	}
	return nil
}
