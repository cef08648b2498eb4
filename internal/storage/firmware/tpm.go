//go:build linux

package firmware

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
)

// tpmName is the folder of what a VM's TPM keeps, beside its variables. Its swtpm owns it once that was started; the
// daemon's group may use what is in it.
func tpmName(uuid string) string { return uuid + ".tpm" }

// MakeTPM makes the folder of what a VM's TPM keeps, where there is none. swtpm writes a file of another name and
// renames it: whoever copies tpm2-00.permall meets the old one or the new one.
func (f *Files) MakeTPM(_ context.Context, uuid string) error {
	if _, err := name(uuid); err != nil {
		return err
	}
	err := f.folder.Mkdir(tpmName(uuid), 0o700)
	switch {
	case err == nil:
		err = f.folder.Sync()
	case errors.Is(err, fs.ErrExist):
		return nil
	}
	return osfault.File(err, "cannot make the folder of its TPM")
}

// tpmState is the one file of what a TPM keeps for good (swtpm's SWTPM_NVRAM, name tpm2-00 and state "permall").
const tpmState = "tpm2-00.permall"

// maxTPM is more than any TPM's state takes: libtpms has 128 KiB of NVRAM, encoded once more.
const maxTPM = 1 << 20

// ReadTPM opens what a VM's TPM keeps, for reading: a file that is whole, whatever its swtpm does meanwhile. One that was
// never used has none: fault.NotFound.
func (f *Files) ReadTPM(ctx context.Context, uuid string) (*os.File, error) {
	folder, err := f.TPM(ctx, uuid)
	if err != nil {
		return nil, osfault.File(err, "cannot read what its TPM keeps")
	}
	defer func() { _ = folder.Close() }()
	file, err := folder.Open(tpmState)
	return file, osfault.File(err, "cannot read what its TPM keeps")
}

// PutTPM has a VM's TPM keep what is in a file, or nothing where that is nil: it is as new then. No swtpm may run with it.
func (f *Files) PutTPM(ctx context.Context, uuid string, from *os.File) (err error) {
	if err := f.MakeTPM(ctx, uuid); err != nil {
		return err
	}
	folder, err := f.TPM(ctx, uuid)
	if err != nil {
		return osfault.File(err, "cannot put back what its TPM keeps")
	}
	defer func() { err = osfault.File(errors.Join(err, folder.Close()), "cannot put back what its TPM keeps") }()
	if from == nil {
		if err = folder.Remove(tpmState); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return err
	}
	const fresh = tpmState + ".new"
	// Its swtpm reads it as a stranger: the folder lets in only that one and us.
	to, err := folder.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, io.LimitReader(from, maxTPM))
	if err = errors.Join(err, to.Chmod(0o666), to.Sync(), to.Close()); err != nil {
		return err
	}
	if err := folder.Rename(fresh, tpmState); err != nil {
		return err
	}
	dir, err := folder.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

// TPM opens the folder of what a VM's TPM keeps, for whoever copies it or puts it back while the VM does not run;
// fs.ErrNotExist where it has none.
func (f *Files) TPM(_ context.Context, uuid string) (*os.Root, error) {
	if _, err := name(uuid); err != nil {
		return nil, err
	}
	return f.folder.OpenRoot(tpmName(uuid))
}
