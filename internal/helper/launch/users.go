package launch

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Users says who is who in a user namespace: one uid and one gid outside of it, and what they are called inside.
type Users struct{ UID, GID, InsideUID, InsideGID uint32 }

func (u Users) into(attr *syscall.SysProcAttr) {
	attr.Cloneflags |= unix.CLONE_NEWUSER
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: int(u.InsideUID), HostID: int(u.UID), Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: int(u.InsideGID), HostID: int(u.GID), Size: 1}}
}

// Namespace returns a user namespace in which there are these users, for a mount that shows files as theirs. No process
// is in it.
func Namespace(u Users) (*os.File, error) {
	p, err := Start(Birth{Verb: ShimVerb, Users: &u})
	if err != nil {
		return nil, err
	}
	file, err := os.Open(fmt.Sprintf("/proc/%d/ns/user", p.PID)) // it waits for its order: the pid is its own
	p.Abandon()
	p.Wait()
	return file, errors.Join(err, unix.Close(p.Pidfd))
}

// parent starts the program as root of a user namespace, gives every privilege away, and waits for it. A namespace
// cannot be made by a process of several threads for itself, which every program of Go's is; so the program is a
// child. It can mount nothing: the mount namespace that it lives in belongs to no namespace of its.
func (o Order) parent(status *os.File) int {
	child, err := o.child()
	if err != nil {
		tell(status, err)
		return 126
	}
	err = unix.Mount("", "/proc", "", readOnly|inert, "")
	if err = errors.Join(err, unix.CloseRange(FirstFile, uint(FirstFile+o.Files-1), 0), dropAll(o.UID)); err == nil {
		_, err = status.WriteString(markExec)
	}
	if err != nil {
		tell(status, err)
		return 126 // the first process of its pid namespace takes all others with it
	}
	_ = status.Close() // said
	state, err := child.Wait()
	if err != nil {
		return 126
	}
	if s, ok := state.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return 128 + int(s.Signal()) // as a shell says it
	}
	return state.ExitCode()
}

func (o Order) child() (*os.Process, error) {
	if err := o.Limits.set(); err != nil {
		return nil, err
	}
	if err := o.Jail.enter(o.UID, o.Program, true); err != nil {
		return nil, err
	}
	if _, _, errno := syscall.AllThreadsSyscall6(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0); errno != 0 {
		return nil, &StepError{"no_new_privs", errno}
	}
	files := []*os.File{os.Stdin, os.Stdout, os.Stderr}
	for fd := range o.Files {
		files = append(files, os.NewFile(uintptr(FirstFile+fd), ""))
	}
	attr := &syscall.SysProcAttr{
		Credential:                 &syscall.Credential{}, // root, in there
		GidMappingsEnableSetgroups: true,                  // so that it can be in none
	}
	Users{UID: o.UID, GID: o.UID}.into(attr)
	p, err := os.StartProcess(o.Program, o.Args, &os.ProcAttr{Dir: "/", Env: []string{}, Files: files, Sys: attr})
	if err != nil {
		return nil, &StepError{"start " + o.Program, err}
	}
	return p, nil
}

// dropAll is drop for a process that goes on with all of its threads.
func dropAll(id uint32) error {
	for c := uintptr(0); ; c++ {
		_, _, errno := syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, c, 0)
		if errno == unix.EINVAL && c > 0 {
			break // beyond the last capability that this kernel knows
		}
		if errno != 0 {
			return &StepError{"drop bounding set", errno}
		}
	}
	n := int(id)
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"setgroups", func() error { return syscall.Setgroups(nil) }},
		{"setresgid", func() error { return syscall.Setresgid(n, n, n) }},
		{"setresuid", func() error { return syscall.Setresuid(n, n, n) }}, // which empties the permitted and effective sets
	} {
		if err := step.do(); err != nil {
			return &StepError{step.name, err}
		}
	}
	return nil
}
