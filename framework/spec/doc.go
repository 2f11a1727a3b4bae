// Package spec is the service specification: its types, its YAML, and what must hold of it.
//
// A spec is what svc.yml says after rendering (templates), in the SDK's words plus the block scaleio (design §3). It is pure: Parse takes
// bytes and gives a Service or every error at once. Nothing downstream reads options or the environment again.
package spec
