package action

import (
	"context"
	"errors"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// ApplyConfig makes a declaration, as config.Declaration.Encode writes it, the one that stands. What
// it wishes of VMs is wished after it is durable; if that is cut off the next start finishes it.
func (a *Actions) ApplyConfig(ctx context.Context, call Call, encoded []byte) (Result, error) {
	if a.DeclaredBy != "" && call.Actor.Via != "boot" {
		err := fault.New(fault.Denied, "this host's declaration is %s, applied at boot", a.DeclaredBy).
			Try("change it where that file comes from; hv config check FILE says what would follow").WithCode("HV-CFG-001")
		a.refused(ctx, call, ConfigApply, configTarget, err)
		return Result{}, err
	}
	decl, err := config.Decode(encoded)
	if err != nil {
		return Result{}, fault.Wrap(err, "cannot apply the declaration")
	}
	if !a.applying.TryLock() {
		return Result{}, fault.New(fault.Conflict, "another declaration is being applied").Try("hv operation list, then apply again")
	}
	defer a.applying.Unlock()
	return a.apply(ctx, call, decl, encoded)
}

func (a *Actions) apply(ctx context.Context, call Call, decl config.Declaration, encoded []byte) (Result, error) {
	var applied config.Applied
	var before config.Declaration
	same := false
	res, err := a.do(ctx, call, ConfigApply, configTarget, func(c *change) error {
		kv, err := a.standing(ctx, &applied, &before)
		if err != nil {
			return err
		}
		report := config.Check(decl, a.Facts())
		c.notes = append(report.Findings, a.clashes(ctx, decl)...)
		c.notes.Sort()
		for _, d := range config.Diff(before, decl) {
			c.diff = append(c.diff, wire.Change{Path: d.Path, Kind: string(d.Kind), Old: d.Old, New: d.New})
		}
		a.planVMs(c, before, decl)
		if c.notes.Refuses() {
			return fault.New(fault.Invalid, "the declaration is refused").Because(finding.Refusal{Findings: c.notes})
		}
		same = applied.Complete && slices.Equal(applied.Declaration, encoded)
		if !same {
			applied.Generation++
		}
		applied.At, applied.By, applied.Source, applied.Declaration, applied.Complete = c.wish.Created, call.Actor, "applied", encoded, same
		if a.DeclaredBy != "" {
			applied.Source = a.DeclaredBy
		}
		now := a.Now()
		c.status = &operation.Status{State: operation.Done, Ended: &now, Findings: c.notes}
		c.wish.Generation = applied.Generation
		c.require(store.ModRevision(ConfigKey(), kv.ModRevision))
		return c.put(ConfigKey(), applied)
	})
	if err != nil || call.DryRun {
		return res, err
	}
	ids, rev, err := a.wishVMs(ctx, call, before, decl)
	if err != nil {
		return res, fault.Wrap(err, "the declaration stands, and not all of its VMs could be wished for")
	}
	res.Operation.Params = map[string]string{"operations": strings.Join(ids, ",")}
	res.Revision = max(res.Revision, rev)
	return res, a.completed(ctx, applied)
}

// standing reads the declaration that stands.
func (a *Actions) standing(ctx context.Context, applied *config.Applied, decl *config.Declaration) (store.KV, error) {
	got, kv, err := store.Get[config.Applied](ctx, a.Store, ConfigKey())
	if fault.KindOf(err) == fault.NotFound {
		return kv, nil
	}
	if err != nil {
		return kv, err
	}
	*applied = got
	*decl, err = config.Decode(got.Declaration)
	return kv, fault.Wrap(err, "the standing declaration cannot be read")
}

// clashes says which declared VMs have the name of one that was made by hand.
func (a *Actions) clashes(ctx context.Context, decl config.Declaration) finding.List {
	var found finding.List
	for _, name := range decl.Names() {
		o, _, err := a.vm(ctx, model.Ref{Project: model.DefaultProject, Name: name})
		if err == nil && o.Origin == model.Manual {
			path := config.VMPath(name)
			found = append(found, finding.Finding{
				Code: "HV-CFG-002", Severity: finding.Refused, Subject: []string{"vm/" + name}, Path: path, Position: decl.Sources.At(path),
				What: "vm " + name + " exists already and was made by hand", Remedy: "declare it under another name, or hv vm delete " + name,
			})
		}
		found = append(found, a.lost(ctx, model.DefaultProject, decl.VMs[name])...)
	}
	return found
}

func (a *Actions) planVMs(c *change, before, after config.Declaration) {
	c.step("make this declaration the one that stands")
	for _, name := range after.Names() {
		if _, was := before.VMs[name]; was {
			c.step("vm %s: as declared", name)
		} else {
			c.step("vm %s: create", name)
		}
	}
	for _, name := range before.Names() {
		if _, still := after.VMs[name]; !still {
			c.step("vm %s: stop; it and its volumes are kept", name)
		}
	}
}

// wishVMs wishes for every declared VM, and off what is declared no more. All are tried; what
// failed is told together.
func (a *Actions) wishVMs(ctx context.Context, call Call, before, after config.Declaration) ([]string, int64, error) {
	var jobs []func(context.Context) (Result, error)
	for _, name := range after.Names() {
		jobs = append(jobs, func(ctx context.Context) (Result, error) { return a.wishVM(ctx, call, after.VMs[name]) })
	}
	for _, name := range before.Names() {
		if _, still := after.VMs[name]; !still {
			jobs = append(jobs, func(ctx context.Context) (Result, error) { return a.unwishVM(ctx, call, name) })
		}
	}
	results, errs := make([]Result, len(jobs)), make([]error, len(jobs))
	var g errgroup.Group
	g.SetLimit(16)
	for i, job := range jobs {
		g.Go(func() error { results[i], errs[i] = job(ctx); return nil })
	}
	_ = g.Wait() // each error is in its place
	var ids []string
	var rev int64
	for _, r := range results {
		if r.Operation != nil {
			ids, rev = append(ids, r.Operation.ID), max(rev, r.Revision)
		}
	}
	return ids, rev, errors.Join(errs...)
}

// wishVM creates or edits one declared VM; one that is as declared is left alone.
func (a *Actions) wishVM(ctx context.Context, call Call, def vm.Definition) (Result, error) {
	ref := model.Ref{Project: model.DefaultProject, Name: def.Name}
	call.IfMatch, call.IdempotencyKey, call.Actor.Via = 0, "", "apply"
	o, _, err := a.vm(ctx, ref)
	if fault.KindOf(err) == fault.NotFound {
		return a.createVM(ctx, call, VMCreate, ref.Project, def, model.Declared)
	}
	if err != nil {
		return Result{}, err
	}
	want := declared(o, def)
	if len(vm.Diff(o.Spec, want.Spec)) == 0 && sameLabels(o.Labels, want.Labels) && o.Origin == model.Declared {
		return Result{}, nil
	}
	return a.editVM(ctx, call, VMEdit, ref, func(o vm.Object) (vm.Definition, model.Origin, error) {
		return declared(o, def), model.Declared, nil
	})
}

// declared is the definition as it is to be stored: the UUID stays, and power where the declaration
// says nothing of it is the owner's to switch.
func declared(o vm.Object, def vm.Definition) vm.Definition {
	def.Spec = def.Spec.Clone()
	if def.UUID == "" {
		def.UUID = o.Spec.UUID
	}
	if def.Power == "" {
		def.Power = o.Spec.Power
	}
	return def
}

func sameLabels(a, b map[string]string) bool {
	if len(a) != len(b) {
		return false
	}
	for k, v := range a {
		if w, ok := b[k]; !ok || v != w {
			return false
		}
	}
	return true
}

// unwishVM stops a VM that is declared no more. From now on it is its owner's to delete.
func (a *Actions) unwishVM(ctx context.Context, call Call, name string) (Result, error) {
	ref := model.Ref{Project: model.DefaultProject, Name: name}
	call.IfMatch, call.IdempotencyKey, call.Actor.Via = 0, "", "apply"
	res, err := a.editVM(ctx, call, VMEdit, ref, func(o vm.Object) (vm.Definition, model.Origin, error) {
		def := vm.Definition{Name: o.Name, Labels: o.Labels, Spec: o.Spec.Clone()}
		def.Power = vm.Off
		return def, model.Manual, nil
	})
	if fault.KindOf(err) == fault.NotFound {
		return Result{}, nil
	}
	return res, err
}

// completed notes that everything in the standing declaration was wished for.
func (a *Actions) completed(ctx context.Context, applied config.Applied) error {
	if applied.Complete {
		return nil
	}
	applied.Complete = true
	op, err := store.PutJSON(ConfigKey(), applied, 0)
	if err == nil {
		_, err = a.Store.Commit(ctx, store.Txn{Then: []store.Op{op}})
	}
	return fault.Wrap(err, "cannot note that the declaration was applied")
}

// Resume finishes an apply that was cut off.
func (a *Actions) Resume(ctx context.Context, call Call) error {
	var applied config.Applied
	var decl config.Declaration
	kv, err := a.standing(ctx, &applied, &decl)
	if err != nil || kv.Value == nil || applied.Complete {
		return err
	}
	a.applying.Lock()
	defer a.applying.Unlock()
	gone, err := a.declaredBefore(ctx, decl)
	if err != nil {
		return err
	}
	if _, _, err := a.wishVMs(ctx, call, gone, decl); err != nil {
		return fault.Wrap(err, "the declaration stands, and not all of its VMs could be wished for")
	}
	return a.completed(ctx, applied)
}

// declaredBefore is a declaration of the VMs that are stored as declared and are not in decl.
func (a *Actions) declaredBefore(ctx context.Context, decl config.Declaration) (config.Declaration, error) {
	all, _, err := store.ListAll[vm.Object](ctx, a.Store, store.SpecPrefix("vm"))
	before := config.Declaration{VMs: map[string]vm.Definition{}}
	for _, o := range all {
		if _, still := decl.VMs[o.Value.Name]; !still && o.Value.Origin == model.Declared {
			before.VMs[o.Value.Name] = vm.Definition{Name: o.Value.Name}
		}
	}
	return before, err
}
