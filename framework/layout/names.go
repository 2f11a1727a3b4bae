package layout

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// derived makes a legal name from any text: as it is if that is legal, else mapped or shortened, with a hash of the whole so that two texts
// never get one name by being cut (scaleio.md §5.1).
func derived(text string) string {
	mapped := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r) {
			return r
		}
		return '-'
	}, text)
	if mapped == text && text != "" && len(text) <= spec.MaxName {
		return text
	}
	sum := sha256.Sum256([]byte(text))
	const digits = 8
	return mapped[:min(len(mapped), spec.MaxName-1-digits)] + "-" + hex.EncodeToString(sum[:digits/2])
}

// sdsName is what a new SDS of a host is called.
func sdsName(hostname string) string { return derived("sds-" + hostname) }
