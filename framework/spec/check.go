package spec

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The checks of single values. Each gives a sentence that says what is wrong and what is expected, or "". Options and Validate share them.

// MaxName is the most characters that any name in ScaleIO has (scaleio.md §5.1).
const MaxName = 31

// CheckName checks the name of a system, protection domain or storage pool. "/" and "," are ScaleIO's to take and ours to refuse: we write
// "<domain>/<pool>" and comma lists.
func CheckName(name string) string {
	switch {
	case name == "":
		return "is empty, expected a name"
	case len(name) > MaxName:
		return fmt.Sprintf("%q has %d characters, at most %d are allowed", name, len(name), MaxName)
	case strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == ',' || r == '/' }):
		return fmt.Sprintf("%q: expected letters, digits and punctuation without blanks, commas and slashes", name)
	}
	return ""
}

// ParsePool reads "<domain>/<pool>".
func ParsePool(text string) (Pool, string) {
	domain, pool, ok := strings.Cut(text, "/")
	if !ok || CheckName(domain) != "" || CheckName(pool) != "" {
		return Pool{}, fmt.Sprintf("%q: expected <protection domain>/<storage pool>", text)
	}
	return Pool{domain, pool}, ""
}

var serviceName = regexp.MustCompile(`^/?[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?$`)

// CheckServiceName checks the name of the service, as the SDK does: it becomes part of DNS names and of task ids.
func CheckServiceName(name string) string {
	switch {
	case !serviceName.MatchString(name) || strings.Contains(name, "//"):
		return fmt.Sprintf("%q: expected letters, digits, and . _ - / between them", name)
	case strings.Contains(name, "__"):
		return fmt.Sprintf("%q: a double underscore is not allowed", name)
	case len(strings.ReplaceAll(name, "/", "")) > 63:
		return fmt.Sprintf("%q has %d characters without slashes, at most 63 are allowed", name, len(strings.ReplaceAll(name, "/", "")))
	}
	return ""
}

// CheckRole checks a Mesos role.
func CheckRole(role string) string {
	for element := range strings.SplitSeq(role, "/") {
		bad := strings.ContainsFunc(element, func(r rune) bool { return r <= ' ' || r == 0x7f || unicode.IsSpace(r) })
		if element == "" || element == "." || element == ".." || element == "*" && role != "*" || strings.HasPrefix(element, "-") || bad {
			return fmt.Sprintf("%q is no Mesos role: its parts between slashes may not be empty, ., .. or *, begin with - or hold blanks", role)
		}
	}
	return ""
}

// CheckText checks a text that is passed on as it is: one line of printable characters.
func CheckText(text string) string {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Sprintf("%q: only printable characters are allowed", text)
	}
	return ""
}

// CheckUser checks the name of a user.
func CheckUser(text string) string {
	if text == "" {
		return "is empty, expected the name of a user"
	}
	return CheckText(text)
}

// CheckURL checks an absolute URL of one of the schemes.
func CheckURL(text string, schemes ...string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || !slices.Contains(schemes, u.Scheme) || u.Opaque != "":
		return fmt.Sprintf("%q is not a URL of %s", Redact(text), strings.Join(schemes, ", "))
	case u.User != nil:
		return fmt.Sprintf("%q holds a user or password, which everybody would see", Redact(text))
	case u.Scheme == "file" && (u.Host != "" || !path.IsAbs(u.Path)):
		return fmt.Sprintf("%q: expected file:///absolute/path", text)
	case u.Scheme != "file" && u.Hostname() == "":
		return fmt.Sprintf("%q names no host", text)
	case u.Port() != "" && !validPort(u.Port()):
		return fmt.Sprintf("%q: expected a port from 1 to 65535", text)
	}
	return CheckText(text)
}

func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

var userInfo = regexp.MustCompile(`//[^/?#]*@|^[^/?#]*@`)

// Redact hides a user and password that stand in something like a URL.
func Redact(text string) string { return userInfo.ReplaceAllString(text, "//***@") }

// CheckGateway checks the URL of a gateway: https://host[:port] and nothing after it.
func CheckGateway(text string) string {
	if sentence := CheckURL(text, "https"); sentence != "" {
		return sentence + "; expected https://host or https://host:port"
	}
	if u, err := url.Parse(text); err != nil || u.Path != "" || strings.ContainsAny(text, "?#") {
		return fmt.Sprintf("%q: expected https://host or https://host:port and nothing after it", text)
	}
	return ""
}

var hostLabel = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$`)

var onlyDigits = regexp.MustCompile(`^[0-9.]+$`)

// CheckHost checks an IP address or hostname, without a port.
func CheckHost(text string) string {
	if _, err := netip.ParseAddr(text); err == nil {
		return ""
	}
	labels := strings.Split(strings.TrimSuffix(text, "."), ".")
	if len(text) > 253 || onlyDigits.MatchString(text) || slices.ContainsFunc(labels, func(l string) bool { return !hostLabel.MatchString(l) }) {
		return fmt.Sprintf("%q is neither an IP address nor a hostname", text)
	}
	return ""
}

// CheckNetwork checks a network such as 10.0.0.0/24.
func CheckNetwork(text string) string {
	if _, err := netip.ParsePrefix(text); err != nil {
		return fmt.Sprintf("%q is not a network: expected one such as 10.0.0.0/24", text)
	}
	return ""
}

// CheckSHA256 checks a checksum in hex.
func CheckSHA256(text string) string {
	if sum, err := hex.DecodeString(text); err != nil || len(sum) != 32 {
		return fmt.Sprintf("%q is not a SHA-256: expected 64 hex digits", text)
	}
	return ""
}

var apiVersion = regexp.MustCompile(`^([1-9])\.[0-9]{1,2}$`)

// CheckAPIVersion checks the gateway's API version: "3.6".
func CheckAPIVersion(text string) string {
	found := apiVersion.FindStringSubmatch(text)
	switch {
	case found == nil:
		return fmt.Sprintf("%q: expected a version such as 3.6", text)
	case found[1] >= "5":
		return fmt.Sprintf("%q: versions up to 4 are known; from 5.0 on the API is another one", text)
	}
	return ""
}

// CheckGlob checks a pattern of devices to leave out.
func CheckGlob(text string) string {
	if _, err := path.Match(text, ""); err != nil || text == "" {
		return fmt.Sprintf("%q is not a pattern: expected one such as /dev/disk/by-id/usb-*", text)
	}
	return CheckText(text)
}

// CheckPath checks an absolute path.
func CheckPath(text string) string {
	if !filepath.IsAbs(text) {
		return fmt.Sprintf("%q is not an absolute path", text)
	}
	return CheckText(text)
}

// CheckFaultSetBy checks what fault sets are made of: an attribute or "@zone".
func CheckFaultSetBy(text string) string {
	if text == "" || text == "@zone" {
		return ""
	}
	if strings.HasPrefix(text, "@") || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == ',' }) {
		return fmt.Sprintf("%q: expected the name of an agent attribute, or @zone", text)
	}
	return ""
}

// VolumeStep is what every volume is a multiple of, in GiB (scaleio.md §5.1).
const VolumeStep = 8

// maxVolume is the largest volume, in GiB: 1 PiB (scaleio.md §5.1).
const maxVolume = 1 << 20

// CheckVolumeSize checks the size of a volume, in GiB.
func CheckVolumeSize(size int) string {
	if size <= 0 || size%VolumeStep != 0 || size > maxVolume {
		return fmt.Sprintf("%d GiB: expected a multiple of %d, at most %d", size, VolumeStep, maxVolume)
	}
	return ""
}

var fileMode = regexp.MustCompile(`^0?[0-7]{3}$`)

// CheckFileMode checks the mode of a directory: "0777".
func CheckFileMode(text string) string {
	if !fileMode.MatchString(text) {
		return fmt.Sprintf("%q: expected an octal mode such as 0777", text)
	}
	return ""
}

// CheckOneOf checks a word.
func CheckOneOf(text string, allowed ...string) string {
	if !slices.Contains(allowed, text) {
		return fmt.Sprintf("%q: expected %s", text, either(allowed))
	}
	return ""
}

func either(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// PoolModes are the modes that this version knows.
var PoolModes = []string{string(Global), string(Imperative)}

// CheckPoolMode checks a pool mode.
func CheckPoolMode(text string) string {
	if text == string(Declarative) {
		return "declarative is not in this version yet: expected " + either(PoolModes)
	}
	return CheckOneOf(text, PoolModes...)
}

// Empty says whether there is no artifact at all.
func (a Artifact) Empty() bool { return a == Artifact{} }

// Empty says whether there is no package at all.
func (p Package) Empty() bool { return p.Deb.Empty() && p.RPM.Empty() }

// Check gives all that is wrong with an artifact that is there; versioned ones name the version inside.
func (a Artifact) Check(versioned bool) (wrong []string) {
	parts := []struct{ name, value, sentence string }{
		{"url", a.URL, CheckURL(a.URL, "http", "https", "file")},
		{"sha256", a.SHA256, CheckSHA256(a.SHA256)},
	}
	if versioned {
		parts = append(parts, struct{ name, value, sentence string }{"version", a.Version, CheckPackageVersion(a.Version)})
	}
	for _, part := range parts {
		switch {
		case part.value == "":
			wrong = append(wrong, part.name+" is missing: nothing is downloaded without its URL, checksum and, for packages, version")
		case part.sentence != "":
			wrong = append(wrong, part.name+" "+part.sentence)
		}
	}
	return wrong
}

var packageVersion = regexp.MustCompile(`^[0-9]+(?:[.-][0-9]+)*$`)

// CheckPackageVersion checks the version of a package: "3.6-700.103". Versions are compared as lists of integers.
func CheckPackageVersion(text string) string {
	if !packageVersion.MatchString(text) || len(text) > 64 {
		return fmt.Sprintf("%q: expected a version such as 3.6-700.103", text)
	}
	return ""
}
