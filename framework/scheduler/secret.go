package scheduler

import "github.com/dcos-scaleio/scaleio/framework/inventory"

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
