package plan

import (
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/machine"
	"github.com/hyper-nixos/hyper-nixos/model/host"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// startVM makes the launch of a VM: its machine, and where each of its files comes from.
func startVM(in VMInput) (*Start, finding.List, error) {
	if err := qemuUsable(in); err != nil {
		return nil, nil, err
	}
	wish := in.Effective.Accelerator
	if in.From != nil { // the state of a CPU is its accelerator's own
		wish = in.From.Accelerator
	}
	accel, findings, err := Accelerator(wish, in.Facts, in.Wish.Name, in.Effective.Arch)
	if err != nil {
		return nil, nil, err
	}
	findings = append(findings, limits(in)...)
	if err := files(in); err != nil {
		return nil, findings, err
	}
	if err := firmware(in); err != nil {
		return nil, findings, err
	}
	if err := withheld(in); err != nil {
		return nil, findings, err
	}
	if err := hugePages(in); err != nil {
		return nil, findings, err
	}
	disks, err := diskIOAt(in)
	if err != nil {
		return nil, findings, err
	}
	findings = append(findings, disks...)
	nested, err := nestedFlag(in, accel)
	if err != nil {
		return nil, findings, err
	}
	mi := machineInput(in, accel)
	mi.Nested = nested
	m, err := machine.Build(mi)
	if err != nil {
		return nil, findings, err
	}
	start := &Start{
		Order: privilege.Launch{
			VM: in.Wish.Spec.UUID, Name: in.Wish.Name, Arch: in.Effective.Arch, Args: m.Args,
			Sockets: m.Sockets, KVM: m.KVM, TPM: m.TPM, Shares: shares(in), Vsock: in.Effective.Vsock != nil,
			Limits: privilege.Limits{MemoryBytes: m.Limits.MemoryBytes, CPUs: m.Limits.CPUs, Pids: m.Limits.Pids, LockMemory: locked(in.Effective)},
		},
		Accelerator: accel, Pinned: m.Pinned, Spec: atFirst(in.Effective), Ports: m.Ports, Memory: in.Effective.Memory,
	}
	if in.From != nil { // the cards bring along whether their cables are in
		start.Spec = in.Effective.Unlimited().Unpinned()
		start.Memory = in.From.Process.Memory
	}
	for _, u := range m.Uplinks {
		start.Order.Uplinks = append(start.Order.Uplinks, privilege.Uplink{Socket: u.Socket})
	}
	for _, f := range m.Files {
		start.Order.Files = append(start.Order.Files, f.Name)
		start.Files = append(start.Files, source(in, f))
	}
	return start, findings, nil
}

func qemuUsable(in VMInput) error {
	arch := in.Effective.Arch
	q := in.Facts.QEMUFor(arch)
	if q.OK() {
		return nil
	}
	return fault.New(fault.Precondition, "no usable QEMU for %s: %s", arch, q.Why).Try("%s", host.InstallHint(arch)).WithCode("HV-VM-015")
}

// firmware says where the host lacks the firmware that the spec wants.
func firmware(in VMInput) error {
	u := in.Facts.UEFIFor(in.Effective.Arch, in.Effective.SecureBoot)
	if in.Effective.Firmware != vm.UEFI || u.OK() {
		return nil
	}
	return fault.New(fault.Precondition, "vm %q wants firmware uefi: %s", in.Wish.Name, u.Why).Try("%s", host.UEFIHint(u.Arch)).WithCode("HV-VM-043")
}

// limits says where the host does not hold a VM to its limits.
func limits(in VMInput) finding.List {
	c := in.Facts.Cgroup
	if c == nil || c.Enforced {
		return nil
	}
	return finding.List{{
		Code: "HV-VM-016", Severity: finding.Limited, Subject: []string{"vm/" + in.Wish.Name},
		What: "its memory, CPU and process limits are not enforced", Why: c.Why,
		Remedy: "boot the host with the unified hierarchy: systemd.unified_cgroup_hierarchy=1",
	}}
}

// files says which volumes and boot files that the spec names do not exist: all of them.
func files(in VMInput) error {
	var lost finding.List
	miss := func(subject, what, remedy string) {
		lost = append(lost, finding.Finding{Code: "HV-VM-017", Severity: finding.Refused, Subject: []string{subject}, What: what, Remedy: remedy})
	}
	for device, d := range in.Effective.Disks {
		if _, ok := in.Volumes[device]; !ok {
			miss("volume/"+d.Volume, "disk "+device+": there is no volume "+d.Volume, "hv volume create "+d.Volume+" --size 10GiB")
		}
	}
	for drive, d := range in.Effective.CDROMs {
		v, ok := in.Media[drive]
		if !ok && d.Volume != "" {
			miss("volume/"+d.Volume, "drive "+drive+": there is no volume "+d.Volume, "hv volume import "+d.Volume+" FILE --format raw")
		}
		if ok && len(storage.Keys(v.Chain())) > 0 {
			miss("volume/"+d.Volume, "drive "+drive+": volume "+d.Volume+" is encrypted, which a medium cannot be", "hv volume import "+d.Volume+"-plain FILE --format raw, and put that in")
			continue
		}
		if ok && len(v.Chain()) > 1 {
			miss("volume/"+d.Volume, "drive "+drive+": volume "+d.Volume+" stands on another, which a medium cannot", "hv volume import "+d.Volume+"-alone FILE --format raw, and put that in")
		}
	}
	for tag, s := range in.Effective.Shares {
		if _, ok := in.Shares[tag]; !ok {
			miss("share/"+s.Share, "share "+tag+": there is no share "+s.Share, "hv share create "+s.Share+" --path /srv/"+s.Share)
		}
	}
	if b := in.Effective.Boot; in.Effective.BootsKernel() {
		for kind, name := range map[string]string{"kernel": b.Kernel, "initrd": b.Initrd} {
			if _, ok := in.BootFiles[name]; !ok && name != "" {
				miss("boot-file/"+name, "there is no boot file "+name, "hv boot-file import "+name+" FILE --kind "+kind)
			}
		}
	}
	if len(lost) == 0 {
		return nil
	}
	lost.Sort()
	return fault.New(fault.NotFound, "vm %q needs what does not exist", in.Wish.Name).Because(finding.Refusal{Findings: lost}).
		Try("%s", lost[0].Remedy).WithCode("HV-VM-017")
}

func machineInput(in VMInput, accel vm.Accelerator) machine.Input {
	mi := machine.Input{Name: in.Wish.Name, Spec: in.Effective, Accel: accel, Volumes: map[string]machine.Volume{}}
	if in.Last != nil {
		mi.Pinned = in.Last.Pinned
	}
	if in.From != nil {
		if in.From.Pinned != nil {
			mi.Pinned = in.From.Pinned
		}
		mi.Incoming, mi.Ports, mi.Base = true, in.From.Process.Ports, in.From.Process.Memory
		mi.Earlier = in.From.Process.Started.GenerationID == ""
	}
	mi.QEMU = in.Facts.QEMUFor(in.Effective.Arch)
	for device, v := range in.Volumes {
		mi.Volumes[device] = in.consistsOf(v)
	}
	if in.Effective.Firmware == vm.UEFI {
		mi.UEFIBytes = in.Facts.UEFIFor(in.Effective.Arch, in.Effective.SecureBoot).Size
	}
	mi.Media = map[string]machine.Volume{}
	for drive, v := range in.Media {
		mi.Media[drive] = machine.Volume{Format: v.Head().Format, ReadOnly: true, Block: in.Can[v.Head().Pool].Block}
	}
	for _, f := range in.BootFiles {
		mi.BootBytes += f.Size
	}
	return mi
}

// consistsOf is what a machine must know of a volume.
func (in VMInput) consistsOf(v storage.Volume) machine.Volume {
	return machine.Volume{Format: v.Head().Format, Layers: v.Chain(), Block: in.Can[v.Head().Pool].Block}
}

// source says where one file of the machine comes from.
func source(in VMInput, f machine.File) File {
	out := File{Name: f.Name, ReadOnly: f.Access == machine.ReadOnly}
	switch f.Kind {
	case machine.DiskFile:
		l := in.Volumes[f.Device].Chain()[f.Layer]
		out.Source, out.Volume, out.Pool = FromVolume, l.File(), l.Pool
	case machine.MediumFile:
		v := in.Media[f.Device]
		out.Source, out.Volume, out.Pool = FromVolume, v.File, v.Spec.Pool
	case machine.KernelFile, machine.InitrdFile:
		out.Source, out.SHA256 = FromBoot, in.BootFiles[f.Object].SHA256
	case machine.FirmwareFile:
		out.Source, out.Path = FromFirmware, in.Facts.UEFIFor(in.Effective.Arch, in.Effective.SecureBoot).Code
	case machine.NVRAMFile:
		out.Source, out.Secure, out.Path = FromNVRAM, in.Effective.SecureBoot, in.Facts.UEFIFor(in.Effective.Arch, in.Effective.SecureBoot).Vars
	case machine.KeyFile:
		out.Source, out.Key = FromKey, f.Object
	case machine.SeedFile:
		out.Source = FromSeed
	case machine.SerialLog:
		out.Source, out.Log, out.GoesOn = FromLog, "serial", in.From != nil
	case machine.Stderr:
		out.Source, out.Log = FromLog, "qemu"
	}
	return out
}
