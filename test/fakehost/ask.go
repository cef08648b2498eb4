//go:build linux

package fakehost

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/action"
	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/operation"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// Member is a caller of the group hypervisor.
var Member = action.Call{Actor: operation.Actor{UID: 1000, Name: "ann", Via: "socket"}}

// Root is the caller root.
var Root = action.Call{Actor: operation.Actor{Name: "root", Via: "socket"}, Root: true}

// patience is when a test that waits for something gives up: no promise, just an end.
const patience = 2 * time.Minute

// Ref names a VM or a volume of the default project.
func Ref(name string) model.Ref { return model.Ref{Project: model.DefaultProject, Name: name} }

// Tiny is a VM without disks.
func Tiny(name string, edits ...func(*vm.Definition)) vm.Definition {
	def := vm.Definition{Name: name, Spec: vm.Spec{Memory: 16 * model.MiB}}
	for _, edit := range edits {
		edit(&def)
	}
	return def
}

// shown returns an operation when the view shows what it has changed.
func (d *Daemon) shown(res action.Result, err error) operation.Operation {
	d.t.Helper()
	must(d.t, err)
	must(d.t, d.View.Await(d.t.Context(), res.Revision))
	return *res.Operation
}

// Create wishes for a VM and returns the operation.
func (d *Daemon) Create(def vm.Definition) operation.Operation {
	d.t.Helper()
	res, err := d.Actions.CreateVM(d.t.Context(), Member, "default", def)
	return d.shown(res, err)
}

// Verb wishes for power: "start", "stop", …
func (d *Daemon) Verb(verb, name string, opt ...wire.VerbOptions) operation.Operation {
	d.t.Helper()
	row, err := action.ByName("vm." + verb)
	must(d.t, err)
	res, err := d.Actions.PowerVM(d.t.Context(), Member, row, Ref(name), first(opt))
	return d.shown(res, err)
}

// Refused is why a verb is not taken; nil where it is.
func (d *Daemon) Refused(verb, name string) error {
	d.t.Helper()
	row, err := action.ByName("vm." + verb)
	must(d.t, err)
	_, err = d.Actions.PowerVM(d.t.Context(), Member, row, Ref(name), wire.VerbOptions{})
	return err
}

// Delete wishes a VM away.
func (d *Daemon) Delete(name string, opt ...wire.VerbOptions) operation.Operation {
	d.t.Helper()
	res, err := d.Actions.DeleteVM(d.t.Context(), Member, Ref(name), first(opt))
	return d.shown(res, err)
}

func first(opt []wire.VerbOptions) wire.VerbOptions {
	if len(opt) == 0 {
		return wire.VerbOptions{}
	}
	return opt[0]
}

// Volume wishes for an empty volume.
func (d *Daemon) Volume(name string) operation.Operation {
	d.t.Helper()
	res, err := d.Actions.CreateVolume(d.t.Context(), Member, "default", wire.CreateVolume{Name: name, VolumeSpec: storage.VolumeSpec{Size: model.MiB}})
	return d.shown(res, err)
}

// LoseVolume takes a volume's file away behind the daemon's back.
func (d *Daemon) LoseVolume(name string) {
	d.t.Helper()
	v, _, err := store.Get[storage.Volume](d.t.Context(), d.Store, store.SpecKey(store.Ref{Kind: "volume", Project: model.DefaultProject, Name: name}))
	must(d.t, err)
	must(d.t, d.Volumes.Delete(d.t.Context(), v))
}

// BootFile stores a kernel or an initrd.
func (d *Daemon) BootFile(name, content string, kind storage.BootKind) {
	d.t.Helper()
	_, err := d.Actions.ImportBootFile(d.t.Context(), Member, Ref(name), kind, model.Bytes(len(content)), strings.NewReader(content))
	must(d.t, err)
}

// Until waits until ready says so; it asks again whenever the store has changed.
func (d *Daemon) Until(what string, ready func() bool) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	for {
		seen := d.View.Revision()
		if ready() {
			return
		}
		if err := d.View.Await(ctx, seen+1); err != nil {
			d.t.Fatalf("in vain waited for %s", what)
		}
	}
}

// Ended waits for an operation's end.
func (d *Daemon) Ended(op operation.Operation) operation.Operation {
	d.t.Helper()
	d.Until("the end of "+op.Action+" of "+op.Target.String(), func() bool {
		now, err := d.View.Operation(d.t.Context(), op.ID)
		if err == nil {
			op = now
		}
		return err == nil && now.State.Ended()
	})
	return op
}

// EndedOrCut waits for an operation's end, or for the daemon to be cut off.
func (d *Daemon) EndedOrCut(op operation.Operation) {
	d.t.Helper()
	d.UntilOrCut("the end of "+op.Action+" of "+op.Target.String(), func() bool {
		now, err := d.View.Operation(d.t.Context(), op.ID)
		return err == nil && now.State.Ended()
	})
}

// UntilOrCut is Until for a daemon that may be cut off before.
func (d *Daemon) UntilOrCut(what string, ready func() bool) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	go func() {
		defer cancel()
		select {
		case <-d.Points.Ended():
		case <-ctx.Done():
		}
	}()
	for {
		seen := d.View.Revision()
		if ready() {
			return
		}
		if d.View.Await(ctx, seen+1) == nil {
			continue
		}
		if !d.Points.Cut() {
			d.t.Fatalf("in vain waited for %s", what)
		}
		return
	}
}

// Done waits for an operation's end and insists on a good one.
func (d *Daemon) Done(op operation.Operation) operation.Operation {
	d.t.Helper()
	end := d.Ended(op)
	if end.State != operation.Done {
		d.t.Fatalf("%s of %s is %s: %+v", op.Action, op.Target, end.State, end.Error)
	}
	return end
}

// VM is one VM as it is shown.
func (d *Daemon) VM(name string) wire.VM {
	d.t.Helper()
	v, err := d.View.VM(d.t.Context(), Ref(name))
	must(d.t, err)
	return v
}

// Power is what was seen of a VM; zero for nothing yet.
func (d *Daemon) Power(name string) vm.PowerStatus {
	d.t.Helper()
	if p := d.VM(name).Status.Power; p != nil {
		return *p
	}
	return vm.PowerStatus{}
}

// State waits for a VM's state.
func (d *Daemon) State(name string, want vm.State) vm.PowerStatus {
	d.t.Helper()
	var last vm.PowerStatus
	d.Until("vm "+name+" to be "+string(want), func() bool {
		last = d.Power(name)
		return last.State == want
	})
	return last
}

// Boots is how often the guest of a VM has booted, in the two runs of which there are logs: it says so on its console.
func (d *Daemon) Boots(name string) int {
	d.t.Helper()
	n := 0
	for _, log := range []string{"serial-previous.log", "serial.log"} {
		text, err := os.ReadFile(filepath.Join(d.dir, "logs", d.VM(name).Spec.UUID, log))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			d.t.Fatal(err)
		}
		n += strings.Count(string(text), "up\n")
	}
	return n
}

// Gone waits until a VM does not exist.
func (d *Daemon) Gone(name string) {
	d.t.Helper()
	d.Until("the end of vm "+name, func() bool {
		_, err := d.View.VM(d.t.Context(), Ref(name))
		return fault.KindOf(err) == fault.NotFound && err != nil
	})
}

// Look asks for a look at a VM, or at nothing where it does not exist.
func (d *Daemon) Look(name string) {
	if v, err := d.View.VM(d.t.Context(), Ref(name)); err == nil {
		d.Engine.Poke(v.Spec.UUID)
	}
}

// Finished returns what is closed when an operation has ended, or the test has.
func (d *Daemon) Finished(op operation.Operation) <-chan struct{} {
	done := make(chan struct{})
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	d.t.Cleanup(cancel)
	go func() {
		defer close(done)
		for {
			seen := d.View.Revision()
			now, err := d.View.Operation(ctx, op.ID)
			if err == nil && now.State.Ended() {
				return
			}
			if d.View.Await(ctx, seen+1) != nil {
				return
			}
		}
	}()
	return done
}

// Discard puts a volume into the trash.
func (d *Daemon) Discard(name string) {
	d.t.Helper()
	res, err := d.Actions.DeleteVolume(d.t.Context(), Member, Ref(name), false)
	must(d.t, err)
	d.Done(*res.Operation)
}

// Trash is what lies in the trash.
func (d *Daemon) Trash() []storage.Trashed {
	d.t.Helper()
	all, _, err := store.ListAll[storage.Trashed](context.Background(), d.Store, store.SpecPrefix("trash"))
	must(d.t, err)
	var out []storage.Trashed
	for _, t := range all {
		out = append(out, t.Value)
	}
	return out
}

// EmptyTrash deletes for ever what lies in the trash.
func (d *Daemon) EmptyTrash() {
	d.t.Helper()
	for _, t := range d.Trash() {
		res, err := d.Actions.PurgeVolume(d.t.Context(), Member, Ref(t.UID))
		must(d.t, err)
		d.Done(*res.Operation)
	}
}

// SecondPool opens a pool called second.
func (h *Host) SecondPool() {
	h.t.Helper()
	ctx, spec := context.Background(), storage.PoolSpec{Path: filepath.Join(h.dir, "second")}
	_, err := h.Volumes.Make(ctx, "second", spec)
	must(h.t, err)
	key := store.SpecKey(store.Ref{Kind: "pool", Project: store.HostWide, Name: "second"})
	if _, err := h.Store.Get(ctx, key); err == nil {
		return
	}
	made, err := store.PutJSON(key, storage.Pool{Metadata: model.Metadata{Name: "second", UID: "5ec04d00-0000-4000-8000-000000000000", Origin: model.Manual, Generation: 1}, Spec: spec}, 0)
	must(h.t, err)
	_, err = h.Store.Commit(ctx, store.Txn{If: []store.Cmp{store.Absent(key)}, Then: []store.Op{made}})
	must(h.t, err)
}

// Did waits for what was asked for, which must not have been refused.
func (d *Daemon) Did(res action.Result, err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
	d.Done(*res.Operation)
}
