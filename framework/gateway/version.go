package gateway

import (
	"fmt"
	"regexp"
	"strconv"
)

// version is that of the REST API, which is the product's.
type version struct{ major, minor int }

// Versions at which the API changed.
var (
	v3 = version{3, 0} // storage pools have a media type
	v4 = version{4, 0} // the token goes as Bearer
	v5 = version{5, 0} // another API: storage nodes instead of SDSs
)

// The gateway says "3.6" and "4.5.1"; "R3_6" and "4" were seen, too (traffic/scaleio/exp-version-string-*).
var (
	versionAnswer = regexp.MustCompile(`^R?(\d{1,4})(?:[._](\d{1,4}))?(?:[._ -].*)?$`)
	versionOption = regexp.MustCompile(`^(\d{1,4})\.(\d{1,4})$`)
)

func parseVersion(form *regexp.Regexp, text string) (v version, ok bool) {
	m := form.FindStringSubmatch(text)
	if m == nil {
		return version{}, false
	}
	v.major, _ = strconv.Atoi(m[1]) // at most four digits, by the form
	v.minor, _ = strconv.Atoi(m[2]) // "": 0
	return v, true
}

func (v version) String() string { return fmt.Sprintf("%d.%d", v.major, v.minor) }

func (v version) atLeast(w version) bool {
	return v.major > w.major || v.major == w.major && v.minor >= w.minor
}

// unsupported says why a version cannot be served, or "".
func (v version) unsupported() string {
	switch {
	case v.atLeast(v5):
		return fmt.Sprintf("version %s of the API has storage nodes instead of SDSs; this framework manages 2.0 to 4.x", v)
	case !v.atLeast(version{2, 0}):
		return fmt.Sprintf("version %s of the API is too old; this framework manages 2.0 to 4.x", v)
	}
	return ""
}
