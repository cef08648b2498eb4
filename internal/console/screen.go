//go:build linux

package console

import (
	"context"
	"io"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// Drawn shows what VMs' screens show: to viewers, or once.
type Drawn interface {
	// Screen lets one more viewer onto a screen.
	Screen(ctx context.Context, uuid string) (io.ReadWriteCloser, error)
	// Picture returns a PNG of what a screen shows now, and its size in bytes.
	Picture(ctx context.Context, uuid string) (io.ReadCloser, int64, error)
}

// Screens are the screens of all VMs. Unlike a serial line nothing is shared: QEMU itself draws for every viewer.
type Screens struct {
	find  func(ctx context.Context, ref model.Ref) (uuid string, err error)
	drawn Drawn
}

// NewScreens returns the screens of VMs whose UUIDs find finds.
func NewScreens(find func(context.Context, model.Ref) (string, error), drawn Drawn) *Screens {
	return &Screens{find: find, drawn: drawn}
}

// Connect returns one viewer's connection to a VM's screen, which speaks RFB. It ends with the VM's process.
func (s *Screens) Connect(ctx context.Context, ref model.Ref) (io.ReadWriteCloser, error) {
	uuid, err := s.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	conn, err := s.drawn.Screen(ctx, uuid)
	return conn, fault.Wrap(err, "vm %q shows no screen now", ref.Name)
}

// Picture returns a PNG of what a VM's screen shows now, and its size in bytes.
func (s *Screens) Picture(ctx context.Context, ref model.Ref) (io.ReadCloser, int64, error) {
	uuid, err := s.find(ctx, ref)
	if err != nil {
		return nil, 0, err
	}
	pic, size, err := s.drawn.Picture(ctx, uuid)
	return pic, size, fault.Wrap(err, "there is no picture of vm %q", ref.Name)
}
