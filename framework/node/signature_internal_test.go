package node

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What rpm 4.18 printed for a package that was built, signed and damaged for this test, and what 4.11 prints.
const (
	digestsOK = "    Header SHA256 digest: OK\n    Header SHA1 digest: OK\n    Payload SHA256 digest: OK\n    MD5 digest: OK\n"
	unsigned  = "out/unsigned.rpm:\n" + digestsOK
	unknown   = "out/signed.rpm:\n    Header V4 RSA/SHA512 Signature, key ID b52b91ac: NOKEY\n" + digestsOK
	known     = "out/signed.rpm:\n    Header V4 RSA/SHA512 Signature, key ID b52b91ac: OK\n" + digestsOK
	payload   = `out/payload.rpm:
    Header V4 RSA/SHA512 Signature, key ID b52b91ac: OK
    Header SHA256 digest: OK
    Header SHA1 digest: OK
    Payload SHA256 ALT digest: BAD (Expected 23d0422b != 68588720)
    Payload SHA256 digest: BAD (Expected af39e1c1 != 68588720)
    RSA signature: NOTFOUND
    DSA signature: NOTFOUND
    MD5 digest: BAD (Expected 983afb46 != 4ae189d2)
`
	header = `out/header.rpm:
    Header V4 RSA/SHA512 Signature, key ID b52b91ac: BAD
    Header SHA256 digest: BAD (Expected 03b257de != 24f03287)
    Header SHA1 digest: BAD (Expected 33957201 != 6cde29c0)
    Payload SHA256 digest: OK
    MD5 digest: BAD (Expected 983afb46 != 07f620bd)
`
	old = `/var/cache/x.rpm:
    Header V3 RSA/SHA1 Signature, key ID f4a80eb5: OK
    Header SHA1 digest: OK (3f2c)
    V3 RSA/SHA1 Signature, key ID f4a80eb5: NOKEY
    MD5 digest: OK (9a0e)
`
	young = "x.rpm:\n    Header OpenPGP V4 RSA/SHA256 signature, key fingerprint: 31ab: OK\n    Header SHA256 digest: OK\n"
	junk  = "out/junk.rpm:\n"
)

func TestParseSigned(t *testing.T) {
	for text, want := range map[string]signed{
		unsigned: {lines: 4}, junk: {}, "": {}, "garbage: OK\nx signature: OK\n": {},
		unknown: {unknown: []string{"b52b91ac"}, lines: 5},
		known:   {good: []string{"b52b91ac"}, lines: 5},
		payload: {good: []string{"b52b91ac"}, bad: []string{"Payload SHA256 ALT digest is BAD", "Payload SHA256 digest is BAD", "MD5 digest is BAD"}, lines: 8},
		header: {bad: []string{"Header V4 RSA/SHA512 Signature, key ID b52b91ac is BAD", "Header SHA256 digest is BAD", "Header SHA1 digest is BAD",
			"MD5 digest is BAD"}, lines: 5},
		old:                           {good: []string{"f4a80eb5"}, unknown: []string{"f4a80eb5"}, lines: 4},
		young:                         {good: []string{"31ab"}, lines: 2},
		"    MD5 digest: SOMETHING\n": {bad: []string{"MD5 digest is SOMETHING"}, lines: 1},
	} {
		if diff := cmp.Diff(want, parseSigned([]byte(text)), cmp.AllowUnexported(signed{})); diff != "" {
			t.Errorf("%s\n%s", text, diff)
		}
	}
}

func TestWhatASignatureMeans(t *testing.T) {
	const nothing = "; nothing was installed"
	for _, c := range []struct {
		want, text           string
		status               int
		off, check, required string
	}{
		{"unsigned", unsigned, 0, "", "not signed", "it is not signed, and options require it" + nothing},
		{"known", known, 0, "", "signed by key b52b91ac", "signed by key b52b91ac"},
		{"unknown", unknown, 1, "", "signed by key b52b91ac, which rpm does not know here",
			"signed by key b52b91ac, which this node's rpm does not know, and options require that it does; import it there if it is the vendor's (rpm --import)" + nothing},
		{"payload", payload, 1, "", "rpm says that Payload SHA256 ALT digest is BAD, Payload SHA256 digest is BAD, MD5 digest is BAD" + nothing, "rpm says that"},
		{"junk", junk, 1, "", "exit status 1: x.rpm: not an rpm", "exit status 1: x.rpm: not an rpm"},
		{"silence", "", 0, "", "exit status 0", "exit status 0"},
		{"no reason", unsigned, 1, "", "exit status 1", "exit status 1"},
	} {
		for mode, want := range map[string]string{"off": c.off, "": c.check, "check": c.check, "require": c.required} {
			f := newFake(t)
			f.programs["rpm"] = func(Command) Result {
				return Result{Status: c.status, Stdout: []byte(c.text), Stderr: []byte("x.rpm: not an rpm")}
			}
			w := Work{Host: f, Family: "rpm"}
			w.Desired.Signatures = mode
			got, err := w.checkSignature(t.Context(), "package x", "/x.rpm")
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, want) || (want == "") != (got == "") {
				t.Errorf("%s, %q: %q, want %q", c.want, mode, got, want)
			}
			w.Family = "deb"
			if said, err := w.checkSignature(t.Context(), "package x", "/x.deb"); said != "" || err != nil {
				t.Errorf("deb: %q %v", said, err)
			}
		}
	}
}
