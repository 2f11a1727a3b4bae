// Package iam logs in to DC/OS' identity and access management (IAM) as a service account, and keeps the token that Mesos wants to see.
//
// A service account is a name and a private key. Whoever holds the key signs a short-lived statement with it (RS256), shows that at the
// login endpoint, and gets a token that goes as "Authorization: token=<token>" with each request until it expires.
//
//  1. A token is asked for when it is first needed, again before it expires, and again when Mesos refuses it; never more often than
//     every ten seconds for the same reason.
//  2. While a token is good and the IAM is not, the token is used on.
//  3. No error, log line or print of anything here holds the key, the statement or the token.
//
// The package starts no goroutine; a Login may be used by any number of them, one of which logs in while the others wait.
package iam
