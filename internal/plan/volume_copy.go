package plan

import (
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// CopyState is how far a copy is that goes on between two looks.
type CopyState string

// The states of a copy. One that nobody has begun, or that a daemon before this one had, has none.
const (
	CopyRuns   CopyState = "runs"
	CopyDone   CopyState = "done"
	CopyFailed CopyState = "failed"
)

// Copy is a copy of a volume's content that is being made.
type Copy struct {
	State   CopyState
	Percent float64
	Err     error
}

// copying brings a copy of a volume's content to its end: the new volume's that is made of another, or that of one
// which is moved. Until the copy is whole, compared and durable, the object says the old; with the one commit that
// follows it says the new; only after that the old files go. So a crash anywhere leaves one of both, whole.
func copying(in VolumeInput) (Plan, error) {
	v := in.Wish
	to, name := v.Head(), "copy volume"
	if v.Moving != nil {
		to, name = v.Moving.To, "copy it into pool "+v.Moving.To.Pool
	} else {
		name += " " + v.Source.Volume
		if v.Source.URL != "" {
			name = "fetch it"
		}
	}
	switch {
	case in.Cancel || in.Copy.State == CopyFailed:
		p := Plan{Steps: []Step{{Kind: DiscardFiles, Name: "take away what was copied", Volume: &v, Layers: []storage.Layer{to}}}, GaveUp: in.Copy.Err}
		if in.Cancel {
			p.GaveUp = nil
		}
		if v.Source != nil {
			p.Removed = true
			return p, nil
		}
		v.Moving = nil
		p.Becomes = &v
		return p, nil
	case in.Copy.State == CopyDone && v.Moving != nil:
		next := v.Arriving()
		next.Leaving = v.Chain()
		return Plan{Becomes: &next}, nil
	case in.Copy.State == CopyDone:
		if v.Source.URL != "" {
			v.Spec.Size, v.SHA256 = in.Size, v.Source.SHA256
		}
		v.Source = nil
		return Plan{Becomes: &v, Reached: true}, nil
	case in.Copy.State == CopyRuns:
		return Plan{Moving: &Progress{Name: name, Done: int64(in.Copy.Percent), Total: 100}}, nil
	}
	for _, d := range in.Disks {
		if !d.Saved {
			return Plan{}, fault.New(fault.Conflict, "volume %q is open in vm %q, which runs", v.Name, d.VM).Try("hv vm stop %s", d.VM).WithCode("HV-VOL-032")
		}
	}
	return Plan{Steps: []Step{{Kind: CopyVolume, Name: name, Volume: &v}}}, nil
}

// leaving takes away the files that a volume consisted of before it was moved.
func leaving(v storage.Volume) Plan {
	next := v
	next.Leaving = nil
	return Plan{Steps: []Step{{Kind: DiscardFiles, Name: "take away its old files", Volume: &v, Layers: v.Leaving}}, Becomes: &next, Reached: true}
}
