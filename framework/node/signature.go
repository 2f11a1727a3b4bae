package node

import (
	"context"
	"regexp"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/inventory"
)

// signed is what rpm says of a file's signatures and digests.
type signed struct {
	good, unknown []string // ids of keys
	bad           []string // what is wrong
	lines         int      // that were understood
}

// Lines of rpm --checksig --verbose: "Header V4 RSA/SHA512 Signature, key ID b52b91ac: NOKEY", "MD5 digest: BAD (Expected …)". What does not
// apply to the file is NOTFOUND. (rpm 4.18; 4.11 says the same of fewer things.)
var (
	signatureLine = regexp.MustCompile(`(?i)^\s+(.*\b(?:signature|digest)\b.*?): ([A-Z]+)\b`)
	signatureKey  = regexp.MustCompile(`(?i)signature, key (?:id|fingerprint:?) ([0-9a-f]+)`)
)

func parseSigned(text []byte) (s signed) {
	for line := range strings.Lines(string(text)) {
		found := signatureLine.FindStringSubmatch(line)
		if found == nil {
			continue
		}
		s.lines++
		key := signatureKey.FindStringSubmatch(found[1])
		switch verdict := found[2]; {
		case verdict == "OK" && key != nil:
			s.good = append(s.good, key[1])
		case verdict == "OK", verdict == "NOTFOUND" && key == nil:
		case (verdict == "NOKEY" || verdict == "NOTTRUSTED") && key != nil:
			s.unknown = append(s.unknown, key[1])
		default:
			s.bad = append(s.bad, found[1]+" is "+verdict)
		}
	}
	return s
}

// checkSignature says in words how a package is signed, or refuses it. deb files carry no signature that dpkg would check.
func (w Work) checkSignature(ctx context.Context, what, file string) (string, error) {
	if w.Family != "rpm" || w.Desired.Signatures == inventory.SignaturesOff {
		return "", nil
	}
	c := command("rpm", "--checksig", "--verbose", file)
	r, err := w.ask(ctx, c.Argv...)
	if err != nil {
		return "", err
	}
	s := parseSigned(r.Stdout)
	refuse := func(format string, args ...any) (string, error) {
		return "", fault.New(fault.Denied, what, "", format+"; nothing was installed", args...)
	}
	switch required := w.Desired.Signatures == inventory.SignaturesRequire; {
	case len(s.bad) > 0:
		return refuse("rpm says that %s", strings.Join(s.bad, ", "))
	case s.lines == 0 || r.Status != 0 && len(s.unknown) == 0:
		return "", failed(c, r)
	case len(s.good) > 0:
		return "signed by key " + s.good[0], nil
	case len(s.unknown) > 0 && required:
		return refuse("signed by key %s, which this node's rpm does not know, and options require that it does; "+
			"import it there if it is the vendor's (rpm --import)", s.unknown[0])
	case len(s.unknown) > 0:
		return "signed by key " + s.unknown[0] + ", which rpm does not know here", nil
	case required:
		return refuse("it is not signed, and options require it")
	}
	return "not signed", nil
}
