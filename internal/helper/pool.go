package helper

import (
	"errors"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

// poolFolder makes an empty folder that is hvd's. Every folder on the way is opened from the one above it, without
// following a link, and has to be root's with nobody else writing to it: nobody can put something else in its place
// meanwhile. What is there already is not touched: it is hvd's from before, or refused; but for an empty one of root's
// alone, as a helper leaves it that ends between making and giving it.
func (h *Helper) poolFolder(at string, p *privilege.PoolFolder) error {
	path := "/" + p.Tree + "/" + strings.Join(p.Names, "/")
	dir, err := h.descend(at, p.Names[:len(p.Names)-1])
	if err == nil {
		err = h.rootsAlone(dir)
	}
	if err != nil {
		if dir != nil {
			_ = dir.Close() // a folder
		}
		return fault.New(fault.Denied, "no folder is made at %s", path).Because(err).WithCode("HV-POOL-007").
			Try("install -d -o %d -m 700 %s", h.owners.HVD, path)
	}
	defer func() { _ = dir.Close() }()
	return h.giveFolder(dir, p.Names[len(p.Names)-1], path)
}

// giveFolder makes the last folder and gives it to hvd.
func (h *Helper) giveFolder(in *os.File, name, path string) error {
	err := unix.Mkdirat(int(in.Fd()), name, 0o700)
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fault.New(fault.Unavailable, "cannot make %s", path).Because(err)
	}
	made := err == nil
	f, err := openBelow(int(in.Fd()), name)
	if err != nil {
		return fault.New(fault.Denied, "%s is there and is no folder", path).Because(err).WithCode("HV-POOL-007")
	}
	defer func() { _ = f.Close() }()
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return fault.New(fault.Unavailable, "cannot look at %s", path).Because(err)
	}
	if !made {
		if int(st.Uid) == h.owners.HVD {
			return nil
		}
		if !begun(f, &st, h.owners.Root) {
			return fault.New(fault.Denied, "%s is there already and belongs to uid %d", path, st.Uid).WithCode("HV-POOL-007").
				Try("name another folder, or, where nobody needs what is in it: chown %d %s && chmod 700 %s", h.owners.HVD, path, path)
		}
	}
	if err := unix.Fchown(int(f.Fd()), h.owners.HVD, h.owners.HVDGroup); err != nil {
		return errors.Join(fault.New(fault.Unavailable, "cannot give %s to the daemon", path).Because(err), unix.Unlinkat(int(in.Fd()), name, unix.AT_REMOVEDIR))
	}
	h.say("made %s, a folder of hvd's, for a pool", path)
	return nil
}

// begun reports whether a folder is one that was made and not given away yet.
func begun(f *os.File, st *unix.Stat_t, root int) bool {
	if int(st.Uid) != root || st.Mode&0o7777 != 0o700 {
		return false
	}
	_, err := f.Readdirnames(1)
	return errors.Is(err, io.EOF)
}

func openBelow(at int, name string) (*os.File, error) {
	fd, err := unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// descend opens the folder that names lead to below base. Every folder on the way is root's alone; of the last that is not asked.
func (h *Helper) descend(base string, names []string) (*os.File, error) {
	dir, err := openBelow(unix.AT_FDCWD, base)
	for _, name := range names {
		if err == nil {
			err = h.rootsAlone(dir)
		}
		if err != nil {
			break
		}
		next, openErr := openBelow(int(dir.Fd()), name)
		_ = dir.Close() // a folder
		dir, err = next, openErr
	}
	if err != nil && dir != nil {
		_ = dir.Close() // a folder
		dir = nil
	}
	return dir, err
}

// rootsAlone refuses a folder in which others could put something in the place of what is made.
func (h *Helper) rootsAlone(dir *os.File) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &st); err != nil {
		return err
	}
	if int(st.Uid) != h.owners.Root || st.Mode&0o022 != 0 {
		return fault.New(fault.Denied, "%s is not root's alone", dir.Name())
	}
	return nil
}
