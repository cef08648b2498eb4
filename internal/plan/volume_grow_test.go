package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

func TestAVolumeGrowsByWhoeverHasItOpen(t *testing.T) {
	const was, wished = 1 * model.GiB, 2 * model.GiB
	runs := VolumeDisk{VM: "web", Device: "disk-root", Size: was}
	heard, reads, suspended := runs, runs, runs
	heard.Size, reads.ReadOnly, suspended.Saved, suspended.Size = wished, true, true, 0
	for name, c := range map[string]struct {
		size  model.Bytes
		disks []VolumeDisk
		want  []Kind
		code  string
	}{
		"as it is":                           {wished, nil, nil, ""},
		"off":                                {was, nil, []Kind{GrowVolume}, ""},
		"running":                            {was, []VolumeDisk{runs}, []Kind{ResizeDisk}, ""},
		"the file has grown, QEMU not heard": {wished, []VolumeDisk{runs}, []Kind{ResizeDisk}, ""},
		"both have":                          {wished, []VolumeDisk{heard}, nil, ""},
		"read by one that runs":              {was, []VolumeDisk{reads}, nil, "HV-VOL-007"},
		"suspended":                          {was, []VolumeDisk{suspended}, nil, "HV-VOL-007"},
		"suspended and large enough":         {wished, []VolumeDisk{suspended}, nil, ""},
	} {
		in := VolumeInput{Wish: storage.Volume{Spec: storage.VolumeSpec{Size: wished}}, Exists: true, Made: true, Size: c.size, Disks: c.disks}
		p, err := Volume(in)
		var kinds []Kind
		for _, s := range p.Steps {
			kinds = append(kinds, s.Kind)
		}
		if d := cmp.Diff(c.want, kinds); d != "" || fault.CodeOf(err) != c.code || p.Reached != (err == nil) {
			t.Errorf("%s: %v, %+v %s", name, err, p, d)
		}
	}
}

// QEMU opens a device and cannot make it longer: the pool does, and the guest hears of it then.
func TestADeviceGrowsInItsPoolAndThenInTheGuest(t *testing.T) {
	in := VolumeInput{
		Wish: storage.Volume{Spec: storage.VolumeSpec{Size: 2 * model.GiB}}, Exists: true, Made: true, Block: true,
		Size: model.GiB, Disks: []VolumeDisk{{VM: "web", Device: "disk-root", Size: model.GiB}},
	}
	p, err := Volume(in)
	if err != nil || len(p.Steps) != 2 || p.Steps[0].Kind != GrowVolume || p.Steps[1].Kind != ResizeDisk {
		t.Errorf("%+v, %v", p.Steps, err)
	}
	in.Size = 2 * model.GiB // and a crash
	if p, err := Volume(in); err != nil || len(p.Steps) != 1 || p.Steps[0].Kind != ResizeDisk {
		t.Errorf("%+v, %v", p.Steps, err)
	}
}
