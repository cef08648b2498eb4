package qemu

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/machine"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
)

// peripherals is where QEMU has the devices that were given an id.
const peripherals = "/machine/peripheral/"

// SetMemory says how much memory the guest is to have. What is plugged in comes first: a balloon's size is told as
// what is left of all.
func (h *Host) SetMemory(ctx context.Context, uuid string, r qmp.Room) error {
	return h.tell(ctx, uuid, func(ctx context.Context, m qmp.Executor) error {
		if r.Device != "" {
			if err := qmp.QOMSet(ctx, m, peripherals+r.Device, "requested-size", r.More); err != nil {
				return err
			}
		}
		if r.Balloon == 0 {
			return nil
		}
		return qmp.Balloon(ctx, m, r.Balloon)
	})
}

// SetCPUs gives the guest vCPUs, the lowest first, or takes the highest away.
func (h *Host) SetCPUs(ctx context.Context, uuid string, cpus int) error {
	p, m, err := h.speaking(ctx, uuid)
	if err != nil {
		return err
	}
	places, err := qmp.QueryHotpluggableCPUs(ctx, m)
	if err != nil {
		return err
	}
	if cpus > len(places) {
		return fault.New(fault.Precondition, "it has places for %d vCPUs", len(places))
	}
	if err := inOrder(places); err != nil {
		return err
	}
	for i, at := range places {
		id := machine.VCPUDevice(i)
		switch {
		case i < cpus && at.Path == "":
			err = qmp.DeviceAdd(ctx, m, vcpu(id, at))
		case i >= cpus && at.Path == peripherals+id:
			continue
		case i >= cpus && at.Path != "":
			err = fault.New(fault.Precondition, "the vCPUs that it was started with stay")
		}
		if err != nil {
			return err
		}
	}
	for i, at := range slices.Backward(places) {
		if i < cpus || at.Path == "" {
			continue
		}
		if err := p.takeCPU(ctx, m, machine.VCPUDevice(i)); err != nil {
			return err
		}
	}
	return nil
}

// takeCPU takes a vCPU away, when the guest has put it offline.
func (p *process) takeCPU(ctx context.Context, m qmp.Executor, id string) error {
	p.forgetLeft(id)
	err := gone(qmp.DeviceDel(ctx, m, id))
	switch {
	case errors.Is(err, fault.NotFound):
		return nil
	case err != nil && !saidOf(err, "already in the process of unplug"):
		return err
	}
	return p.awaitLeft(ctx, id)
}

// levels are those of a board, as QEMU numbers vCPUs.
var levels = []string{"node-id", "socket-id", "die-id", "module-id", "cluster-id", "core-id", "thread-id"}

// inOrder sorts the places as QEMU numbers vCPUs: by socket, core, thread, whatever the board has of these.
func inOrder(places []qmp.HotpluggableCPU) error {
	at := map[string]map[string]int{}
	for _, p := range places {
		var props map[string]int
		if err := json.Unmarshal(p.Props, &props); err != nil {
			return fault.New(fault.Internal, "QEMU's places for vCPUs cannot be read").Because(err)
		}
		at[string(p.Props)] = props
	}
	slices.SortStableFunc(places, func(a, b qmp.HotpluggableCPU) int {
		for _, level := range levels {
			if order := cmp.Compare(at[string(a.Props)][level], at[string(b.Props)][level]); order != 0 {
				return order
			}
		}
		return 0
	})
	return nil
}

// vcpu is a vCPU as a device.
func vcpu(id string, at qmp.HotpluggableCPU) map[string]any {
	var props map[string]int
	_ = json.Unmarshal(at.Props, &props) // inOrder has read it
	d := map[string]any{"driver": at.Type, "id": id}
	for name, n := range props {
		d[name] = n
	}
	return d
}
