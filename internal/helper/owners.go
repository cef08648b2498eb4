package helper

import (
	"errors"
	"os"
	"os/user"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/run"
)

// owners finds out whose the sockets are.
func owners(hvd, group string) (run.Owners, error) {
	o := run.Owners{Root: os.Geteuid()}
	var err error
	if o.HVD, o.HVDGroup, err = findUser(hvd); err != nil {
		return o, err
	}
	o.APIGroup, err = findGroup(group)
	return o, err
}

// findUser reads a name, UID or UID:GID. A UID alone is its own group.
func findUser(s string) (id, group int, err error) {
	if u, g, ok := strings.Cut(s, ":"); ok {
		id, err = number(u)
		group, err2 := number(g)
		return id, group, errors.Join(err, err2)
	}
	if id, err = number(s); err == nil {
		return id, id, nil
	}
	u, err := user.Lookup(s)
	if err != nil {
		return 0, 0, fault.New(fault.Precondition, "no user %q on this host", s).Because(err).
			Try("useradd --system --user-group %s, or name another one with --hvd-user", s)
	}
	id, err = number(u.Uid)
	group, err2 := number(u.Gid)
	return id, group, errors.Join(err, err2)
}

func findGroup(s string) (int, error) {
	if id, err := number(s); err == nil {
		return id, nil
	}
	g, err := user.LookupGroup(s)
	if err != nil {
		return 0, fault.New(fault.Precondition, "no group %q on this host", s).Because(err).
			Try("groupadd --system %s, or name another one with --group", s)
	}
	return number(g.Gid)
}

func number(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	return int(n), err
}

// stateFolder opens <state>/helper, which is root's alone. The folder above it is root's and sticky:
// hvd's group makes entries in it, and can neither rename nor remove what is root's. One that somebody
// else made may be hvd's: so it is opened once, without following links, and looked at; from then on
// the open folder counts and no path does.
func stateFolder(state string, o run.Owners) (*os.File, error) {
	if err := os.Mkdir(state, 0o700); err == nil {
		if err := errors.Join(os.Lchown(state, o.Root, o.HVDGroup), os.Chmod(state, 0o770|os.ModeSticky)); err != nil {
			return nil, err
		}
	} else if !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	above, err := unix.Open(state, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fault.New(fault.Precondition, "cannot open the state folder %s", state).Because(err)
	}
	defer func() { _ = unix.Close(above) }() // a folder
	const name = "helper"
	if err := unix.Mkdirat(above, name, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, &os.PathError{Op: "mkdir", Path: state + "/" + name, Err: err}
	}
	fd, err := unix.Openat2(above, name, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: state + "/" + name, Err: err}
	}
	dir := os.NewFile(uintptr(fd), name)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, errors.Join(err, dir.Close())
	}
	if int(st.Uid) != o.Root || st.Mode&0o077 != 0 {
		err := fault.New(fault.Denied, "%s/%s belongs to uid %d with mode %#o; it must be root's alone", state, name, st.Uid, st.Mode&0o777).
			Try("move it away: somebody else than hv-helper made it")
		return nil, errors.Join(err, dir.Close())
	}
	return dir, nil
}
