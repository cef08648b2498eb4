package plan

import (
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// mirroring brings a copy to its end that QEMU makes of a disk under its guest: of a volume that is moved, or that
// another one is made a full copy of. What a crash leaves is always one of both, whole:
//
//   - until the guest's writes wait, the object says the old, and QEMU writes to it;
//   - while they wait the two are alike and durable, and the one commit that makes the object say the new comes then;
//   - only after that QEMU is told to write to the new, and only after that the old files go.
//
// A VM that ends while it is copied ends the copy: whoever starts it again does not wait for a disk to be copied.
func mirroring(in VolumeInput) Plan {
	v := in.Wish
	d := writer(in.Disks)
	if v.Arrived() {
		return switching(in, d)
	}
	to, name := v.Head(), "copy it into its new pool"
	if v.Moving != nil {
		to, name = v.Moving.To, "copy it into pool "+v.Moving.To.Pool+" under its guest"
	} else if v.Source != nil {
		name = "copy volume " + v.Source.Volume + " under its guest"
	}
	switch {
	case in.Cancel:
		return unmirrored(in, d, to, nil)
	case d != nil && in.Copy.State == CopyFailed:
		return unmirrored(in, d, to, in.Copy.Err)
	case d == nil:
		return unmirrored(in, d, to, fault.New(fault.Conflict, "the VM that writes to it has ended, and so has the copy that its QEMU made").
			Try("ask again: while it is off its volume is copied by hvd").WithCode("HV-VOL-033"))
	case in.Copy.State == CopyDone && v.Moving != nil:
		next := v.Arriving()
		next.Moving, next.Leaving = v.Moving, v.Chain()
		return Plan{Steps: []Step{{Kind: HoldDisk, Name: "have its guest's writes wait", Volume: &v, Disk: d}}, Becomes: &next}
	case in.Copy.State == CopyDone:
		v.Source = nil
		return Plan{Steps: []Step{{Kind: SplitDisk, Name: "let it be what its source is now", Volume: &in.Wish, Disk: d}}, Becomes: &v, Reached: true}
	case in.Copy.State == CopyRuns:
		return Plan{Moving: &Progress{Name: name, Done: int64(in.Copy.Percent), Total: 100}}
	}
	return Plan{Steps: []Step{{Kind: MirrorDisk, Name: name, Volume: &v, Disk: d}}}
}

// switching has a guest write to the file that its volume consists of already. Where QEMU could not do that, it writes to
// the old: then the volume is that again.
func switching(in VolumeInput, d *VolumeDisk) Plan {
	v, to := in.Wish, in.Wish.Moving.To
	next := v
	next.Moving = nil
	if d == nil { // the process has ended: nobody has written since the two were alike
		return Plan{Becomes: &next}
	}
	if !IsLayer(to, d.On) && !d.Copies {
		next = v.On(v.Leaving)
		next.Spec.Pool = v.Leaving[len(v.Leaving)-1].Pool
		next.Moving, next.Leaving = nil, []storage.Layer{to}
		return Plan{Becomes: &next, GaveUp: fault.New(fault.Unavailable, "QEMU did not put the copy in the place of the original").
			Try("hv vm logs %s --log qemu may say why; ask again", d.VM).WithCode("HV-VOL-034")}
	}
	return Plan{Steps: []Step{{Kind: SwitchDisk, Name: "have its guest write to the copy", Volume: &v, Disk: d}}, Becomes: &next}
}

// unmirrored gives a copy up: what was copied goes, and the volume that was moved is where it was.
func unmirrored(in VolumeInput, d *VolumeDisk, to storage.Layer, why error) Plan {
	v := in.Wish
	p := Plan{GaveUp: why}
	if d != nil {
		p.Steps = append(p.Steps, Step{Kind: EndMirror, Name: "give up the copy", Volume: &v, Disk: d})
	}
	p.Steps = append(p.Steps, Step{Kind: DiscardFiles, Name: "take away what was copied", Volume: &v, Layers: []storage.Layer{to}})
	if v.Source != nil {
		p.Removed = true
		return p
	}
	next := v
	next.Moving = nil
	p.Becomes = &next
	return p
}

// writer is the one VM that runs and writes to a volume.
func writer(disks []VolumeDisk) *VolumeDisk {
	for _, d := range disks {
		if !d.Saved && !d.ReadOnly {
			return &d
		}
	}
	return nil
}

// IsLayer reports whether a layer is the one of which QEMU's node says the beginning of the ID.
func IsLayer(l storage.Layer, head string) bool {
	return head != "" && strings.HasPrefix(strings.ReplaceAll(l.ID, "-", ""), head)
}
