//go:build linux

// Package confine takes from a program what it does not need, as far as a process without privileges can: files by
// landlock, system calls by seccomp, the way back by no_new_privs, and room by resource limits.
//
// What lives here: the two filters, and running one confined program. What does not: namespaces and jails, which need
// root (package launch), and which programs there are.
package confine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Command is a program that is run confined: it reads /usr and the Nix store, may open anew the files that it is
// given, and reaches no other file, no socket and no other process. It has no environment.
type Command struct {
	Program string     // absolute
	Args    []string   // with the program's name first
	Files   []*os.File // become descriptors 3, 4, …; they stay the caller's
	In      *os.File   // nil: nothing
	Out     *os.File   // nil: nowhere
	Err     *os.File   // nil: nowhere
	Limits  Limits
}

// Limits are resource limits (setrlimit(2)); zero sets none.
type Limits struct {
	CPU       time.Duration // whole seconds; then it is killed
	Memory    uint64        // bytes of address space
	FileBytes uint64        // the largest file that it may write
}

// FirstFile is the descriptor that the first of a command's files has.
const FirstFile = 3

// Path is how a program names its n-th file so that it opens it anew, as an open file description of its own.
func Path(n int) string { return "/proc/self/fd/" + strconv.Itoa(FirstFile+n) }

// Run runs the command until it ends, and says how: an error of its own is an *Exit. When ctx ends first it is
// killed, and Run returns the context's cause. When this process ends it is killed, too.
//
// What confines a process is a thread's, and is inherited: a thread of its own is confined, starts the program, and
// ends with it. So there is no copy of ourselves between that would have to start first.
func (c Command) Run(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer func() { _ = null.Close() }()
	started := make(chan *os.Process, 1)
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with this goroutine
		child, err := c.start(null)
		started <- child
		if err != nil {
			ended <- err
			return
		}
		ended <- wait(child)
	}()
	child := <-started
	if child == nil {
		return <-ended
	}
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		kill := child.Kill()
		err := <-ended
		if err == nil || kill != nil {
			return err // it ended by itself in this moment
		}
		return context.Cause(ctx)
	}
}

// start confines the calling thread and starts the program from it.
func (c Command) start(null *os.File) (*os.Process, error) {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("no_new_privs: %w", err)
	}
	version, err := Landlock()
	if err != nil {
		return nil, err
	}
	if err := c.files(version); err != nil {
		return nil, err
	}
	if err := Calls(); err != nil {
		return nil, err
	}
	or := func(f *os.File) *os.File {
		if f == nil {
			return null
		}
		return f
	}
	child, err := os.StartProcess(c.Program, c.Args, &os.ProcAttr{
		Dir: "/", Env: []string{}, Files: append([]*os.File{or(c.In), or(c.Out), or(c.Err)}, c.Files...),
		// The signal comes with the end of the thread that started it, which waits for it: only ours before its time.
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL},
	})
	if err != nil {
		return nil, err
	}
	if err := c.Limits.set(child.Pid); err != nil {
		return nil, errors.Join(err, child.Kill(), wait(child))
	}
	return child, nil
}

// readable is what a confined program sees of the host.
var readable = []Grant{
	{"/usr", MayRun},
	{"/bin", MayRun},
	{"/lib", MayRun},
	{"/lib32", MayRun},
	{"/lib64", MayRun},
	{"/libx32", MayRun},
	{"/nix/store", MayRun},
	{"/dev/null", MayUse}, // QEMU's programs learn by it whether the host has image locks
	{"/dev/urandom", MayRead},
}

// files confines the thread to what a program may read, and to the command's own files in the way in which they are open.
func (c Command) files(version int) (err error) {
	if version == 0 {
		return nil
	}
	r, err := newRuleset(version)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unix.Close(r.fd)) }()
	for _, g := range append(readable, Grant{c.Program, MayRun}) {
		if err := r.grant(g); err != nil {
			return err
		}
	}
	for i, f := range c.Files {
		flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
		if err != nil {
			return fmt.Errorf("descriptor %d: %w", FirstFile+i, err)
		}
		may := uint64(unix.LANDLOCK_ACCESS_FS_READ_FILE)
		if flags&unix.O_ACCMODE != unix.O_RDONLY {
			may |= unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
		}
		if err := r.open(int(f.Fd()), may); err != nil {
			return fmt.Errorf("landlock descriptor %d: %w", FirstFile+i, err)
		}
	}
	return r.enter()
}

// set limits a process that has just begun. A limit of what is used counts from its beginning, whenever it is set.
func (l Limits) set(pid int) error {
	for resource, value := range map[int]uint64{
		unix.RLIMIT_CPU:   uint64((l.CPU + time.Second - 1) / time.Second),
		unix.RLIMIT_AS:    l.Memory,
		unix.RLIMIT_FSIZE: l.FileBytes,
	} {
		if value == 0 {
			continue
		}
		err := unix.Prlimit(pid, resource, &unix.Rlimit{Cur: value, Max: value}, nil)
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("prlimit: %w", err)
		}
	}
	return nil
}

// Exit says how a program ended that did not succeed.
type Exit struct {
	Code   int            // -1 where a signal ended it
	Signal syscall.Signal // 0 where it ended by itself
}

func (e *Exit) Error() string {
	if e.Signal != 0 {
		return "signal: " + e.Signal.String()
	}
	return "exit status " + strconv.Itoa(e.Code)
}

func wait(child *os.Process) error {
	state, err := child.Wait()
	if err != nil {
		return err
	}
	if state.Success() {
		return nil
	}
	e := &Exit{Code: state.ExitCode()}
	if s, ok := state.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		e.Signal = s.Signal()
	}
	return e
}
