package helper

import (
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/launch"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/proc"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/run"
	"github.com/hyper-nixos/hyper-nixos/internal/privilege"
)

// guest is one VM: its record and the processes that it speaks of. Its lock is held by a verb for as long
// as the verb works on it.
type guest struct {
	vm   string
	mu   sync.Mutex
	dead bool // taken out of the list; whoever waited for the lock must ask again

	record run.Record // VM is empty where there is none
	qemu   *process
	links  map[string]*link
	tpm    *link // its swtpm; nil where it has none
	shares map[string]*link
	uid    atomic.Uint32 // of the record, to be read without the lock
}

// process is one that we hold. Only who gave birth to it learns how it ended.
type process struct {
	*proc.Handle
	ended chan struct{} // closed when exit is known; nil for an adopted one
	exit  string
}

// link is the passt behind one socket, or the swtpm.
type link struct {
	*process
	why string // it lives not: how it ended
}

func (g *guest) recordedUID() uint32 { return g.uid.Load() }

func (g *guest) alive() bool { return g.qemu != nil && g.qemu.Alive() }

// born holds a child of ours and reaps it when it ends.
func (h *Helper) born(p *launch.Process) (*process, error) {
	handle, err := h.proc.Hold(p.PID, p.Pidfd)
	if err != nil {
		p.Abandon()
		p.Wait()
		return nil, err
	}
	c := &process{Handle: handle, ended: make(chan struct{})}
	go func() {
		c.exit = p.Wait()
		close(c.ended)
	}()
	return c, nil
}

// result says how a process ended, as far as we can know.
func (p *process) result() string {
	if p.ended == nil || p.Alive() {
		return ""
	}
	<-p.ended // its end has been seen: reaping takes no time
	return p.exit
}

// note writes down how QEMU ended, so that the next helper can tell it too.
func (h *Helper) note(g *guest, p *process) {
	<-p.ended
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.qemu != p || g.record.VM == "" {
		return // cleaned up meanwhile
	}
	g.record.Exit = p.exit
	if err := h.folder.Write(g.record); err != nil {
		h.say("VM %s: cannot write down how it ended: %v", g.vm, err)
	}
}

// describe is the guest as hvd hears of it.
func (h *Helper) describe(g *guest) privilege.Running {
	r := privilege.Running{
		VM: g.record.VM, Name: g.record.Name, PID: g.record.PID, StartTime: g.record.Start,
		BootID: g.record.BootID, UID: g.record.UID, Program: g.record.Program,
		Alive: g.alive(), Exit: g.record.Exit, Sockets: map[string]string{},
	}
	for name, file := range g.record.Sockets {
		r.Sockets[name] = filepath.Join("vm", g.vm, file)
	}
	if !r.Alive && r.Exit == "" && g.qemu != nil {
		r.Exit = g.qemu.result()
	}
	for tag, l := range g.shares {
		if r.Shares == nil {
			r.Shares = map[string]bool{}
		}
		r.Shares[tag] = l.alive()
	}
	for socket, l := range g.links {
		if r.Uplinks == nil {
			r.Uplinks = map[string]bool{}
		}
		r.Uplinks[socket] = l.alive()
		if why := h.whyDown(g, socket, l); why != "" {
			if r.UplinkWhy == nil {
				r.UplinkWhy = map[string]string{}
			}
			r.UplinkWhy[socket] = why
		}
	}
	return r
}

// guests are all VMs that we know of.
type guests struct {
	mu  sync.Mutex
	all map[string]*guest
}

// lock returns the VM's guest, made where there is none, with its lock held.
func (s *guests) lock(vm string) *guest {
	for {
		s.mu.Lock()
		g := s.all[vm]
		if g == nil {
			g = &guest{vm: vm, links: map[string]*link{}}
			s.all[vm] = g
		}
		s.mu.Unlock()
		g.mu.Lock()
		if !g.dead {
			return g
		}
		g.mu.Unlock()
	}
}

// unlock gives the lock back, and takes a guest that stands for nothing out of the list.
func (s *guests) unlock(g *guest) {
	if g.record.VM == "" {
		s.mu.Lock()
		g.dead = true
		delete(s.all, g.vm)
		s.mu.Unlock()
	}
	g.mu.Unlock()
}

// find returns the guest of a VM that has a record, with its lock held.
func (s *guests) find(vm string) (*guest, error) {
	s.mu.Lock()
	g := s.all[vm]
	s.mu.Unlock()
	if g != nil {
		g.mu.Lock()
		if !g.dead && g.record.VM != "" {
			return g, nil
		}
		g.mu.Unlock()
	}
	return nil, fault.New(fault.NotFound, "no process of VM %s", vm)
}

// running is find for a VM whose QEMU lives.
func (s *guests) running(vm string) (*guest, error) {
	g, err := s.find(vm)
	if err == nil && !g.alive() {
		g.mu.Unlock()
		return nil, fault.New(fault.Precondition, "VM %s has ended", vm)
	}
	return g, err
}

// list returns all guests by UUID.
func (s *guests) list() []*guest {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*guest, 0, len(s.all))
	for _, g := range s.all {
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b *guest) int { return strings.Compare(a.vm, b.vm) })
	return out
}

// close lets go of all processes; they go on.
func (s *guests) close() {
	for _, g := range s.list() {
		g.mu.Lock()
		if g.qemu != nil {
			g.qemu.Close()
		}
		for _, l := range g.sides() {
			if l.process != nil {
				l.Close()
			}
		}
		g.mu.Unlock()
	}
}
