package qemu

import (
	"context"
	"errors"
	"os"
	"strconv"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/machine"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
)

// giveSecrets has a QEMU know what opens the layers that it is about to be given: the files hold the secrets of the keys. One
// that it knows already may be of before a rotation: nothing that is open needs it any more, and it is made anew.
func giveSecrets(ctx context.Context, m qmp.Executor, keys []string, files []*os.File) error {
	if len(files) != len(keys) {
		return fault.New(fault.Internal, "%d secrets for %d keys", len(files), len(keys))
	}
	for i, key := range keys {
		id := machine.SecretOf(key)
		if err := qmp.ObjectDel(ctx, m, id); err != nil && !saidOf(err, "not found") {
			return err
		}
		added, err := qmp.AddFD(ctx, m, files[i], -1, id)
		if err != nil {
			return err
		}
		err = qmp.ObjectAdd(ctx, m, machine.AddSecret(key, "/proc/self/fd/"+strconv.Itoa(added.FD)))
		if err = errors.Join(err, gone(qmp.RemoveFD(ctx, m, added.Set, -1))); err != nil {
			return fault.Wrap(err, "cannot give QEMU key %q", key)
		}
	}
	return nil
}
