package launch

import (
	"errors"

	"golang.org/x/sys/unix"
)

// drop gives every privilege of the calling thread away for good: bounding set, groups, uid and gid,
// capabilities, and the way back by setuid programs. Raw calls, for this thread alone: the others end at
// exec, and going through all of them costs more than it gains.
func drop(id uint32) error {
	for c := uintptr(0); ; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) && c > 0 {
			break // beyond the last capability that this kernel knows
		}
		if err != nil {
			return &StepError{"drop bounding set", err}
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return &StepError{"clear ambient capabilities", err}
	}
	n := uintptr(id)
	if err := call(unix.SYS_SETGROUPS, 0, 0, 0); err != nil {
		return &StepError{"setgroups", err}
	}
	if err := call(unix.SYS_SETRESGID, n, n, n); err != nil {
		return &StepError{"setresgid", err}
	}
	if err := call(unix.SYS_SETRESUID, n, n, n); err != nil {
		return &StepError{"setresuid", err}
	}
	// Leaving uid 0 has emptied the permitted and effective sets; the inheritable one is left.
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		return &StepError{"capset", err}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return &StepError{"no_new_privs", err}
	}
	return nil
}

func call(number, a, b, c uintptr) error {
	if _, _, errno := unix.RawSyscall(number, a, b, c); errno != 0 {
		return errno
	}
	return nil
}
