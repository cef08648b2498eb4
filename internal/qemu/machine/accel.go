package machine

import (
	"strconv"

	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// translationCache bounds the code that TCG keeps translated. QEMU's own bound is an eighth of the host's memory
// up to 1 GiB, which no memory limit of a VM could know of; a Linux boot uses 45 MiB.
const translationCache = 256 * model.MiB

// accelerator says what executes the guest's instructions and which CPU the guest sees. TCG's threads stay
// QEMU's choice: one a vCPU wherever the host keeps the guest's memory order.
func accelerator(a vm.Accelerator, family string) part {
	if a == vm.KVM {
		return part{args: []string{"-accel", "kvm", "-cpu", hostCPU(family)}}
	}
	tcg := options("tcg", "tb-size", strconv.FormatInt(int64(translationCache/model.MiB), 10))
	return part{args: []string{"-accel", tcg, "-cpu", emulatedCPU(family)}}
}

// hostCPU is the host's, less what would let the guest run VMs: nestedVirtualization is a feature of its own.
func hostCPU(family string) string {
	if family == familyVirt {
		return "host" // EL2 is shown only with virtualization=on
	}
	return "host,vmx=off,svm=off"
}

// emulatedCPU is what TCG pretends to be. On x86 max boots a Debian kernel as quickly as the default qemu64 (1.6 s
// of CPU time both) and runs systems that want x86-64-v3, qemu64 not even those that want v2. On aarch64 max takes
// three times as long as a Cortex-A72, for pointer authentication; the A72 runs everything that wants ARMv8.0.
//
// QEMU 7.2 derives the highest extended CPUID leaf from the features: max without svm ends at 0x80000001, says no
// address sizes, and programs of such a guest abort in the C library. So the leaf is named; 10.0 chooses the same.
func emulatedCPU(family string) string {
	if family == familyVirt {
		return "cortex-a72"
	}
	return "max,svm=off,xlevel=0x80000008"
}

// cpus presents vCPUs as cores of one socket: some systems are licensed, or limited, by the socket.
func cpus(n int) part {
	v := strconv.Itoa(n)
	return part{args: []string{"-smp", options("", "cpus", v, "sockets", "1", "cores", v, "threads", "1")}}
}
