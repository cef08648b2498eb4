package machine

import (
	"strconv"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// translationCache bounds the code that TCG keeps translated. QEMU's own bound is an eighth of the host's memory
// up to 1 GiB, which no memory limit of a VM could know of; a Linux boot uses 45 MiB.
const translationCache = 256 * model.MiB

// accelerator says what executes the guest's instructions. TCG's threads stay QEMU's choice: one a vCPU wherever
// the host keeps the guest's memory order.
func accelerator(a vm.Accelerator) part {
	if a == vm.KVM {
		return part{args: []string{"-accel", "kvm"}}
	}
	return part{args: []string{"-accel", options("tcg", "tb-size", strconv.FormatInt(int64(translationCache/model.MiB), 10))}}
}
