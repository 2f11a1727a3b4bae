package options

import (
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/secret"
	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// value is a field of Options that knows its kind.
type value struct {
	kind  string // as the documentation says it
	field any    // pointer to the field
	// set fills the field from a text that is not empty; a sentence says what is wrong with it.
	set func(text string) string
	// bool: the flag may stand without a value.
	bool bool
	// secret: it is read from the environment only, and no message shows it.
	secret bool
}

// words is a text, checked by any of the spec's checks.
func words[T ~string](field *T, kind string, check func(string) string) value {
	return value{kind: kind, field: field, set: func(text string) string {
		*field = T(text)
		return check(text)
	}}
}

// list is a comma list; blanks around its items are dropped. tidy gives an item as it is kept, or a sentence.
func list(field *[]string, kind string, tidy func(string) (string, string)) value {
	return value{kind: kind, field: field, set: func(text string) string {
		*field = nil
		for item := range strings.SplitSeq(text, ",") {
			item = strings.TrimSpace(item)
			if item == "" {
				return fmt.Sprintf("%q has an empty item", spec.Redact(text))
			}
			kept, wrong := tidy(item)
			if wrong != "" {
				return wrong
			}
			*field = append(*field, kept)
		}
		return ""
	}}
}

// checked makes a tidy of a check: the item is kept as it is.
func checked(check func(string) string) func(string) (string, string) {
	return func(item string) (string, string) { return item, check(item) }
}

func integer(field *int, least, most int) value {
	return value{kind: fmt.Sprintf("whole number, %d to %d", least, most), field: field, set: func(text string) string {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			return fmt.Sprintf("%q: expected a whole number from %d to %d", text, least, most)
		}
		*field = n
		return ""
	}}
}

func amount(field *float64) value {
	return value{kind: "number above 0", field: field, set: func(text string) string {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || !(n > 0) || math.IsInf(n, 0) {
			return fmt.Sprintf("%q: expected a number above 0", text)
		}
		*field = n
		return ""
	}}
}

func size(field *spec.Size) value {
	return value{kind: "size, such as 100GiB", field: field, set: func(text string) string {
		n, err := spec.ParseSize(text)
		if err != nil {
			return err.Error()
		}
		*field = n
		return ""
	}}
}

func boolean(field *bool) value {
	return value{kind: "true or false", field: field, bool: true, set: func(text string) string {
		switch strings.ToLower(text) {
		case "true":
			*field = true
		case "false":
			*field = false
		default:
			return fmt.Sprintf("%q: expected true or false", text)
		}
		return ""
	}}
}

func volumeSize(field *int) value {
	v := integer(field, math.MinInt, math.MaxInt)
	set := v.set
	v.kind = fmt.Sprintf("GiB, a multiple of %d", spec.VolumeStep)
	v.set = func(text string) string {
		if wrong := set(text); wrong != "" {
			return fmt.Sprintf("%q: expected a whole number of GiB", text)
		}
		return spec.CheckVolumeSize(*field)
	}
	return v
}

func hidden(field *secret.Value) value {
	return value{kind: "secret", field: field, secret: true, set: func(text string) string {
		*field = secret.New(text)
		return checkSecret(text)
	}}
}

// account is the document of a service account, or the path of its file: DC/OS' packages hand over either by one variable.
func account(field *Secret) value {
	return value{kind: "secret JSON, or a path", field: field, secret: true, set: func(text string) string {
		if text = strings.TrimSpace(text); strings.HasPrefix(text, "{") {
			field.Value = secret.New(text)
			return ""
		}
		field.File = strings.TrimPrefix(text, "file://")
		if spec.CheckText(field.File) != "" { // which would show it
			return "expected the JSON of a service account, or the path of its file"
		}
		return ""
	}}
}

func anyText[T ~string](field *T) value { return words(field, "text", spec.CheckText) }

func user(field *string) value { return words(field, "name of a user", spec.CheckUser) }

func oneOf[T ~string](field *T, allowed ...string) value {
	return words(field, strings.Join(allowed, ", "), func(text string) string { return spec.CheckOneOf(text, allowed...) })
}

func name(field *string) value {
	return words(field, fmt.Sprintf("name of at most %d characters", spec.MaxName), spec.CheckName)
}

func host(field *string) value { return words(field, "address or hostname", spec.CheckHost) }

func address(field *string) value {
	return words(field, "IP address", func(text string) string {
		if _, err := netip.ParseAddr(text); err != nil {
			return fmt.Sprintf("%q is not an IP address", text)
		}
		return ""
	})
}

func artifactURL(field *string) value {
	return words(field, "http, https or file URL", func(text string) string { return spec.CheckURL(text, "http", "https", "file") })
}

func sha256(field *string) value { return words(field, "64 hex digits", spec.CheckSHA256) }

func absolute(field *string) value { return words(field, "absolute path", spec.CheckPath) }

// file is a path that may be relative to the directory that the scheduler runs in: Mesos' sandbox.
func file(field *string) value { return words(field, "path", spec.CheckText) }

// tidyMaster keeps "host:port" and "http(s)://host:port[/path]" as they are and adds the master's own port where none is given.
func tidyMaster(text string) (string, string) {
	const expected = "expected host:port or http(s)://host:port"
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		scheme, rest = "", text
	}
	switch scheme {
	case "", "http", "https":
	case "zk":
		return "", fmt.Sprintf("%q: finding the master in ZooKeeper is not in this version yet: %s, a list of all masters is best", text, expected)
	default:
		return "", fmt.Sprintf("%q: %s", spec.Redact(text), expected)
	}
	at, where, path := rest, "", ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		at, path = rest[:i], rest[i:]
	}
	u, err := url.Parse("http://" + at)
	if err != nil || u.User != nil || spec.CheckHost(u.Hostname()) != "" || spec.CheckText(path) != "" || strings.ContainsAny(path, "?# ") || strings.ContainsAny(at, "?#") {
		return "", fmt.Sprintf("%q: %s", spec.Redact(text), expected)
	}
	if where = at; u.Port() == "" {
		where = strings.TrimSuffix(at, ":") + ":5050"
	}
	if wrong := spec.CheckURL("http://"+where, "http"); wrong != "" {
		return "", fmt.Sprintf("%q: %s", text, expected)
	}
	if scheme == "" {
		if path != "" && path != "/" {
			return "http://" + where + path, ""
		}
		return where, ""
	}
	return scheme + "://" + where + path, ""
}

// tidyGateway gives the URL of a gateway that was named by URL, by host, or by host and port.
func tidyGateway(text string) (string, string) {
	full := text
	if !strings.Contains(text, "://") {
		if ip, err := netip.ParseAddr(text); err == nil && ip.Is6() {
			full = "[" + text + "]"
		}
		full = "https://" + full
	}
	full = strings.TrimSuffix(strings.TrimSuffix(full, "/"), "/api")
	u, err := url.Parse(full)
	if wrong := spec.CheckGateway(full); wrong != "" || err != nil || spec.CheckHost(u.Hostname()) != "" {
		return "", fmt.Sprintf("%q: expected the gateway as host, host:port or https://host:port", spec.Redact(text))
	}
	return full, ""
}

func hostRoot(field *string) value {
	return words(field, "absolute path, {hostname} in it is the agent's", func(text string) string {
		if wrong := spec.CheckPath(text); wrong != "" {
			return wrong
		}
		if rest := strings.ReplaceAll(text, "{hostname}", ""); strings.ContainsAny(rest, "{}") || path.Clean(text) == "/" {
			return fmt.Sprintf("%q: expected a directory below /, with {hostname} where the agent's name belongs", text)
		}
		return ""
	})
}
