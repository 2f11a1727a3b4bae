package stout

//lint:file-ignore ST1005 These texts go over the wire as Mesos writes them.

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// The JSON values as Parse gives them: Object, []any, string, Number, bool, nil.
type (
	Object map[string]any
	// Number is the text of a JSON number, read when the field that it goes to is known.
	Number string
)

// Parse reads one JSON value with picojson's grammar and picojson's error text ("syntax error at line 1 near: ...").
func Parse(body []byte) (any, error) {
	p := parser{text: body, line: 1}
	value, ok := p.value()
	if !ok {
		return nil, p.syntaxError()
	}
	if rest := body[p.at:]; strings.TrimSpace(string(rest)) != "" {
		return nil, fmt.Errorf("Parsed JSON included non-whitespace trailing characters: %s", rest)
	}
	return value, nil
}

// parser follows picojson's input<> so that an error names the same rest of the line: get consumes, back gives the last one back.
type parser struct {
	text []byte
	at   int
	line int
	last int // what get returned last; -1 at the end
}

func (p *parser) get() int {
	if p.at >= len(p.text) {
		p.last = -1
		return -1
	}
	p.last = int(p.text[p.at])
	p.at++
	if p.last == '\n' {
		p.line++
	}
	return p.last
}

func (p *parser) back() {
	if p.last == -1 {
		return
	}
	if p.last == '\n' {
		p.line--
	}
	p.at--
}

func (p *parser) skipBlanks() {
	for {
		switch p.get() {
		case ' ', '\t', '\n', '\r':
		default:
			p.back()
			return
		}
	}
}

func (p *parser) expect(c int) bool {
	p.skipBlanks()
	if p.get() != c {
		p.back()
		return false
	}
	return true
}

func (p *parser) match(rest string) bool {
	for i := range len(rest) {
		if p.get() != int(rest[i]) {
			p.back()
			return false
		}
	}
	return true
}

func (p *parser) syntaxError() error {
	var near strings.Builder
	line := p.line
	for {
		c := p.get()
		if c == -1 || c == '\n' {
			return fmt.Errorf("syntax error at line %d near: %s", line, near.String())
		}
		if c >= ' ' {
			near.WriteByte(byte(c))
		}
	}
}

func (p *parser) value() (any, bool) {
	p.skipBlanks()
	switch c := p.get(); {
	case c == 'n':
		return nil, p.match("ull")
	case c == 't':
		return true, p.match("rue")
	case c == 'f':
		return false, p.match("alse")
	case c == '"':
		return p.str()
	case c == '[':
		return p.array()
	case c == '{':
		return p.object()
	case c == '-' || c >= '0' && c <= '9':
		p.back()
		return p.number()
	}
	p.back()
	return nil, false
}

func (p *parser) array() (any, bool) {
	list := []any{}
	if p.expect(']') {
		return list, true
	}
	for {
		item, ok := p.value()
		if !ok {
			return nil, false
		}
		list = append(list, item)
		if !p.expect(',') {
			return list, p.expect(']')
		}
	}
}

func (p *parser) object() (any, bool) {
	object := Object{}
	if p.expect('}') {
		return object, true
	}
	for {
		if !p.expect('"') {
			return nil, false
		}
		key, ok := p.str()
		if !ok || !p.expect(':') {
			return nil, false
		}
		item, ok := p.value()
		if !ok {
			return nil, false
		}
		object[key.(string)] = item
		if !p.expect(',') {
			return object, p.expect('}')
		}
	}
}

func (p *parser) number() (any, bool) {
	start := p.at
	for {
		c := p.get()
		if c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.' || c == 'e' || c == 'E' {
			continue
		}
		p.back()
		break
	}
	text := string(p.text[start:p.at])
	if _, err := strconv.ParseFloat(text, 64); err != nil && !errors.Is(err, strconv.ErrRange) {
		return nil, false
	}
	return Number(text), true
}

func (p *parser) str() (any, bool) {
	var out strings.Builder
	for {
		c := p.get()
		switch {
		case c < ' ':
			p.back()
			return nil, false
		case c == '"':
			return out.String(), true
		case c == '\\':
			if !p.escape(&out) {
				return nil, false
			}
		default:
			out.WriteByte(byte(c))
		}
	}
}

var escapes = map[int]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (p *parser) escape(out *strings.Builder) bool {
	c := p.get()
	if c == 'u' {
		return p.codepoint(out)
	}
	plain, ok := escapes[c]
	out.WriteByte(plain)
	return ok
}

// codepoint reads the digits after \u, and the second half of a surrogate pair.
func (p *parser) codepoint(out *strings.Builder) bool {
	r, ok := p.hex4()
	if !ok {
		return false
	}
	if utf16.IsSurrogate(r) {
		if !p.match(`\u`) {
			return false
		}
		low, ok := p.hex4()
		if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
			return false
		}
	}
	out.WriteRune(r)
	return true
}

func (p *parser) hex4() (rune, bool) {
	var digits [4]byte
	for i := range digits {
		c := p.get()
		if c == -1 {
			return 0, false
		}
		digits[i] = byte(c)
	}
	n, err := strconv.ParseUint(string(digits[:]), 16, 32)
	return rune(n), err == nil
}
