package state

import (
	"bytes"
	"fmt"
	"hash/crc32"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum covers the key too: a value under another key is as wrong as a wrong value.
func checksum(key, value []byte) uint32 {
	return crc32.Update(crc32.Checksum(key, castagnoli), castagnoli, value)
}

// sealed is a value as servers hold it: its checksum in eight hex digits, a blank, and the value, so that people can read it there.
func sealed(key string, value []byte) []byte {
	return append(fmt.Appendf(make([]byte, 0, 9+len(value)), "%08x ", checksum([]byte(key), value)), value...)
}

// unsealed gives the value that sealed wrapped; never nil.
func unsealed(where, key string, raw []byte) ([]byte, error) {
	sum, value, ok := bytes.Cut(raw, []byte(" "))
	if !ok || string(sum) != fmt.Sprintf("%08x", checksum([]byte(key), value)) {
		return nil, fault.New(fault.Internal, where, "", "it is damaged: the value of key %q does not have its checksum; restore a dump, or delete the key to start that object anew", key)
	}
	return append(make([]byte, 0, len(value)), value...), nil
}
