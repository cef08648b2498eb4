package qemu

import (
	"cmp"
	"context"
	"strconv"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/machine"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Pin says on which of the host's CPUs a living VM's threads run; nil is any. QEMU tells which thread is what, and the helper
// says it to the kernel: QEMU's own sandbox does not let it.
func (h *Host) Pin(ctx context.Context, uuid string, p *vm.Pinning) error {
	order := privilege.Pin{VM: uuid, Threads: map[int]string{}}
	err := h.tell(ctx, uuid, func(ctx context.Context, m qmp.Executor) error {
		if p == nil {
			return nil
		}
		order.Rest = cmp.Or(p.Emulator, p.CPUs)
		cpus, err := qmp.QueryCPUs(ctx, m)
		if err != nil {
			return err
		}
		for _, c := range cpus {
			on(order, c.ThreadID, cmp.Or(p.VCPUs[strconv.Itoa(c.Index)], p.CPUs))
		}
		threads, err := qmp.QueryIOThreads(ctx, m)
		for _, t := range threads {
			if name, ours := strings.CutPrefix(t.ID, machine.ThreadPrefix); ours {
				on(order, t.ThreadID, cmp.Or(p.IOThreads[name], p.CPUs))
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return h.Helper.Pin(ctx, order)
}

// on adds a thread. One that runs several vCPUs, as an emulator's may, runs where any of them may.
func on(order privilege.Pin, thread int, cpus string) {
	if was := order.Threads[thread]; was != "" && cpus != "" {
		cpus = was + "," + cpus
	}
	order.Threads[thread] = cpus
}
