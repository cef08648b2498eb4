//go:build linux

package dir

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/osfault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/backend"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/folder"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/qcow2"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
)

func cutNote(name string) (uid string, ok bool) {
	uid, ok = strings.CutSuffix(name, note)
	return uid, ok && backend.CheckUID(uid) == nil
}

func (p *Pool) readNote(name string) ([]byte, error) {
	f, err := p.folder.OpenFile(name, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, osfault.File(err, "cannot read %s in pool %q", name, p.name)
	}
	content, err := io.ReadAll(io.LimitReader(f, int64(backend.MaxNote)+1))
	return content, osfault.File(errors.Join(err, f.Close()), "cannot read %s in pool %q", name, p.name)
}

// probeReflink finds out whether two files of the folder can share blocks, by having two share one.
func (p *Pool) probeReflink() bool {
	var names []string
	var files []*os.File
	defer func() {
		for i, f := range files {
			_ = f.Close()
			_ = p.folder.Remove(names[i]) // swept at the next start if not now
		}
	}()
	for range 2 {
		name := folder.Partial + rand.Text()
		f, err := p.folder.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return false
		}
		names, files = append(names, name), append(files, f)
	}
	if _, err := files[0].Write(make([]byte, 4096)); err != nil {
		return false
	}
	return unix.IoctlFileClone(int(files[1].Fd()), int(files[0].Fd())) == nil
}

// probeIO finds out whether a file of the folder can be read and written past the page cache, and whether its room can be
// given back in the middle. The one is asked as QEMU asks it of a descriptor that it is handed.
func (p *Pool) probeIO() (direct, discard bool) {
	name := folder.Partial + rand.Text()
	f, err := p.folder.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false, false
	}
	defer func() {
		_ = f.Close()
		_ = p.folder.Remove(name) // swept at the next start if not now
	}()
	if _, err := f.Write(make([]byte, 8192)); err != nil {
		return false, false
	}
	discard = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 4096) == nil
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err == nil {
		_, err = unix.FcntlInt(f.Fd(), unix.F_SETFL, flags|unix.O_DIRECT)
	}
	return err == nil, discard
}

// Usage is what a file takes.
func (p *Pool) Usage(ctx context.Context, name string) (storage.Usage, error) {
	f, err := p.Open(ctx, name, true)
	if err != nil {
		return storage.Usage{}, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return storage.Usage{}, osfault.File(err, "cannot measure %s in pool %q", name, p.name)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return storage.Usage{}, fault.New(fault.Internal, "no stat of %s", name)
	}
	u := storage.Usage{Virtual: model.Bytes(info.Size()), Allocated: model.Bytes(st.Blocks * 512)} // of 512 bytes whatever the file system: stat(2)
	if backend.FormatOf(name) == storage.QCOW2 {
		if n, err := qcow2.Virtual(f); err == nil { // else what is there cannot be read, and takes its room all the same
			u.Virtual = n
		}
	}
	if !p.can.Exclusive {
		return u, nil
	}
	if shared, ok := sharedBytes(f); ok {
		own := max(u.Allocated-shared, 0)
		u.Exclusive = &own
	}
	return u, nil
}

// refused says of the folder of a pool what keeps it from being one.
func refused(path string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !info.IsDir():
		return fault.New(fault.Invalid, "%s is no folder", path)
	case !ok:
		return fault.New(fault.Internal, "no stat of %s", path)
	case int(st.Uid) != os.Geteuid():
		return fault.New(fault.Denied, "%s is not the daemon's own: it belongs to uid %d, and the daemon is uid %d", path, st.Uid, os.Geteuid()).
			WithCode("HV-POOL-007").Try("chown %d %s", os.Geteuid(), path)
	case info.Mode().Perm()&0o022 != 0:
		return fault.New(fault.Denied, "others may write to %s", path).WithCode("HV-POOL-007").Try("chmod 700 %s", path)
	}
	return nil
}

// OpenAt opens the pool in a folder that somebody named: one of the daemon's own, reached without any link, in
// which nobody else may write. One that is missing is made only where the pool is fresh; where that needs more rights
// than the daemon has, by ask, which may be nil. What stands at the path is looked at and opened as one thing.
func OpenAt(ctx context.Context, name, path string, fresh bool, ask func(ctx context.Context, path string) error) (*Pool, error) {
	dir, err := open(path)
	if fresh && errors.Is(err, fs.ErrNotExist) {
		if err = os.Mkdir(path, 0o700); errors.Is(err, fs.ErrPermission) && ask != nil {
			err = ask(ctx, path)
		}
		if err == nil || errors.Is(err, fs.ErrExist) {
			dir, err = open(path)
		}
	}
	if errors.Is(err, unix.ELOOP) {
		return nil, fault.New(fault.Denied, "the path of pool %q, %s, goes through a link", name, path).WithCode("HV-POOL-007").Try("name the folder itself")
	}
	if err != nil {
		return nil, osfault.File(err, "cannot open the folder of pool %q, %s", name, path)
	}
	defer func() { _ = dir.Close() }()
	info, err := dir.Stat()
	if err == nil {
		err = refused(path, info)
	}
	var held *os.File
	if err == nil {
		held, err = locked(dir, path)
	}
	if err == nil {
		err = marked(dir, name, path, fresh)
	}
	if err != nil {
		_ = held.Close() // also of none
		return nil, fault.Wrap(err, "cannot use the folder of pool %q", name)
	}
	if held != nil {
		sayWho(dir)
	}
	p, err := Open(name, fmt.Sprintf("/proc/self/fd/%d", dir.Fd())) // the very folder that was looked at
	if err != nil {
		_ = held.Close()
		return nil, err
	}
	p.held = held
	return p, nil
}

func open(path string) (*os.File, error) {
	fd, err := unix.Openat2(unix.AT_FDCWD, path, &unix.OpenHow{
		Flags: unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}
