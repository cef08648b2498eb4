package qemu

import (
	"context"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
)

// goneWithin is how long a QEMU gets to end after it was told to.
const goneWithin = 10 * time.Second

// dying is how long a process that does not answer gets to show that it is ending: a pidfd tells of it
// some milliseconds after the sockets have closed.
const dying = 100 * time.Millisecond

// Continue lets a VM's vCPUs run.
func (h *Host) Continue(ctx context.Context, uuid string) error {
	return h.tell(ctx, uuid, qmp.Cont)
}

// Pause stops a VM's vCPUs.
func (h *Host) Pause(ctx context.Context, uuid string) error {
	return h.tell(ctx, uuid, qmp.Stop)
}

// PowerDown presses a VM's power button; whether the guest heeds it is the guest's affair.
func (h *Host) PowerDown(ctx context.Context, uuid string) error {
	return h.tell(ctx, uuid, qmp.SystemPowerdown)
}

// Reset presses a VM's reset button.
func (h *Host) Reset(ctx context.Context, uuid string) error {
	return h.tell(ctx, uuid, qmp.SystemReset)
}

// StopOnReboot says whether a reset ends the guest from now on.
func (h *Host) StopOnReboot(ctx context.Context, uuid string, stop bool) error {
	return h.tell(ctx, uuid, func(ctx context.Context, on qmp.Executor) error { return qmp.SetRebootAction(ctx, on, stop) })
}

// tell gives a living VM's QEMU one command.
func (h *Host) tell(ctx context.Context, uuid string, command func(context.Context, qmp.Executor) error) error {
	_, m, err := h.speaking(ctx, uuid)
	if err != nil {
		return err
	}
	return command(ctx, m)
}

// Quit ends QEMU by its monitor, and by a signal if that does not end it.
func (h *Host) Quit(ctx context.Context, uuid string) error {
	p := h.find(uuid)
	if p == nil || p.dead() {
		return nil
	}
	if err := h.tell(ctx, uuid, qmp.Quit); err == nil && p.await(ctx, goneWithin) == nil {
		return nil
	}
	return h.Kill(ctx, uuid)
}

// Kill ends QEMU by SIGKILL.
func (h *Host) Kill(ctx context.Context, uuid string) error {
	p := h.find(uuid)
	if p == nil || p.dead() {
		return nil
	}
	if err := h.Helper.Kill(ctx, uuid, privilege.SignalKill); err != nil && !p.dead() {
		return err
	}
	return p.await(ctx, goneWithin)
}

// await waits until the process is gone.
func (p *process) await(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case <-p.gone:
		return nil
	case <-ctx.Done():
		return fault.New(fault.Unavailable, "process %d of vm %q does not end", p.run.PID, p.run.Name).
			Because(context.Cause(ctx)).Try("see what it waits for: cat /proc/%d/wchan", p.run.PID)
	}
}
