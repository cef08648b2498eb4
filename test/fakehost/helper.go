//go:build linux

// Package fakehost is a host for tests that need neither root nor a QEMU: the real store, audit log,
// pool, boot files, logs, engine, monitor and process hand, on a stand-in for hv-helper that starts
// fake QEMUs (test/fakeqemu) as real processes with real pidfds.
//
// What lives here: that stand-in, a host that stays, and daemons that come and go on it, or are cut
// off at any point. What does not: the fake QEMU itself, and hv-helper's own promises (test/e2e).
//
// A test program that uses it calls fakeqemu.RunIfAsked first thing in TestMain.
package fakehost

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/proc"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/test/fakeqemu"
)

// Helper stands in for hv-helper. It implements qemu.Helper.
type Helper struct {
	t      testing.TB
	dir    string // short: a unix socket's path has 107 bytes
	bootID string

	mu       sync.Mutex
	guests   map[string]*guest
	options  map[string]fakeqemu.Options // by the VM's name
	extra    map[string][]string
	refuse   func(verb, vm string) error
	lose     func(verb string) bool
	launches int
	doubles  int
	uplinks  []privilege.Uplink
	pins     map[string]privilege.Pin // by VM
	used     int64                    // seconds
	sealed   func(vm string) error    // why a hardened host does not launch it
}

func newHelper(t testing.TB, dir string) *Helper {
	boot, err := proc.Host.BootID()
	if err != nil {
		t.Fatal(err)
	}
	return &Helper{
		t: t, dir: dir, bootID: boot,
		guests: map[string]*guest{}, options: map[string]fakeqemu.Options{}, extra: map[string][]string{},
	}
}

// Guest says how the QEMU of the VM with that name behaves from its next start on; extra arguments
// are added to its command line.
func (h *Helper) Guest(name string, o fakeqemu.Options, extra ...string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.options[name], h.extra[name] = o, extra
}

// Shares says that every share is served.
func (*Helper) Shares(context.Context, string) (map[string]string, error) { return nil, nil }

// Refuse has every call answered by f where that returns an error; nil for none. The verbs are those
// of privilege.
func (h *Helper) Refuse(f func(verb, vm string) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refuse = f
}

// Lose has the answers of launches get lost where f says so, though they were done.
func (h *Helper) Lose(f func(verb string) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lose = f
}

// Living is how many QEMUs live.
func (h *Helper) Living() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, g := range h.guests {
		if g.alive() {
			n++
		}
	}
	return n
}

// Launches is how many QEMUs were started.
func (h *Helper) Launches() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.launches
}

// Doubles is how often a QEMU was asked for beside one of the same VM that lives.
func (h *Helper) Doubles() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.doubles
}

// Uplinks are the passts that were asked for after a start.
func (h *Helper) Uplinks() []privilege.Uplink {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.uplinks)
}

// Murder ends the QEMU of the VM with that name from outside, and waits for its end.
func (h *Helper) Murder(name string) {
	h.t.Helper()
	g := h.named(name)
	if g == nil {
		h.t.Fatalf("vm %q was never started", name)
	}
	_ = g.cmd.Process.Kill() // or it has ended
	<-g.exited
}

// PID is the process of the VM with that name; 0 for none.
func (h *Helper) PID(name string) int {
	g := h.named(name)
	if g == nil || !g.alive() {
		return 0
	}
	return g.run.PID
}

// MonitorPath is the path of the monitor of the VM with that name.
func (h *Helper) MonitorPath(name string) string {
	h.t.Helper()
	g := h.named(name)
	if g == nil {
		h.t.Fatalf("vm %q was never started", name)
	}
	return g.run.Sockets["qmp"]
}

func (h *Helper) named(name string) *guest {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range h.guests {
		if g.run.Name == name {
			return g
		}
	}
	return nil
}

func (h *Helper) asked(verb privilege.Verb, vm string) error {
	h.mu.Lock()
	refuse := h.refuse
	h.mu.Unlock()
	if refuse == nil {
		return nil
	}
	return refuse(string(verb), vm)
}

func (h *Helper) find(vm string) *guest {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.guests[vm]
}

// Launch implements qemu.Helper.
func (h *Helper) Launch(ctx context.Context, l privilege.Launch, files []*os.File) (privilege.LaunchReply, *os.File, error) {
	if err := errors.Join(ctx.Err(), h.asked(privilege.VerbLaunch, l.VM)); err != nil {
		return privilege.LaunchReply{}, nil, err
	}
	if h.sealed != nil {
		if err := h.sealed(l.VM); err != nil {
			return privilege.LaunchReply{}, nil, err
		}
	}
	if old := h.find(l.VM); old != nil && old.alive() {
		h.mu.Lock()
		h.doubles++
		h.mu.Unlock()
		return privilege.LaunchReply{}, nil, fault.New(fault.Conflict, "vm %q runs already", l.Name)
	}
	g, err := h.start(l, files)
	if err != nil {
		return privilege.LaunchReply{}, nil, fault.New(fault.Internal, "cannot start the fake QEMU of %q", l.Name).Because(err)
	}
	h.mu.Lock()
	lose := h.lose
	h.mu.Unlock()
	if lose != nil && lose(string(privilege.VerbLaunch)) {
		return privilege.LaunchReply{}, nil, fault.New(fault.Unavailable, "hv-helper went away before it answered")
	}
	pidfd, err := open(g.run.PID)
	if err != nil {
		return privilege.LaunchReply{}, nil, err
	}
	return privilege.LaunchReply{Running: g.run}, pidfd, nil
}

// List implements qemu.Helper.
func (h *Helper) List(ctx context.Context) (privilege.ListReply, error) {
	if err := errors.Join(ctx.Err(), h.asked(privilege.VerbList, "")); err != nil {
		return privilege.ListReply{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var reply privilege.ListReply
	for _, g := range h.guests {
		run := g.run
		if run.Alive = g.alive(); !run.Alive {
			run.Exit = g.cmd.ProcessState.String()
		}
		reply.VMs = append(reply.VMs, run)
	}
	slices.SortFunc(reply.VMs, func(a, b privilege.Running) int { return strings.Compare(a.VM, b.VM) })
	return reply, nil
}

// Attach implements qemu.Helper.
func (h *Helper) Attach(ctx context.Context, vm string) (*os.File, error) {
	if err := errors.Join(ctx.Err(), h.asked(privilege.VerbAttach, vm)); err != nil {
		return nil, err
	}
	g := h.find(vm)
	if g == nil {
		return nil, fault.New(fault.NotFound, "no VM %s was started", vm)
	}
	return open(g.run.PID)
}

// Kill implements qemu.Helper.
func (h *Helper) Kill(ctx context.Context, vm, signal string) error {
	if err := errors.Join(ctx.Err(), h.asked(privilege.VerbKill, vm)); err != nil {
		return err
	}
	s := unix.SIGKILL
	if signal == privilege.SignalTerm {
		s = unix.SIGTERM
	}
	if g := h.find(vm); g != nil {
		_ = g.cmd.Process.Signal(s) // gone already is no error
	}
	return nil
}

// Cleanup implements qemu.Helper.
func (h *Helper) Cleanup(ctx context.Context, vm string) error {
	if err := errors.Join(ctx.Err(), h.asked(privilege.VerbCleanup, vm)); err != nil {
		return err
	}
	return h.remove(vm)
}

// Forget implements qemu.Helper.
func (h *Helper) Forget(ctx context.Context, vm string) error {
	if err := errors.Join(ctx.Err(), h.asked(privilege.VerbForget, vm)); err != nil {
		return err
	}
	return h.remove(vm)
}

func (h *Helper) remove(vm string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	g := h.guests[vm]
	if g == nil {
		return nil
	}
	if g.alive() {
		return fault.New(fault.Precondition, "vm %q still runs", g.run.Name)
	}
	delete(h.guests, vm)
	return os.RemoveAll(filepath.Dir(g.run.Sockets["qmp"]))
}

// Uplink implements qemu.Helper.
func (h *Helper) Uplink(ctx context.Context, u privilege.Uplink) error {
	if err := errors.Join(ctx.Err(), h.asked(privilege.VerbUplink, u.VM)); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.uplinks = append(h.uplinks, u)
	return nil
}

// Socket implements qemu.Helper.
func (h *Helper) Socket(ctx context.Context, u privilege.Uplink) (*os.File, error) {
	if err := errors.Join(ctx.Err(), h.asked(privilege.VerbSocket, u.VM)); err != nil {
		return nil, err
	}
	g := h.find(u.VM)
	if g == nil {
		return nil, fault.New(fault.NotFound, "no VM %s was started", u.VM)
	}
	path := filepath.Join(filepath.Dir(g.run.Sockets["qmp"]), u.Socket)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	return listen(path)
}

// Cut implements qemu.Helper.
func (h *Helper) Cut(ctx context.Context, u privilege.Uplink) error {
	return errors.Join(ctx.Err(), h.asked(privilege.VerbUplink, u.VM))
}

// Pin implements qemu.Helper. It notes what it is told.
func (h *Helper) Pin(ctx context.Context, p privilege.Pin) error {
	if err := errors.Join(ctx.Err(), h.asked(privilege.VerbPin, p.VM)); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pins == nil {
		h.pins = map[string]privilege.Pin{}
	}
	h.pins[p.VM] = p
	return nil
}

// Pins are where the threads of a VM were told to run last.
func (h *Helper) Pins(vm string) privilege.Pin {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.pins[vm]
}

// Usage implements qemu.Helper. Each VM has used a second more whenever it is asked for.
func (h *Helper) Usage(ctx context.Context, u privilege.Usage) ([]privilege.VMUsage, error) {
	if err := errors.Join(ctx.Err(), h.asked(privilege.VerbUsage, "")); err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.used++
	var all []privilege.VMUsage
	for _, vm := range u.VMs {
		if g := h.guests[vm]; g != nil && g.alive() {
			all = append(all, privilege.VMUsage{VM: vm, CPUMicros: h.used * 1_000_000, RSSBytes: 64 << 20, Threads: 4})
		}
	}
	return all, nil
}

// close ends every QEMU and waits.
func (h *Helper) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, g := range h.guests {
		_ = g.cmd.Process.Kill() // or it has ended
		<-g.exited
	}
}

// folders are the folders of sockets that are there, by the VM's UUID.
func (h *Helper) folders() map[string]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[string]string{}
	for uuid, g := range h.guests {
		out[uuid] = filepath.Dir(g.run.Sockets["qmp"])
	}
	return out
}
