// Package strictyaml reads one YAML document into Go types as strictly as an operator deserves, and says everything that is wrong with it
// at once, with line numbers.
//
// Refused are unknown and duplicate keys, values of another type (text stays text: 3.6 for a text must be quoted), keys without a value,
// several documents, anchors, aliases and tags. Keys are the names of json tags; types that unmarshal themselves from JSON do so. It is
// pure and imports nothing of ours.
package strictyaml
