package progress

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Screen shows a board while it changes.
type Screen struct {
	Out      io.Writer
	Terminal bool // draw over what was drawn before; else a line per change worth telling
	Width    int  // of the terminal, in columns
	Start    time.Time

	mu    sync.Mutex      // guards what is written and all below
	drawn int             // lines on the terminal
	told  map[string]bool // lines that were written
}

func (p *Plan) steps() (n int) {
	for _, ph := range p.Phases {
		n += len(ph.Steps)
	}
	return n
}

// Say writes a line of somebody else's between what is shown.
func (s *Screen) Say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear := ""
	if s.drawn > 0 {
		clear = fmt.Sprintf("\x1b[%dA\x1b[J", s.drawn)
		s.drawn = 0
	}
	s.write(fmt.Sprintf("%s%6.1f s  %s\n", clear, time.Since(s.Start).Seconds(), fmt.Sprintf(format, args...)))
}

// frame is how long a terminal is left alone between two drawings.
const frame = 80 * time.Millisecond

// Run shows b until ctx ends, and then once more.
func (s *Screen) Run(ctx context.Context, b *Board) {
	for {
		changed := b.Changed()
		s.show(b)
		select {
		case <-changed:
		case <-ctx.Done():
			s.show(b)
			return
		}
		if s.Terminal {
			pause(ctx, frame)
		}
	}
}

func (s *Screen) show(b *Board) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Terminal {
		s.draw(b)
	} else {
		s.tell(b)
	}
}

// most is how many reasons are shown.
const most = 6

func (s *Screen) draw(b *Board) {
	var lines []string
	for _, p := range b.Plans() {
		if p.steps() == 0 {
			continue
		}
		lines = append(lines, fmt.Sprintf("%s  %s  %.1f s", p.Name, p.Status, time.Since(s.Start).Seconds()))
		for _, ph := range p.Phases {
			if len(ph.Steps) == 0 {
				continue
			}
			lines = append(lines, fmt.Sprintf("  %-8s %s %3d/%-3d %s", ph.Name, bar(ph.Done(), len(ph.Steps)), ph.Done(), len(ph.Steps), ph.Status))
		}
		for i, r := range p.Waiting() {
			if i == most {
				lines = append(lines, "    …")
				break
			}
			lines = append(lines, "    "+r.String())
		}
	}
	var out strings.Builder
	if s.drawn > 0 {
		fmt.Fprintf(&out, "\x1b[%dA", s.drawn)
	}
	for _, line := range lines {
		out.WriteString("\x1b[2K" + cut(line, s.Width) + "\n")
	}
	out.WriteString("\x1b[J")
	s.drawn = len(lines)
	s.write(out.String())
}

func (s *Screen) write(text string) {
	// A terminal that went away takes nothing and needs nothing.
	if _, err := io.WriteString(s.Out, text); err != nil {
		return
	}
}

func steps(n int) string {
	if n == 1 {
		return "1 step"
	}
	return fmt.Sprintf("%d steps", n)
}

func bar(done, total int) string {
	const width = 20
	full := width * done / total
	return strings.Repeat("█", full) + strings.Repeat("·", width-full)
}

func cut(line string, width int) string {
	runes := []rune(line)
	if width <= 0 || len(runes) < width {
		return line
	}
	return string(runes[:width-2]) + "…"
}

// String is the reason in a line: "storage: agent-03 and 2 more WAITING: the install step of agent-03 is not done".
func (r Reason) String() string {
	who := r.Steps[0]
	if n := len(r.Steps) - 1; n > 0 {
		who += fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("%s: %s %s: %s", r.Phase, who, r.Status, r.Message)
}

// tell writes what is new: phases that begin and end, and trouble.
func (s *Screen) tell(b *Board) {
	if s.told == nil {
		s.told = map[string]bool{}
	}
	var out strings.Builder
	line := func(text string) {
		if !s.told[text] {
			s.told[text] = true
			fmt.Fprintf(&out, "%6.1f s  %s\n", time.Since(s.Start).Seconds(), text)
		}
	}
	for _, p := range b.Plans() {
		for _, ph := range p.Phases {
			switch {
			case ph.Status == "COMPLETE" && len(ph.Steps) > 0 && ph.Done() == len(ph.Steps): // a phase is COMPLETE while it has no steps yet
				line(fmt.Sprintf("%s/%s COMPLETE, %s", p.Name, ph.Name, steps(len(ph.Steps))))
			case !ph.Started.IsZero():
				line(fmt.Sprintf("%s/%s begins", p.Name, ph.Name))
			}
		}
		for _, r := range p.Waiting() {
			if rank(r.Status) < 2 {
				line(p.Name + "/" + r.String())
			}
		}
		if p.Status == "COMPLETE" && p.steps() > 0 || p.Status == "ERROR" {
			line(p.Name + " " + p.Status)
		}
	}
	s.write(out.String())
}
