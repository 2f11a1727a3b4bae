package options

import (
	"flag"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// ErrHelp is what Parse returns for -help and -h.
var ErrHelp = flag.ErrHelp

// Parse reads the options from a command line, without the program's name, and an environment, as os.Environ gives it. A flag wins over
// an environment variable, an empty variable is as good as none. The error says everything that is wrong, sorted, one line each; it never
// shows a secret, nor the value of an option that it does not know.
func Parse(args, env []string) (*Options, error) {
	p := &parser{options: &Options{}, given: map[string]given{}}
	p.environment(env)
	if err := p.flags(args); err != nil {
		return nil, err
	}
	p.fill()
	p.together()
	if err := p.problems.Sorted(); err != nil {
		return nil, err
	}
	if r := &p.options.REXRay; r.Binary == "" && r.Artifact.Empty() {
		r.Binary = defaultREXRay
	}
	return p.options, nil
}

// All gives every option, in the order of the table.
func All() iter.Seq[Option] {
	return func(yield func(Option) bool) {
		for _, group := range Table {
			for _, o := range group.Options {
				if !yield(o) {
					return
				}
			}
		}
	}
}

// byName finds an option by its name or an alias of it.
func byName(name string) (Option, bool) {
	for o := range All() {
		if o.Name == name || slices.Contains(o.Aliases, name) {
			return o, true
		}
	}
	return Option{}, false
}

// given is what the operator said for one option.
type given struct {
	text   string
	source string // as messages name it: "-pool.mode" or "POOL_MODE"
	flag   bool
}

type parser struct {
	options  *Options
	given    map[string]given // by the option's name
	problems spec.Problems
}

func (p *parser) environment(env []string) {
	set := map[string]string{}
	for _, variable := range env {
		key, text, _ := strings.Cut(variable, "=")
		set[key] = text
	}
	for o := range All() {
		for _, key := range slices.Backward(o.Env) {
			if text := set[key]; text != "" {
				p.given[o.Name] = given{text: text, source: key}
			}
		}
	}
}

// flags reads "-name value", "-name=value", and "-name" for what is true or false; two hyphens are as good as one.
func (p *parser) flags(args []string) error {
	for i := 0; i < len(args); i++ {
		name, isFlag := strings.CutPrefix(args[i], "-")
		name, text, inline := strings.Cut(strings.TrimPrefix(name, "-"), "=")
		if !isFlag || name == "" {
			p.problems.Add(fmt.Sprintf("argument %d", i+1), "belongs to no option: expected -name=value or -name value")
			continue
		}
		o, known := byName(name)
		next := i + 1
		follows := !inline && next < len(args) && !p.isOption(args[next])
		switch {
		case known && o.value(p.options).bool:
			if !inline {
				text = "true"
			}
			p.flag(o, "-"+name, text)
			continue
		case known && (inline || follows):
			if !inline {
				text = args[next]
			}
			p.flag(o, "-"+name, text)
		case known && o.Secret():
			p.flag(o, "-"+name, "")
		case known:
			p.problems.Add("-"+name, "needs a value: "+o.Kind())
		case name == "help" || name == "h":
			return ErrHelp
		case gone(name) != "":
			p.problems.Add("-"+name, gone(name))
		default:
			p.problems.Add("-"+name, "is unknown; -help lists the options")
		}
		// The value of an option that is refused must not be taken for an argument, nor be shown.
		if follows && (known || !strings.HasPrefix(args[next], "-")) {
			i++
		}
	}
	return nil
}

// isOption says whether an argument is the next option rather than a value that begins with a hyphen.
func (p *parser) isOption(arg string) bool {
	name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	_, known := byName(name)
	return strings.HasPrefix(arg, "-") && (known || gone(name) != "")
}

func (p *parser) flag(o Option, source, text string) {
	if o.Secret() {
		p.problems.Add(source, fmt.Sprintf("is refused: everybody on the machine can read a command line; set %s or use -%s.file", o.Env[0], o.Name))
		return
	}
	if before := p.given[o.Name]; before.flag {
		p.problems.Add(source, "is given a second time, first as "+before.source)
		return
	}
	p.given[o.Name] = given{text, source, true}
}

// fill sets every field, from what was given or from the default.
func (p *parser) fill() {
	for o := range All() {
		p.fillOne(o)
	}
}

func (p *parser) fillOne(o Option) {
	v, said := p.given[o.Name], o.value(p.options)
	switch {
	case v.text != "":
		p.problems.Add(v.source, said.set(v.text))
	case v.flag && o.Default != "": // an empty text in place of the default
		p.problems.Add(v.source, said.set(""))
	case o.Required:
		p.problems.Add("-"+o.Name, "is missing: set it or "+o.Env[0]+". "+o.Help)
	case o.Default != "" && !v.flag:
		p.problems.Add("-"+o.Name, said.set(o.Default))
	}
}

func (p *parser) has(name string) bool { return p.given[name].text != "" }

// together checks what options say about each other. It looks at what was given, not at whether that is right: fill said so.
func (p *parser) together() {
	p.mdms()
	p.store()
	p.allOrNone("executor.url", "executor.sha256")
	p.allOrNone("rexray.url", "rexray.sha256")
	for o := range All() {
		if url, ok := strings.CutSuffix(o.Name, ".version"); ok {
			p.allOrNone(url, url+".sha256", url+".version")
		}
		if source, ok := strings.CutSuffix(o.Name, ".file"); ok {
			p.atMostOne(source, o.Name)
		}
	}
	p.atMostOne("rexray.binary", "rexray.url")
	p.atMostOne("gateway.insecure", "gateway.ca_file")
	p.atMostOne("gateway.insecure", "gateway.sha256")
	p.atMostOne("executor.altpath", "executor.url")
	p.atMostOne("api.insecure", "api.token")
	p.atMostOne("api.insecure", "api.token.file")
	for _, secret := range []string{"mesos.secret", "mesos.secret.file"} {
		p.atMostOne(secret, "mesos.service_account")
		p.atMostOne(secret, "mesos.service_account.file")
	}
	if p.has("api.tls.cert_file") != p.has("api.tls.key_file") {
		p.problems.Add("-api.tls", "needs both a certificate and its key: expected api.tls.cert_file and api.tls.key_file")
	}
	if !p.options.System.Password.Given() {
		p.problems.Add("-scaleio.password", "is missing: set ADMIN_PASSWORD or -scaleio.password.file")
	}
	if !p.options.Packages.LIA.Empty() && !p.options.System.LIAToken.Given() {
		p.problems.Add("-scaleio.lia.token", "is missing: a package of LIA is named; set LIA_TOKEN or -scaleio.lia.token.file")
	}
	if secret := p.options.Mesos.Secret; secret.Given() && !p.has("principal") {
		p.problems.Add("-principal", "is missing: a secret of it is given")
	}
	if d := p.options.Devices; d.MaxSize != 0 && d.MaxSize < d.MinSize {
		p.problems.Add(p.source("devices.max_size"), fmt.Sprintf("%s is below the smallest size, %s", d.MaxSize, d.MinSize))
	}
}

// mdms checks the addresses as a whole.
func (p *parser) mdms() {
	s := p.options.System
	if two, three := len(s.Secondaries), len(s.TieBreakers); two > 0 && three > 0 && (two != three || two > 2) {
		p.problems.Add(p.source("scaleio.preconfig.secondary"),
			fmt.Sprintf("names %d and %s names %d: expected one of each for a cluster of three, two of each for one of five", two, p.source("scaleio.preconfig.tiebreaker"), three))
	}
	if p.has("scaleio.preconfig.primary") {
		for _, twice := range spec.Twice(s.MDMs()) {
			p.problems.Add("-scaleio.preconfig", fmt.Sprintf("%q is named twice: every member of the MDM cluster has its own address", twice))
		}
	}
}

func (p *parser) source(name string) string {
	if v, ok := p.given[name]; ok {
		return v.source
	}
	return "-" + name
}

func (p *parser) allOrNone(names ...string) {
	first := slices.IndexFunc(names, p.has)
	if first < 0 {
		return
	}
	for _, name := range names {
		if !p.has(name) {
			p.problems.Add("-"+name, "is missing beside "+p.source(names[first])+": nothing is downloaded without knowing what it is")
		}
	}
}

// atMostOne refuses two options that contradict each other; what is switched off by "false" is not there.
func (p *parser) atMostOne(a, b string) {
	if p.on(a) && p.on(b) {
		p.problems.Add(p.source(b), "and "+p.source(a)+" exclude each other: expected one of them")
	}
}

func (p *parser) on(name string) bool {
	return p.has(name) && !strings.EqualFold(p.given[name].text, "false")
}
