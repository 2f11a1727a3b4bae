// Package service puts the scheduler together: options, specification, store, the edges, the driver and the HTTP API. It decides nothing.
//
// Run owns the HTTP server's goroutines, the driver's, and one that watches the lock; all have ended when it returns. The API answers before
// the driver runs, and while another scheduler has the lock, so that an operator can always ask.
package service
