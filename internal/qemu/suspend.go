package qemu

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// savedFD is the name under which QEMU holds the file that it writes its guest to, or reads it from.
const savedFD = "saved"

// Savable says what stands in the way of saving a VM, before anything is done to its guest.
func (h *Host) Savable(ctx context.Context, uuid string) error {
	if p := h.find(uuid); p != nil && len(p.run.Shares) > 0 {
		return unsavable("it has folders of the host open by virtiofs, and virtiofsd does not hand over what is open")
	}
	m, err := h.converse(ctx, uuid)
	if err != nil {
		return err
	}
	now, err := qmp.QueryMigrate(ctx, m)
	if err != nil {
		return err
	}
	if len(now.Blocked) == 0 {
		return nil
	}
	var why []string
	for _, words := range now.Blocked {
		why = append(why, translate(words))
	}
	return unsavable(strings.Join(why, "; "))
}

func unsavable(why string) *fault.Error {
	return fault.New(fault.Precondition, "QEMU cannot save this VM: %s", why).
		Try("stop the VM and take away what stands in the way, or stop it instead: hv vm stop").WithCode("HV-VM-081")
}

// blockers are QEMU's words for what cannot be saved, and ours. Source: migrate_add_blocker and error_setg of hw/, target/
// and migration/ in QEMU 7.2 and 10.0.
var blockers = []struct{ words, ours string }{
	{"VFIO", "a device of the host is passed through to it, and what is inside that device cannot be read"},
	{"vfio", "a device of the host is passed through to it, and what is inside that device cannot be read"},
	{"invtsc", "its CPU promises a clock that never changes (flag invtsc), which no other process can go on with"},
	{"Nested", "its guest may run VMs of its own, and this QEMU does not save those"},
	{"nested", "its guest may run VMs of its own, and this QEMU does not save those"},
	{"VirtFS", "a folder of the host is shared with it by 9p"},
	{"virtfs", "a folder of the host is shared with it by 9p"},
	{"vhost-user-fs", "a folder of the host is shared with it by virtiofs, and virtiofsd does not hand over what is open"},
	{"vhost-user", "a device of it is run by another process, which does not hand over its state"},
	{"vhost", "a device of it is run by the host's kernel, which does not hand over its state"},
	{"ivshmem", "it shares memory with another VM"},
	{"does not support live migration", "the format of one of its disks cannot be handed over"},
}

// translate says in the words of this product what blocks a migration; QEMU's stay behind them, for who looks them up.
func translate(words string) string {
	words = strings.TrimSpace(words)
	for _, b := range blockers {
		if strings.Contains(words, b.words) {
			return b.ours + " (QEMU: " + words + ")"
		}
	}
	return words
}

// Save stops a VM's vCPUs and has QEMU begin to write the guest to a file that is open for writing only. It returns when
// that is begun; observing it tells how far it is. Where it cannot begin, a guest that ran runs on.
func (h *Host) Save(ctx context.Context, uuid string, file *os.File) (err error) {
	m, err := h.converse(ctx, uuid)
	if err != nil {
		return err
	}
	at, err := qmp.QueryMigrate(ctx, m)
	if err != nil {
		return err
	}
	if begun := moving(at); begun != nil && begun.State == vm.MoveUnderWay {
		return nil
	}
	before, err := qmp.QueryStatus(ctx, m)
	if err != nil {
		return err
	}
	if before.State == qmp.StatePostMigrate { // an earlier save was given up at its very end; QEMU leaves that state by running only
		if err := qmp.Cont(ctx, m); err != nil {
			return err
		}
	}
	if err := qmp.Stop(ctx, m); err != nil {
		return err
	}
	defer func() {
		if err != nil && before.Running {
			err = errors.Join(err, qmp.Cont(ctx, m))
		}
	}()
	now, err := qmp.QueryStatus(ctx, m)
	if err != nil {
		return err
	}
	switch now.State {
	case qmp.StatePaused, qmp.StateIOError, qmp.StateWatchdog, qmp.StateSuspended:
	default:
		return fault.New(fault.Unavailable, "its guest was %s when it was to be saved", now.State)
	}
	if err := qmp.GetFD(ctx, m, file, savedFD); err != nil {
		return err
	}
	err = qmp.Migrate(ctx, m, savedFD)
	if refusal, ok := errors.AsType[*qmp.Error](err); ok {
		_ = qmp.CloseFD(ctx, m, savedFD) // it may have been taken already
		return unsavable(translate(refusal.Desc)).Because(err)
	}
	return err
}

// abandonWithin is how long QEMU may take to give up writing: it ends between two blocks.
const abandonWithin = 10 * time.Second

// Abandon has QEMU give up to write its guest, which stays stopped. What has ended is no error.
func (h *Host) Abandon(ctx context.Context, uuid string) error {
	m, err := h.converse(ctx, uuid)
	if err != nil {
		return err
	}
	if err := qmp.MigrateCancel(ctx, m); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, abandonWithin, errors.New("QEMU still writes"))
	defer cancel()
	for {
		now, err := qmp.QueryMigrate(ctx, m)
		if err != nil {
			return err
		}
		if still := moving(now); still == nil || still.State != vm.MoveUnderWay {
			return nil
		}
		select {
		case <-time.After(20 * time.Millisecond): // its own thread ends it, and says so by an event that the follower has
		case <-ctx.Done():
			return fault.New(fault.Unavailable, "QEMU does not give up to write its guest").Because(context.Cause(ctx))
		}
	}
}

// Load has a QEMU that waits for its guest begin to read it from a file. Observing it tells when it has; one that cannot
// read it ends.
func (h *Host) Load(ctx context.Context, uuid string, file *os.File) error {
	m, err := h.converse(ctx, uuid)
	if err != nil {
		return err
	}
	if err := qmp.GetFD(ctx, m, file, savedFD); err != nil {
		return err
	}
	return qmp.MigrateIncoming(ctx, m, savedFD)
}

// converse returns the conversation with a living VM's QEMU.
func (h *Host) converse(ctx context.Context, uuid string) (Monitor, error) {
	p, err := h.living(uuid)
	if err != nil {
		return nil, err
	}
	return p.monitor(ctx)
}

// mayMove reports whether a QEMU in this run state may be writing or reading its guest: that is not asked of all the
// others at every look.
func mayMove(state string) bool {
	switch state {
	case qmp.StatePaused, qmp.StateIOError, qmp.StateWatchdog, qmp.StateSuspended, qmp.StateInMigrate, qmp.StateFinishMigrate, qmp.StatePostMigrate, qmp.StateSaveVM:
		return true
	}
	return false
}

// moving is a migration in the words of the model; nil for none.
func moving(m qmp.Migration) *vm.Moving {
	out := &vm.Moving{State: vm.MoveUnderWay}
	switch m.Status {
	case "", qmp.MigrationNone:
		return nil
	case qmp.MigrationCompleted:
		out.State = vm.MoveDone
	case qmp.MigrationFailed:
		out.State, out.Why = vm.MoveFailed, m.Error
	case qmp.MigrationCancelled:
		out.State = vm.MoveCancelled
	}
	if m.RAM != nil && m.RAM.Total > 0 {
		out.Total, out.Done = m.RAM.Total, max(m.RAM.Total-m.RAM.Remaining, 0)
	}
	return out
}

// moving asks how far a QEMU in this run state is.
func (p *process) moving(ctx context.Context, state string) (*vm.Moving, error) {
	if !mayMove(state) {
		return nil, nil
	}
	m, err := p.monitor(ctx)
	if err != nil {
		return nil, err
	}
	short, cancel := context.WithTimeoutCause(ctx, statusWithin, errSilent)
	defer cancel()
	now, err := qmp.QueryMigrate(short, m)
	return moving(now), err
}
