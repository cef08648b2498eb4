package reconcile

import (
	"context"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// quiesce has the guest write out what it holds back, and returns how it is let go on. With its memory what it holds back is in
// the set; and a guest that was saved frozen would wake up frozen.
func (r *vmRun) quiesce(ctx context.Context, set vm.Snapshot, taken *vm.Taken) (thaw func(), err error) {
	none := func() {}
	if set.Quiesce == vm.QuiesceNo || set.Memory {
		return none, nil
	}
	uuid := r.in.Wish.Spec.UUID
	err = fault.New(fault.Unavailable, "this guest has no agent")
	if r.Guests != nil && r.status.State == vm.StateRunning {
		if err = r.Guests.Freeze(ctx, uuid); err == nil {
			taken.Quiesced = true
			return func() {
				if err := r.Guests.Thaw(context.WithoutCancel(ctx), uuid); err != nil { // it is tried on, until it has gone through
					r.Log.Warn("the guest is not thawed yet", "vm", r.in.Wish.Name, "err", err)
				}
			}, nil
		}
	}
	return none, notQuiet(set, taken, err)
}

// stillQuiet is asked at the moment itself, while the guest stands still: one that was frozen for too long before it had been
// let go on, and what it wrote since is half in the set.
func (r *vmRun) stillQuiet(set vm.Snapshot, taken *vm.Taken) error {
	if !taken.Quiesced || r.Guests.Frozen(r.in.Wish.Spec.UUID) {
		return nil
	}
	taken.Quiesced = false
	return notQuiet(set, taken, fault.New(fault.Unavailable, "the guest was frozen for so long that it was let go on before its disks were taken"))
}

// notQuiet is what becomes of a set whose guest did not write out what it holds back.
func notQuiet(set vm.Snapshot, taken *vm.Taken, why error) error {
	if set.Quiesce == vm.QuiesceYes {
		return fault.New(fault.Precondition, "the guest did not write out what it holds back").Because(why).
			Try("start its agent (qemu-guest-agent), or --quiesce auto").WithCode("HV-SNAP-011")
	}
	taken.Note = why.Error()
	return nil
}
