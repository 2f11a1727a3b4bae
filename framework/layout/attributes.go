package layout

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// The attributes that are known by name; the others follow from what these list.
const (
	sdsDomains = "scaleio-sds-domains"
	sdcDomains = "scaleio-sdc-domains"
	faultSet   = "scaleio-fault-set"
	persona    = "scaleio-persona" // of MDMs: nothing here reads it
)

// Wishes are what the attributes of an agent ask for (design §6).
type Wishes struct {
	// Imperative says that scaleio-sds-domains or scaleio-sdc-domains is there: no device is looked for on this agent.
	Imperative bool
	Provides   []Provision // in the order of the lists
	Consuming  bool        // scaleio-sdc-domains is there: Consumes is all that the agent's apps may use
	Consumes   []spec.Pool // in the order of the lists
	FaultSet   string
}

// Provision is one pool with the devices that go to it.
type Provision struct {
	Pool      spec.Pool
	Attribute string // the one that names the devices, with its value: for sentences
	Devices   []string
}

// ParseAttributes reads the attributes of one agent and finds everything that is wrong with them, sorted. Problems name the attribute, its
// value and what is expected; they leave Node to the caller. With an error among them the Wishes are what could be understood.
func ParseAttributes(attributes []Attribute) (Wishes, []Problem) {
	r := newReader(attributes)
	w := Wishes{FaultSet: r.single(faultSet)}
	w.Imperative = r.has(sdsDomains) || r.has(sdcDomains)
	w.Consuming = r.has(sdcDomains)
	domains := r.names(sdsDomains, "the list of protection domains")
	if len(domains) > 1 {
		r.complain(ruleTwoDomains, "attribute %s lists %d protection domains, expected one", r.text(sdsDomains), len(domains))
	}
	for _, domain := range domains {
		for _, pool := range r.pools("scaleio-sds-", domain) {
			w.Provides = append(w.Provides, r.provision(domain, pool))
		}
	}
	for _, domain := range r.names(sdcDomains, "the list of consumed protection domains") {
		for _, pool := range r.pools("scaleio-sdc-", domain) {
			w.Consumes = append(w.Consumes, spec.Pool{ProtectionDomain: domain, StoragePool: pool})
		}
	}
	r.findShared(w.Provides)
	r.findUnused(w.Imperative)
	return w, sortProblems(r.problems)
}

// reader holds the scaleio attributes of one agent while they are read.
type reader struct {
	values   map[string]string
	broken   map[string]bool   // there, but its value cannot be used; said already
	meaning  map[string]string // what an attribute was read as, in words
	problems []Problem
}

func newReader(attributes []Attribute) *reader {
	r := &reader{values: map[string]string{}, broken: map[string]bool{}, meaning: map[string]string{persona: "", faultSet: "the fault set"}}
	given := map[string][]string{}
	for _, a := range attributes {
		name := oneLine(strings.TrimSpace(a.Name))
		if !strings.HasPrefix(strings.ToLower(name), "scaleio-") {
			continue
		}
		value, why := plain(a)
		if why != "" {
			r.complain(ruleType, "attribute %s=%s %s", name, oneLine(a.Text), why)
			r.broken[name] = true
		}
		given[name] = append(given[name], value)
	}
	for name, values := range given {
		slices.Sort(values)
		r.values[name] = values[0] // of several, the same one in any order
		switch different := slices.Compact(slices.Clone(values)); {
		case len(different) > 1:
			r.complain(ruleDuplicate, "attribute %s is given %d times, with different values: %s; expected one", name, len(values), oneLine(strings.Join(different, " and ")))
			r.broken[name] = true
		case len(values) > 1:
			p := ruleDuplicate.problem("", "attribute %s is given %d times, each time as %s; expected once", name, len(values), oneLine(different[0]))
			r.problems = append(r.problems, p.as(Warning))
		}
	}
	return r
}

// plain gives the value of an attribute as the operator wrote it, or says why that cannot be known.
func plain(a Attribute) (value, why string) {
	switch a.Type {
	case "TEXT", "":
		return strings.TrimSpace(a.Text), ""
	case "SCALAR": // Mesos prints 2 as 2.0 (mesos.md §3.3)
		number, err := strconv.ParseFloat(strings.TrimSpace(a.Text), 64)
		if err != nil || math.IsNaN(number) || math.IsInf(number, 0) {
			return "", "is of type SCALAR and no number; expected names separated by commas"
		}
		return strconv.FormatFloat(number, 'f', -1, 64), ""
	}
	return "", fmt.Sprintf("is read by Mesos as %s; expected names separated by commas, without brackets and braces", oneLine(a.Type))
}

func (r *reader) complain(which rule, format string, args ...any) {
	r.problems = append(r.problems, which.problem("", format, args...))
}

func (r *reader) has(name string) bool { _, ok := r.values[name]; return ok }

// text is the attribute with its value, as sentences show it.
func (r *reader) text(name string) string { return name + "=" + oneLine(r.values[name]) }

func (r *reader) single(name string) string {
	if !r.has(name) || r.broken[name] {
		return ""
	}
	if why := spec.CheckName(r.values[name]); why != "" {
		r.complain(ruleName, "attribute %s is no name: %s", r.text(name), why)
		return ""
	}
	return r.values[name]
}

// list reads an attribute as a comma list; meaning says what of, because an attribute that is reached twice with two meanings is a clash.
func (r *reader) list(name, meaning string) []string {
	if other, ok := r.meaning[name]; ok && other != meaning {
		r.complain(ruleClash, "attribute %s would be both %s and %s; expected one meaning", r.text(name), other, meaning)
		return nil
	}
	r.meaning[name] = meaning
	if !r.has(name) || r.broken[name] {
		return nil
	}
	var items []string
	for _, item := range strings.Split(r.values[name], ",") {
		switch item = strings.TrimSpace(item); {
		case slices.Contains(items, item):
			r.complain(ruleEmptyItem, "attribute %s names %s twice; it counts once", r.text(name), oneLine(item))
		case item != "":
			items = append(items, item)
		case strings.Contains(r.values[name], ","):
			r.complain(ruleEmptyItem, "attribute %s has an empty item; it is passed over", r.text(name))
		}
	}
	if len(items) == 0 {
		r.complain(ruleMissing, "attribute %s names nothing; expected %s", r.text(name), meaning)
	}
	return items
}

// names reads a list of protection domains or pools, without the illegal ones.
func (r *reader) names(name, meaning string) []string {
	return slices.DeleteFunc(r.list(name, meaning), func(item string) bool {
		why := spec.CheckName(item)
		if why != "" {
			r.complain(ruleName, "attribute %s names what cannot be a name: %s", r.text(name), why)
		}
		return why != ""
	})
}

// pools reads the pools of a listed domain; prefix is of the sds or sdc attributes.
func (r *reader) pools(prefix, domain string) []string {
	list, name := prefix+"domains", prefix+domain
	if !r.has(name) {
		r.complain(ruleMissing, "attribute %s lists %s, but there is no attribute %s; expected one with its pools", r.text(list), domain, name)
	}
	return r.names(name, "the pools of protection domain "+domain)
}

func (r *reader) provision(domain, pool string) Provision {
	p := Provision{Pool: spec.Pool{ProtectionDomain: domain, StoragePool: pool}}
	name := "scaleio-sds-" + domain + "." + pool
	if !r.has(name) {
		name = "scaleio-sds-" + pool
	}
	if !r.has(name) {
		r.complain(ruleMissing, "attribute %s lists %s, but there is no attribute %s or scaleio-sds-%s.%s; expected one with its devices",
			r.text("scaleio-sds-"+domain), pool, name, domain, pool)
	}
	p.Devices = r.list(name, "the devices of pool "+p.Pool.String())
	p.Attribute = r.text(name)
	return p
}

func (r *reader) findShared(provides []Provision) {
	named := map[string]Provision{}
	for _, p := range provides {
		for _, device := range p.Devices {
			if other, ok := named[device]; ok {
				r.complain(ruleTwoPools, "attributes %s and %s name device %s for two pools, %s and %s; expected one",
					other.Attribute, p.Attribute, oneLine(device), other.Pool, p.Pool)
			}
			named[device] = p
		}
	}
}

// findUnused speaks of attributes that nothing has reached. Without any list of domains the agent would be one without attributes, whose
// disks pool mode global takes: an error then, because a name is misspelt.
func (r *reader) findUnused(imperative bool) {
	if r.broken[sdsDomains] || r.broken[sdcDomains] {
		return
	}
	for name := range r.values {
		if _, ok := r.meaning[name]; ok || r.broken[name] {
			continue
		}
		if lower := strings.ToLower(name); !imperative && (strings.HasPrefix(lower, "scaleio-sds") || strings.HasPrefix(lower, "scaleio-sdc")) {
			p := ruleUnused.problem("", "attribute %s is given, but neither %s nor %s; expected one of them with the protection domain", r.text(name), sdsDomains, sdcDomains)
			r.problems = append(r.problems, p.as(Error))
			continue
		}
		r.complain(ruleUnused, "attribute %s is not used: no listed protection domain or pool leads to it", r.text(name))
	}
}

// oneLine makes text that came from outside fit for a sentence.
func oneLine(text string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, text)
}
