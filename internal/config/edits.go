package config

import "github.com/hyper-nixos/hyper-nixos/internal/feature"

// Edits says of each code that Check's findings about the host and the VMs may carry whether an edit of the declaration
// alone takes the finding away. Those about features say it themselves (feature.Codes).
func Edits() map[string]feature.Edits {
	return map[string]feature.Edits{
		CodeHostName:        feature.ByEdit,
		CodeHostDescription: feature.ByEdit,
		CodeUnlockDelay:     feature.ByEdit,
		CodePool:            feature.ByOwner,
		CodeVMShape:         feature.ByOwner,
		CodeVMCPUs:          feature.ByEdit,
		CodeVMMemory:        feature.ByEdit,
		CodeVMMachine:       feature.ByEdit,
		CodeVMUUID:          feature.ByEdit,
		CodeVMMAC:           feature.ByEdit,
		CodeVMVolume:        feature.ByEdit,
		CodeVMTotal:         feature.ByOwner,
		CodeVMName:          feature.ByOwner,
		CodeVMCircle:        feature.ByEdit,
		CodeVMKVM:           feature.ByEdit,
		CodeVMQEMU:          feature.ByHost,
		CodeVMUEFI:          feature.ByHost,
		CodeVMSystem:        feature.ByOwner,
		CodeVMCPU:           feature.ByEdit,
		CodeVMNested:        feature.ByEdit,
		CodeVMNUMAGrows:     feature.ByEdit,
		CodeVMHugeGrows:     feature.ByEdit,
		CodeVMLockGrows:     feature.ByEdit,
		CodeVMHostNodes:     feature.ByEdit,
		CodeVMHugePages:     feature.ByEdit,
		CodeVMNoCPU:         feature.ByEdit,
		CodeVMPins:          feature.ByOwner,
	}
}
