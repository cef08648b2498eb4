package helper

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/confine"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/door"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/uid"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
	"github.com/hyper-nixos/hyper-nixos/internal/version"
)

// What one answer of list holds: a VM with one network card takes about 500 bytes, but one with many cards
// and none of their passts alive tens of KiB. The rest of a message is for one VM more than fits, and for
// the quotes that encoding adds.
const (
	pageOfVMs    = 64
	pageBytes    = privilege.MaxMessage / 4
	strayBytes   = privilege.MaxMessage / 8
	maxWhyUplink = 512 // bytes of why one passt does not live
)

// do does one request that the door has let in. The files are the server's to close, those that it
// returns too.
func (h *Helper) do(verb privilege.Verb, body any, files []*os.File) (any, []*os.File, error) {
	if !whileSealed[verb] {
		if err := h.seal.Configures(verb); err != nil {
			return nil, nil, err
		}
	}
	switch verb {
	case privilege.VerbHello:
		return h.hello(), nil, nil
	case privilege.VerbListen:
		f, err := h.folder.ListenAPI(privilege.APISocket)
		return with(nil, f, err)
	case privilege.VerbKVM:
		reply := h.kvm.ask(h)
		reply.Device = kvmDevice()
		return reply, nil, nil
	case privilege.VerbPhase:
		return h.seal.State(), nil, nil
	case privilege.VerbUnseal:
		return h.sealed(verb)(h.seal.Unseal())
	default:
		return h.doBody(verb, body, files)
	}
}

// doBody does what has a body.
func (h *Helper) doBody(verb privilege.Verb, body any, files []*os.File) (any, []*os.File, error) {
	switch b := body.(type) {
	case *privilege.Launch:
		if err := h.seal.Launches(b.VM); err != nil {
			return nil, nil, err
		}
		reply, pidfd, err := h.launch(b, files)
		return with(reply, pidfd, err)
	case *privilege.List:
		return h.list(b.After), nil, nil
	case *privilege.Kill:
		return nil, nil, h.kill(b)
	case *privilege.Uplink:
		return h.byUplink(verb, b)
	case *privilege.Pin:
		return nil, nil, h.pin(b)
	case *privilege.Usage:
		return h.usage(b), nil, nil
	case *privilege.ByVM:
		return h.byVM(verb, b.VM)
	case *privilege.Harden:
		vms, err := door.VMs(files[0])
		if err != nil {
			return nil, nil, err
		}
		return h.sealed(verb)(h.seal.Harden(*b, vms))
	case *privilege.Unlock:
		return h.sealed(verb)(h.seal.Unlock(*b))
	case *privilege.PoolFolder:
		return nil, nil, h.poolFolder("/"+b.Tree, b)
	case *privilege.ThinPool:
		reply, err := h.thin.List(b)
		return reply, nil, err
	case *privilege.ThinChange:
		return nil, nil, h.thin.Change(b)
	case *privilege.ThinOpen:
		f, err := h.thin.Open(b)
		return with(nil, f, err)
	case *privilege.Secret:
		if b.With != "" { // one more key; what is there is opened on a hardened host too
			if err := h.seal.Configures(verb); err != nil {
				return nil, nil, err
			}
		}
		f, err := secret(b, files[0])
		return with(nil, f, err)
	case *privilege.Relock:
		return h.sealed(verb)(h.seal.Relock())
	}
	return nil, nil, fault.New(fault.Internal, "hv-helper knows no hand for %q", verb)
}

func (h *Helper) byVM(verb privilege.Verb, vm string) (any, []*os.File, error) {
	switch verb {
	case privilege.VerbAttach:
		f, err := h.attach(vm)
		return with(nil, f, err)
	case privilege.VerbThreads:
		reply, err := h.threads(vm)
		return reply, nil, err
	case privilege.VerbShares:
		reply, err := h.endedShares(vm)
		return reply, nil, err
	case privilege.VerbCleanup:
		return nil, nil, h.cleanup(vm)
	case privilege.VerbForget:
		return nil, nil, h.forget(vm)
	default:
		return nil, nil, fault.New(fault.Internal, "hv-helper knows no hand for %q", verb)
	}
}

func (h *Helper) byUplink(verb privilege.Verb, u *privilege.Uplink) (any, []*os.File, error) {
	switch verb {
	case privilege.VerbUplink:
		if u.Cut {
			return nil, nil, h.cut(u)
		}
		return nil, nil, h.uplink(u)
	case privilege.VerbSocket:
		f, err := h.socket(u)
		return with(nil, f, err)
	default:
		return nil, nil, fault.New(fault.Internal, "hv-helper knows no hand for %q", verb)
	}
}

func with(reply any, f *os.File, err error) (any, []*os.File, error) {
	if err != nil {
		return nil, nil, err
	}
	return reply, []*os.File{f}, nil
}

func (h *Helper) hello() privilege.HelloReply {
	landlock, kept := confine.Landlock()
	r := privilege.HelloReply{
		Version: version.String(), RunFolder: h.folder.Path, BootID: h.boot, FirstUID: uid.First, Landlock: landlock,
		Cgroup: h.cgroupWords(), Programs: []privilege.Program{},
	}
	for _, name := range slices.Sorted(maps.Keys(programs)) {
		if program(name) == nil {
			r.Programs = append(r.Programs, privilege.Program{Name: name, Path: programs[name].path})
		}
	}
	if !r.Cgroup.Enforced {
		r.Compromise = append(r.Compromise, "limits of CPU, memory and threads are not enforced: "+r.Cgroup.Why)
	}
	if kept != nil {
		r.Compromise = append(r.Compromise, kept.Error())
	} else if lacks := confine.Lacks(r.Landlock); lacks != "" {
		r.Compromise = append(r.Compromise, lacks)
	}
	return r
}

func (h *Helper) list(after string) privilege.ListReply {
	r := privilege.ListReply{VMs: []privilege.Running{}}
	if after == "" {
		r.Strays = withinBytes(h.strays, strayBytes)
	}
	size := 0
	for _, g := range h.guests.list() {
		if g.vm <= after {
			continue
		}
		if len(r.VMs) == pageOfVMs || size > pageBytes {
			r.Next = r.VMs[len(r.VMs)-1].VM
			return r
		}
		g.mu.Lock()
		if g.record.VM != "" {
			vm := h.describe(g)
			data, _ := json.Marshal(vm) // strings and numbers always encode
			r.VMs, size = append(r.VMs, vm), size+len(data)
		}
		g.mu.Unlock()
	}
	return r
}

// withinBytes returns as many of lines as fit, and how many are left out.
func withinBytes(lines []string, most int) []string {
	for i, line := range lines {
		if most -= len(line); most < 0 {
			return append(slices.Clone(lines[:i]), fmt.Sprintf("%d more, see hv-helper's log", len(lines)-i))
		}
	}
	return lines
}

func (h *Helper) attach(vm string) (*os.File, error) {
	g, err := h.guests.running(vm)
	if err != nil {
		return nil, err
	}
	defer g.mu.Unlock()
	return g.qemu.File()
}

func (h *Helper) threads(vm string) (privilege.ThreadsReply, error) {
	g, err := h.guests.running(vm)
	if err != nil {
		return privilege.ThreadsReply{}, err
	}
	defer g.mu.Unlock()
	host, err := h.proc.Threads(g.qemu.PID)
	if err != nil || !g.alive() {
		return privilege.ThreadsReply{}, fault.New(fault.Precondition, "VM %s has ended", vm).Because(err)
	}
	return privilege.ThreadsReply{Host: host}, nil
}

func (h *Helper) kill(k *privilege.Kill) error {
	g, err := h.guests.find(k.VM)
	if err != nil {
		return err
	}
	defer g.mu.Unlock()
	if g.qemu == nil {
		return nil // has ended before we were here
	}
	if k.Signal == privilege.SignalTerm {
		return g.qemu.Signal(unix.SIGTERM)
	}
	return g.qemu.Signal(unix.SIGKILL)
}

func (h *Helper) usage(u *privilege.Usage) privilege.UsageReply {
	r := privilege.UsageReply{VMs: []privilege.VMUsage{}}
	for _, vm := range u.VMs {
		g, err := h.guests.running(vm)
		if err != nil {
			continue // gone: left out
		}
		used, err := h.proc.Usage(g.qemu.PID, u.PSS)
		if err == nil && g.alive() { // while the pidfd lives, the pid was this VM's
			r.VMs = append(r.VMs, privilege.VMUsage{
				VM: vm, CPUMicros: used.CPUMicros, RSSBytes: used.RSSBytes, PSSBytes: used.PSSBytes,
				ReadBytes: used.ReadBytes, WriteBytes: used.WriteBytes, Threads: used.Threads,
			})
		}
		g.mu.Unlock()
	}
	return r
}

func (h *Helper) cleanup(vm string) error {
	g := h.guests.lock(vm)
	defer h.guests.unlock(g)
	if g.alive() {
		return fault.New(fault.Precondition, "VM %s runs as process %d; only what a VM has left can be cleaned up", vm, g.record.PID).
			Try("kill it first")
	}
	return h.clear(g)
}

// forget is cleanup, and the VM's uids become free, when nothing runs with them.
func (h *Helper) forget(vm string) error {
	g := h.guests.lock(vm)
	defer h.guests.unlock(g)
	if g.alive() {
		return fault.New(fault.Precondition, "VM %s runs as process %d", vm, g.record.PID).Try("kill it first")
	}
	if err := h.clear(g); err != nil {
		return err
	}
	first, ok := h.ids.holds(vm)
	if !ok {
		return nil
	}
	left, err := h.proc.Users(first, uid.Block)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return fault.New(fault.Precondition, "VM %s: processes %v still run with its uids", vm, slices.Sorted(maps.Keys(left)))
	}
	return h.ids.free(vm)
}

// clear takes away what a QEMU that is gone has left; the guest's lock is held. It may run again after it
// failed half-way.
func (h *Helper) clear(g *guest) error {
	var errs []error
	for socket, l := range g.links {
		if err := l.end(); err != nil {
			errs = append(errs, err)
			continue
		}
		delete(g.links, socket)
	}
	if g.tpm != nil {
		errs = append(errs, g.tpm.end())
	}
	for _, l := range g.shares {
		errs = append(errs, l.end())
	}
	errs = append(errs, h.leave(g))
	if err := errors.Join(errs...); err != nil {
		return fault.New(fault.Internal, "cannot clean up after VM %s", g.vm).Because(err)
	}
	if err := h.folder.RemoveVM(g.vm); err != nil {
		return fault.New(fault.Internal, "cannot clean up after VM %s", g.vm).Because(err)
	}
	if g.qemu != nil {
		g.qemu.Close()
	}
	g.qemu, g.tpm, g.shares = nil, nil, nil
	g.setRecord(noRecord)
	return nil
}

// programs are all that hv-helper ever starts.
var programs = map[string]struct{ path, pkg string }{
	"qemu-x86_64":  {"/usr/bin/qemu-system-x86_64", "qemu-system-x86"},
	"qemu-aarch64": {"/usr/bin/qemu-system-aarch64", "qemu-system-arm"},
	passtProgram:   {"/usr/bin/passt", "passt"},
	tpmProgram:     {"/usr/bin/swtpm", "swtpm"},
	fsProgram:      {"/usr/libexec/virtiofsd", "virtiofsd"},
	fsProgramC:     {"/usr/lib/qemu/virtiofsd", "qemu-system-common"},
}

// program says what is wrong with a program, nothing where it can be started.
func program(name string) error {
	p := programs[name]
	info, err := os.Stat(p.path)
	if err == nil && (!info.Mode().IsRegular() || info.Mode()&0o111 == 0) {
		err = fmt.Errorf("%s is no program", p.path)
	}
	if err != nil {
		return fault.New(fault.Precondition, "this host has no %s", name).Because(err).
			Try("apt-get install %s", p.pkg)
	}
	return nil
}
