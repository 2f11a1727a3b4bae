// Package layout decides which devices of which nodes form which storage pools.
//
// It is pure: no clock, no I/O, no goroutine, no global that changes. The same input in any order gives the same Layout, so that a preview
// is what a commit will do.
//
// The caller
//  1. collects the inventory of every node and what ScaleIO holds now (Observed),
//  2. calls Plan and shows or stores the Layout with its verdicts and problems,
//  3. calls Diff and carries the operations out in order, each when the operations it comes After are done and its claim was checked by
//     the node, and calls Plan again when anything it was given has changed.
//
// Nothing here removes anything: what is observed and not in the layout is a note, never an operation (design §5.9).
package layout
