package action

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/hyper-nixos/hyper-nixos/internal/config"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/finding"
	"github.com/hyper-nixos/hyper-nixos/internal/guest/cloudinit"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func vmTarget(r model.Ref) operation.Target { return operation.Target{Kind: "vm", Ref: inProject(r)} }

func inProject(r model.Ref) model.Ref {
	if r.Project == "" {
		r.Project = model.DefaultProject
	}
	return r
}

func vmRef(r model.Ref) store.Ref {
	return store.Ref{Kind: "vm", Project: r.Project, Name: r.Name}
}

// CreateVM wishes for a VM that does not exist.
func (a *Actions) CreateVM(ctx context.Context, call Call, project string, def vm.Definition) (Result, error) {
	return a.createVM(ctx, call, project, def, model.Manual)
}

func (a *Actions) createVM(ctx context.Context, call Call, project string, def vm.Definition, origin model.Origin) (Result, error) {
	return a.createAs(ctx, call, VMCreate, project, def, origin)
}

func (a *Actions) createAs(ctx context.Context, call Call, row Row, project string, def vm.Definition, origin model.Origin) (Result, error) {
	target := vmTarget(model.Ref{Project: project, Name: def.Name})
	return a.doMaking(ctx, call, row, target, func(c *change) error {
		if err := a.checkVM(ctx, c, def); err != nil {
			return err
		}
		def, wishes := def.Settled()
		if err := a.makeVolumes(ctx, c, vm.Object{}, wishes, origin); err != nil {
			return err
		}
		return a.putVM(ctx, c, def, origin)
	})
}

// putVM puts a VM that there is not yet into the change, and takes what it uses.
func (a *Actions) putVM(ctx context.Context, c *change, def vm.Definition, origin model.Origin) error {
	target := c.wish.Target
	spec, err := a.withUUID(ctx, def.Clone())
	if err != nil {
		return err
	}
	key := store.SpecKey(vmRef(target.Ref))
	if _, err := a.Store.Get(ctx, key); err == nil {
		return fault.New(fault.Conflict, "vm %q exists already", def.Name).
			Try("choose another name, or hv vm show %s", def.Name).WithCode("HV-VM-022")
	}
	o := vm.Object{
		Metadata: model.Metadata{
			Name: def.Name, Project: target.Project, UID: uuid(a.Random(16)), Labels: def.Labels,
			Origin: origin, Generation: 1, Created: c.wish.Created,
		},
		Spec: spec, PowerGeneration: 1,
	}
	c.require(store.Absent(key))
	c.wish.TargetUID, c.wish.Generation = o.UID, 1
	c.step("create vm %s", def.Name)
	for _, path := range vm.Follows(spec, a.Facts().Arch) {
		c.step("os %s: %s", spec.OS, path)
	}
	if err := a.claim(ctx, c, vm.Object{}, o); err != nil {
		return err
	}
	return c.put(key, o)
}

// checkVM holds a definition against itself, the host and what exists.
func (a *Actions) checkVM(ctx context.Context, c *change, def vm.Definition) error {
	features, _, err := a.Resolution(ctx)
	if err != nil {
		return err
	}
	found := config.CheckVMs([]vm.Definition{def}, nil, a.Facts(), features)
	found = append(found, cloudinit.Check(def.Name, def.CloudInit)...)
	found = append(found, a.lost(ctx, c.wish.Target.Project, def, func(name string) bool { _, made := c.made(name); return made })...)
	pins, err := a.pins(ctx, c.wish.Target.Project, def)
	if err != nil {
		return err
	}
	found = append(found, pins...)
	disks, err := a.diskIO(ctx, c.wish.Target.Project, def)
	if err != nil {
		return err
	}
	found = append(found, disks...)
	found.Sort()
	c.notes = found
	if !found.Refuses() {
		return a.circle(ctx, c.wish.Target.Project, def)
	}
	verb := "create"
	if c.row.name != VMCreate.name && c.row.name != EnvironmentCreate.name && c.row.name != VMClone.name {
		verb = "change"
	}
	return fault.New(fault.Invalid, "cannot %s vm %q", verb, def.Name).Because(finding.Refusal{Findings: found})
}

// lost says which volumes and boot files that a definition names do not exist.
func (a *Actions) lost(ctx context.Context, project string, def vm.Definition, made func(volume string) bool) finding.List {
	var found finding.List
	def, wishes := def.Settled()
	look := func(kind, name, path, remedy string) {
		if name == "" || model.CheckName(kind, name) != nil {
			return // told already
		}
		_, err := a.Store.Get(ctx, store.SpecKey(store.Ref{Kind: kind, Project: project, Name: name}))
		if err != nil && fault.KindOf(err) == fault.NotFound {
			found = append(found, finding.Finding{
				Code: "HV-VM-017", Severity: finding.Refused, Subject: []string{kind + "/" + name},
				What: fmt.Sprintf("vm %q: %s: there is no %s %q", def.Name, path, kind, name), Path: config.VMPath(def.Name) + "." + path, Remedy: remedy,
			})
		}
	}
	uses := def.Volumes()
	for _, device := range slices.Sorted(maps.Keys(uses)) {
		v := uses[device].Volume
		if slices.ContainsFunc(wishes, func(w vm.Fresh) bool { return w.Volume == v }) || made(v) {
			continue // it is made
		}
		look("volume", v, device+".volume", "hv volume create "+v+" --size 10GiB")
	}
	found = append(found, a.lostImages(ctx, project, def.Name, wishes)...)
	for _, tag := range slices.Sorted(maps.Keys(def.Shares)) {
		name := def.Shares[tag].Share
		if _, err := a.Store.Get(ctx, shareKey(name)); fault.KindOf(err) == fault.NotFound {
			found = append(found, finding.Finding{
				Code: "HV-VM-017", Severity: finding.Refused, Subject: []string{"share/" + name}, Path: config.VMPath(def.Name) + ".shares." + tag + ".share",
				What: fmt.Sprintf("vm %q: shares.%s: there is no share %q", def.Name, tag, name), Remedy: "hv share create " + name + " --path /srv/" + name,
			})
		}
	}
	if b := def.Boot; def.BootsKernel() {
		look("boot-file", b.Kernel, "boot.kernel", "hv boot-file import "+b.Kernel+" FILE --kind kernel")
		look("boot-file", b.Initrd, "boot.initrd", "hv boot-file import "+b.Initrd+" FILE --kind initrd")
	}
	return found
}

// withUUID gives a spec a UUID if it has none: one from which no MAC address is made that another VM
// has. Three bytes of it are all that differs, which is little among thousands.
func (a *Actions) withUUID(ctx context.Context, spec vm.Spec) (vm.Spec, error) {
	if spec.UUID != "" {
		return spec, nil
	}
	for range 8 {
		spec.UUID = uuid(a.Random(16))
		taken := false
		for _, mac := range macs(spec) {
			_, err := a.Store.Get(ctx, store.ClaimKey("mac", store.HostWide, mac))
			if err != nil && fault.KindOf(err) != fault.NotFound {
				return spec, err
			}
			taken = taken || err == nil
		}
		if !taken {
			break // else the address was given by hand, and the claim says whose it is
		}
	}
	return spec, nil
}

// uuid makes a random UUID (RFC 9562, version 4) of 16 random bytes.
func uuid(b []byte) string {
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// EditVM changes a VM by a merge patch (RFC 7386) of its definition: labels and spec.
func (a *Actions) EditVM(ctx context.Context, call Call, ref model.Ref, patch json.RawMessage) (Result, error) {
	return a.editVM(ctx, call, ref, func(o vm.Object) (vm.Definition, model.Origin, error) {
		if o.Origin == model.Declared {
			return vm.Definition{}, "", a.declaredOnly(ctx, "edited", o.Name)
		}
		def, err := patched(ctx, vm.Definition{Name: o.Name, Labels: o.Labels, Spec: o.Spec}, patch)
		if err == nil && def.Name != o.Name {
			err = fault.New(fault.Invalid, "vm %q cannot be renamed", o.Name).Try("leave name out of the patch")
		}
		return def, o.Origin, err
	})
}

// declaredOnly refuses to change by hand what is declared, and says where that stands.
func (a *Actions) declaredOnly(ctx context.Context, what, name string) error {
	at, file := "", "FILE"
	if stands, _, err := a.standing(ctx); err == nil { // else it is told without its place
		if p := stands.decl.Sources.At(config.VMPath(name)); p.Line > 0 {
			at, file = " ("+p.String()+")", cmp.Or(stands.decl.Sources[""].File, p.File)
		}
	}
	again := "hv config apply " + file
	if a.DeclaredBy != "" {
		again = "restart hvd"
	}
	return fault.New(fault.Denied, "vm %q stands in the host's declaration%s and is %s there only", name, at, what).
		Try("edit it there, then %s; or take it out there: it is stopped and kept, and yours to be %s by hand from then on", again, what).WithCode("HV-VM-023")
}

func (a *Actions) editVM(ctx context.Context, call Call, ref model.Ref, edit func(vm.Object) (vm.Definition, model.Origin, error)) (Result, error) {
	return a.editAs(ctx, call, VMEdit, ref, nil, edit)
}

// editAs is an edit that may have another name, and parameters.
func (a *Actions) editAs(ctx context.Context, call Call, row Row, ref model.Ref, params map[string]string,
	edit func(vm.Object) (vm.Definition, model.Origin, error),
) (Result, error) {
	target := vmTarget(ref)
	return a.doMaking(ctx, call, row, target, func(c *change) error {
		o, kv, err := a.vm(ctx, target.Ref)
		if err != nil {
			return err
		}
		if err := match(call, kv, target); err != nil {
			return err
		}
		c.wish.Params = params
		def, origin, err := edit(o)
		if err != nil {
			return err
		}
		if err := a.checkVM(ctx, c, def); err != nil {
			return err
		}
		def, wishes := def.Settled()
		if err := a.makeVolumes(ctx, c, o, wishes, origin); err != nil {
			return err
		}
		next, err := edited(o, def, origin)
		if err != nil {
			return err
		}
		if next.Letting, err = a.letting(ctx, o, next); err != nil {
			return err
		}
		for _, path := range vm.Diff(o.Spec, next.Spec) {
			c.diff = append(c.diff, wire.Change{Path: path, Kind: "changed"})
			c.step("change %s of vm %s", path, o.Name)
		}
		if !maps.Equal(o.Labels, next.Labels) {
			c.diff = append(c.diff, wire.Change{Path: "labels", Kind: "changed"})
			c.step("change the labels of vm %s", o.Name)
		}
		if err := a.claim(ctx, c, o, next); err != nil {
			return err
		}
		c.wish.TargetUID, c.wish.Generation = next.UID, next.Generation
		c.require(store.ModRevision(kv.Key, kv.ModRevision))
		if call.DryRun {
			if err := a.rehearseEdit(ctx, c, next); err != nil {
				return err
			}
		}
		return c.put(kv.Key, next)
	})
}

// edited is o with another definition.
func edited(o vm.Object, def vm.Definition, origin model.Origin) (vm.Object, error) {
	next := o
	next.Spec, next.Labels, next.Origin = def.Clone(), def.Labels, origin
	if next.Spec.UUID == "" {
		next.Spec.UUID = o.Spec.UUID
	}
	if next.Spec.UUID != o.Spec.UUID {
		return o, fault.New(fault.Invalid, "the UUID of vm %q is %s for ever", o.Name, o.Spec.UUID).Try("leave uuid out")
	}
	next.Generation++
	if next.Spec.Power != o.Spec.Power {
		next.PowerGeneration = next.Generation
	}
	return next, nil
}

// letting are the volumes of which QEMU may still have more than the spec says: an edit takes a disk from a
// VM, or makes it read-only, and reconcile gives the claim back when its process has let go. One that is
// wished on may get its process any moment.
func (a *Actions) letting(ctx context.Context, o, next vm.Object) ([]string, error) {
	volumes := slices.Clone(o.Letting)
	st, err := a.power(ctx, o)
	if err != nil {
		return nil, err
	}
	if s := st.Saved; s != nil && s.Process.Started != nil { // it may go on with what it was saved with
		for _, d := range s.Process.Started.Volumes() {
			volumes = append(volumes, d.Volume)
		}
	}
	if mayRun(o, st) {
		for _, d := range o.Spec.Volumes() {
			volumes = append(volumes, d.Volume)
		}
	}
	slices.Sort(volumes)
	var out []string
	for _, volume := range slices.Compact(volumes) {
		had, was := diskOf(o.Spec, volume)
		has, is := diskOf(next.Spec, volume)
		if is && (!has.ReadOnly || was && had.ReadOnly && !slices.Contains(o.Letting, volume)) {
			continue // it is claimed as it is used
		}
		held, err := a.holds(ctx, next.Project, volume, "vm/"+next.Name)
		if err != nil {
			return nil, err
		}
		if held {
			out = append(out, volume)
		}
	}
	return out, nil
}

// mayRun reports whether a VM has a process, or may get one any moment.
func mayRun(o vm.Object, st vm.PowerStatus) bool {
	wished := o.Spec.Power != vm.Off && o.Spec.Power != "" && (st.Ended == nil || st.Ended.PowerGeneration < o.PowerGeneration)
	return st.State.Alive() || st.Process != nil || wished // one that crashed may be preserved
}

// holds reports whether somebody has a claim on a volume.
func (a *Actions) holds(ctx context.Context, project, volume, holder string) (bool, error) {
	claim, _, err := store.Find[storage.Claim](ctx, a.Store, store.ClaimKey("disk", project, volume))
	return slices.Contains(claim.Holders(), holder), err
}

// DeleteVM wishes a VM away. Its volumes stay unless opt says otherwise.
func (a *Actions) DeleteVM(ctx context.Context, call Call, ref model.Ref, opt wire.VerbOptions) (Result, error) {
	target := vmTarget(ref)
	return a.do(ctx, call, VMDelete, target, func(c *change) error {
		o, kv, err := a.vm(ctx, target.Ref)
		if err != nil {
			return err
		}
		if err := match(call, kv, target); err != nil {
			return err
		}
		if o.Origin == model.Declared {
			return a.declaredOnly(ctx, "deleted", o.Name)
		}
		if err := a.keepsSnapshots(ctx, o); err != nil {
			return err
		}
		state, err := a.state(ctx, o)
		if err != nil {
			return err
		}
		if vm.Allowed(vm.VerbDelete, state) == vm.Never && !opt.Force {
			return illegal(vm.VerbDelete, state, o.Name)
		}
		if state.Alive() {
			c.wish.Params = map[string]string{"force": "true"}
			c.step("end QEMU of vm %s without asking its guest", o.Name)
		}
		now := c.wish.Created
		o.Deleted, o.Generation = &now, o.Generation+1
		c.wish.TargetUID, c.wish.Generation = o.UID, o.Generation
		c.step("delete vm %s", o.Name)
		if opt.Volumes {
			if err := a.deleteVolumesOf(ctx, c, o); err != nil {
				return err
			}
		}
		c.require(store.ModRevision(kv.Key, kv.ModRevision))
		return c.put(kv.Key, o)
	})
}

// vm reads one VM that is not being deleted.
func (a *Actions) vm(ctx context.Context, ref model.Ref) (vm.Object, store.KV, error) {
	o, kv, err := store.Get[vm.Object](ctx, a.Store, store.SpecKey(vmRef(ref)))
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return o, kv, fault.New(fault.NotFound, "there is no vm %q", ref.String()).Try("hv vm list").WithCode("HV-VM-021")
	}
	if err == nil && o.Deleted != nil {
		return o, kv, fault.New(fault.Conflict, "vm %q is being deleted", ref.String()).Try("hv vm wait %s --for deleted", ref.Name)
	}
	return o, kv, err
}

// power is what was last seen of a VM's power; that of a VM that was never looked at is off.
func (a *Actions) power(ctx context.Context, o vm.Object) (vm.PowerStatus, error) {
	st, _, err := store.Get[vm.PowerStatus](ctx, a.Store, store.StatusKey(vmRef(model.Ref{Project: o.Project, Name: o.Name}), "power"))
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return vm.PowerStatus{State: vm.StateOff}, nil
	}
	return st, err
}

// state is the state of that.
func (a *Actions) state(ctx context.Context, o vm.Object) (vm.State, error) {
	st, err := a.power(ctx, o)
	return st.State, err
}

// match refuses a change of what is not as the caller last saw it.
func match(call Call, kv store.KV, t operation.Target) error {
	if call.IfMatch == 0 || call.IfMatch == kv.ModRevision {
		return nil
	}
	return fault.New(fault.Precondition, "%s has changed since revision %d: it is at %d", t, call.IfMatch, kv.ModRevision).
		Try("look at it again, then repeat the change").WithCode("HV-API-003")
}
