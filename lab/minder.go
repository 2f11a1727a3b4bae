package lab

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// minder is a process that outlives the lab by a moment: it learns by its standard input which process groups and which directory are the
// lab's, and when that ends (the lab was killed), kills and removes them.
type minder struct {
	mu   sync.Mutex // one line at a time
	pipe io.WriteCloser
	cmd  *exec.Cmd
}

// minderCommand is the lab's hidden command that Mind stands behind.
const minderCommand = "mind"

func startMinder(self string) (*minder, error) {
	cmd := exec.Command(self, minderCommand)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is not for it
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	return &minder{pipe: pipe, cmd: cmd}, cmd.Start()
}

// tell sends a line; a minder that is gone minds nothing, and the lab still ends its own.
func (m *minder) tell(verb string, what any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := fmt.Fprintln(m.pipe, verb, what); err != nil {
		return
	}
}

func (m *minder) group(pid int)   { m.tell("group", pid) }
func (m *minder) ended(pid int)   { m.tell("ended", pid) }
func (m *minder) dir(path string) { m.tell("dir", path) }

// close ends the minder; it finds nothing left to do.
func (m *minder) close() error {
	if err := m.pipe.Close(); err != nil {
		return err
	}
	return m.cmd.Wait()
}

// Mind is the minder's life.
func Mind(in io.Reader) {
	groups, dirs := map[int]bool{}, []string{}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		verb, what, _ := strings.Cut(lines.Text(), " ")
		switch verb {
		case "dir":
			dirs = append(dirs, what)
		case "kept":
			dirs = nil
		default:
			pid, err := strconv.Atoi(what)
			if err != nil || pid <= 1 {
				continue
			}
			groups[pid] = verb == "group"
		}
	}
	for pid, alive := range groups {
		if alive {
			// One that has ended meanwhile needs no killing.
			if err := syscall.Kill(-pid, syscall.SIGKILL); err != nil {
				continue
			}
		}
	}
	for _, dir := range dirs {
		if err := os.RemoveAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}
}
