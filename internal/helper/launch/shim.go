package launch

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// What the shim writes into its status pipe: the mark right before exec, and, where a step fails, the
// step, a tab, and the errno or a text.
const (
	markExec = "exec\n"
	markStep = "\t"
)

// Shim becomes the program that it is ordered to be. args are what follows the verb: the number of the
// descriptor with the order; the next one is the status pipe. It returns only when it failed, with the
// exit status.
func Shim(args []string) int {
	order, status, err := instructed(args)
	if err != nil {
		return 125 // nobody listens, or nobody wants us any more
	}
	if order.Root {
		return order.parent(status)
	}
	if err = Confine(order); err == nil {
		err = order.exec(status)
	}
	tell(status, err)
	return 126
}

// Inside is Shim for what needs no program: once confined as ordered it runs f, and tells its error.
func Inside(args []string, f func(Order) error) int {
	order, status, err := instructed(args)
	if err != nil {
		return 125
	}
	if err = Confine(order); err == nil {
		err = f(order)
	}
	if err == nil {
		_, err = status.WriteString(markExec)
	}
	tell(status, err)
	return 0
}

// instructed reads the order. It locks the goroutine to its thread: from now on privileges change, and
// they belong to threads.
func instructed(args []string) (Order, *os.File, error) {
	runtime.LockOSThread()
	var o Order
	if len(args) != 1 {
		return o, nil, errors.New("the shim is started by hv-helper only")
	}
	fd, err := strconv.Atoi(args[0])
	if err != nil || fd < FirstFile {
		return o, nil, errors.New("the shim is started by hv-helper only")
	}
	in, status := os.NewFile(uintptr(fd), "order"), os.NewFile(uintptr(fd+1), "status")
	unix.CloseOnExec(fd)
	unix.CloseOnExec(fd + 1)
	data, err := io.ReadAll(in)
	if err == nil {
		err = json.Unmarshal(data, &o)
	}
	return o, status, err
}

// tell writes a failed step into the status pipe.
func tell(status *os.File, err error) {
	if err == nil {
		return
	}
	step, what := "", err.Error()
	if s, ok := errors.AsType[*StepError](err); ok {
		step, what = s.Step, s.Err.Error()
		if errno, ok := errors.AsType[syscall.Errno](s.Err); ok {
			what = strconv.Itoa(int(errno))
		}
	}
	_, _ = status.WriteString(step + markStep + what) // nobody else could be told
}

// Confine does everything but the exec: limits, jail, and no privilege afterwards; who is in a jail gets
// landlock and a filter of system calls, too. The calling
// goroutine must be locked to its thread, and the process must not need any other one afterwards.
func Confine(o Order) error {
	if err := o.Limits.set(); err != nil {
		return err
	}
	if o.Jail != nil {
		if err := o.Jail.enter(o.UID, o.Program, o.Root); err != nil {
			return err
		}
	}
	if err := drop(o.UID); err != nil || o.Jail == nil {
		return err
	}
	return confined()
}

func (o Order) exec(status *os.File) error {
	first := uint(FirstFile + o.Files)
	// What is ours and not the program's, the runtime's own descriptors too.
	if err := unix.CloseRange(first, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return &StepError{"close_range", err}
	}
	for fd := range o.Files {
		if _, err := unix.FcntlInt(uintptr(FirstFile+fd), unix.F_SETFD, 0); err != nil {
			return &StepError{"keep descriptor " + strconv.Itoa(FirstFile+fd), err}
		}
	}
	unix.Umask(0o077)
	if o.Jail != nil && o.Jail.Folder != nil {
		unix.Umask(0o007)
	}
	if _, err := status.WriteString(markExec); err != nil {
		return err
	}
	// No environment: what a program must know it is told by arguments.
	return &StepError{"exec " + o.Program, syscall.Exec(o.Program, o.Args, []string{})}
}

func (l Limits) set() error {
	type limit struct {
		name     string
		resource int
		value    uint64
	}
	limits := []limit{{"RLIMIT_CORE", unix.RLIMIT_CORE, 0}}
	for _, more := range []limit{
		{"RLIMIT_NOFILE", unix.RLIMIT_NOFILE, l.Files},
		{"RLIMIT_NPROC", unix.RLIMIT_NPROC, l.Processes},
		{"RLIMIT_MEMLOCK", unix.RLIMIT_MEMLOCK, l.Locked},
		{"RLIMIT_FSIZE", unix.RLIMIT_FSIZE, l.FileBytes},
	} {
		if more.value > 0 {
			limits = append(limits, more)
		}
	}
	if l.FileBytes > 0 {
		signal.Ignore(unix.SIGXFSZ) // stays ignored over exec
	}
	for _, next := range limits {
		var now syscall.Rlimit
		if err := syscall.Getrlimit(next.resource, &now); err != nil {
			return &StepError{next.name, err}
		}
		v := min(next.value, now.Max) // raising it may not be ours to do
		if next.resource == unix.RLIMIT_MEMLOCK {
			v = next.value // the helper's own is that of any service; it may raise this one
		}
		// syscall's, not unix': it keeps exec from restoring the soft limit of files that the runtime raised.
		if err := syscall.Setrlimit(next.resource, &syscall.Rlimit{Cur: v, Max: v}); err != nil {
			return &StepError{next.name, err}
		}
	}
	return nil
}
