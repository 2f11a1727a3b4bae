package node

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

func TestMain(m *testing.M) {
	switch os.Getenv("NODE_TEST_PROGRAM") { // this binary as a program of a host
	case "":
		goleak.VerifyTestMain(m)
	case "echo":
		echo()
	case "hang":
		hang()
	}
}

// fake is a host whose files are real ones below a directory and whose programs are functions.
type fake struct {
	Host
	root     string
	programs map[string]func(Command) Result

	mu  sync.Mutex
	ran []Command
}

func newFake(t testing.TB) *fake {
	t.Helper()
	root := t.TempDir()
	h, err := NewHost(root)
	if err != nil {
		t.Fatal(err)
	}
	return &fake{Host: h, root: root, programs: map[string]func(Command) Result{}}
}

func (f *fake) Run(_ context.Context, c Command) (Result, error) {
	f.mu.Lock()
	f.ran = append(f.ran, c)
	f.mu.Unlock()
	program, found := f.programs[filepath.Base(c.Argv[0])]
	if !found {
		return Result{}, fault.New(fault.NotFound, "", c.Argv[0], "the host has no such program")
	}
	return program(c), nil
}

// commands are those that ran, in order.
func (f *fake) commands() (all []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.ran {
		all = append(all, c.String())
	}
	return all
}

// says makes programs print a text.
func (f *fake) says(name, stdout string) {
	f.programs[name] = func(Command) Result { return Result{Stdout: []byte(stdout)} }
}

func (f *fake) fails(name string, status int, stderr string) {
	f.programs[name] = func(Command) Result { return Result{Status: status, Stderr: []byte(stderr)} }
}

// file writes a file of the host, and its directories.
func (f *fake) file(t testing.TB, name, content string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(f.root+name), 0o755))
	must(t, os.WriteFile(f.root+name, []byte(content), 0o644))
}

func (f *fake) link(t testing.TB, name, target string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(f.root+name), 0o755))
	must(t, os.Symlink(target, f.root+name))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, h Host, name string) string {
	t.Helper()
	text, err := readFile(h, name)
	must(t, err)
	return string(text)
}

// echo prints what it was given.
func echo() {
	in, _ := io.ReadAll(os.Stdin)
	var names []string
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		names = append(names, name)
	}
	slices.Sort(names)
	var out bytes.Buffer
	out.WriteString(strings.Join(os.Args, " ") + "\n" + strings.Join(names, " ") + "\n" + string(in))
	os.Stdout.Write(out.Bytes())
	os.Stderr.WriteString("warning\n")
	os.Exit(7)
}

// hang waits until it is killed, and so does a child of its own.
func hang() {
	os.Stdout.WriteString("hanging\n")
	select {}
}
