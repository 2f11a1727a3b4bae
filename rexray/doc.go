// Package rexray is REX-Ray's configuration for ScaleIO: its model, its rendering, its checks, and the volumes as apps see them.
//
// A Config holds no secret; the node that writes the file adds the password. One service, one module and one socket serve one storage
// pool (REX-Ray 0.11.x; facts in the reference on REX-Ray). The package is pure but for Client, which speaks the Docker volume plugin
// protocol over a socket.
package rexray
