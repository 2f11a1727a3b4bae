// Package progress follows the plans of a scheduler by its HTTP API and shows them to a person.
//
// Board holds what is known of the plans and is pure; Watch fills one from the API's stream of events (one connection, no polling), in
// one goroutine that ends with its context; Screen draws it: over and over on a terminal, as plain lines elsewhere.
package progress
