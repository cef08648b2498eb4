package action

import (
	"context"
	"errors"
	"maps"
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
	decl, err := a.mayApply(ctx, &call, encoded)
	if err == nil && !call.DryRun {
		if !a.applying.TryLock() {
			err = fault.New(fault.Conflict, "another declaration is being applied").Try("hv operation list, then apply again").WithCode("HV-CFG-003")
		} else {
			defer a.applying.Unlock()
		}
	}
	if err == nil {
		encoded, err = decl.Encode() // in one form, so that the same one is known again
	}
	if err != nil {
		a.refused(ctx, call, ConfigApply, configTarget, err)
		return Result{}, err
	}
	return a.apply(ctx, call, decl, encoded)
}

// mayApply is the gate, before anything of a stranger's is read, and then the reading. On a hardened host it lets
// the sealed declaration in, at boot, with what follows from it.
func (a *Actions) mayApply(ctx context.Context, call *Call, encoded []byte) (config.Declaration, error) {
	atBoot := call.Actor.Via == "boot"
	call.within = atBoot
	if err := a.Authorize(ctx, *call, ConfigApply); err != nil {
		return config.Declaration{}, err
	}
	if a.DeclaredBy != "" && !atBoot {
		return config.Declaration{}, fault.New(fault.Denied, "this host's declaration is %s, applied at boot", a.DeclaredBy).
			Try("change it where that file comes from; hv config check FILE says what would follow").WithCode("HV-CFG-001")
	}
	decl, err := config.Decode(encoded)
	if err == nil && atBoot {
		call.asSealed, err = a.asSealed(ctx, decl)
	}
	return decl, fault.Wrap(err, "cannot apply the declaration")
}

func (a *Actions) apply(ctx context.Context, call Call, decl config.Declaration, encoded []byte) (Result, error) {
	var applied config.Applied
	var gone []string
	digest, err := decl.Digest()
	if err != nil {
		return Result{}, err
	}
	res, err := a.do(ctx, call, ConfigApply, configTarget, func(c *change) error {
		before, kv, err := a.standing(ctx)
		if err != nil {
			return err
		}
		if err := match(call, kv, configTarget); err != nil {
			return err
		}
		if gone, err = a.declaredNoMore(ctx, decl); err != nil {
			return err
		}
		used, err := a.inUse(ctx, before.decl, decl, gone)
		if err != nil {
			return err
		}
		c.notes = slices.Concat(config.Check(decl, a.Facts()).Findings, a.clashes(ctx, decl), used)
		c.notes.Sort()
		for _, d := range config.Diff(before.decl, decl) {
			c.diff = append(c.diff, wire.Change{Path: d.Path, Kind: string(d.Kind), Old: d.Old, New: d.New})
		}
		planVMs(c, before.decl, decl, gone)
		if c.notes.Refuses() {
			return fault.New(fault.Invalid, "the declaration is refused").Because(finding.Refusal{Findings: c.notes})
		}
		now := a.Now()
		c.status = &operation.Status{State: operation.Done, Ended: &now, Findings: c.notes}
		c.require(store.ModRevision(configKey(), kv.ModRevision))
		if applied = before.Applied; slices.Equal(applied.Declaration, encoded) {
			c.wish.Generation = applied.Generation
			return nil // it stands; what has moved away from it since is wished back
		}
		applied = config.Applied{Generation: applied.Generation + 1, At: c.wish.Created, By: call.Actor, Source: "applied", Digest: digest, Declaration: encoded}
		if a.DeclaredBy != "" {
			applied.Source = a.DeclaredBy
		}
		c.wish.Generation = applied.Generation
		return c.put(configKey(), applied)
	})
	if err != nil || call.DryRun || res.repeated {
		return res, err
	}
	ids, rev, err := a.wishVMs(ctx, call, gone, decl)
	if err != nil {
		return res, fault.Wrap(err, "the declaration stands, and not all of its VMs could be wished for")
	}
	res.Operation.Params = map[string]string{"operations": strings.Join(ids, ",")}
	res.Revision = max(res.Revision, rev)
	return res, a.completed(ctx, applied)
}

// standing is the declaration that stands; zero for none.
type standing struct {
	config.Applied
	decl config.Declaration
}

func (a *Actions) standing(ctx context.Context) (standing, store.KV, error) {
	got, kv, err := store.Get[config.Applied](ctx, a.Store, configKey())
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return standing{}, kv, nil
	}
	if err != nil {
		return standing{}, kv, err
	}
	decl, err := config.Decode(got.Declaration)
	return standing{Applied: got, decl: decl}, kv, fault.Wrap(err, "the standing declaration cannot be read")
}

// clashes says which declared VMs have the name of one that is not the declaration's, and what the
// others name that does not exist.
func (a *Actions) clashes(ctx context.Context, decl config.Declaration) finding.List {
	var found finding.List
	for _, name := range decl.Names() {
		path := config.VMPath(name)
		refuse := func(code, what, remedy string) {
			found = append(found, finding.Finding{
				Code: code, Severity: finding.Refused, Subject: []string{"vm/" + name}, Path: path, Position: decl.Sources.At(path),
				What: "vm " + name + " " + what, Remedy: remedy,
			})
		}
		o, _, err := store.Get[vm.Object](ctx, a.Store, store.SpecKey(vmRef(model.Ref{Project: model.DefaultProject, Name: name})))
		switch {
		case err != nil: // it is not there, or the wish for it will say what is wrong
		case o.Deleted != nil:
			refuse("HV-CFG-004", "is being deleted", "hv vm wait "+name+" --for deleted, then apply again")
		case o.Origin == model.Manual:
			refuse("HV-CFG-002", "exists already and was made by hand", "declare it under another name, or hv vm delete "+name)
		}
		found = append(found, a.lost(ctx, model.DefaultProject, decl.VMs[name])...)
	}
	return found
}

func planVMs(c *change, before, after config.Declaration, gone []string) {
	c.step("make this declaration the one that stands")
	for _, name := range after.Names() {
		old, was := before.VMs[name]
		now := after.VMs[name]
		switch edited := vm.Diff(old.Spec, now.Spec); {
		case !was:
			c.step("vm %s: create", name)
		case len(edited) > 0:
			c.step("vm %s: edit %s", name, strings.Join(edited, ", "))
		case !maps.Equal(old.Labels, now.Labels):
			c.step("vm %s: edit labels", name)
		default:
			c.step("vm %s: stays as it is declared", name)
		}
	}
	for _, name := range gone {
		c.step("vm %s: stop; it and its volumes are kept", name)
	}
}

// wishVMs wishes for every declared VM, and off what is declared no more. All are tried; what
// failed is told together.
func (a *Actions) wishVMs(ctx context.Context, call Call, gone []string, decl config.Declaration) ([]string, int64, error) {
	var jobs []func(context.Context) (Result, error)
	for _, name := range decl.Names() {
		jobs = append(jobs, func(ctx context.Context) (Result, error) { return a.wishVM(ctx, call, decl.VMs[name]) })
	}
	for _, name := range gone {
		jobs = append(jobs, func(ctx context.Context) (Result, error) { return a.unwishVM(ctx, call, name) })
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
		return a.createVM(ctx, call, ref.Project, def, model.Declared)
	}
	if err != nil {
		return Result{}, err
	}
	want := declared(o, def)
	if len(vm.Diff(o.Spec, want.Spec)) == 0 && maps.Equal(o.Labels, want.Labels) && o.Origin == model.Declared {
		return Result{}, nil
	}
	return a.editVM(ctx, call, ref, func(o vm.Object) (vm.Definition, model.Origin, error) {
		if o.Origin == model.Manual { // made by hand while the declaration was being applied
			return vm.Definition{}, "", fault.New(fault.Conflict, "vm %q exists already and was made by hand", o.Name).WithCode("HV-CFG-002")
		}
		return declared(o, def), model.Declared, nil
	})
}

// declared is the definition as it is to be stored: the UUID stays, and power where the declaration
// says nothing of it is the owner's to switch.
func declared(o vm.Object, def vm.Definition) vm.Definition {
	def.Spec = def.Clone()
	if def.UUID == "" {
		def.UUID = o.Spec.UUID
	}
	if def.Power == "" {
		def.Power = o.Spec.Power
	}
	return def
}

// unwishVM stops a VM that is declared no more. From now on it is its owner's to edit, to delete, and
// to declare again. It is not held against the host: what does not fit any more can be stopped too.
func (a *Actions) unwishVM(ctx context.Context, call Call, name string) (Result, error) {
	target := vmTarget(model.Ref{Project: model.DefaultProject, Name: name})
	call.IfMatch, call.IdempotencyKey, call.Actor.Via = 0, "", "apply"
	return a.do(ctx, call, VMEdit, target, func(c *change) error {
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
		c.require(store.ModRevision(kv.Key, kv.ModRevision))
		return c.put(kv.Key, o)
	})
}

// completed notes that everything in the standing declaration was wished for.
func (a *Actions) completed(ctx context.Context, applied config.Applied) error {
	if applied.Complete {
		return nil
	}
	applied.Complete = true
	op, err := store.PutJSON(configKey(), applied, 0)
	if err == nil {
		_, err = a.Store.Commit(ctx, store.Txn{Then: []store.Op{op}})
	}
	return fault.Wrap(err, "cannot note that the declaration was applied")
}

// Resume finishes an apply that was cut off.
func (a *Actions) Resume(ctx context.Context, call Call) error {
	a.applying.Lock()
	defer a.applying.Unlock()
	stands, _, err := a.standing(ctx)
	if err != nil || stands.Generation == 0 || stands.Complete {
		return err
	}
	if call.asSealed, err = a.asSealed(ctx, stands.decl); err != nil {
		return fault.Wrap(err, "an apply that was cut off is not finished")
	}
	gone, err := a.declaredNoMore(ctx, stands.decl)
	if err != nil {
		return err
	}
	if _, _, err := a.wishVMs(ctx, call, gone, stands.decl); err != nil {
		return fault.Wrap(err, "the declaration stands, and not all of its VMs could be wished for")
	}
	return a.completed(ctx, stands.Applied)
}

// declaredNoMore are the names of VMs that are stored as declared and are not in decl, whichever
// declaration had them: one that was cut off before it stopped them leaves them to the next.
func (a *Actions) declaredNoMore(ctx context.Context, decl config.Declaration) ([]string, error) {
	all, _, err := store.ListAll[vm.Object](ctx, a.Store, store.SpecPrefix("vm"))
	var names []string
	for _, o := range all {
		if _, still := decl.VMs[o.Value.Name]; !still && o.Value.Origin == model.Declared {
			names = append(names, o.Value.Name)
		}
	}
	return names, err
}
