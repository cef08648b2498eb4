package reconcile_test

import (
	"strings"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/pools"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/test/fakeqemu"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func stored(t *testing.T, h *fakehost.Host, name string) storage.Volume {
	t.Helper()
	v, _, err := store.Get[storage.Volume](t.Context(), h.Store, store.SpecKey(store.Ref{Kind: "volume", Project: store.DefaultProject, Name: name}))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func kept(t *testing.T, p *pools.Pools) []string {
	t.Helper()
	b, err := p.Of("")
	if err != nil {
		t.Fatal(err)
	}
	files, err := b.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestACloneAndItsSourceAreWrittenToSideBySideAndTheLastTakesWhatTheyShare(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Volume("data"))
	base := stored(t, h, "data").Head()
	if _, err := d.Actions.CloneVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), wire.CloneVolume{Name: "copy", Linked: true}); err != nil {
		t.Fatal(err)
	}
	d.Done(d.Create(fakehost.Tiny("web", on, withData)))
	d.Done(d.Create(fakehost.Tiny("other", on, func(def *vm.Definition) {
		def.Disks = map[string]vm.Disk{"data": {Volume: "copy"}}
	})))
	d.State("web", vm.StateRunning)
	d.State("other", vm.StateRunning)
	source, clone := stored(t, h, "data"), stored(t, h, "copy")
	if source.Frozen || len(source.Chain()) != 2 || source.Chain()[0].ID != base.ID || source.Head().ID == clone.Head().ID {
		t.Errorf("its source writes to %+v", source)
	}
	d.Done(d.Delete("web", wire.VerbOptions{Force: true, Volumes: true}))
	d.Until("the source to go", func() bool {
		_, err := d.View.Volume(t.Context(), fakehost.Ref("data"))
		return fault.KindOf(err) == fault.NotFound && err != nil
	})
	if files := kept(t, h.Volumes); len(files) != 3 {
		t.Errorf("what lies in the trash has lost of what it consists of: %v", files)
	}
	d.EmptyTrash()
	if files := kept(t, h.Volumes); len(files) != 2 {
		t.Errorf("what the clone stands on did not stay, or more did: %v", files)
	}
	d.Done(d.Delete("other", wire.VerbOptions{Force: true, Volumes: true}))
	d.Until("the clone to lie in the trash", func() bool { return len(d.Trash()) == 1 })
	d.EmptyTrash()
	d.Until("all of it to go", func() bool { return len(kept(t, h.Volumes)) == 0 })
}

func deleteNow(t *testing.T, d *fakehost.Daemon, name string) {
	t.Helper()
	res, err := d.Actions.DeleteVolume(t.Context(), fakehost.Member, fakehost.Ref(name), true)
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
}

// The source's head stays, for the clone stands on it; its note goes, or the source would come back with it.
func TestAVolumeWhoseFileStaysLeavesNoNote(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Volume("data"))
	source := stored(t, h, "data")
	res, err := d.Actions.CloneVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), wire.CloneVolume{Name: "copy", Linked: true})
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	deleteNow(t, d, "data")
	if there, err := h.Volumes.Exists(t.Context(), storage.DefaultPool, source.File); !there || err != nil {
		t.Errorf("what the clone stands on is gone: %v", err)
	}
	if notes := notesOf(t, h); notes[source.UID] != nil {
		t.Errorf("its note is left: %s", notes[source.UID])
	}
}

// The store has lost the clone, whose note stands on the pool: what it stands on stays until it is rebuilt.
func TestWhatANoteOfALostVolumeNamesIsNotRemoved(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Volume("data"))
	source := stored(t, h, "data")
	res, err := d.Actions.CloneVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), wire.CloneVolume{Name: "copy", Linked: true})
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	clone := stored(t, h, "copy")
	awaitNote(t, h, clone.UID)
	ref := store.Ref{Kind: "volume", Project: store.DefaultProject, Name: "copy"}
	if _, err := h.Store.Commit(t.Context(), store.Txn{Then: []store.Op{store.DeleteOp(store.SpecKey(ref)), store.DeletePrefixOp(store.StatusPrefix(ref))}}); err != nil {
		t.Fatal(err)
	}
	deleteNow(t, d, "data")
	if there, err := h.Volumes.Exists(t.Context(), storage.DefaultPool, source.File); !there || err != nil {
		t.Errorf("what the lost clone stands on is gone: %v", err)
	}
	res, err = d.Actions.RecoverStorage(t.Context(), fakehost.Root)
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	if is := stored(t, h, "copy"); is.UID != clone.UID || len(is.Chain()) != len(clone.Chain()) {
		t.Errorf("it was %+v and is %+v", clone, is)
	}
}

func TestWhatAGuestWritesToIsClonedAndItRunsOn(t *testing.T) {
	h := fakehost.New(t)
	h.Guest("web", fakeqemu.Options{Guest: fakeqemu.Idle})
	d := h.Start()
	d.Done(d.Volume("data"))
	first := stored(t, h, "data").Head()
	d.Done(d.Create(fakehost.Tiny("web", on, withData)))
	d.State("web", vm.StateRunning)
	pid := d.Power("web").Process.PID
	res, err := d.Actions.CloneVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), wire.CloneVolume{Name: "more", Linked: true, Count: 2})
	if err != nil {
		t.Fatal(err)
	}
	done(t, d.Ended(*res.Operation))
	if now, more := stored(t, h, "data").Chain(), stored(t, h, "more-2").Chain(); len(now) != 2 || len(more) != 2 || more[0].ID != first.ID || now[0].ID != first.ID || more[1].ID == now[1].ID {
		t.Errorf("what is written to was cloned to %+v, and is %+v", more, now)
	}
	heads, err := d.VMs.Heads(t.Context(), d.VM("web").Spec.UUID)
	if head := stored(t, h, "data").Head().ID; err != nil || !strings.HasPrefix(strings.ReplaceAll(head, "-", ""), heads["disk-root"]) || heads["disk-root"] == "" {
		t.Errorf("QEMU writes to %v and not to %s, %v", heads, head, err)
	}
	if d.Power("web").Process.PID != pid || len(setsOf(t, d).Items) != 0 {
		t.Errorf("its VM was started anew, or a snapshot is left: %+v", setsOf(t, d))
	}
	if _, err := d.Actions.CloneVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), wire.CloneVolume{Name: "more-1", Linked: true}); fault.CodeOf(err) != "HV-VOL-002" {
		t.Errorf("a name that is taken: %v", err)
	}
	d.Done(d.Create(fakehost.Tiny("other", on, func(def *vm.Definition) { def.Disks = map[string]vm.Disk{"root": {Volume: "more-1"}} })))
	d.State("other", vm.StateRunning)
}
