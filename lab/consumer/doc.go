// Package consumer uses volumes as an app on an agent does: as the docker/volume isolator of Mesos with dvdcli, over the Docker volume
// plugin protocol on the sockets of the machine.
//
// Dvdcli is the program (same arguments, output, exit statuses and retries as dvdcli 7dede14); Isolator is what Mesos makes of it: one
// mount per volume and container, 120 s for it, unmount with the last container. It speaks the protocol itself and imports nothing of
// the framework.
package consumer
