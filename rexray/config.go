package rexray

// Config is what one node's REX-Ray is to offer.
type Config struct {
	Endpoint string `json:"endpoint"` // of the gateway, ending in exactly "/api"
	Insecure bool   `json:"insecure,omitempty"`
	User     string `json:"user"`
	SystemID string `json:"system_id"` // 16 hex digits
	Version  string `json:"version,omitempty"`

	Services []Service `json:"services"` // the first is the default one; its driver is "scaleio"

	Preempt  bool   `json:"preempt"`   // take a volume away from a dead node
	Size     int    `json:"size"`      // GiB of a volume whose app names none; a multiple of 8
	FSType   string `json:"fs_type"`   // ext4 or xfs
	FileMode string `json:"file_mode"` // of the data directory: "0777"
	Thick    bool   `json:"thick,omitempty"`
}

// Service offers one storage pool under one volume driver name.
type Service struct {
	Driver           string `json:"driver"` // the socket's base name: "scaleio" or "scaleio-<domain>-<pool>"
	ProtectionDomain string `json:"protection_domain"`
	StoragePool      string `json:"storage_pool"`
}
