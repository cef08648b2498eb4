// Package qemu is the hand that holds VMs' processes: it has hv-helper launch them, follows their
// pidfds and monitors, and adopts those that an earlier daemon started.
//
// What lives here: what is there now, and the verbs on one process. What does not: when to use them
// (plan, reconcile), the command line (qemu/machine), the protocol (qemu/qmp), dialling
// (qemu/monitor).
//
// Cost of one running VM: three goroutines, parked, and two file descriptors (pidfd and monitor).
package qemu

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// Helper is what this hand needs of hv-helper. *privilege.Client is one.
type Helper interface {
	Launch(ctx context.Context, l privilege.Launch, files []*os.File) (privilege.LaunchReply, *os.File, error)
	List(ctx context.Context) (privilege.ListReply, error)
	Attach(ctx context.Context, vm string) (*os.File, error)
	Kill(ctx context.Context, vm, signal string) error
	Cleanup(ctx context.Context, vm string) error
	Forget(ctx context.Context, vm string) error
	Uplink(ctx context.Context, u privilege.Uplink) error
	Socket(ctx context.Context, u privilege.Uplink) (*os.File, error)
	Cut(ctx context.Context, u privilege.Uplink) error
	Pin(ctx context.Context, p privilege.Pin) error
	Usage(ctx context.Context, u privilege.Usage) ([]privilege.VMUsage, error)
	Shares(ctx context.Context, vm string) (map[string]string, error)
}

// MonitorAt says which monitor is meant.
type MonitorAt struct {
	Path  string // of its unix socket
	Name  string // of its VM, for errors
	UUID  string // that QEMU must answer with
	Fresh bool   // QEMU was just started, and may still be loading
}

// Monitor is a conversation with one QEMU.
type Monitor interface {
	qmp.Executor
	// Next returns the next event of those that came since the conversation began.
	Next(ctx context.Context) (qmp.Event, error)
	Version() qmp.Version
	Done() <-chan struct{}
	Close() error
}

// Config is what a hand is made of.
type Config struct {
	Helper Helper
	// RunFolder is where hv-helper makes VMs' sockets; it names them from there.
	RunFolder string
	// Dial connects to a monitor; wired to qemu/monitor, the only one that does.
	Dial func(ctx context.Context, to MonitorAt) (Monitor, error)
	// Poke is called when something happened to the VM with this UUID. It must not block.
	Poke func(uuid string)
	// Words returns the last lines that QEMU of this VM wrote to its stderr; "" for none.
	Words func(uuid string) string
	// Agent is called when the guest has opened or closed the port of its agent, or when its process has ended; nil
	// where nobody cares. It must not block.
	Agent func(uuid string, open bool)
	Log   *slog.Logger
	// LetsGoWithin is how long a guest gets to let go of a device; 10 s when 0. Linux needs some 10 ms
	// under KVM and a second under emulation; one that is still booting does not hear of it at all.
	LetsGoWithin time.Duration
}

// Host holds every VM's process on this host.
type Host struct {
	Config

	ctx  context.Context // ends with Close; the owner of all goroutines
	stop context.CancelFunc
	wg   sync.WaitGroup

	mu    sync.Mutex
	vms   map[string]*process
	heard map[string]vm.Resets // by UUID: what QEMU tells of once
	stale bool                 // a launch ended in a way that leaves open what is there
}

// New returns a hand that knows of no process; Adopt finds those that are there.
func New(c Config) *Host {
	if c.Words == nil {
		c.Words = func(string) string { return "" }
	}
	if c.Agent == nil {
		c.Agent = func(string, bool) {}
	}
	if c.LetsGoWithin == 0 {
		c.LetsGoWithin = 10 * time.Second
	}
	h := &Host{Config: c, vms: map[string]*process{}, heard: map[string]vm.Resets{}}
	h.ctx, h.stop = context.WithCancel(context.Background())
	return h
}

// Close lets go of every process; they go on.
func (h *Host) Close() {
	h.stop()
	h.mu.Lock()
	for _, p := range h.vms {
		p.letGo()
	}
	h.mu.Unlock()
	h.wg.Wait()
}

// Adopt takes up every process that hv-helper knows of and this hand does not, and returns how many
// of them live.
func (h *Host) Adopt(ctx context.Context) (int, error) {
	list, err := h.Helper.List(ctx)
	if err != nil {
		return 0, fault.Wrap(err, "cannot find out which VMs run")
	}
	alive := 0
	for _, run := range list.VMs {
		if run.Alive {
			alive++
		}
		if p := h.find(run.VM); p != nil && p.run.PID == run.PID && p.run.StartTime == run.StartTime {
			continue
		}
		if err := h.adopt(ctx, run); err != nil {
			return alive, err
		}
	}
	h.mu.Lock()
	h.stale = false
	h.mu.Unlock()
	return alive, nil
}

func (h *Host) adopt(ctx context.Context, run privilege.Running) error {
	p := &process{host: h, run: run, drawing: make(chan struct{}, 1)}
	if run.Alive {
		pidfd, err := h.Helper.Attach(ctx, run.VM)
		switch kind := fault.KindOf(err); {
		case err == nil:
			p.watch(pidfd)
			p.mendAll()
			p.watchShares()
		case kind == fault.NotFound || kind == fault.Precondition: // it ended between the two questions
			p.run.Alive = false
		default:
			return fault.Wrap(err, "cannot adopt vm %q", run.Name)
		}
	}
	h.keep(p)
	return nil
}

func (h *Host) keep(p *process) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if old := h.vms[p.run.VM]; old != nil {
		old.letGo()
	}
	h.vms[p.run.VM] = p
}

func (h *Host) find(uuid string) *process {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.vms[uuid]
}

// Observe finds out what is there now of the VM with this UUID.
func (h *Host) Observe(ctx context.Context, uuid string) (vm.Seen, error) {
	h.mu.Lock()
	stale := h.stale
	h.mu.Unlock()
	if stale {
		if _, err := h.Adopt(ctx); err != nil {
			return vm.Seen{}, err
		}
	}
	p := h.find(uuid)
	if p == nil {
		return vm.Seen{}, nil
	}
	return p.observe(ctx)
}

// Launch makes a VM's process, its vCPUs stopped.
func (h *Host) Launch(ctx context.Context, order privilege.Launch, files []*os.File) (vm.Process, error) {
	reply, pidfd, err := h.Helper.Launch(ctx, order, files)
	if err != nil {
		h.mu.Lock()
		h.stale = true // the helper may have died after the launch
		h.mu.Unlock()
		return vm.Process{}, err
	}
	p := &process{host: h, run: reply.Running, fresh: true, drawing: make(chan struct{}, 1)}
	p.run.Alive = true
	p.watch(pidfd)
	h.keep(p)
	h.Log.Info("launched", "vm", order.Name, "pid", reply.PID, "prepare_us", reply.Micros.Prepare,
		"clone_us", reply.Micros.Clone, "shim_us", reply.Micros.Shim)
	p.mendAll()
	p.watchShares()
	return p.identity(), nil
}

// Attach connects to a VM's monitor, asks for its UUID, and returns QEMU's version.
func (h *Host) Attach(ctx context.Context, uuid string) (string, error) {
	_, m, err := h.speaking(ctx, uuid)
	if err != nil {
		return "", err
	}
	return m.Version().String(), nil
}

func (h *Host) living(uuid string) (*process, error) {
	p := h.find(uuid)
	if p == nil || p.dead() {
		return nil, fault.New(fault.Precondition, "its process is gone")
	}
	return p, nil
}

// speaking returns the process of a VM that lives, and its monitor.
func (h *Host) speaking(ctx context.Context, uuid string) (*process, Monitor, error) {
	p, err := h.living(uuid)
	if err != nil {
		return nil, nil, err
	}
	m, err := p.monitor(ctx)
	return p, m, err
}

// Cleanup takes away what a process that is gone has left.
func (h *Host) Cleanup(ctx context.Context, uuid string) error {
	if p := h.find(uuid); p != nil && !p.dead() {
		return fault.New(fault.Precondition, "its process still runs")
	}
	err := h.Helper.Cleanup(ctx, uuid)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	h.drop(uuid)
	return nil
}

// Forget gives back the uids of a VM that was deleted.
func (h *Host) Forget(ctx context.Context, uuid string) error {
	err := h.Helper.Forget(ctx, uuid)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	h.drop(uuid)
	h.mu.Lock()
	delete(h.heard, uuid)
	h.mu.Unlock()
	return nil
}

func (h *Host) drop(uuid string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p := h.vms[uuid]; p != nil {
		p.letGo()
		delete(h.vms, uuid)
	}
}

// Socket returns the path of one of a living VM's sockets: "serial0".
func (h *Host) Socket(uuid, name string) (string, error) {
	p, err := h.living(uuid)
	if err != nil {
		return "", err
	}
	path, ok := p.run.Sockets[name]
	if !ok {
		return "", fault.New(fault.NotFound, "vm %q was started without %s", p.run.Name, name)
	}
	return filepath.Join(h.RunFolder, path), nil
}

// Gone returns what is closed when a VM's process ends; closed already where there is none.
func (h *Host) Gone(uuid string) <-chan struct{} {
	if p := h.find(uuid); p != nil && p.gone != nil {
		return p.gone
	}
	ended := make(chan struct{})
	close(ended)
	return ended
}
