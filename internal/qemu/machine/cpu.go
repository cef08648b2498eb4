package machine

import (
	"slices"
	"strconv"

	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// CPUFlag is what lets a guest run VMs.
type CPUFlag string

// The flags. What else there is of them (nested paging, …) follows with QEMU's models.
const (
	FlagVMX CPUFlag = "vmx" // Intel VT-x
	FlagSVM CPUFlag = "svm" // AMD-V
	FlagEL2 CPUFlag = "el2" // of aarch64: shown by the board, not by the CPU
)

// cpu is what the guest sees as its processor: the model, then what is shown or hidden of it. A guest that may not
// run VMs is told so by both flags, whatever the model: an unknown one would be the host's or the model's to give.
//
// A named model, and a flag that was asked for, is a promise to the guest: enforce makes QEMU refuse to start where
// it could not be kept, instead of leaving out in silence what the guest's programs were built for.
func cpu(in Input, family string) part {
	s := in.Spec.CPU
	model := resolveModel(s.Model, in.Accel, family)
	if family == familyVirt {
		return part{args: []string{"-cpu", options(model, flags(s.Features)...)}}
	}
	o := []string{"vmx", onOff(in.Nested == FlagVMX), "svm", onOff(in.Nested == FlagSVM)}
	if in.Accel == vm.TCG && model == vm.CPUMax && in.Nested == "" {
		o = append(o, "xlevel", xlevel)
	}
	o = append(o, flags(s.Features)...)
	if !slices.Contains([]string{vm.CPUHost, vm.CPUMax}, model) || slices.Contains(o[4:], "on") {
		o = append(o, "enforce", "on")
	}
	if on(in.Spec.HyperV) && in.Accel == vm.KVM {
		o = append(o, hyperv...)
	}
	return part{args: []string{"-cpu", options(model, o...)}}
}

// hyperv is what lets a Windows guest ask its hypervisor for time, interrupts and patience in a word, as on Hyper-V. KVM
// alone has it. Source: docs/system/i386/hyperv.rst of QEMU, "Recommendations".
var hyperv = []string{
	"hv-relaxed", "on", "hv-vapic", "on", "hv-spinlocks", "0x1fff", "hv-vpindex", "on", "hv-runtime", "on", "hv-time", "on",
	"hv-synic", "on", "hv-stimer", "on", "hv-frequencies", "on",
}

// xlevel is the highest extended CPUID leaf of TCG's max without svm. QEMU 7.2 derives it from the features: it
// would end at 0x80000001 and say no address sizes, and programs of such a guest abort in the C library. 10.0
// chooses the same.
const xlevel = "0x80000008"

// resolveModel is what auto stands for. With KVM it is the host's: the guest gets all that the hardware has, and
// keeps it as long as it stays on this hardware. Of TCG on x86 it is max: it boots a Debian kernel as quickly as the
// default qemu64 (1.6 s of CPU time both) and runs systems that want x86-64-v3, qemu64 not even those that want v2.
// On aarch64 max takes three times as long as a Cortex-A72, for pointer authentication; the A72 runs everything
// that wants ARMv8.0.
func resolveModel(wanted string, a vm.Accelerator, family string) string {
	switch {
	case wanted != vm.CPUAuto:
		return wanted
	case a == vm.KVM:
		return vm.CPUHost
	case family == familyVirt:
		return "cortex-a72"
	}
	return vm.CPUMax
}

func flags(wanted map[string]bool) []string {
	var out []string
	for _, name := range sortedKeys(wanted) {
		out = append(out, name, onOff(wanted[name]))
	}
	return out
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

// topology presents the vCPUs as sockets, cores and threads.
func topology(s vm.Spec) part {
	sockets, cores, threads := s.Topology()
	o := []string{"cpus", strconv.Itoa(s.CPUs)}
	if s.CPUsMax > 0 {
		o = append(o, "maxcpus", strconv.Itoa(s.CPUsMax))
	}
	o = append(o, "sockets", strconv.Itoa(sockets), "cores", strconv.Itoa(cores), "threads", strconv.Itoa(threads))
	return part{args: []string{"-smp", options("", o...)}}
}

// checkCPU refuses what could not be shown to the guest.
func checkCPU(f *findings, in Input) {
	if in.Spec.CPU == nil {
		return // told already: the spec is not effective
	}
	for _, o := range vm.CPUObjections(in.Spec, in.QEMU, in.Accel) {
		f.say(CodeCPUModel, o.Path, o.Hint, "%s", o.What)
	}
}
