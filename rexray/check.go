package rexray

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/go-multierror"

	"github.com/dcos-scaleio/scaleio/framework/fault"
)

var (
	// legalDriver is what Marathon lets an app name as its volume driver (reference/rexray.md §4.3).
	legalDriver  = regexp.MustCompile(`^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$`)
	legalSystem  = regexp.MustCompile(`^[0-9a-f]{16}$`)
	legalVersion = regexp.MustCompile(`^[0-9]+\.[0-9]+$`)
	legalMode    = regexp.MustCompile(`^0?[0-7]{3}$`)
)

// granularity of volumes, in GiB: ScaleIO rounds up to it.
const granularity = 8

// Check gives everything that is wrong with a configuration, sorted, or nil. What passes is taken by REX-Ray as it is meant.
func Check(c Config) error {
	var wrong []string
	for _, check := range checks {
		wrong = append(wrong, check(c)...)
	}
	return invalid(wrong)
}

// invalid makes one error of sentences.
func invalid(sentences []string) error {
	slices.Sort(sentences)
	var all *multierror.Error
	for _, sentence := range slices.Compact(sentences) {
		all = multierror.Append(all, fault.New(fault.Invalid, "REX-Ray", "", "%s", sentence))
	}
	return all.ErrorOrNil()
}

// checks are functions that give a sentence for each thing that is wrong.
var checks = []func(Config) []string{
	checkEndpoint, checkSystem, checkVolumes, checkServices, checkDrivers, checkPools, checkTexts,
}

func checkEndpoint(c Config) []string {
	u, err := url.Parse(c.Endpoint)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return []string{fmt.Sprintf("endpoint %q is not a URL such as https://10.0.0.1/api", withoutUser(c.Endpoint))}
	case u.User != nil:
		return []string{"endpoint holds a user name: give it as user and password"}
	case !strings.HasSuffix(u.Path, "/api") || u.RawQuery != "" || u.Fragment != "":
		return []string{fmt.Sprintf("endpoint %q must end in exactly /api: REX-Ray appends /login to it", c.Endpoint)}
	}
	return nil
}

// withoutUser keeps a password that stands in a bad URL out of messages.
func withoutUser(endpoint string) string {
	if at := strings.LastIndex(endpoint, "@"); at >= 0 {
		return "…" + endpoint[at:]
	}
	return endpoint
}

func checkSystem(c Config) (wrong []string) {
	if c.User == "" {
		wrong = append(wrong, "user is empty: expected the gateway's user")
	}
	if !legalSystem.MatchString(c.SystemID) {
		wrong = append(wrong, fmt.Sprintf("system id %q: 16 hex digits in lower case expected", c.SystemID))
	}
	if c.Version != "" && !legalVersion.MatchString(c.Version) {
		wrong = append(wrong, fmt.Sprintf("version %q: expected one such as 3.6, or none to ask the gateway", c.Version))
	}
	return wrong
}

func checkVolumes(c Config) (wrong []string) {
	if c.Size <= 0 || c.Size%granularity != 0 {
		wrong = append(wrong, fmt.Sprintf("size %d GiB: a multiple of %d expected, ScaleIO makes no other volumes", c.Size, granularity))
	}
	if c.FSType != "ext4" && c.FSType != "xfs" {
		wrong = append(wrong, fmt.Sprintf("file system %q: ext4 or xfs expected", c.FSType))
	}
	if !legalMode.MatchString(c.FileMode) {
		wrong = append(wrong, fmt.Sprintf("file mode %q: an octal mode such as 0777 expected", c.FileMode))
	}
	return wrong
}

func checkServices(c Config) (wrong []string) {
	if len(c.Services) == 0 {
		return []string{"no service: at least one pool expected, REX-Ray would serve nothing"}
	}
	for i, s := range c.Services {
		if s.ProtectionDomain == "" || s.StoragePool == "" {
			wrong = append(wrong, fmt.Sprintf("service %d (%q) names no pool: protection domain %q, storage pool %q", i+1, s.Driver, s.ProtectionDomain, s.StoragePool))
		}
	}
	return wrong
}

func checkDrivers(c Config) (wrong []string) {
	first := map[string]Service{}
	for _, s := range c.Services {
		switch {
		case !legalDriver.MatchString(s.Driver):
			wrong = append(wrong, fmt.Sprintf("driver %q: lower-case letters, digits and inner hyphens expected, apps could not name it", s.Driver))
		case len(s.Driver) > maxDriver:
			wrong = append(wrong, fmt.Sprintf("driver %q has %d characters, at most %d fit into the path of its socket", s.Driver, len(s.Driver), maxDriver))
		}
		if other, twice := first[s.Driver]; twice {
			wrong = append(wrong, fmt.Sprintf("driver %q serves both %s and %s", s.Driver, other.pool(), s.pool()))
			continue
		}
		first[s.Driver] = s
	}
	return wrong
}

func checkPools(c Config) (wrong []string) {
	first := map[string]Service{}
	for _, s := range c.Services {
		if other, twice := first[s.StoragePool]; twice && s.StoragePool != "" {
			wrong = append(wrong, fmt.Sprintf("pools %s and %s have one name: REX-Ray finds a pool by its name alone and would create volumes in either", other.pool(), s.pool()))
			continue
		}
		first[s.StoragePool] = s
	}
	return wrong
}

func checkTexts(c Config) (wrong []string) {
	texts := map[string]string{"endpoint": c.Endpoint, "user": c.User, "system id": c.SystemID, "version": c.Version}
	for i, s := range c.Services {
		texts[fmt.Sprintf("driver of service %d", i+1)] = s.Driver
		texts[fmt.Sprintf("protection domain of service %d", i+1)] = s.ProtectionDomain
		texts[fmt.Sprintf("storage pool of service %d", i+1)] = s.StoragePool
	}
	for name, text := range texts {
		wrong = append(wrong, checkText(name, text)...)
	}
	return wrong
}

// checkText refuses what REX-Ray would not read back as it is; text itself stays out of the sentence, it may be a password.
func checkText(name, text string) (wrong []string) {
	if strings.Contains(text, "$HOME") {
		wrong = append(wrong, name+" contains $HOME: REX-Ray replaces it by a directory, even in quotes")
	}
	if !utf8.ValidString(text) {
		wrong = append(wrong, name+" is not valid UTF-8")
	}
	return wrong
}

func (s Service) pool() string { return s.ProtectionDomain + "/" + s.StoragePool }

// mode reads a FileMode that passed Check.
func mode(text string) int {
	value, err := strconv.ParseInt(text, 8, 32)
	if err != nil {
		panic("rexray: mode of an unchecked Config: " + err.Error())
	}
	return int(value)
}
