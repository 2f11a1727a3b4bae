// Package service puts the scheduler together: options, specification, store, the edges, the driver and the HTTP API. It decides nothing.
//
// Run owns the HTTP server's goroutine and the driver's; both have ended when it returns. The API answers before the driver runs, so that
// an operator can always ask.
package service
