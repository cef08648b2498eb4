//go:build linux

package daemon

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/guest/agent"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu"
)

// hypervisor is the hand that holds VMs' processes, with what it asks of guests that have an agent.
type hypervisor struct {
	*qemu.Host
	guests *agent.Agents
}

// PowerDown asks the guest by its agent, which no guest takes for a button that somebody leaned on, and presses its power
// button where there is none that answers, or that was asked already and is slow.
func (h hypervisor) PowerDown(ctx context.Context, uuid string) error {
	if h.guests.Answers(uuid) {
		err := h.guests.Shutdown(ctx, uuid)
		if err == nil {
			return nil
		}
		h.Log.Debug("a guest agent does not shut its guest down; its power button is pressed", "vm", uuid, "err", err)
	}
	return h.Host.PowerDown(ctx, uuid)
}

// Continue lets vCPUs run. A guest that ran before they were stopped gets the time that has passed.
func (h hypervisor) Continue(ctx context.Context, uuid string) error {
	err := h.Host.Continue(ctx, uuid)
	if err == nil {
		h.guests.Resumed(uuid)
	}
	return err
}
