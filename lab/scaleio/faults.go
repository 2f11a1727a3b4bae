package scaleio

import (
	"net/http"
	"regexp"
	"sync"
	"time"
)

// Faults makes a System fail on demand. Its methods may be called from any goroutine, at any time.
type Faults struct {
	system *System

	mu          sync.Mutex // guards everything below
	rules       []*Fault
	devices     []*deviceFault
	version     *string
	onlyScheme  string
	hideLinks   bool
	untrusted   bool
	expiredBody Expired
}

func newFaults(s *System) *Faults { return &Faults{system: s} }

// Fault is what happens to calls that it matches. The zero Path matches every call. What it does happens in this order: the delay,
// a connection dropped before the work, an answer in place of the work, the work, a connection dropped after the work.
type Fault struct {
	Method string         // empty: any
	Path   *regexp.Regexp // matched against the path; nil: any
	Kind   string         // instead of a path: calls about objects of a kind, "Volume"
	Times  int            // how many calls; 0: one; negative: all

	Delay      time.Duration
	DropBefore bool // the connection ends, nothing was done
	DropAfter  bool // the connection ends, the work was done: its answer is lost

	Status      int    // answer with this status and Body
	Body        string // as it is
	ContentType string // default application/json
	Code        string // refuse with this code of the MDM: "MDM_BUSY"

	hits int // guarded by Faults.mu
}

// Inject makes f happen to the next calls that it matches; the function returned takes it back and says how often it happened.
// Of several that match, the one injected first happens.
func (f *Faults) Inject(fault Fault) (remove func() int) {
	if fault.Times == 0 {
		fault.Times = 1
	}
	rule := &fault
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules = append(f.rules, rule)
	return func() int {
		f.mu.Lock()
		defer f.mu.Unlock()
		for i, one := range f.rules {
			if one == rule {
				f.rules = append(f.rules[:i:i], f.rules[i+1:]...)
				break
			}
		}
		return rule.hits
	}
}

// HTML makes the next times calls answer a page instead of JSON, as a proxy or a starting Tomcat does.
func (f *Faults) HTML(status, times int) {
	f.Inject(Fault{Status: status, Body: "<html><body>HTTP Status " + http.StatusText(status) + "</body></html>", ContentType: "text/html;charset=utf-8", Times: times})
}

// take is the fault for a call, counted; nil: none.
func (f *Faults) take(method, path, kind string) *Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, rule := range f.rules {
		if rule.Method != "" && rule.Method != method || rule.Kind != "" && rule.Kind != kind || rule.Path != nil && !rule.Path.MatchString(path) {
			continue
		}
		rule.hits++
		if rule.Times > 0 && rule.hits == rule.Times {
			f.rules = append(f.rules[:i:i], f.rules[i+1:]...)
		}
		taken := *rule
		return &taken
	}
	return nil
}

type deviceFault struct {
	ip, path string
	times    int
	code     string
}

// RefuseDevice makes the SDS at ip refuse the device at path times times with an MDM code, before it looks at the disk. An empty
// ip or path is any.
func (f *Faults) RefuseDevice(ip, path string, times int, code string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.devices = append(f.devices, &deviceFault{ip, path, times, code})
}

func (f *Faults) deviceRefused(ip, path string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, one := range f.devices {
		if one.times > 0 && (one.ip == "" || one.ip == ip) && (one.path == "" || one.path == path) {
			one.times--
			return refuseAny(one.code)
		}
	}
	return nil
}

// Expired is how a 401 for a token that is over looks.
type Expired int

const (
	ExpiredJSON  Expired = iota // {"message":"Unauthorized",...}
	ExpiredHTML                 // a page
	ExpiredEmpty                // no body: goscaleio then says EOF [scaleio.md §2.2]
)

// ExpireTokens ends every login; the 401s from now on look as said.
func (f *Faults) ExpireTokens(look Expired) {
	f.mu.Lock()
	f.expiredBody = look
	f.mu.Unlock()
	f.system.look(func() { f.system.sessions.end(func(*session) bool { return true }) })
}

// SayVersion makes /api/version answer text; nil ends that.
func (f *Faults) SayVersion(text *string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.version = text
}

// OnlyScheme makes the gateway take no other Authorization than "Basic" or "Bearer"; "" ends that.
func (f *Faults) OnlyScheme(scheme string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.onlyScheme = scheme
}

// HideLinks leaves the links out of every object.
func (f *Faults) HideLinks(hide bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.hideLinks = hide
}

// Distrust makes the gateway answer 428 to everything that needs the MDM, until the MDM's certificate is approved by
// /api/trustHostCertificate/Mdm.
func (f *Faults) Distrust(distrust bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.untrusted = distrust
}

func (f *Faults) versionSaid() (string, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.version == nil {
		return "", false
	}
	return *f.version, true
}

func (f *Faults) scheme() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.onlyScheme
}

func (f *Faults) linksHidden() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hideLinks
}

func (f *Faults) distrusted() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.untrusted
}

func (f *Faults) expired() Expired {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.expiredBody
}
