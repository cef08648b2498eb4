package reconcile

import (
	"context"
	"os"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// keepTPM copies what a VM's TPM keeps. Its guest stands still, or there is none: what the TPM was asked before is in that file, or is
// as after a power cut, which no TPM minds. What it holds in memory QEMU saves with the guest's.
func (r *vmRun) keepTPM(ctx context.Context, t taking, taken *vm.Taken) error {
	spec := r.in.Effective
	if p := r.status.Process; p != nil && p.Started != nil {
		spec = *p.Started
	}
	if spec.TPM == nil {
		return nil
	}
	from, err := r.Firmware.ReadTPM(ctx, r.in.Wish.Spec.UUID)
	if missing(err) {
		taken.TPM = vm.TPMNew
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }()
	info, err := from.Stat()
	if err != nil {
		return err
	}
	taken.TPM = vm.TPMKept
	return copyTo(ctx, r.Sets, t.set.UID+tpmFile, from, info.Size())
}

// tpmOf has the VM's TPM keep what it kept when a set was taken.
func (r *vmRun) tpmOf(ctx context.Context, set vm.Snapshot) error {
	var file *os.File
	switch set.Taken.TPM {
	case vm.TPMKept:
		var err error
		if file, err = r.Sets.Open(ctx, set.UID+tpmFile); err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
	case vm.TPMNew:
	case "": // it had none: one that it has got since is of another time, and nothing of the set knows it
		return nil
	default:
		return fault.New(fault.Internal, "a snapshot has a TPM that is %q", set.Taken.TPM)
	}
	return r.Firmware.PutTPM(ctx, r.in.Wish.Spec.UUID, file)
}
