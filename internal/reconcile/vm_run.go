package reconcile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
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
}

// steps does what the plan says, in order, and stops at the first that fails.
func (r *vmRun) steps(ctx context.Context) error {
	if len(r.plan.Steps) == 0 {
		return nil
	}
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
		// What the guest comes to rely on is durable before it runs, and for which wish it does.
		r.serves()
		if err := r.writer.flush(ctx, powerKey(r.target)); err != nil {
			return err
		}
		return h.Continue(ctx, uuid)
	case plan.Pause:
		return h.Pause(ctx, uuid)
	case plan.PowerDown:
		err := h.PowerDown(ctx, uuid)
		r.asked = err == nil
		return err
	case plan.Reset:
		return h.Reset(ctx, uuid)
	case plan.Plug, plan.Unplug, plan.Link:
		return r.change(ctx, s)
	case plan.Quit:
		return h.Quit(ctx, uuid)
	case plan.Kill:
		return h.Kill(ctx, uuid)
	case plan.Cleanup:
		return h.Cleanup(ctx, uuid)
	case plan.Forget:
		return errors.Join(h.Forget(ctx, uuid), r.Logs.Remove(uuid))
	default:
		return fault.New(fault.Internal, "a VM has no step %q", s.Kind)
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
	for _, want := range start.Files {
		f, err := r.open(ctx, want)
		if err != nil {
			return err
		}
		files = append(files, f)
	}
	process, err := r.Hypervisor.Launch(ctx, start.Order, files)
	if err != nil {
		return err
	}
	process.Started, process.Ports, process.Wish = &start.Spec, start.Ports, r.in.Wish.PowerGeneration
	st := r.next(vm.Seen{Process: &process})
	st.State, st.Pinned, st.Accelerator = vm.StateStarting, &start.Pinned, start.Accelerator
	st.StopAsked, st.Problem = nil, nil
	r.put(st)
	return nil
}

func (r *vmRun) open(ctx context.Context, f plan.File) (*os.File, error) {
	switch f.Source {
	case plan.FromVolume:
		return r.Volumes.Open(ctx, f.Pool, f.Volume, f.ReadOnly)
	case plan.FromBoot:
		return r.BootFiles.Open(ctx, f.SHA256)
	case plan.FromLog:
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

// note writes what was seen, with what the plan found out. What stood in the way of it stays until it
// is mended.
func (r *vmRun) note(seen vm.Seen) { r.put(r.next(seen)) }

// mend notes that nothing stands in the way any more.
func (r *vmRun) mend() {
	st := *r.status
	st.Problem = nil
	r.put(st)
}

// ended is the end of a run that came while steps were done. The plan tells what it was.
func (r *vmRun) ended(seen vm.Seen) *vm.Ended {
	if r.status == nil || r.status.Process == nil || seen.Process != nil {
		return nil
	}
	in := r.in
	in.Seen, in.Last = seen, r.status
	p, _ := plan.VM(in) // what follows from it is the next look's
	return p.Ended
}

// next is the status that follows from what is seen now and what was put last.
func (r *vmRun) next(seen vm.Seen) vm.PowerStatus {
	st := vm.PowerStatus{}
	if r.status != nil {
		st = *r.status
	}
	if end := r.ended(seen); end != nil {
		st.Ended = end
	} else if r.plan.Ended != nil {
		st.Ended = r.plan.Ended
	}
	st.StopAsked = r.stopAsked()
	if seen.Process == nil || len(r.plan.Findings) > 0 {
		st.Findings = r.plan.Findings // those of a start hold as long as its process
	}
	st.Findings = withCuts(st.Findings, r.in.Wish.Name, seen.Cut)
	before := st.State
	st.State = vm.StateOf(seen, st.StopAsked != nil && r.in.Now.Before(st.StopAsked.Deadline))
	st.Process, st.Pending, st.PendingWhy, st.Reason = r.process(seen), nil, nil, ""
	if st.Process == nil {
		st.Accelerator = ""
		if st.Ended != nil && st.Ended.PowerGeneration >= r.in.Wish.PowerGeneration && r.in.Effective.Power != vm.Off {
			st.Reason = string(st.Ended.How)
			if st.Ended.How == vm.EndPanic || st.Ended.How == vm.EndQEMU {
				st.State = vm.StateCrashed
			}
		}
	} else {
		st.Pending, st.PendingWhy = r.pending(seen, *st.Process, st.Pinned)
	}
	if st.State == vm.StateUnknown {
		st.Reason = seen.Silent
	}
	if st.State != before {
		st.Since = r.Now()
	}
	return st
}

// withCuts returns findings with those that tell of network cards without a network as they are now.
func withCuts(l finding.List, name string, cut map[string]string) finding.List {
	const code = "HV-VM-018"
	l = slices.DeleteFunc(slices.Clone(l), func(f finding.Finding) bool { return f.Code == code })
	for _, socket := range slices.Sorted(maps.Keys(cut)) {
		l = append(l, finding.Finding{
			Code: code, Severity: finding.Limited, Subject: []string{"vm/" + name},
			What: "network card " + strings.TrimPrefix(socket, "net-") + " has no network now; it is tried again", Why: cut[socket],
			Remedy: "see that the host has passt and a default route: ip route",
		})
	}
	return l
}

// serves notes that the process is for the wish of now: whatever ends it uses that up.
func (r *vmRun) serves() {
	st := *r.status
	if st.Process == nil || st.Process.Wish == 0 {
		return
	}
	p := *st.Process
	p.Wish, st.Process = r.in.Wish.PowerGeneration, &p
	r.put(st)
}

// stopAsked is for which wish the guest was asked to power off. That it is about to be asked is not
// written down: who finds that after a crash would wait for an answer to what was never said.
func (r *vmRun) stopAsked() *vm.StopAsked {
	asks := slices.ContainsFunc(r.plan.Steps, func(s plan.Step) bool { return s.Kind == plan.PowerDown })
	if !asks || r.asked {
		return r.plan.StopAsked
	}
	if r.in.Last == nil {
		return nil
	}
	return r.in.Last.StopAsked
}

// process is the living process, with what was written down about it and cannot be seen.
func (r *vmRun) process(seen vm.Seen) *vm.Process {
	if seen.Process == nil {
		return nil
	}
	p := *seen.Process
	if r.status != nil && r.status.Process != nil && r.status.Process.PID == p.PID && r.status.Process.StartTime == p.StartTime {
		p.Started, p.QEMU, p.Wish = r.status.Process.Started, r.status.Process.QEMU, r.status.Process.Wish
		p.Ports, p.Changes = r.status.Process.Ports, r.status.Process.Changes
	}
	return &p
}

func (r *vmRun) trouble(err error) *vm.Trouble {
	t := &vm.Trouble{
		Code: fault.CodeOf(err), What: err.Error(), Hint: fault.HintOf(err), Since: r.Now(), Tries: 1, Retry: true,
	}
	if r.status != nil && r.status.Problem != nil && r.status.Problem.What == t.What {
		t.Since, t.Tries = r.status.Problem.Since, r.status.Problem.Tries+1
	}
	return t
}

// put writes a status unless nothing in it has changed.
func (r *vmRun) put(st vm.PowerStatus) {
	if r.status != nil {
		old := *r.status
		old.Seen = st.Seen
		if reflect.DeepEqual(old, st) {
			return
		}
	}
	st.Seen = r.Now()
	r.status = &st
	r.mu.Lock()
	r.power[r.target] = &st
	r.mu.Unlock()
	r.writer.put(powerKey(r.target), st)
}

// observed notes that this generation's wish is true.
func (r *vmRun) observed(generation int64) {
	st := *r.status
	st.ObservedGeneration = generation
	r.put(st)
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
	r.mu.Lock()
	tries := r.tries[r.target]
	r.mu.Unlock()
	if !fault.Retryable(err) || tries+1 >= maxTries {
		r.ops.end(ctx, r.due, operation.Failed, problem(err))
	}
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
	volumes := slices.Clone(o.Letting)
	for _, d := range o.Spec.Disks {
		volumes = append(volumes, d.Volume)
	}
	slices.Sort(volumes)
	for _, volume := range slices.Compact(volumes) {
		if err := r.release(ctx, &txn, volume); err != nil {
			return err
		}
	}
	r.writer.drop(powerKey(r.target))
	if err := r.writer.flush(ctx, powerKey(r.target)); err != nil {
		return err
	}
	if _, err := r.Store.Commit(ctx, txn); err != nil {
		return fault.Wrap(err, "cannot remove vm %q", o.Name)
	}
	r.mu.Lock()
	delete(r.power, r.target)
	delete(r.names, o.Spec.UUID)
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
