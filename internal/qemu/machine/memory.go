package machine

import (
	"strconv"

	"github.com/hyper-nixos/hyper-nixos/model"
)

// The slots of what gives memory and takes it back, and their ids as devices in QEMU.
const (
	memorySlot   = "memory"
	balloonSlot  = "balloon"
	MemoryDevice = "memory"
)

// base is the memory that the board has from its start on.
func (in Input) base() model.Bytes {
	if in.Base > 0 {
		return in.Base
	}
	return in.Spec.Memory
}

// memory is plain -m: anonymous memory of QEMU's own, but where it matters what it is (backing).
func memory(in Input) part {
	o := []string{"size", mebibytes(in.base())}
	if in.Spec.MemoryMax > 0 { // QEMU wants a slot where there is room, though virtio-mem takes none
		o = append(o, "slots", "1", "maxmem", mebibytes(in.Spec.MemoryMax))
	}
	return part{args: []string{"-m", options("", o...)}}
}

type memoryBackend struct {
	QOMType string `json:"qom-type"`
	ID      string `json:"id"`
	Size    int64  `json:"size"`
	Share   bool   `json:"share,omitempty"`
}

type virtioMem struct {
	Driver string `json:"driver"`
	ID     string `json:"id"`
	place
	MemDev    string `json:"memdev"`
	Requested int64  `json:"requested-size"`
	Block     int64  `json:"block-size"`
}

// more is the memory that a guest may be given beside its board's. virtio-mem and no DIMMs: it grows and shrinks in
// small blocks, and needs no slot for each. Room for all of it is mapped from the start (reserve=off would have QEMU read
// /proc/sys, which a jail has not); a page of it takes memory of the host's when the guest first uses it.
func more(in Input, at place) part {
	const backend = "memory-more"
	room := memoryBackend{QOMType: "memory-backend-ram", ID: backend, Size: int64(in.Spec.MemoryMax - in.base())}
	if len(in.Spec.Shares) > 0 {
		room.QOMType, room.Share = "memory-backend-memfd", true
	}
	return part{args: []string{
		"-object", object(room),
		"-device", object(virtioMem{
			Driver: "virtio-mem-pci", ID: MemoryDevice, place: at, MemDev: backend,
			Requested: int64(max(in.Spec.Memory-in.base(), 0)), Block: int64(memoryBlock),
		}),
	}}
}

const memoryBlock = 2 * model.MiB

type virtioBalloon struct {
	Driver string `json:"driver"`
	ID     string `json:"id"`
	place
	FreePages bool `json:"free-page-reporting"` // what the guest does not use goes back to the host
	OnOOM     bool `json:"deflate-on-oom"`      // a guest that would end its programs takes memory back first
}

func balloon(at place) part {
	return part{args: []string{"-device", object(virtioBalloon{Driver: "virtio-balloon-pci", ID: "balloon", place: at, FreePages: true, OnOOM: true})}}
}

// VCPUDevice returns the id that a vCPU has as a device which was plugged in.
func VCPUDevice(n int) string { return "vcpu-" + strconv.Itoa(n) }
