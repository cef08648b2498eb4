package vm

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"slices"
)

// Effective returns s with every default filled in, and the JSON paths of the fields that were:
// the layer between what was written and what runs. arch is the host's. s itself is not changed.
func Effective(s Spec, arch string) (Spec, []string) {
	out := s.Clone()
	var filled []string
	set := func(path string, missing bool, fill func()) {
		if missing {
			fill()
			filled = append(filled, path)
		}
	}
	set("power", out.Power == "", func() { out.Power = Off })
	system(&out, cmp.Or(out.Arch, arch), set)
	processor(&out, set)
	set("memory", out.Memory == 0, func() { out.Memory = DefaultMemory })
	numa(&out, set)
	set("balloon", out.Balloon == nil && out.MemoryMax > 0, func() { out.Balloon = yes() })
	set("arch", out.Arch == "", func() { out.Arch = arch })
	set("machine", out.Machine == "", func() { out.Machine = defaultMachine(out.Arch) })
	set("accelerator", out.Accelerator == "", func() { out.Accelerator = Auto })
	set("firmware", out.Firmware == "", func() { out.Firmware = defaultFirmware(out) })
	set("serial", out.Serial == nil, func() { out.Serial = yes() })
	set("rng", out.RNG == nil, func() { out.RNG = yes() })
	set("agent", out.Agent == nil, func() { out.Agent = yes() })
	set("generationID", out.GenerationID == "", func() { out.GenerationID = GenerationID(out.UUID) })
	set("stopTimeout", out.StopTimeout == 0, func() { out.StopTimeout = DefaultStopTimeout })
	set("onPowerOff", out.OnPowerOff == "", func() { out.OnPowerOff = AfterStop })
	set("onReboot", out.OnReboot == "", func() { out.OnReboot = AfterRestart })
	set("onCrash", out.OnCrash == "", func() { out.OnCrash = AfterStop })
	if out.Watchdog != nil {
		set("watchdog.onExpiry", out.Watchdog.OnExpiry == "", func() { out.Watchdog.OnExpiry = ExpiryReset })
	}
	if out.Graphics != nil {
		set("graphics.device", out.Graphics.Device == "", func() { out.Graphics.Device = defaultDisplay(out.Arch) })
	}
	if out.TPM != nil {
		set("tpm.interface", out.TPM.Interface == "", func() { out.TPM.Interface = defaultTPM(out.Arch) })
	}
	if out.Vsock != nil {
		set("vsock.cid", out.Vsock.CID == 0, func() { out.Vsock.CID = CID(out.UUID) })
	}
	if s := out.Snapshots; s != nil {
		set("snapshots.keep", s.Keep == nil, func() { s.Keep = &Keep{Last: DefaultKeep} })
	}
	bootOrder(&out, set)
	for _, name := range sortedKeys(out.NICs) {
		nic := out.NICs[name]
		set("nics."+name+".network", nic.Network == "", func() { nic.Network = UserNetwork })
		set("nics."+name+".mac", nic.MAC == "", func() { nic.MAC = MAC(out.UUID, name) })
		out.NICs[name] = nic
	}
	return out, filled
}

func yes() *bool { v := true; return &v }

func defaultMachine(arch string) string {
	if arch == "aarch64" {
		return "virt"
	}
	return "q35"
}

func defaultFirmware(s Spec) Firmware {
	if s.SecureBoot {
		return UEFI
	}
	if s.BootsKernel() {
		return Kernel
	}
	return BIOS
}

// MAC returns the address that a NIC has when its owner gives none: QEMU's prefix 52:54:00 and
// three bytes of a digest of the VM's UUID and the device name, so that it stays the same for ever.
func MAC(uuid, device string) string {
	sum := sha256.Sum256([]byte(uuid + "\x00" + device))
	return fmt.Sprintf("52:54:00:%02x:%02x:%02x", sum[0], sum[1], sum[2])
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
