package run

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/privilege/packet"
)

// How many connections wait to be accepted: by QEMU, which has one client, and by hvd, whose clients may all
// come at once. Who finds the queue full is refused at once, as if there were no daemon (EAGAIN, unix(7)).
const (
	backlog = 16
	crowd   = unix.SOMAXCONN
)

// maxSocket keeps a socket's path within sun_path (unix(7)): "/run/hv/01234567/vm/", a UUID and "/" take
// 57 of its 107 bytes.
const maxSocket = 50

// SocketFile is the file name of a VM's socket of that name: a long one is cut, and a digest keeps it apart
// from others.
func SocketFile(name string) string {
	const suffix = ".sock"
	if len(name)+len(suffix) <= maxSocket {
		return name + suffix
	}
	sum := sha256.Sum256([]byte(name))
	digest := "_" + hex.EncodeToString(sum[:6]) // no name has a "_"
	return name[:maxSocket-len(digest)-len(suffix)] + digest + suffix
}

// SocketPath is where a VM's socket of that name stands.
func (f *Folder) SocketPath(uuid, name string) string {
	return filepath.Join(f.VM(uuid), SocketFile(name))
}

// ListenVM makes a listening stream socket in a VM's folder that only hvd may connect to.
func (f *Folder) ListenVM(uuid, name string) (*os.File, error) {
	path := f.SocketPath(uuid, name)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return listen(path, f.owners.HVD, f.owners.HVDGroup, 0o600, backlog)
}

// RemoveSocket removes a VM's socket; one that is not there is no error.
func (f *Folder) RemoveSocket(uuid, name string) error {
	if err := os.Remove(f.SocketPath(uuid, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// ListenHelper makes the helper's own socket in the place of one that an earlier helper has left.
func (f *Folder) ListenHelper(name string) (*packet.Listener, error) {
	path := f.in(name)
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := packet.Listen(fresh)
	if err != nil {
		return nil, err
	}
	for _, step := range []func() error{
		func() error { return os.Lchown(fresh, f.owners.Root, f.owners.HVDGroup) },
		func() error { return os.Chmod(fresh, 0o660) }, //nolint:gosec // hvd is of the group
		func() error { return os.Rename(fresh, path) },
	} {
		if err := step(); err != nil {
			return nil, errors.Join(err, l.Close(), os.Remove(fresh))
		}
	}
	return l, nil
}

// ListenAPI makes the API's listening socket anew and puts it in the place of an older one at once:
// whoever connects meets the old one or the new one.
func (f *Folder) ListenAPI(name string) (*os.File, error) {
	path := f.in(name)
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	file, err := listen(fresh, f.owners.Root, f.owners.APIGroup, 0o660, crowd)
	if err != nil {
		return nil, err
	}
	if err := os.Rename(fresh, path); err != nil {
		return nil, errors.Join(err, file.Close(), os.Remove(fresh))
	}
	return file, nil
}

// RemoveDead removes a stream socket that nobody listens on.
func (f *Folder) RemoveDead(name string) {
	fd, err := connect(f.in(name))
	switch {
	case err == nil:
		_ = unix.Close(fd) // somebody serves it
	case errors.Is(err, unix.ECONNREFUSED):
		_ = os.Remove(f.in(name)) // if it cannot be removed, it is replaced by the next one
	}
}

// ConnectVM connects to a VM's socket, as its passt does not know how to.
func (f *Folder) ConnectVM(uuid, name string) (*os.File, error) {
	path := f.SocketPath(uuid, name)
	fd, err := connect(path)
	if err != nil {
		return nil, fmt.Errorf("connect %s: %w", path, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

func connect(path string) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	second := unix.Timeval{Sec: 1} // for a place in the queue
	err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &second)
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: path})
	}
	if err == nil {
		err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{})
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// listen makes a stream socket whose file has its owner and mode before anybody can connect: the file is
// born with the socket's own mode, and listening begins last.
func listen(path string, uid, gid int, mode uint32, queue int) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	for _, step := range []func() error{
		func() error { return unix.Fchmod(fd, 0o600) },
		func() error { return unix.Bind(fd, &unix.SockaddrUnix{Name: path}) },
		func() error { return unix.Lchown(path, uid, gid) },
		func() error { return unix.Chmod(path, mode) },
		func() error { return unix.Listen(fd, queue) },
	} {
		if err := step(); err != nil {
			_ = unix.Close(fd)
			return nil, fmt.Errorf("make socket %s: %w", path, err)
		}
	}
	return os.NewFile(uintptr(fd), path), nil
}
