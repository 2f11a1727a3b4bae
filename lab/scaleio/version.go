package scaleio

import (
	"regexp"
	"strconv"
)

// version is the part of the API's version that decides what is served.
type version struct{ major, minor int }

var versionText = regexp.MustCompile(`^(\d+)(?:\.(\d+))?`)

// parseVersion reads "3", "3.6" and "4.5.1"; ok is false for anything that does not start with a number ("R3_6").
func parseVersion(text string) (v version, ok bool) {
	m := versionText.FindStringSubmatch(text)
	if m == nil {
		return version{}, false
	}
	v.major, _ = strconv.Atoi(m[1]) // digits only; an overflow is a version nobody has
	v.minor, _ = strconv.Atoi(m[2]) // empty: 0
	return v, true
}

func (v version) atLeast(w version) bool {
	return v.major > w.major || v.major == w.major && v.minor >= w.minor
}

// Versions at which the API changed [scaleio.md §1].
var (
	v2  = version{2, 0}
	v25 = version{2, 5}
	v3  = version{3, 0}
	v35 = version{3, 5}
	v4  = version{4, 0}
)

// from says whether answers hold what came with version v.
func (s *System) from(v version) bool { return s.config.Lenient || s.version.atLeast(v) }

// release is the software version as objects show it: "R3_6.0.0" (real: R2_6.11000.0 [ND]).
func (s *System) release() string {
	return "R" + strconv.Itoa(s.version.major) + "_" + strconv.Itoa(s.version.minor) + ".0.0"
}

// product is the software version as the system shows it [scaleio.md §1.3].
func (s *System) product() string {
	switch {
	case s.version.atLeast(v35):
		return "DellEMC PowerFlex Version: " + s.release()
	case s.version.atLeast(v25):
		return "DellEMC ScaleIO Version: " + s.release()
	default:
		return "EMC ScaleIO Version: " + s.release()
	}
}
