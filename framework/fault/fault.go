package fault

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/go-multierror"
)

// Kind is the closed list of what can be wrong. A zero Kind is Internal.
type Kind int

const (
	// Internal is a fault of ours: a broken invariant. Only a new version helps.
	Internal Kind = iota
	// Invalid is an input that can never work as it is. The operator must change it.
	Invalid
	// NotFound says that the named object does not exist.
	NotFound
	// Conflict says that the object exists, but not as we would have it.
	Conflict
	// Temporary may go away when tried again.
	Temporary
	// Denied is a refusal: credentials, certificates, a safety check.
	Denied
)

var kinds = [...]string{"internal", "invalid", "not-found", "conflict", "temporary", "denied"}

func (k Kind) String() string {
	if k < 0 || int(k) >= len(kinds) {
		return fmt.Sprintf("kind-%d", int(k))
	}
	return kinds[k]
}

// MarshalText gives the stable name of the kind, as reports and the store hold it.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads what MarshalText wrote; an unknown name is an error.
func (k *Kind) UnmarshalText(text []byte) error {
	for i, name := range kinds {
		if name == string(text) {
			*k = Kind(i)
			return nil
		}
	}
	return fmt.Errorf("unknown kind of error %q", text)
}

// Error is a failure as operators read it: "<object>: <op>: <cause>".
type Error struct {
	Op     string // what was attempted, in words: "install package"; may be empty
	Object string // on what: "node agent-07", "pool mydomain/mypool"; may be empty
	Kind   Kind
	Err    error // the cause: what was found, what was expected, what to do
}

func (e *Error) Error() string {
	var parts []string
	for _, part := range []string{e.Object, e.Op} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if e.Err != nil {
		parts = append(parts, e.Err.Error())
	}
	return strings.Join(parts, ": ")
}

func (e *Error) Unwrap() error { return e.Err }

// New makes an Error of kind whose cause is a formatted sentence (%w works).
func New(kind Kind, object, op, format string, args ...any) *Error {
	return &Error{Op: op, Object: object, Kind: kind, Err: fmt.Errorf(format, args...)}
}

// KindOf gives the kind of the outermost Error in err's chain. A context's end or any error that says of itself Timeout() is
// Temporary; everything else is Internal. KindOf(nil) is Internal and means nothing.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	var t interface{ Timeout() bool }
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.As(err, &t) && t.Timeout() {
		return Temporary
	}
	return Internal
}

// IsTemporary says whether trying again may help.
func IsTemporary(err error) bool { return err != nil && KindOf(err) == Temporary }

// Lines gives every error of a (multi) error as one line each, in their order: how commands print them.
func Lines(err error) []string {
	if err == nil {
		return nil
	}
	var many *multierror.Error
	if errors.As(err, &many) {
		var lines []string
		for _, one := range many.Errors {
			lines = append(lines, Lines(one)...)
		}
		return lines
	}
	return []string{strings.ReplaceAll(err.Error(), "\n", " ")}
}
