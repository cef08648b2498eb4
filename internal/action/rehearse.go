package action

import (
	"context"
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// rehearse puts into a dry run the very plan that reconcile would make of the wish, from what was seen
// last: reading never touches QEMU.
func (a *Actions) rehearse(ctx context.Context, c *change, o vm.Object, st vm.PowerStatus) error {
	in, err := a.planInput(ctx, c, o, st)
	if err != nil {
		return err
	}
	p, err := plan.VM(in)
	c.notes = append(c.notes, p.Findings...)
	c.plan = c.plan[:0]
	for _, s := range p.Steps {
		step := wire.PlanStep{Name: s.Name}
		if s.Start != nil {
			step.Detail = append([]string{s.Start.Order.Arch}, s.Start.Order.Args...)
		}
		c.plan = append(c.plan, step)
	}
	return err
}

// rehearseEdit adds to a dry run of an edit what of it a VM that runs takes at once, and what has to wait.
func (a *Actions) rehearseEdit(ctx context.Context, c *change, next vm.Object) error {
	st, err := a.power(ctx, next)
	if err != nil || st.Process == nil && !st.Saved.Whole() {
		return err
	}
	in, err := a.planInput(ctx, c, next, st)
	if err != nil {
		return err
	}
	if st.Process == nil {
		why := plan.PendingSaved(in)
		for _, path := range slices.Sorted(maps.Keys(why)) {
			c.notes = append(c.notes, plan.PendingSavedFinding(next.Name, path, why[path]))
		}
		return nil
	}
	live := plan.LiveEdit(in, *st.Process, st.Pinned)
	for _, s := range live.Steps {
		c.step("%s", s.Name)
	}
	for _, path := range slices.Sorted(maps.Keys(live.Waits)) {
		c.notes = append(c.notes, plan.PendingFinding(next.Name, path, live.Waits[path]))
	}
	return nil
}

// planInput is what plan goes by, as it was seen last.
func (a *Actions) planInput(ctx context.Context, c *change, o vm.Object, st vm.PowerStatus) (plan.VMInput, error) {
	in := plan.VMInput{
		Wish: o, Last: &st, Facts: a.Facts(), Now: a.Steady(), Clock: a.Now(),
		Seen: vm.Seen{Process: st.Process, RunState: st.State.RunState(), Silent: st.Reason},
		Kill: c.wish.Params["force"] == "true", Reboot: c.row.name == VMReboot.name, Reset: c.row.name == VMReset.name,
		Discard:  c.wish.Params["discardSuspend"] == "true",
		OpenTray: c.wish.Params["openTray"] == "true",
	}
	in.Effective, _ = vm.Effective(o.Spec, in.Facts.Arch)
	var err error
	if in.Features, _, err = a.Resolution(ctx); err != nil {
		return in, err
	}
	in.Can = map[string]storage.Capabilities{}
	err = in.Gather(
		func(name string) (storage.Volume, bool, error) {
			v, found := c.made(name)
			var err error
			if !found {
				v, found, err = store.Find[storage.Volume](ctx, a.Store, volumeKey(o.Project, name))
			}
			if can, closed := a.Volumes.Can(v.Head().Pool); found && closed == nil {
				in.Can[v.Head().Pool] = can
			}
			return v, found, err
		},
		func(name string) (storage.BootFile, bool, error) {
			return store.Find[storage.BootFile](ctx, a.Store, store.SpecKey(store.Ref{Kind: "boot-file", Project: o.Project, Name: name}))
		},
		func(name string) (storage.Share, bool, error) {
			return store.Find[storage.Share](ctx, a.Store, shareKey(name))
		})
	return in, err
}
