package launch

import (
	"errors"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Landlock (landlock(7)) says again, and in another part of the kernel, what the jail says by what is mounted
// in it: a mistake in one of them opens nothing. It also ends what no mount can: TCP, and reaching out of
// the domain by signals or abstract unix sockets. What a kernel is too old for is left out.

// rights of the files below a folder, by landlock's names.
const (
	mayRead  = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	mayRun   = mayRead | unix.LANDLOCK_ACCESS_FS_EXECUTE
	mayUse   = mayRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	mayWrite = mayRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_MAKE_REG |
		unix.LANDLOCK_ACCESS_FS_MAKE_SOCK | unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR
)

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

// granted are the places of the jail that a program may use, and how. Of the links to /usr, one that leads
// there names it once more; where it is a folder of its own it needs its own rule.
var granted = []struct {
	path string
	may  uint64
}{
	{"/usr", mayRun}, {"/bin", mayRun}, {"/sbin", mayRun}, {"/lib", mayRun}, {"/lib32", mayRun}, {"/lib64", mayRun}, {"/libx32", mayRun},
	{"/nix/store", mayRun},
	{"/proc", mayRead}, {"/dev", mayUse}, {"/run", mayWrite},
}

// Landlock is the version of landlock that this kernel has; 0 where it has none.
func Landlock() int {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(v)
}

// LandlockLacks says what of a jail this version of landlock does not hold; empty where it holds all.
func LandlockLacks(version int) string {
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

// landlock takes from the calling thread, and so from what it executes, every file but those of the jail.
// It needs no_new_privs.
func landlock(version int) (err error) {
	if version == 0 {
		return nil
	}
	attr := handled(version) // what a kernel does not know of it is 0, which it takes
	//nolint:gosec // there is no wrapper of this call
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return &StepError{"landlock", errno}
	}
	defer func() { err = errors.Join(err, unix.Close(int(fd))) }()
	for _, g := range granted {
		if err := grant(int(fd), g.path, g.may&attr.Handled_access_fs); err != nil {
			return err
		}
	}
	return stepOf("landlock", call(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0))
}

// grant lets the domain have a folder of the jail; one that this jail does not have needs nothing.
func grant(ruleset int, path string, may uint64) (err error) {
	dir, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC|unix.O_DIRECTORY, 0)
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	if err != nil {
		return &StepError{"landlock " + path, err}
	}
	defer func() { err = errors.Join(err, unix.Close(dir)) }()
	rule := unix.LandlockPathBeneathAttr{Allowed_access: may, Parent_fd: int32(dir)}
	//nolint:gosec // the same
	_, _, errno := unix.RawSyscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return &StepError{"landlock " + path, errno}
	}
	return nil
}

func stepOf(step string, err error) error {
	if err == nil {
		return nil
	}
	return &StepError{step, err}
}
