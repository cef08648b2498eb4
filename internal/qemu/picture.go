package qemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/machine"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
)

// maxPicture is the most that a picture of a screen may have: an 8K screen of noise stays below it.
const maxPicture = 128 << 20

// picture is a PNG in memory.
type picture struct {
	io.Reader
	file *os.File
}

// Close gives the memory back, also what a stopped QEMU still has a descriptor of.
func (p *picture) Close() error {
	return errors.Join(p.file.Truncate(0), p.file.Close())
}

// Picture returns what a living VM's screen shows now, a PNG, and its size in bytes. QEMU is handed a file of memory, to write only, and opens no
// path: what it writes is counted as its own by its cgroup. The descriptor is taken back whatever happens; a machine
// that is stopped keeps it until it runs on, which is said by QEMU (query-fdsets) and not remembered here.
func (h *Host) Picture(ctx context.Context, uuid string) (_ io.ReadCloser, size int64, err error) {
	p, m, err := h.speaking(ctx, uuid)
	if err != nil {
		return nil, 0, err
	}
	select {
	case p.drawing <- struct{}{}:
		defer func() { <-p.drawing }()
	case <-ctx.Done():
		return nil, 0, context.Cause(ctx)
	}
	set, err := pictureSet(ctx, m)
	if err != nil {
		return nil, 0, err
	}
	file, canvas, err := memory()
	if err != nil {
		return nil, 0, fault.New(fault.Exhausted, "no memory for a picture").Because(err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Truncate(0), file.Close())
		}
	}()
	_, err = qmp.AddFD(ctx, m, canvas, set, "picture")
	if err = errors.Join(err, canvas.Close()); err != nil {
		return nil, 0, err
	}
	drawn := qmp.Screendump(ctx, m, machine.FDSetPath(set))
	if err := errors.Join(drawn, qmp.RemoveFD(context.WithoutCancel(ctx), m, set, -1)); err != nil {
		return nil, 0, fault.Wrap(err, "QEMU draws no picture")
	}
	if size, err = file.Seek(0, io.SeekEnd); err != nil {
		return nil, 0, err
	}
	if size > maxPicture {
		return nil, 0, fault.New(fault.Exhausted, "the picture has %d bytes, more than %d", size, int64(maxPicture))
	}
	return &picture{io.NewSectionReader(file, 0, size), file}, size, nil
}

// pictureSet finds a number that QEMU has no fdset of, and has it let go of those that earlier pictures left: of a
// daemon that ended, or of a machine that was stopped then.
func pictureSet(ctx context.Context, m qmp.Executor) (int, error) {
	for _, retry := range []bool{true, false} {
		sets, err := qmp.QueryFDSets(ctx, m)
		if err != nil {
			return 0, err
		}
		used := map[int]bool{}
		for _, s := range sets {
			used[s.ID] = true
		}
		for i := range machine.Pictures {
			set := machine.PictureSet(i)
			if !used[set] {
				return set, nil
			}
			if retry {
				if err := gone(qmp.RemoveFD(ctx, m, set, -1)); err != nil {
					return 0, err
				}
			}
		}
	}
	return 0, fault.New(fault.Precondition, "QEMU keeps the descriptors of %d pictures while its machine is stopped", machine.Pictures).
		Try("hv vm resume, then take the picture again").WithCode("HV-VM-080")
}

// memory makes a file of memory: one descriptor to read it by, one that can only write.
func memory() (file, canvas *os.File, err error) {
	fd, err := unix.MemfdCreate("hv-picture", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, nil, err
	}
	file = os.NewFile(uintptr(fd), "picture")
	canvas, err = os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", fd), os.O_WRONLY, 0)
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, canvas, nil
}
