// Package scenario is the language of the lab's scenarios: what cluster there is, what happens to it, and what must hold at the end.
//
// Scenarios are YAML files that anyone can write without reading code: docs/lab.md documents every key (a test holds it to the types
// here), unknown and duplicate keys are errors with their line. The package is pure; the lab carries scenarios out.
package scenario
