package host

import "github.com/hyper-nixos/hyper-nixos/model"

// Layout is how the host's memory is divided.
type Layout struct {
	NUMA        []NUMANode  `json:"numa,omitempty"`        // one: all memory is equally near
	HugePages   []HugePages `json:"hugePages,omitempty"`   // by size
	Transparent string      `json:"transparent,omitempty"` // huge pages without asking: always, madvise, never
	Swap        []Swap      `json:"swap,omitempty"`        // where memory of VMs may come to lie
}

// NUMANode is memory with the CPUs that are near it.
type NUMANode struct {
	ID     int         `json:"id"`
	CPUs   string      `json:"cpus,omitempty"` // a list such as 0-7,16-23
	Memory model.Bytes `json:"memory,omitempty"`
}

// HugePages are pages of one size that were set aside.
type HugePages struct {
	Size  model.Bytes `json:"size"`
	Total int         `json:"total"`
	Free  int         `json:"free"`
}

// Swap is one swap area.
type Swap struct {
	Path string      `json:"path"`
	Kind string      `json:"kind"` // partition, file
	Size model.Bytes `json:"size"`
}
