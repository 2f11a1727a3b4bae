package node

import (
	"crypto/rand"
	"fmt"
	"io"

	"golang.org/x/crypto/nacl/box"

	"github.com/dcos-scaleio/scaleio/framework/fault"
	"github.com/dcos-scaleio/scaleio/framework/secret"
)

// Key opens what was sealed to its public half. The private half never leaves the process.
type Key struct{ public, private *[32]byte }

// NewKey makes a key (X25519) from random, crypto/rand if nil.
func NewKey(random io.Reader) (*Key, error) {
	if random == nil {
		random = rand.Reader
	}
	public, private, err := box.GenerateKey(random)
	if err != nil {
		return nil, fmt.Errorf("make a key pair: %w", err)
	}
	return &Key{public, private}, nil
}

// Public is what others seal secrets to.
func (k *Key) Public() []byte { return k.public[:] }

// String keeps the key out of messages.
func (*Key) String() string { return "***" }

// Open opens a nacl anonymous box.
func (k *Key) Open(sealed []byte) (secret.Value, error) {
	text, ok := box.OpenAnonymous(nil, sealed, k.public, k.private)
	if !ok {
		return secret.Value{}, fault.New(fault.Temporary, "secret", "", "it is sealed to another key: the executor was started anew since; the scheduler sends it again")
	}
	return secret.New(string(text)), nil
}
