package inventory

import "github.com/dcos-scaleio/scaleio/rexray"

// Desired is what one node is to be. It holds no secret in the clear: Secrets are sealed to the key of the node's last report.
type Desired struct {
	Node       string `json:"node"`       // hostname; a node refuses the state of another
	Generation uint64 `json:"generation"` // grows with every change of anything below
	Probe      uint64 `json:"probe"`      // a number not seen before asks for a fresh inventory and a full report

	Packages []Package `json:"packages,omitempty"`
	// Signatures is what is asked of the signatures of rpm files: one of the constants below, "" as SignaturesCheck.
	Signatures string   `json:"signatures,omitempty"`
	SDS        bool     `json:"sds"`            // the SDS service is to run
	MDMs       []string `json:"mdms,omitempty"` // the MDM addresses that the SDC registers with; empty: no SDC
	Limits     Limits   `json:"limits"`
	Claims     []Claim  `json:"claims,omitempty"` // devices about to be attached: check them once more and say so

	REXRay       *rexray.Config `json:"rexray,omitempty"`        // nil: leave REX-Ray alone
	REXRayBinary Binary         `json:"rexray_binary,omitempty"` // where it is, or where it comes from

	AllowReboot bool              `json:"allow_reboot,omitempty"`
	Secrets     map[string][]byte `json:"secrets,omitempty"` // by the names below, sealed (nacl anonymous box)
}

// What is asked of signatures.
const (
	SignaturesOff     = "off"
	SignaturesCheck   = "check" // none may be wrong
	SignaturesRequire = "require"
)

// Names of secrets in Desired.Secrets.
const (
	SecretPassword = "scaleio-password" // of the gateway's user, for REX-Ray
	SecretLIAToken = "lia-token"
)

// Package is a ScaleIO component that a node is to have, for either family of distributions.
type Package struct {
	Component string   `json:"component"` // "sds", "sdc", "lia"
	Deb       Artifact `json:"deb"`
	RPM       Artifact `json:"rpm"`
}

// Artifact is a file to download: nothing of it runs before its SHA256 (hex) is right.
type Artifact struct {
	URL     string `json:"url,omitempty"`
	SHA256  string `json:"sha256,omitempty"`
	Version string `json:"version,omitempty"`
}

// Binary is a program that is there already (Path) or is to be fetched (Artifact).
type Binary struct {
	Path     string   `json:"path,omitempty"`
	Artifact Artifact `json:"artifact,omitzero"`
}

// Claim is a device that the scheduler is about to attach to an SDS.
type Claim struct {
	Device string `json:"device"` // Device.ID
	Path   string `json:"path"`   // as the last report said
}
