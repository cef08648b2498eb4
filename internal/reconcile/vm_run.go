package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// vmRun is one look at one VM: what was found, what is to be done, who waits for it.
type vmRun struct {
	*Engine
	target operation.Target
	in     plan.VMInput
	plan   plan.Plan
	due    []*operation.Operation
	status *vm.PowerStatus // newest that was put; nil before the first
	asked  bool            // the guest was asked to power off, by this run
	// endNoted says that the end that the plan found out is in the status: one that comes later is newer.
	endNoted bool
	served   int64 // the newest reboot or reset that this run has begun
	left     error // what stays to be done after all that was planned
}

// steps does what the plan says, in order, and stops at the first that fails.
func (r *vmRun) steps(ctx context.Context) error {
	if len(r.plan.Steps) == 0 {
		return nil
	}
	r.yield(slices.Concat(slices.Collect(maps.Values(r.in.Volumes)), slices.Collect(maps.Values(r.in.Media)))...)
	r.ops.begin(r.due, r.plan)
	if r.plan.Ended != nil { // what ended, and why, cannot be found out again once its traces are gone
		if err := r.writer.flush(ctx, powerKey(r.target)); err != nil {
			return err
		}
	}
	for i, s := range r.plan.Steps {
		left := len(r.plan.Steps) - i
		r.ops.step(r.due, left, operation.Running)
		if err := r.do(ctx, s); err != nil {
			r.ops.step(r.due, left, operation.Failed)
			return fault.Wrap(err, "cannot %s of vm %q", s.Name, r.in.Wish.Name)
		}
		r.ops.step(r.due, left, operation.Done)
	}
	return nil
}

// do maps each kind of step to its hand.
func (r *vmRun) do(ctx context.Context, s plan.Step) error {
	uuid, h := r.in.Wish.Spec.UUID, r.Hypervisor
	switch s.Kind {
	case plan.Launch:
		return r.launch(ctx, s.Start)
	case plan.Attach:
		return r.attach(ctx)
	case plan.Continue:
		return r.letGo(ctx)
	case plan.Pause:
		return h.Pause(ctx, uuid)
	case plan.PowerDown:
		if r.plan.StopAsked != nil && r.plan.StopAsked.Reboot {
			if err := r.rebooting(ctx); err != nil {
				return err
			}
		}
		err := h.PowerDown(ctx, uuid)
		r.asked = r.asked || err == nil
		return err
	case plan.Reset:
		err := r.reset(ctx)
		r.serve(err, "vm.reset")
		return err
	case plan.Plug, plan.Unplug, plan.Link, plan.Throttle, plan.Medium, plan.Memory, plan.CPUs, plan.Pin:
		return r.change(ctx, s)
	case plan.Save:
		return r.save(ctx)
	case plan.Keep:
		return r.keep(ctx)
	case plan.Abandon:
		return r.abandon(ctx)
	case plan.Load:
		return r.load(ctx)
	case plan.Discard:
		return r.discard(ctx)
	case plan.Restore:
		return r.restore(ctx)
	case plan.Quit:
		if err := r.noted(ctx); err != nil {
			return err
		}
		return h.Quit(ctx, uuid)
	case plan.Kill:
		if err := r.noted(ctx); err != nil && !r.in.Kill { // who asks to kill it has chosen
			return err
		}
		return h.Kill(ctx, uuid)
	case plan.Cleanup:
		return h.Cleanup(ctx, uuid)
	case plan.Forget:
		return errors.Join(h.Forget(ctx, uuid), r.Logs.Remove(uuid), r.Firmware.Remove(ctx, uuid), r.SavedVMs.Remove(ctx, uuid))
	default:
		return fault.New(fault.Internal, "a VM has no step %q", s.Kind)
	}
}

// rebooting notes durably that the guest's power-off is to be followed by a start, before the guest is asked: one
// that obeys while nobody looks would stay off. Where it was not asked after all, its button is pressed again.
func (r *vmRun) rebooting(ctx context.Context) error {
	r.asked = true
	r.serve(nil, "vm.reboot")
	st := *r.status
	asked := *r.plan.StopAsked
	asked.Again = r.in.Now
	st.StopAsked, st.Served = &asked, max(st.Served, r.served)
	r.put(st)
	return r.writer.flush(ctx, powerKey(r.target))
}

// reset presses the reset button. A QEMU that is to stop when its guest resets itself would stop at this too.
func (r *vmRun) reset(ctx context.Context) (err error) {
	uuid := r.in.Wish.Spec.UUID
	if p := r.status.Process; p != nil && p.Started != nil && p.Started.OnReboot == vm.AfterStop {
		if err := r.Hypervisor.StopOnReboot(ctx, uuid, false); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, r.Hypervisor.StopOnReboot(ctx, uuid, true)) }()
	}
	return r.Hypervisor.Reset(ctx, uuid)
}

// serve notes that what was asked of the run was begun, so that no later look begins it again.
func (r *vmRun) serve(err error, action string) {
	for _, op := range r.due {
		if err == nil && op.Action == action {
			r.served = max(r.served, op.AuditSeq)
		}
	}
}

// launch opens what QEMU gets, anew for this launch, and closes its own copies after.
func (r *vmRun) launch(ctx context.Context, start *plan.Start) (err error) {
	var files []*os.File
	defer func() {
		for _, f := range files {
			err = errors.Join(err, f.Close())
		}
	}()
	if err := r.readable(ctx, start.Saved); err != nil {
		return err
	}
	if start.Saved == "" { // a store that is put back later may name what is left, and its disks are newer from now on
		if err := r.SavedVMs.Remove(ctx, r.in.Wish.Spec.UUID); err != nil {
			return err
		}
	}
	for _, want := range start.Files {
		f, err := r.open(ctx, want, start.Spec)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	if start.Order.TPM {
		if err := r.Firmware.MakeTPM(ctx, r.in.Wish.Spec.UUID); err != nil {
			return err
		}
	}
	process, err := r.Hypervisor.Launch(ctx, start.Order, files)
	if err != nil {
		return err
	}
	begun := r.Steady()
	process.Started, process.Memory, process.Ports, process.Wish, process.Begun = &start.Spec, start.Memory, start.Ports, r.in.Wish.PowerGeneration, &begun
	st := r.next(vm.Seen{Process: &process})
	st.State, st.Pinned, st.Accelerator = vm.StateStarting, &start.Pinned, start.Accelerator
	st.StopAsked, st.Problem = nil, nil
	if n := len(r.in.Wish.Renames); n > 0 { // it is started with the names of now
		st.Renamed = max(st.Renamed, r.in.Wish.Renames[n-1].Generation)
	}
	if r.in.Wish.Spec.Power != vm.Suspended { // what could not be saved was another process
		st.NotSaved = nil
	}
	r.put(st)
	return nil
}

func (r *vmRun) open(ctx context.Context, f plan.File, spec vm.Spec) (*os.File, error) {
	switch f.Source {
	case plan.FromVolume:
		return r.Volumes.Open(ctx, f.Pool, f.Volume, f.ReadOnly)
	case plan.FromBoot:
		return r.BootFiles.Open(ctx, f.SHA256)
	case plan.FromFirmware:
		return r.Firmware.Code(ctx, f.Path)
	case plan.FromNVRAM:
		return r.Firmware.NVRAM(ctx, r.in.Wish.Spec.UUID, f.Path, f.Secure)
	case plan.FromKey:
		return r.Keys.File(ctx, f.Key)
	case plan.FromSeed:
		return r.Seeds.Make(ctx, r.in.Wish.Name, spec)
	case plan.FromLog:
		if f.GoesOn {
			return r.Logs.GoOn(r.in.Wish.Spec.UUID)
		}
		return r.Logs.Append(r.in.Wish.Spec.UUID, f.Log)
	}
	return nil, fault.New(fault.Internal, "nobody opens a file from %q", f.Source)
}

// attach connects to the monitor. A QEMU that died meanwhile says why in its last words.
func (r *vmRun) attach(ctx context.Context) error {
	version, err := r.Hypervisor.Attach(ctx, r.in.Wish.Spec.UUID)
	if err != nil {
		if seen, blind := r.Hypervisor.Observe(ctx, r.in.Wish.Spec.UUID); blind == nil && seen.Process == nil {
			return fault.New(fault.Precondition, "QEMU ended at once: %s", words(seen)).
				Try("hv vm logs %s --log qemu", r.in.Wish.Name).WithCode("HV-VM-014")
		}
		return err
	}
	st := *r.status
	if st.Process != nil {
		p := *st.Process
		p.QEMU = version
		st.Process = &p
	}
	r.put(st)
	return nil
}

func words(s vm.Seen) string {
	if s.Words != "" {
		return s.Words
	}
	if s.Exit != "" {
		return s.Exit
	}
	return "it said nothing"
}

// failed tells whoever waits, unless trying again may help and has not been tried often.
func (r *vmRun) failed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err
	}
	if seen, blind := r.Hypervisor.Observe(ctx, r.in.Wish.Spec.UUID); blind == nil {
		st := r.next(seen)
		st.Problem = r.trouble(err)
		r.put(st)
	}
	r.due = slices.DeleteFunc(slices.Clone(r.due), func(op *operation.Operation) bool { // a snapshot goes, whatever becomes of the VM
		if deletesSets(op) && !anyOf(r.unfinished(r.in.Wish.Spec.UUID), setsNamed(op)) {
			r.ops.end(ctx, []*operation.Operation{op}, operation.Done, nil)
			return true
		}
		return false
	})
	r.giveUp(ctx, r.target, r.due, err)
	return err
}

// remove takes the object away, with its statuses and claims, if nobody wished anything since.
func (r *vmRun) remove(ctx context.Context, revision int64) error {
	o, key := r.in.Wish, specKey(r.target)
	ref := store.Ref{Kind: KindVM, Project: o.Project, Name: o.Name}
	txn := store.Txn{
		If:   []store.Cmp{store.ModRevision(key, revision)},
		Then: []store.Op{store.DeleteOp(key), store.DeletePrefixOp(store.StatusPrefix(ref)), store.DeleteOp(store.ClaimKey("uuid", store.HostWide, o.Spec.UUID))},
	}
	for _, nic := range r.in.Effective.NICs {
		txn.Then = append(txn.Then, store.DeleteOp(store.ClaimKey("mac", store.HostWide, nic.MAC)))
	}
	if id := o.Spec.ContextID(); id != "" {
		txn.Then = append(txn.Then, store.DeleteOp(store.ClaimKey("cid", store.HostWide, id)))
	}
	volumes := slices.Clone(o.Letting)
	for _, d := range o.Spec.Volumes() {
		volumes = append(volumes, d.Volume)
	}
	slices.Sort(volumes)
	for _, volume := range slices.Compact(volumes) {
		if err := r.release(ctx, &txn, volume); err != nil {
			return err
		}
	}
	r.writer.drop(powerKey(r.target))
	r.writer.drop(guestKey(r.target))
	r.writer.drop(scheduleKey(r.target))
	if err := r.writer.flush(ctx, powerKey(r.target)); err != nil {
		return err
	}
	if _, err := r.Store.Commit(ctx, txn); err != nil {
		return fault.Wrap(err, "cannot remove vm %q", o.Name)
	}
	r.mu.Lock()
	delete(r.power, r.target)
	delete(r.names, o.Spec.UUID)
	delete(r.alones, o.Spec.UUID)
	r.mu.Unlock()
	r.ops.end(ctx, r.due, operation.Done, nil)
	return nil
}

// release adds to txn what gives back this VM's claim on a volume.
func (r *vmRun) release(ctx context.Context, txn *store.Txn, volume string) error {
	key := store.ClaimKey("disk", r.target.Project, volume)
	claim, kv, err := store.Get[storage.Claim](ctx, r.Store, key)
	if missing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	rest, held := claim.Without(fmt.Sprintf("vm/%s", r.target.Name))
	if !held {
		return nil
	}
	txn.If = append(txn.If, store.ModRevision(key, kv.ModRevision))
	if len(rest.Holders()) == 0 {
		txn.Then = append(txn.Then, store.DeleteOp(key))
		return nil
	}
	op, err := store.PutJSON(key, rest, 0)
	txn.Then = append(txn.Then, op)
	return err
}
