package spec

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes, written as "100GiB", "2TB" or a plain number.
type Size uint64

var units = []struct {
	suffix string
	bytes  uint64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"PiB", 1 << 50},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"PB", 1e15}, {"B", 1}, {"", 1},
}

// ParseSize reads a size; fractions ("1.5TiB") are allowed.
func ParseSize(text string) (Size, error) {
	number := strings.TrimSpace(text)
	for _, unit := range units {
		digits, ok := strings.CutSuffix(number, unit.suffix)
		if !ok {
			continue
		}
		value, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
		bytes := value * float64(unit.bytes)
		if err != nil || math.IsNaN(bytes) || bytes < 0 || bytes >= 1<<63 {
			break
		}
		return Size(bytes), nil
	}
	return 0, fmt.Errorf("%q is not a size: expected a number with one of B, KiB, MiB, GiB, TiB, PiB, KB, MB, GB, TB, PB, such as 100GiB", text)
}

// String gives the largest binary unit that keeps two decimals meaningful: "2.00 TiB", "100 GiB", "512 B".
func (s Size) String() string {
	value, unit := float64(s), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB", "PiB"} {
		if value < 1024 {
			break
		}
		value, unit = value/1024, next
	}
	if value == math.Trunc(value) {
		return fmt.Sprintf("%.0f %s", value, unit)
	}
	return fmt.Sprintf("%.2f %s", value, unit)
}

// MarshalJSON writes the exact number of bytes.
func (s Size) MarshalJSON() ([]byte, error) { return strconv.AppendUint(nil, uint64(s), 10), nil }

// UnmarshalJSON reads a number of bytes or a text as ParseSize does.
func (s *Size) UnmarshalJSON(data []byte) error {
	text := string(data)
	if len(data) > 0 && data[0] == '"' {
		if err := json.Unmarshal(data, &text); err != nil {
			return err
		}
	}
	size, err := ParseSize(text)
	if err == nil {
		*s = size
	}
	return err
}
