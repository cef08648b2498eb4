package launch

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ShimVerb is the first argument by which a program that links this package becomes the shim.
const ShimVerb = "launch"

// Birth is how a process comes into the world.
type Birth struct {
	Verb       string     // what the copy of ourselves is asked to be; ShimVerb
	Namespaces bool       // new, empty ones: mount, pid, IPC, network, UTS
	Files      []*os.File // become descriptors 3, 4, …; they stay the caller's
	Output     *os.File   // becomes stdout and stderr; /dev/null where nil
	Cgroup     *os.File   // the folder of the cgroup to be born into; nil for ours
	Users      *Users     // a user namespace of its own: for shims that wait and never get an order
}

// Process is a shim that waits for its order, or what it became.
type Process struct {
	PID    int
	Pidfd  int // the caller's to close
	child  *os.Process
	order  *os.File
	status *os.File
	sent   error // what came of sending the order
}

// Start clones the shim. It must be followed by Order and Await, or by Abandon, and by Wait.
func Start(b Birth) (p *Process, err error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = null.Close() }()
	orderR, orderW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = orderR.Close() }()
	statusR, statusW, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, orderW.Close())
	}
	defer func() { _ = statusW.Close() }()

	output := b.Output
	if output == nil {
		output = null
	}
	pidfd := -1
	attr := &syscall.SysProcAttr{Setsid: true, PidFD: &pidfd}
	if b.Namespaces {
		attr.Cloneflags = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWIPC | unix.CLONE_NEWNET | unix.CLONE_NEWUTS
	}
	if b.Users != nil {
		b.Users.into(attr)
	}
	if b.Cgroup != nil {
		attr.UseCgroupFD, attr.CgroupFD = true, int(b.Cgroup.Fd())
	}
	files := append([]*os.File{null, output, output}, b.Files...)
	n := len(files)
	child, err := os.StartProcess("/proc/self/exe", []string{"hv-helper", b.Verb, strconv.Itoa(n)}, &os.ProcAttr{
		Dir:   "/",
		Env:   []string{"GOGC=off", "GOMAXPROCS=1"}, // the shim lives for milliseconds
		Files: append(files, orderR, statusW),
		Sys:   attr,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("clone: %w", err), orderW.Close(), statusR.Close())
	}
	return &Process{PID: child.Pid, Pidfd: pidfd, child: child, order: orderW, status: statusR}, nil
}

// StepError says at which step the shim failed.
type StepError struct {
	Step string
	Err  error // a syscall.Errno where the kernel refused
}

func (e *StepError) Error() string {
	if e.Step == "" {
		return e.Err.Error()
	}
	return e.Step + ": " + e.Err.Error()
}

// Unwrap returns the cause.
func (e *StepError) Unwrap() error { return e.Err }

// Patience is how long a shim may take to become its program. It takes milliseconds, but on a host
// that swaps it may be long.
const Patience = 20 * time.Second

// Order tells the shim what to become. What went wrong with it, Await says.
func (p *Process) Order(o Order) {
	data, err := json.Marshal(o)
	if err == nil {
		_, err = p.order.Write(data)
	}
	p.sent = errors.Join(err, p.order.Close())
}

// Await waits until the shim has executed the program, at most for the time given. The error is a
// *StepError.
func (p *Process) Await(patience time.Duration) error {
	err := p.status.SetReadDeadline(time.Now().Add(patience))
	var status []byte
	if err == nil {
		status, err = io.ReadAll(io.LimitReader(p.status, 4096))
	}
	if err = errors.Join(err, p.status.Close()); err != nil {
		return &StepError{"wait for the shim", err}
	}
	return outcome(string(status), p.sent)
}

// outcome reads the status: nothing but the mark of an exec that began means that it succeeded, because
// its pipe closed by it.
func outcome(status string, sent error) error {
	failure := strings.TrimPrefix(status, markExec)
	switch {
	case status == markExec:
		return nil
	case failure == "":
		return &StepError{"", errors.Join(errors.New("it ended before the program began"), sent)}
	}
	step, number, _ := strings.Cut(failure, markStep)
	errno, err := strconv.Atoi(number)
	if err != nil || errno == 0 {
		return &StepError{step, errors.New(number)}
	}
	return &StepError{step, syscall.Errno(errno)}
}

// Abandon ends a shim that was not told to go.
func (p *Process) Abandon() { _ = errors.Join(p.order.Close(), p.status.Close()) } // its order ends, and so does it

// Wait waits for the process' end and says how it ended, such as "exit status 1" or "signal: killed".
func (p *Process) Wait() string {
	state, err := p.child.Wait()
	if err != nil {
		return err.Error()
	}
	return state.String()
}
