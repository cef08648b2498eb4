//go:build linux

package firmware

import (
	"context"
	"errors"
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

// TPM opens the folder of what a VM's TPM keeps, for whoever copies it or puts it back while the VM does not run;
// fs.ErrNotExist where it has none.
func (f *Files) TPM(_ context.Context, uuid string) (*os.Root, error) {
	if _, err := name(uuid); err != nil {
		return nil, err
	}
	return f.folder.OpenRoot(tpmName(uuid))
}
