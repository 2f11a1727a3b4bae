// Command scaleio-executor is what runs on every agent: it tells the scheduler what the node is and brings it where the scheduler wants it.
// Mesos starts it as "scaleio-executor run"; "scaleio-executor devices" shows on any Linux host which devices could be taken, and why not.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	var args []string
	if len(os.Args) > 1 { // Mesos may start a program without even its name
		args = os.Args[1:]
	}
	os.Exit(command(ctx, args, os.Getenv, os.Stdout, os.Stderr))
}
