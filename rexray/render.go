package rexray

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Render gives the content of rexray.yml. It is JSON, which is YAML whose texts come back exactly as they were: REX-Ray's own parser turns
// unquoted ids into numbers (reference/rexray.md §1.2). The result holds the password; errors never do.
func Render(c Config, password string) ([]byte, error) {
	if err := Check(c); err != nil {
		return nil, err
	}
	wrong := checkText("password", password)
	if password == "" {
		wrong = append(wrong, "password is empty")
	}
	if err := invalid(wrong); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(document(c, password)); err != nil {
		return nil, err
	}
	return printable(out.Bytes()), nil
}

type object = map[string]any

// document is the configuration of REX-Ray 0.11.x: a service, a module and a socket for each pool.
func document(c Config, password string) object {
	services, modules := object{}, object{
		"default-csi": object{"disabled": true}, // would serve the first service on one more socket, rexray.sock
	}
	for _, s := range c.Services {
		scaleio := object{"protectionDomainName": s.ProtectionDomain, "storagePoolName": s.StoragePool}
		if c.Thick {
			scaleio["thinOrThick"] = "ThickProvisioned"
		}
		services[s.Driver] = object{"driver": "scaleio", "scaleio": scaleio}
		modules[s.Driver] = object{
			"type": "csi", // "docker" panics at start in 0.11.0 to 0.11.4
			"host": "unix://" + Socket(s.Driver),
			"libstorage": object{
				"service": s.Driver,
				// The isolator of Mesos mounts once for every container and unmounts once for the last.
				"integration": operations(object{"unmount": object{"ignoreusedcount": true}}),
			},
		}
	}
	scaleio := object{
		"endpoint": c.Endpoint, "insecure": c.Insecure, "userName": c.User, "password": password, "systemID": c.SystemID,
	}
	if c.Version != "" {
		scaleio["version"] = c.Version
	}
	return object{
		"rexray": object{"logLevel": "warn", "modules": modules}, // info would print the whole map of modules
		"libstorage": object{
			"service": c.Services[0].Driver,
			"integration": operations(object{
				// The isolator gives up after 120 s: attachTimeout 30 s × 3 + 5 s × 2 is below that.
				"mount":  object{"preempt": c.Preempt, "retryCount": 2, "retryWait": "5s"},
				"create": object{"default": object{"size": c.Size, "fsType": c.FSType}},
			}),
			"server": object{"services": services},
		},
		"scaleio": scaleio,
		"linux":   object{"volume": object{"fileMode": mode(c.FileMode)}}, // REX-Ray reads an integer; JSON knows no octal ones
	}
}

func operations(of object) object { return object{"volume": object{"operations": of}} }

// printable escapes the characters that JSON leaves alone and YAML forbids: the control characters above ASCII, byte order marks and
// the like. All of them stand inside of texts.
func printable(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		if r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0xfeff || r == 0xfffe || r == 0xffff {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = append(out, text[:size]...)
		}
		text = text[size:]
	}
	return out
}
