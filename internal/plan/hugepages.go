package plan

import (
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// hugePages counts those that a start needs and the host has free: QEMU would end with "Cannot allocate memory".
func hugePages(in VMInput) error {
	b := in.Effective.MemoryBacking
	if b == nil || b.HugePages == 0 || in.Facts.Layout == nil {
		return nil
	}
	need, free, total := int(in.Effective.Memory/b.HugePages), 0, 0
	for _, p := range in.Facts.Layout.HugePages {
		if p.Size == b.HugePages {
			free, total = p.Free, p.Total
		}
	}
	if need <= free {
		return nil
	}
	return fault.New(fault.Exhausted, "vm %q needs %d huge pages of %s: %d are free, of %d", in.Wish.Name, need, b.HugePages, free, total).
		Try("as root: echo %d > /sys/kernel/mm/hugepages/hugepages-%dkB/nr_hugepages; where that sets fewer aside, at boot: hugepagesz=%s hugepages=%d",
			total+need-free, b.HugePages/model.KiB, kernelSize(b.HugePages), total+need-free).WithCode("HV-VM-115")
}

// kernelSize is a size as the kernel's command line has it.
func kernelSize(b model.Bytes) string {
	if b == vm.HugePage1G {
		return "1G"
	}
	return "2M"
}

func locked(s vm.Spec) bool { return s.MemoryBacking != nil && s.MemoryBacking.Locked }
