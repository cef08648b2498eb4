package qemu

import (
	"context"
	"errors"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
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
			device := l.ID
			l.ID = peripherals + device + virtioBackend
			if err = qmp.BlockSetIOThrottle(ctx, m, l); saidOf(err, "not found") { // of a stick it is the disk in it
				if l.ID, err = innermost(ctx, m, device); err == nil {
					err = qmp.BlockSetIOThrottle(ctx, m, l)
				}
			}
		}
		return err
	})
}

// innermost is the path of what has the node of a disk, in or below its device.
func innermost(ctx context.Context, m qmp.Executor, device string) (string, error) {
	all, err := qmp.QueryBlock(ctx, m)
	for _, b := range all {
		if b.Of(device) {
			return b.Device, nil
		}
	}
	return "", errors.Join(err, fault.New(fault.NotFound, "QEMU has no disk %s", device))
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
