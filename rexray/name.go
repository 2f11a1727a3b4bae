package rexray

import (
	"crypto/sha256"
	"encoding/hex"
	"path"
	"strings"
)

const (
	// DefaultDriver is what apps name when they do not care about the pool.
	DefaultDriver = "scaleio"
	// SocketDir is where Docker and dvdcli look for the sockets of volume drivers.
	SocketDir = "/run/docker/plugins"
	// maxDriver keeps SocketDir + "/" + driver + ".sock" well below the 108 bytes of a socket's path.
	maxDriver = 63
)

// Socket is the path of a driver's socket.
func Socket(driver string) string { return path.Join(SocketDir, driver+".sock") }

// DriverName is the name of the volume driver for a pool: "scaleio" for the default one, else "scaleio-<domain>-<pool>" as far as a name of
// a driver may be that. Different pools have different names: where the name does not tell them apart (capitals, other characters, a
// hyphen in the domain, too long), part of a hash of the exact names is appended.
func DriverName(domain, pool string, isDefault bool) string {
	if isDefault {
		return DefaultDriver
	}
	readable := strings.Trim(strings.Join([]string{DefaultDriver, legal(domain), legal(pool)}, "-"), "-")
	exact := DefaultDriver + "-" + domain + "-" + pool
	if readable == exact && domain != "" && pool != "" && !strings.Contains(domain, "-") && !hyphenAtEnd(pool) && len(readable) <= maxDriver {
		return readable
	}
	sum := sha256.Sum256([]byte(domain + "\x00" + pool))
	tail := "-" + hex.EncodeToString(sum[:4])
	if len(readable)+len(tail) > maxDriver {
		readable = readable[:maxDriver-len(tail)]
	}
	return strings.TrimRight(readable, "-") + tail
}

func hyphenAtEnd(name string) bool {
	return strings.HasPrefix(name, "-") || strings.HasSuffix(name, "-")
}

// legal maps a name to lower-case letters, digits and single inner hyphens.
func legal(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.TrimRight(b.String(), "-")
}
