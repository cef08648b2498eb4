package config

import (
	"github.com/hyper-nixos/hyper-nixos/internal/feature"
	"github.com/hyper-nixos/hyper-nixos/internal/feature/catalogue"
	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// FeatureFacts is what features need to know of a host's facts. What was not asked stays unknown.
func FeatureFacts(f host.Facts) feature.Facts {
	out := feature.Facts{Platform: platform(f), Needs: map[catalogue.Need]feature.NeedState{}}
	set := func(n catalogue.Need, met bool, why string) {
		out.Needs[n] = feature.NeedState{Met: met, Why: why}
	}
	if q := f.QEMU; q != nil {
		set(catalogue.QEMU, q.OK(), said(q.Why, "QEMU "+q.Version))
	}
	if t := f.Nginx; t != nil {
		set(catalogue.Nginx, t.OK(), said(t.Why, "nginx "+t.Version))
	}
	if t := f.NFT; t != nil {
		set(catalogue.NFTables, t.OK(), said(t.Why, "nftables "+t.Version))
	}
	if v := f.IOMMU; v != nil {
		set(catalogue.IOMMU, v.OK, v.Why)
	}
	if c := f.CPU; c != nil && f.Arch == "x86_64" { // EL2 of ARM64 is no flag of a CPU's
		set(catalogue.CPUVirtualization, c.VTx || c.AMDV, virtualization(*c))
	}
	return out
}

// platform is the specification's word for what a host is; empty where nobody asked.
func platform(f host.Facts) catalogue.Platform {
	if f.OS == "" || f.Arch == "" {
		return catalogue.NotAsked
	}
	return catalogue.PlatformOf(f.OS, goArch(f.Arch))
}

func said(why, otherwise string) string {
	if why != "" {
		return why
	}
	return otherwise
}

func virtualization(c host.CPU) string {
	switch {
	case c.VTx:
		return "the CPU has VT-x"
	case c.AMDV:
		return "the CPU has AMD-V"
	}
	return "the CPU shows neither VT-x nor AMD-V"
}

// goArch is Go's word for QEMU's architecture.
func goArch(arch string) string {
	switch arch {
	case "x86_64":
		return "amd64"
	case "aarch64":
		return "arm64"
	}
	return arch
}
