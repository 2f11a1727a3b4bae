package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/dcos-scaleio/scaleio/framework/spec/strictyaml"
)

var _ strictyaml.Ordered = (*Phases)(nil)

// Element tells the YAML reader what the values of the map look like.
func (Phases) Element() any { return Phase{} }

// MarshalJSON writes an object: the phases by name, in their order.
func (p Phases) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i, phase := range p {
		if i > 0 {
			out = append(out, ',')
		}
		name, err := json.Marshal(phase.Name)
		if err != nil {
			return nil, err
		}
		body, err := json.Marshal(phase)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, name...), ':'), body...)
	}
	return append(out, '}'), nil
}

// UnmarshalJSON reads what MarshalJSON wrote; unknown fields and names that come twice are errors.
func (p *Phases) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return fmt.Errorf("phases are an object, not %.20s", data)
	}
	seen := map[string]bool{}
	*p = nil
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return err
		}
		phase := Phase{}
		if err := decoder.Decode(&phase); err != nil {
			return fmt.Errorf("phase %q: %w", key, err)
		}
		phase.Name = key.(string) // keys of an object are strings
		if seen[phase.Name] {
			return fmt.Errorf("phase %q comes twice", phase.Name)
		}
		seen[phase.Name] = true
		*p = append(*p, phase)
	}
	if _, err := decoder.Token(); err != nil && err != io.EOF {
		return err
	}
	return nil
}
