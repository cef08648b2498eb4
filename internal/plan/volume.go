package plan

import (
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// VolumeInput is everything that the plan of a volume follows from.
type VolumeInput struct {
	Wish   storage.Volume
	Exists bool   // its file is there
	Made   bool   // its file was made or imported once
	UsedBy string // who claims it: "vm/web"; empty for nobody

	Trouble bool // the status tells of a problem

	Size  model.Bytes  // of its content; 0 where there is none
	Block bool         // it is a block device
	Disks []VolumeDisk // the VMs that have it open now, or are suspended with it

	Copy   Copy // of its content, where one is being made
	Cancel bool // somebody asked to give that up
}

// Volume returns what is to be done about a volume: its file is made once, grows, and is taken away when the
// volume is deleted and nobody uses it. A file that was made and is gone is told, never made anew:
// an empty disk in its place would hide the loss.
func Volume(in VolumeInput) (Plan, error) {
	v := in.Wish
	switch {
	case v.Deleted != nil && in.UsedBy != "":
		return Plan{}, nil // looked at again when the claim goes
	case v.Deleted != nil && len(v.Leaving) > 0: // nothing says of them once it is gone
		return leaving(v), nil
	case v.Deleted != nil && in.Exists && v.KeepUntil != nil:
		return Plan{Reached: true, Removed: true, Trashed: true}, nil
	case v.Deleted != nil && in.Exists:
		return Plan{Steps: []Step{{Kind: DeleteVolume, Name: "delete its file", Volume: &v}}, Reached: true, Removed: true}, nil
	case v.Deleted != nil:
		return Plan{Reached: true, Removed: true}, nil
	case v.Source != nil && v.Source.Live, v.Moving != nil && v.Moving.Live && in.Exists:
		return mirroring(in), nil
	case v.Source != nil, v.Moving != nil && in.Exists:
		return copying(in)
	case len(v.Leaving) > 0:
		return leaving(v), nil
	case in.Exists:
		return grow(in)
	case in.Made:
		return Plan{}, fault.New(fault.NotFound, "the file of volume %q is gone from its pool", v.Name).
			Try("put %s back into the pool, or hv volume delete %s", v.File, v.Name).WithCode("HV-VOL-004")
	}
	return Plan{Steps: []Step{{Kind: CreateVolume, Name: "make its file", Volume: &v}}, Reached: true}, nil
}
