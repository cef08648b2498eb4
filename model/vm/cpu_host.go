package vm

import (
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/model/host"
)

// CPUObjections returns what stands against the CPU of an effective spec on this QEMU and accelerator. What QEMU
// was not asked is held against nothing; what KVM lacks only QEMU can tell, when it starts.
func CPUObjections(s Spec, q host.QEMU, a Accelerator) []Problem {
	var out []Problem
	say := func(path, hint, what string) { out = append(out, Problem{Path: path, Hint: hint, What: what}) }
	if s.CPU.Model == CPUHost && a == TCG {
		say("cpu.model", `cpu.model = "auto" or "max"`, "CPU model host is the host's own and needs KVM, and this VM is emulated (TCG)")
	}
	known, there := q.CPU(s.CPU.Model)
	if !there && len(q.CPUs) > 0 && !slices.Contains([]string{CPUAuto, CPUHost, CPUMax}, s.CPU.Model) {
		say("cpu.model", "hv host -o json lists them under qemu.cpuModels", "QEMU "+q.Version+" has no CPU model "+s.CPU.Model)
	}
	if lacks := lacking(known, s); a == TCG && len(lacks) > 0 && s.CPU.Model != CPUMax {
		say("cpu.model", `cpu.model = "max", or hide them: cpu.features.`+lacks[0]+" = false …",
			"emulation (TCG) cannot show a "+s.CPU.Model+" whole: it lacks "+strings.Join(lacks, ", "))
	}
	for _, name := range sortedKeys(s.CPU.Features) {
		if len(q.CPUFlags) > 0 && !slices.Contains(q.CPUFlags, name) {
			say("cpu.features."+name, "hv host -o json lists them under qemu.cpuFlags", "QEMU "+q.Version+" knows no CPU flag "+name)
		}
	}
	return out
}

// lacking is what the model has and TCG has not, less what the spec hides, and what is of use with nested
// virtualization alone.
func lacking(m host.CPUModel, s Spec) []string {
	var out []string
	for _, flag := range m.Lacks {
		shown, said := s.CPU.Features[flag]
		if said && !shown || !s.NestedVirtualization && (strings.HasPrefix(flag, "vmx") || slices.Contains(svmParts, flag)) {
			continue
		}
		out = append(out, flag)
	}
	return out
}

// svmParts are the flags of CPUID leaf 0x8000000A: without svm there is no such leaf.
var svmParts = []string{
	"svm", "npt", "lbrv", "svm-lock", "nrip-save", "tsc-scale", "vmcb-clean", "flushbyasid", "decodeassists", "pause-filter", "pfthreshold",
	"avic", "v-vmsave-vmload", "vgif", "vnmi", "svme-addr-chk",
}
