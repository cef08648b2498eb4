package qemu

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/qemu/machine"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
)

// virtioBackend is below a virtio device on PCI.
const virtioBackend = "/virtio-backend"

// Throttle says what a disk may do in a second. The limits are of what the guest sees and of no node below it, so
// snapshots and copies of the disk, which are nobody's requests, go as fast as they can.
func (h *Host) Throttle(ctx context.Context, uuid string, l qmp.Limits) error {
	return h.tell(ctx, uuid, func(ctx context.Context, m qmp.Executor) error {
		err := qmp.BlockSetIOThrottle(ctx, m, l)
		if saidOf(err, "does not have a block device backend") { // of a PCI card it is what sits on it that has one
			l.ID = peripherals + l.ID + virtioBackend
			err = qmp.BlockSetIOThrottle(ctx, m, l)
		}
		return err
	})
}

// thread makes the iothread of a disk that is to be plugged in, where it is the first that it serves.
func thread(ctx context.Context, m qmp.Executor, d qmp.Hotplug) error {
	if d.Thread == "" {
		return nil
	}
	err := qmp.ObjectAdd(ctx, m, machine.IOThreadObject(d.Thread))
	if saidOf(err, "duplicate property") {
		return nil
	}
	return err
}
