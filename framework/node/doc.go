// Package node is what is done on a host: probing it, bringing it to a Desired state step by step, and checking a device once more before
// it is attached.
//
// It is one of the edges (design §4): nothing but this package runs a command on a host or touches a file outside of a sandbox, and it does
// so through Host, in the host's own mount namespace. It knows nothing of Mesos.
//
//   - Host is the small interface to a machine; NewHost gives the real one, and one whose root is any directory (lab, tests).
//   - Probe tells what a host is: its devices, software, addresses. Facts only; whether a device may be taken is said by inventory.Examine.
//     What a probe cannot tell makes a device Unreadable, which is a refusal. An empty answer is an answer, not an error.
//   - Steps lists what a Desired asks for, in order; each step knows how to see that it is so already (Check), how to make it so (Apply), and
//     what that would do (Explain). Progress.Advance takes a host exactly one step closer. A step is Done only when Check says so after Apply.
//   - Claims probes devices again and examines them.
//
// What a step may do: install a package that is not there, enable and start a service, write its own files. What none does: remove or
// replace a package, stop a service other than our own REX-Ray, write to a device, reboot unless told so. A command gets secrets by its
// environment and files of mode 0600, never by its arguments.
//
// The package keeps no clock, no goroutine and no global that changes: time and pauses come in as arguments. A Progress belongs to one
// goroutine; a Host may be used by several.
package node
