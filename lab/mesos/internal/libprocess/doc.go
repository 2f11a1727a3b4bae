// Package libprocess serves HTTP/1.1 as the process library of Mesos does, which net/http would not: headers in the order of a
// real Mesos, one HTTP chunk per RecordIO record, a stream that ends with its last chunk while the connection stays open, and a
// request behind a SUBSCRIBE on the same connection whose answer goes straight into the middle of the chunks.
//
// It knows HTTP and RecordIO and nothing of Mesos: what to answer is the Handler's.
//
// Goroutines: one per listener, one per connection (it reads), and one per stream only while that stream has something to write.
// Close ends them all and waits for them. A Handler and a Stream's gone callback are called from a connection's goroutine and may
// take any lock; Stream.Send, End and Break never block and may be called with any lock held.
//
// Sources: traffic/mesos/08-http-errors, 23-subscribe-http-variants, reference/mesos.md §3.1.
package libprocess
