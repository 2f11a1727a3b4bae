package secret

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// hidden is what is shown instead.
const hidden = "***"

// Value is a secret text. The zero Value is empty. The text is behind a pointer because fmt does not ask an unexported field how it
// wants to be printed, but stops at a pointer.
type Value struct{ text *string }

// New hides text.
func New(text string) Value { return Value{&text} }

// Reveal gives the text: for the one place that needs it, never for anything that is shown or stored.
func (v Value) Reveal() string {
	if v.text == nil {
		return ""
	}
	return *v.text
}

// Empty says whether there is no text.
func (v Value) Empty() bool { return v.Reveal() == "" }

// Equal compares two secrets in a time that tells nothing of their content.
func (v Value) Equal(other Value) bool {
	return subtle.ConstantTimeCompare([]byte(v.Reveal()), []byte(other.Reveal())) == 1
}

func (Value) String() string { return hidden }

// GoString is what %#v prints.
func (Value) GoString() string { return hidden }

// Format is what every verb of fmt prints.
func (Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText is what encoders write that know texts: JSON, YAML, XML.
func (Value) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// UnmarshalText refuses: a secret is never read from a document.
func (*Value) UnmarshalText([]byte) error {
	return errors.New("a secret cannot be read from a document")
}

// LogValue is what log/slog writes.
func (Value) LogValue() slog.Value { return slog.StringValue(hidden) }
