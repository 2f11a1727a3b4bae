// Package spec is the service specification: its types, its YAML, and what must hold of it.
//
// A spec is what svc.yml says after rendering (templates), in the SDK's words plus the block scaleio (design §3). It is pure: Parse takes
// bytes and gives a Service or every error at once, with lines; Validate checks every Rule; ValidateUpdate says what a running service
// cannot change. The checks of single values (CheckName, CheckURL, ...) serve package options too, so that options never accept what a
// spec refuses. Nothing downstream reads options or the environment again.
package spec
