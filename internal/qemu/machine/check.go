package machine

import (
	"fmt"
	"maps"
	"strings"
	"unicode/utf8"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// The codes of what keeps a machine from being built. Those from hostCodes on ask for a change of the host.
const (
	CodeSpec     = "HV-MACH-001" // the spec is malformed
	CodeFirmware = "HV-MACH-002" // the machine has no such firmware
	CodeVolume   = "HV-MACH-003" // a disk's volume is not there, or of an unknown format
	CodeToken    = "HV-MACH-004" // a kernel command line holds text that is ours
	CodeSlots    = "HV-MACH-005" // more devices than the machine has slots
	CodeCPUs     = "HV-MACH-006" // more vCPUs than the machine takes
	CodeCPUModel = "HV-MACH-007" // a CPU model or flag that cannot be shown here
	CodeQEMU     = "HV-MACH-101" // no usable QEMU for this architecture
	CodeType     = "HV-MACH-102" // QEMU has no such machine type
)

const hostCodes = "HV-MACH-1"

// complete refuses an input that the caller did not finish.
func complete(in Input) error {
	if in.Accel != vm.KVM && in.Accel != vm.TCG {
		return fault.New(fault.Internal, "cannot build a machine for vm %q: accelerator %q is not resolved", in.Name, string(in.Accel))
	}
	_, missing := vm.Effective(in.Spec, in.Spec.Arch)
	if in.Spec.UUID == "" {
		missing = append(missing, "uuid")
	}
	if len(missing) > 0 {
		return fault.New(fault.Internal, "cannot build a machine for vm %q: its spec lacks %s", in.Name, strings.Join(missing, ", "))
	}
	return nil
}

func refusal(name string, found finding.List) error {
	kind := fault.Precondition
	for _, f := range found {
		if !strings.HasPrefix(f.Code, hostCodes) {
			kind = fault.Invalid
		}
	}
	found.Sort()
	return fault.New(kind, "cannot build a machine for vm %q", name).Because(finding.Refusal{Findings: found})
}

// findings collects what is wrong with one VM.
type findings struct {
	vm   string
	list finding.List
}

func (f *findings) say(code, path, remedy, format string, args ...any) {
	f.list = append(f.list, finding.Finding{
		Code: code, Severity: finding.Refused, Subject: []string{"vm/" + f.vm}, What: fmt.Sprintf(format, args...), Remedy: remedy, Path: path,
	})
}

// lay chooses the board and gives each device its slot, or says everything that is in the way.
func lay(in Input) (b board, slots, targets map[string]int, _ finding.List) {
	f := &findings{vm: in.Name}
	for _, p := range vm.Check(vm.Definition{Name: in.Name, Spec: in.Spec}) {
		f.say(CodeSpec, p.Path, p.Hint, "%s: %s", p.Path, p.What)
	}
	checkBoot(f, in.Spec)
	checkVolumes(f, in)
	checkMedia(f, in)
	checkCPU(f, in)
	pinned := pinnedFor(in)
	b = board{family: in.Spec.Machine, serial: on(in.Spec.Serial) && !in.Spec.Screen(), bios: in.Spec.Firmware == vm.BIOS, kvm: in.Accel == vm.KVM, nested: in.Nested != "", fixed: in.Ports, secure: in.Spec.SecureBoot, sata: len(sataPorts(in.Spec)) > 0}
	b.machineType = chooseType(f, in, pinned.MachineType)
	slots = assignSlots(in.Spec, pinned.Slots, kept(in, pinned)...)
	for _, device := range slotted(in.Spec) {
		if slots[device] > b.capacity() {
			f.say(CodeSlots, "machine", "remove devices, or use machine q35", "%s finds no free slot: machine %s has %d", device, b.family, b.capacity())
		}
	}
	targets = assignTargets(in.Spec, pinned.Targets, scsiTargets(in.Spec, pinned.Slots))
	maps.Copy(slots, assignUnits(in.Spec, pinned.Slots, targets))
	f.files(in)
	return b, slots, targets, f.list
}

// pinnedFor is what the guest relies on, unless its owner has since chosen a machine of another family: then
// nothing of the old one stands.
func pinnedFor(in Input) vm.Pinned {
	if in.Pinned == nil || familyOf(in.Pinned.MachineType) != in.Spec.Machine {
		return vm.Pinned{}
	}
	return *in.Pinned
}

// chooseType returns the versioned machine type: the pinned one, else the newest of the family.
func chooseType(f *findings, in Input, pinned string) string {
	if !usable(f, in) {
		return ""
	}
	wanted := in.Spec.Machine
	if pinned != "" {
		wanted = pinned
	}
	m, ok := in.QEMU.MachineType(wanted)
	switch {
	case !ok && pinned != "":
		f.say(CodeType, "machine", "start it on a host with an older QEMU, or choose another machine family: the guest then sees other hardware",
			"its machine type %s is not in QEMU %s any more", pinned, in.QEMU.Version)
	case !ok:
		f.say(CodeType, "machine", "leave machine out", "QEMU %s has no machine %s", in.QEMU.Version, wanted)
	case m.CPUs > 0 && max(in.Spec.CPUs, in.Spec.CPUsMax) > m.CPUs:
		f.say(CodeCPUs, "cpus", fmt.Sprintf("cpus = %d", m.CPUs), "%d vCPUs are more than the %d that %s takes", max(in.Spec.CPUs, in.Spec.CPUsMax), m.CPUs, m.Name)
	}
	return m.Name
}

func usable(f *findings, in Input) bool {
	q := in.QEMU
	switch {
	case q.Path == "" && q.Why == "":
		f.say(CodeQEMU, "arch", host.InstallHint(in.Spec.Arch), "there is no QEMU for %s", in.Spec.Arch)
	case q.Path == "":
		f.say(CodeQEMU, "arch", host.InstallHint(in.Spec.Arch), "%s", q.Why)
	case q.Why != "":
		f.say(CodeQEMU, "", host.InstallHint(in.Spec.Arch), "QEMU is not usable: %s", q.Why)
	case q.Arch != "" && q.Arch != in.Spec.Arch:
		f.say(CodeQEMU, "arch", host.InstallHint(in.Spec.Arch), "%s is of architecture %s, the vm of %s", q.Path, q.Arch, in.Spec.Arch)
	default:
		return true
	}
	return false
}

func checkBoot(f *findings, s vm.Spec) {
	if s.Firmware == vm.BIOS && s.Machine == familyVirt {
		f.say(CodeFirmware, "firmware", `use firmware "uefi", or "kernel" with boot.kernel`, "machine virt has no BIOS")
	}
	if !s.BootsKernel() {
		return
	}
	if strings.Contains(s.Boot.Cmdline, tokenStart) {
		f.say(CodeToken, "boot.cmdline", "leave it out", "boot.cmdline holds %q, which stands for a file of ours", tokenStart)
	}
	if !utf8.ValidString(s.Boot.Cmdline) {
		f.say(CodeToken, "boot.cmdline", "", "boot.cmdline is not UTF-8")
	}
}

func checkVolumes(f *findings, in Input) {
	for _, name := range sortedKeys(in.Spec.Disks) {
		v, ok := in.Volumes[name]
		f.volume("disk", name, "disks."+name+".volume", in.Spec.Disks[name].Volume, v, ok)
	}
}

func checkMedia(f *findings, in Input) {
	for _, name := range sortedKeys(in.Spec.CDROMs) {
		if d := in.Spec.CDROMs[name]; d.Volume != "" {
			v, ok := in.Media[name]
			f.volume("drive", name, "cdroms."+name+".volume", d.Volume, v, ok)
		}
	}
}

func (f *findings) volume(kind, name, path, volume string, v Volume, exists bool) {
	switch {
	case !exists:
		f.say(CodeVolume, path, fmt.Sprintf("hv volume create %s --size 10GiB", volume), "%s %q: volume %q does not exist", kind, name, volume)
	case v.Format != "" && v.Format != storage.Raw && v.Format != storage.QCOW2:
		f.say(CodeVolume, path, "", "%s %q: volume %q has the unknown format %.20q", kind, name, volume, string(v.Format))
	}
}

// otherFiles is how many files and sockets a machine has beside its disks, media and network cards, at most.
const otherFiles = 16

// files holds how many files there are against what one message to the helper takes: a disk has one for each of its layers.
func (f *findings) files(in Input) {
	n := otherFiles + len(in.Media) + len(in.Spec.NICs) + len(in.Spec.Shares)
	for name := range in.Spec.Disks {
		n += max(len(in.Volumes[name].Layers), 1)
	}
	if n > privilege.MaxFiles {
		f.say(CodeSlots, "disks", "delete snapshots of its volumes, or remove disks", "its disks and their layers are %d files with what else it has, and QEMU is given %d at most", n, privilege.MaxFiles)
	}
}
