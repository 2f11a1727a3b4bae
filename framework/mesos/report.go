package mesos

import (
	"context"
	"log/slog"
	"time"
)

// The log of a subscription that cannot be kept may hold reportBurst lines, and one more for each reportEvery.
const (
	reportBurst = 6
	reportEvery = time.Minute
)

// report logs changes of state: one line for each, nothing for what is as it was, and a bounded number of lines even
// if the state never stays (the original wrote 2.3 million lines in 5 s when its master went away: fault W19).
// Owned by Run's goroutine.
type report struct {
	log     *slog.Logger
	state   string // what is
	said    string // what the log says
	tokens  float64
	since   time.Time // when tokens were counted
	skipped int       // changes that the log does not show
	line    func()    // writes the line of state
}

func newReport(log *slog.Logger) *report {
	return &report{log: log, tokens: reportBurst, since: time.Now()}
}

// change notes that state is what it is now; write logs it. state tells changes apart and is not shown.
func (r *report) change(state string, level slog.Level, text string, attrs ...any) {
	if state == r.state {
		r.catchUp()
		return
	}
	if r.state != r.said {
		r.skipped++
	}
	r.state = state
	r.line = func() {
		if r.skipped > 0 {
			attrs = append(attrs, "changes-not-logged", r.skipped)
		}
		r.log.Log(context.Background(), level, text, attrs...)
	}
	r.catchUp()
}

// catchUp writes what the log does not say yet, if a line may be written.
func (r *report) catchUp() {
	if r.state == r.said {
		return
	}
	now := time.Now()
	r.tokens = min(reportBurst, r.tokens+now.Sub(r.since).Seconds()/reportEvery.Seconds())
	r.since = now
	if r.tokens < 1 {
		return
	}
	r.tokens--
	r.line()
	r.said, r.skipped = r.state, 0
}
