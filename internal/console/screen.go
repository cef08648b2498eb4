//go:build linux

package console

import (
	"context"
	"io"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model"
)

// Screens are the screens of all VMs. Unlike a serial line nothing is shared: QEMU itself draws for every viewer.
type Screens struct {
	find func(ctx context.Context, ref model.Ref) (uuid string, err error)
	open func(ctx context.Context, uuid string) (io.ReadWriteCloser, error)
}

// NewScreens returns the screens of VMs whose UUIDs find finds and onto whose screens open lets one more viewer.
func NewScreens(find func(context.Context, model.Ref) (string, error), open func(context.Context, string) (io.ReadWriteCloser, error)) *Screens {
	return &Screens{find: find, open: open}
}

// Connect returns one viewer's connection to a VM's screen, which speaks RFB. It ends with the VM's process.
func (s *Screens) Connect(ctx context.Context, ref model.Ref) (io.ReadWriteCloser, error) {
	uuid, err := s.find(ctx, ref)
	if err != nil {
		return nil, err
	}
	conn, err := s.open(ctx, uuid)
	return conn, fault.Wrap(err, "vm %q shows no screen now", ref.Name)
}
