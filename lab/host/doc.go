// Package host is one emulated machine of the lab: a directory that looks like its file system, and the programs that a node runs.
//
// The production executor works on the directory as if it were "/". Every program in it (dpkg, rpm, systemctl, lsblk, drv_cfg, ...) is a
// link to the lab's own binary, which hands its arguments to the process that holds the machine (Main and Serve) and prints what
// that answers: what is installed, running and attached outlives executors, as it does on a machine. Tests and benchmarks call
// Host.Run and need no process.
//
// Services are goroutines of the machine, owned by its unit table: PowerOff and Close end and wait for them. sds and scini report to
// the emulated ScaleIO; other programs are registered by the caller (Config.Programs), as the emulated REX-Ray is.
//
// The package imports nothing of the framework, and of the lab the emulated ScaleIO only: what it knows of lsblk, dpkg or drv_cfg is what those print, not what we parse.
package host
