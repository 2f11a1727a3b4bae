package scheduler

import (
	"crypto/rand"
	"encoding/json"
	"fmt"

	"golang.org/x/crypto/nacl/box"

	"github.com/dcos-scaleio/scaleio/framework/inventory"
)

// Seal gives the bytes of the message: the desired state with the secrets that it needs, each sealed to the node's key. A secret that
// cannot be had is left out (the node's step that needs it says that it is missing); with a key that is none, all are, and the error says so.
func (m Message) Seal(secret func(name string) (string, error)) ([]byte, error) {
	desired, sealed := m.Desired, map[string][]byte{}
	var wrong error
	for _, name := range secretsOf(&desired) {
		text, err := secret(name)
		if err != nil || text == "" {
			continue
		}
		var key [32]byte
		if len(m.PublicKey) != copy(key[:], m.PublicKey) || len(m.PublicKey) != len(key) {
			wrong = fmt.Errorf("the node gave no usable key; its secrets are not sent")
			continue
		}
		if sealed[name], err = box.SealAnonymous(nil, []byte(text), &key, rand.Reader); err != nil {
			delete(sealed, name)
			wrong = fmt.Errorf("sealing %s: %w", name, err)
		}
	}
	desired.Secrets = sealed
	data, err := json.Marshal(desired)
	if err != nil {
		return nil, err
	}
	return data, wrong
}

// secretsOf names the secrets that a desired state needs, and no others.
func secretsOf(d *inventory.Desired) []string {
	var names []string
	if d.REXRay != nil {
		names = append(names, inventory.SecretPassword)
	}
	for _, p := range d.Packages {
		if p.Component == "lia" {
			names = append(names, inventory.SecretLIAToken)
		}
	}
	return names
}
