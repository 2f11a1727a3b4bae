// Package rexray emulates REX-Ray 0.11.4 with its ScaleIO driver, as far as our configuration and the apps of a node see it.
//
// It reads rexray.yml as REX-Ray does (what that refuses or dies of, this refuses or dies of), asks the gateway exactly the requests
// that REX-Ray was recorded to ask (traffic/rexray), in their order, and serves the Docker volume plugin protocol on unix sockets
// under the machine's root directory, with REX-Ray's error texts. What it cannot do for real, a mkfs and a mount, the emulated
// machine plays (package host): a volume's content is a directory of the lab that follows the volume from machine to machine.
//
// Program is what a unit of an emulated machine starts. It owns one goroutine per socket and per request, and waits for all of them.
package rexray
