// Package inventory holds the words that the scheduler and a node say to each other, and the checks that decide whether a device may be taken.
//
// The scheduler sends a node its own Desired state, with a generation number; the node answers with Reports that name the generation they
// speak of (design §5.3). Both travel as JSON: Desired as the data of a framework MESSAGE, Report as the data of a status update (at most
// MaxReport bytes: an update that cannot be delivered is redelivered for ever).
//
// The package is pure: types, their limits, and Check. Probing devices belongs to node, choosing among them to layout.
package inventory
