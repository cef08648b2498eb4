package qemu

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// process is one VM's QEMU, living or just gone.
type process struct {
	host  *Host
	run   privilege.Running
	fresh bool // launched by us, not attached yet

	gone chan struct{} // closed when the pidfd says so; nil for one that was found dead
	over sync.Once     // closes gone

	dialing sync.Mutex    // held while a conversation is begun, which takes seconds where nobody answers
	drawing chan struct{} // holds one while QEMU draws a picture of its screen: one descriptor for it at a time

	mu        sync.Mutex
	pidfd     *os.File // nil once we let go
	mon       Monitor
	down      string            // the reason of QEMU's last SHUTDOWN
	lost      map[string]string // tags of shares whose virtiofsd has ended, and how
	cut       map[string]string // sockets of network cards without a network, and why
	left      map[string]string // devices that the guest has let go of (""), or has said why it does not
	unplugged map[string]bool   // sockets of network cards that were taken away
	moved     chan struct{}     // closed, and made anew, when left changes
	jobs      chan struct{}     // the same when QEMU has said something of a job
	merges    map[string]bool   // jobs that merge layers and that this daemon has begun
}

// watch follows the pidfd, which belongs to p from now on: readable means gone.
func (p *process) watch(pidfd *os.File) {
	pidfd = pollable(pidfd)
	p.pidfd, p.gone = pidfd, make(chan struct{})
	p.host.wg.Go(func() {
		raw, err := pidfd.SyscallConn()
		if err == nil {
			err = raw.Read(readable)
		}
		if err != nil { // closed: we let go of it
			return
		}
		p.ended()
		p.host.Poke(p.run.VM)
	})
}

// ended tells who waits for the end. Whoever finds out first tells: the pidfd may be closed before the watch hears.
func (p *process) ended() {
	p.over.Do(func() {
		close(p.gone)
		p.host.Agent(p.run.VM, false)
	})
}

// pollable returns the same descriptor in a form that Go's poller waits for, so that no thread does.
func pollable(f *os.File) *os.File {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return f
	}
	_ = f.Close()
	_ = unix.SetNonblock(fd, true) // a pidfd knows nothing of it; Go takes it as the sign to poll
	return os.NewFile(uintptr(fd), "pidfd")
}

func readable(fd uintptr) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n == 1
}

// dead asks the kernel, not our memory of what it said.
func (p *process) dead() bool {
	if p.gone == nil {
		return true
	}
	select {
	case <-p.gone:
		return true
	default:
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pidfd == nil {
		return true
	}
	raw, err := p.pidfd.SyscallConn()
	if err != nil {
		return true
	}
	dead := false
	if raw.Control(func(fd uintptr) { dead = readable(fd) }) != nil {
		return true
	}
	if dead {
		p.ended()
	}
	return dead
}

// letGo closes what is ours of the process; it goes on.
func (p *process) letGo() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mon != nil {
		_ = p.mon.Close() // QEMU hears that its client is gone, and that is all
		p.mon = nil
	}
	if p.pidfd != nil {
		_ = p.pidfd.Close()
		p.pidfd = nil
	}
}

// identity is the process in the words of the model.
func (p *process) identity() vm.Process {
	return vm.Process{PID: p.run.PID, StartTime: p.run.StartTime, BootID: p.run.BootID, UID: p.run.UID}
}

// observe finds out what there is to see.
func (p *process) observe(ctx context.Context) (vm.Seen, error) {
	if p.dead() {
		return vm.Seen{Leftover: true, Exit: p.exit(ctx), Words: p.host.Words(p.run.VM), Resets: p.host.resets(p.run.VM)}, nil
	}
	who := p.identity()
	seen := vm.Seen{Process: &who, Cut: p.cuts(), LostShares: p.lostShares(), Left: p.leftBehind(), Resets: p.host.resets(p.run.VM)}
	status, err := p.status(ctx)
	if err == nil {
		seen.Moving, err = p.moving(ctx, status.State)
	}
	if err == nil && seen.Moving != nil && seen.Moving.State != vm.MoveUnderWay {
		status, err = p.status(ctx) // as it is once that has ended: the two are asked one after the other
	}
	if err != nil {
		if p.await(ctx, dying) == nil { // its monitor ends before it does
			return p.observe(ctx)
		}
		if ctx.Err() != nil {
			return vm.Seen{}, err
		}
		seen.Silent = err.Error()
		return seen, nil
	}
	seen.RunState = status.State
	if status.State == qmp.StateShutdown {
		p.mu.Lock()
		seen.Shutdown = p.down
		p.mu.Unlock()
	}
	return seen, nil
}

// exit asks how the process ended; only hv-helper, if it is its parent, can tell.
func (p *process) exit(ctx context.Context) string {
	list, err := p.host.Helper.List(ctx)
	if err != nil {
		return ""
	}
	for _, run := range list.VMs {
		if run.VM == p.run.VM && run.PID == p.run.PID {
			return run.Exit
		}
	}
	return ""
}

// statusWithin is how long a QEMU may take to say its run state, which takes it a millisecond. Every look
// begins with it, a look that is to end a QEMU that hangs too, and there are few workers for all VMs.
const statusWithin = 5 * time.Second

var errSilent = errors.New("QEMU is silent")

func (p *process) status(ctx context.Context) (qmp.Status, error) {
	m, err := p.monitor(ctx)
	if err != nil {
		return qmp.Status{}, err
	}
	short, cancel := context.WithTimeoutCause(ctx, statusWithin, errSilent)
	defer cancel()
	return qmp.QueryStatus(short, m)
}

// talk returns the conversation with QEMU; nil where there is none any more.
func (p *process) talk() Monitor {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mon == nil {
		return nil
	}
	select {
	case <-p.mon.Done():
		_ = p.mon.Close()
		p.mon = nil
	default:
	}
	return p.mon
}

// monitor returns the conversation with QEMU, and begins one where there is none. That is given up
// when the process ends.
func (p *process) monitor(ctx context.Context) (Monitor, error) {
	p.dialing.Lock()
	defer p.dialing.Unlock()
	if m := p.talk(); m != nil {
		return m, nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	over := make(chan struct{})
	defer close(over)
	go func() {
		select {
		case <-p.gone:
			cancel(fault.New(fault.Precondition, "its process is gone"))
		case <-over:
		}
	}()
	path, ok := p.run.Sockets["qmp"]
	if !ok {
		return nil, fault.New(fault.Internal, "vm %q was started without a monitor", p.run.Name)
	}
	m, err := p.host.Dial(ctx, MonitorAt{Path: filepath.Join(p.host.RunFolder, path), Name: p.run.Name, UUID: p.run.VM, Fresh: p.fresh})
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pidfd == nil { // we let go of it meanwhile
		return nil, errors.Join(fault.New(fault.Unavailable, "vm %q was let go of", p.run.Name), m.Close())
	}
	p.mon, p.fresh = m, false
	p.host.wg.Go(func() {
		p.askPort(m)
		p.follow(m)
	})
	return m, nil
}

// follow turns QEMU's events into looks at it, until the conversation ends.
func (p *process) follow(m Monitor) {
	defer p.host.Poke(p.run.VM)
	defer p.jobMoved()
	for {
		ev, err := m.Next(p.host.ctx)
		if err != nil {
			if fault.KindOf(err) == fault.Exhausted { // too many to keep: what counts is to look again
				_ = m.Close()
			}
			return
		}
		p.heard(ev)
	}
}

// heard asks for a look where an event may have changed what there is to see.
func (p *process) heard(ev qmp.Event) {
	switch ev.Name {
	case qmp.EventStreamDown:
		p.unlinked(ev)
	case qmp.EventSerialPort:
		p.turned(ev)
	case qmp.EventJobStatus:
		p.jobMoved()
	case qmp.EventDeviceDeleted, qmp.EventUnplugError:
		p.letGoOf(ev)
		p.host.Poke(p.run.VM)
	case qmp.EventReset, qmp.EventWatchdog:
		p.host.wasReset(p.run.VM, ev)
		p.host.Poke(p.run.VM)
	case qmp.EventShutdown:
		if down, err := qmp.Data[qmp.ShutdownEvent](ev); err == nil {
			p.mu.Lock()
			p.down = down.Reason
			p.mu.Unlock()
		}
		p.host.Poke(p.run.VM)
	case qmp.EventStop, qmp.EventResume, qmp.EventGuestPanicked, qmp.EventPowerdown, qmp.EventBlockIOError,
		qmp.EventMigration:
		p.host.Poke(p.run.VM)
	}
}
