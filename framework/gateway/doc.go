// Package gateway manages a ScaleIO system through the REST API of its gateway: Observe reads the whole system, Apply carries out one
// operation of a layout. Nothing else in the project talks to that API.
//
// Apply looks up before it creates and makes the system as the operation says, so that repeating any operation changes nothing, also after
// an answer that was lost on the way. What is there under our name but not as we would have it is a Conflict and is not touched.
// Errors are of package fault and say what the operator can do; none holds a secret.
//
// The calls are those of github.com/dell/goscaleio, with raw ones for what it lacks, all through goscaleio's http.Client. What goscaleio
// cannot do is done underneath it, in endpoint (endpoint.go, login.go), which stands there as the http.RoundTripper:
//   - TLS. goscaleio's constructor knows "insecure" and the system's roots only, and its client takes no http.Client; so httpClient (goscaleio.go)
//     reads the pointer to the one it made and the transport is set there: public fields of net/http from then on. It fails at Dial, and
//     closed, should another goscaleio hide the pointer elsewhere. The other way, a proxy of our own on a loopback port, would have handed
//     the password to the loopback interface and an open port to every process of the machine.
//   - The gateway. There is one goscaleio client in the process, because its constructor writes package variables that every call reads; the
//     gateway that a request is for is in its context, and a request without one is not sent.
//   - Login. GET /api/login and /api/version are asked here, because goscaleio's Authenticate recurses without end when /api/version refuses
//     a fresh token, misreads "3.10" and hides why it failed. goscaleio never holds a password or a token; what it may print
//     (GOSCALEIO_DEBUG, GOSCALEIO_SHOWHTTP) shows none.
//   - Token expiry: a 401, whatever its body, leads to one login and one repeat. A password that was refused is not tried again for a
//     while, so that many steps waiting for ScaleIO do not lock the account.
//   - The version headers, which goscaleio keeps in package variables: each request gets those of its own gateway.
//   - Refusals: an answer that is not 2xx never reaches goscaleio, which loses its status or its body; it becomes an error of package fault here.
//
// Gateways are tried in their order; the one that answered last is asked first. A connection that fails, a timeout and 502 to 504 mean the next one,
// where the whole operation begins anew with its look-up; a refused password or certificate does not. All must manage one system: the one that
// SystemName names, or else the one that the first login found.
//
// A Client is safe for use by several goroutines and owns none. goscaleio's client remembers the context of the next call, so every call works
// on a copy of it and makes one request. Calls run side by side; logins at one gateway take turns.
package gateway
