package backup

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/state"
)

const format = 1

// maxLine bounds a line: a value in base64, or with every character escaped.
const maxLine = 7 * state.MaxValue

type title struct {
	Format int `json:"scaleio-state"`
	Keys   int `json:"keys"`
}

type line struct {
	Key    string          `json:"key"`
	Value  json.RawMessage `json:"value,omitempty"`
	Base64 *[]byte         `json:"base64,omitempty"`
}

// Dump writes all that the store holds, of one moment, sorted by key.
func Dump(ctx context.Context, store state.Store, to io.Writer) error {
	all, err := store.List(ctx, "")
	if err != nil {
		return err
	}
	out := bufio.NewWriter(to)
	encode := json.NewEncoder(out)
	encode.SetEscapeHTML(false)
	if err := encode.Encode(title{format, len(all)}); err != nil {
		return err
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if err := encode.Encode(lineOf(key, all[key])); err != nil {
			return err
		}
	}
	return out.Flush()
}

func lineOf(key string, value []byte) line {
	var compact bytes.Buffer
	if err := json.Compact(&compact, value); err == nil && bytes.Equal(compact.Bytes(), value) {
		return line{Key: key, Value: value}
	}
	return line{Key: key, Base64: &value}
}

// Restore makes the store hold what a dump says, in one commit, or leaves it as it is. A store that holds something is refused, unless
// force says that all of it shall go.
func Restore(ctx context.Context, store state.Store, from io.Reader, force bool) (keys int, err error) {
	writes, err := read(from)
	if err != nil {
		return 0, err
	}
	held, err := store.List(ctx, "")
	if err != nil {
		return 0, err
	}
	if len(held) > 0 && !force {
		return 0, fault.New(fault.Conflict, "state store", "restore", "it holds %d keys already; look at them with dump, and give -force if all of them shall be replaced", len(held))
	}
	keys = len(writes)
	for _, w := range writes {
		delete(held, w.Key)
	}
	for _, key := range slices.Sorted(maps.Keys(held)) {
		writes = append(writes, state.Write{Key: key})
	}
	return keys, store.Commit(ctx, writes...)
}

func read(from io.Reader) ([]state.Write, error) {
	in := bufio.NewScanner(from)
	in.Buffer(nil, maxLine)
	var head title
	if !in.Scan() || strict(in.Bytes(), &head) != nil || head.Format == 0 {
		return nil, fault.New(fault.Invalid, "dump", "read", "its first line is not that of a dump of the state: %w", orEnd(in.Err()))
	}
	if head.Format != format {
		return nil, fault.New(fault.Invalid, "dump", "read", "it has format %d, this version reads %d", head.Format, format)
	}
	var writes []state.Write
	for in.Scan() {
		w, err := write(in.Bytes())
		if err != nil {
			return nil, fault.New(fault.Invalid, fmt.Sprintf("dump line %d", len(writes)+2), "read", "%w", err)
		}
		writes = append(writes, w)
	}
	if err := in.Err(); err != nil {
		return nil, fault.New(fault.Invalid, fmt.Sprintf("dump line %d", len(writes)+2), "read", "%w", err)
	}
	if len(writes) != head.Keys {
		return nil, fault.New(fault.Invalid, "dump", "read", "it holds %d keys, its first line says %d: a part of it is missing", len(writes), head.Keys)
	}
	return writes, nil
}

func write(text []byte) (w state.Write, err error) {
	var l line
	if err := strict(text, &l); err != nil {
		return w, err
	}
	switch {
	case l.Key == "":
		return w, errors.New("it names no key")
	case l.Value != nil && l.Base64 == nil:
		return state.Write{Key: l.Key, Value: l.Value}, nil
	case l.Value == nil && l.Base64 != nil:
		return state.Write{Key: l.Key, Value: append([]byte{}, *l.Base64...)}, nil
	}
	return w, fmt.Errorf("key %q: expected either a value or base64", l.Key)
}

// strict decodes a text that is one JSON value and has no unknown field.
func strict(text []byte, into any) error {
	decode := json.NewDecoder(bytes.NewReader(text))
	decode.DisallowUnknownFields()
	if err := decode.Decode(into); err != nil {
		return err
	}
	if _, err := decode.Token(); err != io.EOF {
		return errors.New("there is something behind its end")
	}
	return nil
}

// orEnd is the error, or that of an end that comes too early.
func orEnd(err error) error {
	if err != nil {
		return err
	}
	return io.ErrUnexpectedEOF
}
