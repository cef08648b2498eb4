package pools

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/convert"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Export makes one image of a format of all that is in a volume, and returns its file, which has no name any more: it goes
// with its last descriptor. Nobody may write to the volume meanwhile. It takes the room of a copy in the volume's pool; one that
// a crash leaves is among Unsettled.
func (p *Pools) Export(ctx context.Context, v storage.Volume, format string) (f *os.File, err error) {
	as, opt := convert.Format(cmp.Or(format, "qcow2")), convert.Options{}
	if format == "vmdk-stream" {
		as, opt = convert.VMDK, convert.Options{SubFormat: "streamOptimized"}
	}
	b, err := p.Of(v.Spec.Pool)
	if err != nil {
		return nil, err
	}
	source, err := p.image(ctx, v.Chain())
	defer closeAll(source)
	if err != nil {
		return nil, err
	}
	if b.Can().Block {
		return nil, fault.New(fault.Precondition, "pool %q keeps no files, and there is no room for an image of volume %q in it", v.Spec.Pool, v.Name).
			Try("hv volume clone %s COPY --pool default, then export that", v.Name).WithCode("HV-VOL-031")
	}
	need, err := convert.Measure(ctx, *source, convert.Raw)
	if err != nil {
		return nil, err
	}
	most, err := p.upTo(ctx, v.Spec.Pool)
	if err != nil {
		return nil, err
	}
	if need.Required > most {
		return nil, fault.New(fault.Exhausted, "an image of volume %q takes %s for a while, and pool %q has room for %s before it is as full as it may be", v.Name, need.Required, v.Spec.Pool, most).
			Try("hv volume clone %s COPY --pool POOL, and export that; or make room", v.Name).WithCode("HV-POOL-003")
	}
	name := storage.VolumeFile(fileID(), storage.Raw) // whatever it holds: nobody opens it by its name
	err = b.Arrive(ctx, name, 0, func(ctx context.Context, to *os.File) error {
		return convert.Convert(ctx, *source, to, as, opt, nil)
	})
	if err == nil {
		f, err = b.Open(ctx, name, true)
	}
	err = errors.Join(err, b.Remove(context.WithoutCancel(ctx), name))
	if err != nil && f != nil {
		err = errors.Join(err, f.Close())
	}
	return f, osfault.File(err, "cannot make a %s image of volume %q", as, v.Name)
}

// fileID is a UUID for a file that no object names.
func fileID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
