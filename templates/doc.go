// Package templates renders the service spec (svc.yml) from the options: one template per pool mode, sharing parts.yml.tmpl.
//
// Every value goes through the function yaml, which writes it as a YAML scalar or list that reads back as exactly that value: no option can
// become a key or a comment. (A test walks the templates and insists.) Beside yaml there are sprig's functions that depend on nothing but
// their arguments. The package is pure; what the values mean is checked by options before and by spec after.
package templates
