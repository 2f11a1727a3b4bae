package scaleio

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// ids gives every object the id that it would have: 16 lower-case hex digits, the high half a counter with a start that looks
// random, the low half the object's index [scaleio.md §1.1]. The same seed gives the same ids.
type ids struct {
	seed string
	used map[string]uint32 // how many of each kind there ever were
}

func (i *ids) next(kind string) string {
	n := i.used[kind]
	return i.with(kind, n)
}

// with is next with another low half: a device's holds its SDS and its place there.
func (i *ids) with(kind string, low uint32) string {
	if i.used == nil {
		i.used = map[string]uint32{}
	}
	n := i.used[kind]
	i.used[kind]++
	return fmt.Sprintf("%08x%08x", i.start(kind)+n, low)
}

// random is an id without an order: those of systems, MDMs and installations.
func (i *ids) random(kind string) string {
	if i.used == nil {
		i.used = map[string]uint32{}
	}
	n := i.used[kind]
	i.used[kind]++
	return fmt.Sprintf("%016x", binary.BigEndian.Uint64(i.digest(fmt.Sprint(kind, n)))>>1)
}

func (i *ids) start(kind string) uint32 { return binary.BigEndian.Uint32(i.digest(kind)) >> 1 }

func (i *ids) digest(text string) []byte {
	sum := sha256.Sum256([]byte(i.seed + "/" + text))
	return sum[:]
}
