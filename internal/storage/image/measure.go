//go:build linux

package image

import (
	"context"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/convert"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// tables of a qcow2 file are less than this part of what a guest sees: eight bytes and two for each 64 KiB.
const tables = 4096

// measure says before anything is written how long the image's file may get, and refuses one for which there is no room,
// or which would be many times what came: formats compress too, and a small one can name the same block again and again.
func (b *build) measure(ctx context.Context, from convert.Image, came int64) (model.Bytes, error) {
	var need convert.Need
	if b.st.Format == storage.Raw { // it is copied, with its holes
		var st unix.Stat_t
		if err := unix.Fstat(int(from.File.Fd()), &st); err != nil {
			return 0, osfault.File(err, "cannot read the image")
		}
		need.Required = model.Bytes(st.Blocks * 512)
	} else {
		var err error
		if need, err = convert.Measure(ctx, from, convert.QCOW2); err != nil {
			return 0, err
		}
	}
	if need.Required-need.Whole/tables > model.Bytes(came*maxRatio+freeRatio) {
		return 0, fault.New(fault.Exhausted, "the image came as %s and would take %s, which is more than %d times as much", model.Bytes(came), need.Required, maxRatio).
			Try("look at where it comes from").WithCode("HV-IMG-014")
	}
	room, err := b.place.Room(ctx)
	if err != nil {
		return 0, err
	}
	if need.Required > room.Free {
		return 0, fault.New(fault.Exhausted, "the image takes %s, and its pool has %s free", need.Required, room.Free).
			Try("make room in the pool: hv pool show %s", storage.DefaultPool).WithCode("HV-IMG-002")
	}
	return need.Required + need.Required/64 + model.MiB, nil // it says an upper bound; a little for its rounding
}
