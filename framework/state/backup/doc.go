// Package backup writes what a store holds to a file of JSON lines, and such a file to a store: to keep it, to look at it, or to move it from
// one kind of store to another. It knows nothing of what the values mean. It owns no goroutine.
//
// The first line says what the file is and how many keys follow; each further line is a key with its value: as JSON if it is compact JSON,
// else in base64.
package backup
