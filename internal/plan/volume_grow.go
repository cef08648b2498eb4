package plan

import (
	"fmt"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// VolumeDisk is a volume as the QEMU of one VM has it.
type VolumeDisk struct {
	VM       string      `json:"vm"`
	UUID     string      `json:"uuid"`
	Device   string      `json:"device"` // its id in QEMU
	ReadOnly bool        `json:"readOnly,omitempty"`
	Size     model.Bytes `json:"size"`            // as the guest sees it
	Saved    bool        `json:"saved,omitempty"` // there is no process: its guest is in a file, and knows the volume as it was

	// Of one that is copied under its guest: where it sits, which layer its guest writes to (the beginning of its ID without
	// dashes), and whether QEMU is at the copy.
	Slot   int    `json:"slot,omitempty"`
	On     string `json:"on,omitempty"`
	Copies bool   `json:"copies,omitempty"`

	IO vm.DiskIO `json:"io,omitzero"` // how it was started
}

// grow makes a volume as large as it is wished. Whoever has the file open for writing grows it: a QEMU that runs, or
// else the pool. QEMU is asked for the size that its guest sees, so that a crash between the file's growing and the
// guest's hearing of it leaves something to be done.
func grow(in VolumeInput) (Plan, error) {
	v := in.Wish
	p := Plan{Reached: true}
	writer := false
	for _, d := range in.Disks {
		switch {
		case d.Size >= v.Spec.Size && in.Size >= v.Spec.Size && !d.Saved:
			writer = writer || !d.ReadOnly
		case d.Saved && in.Size >= v.Spec.Size:
		case d.Saved:
			return Plan{}, fault.New(fault.Precondition, "volume %q cannot grow: vm %q is suspended, and its guest knows the volume as it was", v.Name, d.VM).
				Try("hv vm start %s, then resize it", d.VM).WithCode("HV-VOL-007")
		case d.ReadOnly && in.Size < v.Spec.Size:
			return Plan{}, fault.New(fault.Precondition, "volume %q cannot grow while vm %q reads it: its QEMU would not see that", v.Name, d.VM).
				Try("hv vm stop %s, or detach it there, then resize it", d.VM).WithCode("HV-VOL-007")
		case !d.ReadOnly:
			writer = true
			p.Steps = append(p.Steps, Step{Kind: ResizeDisk, Name: fmt.Sprintf("make it %s in vm %s, which runs", v.Spec.Size, d.VM), Volume: &v, Disk: &d})
		}
	}
	if in.Size < v.Spec.Size && (!writer || in.Block) { // QEMU can make no device larger: it is told of one that is
		p.Steps = slices.Insert(p.Steps, 0, Step{Kind: GrowVolume, Name: fmt.Sprintf("make its file %s", v.Spec.Size), Volume: &v})
	}
	return p, nil
}
