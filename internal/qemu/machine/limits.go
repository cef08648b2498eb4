package machine

import (
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// What QEMU needs beside the guest's memory. A limit that is too low kills guests, one that is generous costs
// nothing: it is no reservation. Measured: 16 MiB private memory for an idle q35.
const (
	baseMemory  = 128 * model.MiB // program, firmware, device models, allocator
	pageTables  = 256             // guest memory / 256: two levels of 8 bytes a 4 KiB page, QEMU's and the accelerator's
	perCPU      = 16 * model.MiB  // stack, TLB of TCG, MSR and XSAVE areas
	perDisk     = 16 * model.MiB  // requests in flight and their bounce buffers
	perQCOW2    = 64 * model.MiB  // its L2 cache, 32 MiB at most, and refcount blocks
	perLayer    = 32 * model.MiB  // of a layer below a head: its L2 cache; nothing is counted in it
	perNIC      = 16 * model.MiB  // packets in flight
	threadStack = 8 * model.MiB   // as glibc maps it, of which a thread uses a part
	workerPids  = 128             // QEMU's I/O thread pool has up to 64; the rest is room
	emulatorCPU = 1               // for QEMU's own threads beside the vCPUs
)

// limits allows guest memory + guest memory / 256 + 128 MiB + 16 MiB a vCPU, disk and NIC + 64 MiB a qcow2 disk
// + the boot files and the UEFI firmware + what TCG keeps translated + what may be plugged in while it runs
// + all stacks, where memory is locked; one CPU beside those of the guest.
func limits(in Input) Limits {
	s := in.Spec
	memory, cpus := max(s.Memory, s.MemoryMax), max(s.CPUs, s.CPUsMax)
	total := memory + memory/pageTables + baseMemory + in.BootBytes + in.UEFIBytes +
		perCPU*model.Bytes(cpus) + perDisk*model.Bytes(len(s.Disks)+len(s.CDROMs)) + perNIC*model.Bytes(len(s.NICs)) + sparePorts*(perDisk+perQCOW2)
	for name := range s.Disks {
		v := in.Volumes[name]
		if v.Format == storage.QCOW2 {
			total += perQCOW2
		}
		for _, l := range v.Layers[:max(len(v.Layers)-1, 0)] {
			if l.Format == storage.QCOW2 {
				total += perLayer
			}
		}
	}
	if s.Screen() {
		total += displayMemory
	}
	for _, medium := range in.Media {
		if medium.Format == storage.QCOW2 {
			total += perQCOW2
		}
	}
	if in.Accel == vm.TCG {
		total += translationCache
	}
	pids := cpus + len(s.IOThreads()) + workerPids
	if b := s.MemoryBacking; b != nil && b.Locked { // the kernel fills each thread's stack when it is made
		total += threadStack * model.Bytes(pids)
	}
	return Limits{MemoryBytes: int64(total), CPUs: cpus + emulatorCPU, Pids: pids}
}
