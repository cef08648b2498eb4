package helper

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/cgroup"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/door"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/launch"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/run"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/uid"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

var noRecord = run.Record{}

func (g *guest) setRecord(r run.Record) {
	g.record = r
	g.uid.Store(r.UID)
}

// sandbox is what QEMU forbids itself, by seccomp, once it has started.
const sandbox = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"

// qemuFiles is how many files a QEMU may have open: disks, monitors, connections, an eventfd for each queue.
const qemuFiles = 16384

// launch starts a VM's QEMU. Before its process exists the record says that it will; when the shim exists
// the record says which process it is; only then is the shim told to go on. So a helper that dies between
// any two of these lines leaves nothing that the next one does not find.
func (h *Helper) launch(l *privilege.Launch, files []*os.File) (_ *privilege.LaunchReply, pidfd *os.File, err error) {
	clock := time.Now()
	g := h.guests.lock(l.VM)
	defer h.guests.unlock(g)
	if g.alive() {
		return nil, nil, fault.New(fault.Conflict, "VM %s runs already, as process %d", l.VM, g.record.PID)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fault.Wrap(err, "cannot launch VM %q (%s)", l.Name, l.VM), h.undo(g))
		}
	}()
	s, err := h.prepare(g, l, files)
	defer s.close()
	if err != nil {
		return nil, nil, err
	}
	reply := &privilege.LaunchReply{Cgroup: h.cgroupWords()}
	lap := func(micros *int64) {
		*micros = time.Since(clock).Microseconds()
		clock = time.Now()
	}
	lap(&reply.Micros.Prepare)

	shim, err := launch.Start(s.birth)
	if err != nil {
		return nil, nil, shimError(err)
	}
	if g.qemu, err = h.born(shim); err != nil {
		return nil, nil, err
	}
	lap(&reply.Micros.Clone)
	g.record.PID, g.record.Start = g.qemu.PID, g.qemu.StartTime
	if err := h.enroll(g, held(l.Limits)); err != nil {
		shim.Abandon()
		return nil, nil, err
	}
	tpm, err := h.bearTPM(g, s.tpm)
	if err != nil {
		shim.Abandon()
		return nil, nil, err
	}
	shares, err := h.bearShares(g, s.shares)
	if err != nil {
		shim.Abandon()
		tpm.abandon()
		return nil, nil, err
	}
	waiting := h.bearLinks(g, l.Uplinks) // while the shim's runtime starts
	if err := h.folder.Write(g.record); err != nil {
		shim.Abandon()
		tpm.abandon()
		shares.abandon()
		abandonLinks(waiting)
		return nil, nil, err
	}
	shim.Order(s.order)
	tpm.order(h, g)
	shares.order(h, g)
	orderLinks(waiting, g.record.UID)
	if err := errors.Join(tpm.await(), shares.await(), shim.Await(launch.Patience)); err != nil {
		abandonWaiting(waiting)
		return nil, nil, shimError(err)
	}
	lap(&reply.Micros.Shim)
	h.settle(g, waiting)
	go h.note(g, g.qemu)
	if pidfd, err = g.qemu.File(); err != nil {
		return nil, nil, err
	}
	reply.Running = h.describe(g)
	return reply, pidfd, nil
}

// start is what a launch needs, all of it made.
type start struct {
	birth launch.Birth
	order launch.Order
	own   []*os.File // ours to close when the process has its copies
	tpm   *tpmFiles  // of its swtpm; nil where it has none

	shares []*shareFiles
}

func (s *start) close() {
	for _, f := range s.own {
		_ = f.Close() // QEMU has its own
	}
}

// prepare makes the uid, folder, cgroup and sockets, and writes down what will be started.
func (h *Helper) prepare(g *guest, l *privilege.Launch, files []*os.File) (*start, error) {
	s := &start{}
	name := "qemu-" + l.Arch
	if err := program(name); err != nil {
		return s, err
	}
	if err := h.clear(g); err != nil { // of its last run
		return s, err
	}
	first, err := h.reserve(g, run.Record{
		VM: l.VM, Name: l.Name, BootID: h.boot, Program: programs[name].path, Sockets: map[string]string{},
		Scope: h.scopeFor(l.Name, l.VM),
	})
	if err != nil {
		return s, err
	}
	s.birth = launch.Birth{Verb: launch.ShimVerb, Namespaces: true}
	for i, n := range l.Files {
		if n == privilege.StderrFile {
			s.birth.Output = files[i]
			continue
		}
		s.birth.Files = append(s.birth.Files, files[i])
	}
	if err := appendOnly(s.birth.Output); err != nil {
		return s, err
	}
	for _, n := range l.Sockets {
		f, err := h.folder.ListenVM(l.VM, n)
		if err != nil {
			return s, err
		}
		s.own, s.birth.Files = append(s.own, f), append(s.birth.Files, f)
		g.record.Sockets[n] = run.SocketFile(n)
	}
	if err := h.wireTPM(s, l, first); err != nil {
		return s, err
	}
	if err := h.wireShares(s, l, first); err != nil {
		return s, err
	}
	if err := h.openVsock(s, l); err != nil {
		return s, err
	}
	if g.record.Scope == "" {
		if s.birth.Cgroup, err = h.tree.Make(l.VM, held(l.Limits)); err != nil {
			return s, err
		}
	}
	if s.birth.Cgroup != nil {
		s.own = append(s.own, s.birth.Cgroup)
	}
	args, err := door.Number(l)
	if err != nil {
		return s, err
	}
	s.order = launch.Order{
		Program: programs[name].path,
		Args:    append(append([]string{programs[name].path}, args...), "-sandbox", sandbox),
		UID:     first + uid.QEMU,
		Files:   len(s.birth.Files),
		Jail:    &launch.Jail{Mount: h.folder.JailMount(), KVM: l.KVM},
		Limits:  launch.Limits{Files: qemuFiles, Processes: uint64(l.Limits.Pids)},
	}
	if l.Limits.LockMemory {
		s.order.Limits.Locked = unix.RLIM_INFINITY
	}
	return s, h.folder.Write(g.record)
}

// held are the limits that a cgroup holds.
func held(l privilege.Limits) cgroup.Limits {
	return cgroup.Limits{MemoryBytes: l.MemoryBytes, CPUs: l.CPUs, Pids: l.Pids}
}

// undo takes back a launch that failed, and the guest's lock is held. The shim is dead or will be.
func (h *Helper) undo(g *guest) error {
	if g.qemu != nil {
		if err := g.qemu.end(); err != nil {
			return err
		}
	}
	return h.clear(g)
}

// end kills a process and waits until it is gone.
func (p *process) end() error {
	if err := p.Signal(unix.SIGKILL); err != nil {
		return err
	}
	if !p.Gone(goneSoon) {
		return fault.New(fault.Internal, "process %d does not end though it was killed", p.PID)
	}
	return nil
}

// appendOnly makes sure that QEMU's output goes to the end of its file, whoever else writes to it.
func appendOnly(f *os.File) error {
	if f == nil {
		return nil
	}
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err != nil {
		return err
	}
	if flags&unix.O_ACCMODE == unix.O_RDONLY {
		return fault.New(fault.Invalid, "the file %q is open for reading only", privilege.StderrFile)
	}
	_, err = unix.FcntlInt(f.Fd(), unix.F_SETFL, flags|unix.O_APPEND)
	return err
}

// shimError says which step of the shim failed in words that help.
func shimError(err error) error {
	e := fault.New(fault.Internal, "the launch shim failed").Because(err)
	step, ok := errors.AsType[*launch.StepError](err)
	switch {
	case ok && step.Step == "/dev/kvm":
		return fault.New(fault.Precondition, "this host has no /dev/kvm").Because(err).Try("use the accelerator tcg")
	case errors.Is(err, unix.ENOMEM), errors.Is(err, unix.EAGAIN):
		e.Kind = fault.Exhausted
	case errors.Is(err, unix.EPERM):
		return e.Try("hv-helper needs all capabilities of root; is it started with fewer?")
	}
	return e
}
