//go:build linux

// Package boot keeps kernels and initrds by their content: one read-only file for each digest.
//
// What lives here: receiving, opening and removing them. What does not: their names (the store's
// objects), and volumes (storage/dir).
package boot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

// Files is one folder of boot files.
type Files struct{ root *os.Root }

const partial = ".part"

// Open opens the folder at path, making it where it is missing, and takes away what an earlier
// daemon had begun to receive.
func Open(path string) (*Files, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fault.New(fault.Unavailable, "cannot make the folder of boot files").Because(err)
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot open the folder of boot files").Because(err)
	}
	entries, err := fs.ReadDir(root.FS(), ".")
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), partial) {
			err = errors.Join(err, root.Remove(e.Name()))
		}
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "cannot sweep the folder of boot files").Because(err)
	}
	return &Files{root: root}, nil
}

// Close closes the folder.
func (f *Files) Close() error { return f.root.Close() }

// Receive stores size bytes of r and returns their digest. What is there already is kept.
func (f *Files) Receive(ctx context.Context, size model.Bytes, r io.Reader) (string, model.Bytes, error) {
	if size <= 0 || size > storage.MaxBootFile {
		return "", 0, fault.New(fault.Invalid, "a boot file of %s is not between 1B and %s", size, storage.MaxBootFile)
	}
	var suffix [8]byte
	if _, err := unix.Getrandom(suffix[:], 0); err != nil {
		return "", 0, fault.New(fault.Internal, "no random bytes").Because(err)
	}
	tmp := partial + hex.EncodeToString(suffix[:])
	out, err := f.root.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return "", 0, osfault.File(err, "cannot make a boot file")
	}
	sum, err := copyHashed(ctx, out, r, int64(size))
	if err = errors.Join(err, out.Sync(), out.Close()); err == nil {
		err = f.publish(tmp, sum)
	}
	if err != nil {
		_ = f.root.Remove(tmp) // swept at the next start if not now
		return "", 0, osfault.File(err, "cannot store the boot file")
	}
	return sum, size, nil
}

func (f *Files) publish(tmp, sum string) error {
	if err := f.root.Rename(tmp, sum); err != nil {
		return err
	}
	d, err := f.root.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func copyHashed(ctx context.Context, w io.Writer, r io.Reader, size int64) (string, error) {
	hash, buf := sha256.New(), make([]byte, 256<<10)
	for left := size; left > 0; {
		if ctx.Err() != nil {
			return "", fault.New(fault.Unavailable, "the import was given up").Because(context.Cause(ctx))
		}
		n, err := r.Read(buf[:min(left, int64(len(buf)))])
		hash.Write(buf[:n])
		if _, bad := w.Write(buf[:n]); bad != nil {
			return "", bad
		}
		left -= int64(n)
		if errors.Is(err, io.EOF) && left > 0 {
			return "", fault.New(fault.Invalid, "the file ended after %d of %d bytes", size-left, size).Try("import it again")
		}
		if err != nil && left > 0 {
			return "", err
		}
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

var digest = regexp.MustCompile(`^[0-9a-f]{64}$`)

// Open returns the content with this digest in a memfd that nothing can change any more: QEMU reads
// a kernel by its path, and the path of a memfd is /proc/self/fd/N.
func (f *Files) Open(_ context.Context, sha string) (_ *os.File, err error) {
	if !digest.MatchString(sha) {
		return nil, fault.New(fault.Internal, "%.80q is no digest", sha)
	}
	in, err := f.root.Open(sha)
	if err != nil {
		return nil, osfault.File(err, "the content of a boot file is missing")
	}
	defer func() { _ = in.Close() }()
	fd, err := unix.MemfdCreate("hv-boot", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, osfault.File(err, "no memory file")
	}
	mem := os.NewFile(uintptr(fd), "hv-boot")
	if _, err := io.Copy(mem, in); err != nil {
		return nil, errors.Join(osfault.File(err, "cannot read a boot file"), mem.Close())
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(mem.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return nil, errors.Join(osfault.File(err, "cannot seal a memory file"), mem.Close())
	}
	if _, err := mem.Seek(0, io.SeekStart); err != nil {
		return nil, errors.Join(osfault.File(err, "cannot rewind a memory file"), mem.Close())
	}
	return mem, nil
}

// Remove removes the content with this digest; what is gone is no error.
func (f *Files) Remove(_ context.Context, sha string) error {
	if !digest.MatchString(sha) {
		return fault.New(fault.Internal, "%.80q is no digest", sha)
	}
	if err := f.root.Remove(sha); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return osfault.File(err, "cannot remove a boot file")
	}
	return nil
}
