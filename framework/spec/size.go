package spec

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
)

// Size is a number of bytes, written as "100GiB", "2TB" or a plain number.
type Size uint64

var units = map[string]int64{
	"": 1, "B": 1,
	"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40, "PiB": 1 << 50,
	"KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "PB": 1e15,
}

// sizeForm bounds the digits too, so that no text is expensive to read.
var sizeForm = regexp.MustCompile(`^([0-9]{1,19}(?:\.[0-9]{1,19})?) ?([KMGTP]i?B|B|)$`)

// maxSize is the first size that is too big.
var maxSize = new(big.Int).Lsh(big.NewInt(1), 63)

// ParseSize reads a size; fractions ("1.5TiB") are allowed and rounded down to whole bytes.
func ParseSize(text string) (Size, error) {
	if form := sizeForm.FindStringSubmatch(strings.TrimSpace(text)); form != nil {
		bytes, _ := new(big.Rat).SetString(form[1])
		bytes.Mul(bytes, new(big.Rat).SetInt64(units[form[2]]))
		if whole := new(big.Int).Div(bytes.Num(), bytes.Denom()); whole.Cmp(maxSize) < 0 {
			return Size(whole.Uint64()), nil
		}
	}
	return 0, fmt.Errorf("%.60q is not a size: expected a number with one of B, KiB, MiB, GiB, TiB, PiB, KB, MB, GB, TB, PB, such as 100GiB", text)
}

// Exact gives the size so that ParseSize reads exactly it again: "100GiB", "1000001B".
func (s Size) Exact() string {
	value, unit := uint64(s), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB", "PiB"} {
		if value == 0 || value%1024 != 0 {
			break
		}
		value, unit = value/1024, next
	}
	return strconv.FormatUint(value, 10) + unit
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
