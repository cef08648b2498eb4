package plan

import (
	"fmt"

	"github.com/hyper-nixos/hyper-nixos/internal/qemu/machine"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// memory is more of it by virtio-mem, or less than the guest was started with by its balloon.
func (l *liveEdit) memory(path string) {
	s, base, want := l.process.Started, l.process.Memory, l.in.Effective.Memory
	balloon := s.Balloon != nil && *s.Balloon
	switch {
	case s.Memory == want || !l.due(path):
		return
	case base == 0:
		l.Waits[path] = "this QEMU was started by an earlier build, which cannot change it"
	case want > base && s.MemoryMax == 0:
		l.Waits[path] = "it was started without memoryMax, so no memory can be plugged in"
	case want > base && want > s.MemoryMax:
		l.Waits[path] = fmt.Sprintf("it is more than memoryMax %s, with which it was started", s.MemoryMax)
	case want < base && !balloon:
		l.Waits[path] = "it was started without a balloon, so no memory can be taken back"
	case s.MemoryMax > 0 && want > base && (want-base)%vm.MemoryBlock != 0:
		l.Waits[path] = fmt.Sprintf("it was started with %s, and memory is plugged in by %s", base, vm.MemoryBlock)
	default:
		room := qmp.Room{}
		if s.MemoryMax > 0 {
			room.Device, room.More = machine.MemoryDevice, int64(max(want-base, 0))
		}
		if balloon {
			room.Balloon = int64(want)
		}
		l.Steps = append(l.Steps, Step{Kind: Memory, Name: fmt.Sprintf("change its memory from %s to %s", s.Memory, want), Edit: &Edit{Path: path, Room: &room}})
	}
}

// cpus are vCPUs that are plugged in, or taken away again.
func (l *liveEdit) cpus(path string) {
	s, want := l.process.Started, l.in.Effective.CPUs
	switch {
	case s.CPUs == want || !l.due(path):
		return
	case s.CPUsMax == 0:
		l.Waits[path] = "it was started without cpusMax, so none can be plugged in"
	case want > s.CPUsMax:
		l.Waits[path] = fmt.Sprintf("it is more than cpusMax %d, with which it was started", s.CPUsMax)
	case l.in.Last == nil || l.in.Last.Accelerator != vm.KVM:
		// QEMU 7.2 under TCG: the guest hangs in calibrate_delay, later devices are never let go of, and QEMU has ended
		// with "double free or corruption".
		l.Waits[path] = "without KVM a vCPU that is plugged in may end QEMU"
	case want < s.CPUs && l.in.Seen.RunState != "running":
		l.Waits[path] = "the guest has to run to let go of a vCPU"
	default:
		l.Steps = append(l.Steps, Step{Kind: CPUs, Name: fmt.Sprintf("change its vCPUs from %d to %d", s.CPUs, want), Edit: &Edit{Path: path, CPUs: want}})
	}
}
