package mesos

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"time"
)

// shell is a Launcher without processes: it plays the few command lines of the recordings, and the recorded executor.
type shell struct {
	executor func(Launch, *played) // plays myexec.py; nil: it exits at once
}

// played is a process that is not one.
type played struct {
	mu     sync.Mutex
	done   chan struct{}
	status int
	ignore bool // TERM
	ended  bool
}

func (p *played) Wait() int {
	<-p.done
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.status
}

func (p *played) exit(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ended {
		p.ended, p.status = true, status
		close(p.done)
	}
}

func (p *played) Kill()    { p.exit(9) }
func (p *played) Pid() int { return 4711 }

func (p *played) Terminate() {
	p.mu.Lock()
	ignore := p.ignore
	p.mu.Unlock()
	if !ignore {
		p.exit(15)
	}
}

func (p *played) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.done:
		return false
	}
}

func (s shell) Launch(_ context.Context, l Launch) (Process, error) {
	p := &played{done: make(chan struct{})}
	line := ""
	if len(l.Argv) == 3 && l.Argv[0] == "sh" {
		line = l.Argv[2]
	}
	switch {
	case strings.Contains(line, "myexec.py"):
		if s.executor == nil {
			p.exit(exited(1))
			break
		}
		go s.executor(l, p)
	case line == "": // a program that there is not: Mesos's launcher forks and its exec fails (02/120)
		go func() {
			if p.sleep(50 * time.Millisecond) {
				p.exit(exited(1))
			}
		}()
	default:
		go p.play(line)
	}
	return p, nil
}

// play goes through the commands of a line.
func (p *played) play(line string) {
	if !p.sleep(50 * time.Millisecond) { // no process ends at once
		return
	}
	if strings.HasPrefix(line, `trap "" TERM`) {
		p.mu.Lock()
		p.ignore = true
		p.mu.Unlock()
	}
	code := 0
	for part := range strings.SplitSeq(line, ";") {
		words := strings.Fields(part)
		if len(words) == 0 {
			continue
		}
		switch words[0] {
		case "sleep":
			n, _ := strconv.ParseFloat(words[1], 64)
			if !p.sleep(time.Duration(n * float64(time.Second))) {
				return
			}
		case "exit":
			code, _ = strconv.Atoi(words[1])
			p.exit(exited(code))
			return
		case "kill":
			p.exit(9)
			return
		case "while":
			<-p.done
			return
		case "false":
			code = 1
		case "/no/such/executor":
			code = 127
		case "./hello.sh":
			if !p.sleep(time.Second) {
				return
			}
		}
	}
	p.exit(exited(code))
}
