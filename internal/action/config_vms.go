package action

import (
	"context"
	"errors"
	"maps"

	"golang.org/x/sync/errgroup"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// wishVMs wishes for every declared VM, and off what is declared no more. All are tried; what
// failed is told together. What one VM takes another may have to give back first: those that somebody stands
// against are tried again while others come through.
func (a *Actions) wishVMs(ctx context.Context, call Call, gone []string, decl config.Declaration) ([]string, int64, error) {
	var jobs []func(context.Context) (Result, error)
	for _, name := range gone {
		jobs = append(jobs, func(ctx context.Context) (Result, error) { return a.unwishVM(ctx, call, name) })
	}
	for _, name := range decl.Names() {
		jobs = append(jobs, func(ctx context.Context) (Result, error) { return a.wishVM(ctx, call, decl.VMs[name]) })
		_, wishes := decl.VMs[name].Settled()
		for _, w := range wishes {
			jobs = append(jobs, func(ctx context.Context) (Result, error) { return a.growVolume(ctx, call, w) })
		}
	}
	var ids []string
	var rev int64
	var failed []error
	for {
		results, errs := each(ctx, jobs)
		var again []func(context.Context) (Result, error)
		var against []error
		for i, err := range errs {
			if r := results[i]; r.Operation != nil {
				ids, rev = append(ids, r.Operation.ID), max(rev, r.Revision)
			}
			if err != nil && fault.KindOf(err) == fault.Conflict {
				again, against = append(again, jobs[i]), append(against, err)
				continue
			}
			failed = append(failed, err)
		}
		if len(again) == 0 || len(again) == len(jobs) {
			return ids, rev, errors.Join(append(failed, against...)...)
		}
		jobs = again
	}
}

// each does all jobs, some at once.
func each(ctx context.Context, jobs []func(context.Context) (Result, error)) ([]Result, []error) {
	results, errs := make([]Result, len(jobs)), make([]error, len(jobs))
	var g errgroup.Group
	g.SetLimit(16)
	for i, job := range jobs {
		g.Go(func() error { results[i], errs[i] = job(ctx); return nil })
	}
	_ = g.Wait() // each error is in its place
	return results, errs
}

// wishVM creates or edits one declared VM; one that is as declared is left alone.
func (a *Actions) wishVM(ctx context.Context, call Call, def vm.Definition) (Result, error) {
	ref := model.Ref{Project: model.DefaultProject, Name: def.Name}
	call = onBehalf(call)
	o, _, err := a.vm(ctx, ref)
	if fault.KindOf(err) == fault.NotFound {
		if def.UUID == "" {
			def.UUID = call.uuids[def.Name]
		}
		return a.createVM(ctx, call, ref.Project, def, model.Declared)
	}
	if err != nil {
		return Result{}, err
	}
	want, _ := config.Kept(o, def).Settled()
	if len(vm.Diff(o.Spec, want.Spec)) == 0 && maps.Equal(o.Labels, want.Labels) && o.Origin == model.Declared {
		return Result{}, nil
	}
	return a.editVM(ctx, call, ref, func(o vm.Object) (vm.Definition, model.Origin, error) {
		if o.Origin == model.Manual { // made by hand while the declaration was being applied
			return vm.Definition{}, "", fault.New(fault.Conflict, "vm %q exists already and was made by hand", o.Name).WithCode("HV-CFG-002")
		}
		return config.Kept(o, def), model.Declared, nil
	})
}

// onBehalf is the call by which an apply changes one VM.
func onBehalf(call Call) Call {
	call.IfMatch, call.IdempotencyKey, call.Actor.Via, call.Plan, call.Message = 0, "", "apply", "", ""
	return call
}

// unwishVM stops a VM that is declared no more. From now on it is its owner's to edit, to delete, and
// to declare again. It is not held against the host: what does not fit any more can be stopped too.
func (a *Actions) unwishVM(ctx context.Context, call Call, name string) (Result, error) {
	target := vmTarget(model.Ref{Project: model.DefaultProject, Name: name})
	return a.do(ctx, onBehalf(call), VMEdit, target, func(c *change) error {
		o, kv, err := a.vm(ctx, target.Ref)
		if err != nil {
			return err
		}
		c.step("stop vm %s", name)
		o.Origin = model.Released
		o.Generation++
		if o.Spec.Power != vm.Off {
			o.Spec.Power, o.PowerGeneration = vm.Off, o.Generation
		}
		c.wish.TargetUID, c.wish.Generation = o.UID, o.Generation
		c.wish.Params = map[string]string{"power": string(vm.Off)} // what this edit is for, where it is told of
		c.require(store.ModRevision(kv.Key, kv.ModRevision))
		return c.put(kv.Key, o)
	})
}
