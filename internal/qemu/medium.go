package qemu

import (
	"context"
	"os"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
)

// ChangeMedium takes the medium out of a living VM's drive and, where there is a file, puts another in. A guest that
// uses the old one keeps its tray locked: it is asked to let go, and unless force is given that is waited for by
// whoever calls again. It may be called again at any point: what is out is out.
func (h *Host) ChangeMedium(ctx context.Context, uuid string, d qmp.Hotplug, file *os.File, force bool) error {
	p, m, err := h.speaking(ctx, uuid)
	if err != nil {
		return err
	}
	if err := qmp.OpenTray(ctx, m, d.Device, force); err != nil {
		if saidOf(err, "is locked") {
			return fault.New(fault.Precondition, "the guest holds the tray: it uses what is in it").
				Try("unmount it in the guest, or hv vm cdrom eject --force").WithCode("HV-VM-046")
		}
		return err
	}
	if err := qmp.RemoveMedium(ctx, m, d.Device); err != nil {
		return err
	}
	if err := p.unstand(ctx, m, d); err != nil {
		return err
	}
	if file != nil {
		if err := stand(ctx, m, d, []*os.File{file}); err != nil {
			return err
		}
		if err := qmp.InsertMedium(ctx, m, d.Device, d.Nodes[len(d.Nodes)-1].Name); err != nil {
			return err
		}
	}
	return qmp.CloseTray(ctx, m, d.Device)
}
