// Package node holds the templates of the files that a node is given. It is data: the package framework/node fills them in.
package node

import _ "embed"

// REXRayUnit is the systemd unit of our own REX-Ray (reference/rexray.md §4.5): text/template over Home, SocketDir, Binary and Config, which
// must hold no blanks, quotes or percent signs.
//
//go:embed scaleio-rexray.service.tmpl
var REXRayUnit string
