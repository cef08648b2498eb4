package machine

import (
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

type tpmDevice struct {
	Driver string `json:"driver"`
	ID     string `json:"id"`
	TPMDev string `json:"tpmdev"`
}

// tpm is the front of a swtpm of the VM's own, which hv-helper starts beside QEMU and joins to it by a connection of
// theirs alone. It takes no slot: the guest finds it by ACPI, or on aarch64 by the platform bus.
func tpm(t vm.TPM, family string) part {
	driver := "tpm-crb"
	if t.Interface == vm.TPMTIS {
		driver = "tpm-tis"
	}
	if family == familyVirt {
		driver = "tpm-tis-device"
	}
	return part{args: []string{
		"-chardev", options("socket", "id", "tpm", "fd", fd(privilege.TPMSocket)),
		"-tpmdev", options("emulator", "id", "tpm0", "chardev", "tpm"),
		"-device", object(tpmDevice{driver, "tpm", "tpm0"}),
	}}
}
