package reconcile

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/machine"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// liveAgain is how long a device that could not be changed is left before it is tried again.
const liveAgain = 30 * time.Second

// change does one live step. That it is begun is durable before it has any effect, so that whoever finds it
// after a crash knows which device may or may not be there. What QEMU or the guest does not let happen is
// no failure of the VM: it stays pending, with the reason.
func (r *vmRun) change(ctx context.Context, s plan.Step) error {
	if s.Kind == plan.Link {
		err := r.Hypervisor.SetLink(ctx, r.in.Wish.Spec.UUID, s.Edit.Device.Device, !s.Edit.Down)
		if err == nil {
			r.edit(func(p *vm.Process, _ *vm.Pinned) { setLink(p.Started, s.Edit.Path, s.Edit.Down) })
			return nil
		}
		return r.stays(ctx, s, err)
	}
	if s.Kind == plan.Throttle {
		return r.throttle(ctx, s)
	}
	if s.Kind == plan.Pin {
		return r.pin(ctx, s)
	}
	if s.Kind == plan.Memory || s.Kind == plan.CPUs {
		return r.resize(ctx, s)
	}
	r.edit(func(p *vm.Process, pinned *vm.Pinned) {
		setChange(p, vm.Change{Path: s.Edit.Path})
		if s.Kind == plan.Plug {
			copyDevice(p.Started, r.in.Effective.Unlimited(), s.Edit.Path)
			unpinned(p, s)
			pinned.Slots[slotAt(s.Edit.Path)] = s.Edit.Slot
		}
	})
	if err := r.writer.flush(ctx, powerKey(r.target)); err != nil {
		return err
	}
	if err := r.plugOrUnplug(ctx, s); err != nil {
		return r.stays(ctx, s, err)
	}
	r.edit(func(p *vm.Process, pinned *vm.Pinned) {
		dropChange(p, s.Edit.Path)
		switch s.Kind {
		case plan.Unplug:
			copyDevice(p.Started, vm.Spec{}, s.Edit.Path)
			delete(pinned.Slots, slotAt(s.Edit.Path))
		case plan.Medium:
			setMedium(p.Started, r.in.Effective, s.Edit.Path)
		default: // a device that was plugged in is noted above already
		}
	})
	return nil
}

// resize tells QEMU how much memory or how many vCPUs the guest is to have. It is told the whole and not the
// difference, so it may be told again.
func (r *vmRun) resize(ctx context.Context, s plan.Step) (err error) {
	uuid := r.in.Wish.Spec.UUID
	if s.Kind == plan.Memory {
		err = r.Hypervisor.SetMemory(ctx, uuid, *s.Edit.Room)
	} else {
		err = r.Hypervisor.SetCPUs(ctx, uuid, s.Edit.CPUs)
	}
	if err != nil {
		return r.stays(ctx, s, err)
	}
	r.edit(func(p *vm.Process, _ *vm.Pinned) {
		dropChange(p, s.Edit.Path)
		if s.Kind == plan.Memory {
			p.Started.Memory = r.in.Effective.Memory
		} else {
			p.Started.CPUs = s.Edit.CPUs
			unpinned(p, s)
		}
	})
	return nil
}

func (r *vmRun) plugOrUnplug(ctx context.Context, s plan.Step) (err error) {
	uuid := r.in.Wish.Spec.UUID
	if s.Kind == plan.Unplug {
		return r.Hypervisor.Unplug(ctx, uuid, s.Edit.Device)
	}
	var files []*os.File
	defer func() {
		for _, f := range files {
			err = errors.Join(err, f.Close())
		}
	}()
	wanted := slices.Clone(s.Edit.Below)
	if s.Edit.File != nil {
		wanted = append(wanted, *s.Edit.File)
	}
	wanted = append(wanted, s.Edit.Keys...)
	for _, want := range wanted {
		f, err := r.open(ctx, want, r.in.Effective)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	if s.Kind == plan.Medium {
		var medium *os.File
		if len(files) > 0 {
			medium = files[0]
		}
		return r.Hypervisor.ChangeMedium(ctx, uuid, s.Edit.Device, medium, s.Edit.Force)
	}
	return r.Hypervisor.Plug(ctx, uuid, s.Edit.Device, files...)
}

// stays notes why a live change was not made. It is tried again later.
func (r *vmRun) stays(ctx context.Context, s plan.Step, why error) error {
	if ctx.Err() != nil {
		return why
	}
	r.Log.Info("stays as it is for now", "vm", r.in.Wish.Name, "what", s.Edit.Path, "err", why)
	again := r.Steady().Add(liveAgain)
	r.edit(func(p *vm.Process, _ *vm.Pinned) {
		setChange(p, vm.Change{Path: s.Edit.Path, Why: s.Name + ": " + why.Error(), Again: again})
	})
	r.queue.after(r.target, liveAgain+time.Millisecond)
	return nil
}

// edit changes what is written down of the process, and where its devices sit.
func (r *vmRun) edit(change func(*vm.Process, *vm.Pinned)) {
	st := *r.status
	if st.Process == nil || st.Process.Started == nil || st.Pinned == nil {
		return
	}
	process, pinned, started := *st.Process, *st.Pinned, st.Process.Started.Clone()
	process.Started, process.Changes = &started, slices.Clone(process.Changes)
	if pinned.Slots = maps.Clone(pinned.Slots); pinned.Slots == nil {
		pinned.Slots = map[string]int{}
	}
	change(&process, &pinned)
	st.Process, st.Pinned = &process, &pinned
	r.put(st)
}

func setChange(p *vm.Process, c vm.Change) {
	dropChange(p, c.Path)
	p.Changes = append(p.Changes, c)
}

func dropChange(p *vm.Process, path string) {
	p.Changes = slices.DeleteFunc(p.Changes, func(c vm.Change) bool { return c.Path == path })
	if len(p.Changes) == 0 {
		p.Changes = nil
	}
}

func slotAt(path string) string {
	kind, name, _ := strings.Cut(path, ".")
	return machine.SlotOf(kind, name)
}

// copyDevice makes the device at path in s what it is in from: absent, where it is absent there.
func copyDevice(s *vm.Spec, from vm.Spec, path string) {
	kind, name, _ := strings.Cut(path, ".")
	if kind == "nics" {
		s.NICs = withDevice(s.NICs, from.NICs, name)
		return
	}
	s.Disks = withDevice(s.Disks, from.Disks, name)
}

func withDevice[D any](to, from map[string]D, name string) map[string]D {
	d, ok := from[name]
	if !ok {
		delete(to, name)
		return to
	}
	if to == nil {
		to = map[string]D{}
	}
	to[name] = d
	return to
}

func setLink(s *vm.Spec, path string, down bool) {
	_, name, _ := strings.Cut(path, ".")
	n, ok := s.NICs[name]
	if !ok {
		return
	}
	if n.Link = ""; down {
		n.Link = vm.LinkDown
	}
	s.NICs[name] = n
}

// pending are the JSON paths of what has not taken effect yet, and why.
func (r *vmRun) pending(seen vm.Seen, process vm.Process, pinned *vm.Pinned) ([]string, map[string]string) {
	in := r.in
	in.Seen = seen
	why := plan.LiveEdit(in, process, pinned).Pending()
	if len(why) == 0 {
		return nil, nil
	}
	return slices.Sorted(maps.Keys(why)), why
}

// tellPending tells those who asked for an edit what of it has to wait.
func (r *vmRun) tellPending(well []*operation.Operation) {
	edits := slices.DeleteFunc(slices.Clone(well), func(op *operation.Operation) bool { return op.Action != "vm.edit" })
	if len(edits) == 0 || len(r.status.Pending) == 0 {
		return
	}
	told := r.pendingFindings()
	r.ops.change(edits, func(op *operation.Operation) { op.Findings = append(slices.Clone(op.Findings), told...) })
}

// settleClaims gives back the claims on volumes that an edit took from the VM, once no process of it has
// them any more. An edit that came meanwhile is looked at by the next look.
func (r *vmRun) settleClaims(ctx context.Context, revision int64) error {
	for _, volume := range r.in.Wish.Letting {
		if err := r.settleClaim(ctx, revision, volume); err != nil {
			return err
		}
	}
	return nil
}

func (r *vmRun) settleClaim(ctx context.Context, revision int64, volume string) error {
	used, readOnly := uses(r.in.Wish.Spec, volume)
	if p := r.status.Process; p != nil {
		if p.Started == nil {
			return nil // nobody knows what it has
		}
		has, only := uses(*p.Started, volume)
		used, readOnly = used || has, readOnly && only
	}
	if s := r.status.Saved; s != nil && s.Process.Started != nil { // it may go on with what it was saved with
		has, only := uses(*s.Process.Started, volume)
		used, readOnly = used || has, readOnly && only
	}
	if used && !readOnly {
		return nil
	}
	txn := store.Txn{If: []store.Cmp{store.ModRevision(specKey(r.target), revision)}}
	if !used {
		if err := r.release(ctx, &txn, volume); err != nil || len(txn.Then) == 0 {
			return err
		}
	} else {
		key, holder := store.ClaimKey("disk", r.target.Project, volume), "vm/"+r.target.Name
		claim, kv, err := store.Get[storage.Claim](ctx, r.Store, key)
		if missing(err) || err == nil && claim.Writer != holder {
			return nil
		}
		if err != nil {
			return err
		}
		reads, _ := claim.With(holder, true)
		op, err := store.PutJSON(key, reads, 0)
		if err != nil {
			return err
		}
		txn.If, txn.Then = append(txn.If, store.ModRevision(key, kv.ModRevision)), append(txn.Then, op)
	}
	_, err := r.Store.Commit(ctx, txn)
	if _, raced := errors.AsType[*store.CompareFailed](err); raced {
		return nil
	}
	return fault.Wrap(err, "cannot give back volume %q", volume)
}

// uses says whether a spec has a volume, and whether only for reading.
func uses(s vm.Spec, volume string) (used, readOnly bool) {
	for _, d := range s.Volumes() {
		if d.Volume == volume {
			return true, d.ReadOnly
		}
	}
	return false, true
}
