package options

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/dcos-scaleio/scaleio/framework/spec"
)

// SecretVariables are the environment variables that hold secrets: main takes them out of its environment once Parse has read them.
func SecretVariables() (names []string) {
	for o := range All() {
		if o.Secret() {
			names = append(names, o.Env...)
		}
	}
	return names
}

// Environ gives the environment variables that say the same as options in the form of options.json: names nested in groups, or joined by
// dots, or both. Unknown names and values of no use are errors, all at once.
func Environ(values map[string]any) ([]string, error) {
	set, problems := map[string]string{}, &spec.Problems{}
	flatten("", values, set, problems)
	env := make([]string, 0, len(set))
	from := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		o, known := byName(name)
		switch {
		case !known && gone(name) != "":
			problems.Add("option "+name, gone(name))
			continue
		case !known:
			problems.Add("option "+name, "is unknown")
			continue
		case from[o.Name] != "":
			problems.Add("option "+name, "is given a second time, first as "+from[o.Name])
			continue
		}
		from[o.Name] = name
		env = append(env, o.Env[0]+"="+set[name])
	}
	slices.Sort(env)
	return env, problems.Sorted()
}

func flatten(name string, value any, into map[string]string, problems *spec.Problems) {
	if group, ok := value.(map[string]any); ok {
		for _, key := range slices.Sorted(maps.Keys(group)) {
			flatten(strings.TrimPrefix(name+"."+key, "."), group[key], into, problems)
		}
		return
	}
	text, ok := plain(value)
	if !ok {
		problems.Add("option "+name, fmt.Sprintf("has a value of type %T: expected text, a number, true, false or a list of texts without commas", value))
		return
	}
	if _, twice := into[name]; twice {
		problems.Add("option "+name, "is given twice")
	}
	into[name] = text
}

// plain gives a value as a variable holds it.
func plain(value any) (string, bool) {
	switch v := value.(type) {
	case nil:
		return "", true
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case int, int64, uint64, json.Number:
		return fmt.Sprint(v), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case []string:
		return strings.Join(v, ","), !slices.ContainsFunc(v, func(item string) bool { return strings.Contains(item, ",") })
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			text, ok := item.(string)
			if !ok {
				return "", false
			}
			items[i] = text
		}
		return plain(items)
	}
	return "", false
}

// Help tells every option to somebody at a terminal.
func Help() string {
	var b strings.Builder
	for i, group := range Table {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(group.Title + "\n")
		for _, o := range group.Options {
			if o.Secret() {
				fmt.Fprintf(&b, "  %s (environment only)\n", o.Env[0])
			} else {
				fmt.Fprintf(&b, "  -%s %s (%s)\n", o.Name, o.Kind(), strings.Join(o.Env, ", "))
			}
			b.WriteString("      " + o.Help + o.defaultSaid() + "\n")
		}
	}
	return b.String()
}

func (o Option) defaultSaid() string {
	switch {
	case o.Required:
		return " Required."
	case o.Default == "":
		return ""
	}
	return " Default: " + o.Default + "."
}

// Markdown is docs/options.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString(`# Options

<!-- Made from framework/options/table.go by its test: go test ./framework/options -update -->

The scheduler takes its options from flags (` + "`-name=value` or `-name value`" + `) and from environment variables; a flag wins, an empty variable
is as good as none. In options.json the names are nested at their dots, or written with them. Everything that is wrong is said at once, one
line each, and nothing is sent before all is right. Secrets are never taken from a command line.
`)
	for _, group := range Table {
		fmt.Fprintf(&b, "\n## %s\n\n| option | variable | value | default | meaning |\n|---|---|---|---|---|\n", group.Title)
		for _, o := range group.Options {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", o.names(), code(o.Env...), cell(o.Kind()), o.defaultCell(), cell(o.Help))
		}
	}
	b.WriteString("\n## Removed\n\nFlags of the {code} ScaleIO Framework 0.3.1 that are refused, with what replaces them.\n\n| flag | instead |\n|---|---|\n")
	for _, r := range removed {
		name := r.name
		if strings.HasSuffix(name, ".") {
			name += "*"
		}
		fmt.Fprintf(&b, "| %s | %s |\n", code("-"+name), cell(r.says))
	}
	return b.String()
}

func (o Option) names() string {
	if o.Secret() {
		return "(variable only)"
	}
	names := []string{"-" + o.Name}
	for _, alias := range o.Aliases {
		names = append(names, "-"+alias)
	}
	return code(names...)
}

func (o Option) defaultCell() string {
	switch {
	case o.Required:
		return "**required**"
	case o.Default == "":
		return ""
	}
	return code(o.Default)
}

func code(words ...string) string { return "`" + strings.Join(words, "`, `") + "`" }

func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`).Replace(text)
}
