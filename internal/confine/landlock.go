//go:build linux

package confine

import (
	"errors"
	"fmt"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Landlock (landlock(7)) takes files away by name and TCP, signals and abstract unix sockets beyond what it holds.
// What a kernel is too old for is left out.

// Rights of a file, or of the files below a folder, by landlock's names.
const (
	MayRead  = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	MayRun   = MayRead | unix.LANDLOCK_ACCESS_FS_EXECUTE
	MayUse   = MayRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	MayWrite = MayRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_MAKE_REG |
		unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR
)

// ofFile are the rights that a file has; the others are a folder's.
const ofFile = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
	unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV

// everything of a file system that the first landlock knows, and what came later.
const (
	allFirst   = 1<<13 - 1 // up to LANDLOCK_ACCESS_FS_MAKE_SYM
	tcp        = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	outOfScope = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
)

// The versions of landlock from which on it knows a thing.
const (
	landlockRefer    = 2
	landlockTruncate = 3
	landlockTCP      = 4
	landlockIoctl    = 5
	landlockScope    = 6
)

// Grant is a place that stays usable, and how. Of a link, what it leads to is meant. One that is not there needs
// nothing.
type Grant struct {
	Path string
	May  uint64
}

// Landlock is the version of landlock that this kernel has; 0 where it has none. Where the kernel was not let say, such
// as by a service's filter of system calls, that is an error: to go on would be to run without, and nobody would know.
func Landlock() (int, error) {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	return versionOf(int(v), errno)
}

func versionOf(v int, errno unix.Errno) (int, error) {
	if errno == 0 {
		return v, nil
	}
	if errno == unix.ENOSYS || errno == unix.EOPNOTSUPP { // built without, or not among the kernel's lsm=
		return 0, nil
	}
	return 0, fmt.Errorf("landlock is kept from this process, as by a filter of system calls (SystemCallFilter= must allow landlock_create_ruleset, "+
		"landlock_add_rule and landlock_restrict_self): %w", errno)
}

// Lacks says what of a jail this version of landlock does not hold; empty where it holds all.
func Lacks(version int) string {
	switch {
	case version == 0:
		return "this kernel has no landlock: a VM's process is held by its namespaces and seccomp alone"
	case version < landlockScope:
		return "landlock of this kernel (version " + strconv.Itoa(version) + ") does not hold TCP, signals and abstract sockets as well; the namespaces do"
	}
	return ""
}

// handled are the rights that are taken away, as far as this version knows them.
func handled(version int) unix.LandlockRulesetAttr {
	a := unix.LandlockRulesetAttr{Handled_access_fs: allFirst}
	if version >= landlockRefer {
		a.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= landlockTruncate {
		a.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version >= landlockTCP {
		a.Handled_access_net = tcp
	}
	if version >= landlockIoctl {
		a.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if version >= landlockScope {
		a.Scoped = outOfScope
	}
	return a
}

// Files takes from the calling thread, and so from what it executes, every file but those that are granted and
// those that are open. It needs no_new_privs.
func Files(version int, granted ...Grant) (err error) {
	if version == 0 {
		return nil
	}
	r, err := newRuleset(version)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Close(r.fd)) }()
	for _, g := range granted {
		if err := r.grant(g); err != nil {
			return err
		}
	}
	return r.enter()
}

// ruleset is what a thread is about to be held to.
type ruleset struct {
	fd      int
	handled uint64
}

func newRuleset(version int) (ruleset, error) {
	attr := handled(version) // what a kernel does not know of it is 0, which it takes
	//nolint:gosec // there is no wrapper of this call
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return ruleset{}, fmt.Errorf("landlock: %w", errno)
	}
	return ruleset{int(fd), attr.Handled_access_fs}, nil
}

func (r ruleset) enter() error {
	if _, _, errno := unix.RawSyscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(r.fd), 0, 0); errno != 0 {
		return fmt.Errorf("landlock: %w", errno)
	}
	return nil
}

func (r ruleset) grant(g Grant) (err error) {
	at, err := unix.Open(g.Path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("landlock %s: %w", g.Path, err)
	}
	defer func() { err = errors.Join(err, unix.Close(at)) }()
	if err := r.open(at, g.May); err != nil {
		return fmt.Errorf("landlock %s: %w", g.Path, err)
	}
	return nil
}

// open grants what fd is open on. What lives on no file system that has names, such as a pipe or a memfd, is never
// taken away and needs no grant.
func (r ruleset) open(fd int, may uint64) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		may &= ofFile
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: may & r.handled, Parent_fd: int32(fd)}
	//nolint:gosec // the same
	_, _, errno := unix.RawSyscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(r.fd), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 && errno != unix.EBADFD {
		return errno
	}
	return nil
}
