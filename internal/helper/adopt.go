package helper

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hyper-nixos/hyper-nixos/internal/helper/proc"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/run"
	"github.com/hyper-nixos/hyper-nixos/internal/helper/uid"
)

// adopt takes over what an earlier helper has started: first the processes of the records, then whatever
// else runs with a uid of ours. The latter belongs to nobody any more, and is ended.
func (h *Helper) adopt() error {
	vms, err := h.folder.VMs()
	if err != nil {
		return err
	}
	ours := map[int]bool{}
	for _, vm := range vms {
		g := h.guests.lock(vm)
		err := h.adoptVM(g, ours)
		h.guests.unlock(g)
		if err != nil {
			return err
		}
	}
	return h.endStrays(ours)
}

// adoptVM reads one VM's record and holds the processes that it names and that live.
func (h *Helper) adoptVM(g *guest, ours map[int]bool) error {
	r, err := h.folder.Read(g.vm)
	if err != nil {
		// What it says is lost; the VM is still to be cleaned up, so hvd must hear of it.
		first, _ := h.ids.holds(g.vm)
		h.stray("VM %s: its record cannot be read (%v)", g.vm, err)
		r = run.Record{VM: g.vm, Name: g.vm, UID: first, Exit: "unknown: its record could not be read"}
	}
	if r.BootID != h.boot {
		r.PID, r.Start = 0, 0 // no process of an earlier boot lives
		for i := range r.Uplinks {
			r.Uplinks[i].PID = 0
		}
		if r.TPM != nil {
			r.TPM.PID = 0
		}
		for _, s := range r.Shares {
			s.PID = 0
		}
	}
	if r.PID == 0 && r.Exit == "" {
		r.Exit = "unknown: hv-helper or the host ended meanwhile"
	}
	g.setRecord(r)
	if g.qemu, err = h.hold(r.PID, r.Start, ours); err != nil {
		return err
	}
	if g.qemu != nil && !h.became(g.qemu, r.Program) {
		g.qemu = nil
		r.PID, r.Start, r.Exit = 0, 0, "its launch was cut off: hv-helper ended meanwhile"
		g.setRecord(r)
	}
	for _, u := range r.Uplinks {
		l := &link{why: u.Why}
		if l.process, err = h.hold(u.PID, u.Start, ours); err != nil {
			return err
		}
		g.links[u.Socket] = l
	}
	if r.TPM != nil {
		g.tpm = &link{why: r.TPM.Why}
		if g.tpm.process, err = h.hold(r.TPM.PID, r.TPM.Start, ours); err != nil {
			return err
		}
	}
	for tag, s := range r.Shares {
		l := &link{why: s.Why}
		if l.process, err = h.hold(s.PID, s.Start, ours); err != nil {
			return err
		}
		g.share(tag, l)
	}
	if g.alive() {
		for socket, l := range g.links {
			if l.alive() {
				h.unblock(g, false, socket) // the helper before may have come to its end before that
			}
		}
		h.say("adopted VM %s (%s), process %d", g.record.Name, g.vm, g.record.PID)
	}
	return nil
}

// became reports whether a process that lives is the program of its record, and ends it if it does not
// become that soon: a shim whose helper has died may still be on its way, or about to give up.
func (h *Helper) became(p *process, program string) bool {
	for until := time.Now().Add(goneSoon); time.Now().Before(until); {
		if h.proc.Runs(p.PID, program) {
			return true
		}
		if p.Gone(5 * time.Millisecond) {
			return false
		}
	}
	_ = p.Signal(unix.SIGKILL) // gone already is gone
	p.Gone(goneSoon)
	return false
}

// hold holds a process of a record, nothing where it has ended.
func (h *Helper) hold(pid int, start uint64, ours map[int]bool) (*process, error) {
	if pid == 0 {
		return nil, nil
	}
	handle, err := h.proc.Find(pid, start)
	if errors.Is(err, proc.ErrGone) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ours[pid] = true
	return &process{Handle: handle}, nil
}

// endStrays ends processes that run with the uid of one of our VMs and stand in no record. Blocks that
// our table does not know may be another helper's: they are left alone.
func (h *Helper) endStrays(ours map[int]bool) error {
	found, err := h.proc.WithUIDs(uid.First, uid.Block*uid.Blocks)
	if err != nil {
		return err
	}
	foreign := map[uint32]bool{}
	for _, r := range h.folder.Foreign() {
		foreign[r.UID] = true
	}
	for _, pid := range slices.Sorted(maps.Keys(found)) {
		vm, known := h.ids.owner(found[pid])
		if ours[pid] || !known || foreign[uid.Of(found[pid])] {
			continue
		}
		if err := h.endStray(pid, found[pid]); err != nil {
			h.stray("process %d of VM %s stands in no record and could not be ended: %v", pid, vm, err)
			continue
		}
		h.stray("process %d of VM %s stood in no record and was ended", pid, vm)
	}
	return nil
}

func (h *Helper) endStray(pid int, id uint32) error {
	stat, err := h.proc.Stat(pid)
	if err != nil {
		return nil // it has ended
	}
	handle, err := h.proc.Find(pid, stat.StartTime)
	if errors.Is(err, proc.ErrGone) {
		return nil
	}
	if err != nil {
		return err
	}
	defer handle.Close()
	if now, err := h.proc.RealUID(pid); err != nil || now != id {
		return nil // the pid has become another's before we held it
	}
	if err := handle.Signal(unix.SIGKILL); err != nil {
		return err
	}
	if !handle.Gone(goneSoon) {
		return fmt.Errorf("it does not end though it was killed")
	}
	return nil
}

func (h *Helper) stray(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	h.strays = append(h.strays, text)
	h.say("%s", text)
}
