package qemu

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/machine"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
)

// Overlay has a living VM's guest write to new layers from one moment on: to those of all disks, or of none. files are two
// a disk: the new layer, open for both, and the one that was written to until then, open for reading; the secrets of the layers' keys follow. In that moment,
// while the guest stands still, within is called. It returns how long the guest stood still. What is done already is not done again.
func (h *Host) Overlay(ctx context.Context, uuid string, disks []qmp.Overlay, files []*os.File, within func(context.Context) error) (pause time.Duration, err error) {
	m, err := h.converse(ctx, uuid)
	if err != nil {
		return 0, err
	}
	heads, err := headNodes(ctx, m)
	if err != nil {
		return 0, err
	}
	if err := giveSecrets(ctx, m, qmp.OverlayKeys(disks), files[2*len(disks):]); err != nil {
		return 0, err
	}
	var pairs []qmp.Pair
	for i, d := range disks {
		node, ok := heads[d.Device]
		if !ok {
			return 0, errors.Join(fault.New(fault.Conflict, "QEMU has no disk %s", d.Device), dropOverlays(ctx, m, disks, heads))
		}
		if node == machine.LayerNode(d.Slot, d.Layer) {
			continue
		}
		if err := ready(ctx, m, d, node, files[2*i], files[2*i+1]); err != nil {
			return 0, errors.Join(err, dropOverlays(ctx, m, disks, heads))
		}
		pairs = append(pairs, qmp.Pair{Node: node, Overlay: machine.LayerNode(d.Slot, d.Layer)})
	}
	before, err := qmp.QueryStatus(ctx, m)
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	if before.Running {
		if err := qmp.Stop(ctx, m); err != nil {
			return 0, err
		}
		defer func() {
			// The guest goes on whatever has become of it, and of whoever asked.
			went := context.WithoutCancel(ctx)
			err = errors.Join(err, qmp.Cont(went, m))
			pause = time.Since(begun)
		}()
	}
	if len(pairs) > 0 {
		if err := qmp.SnapshotAll(ctx, m, pairs); err != nil {
			return 0, errors.Join(err, dropOverlays(ctx, m, disks, heads))
		}
	}
	return 0, within(ctx)
}

// Heads are the layers, by device, to which the disks of a living VM are written, as the beginning of their IDs without
// dashes; empty for a disk that has the one layer that it was started with.
func (h *Host) Heads(ctx context.Context, uuid string) (map[string]string, error) {
	m, err := h.converse(ctx, uuid)
	if err != nil {
		return nil, err
	}
	nodes, err := headNodes(ctx, m)
	heads := map[string]string{}
	for device, node := range nodes {
		heads[device] = machine.LayerOf(node)
	}
	return heads, err
}

// ready makes the nodes of an overlay, and has the file below it be open for reading too: QEMU opens it anew so when it
// is written to no more.
func ready(ctx context.Context, m qmp.Executor, d qmp.Overlay, head string, overlay, below *os.File) error {
	if err := dropNodes(ctx, m, func(name string) bool { return strings.HasPrefix(name, machine.LayerNode(d.Slot, d.Layer)) }); err != nil {
		return err
	}
	set, err := setBelow(ctx, m, head)
	if err != nil {
		return err
	}
	if set >= 0 {
		if _, err := qmp.AddFD(ctx, m, below, set, head); err != nil {
			return err
		}
	}
	added, err := qmp.AddFD(ctx, m, overlay, -1, machine.LayerNode(d.Slot, d.Layer))
	if err != nil {
		return err
	}
	for _, n := range machine.OverlayNodes(d.Slot, d.Layer, d.Key, added.Set, d.IO) {
		if err := qmp.BlockdevAdd(ctx, m, n.Add); err != nil {
			return err
		}
	}
	return nil
}

// dropOverlays takes away the nodes that were made and that the guest does not write to.
func dropOverlays(ctx context.Context, m qmp.Executor, disks []qmp.Overlay, heads map[string]string) error {
	ctx = context.WithoutCancel(ctx)
	var errs []error
	for _, d := range disks {
		node := machine.LayerNode(d.Slot, d.Layer)
		if heads[d.Device] == node {
			continue
		}
		errs = append(errs, dropNodes(ctx, m, func(name string) bool { return strings.HasPrefix(name, node) }))
	}
	return errors.Join(errs...)
}

// headNodes are the nodes that the guest's disks are, by device.
func headNodes(ctx context.Context, m qmp.Executor) (map[string]string, error) {
	stats, err := qmp.QueryBlockStats(ctx, m)
	nodes := map[string]string{}
	for _, s := range stats {
		if !strings.Contains(s.Device, "/") { // a disk that is a device itself, as those on scsi and sata
			nodes[s.Device] = s.Node
			continue
		}
		parts := strings.Split(s.Device, "/") // /machine/peripheral/disk-root/virtio-backend
		if i := slices.Index(parts, "peripheral"); i >= 0 && i+1 < len(parts) {
			nodes[parts[i+1]] = s.Node
		}
	}
	return nodes, err
}

// setBelow is the fdset in which the file of a node came; -1 for a file that came otherwise.
func setBelow(ctx context.Context, m qmp.Executor, node string) (int, error) {
	all, err := qmp.QueryBlockNodes(ctx, m)
	if err != nil {
		return -1, err
	}
	for _, n := range all {
		if n.NodeName != node+machine.FileSuffix && n.NodeName != node+machine.LayerSuffix {
			continue
		}
		if text, ok := strings.CutPrefix(n.File, machine.FDSetPrefix); ok {
			return strconv.Atoi(text)
		}
	}
	return -1, nil
}
