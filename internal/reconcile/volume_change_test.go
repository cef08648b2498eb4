//go:build linux

package reconcile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

func resized(t *testing.T, d *fakehost.Daemon, size model.Bytes) {
	t.Helper()
	res, err := d.Actions.ResizeVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), size)
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
}

func TestAVolumeGrowsWithAndWithoutAGuestAndNeverShrinks(t *testing.T) {
	d := fakehost.New(t).Start()
	d.Done(d.Volume("data"))
	resized(t, d, 2*model.MiB)
	if n := d.VolumeFileSize("data"); n != 2*model.MiB {
		t.Errorf("its file has %s", n)
	}
	d.Done(d.Create(fakehost.Tiny("web", on, withData)))
	uuid := d.VM("web").Spec.UUID
	if n, err := d.VMs.DiskSize(t.Context(), uuid, "disk-root"); n != 2*model.MiB || err != nil {
		t.Fatalf("its guest sees %s, %v", n, err)
	}
	resized(t, d, 5*model.MiB)
	resized(t, d, 5*model.MiB) // the same again changes nothing
	if n, err := d.VMs.DiskSize(t.Context(), uuid, "disk-root"); n != 5*model.MiB || err != nil {
		t.Errorf("its guest sees %s, %v", n, err)
	}
	_, err := d.Actions.ResizeVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), 4*model.MiB)
	if fault.CodeOf(err) != "HV-VOL-006" || !strings.Contains(fault.HintOf(err), "hv volume create") {
		t.Errorf("to make it smaller: %v (%s)", err, fault.HintOf(err))
	}
	d.Done(d.Verb("suspend", "web"))
	if _, err := d.Actions.ResizeVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), 6*model.MiB); fault.CodeOf(err) != "HV-VOL-007" {
		t.Errorf("under a guest that is suspended: %v", err)
	}
}

func TestAVolumeThatARunningVMReadsDoesNotGrow(t *testing.T) {
	d := fakehost.New(t).Start()
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", on, func(def *vm.Definition) {
		def.Disks = map[string]vm.Disk{"root": {Volume: "data", ReadOnly: true}}
	})))
	_, err := d.Actions.ResizeVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), 2*model.MiB)
	if fault.CodeOf(err) != "HV-VOL-007" || !strings.Contains(fault.HintOf(err), "hv vm stop web") {
		t.Errorf("%v (%s)", err, fault.HintOf(err))
	}
	d.Done(d.Verb("kill", "web"))
	resized(t, d, 2*model.MiB)
}

func TestAVolumesNewNameIsWrittenIntoAllThatNamesIt(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", on, withData)))
	before := d.Power("web")
	res, err := d.Actions.RenameVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), "other")
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	d.Until("what is seen to have the new name", func() bool { return d.Power("web").Process.Started.Disks["root"].Volume == "other" })
	if p := d.Power("web"); p.Process.PID != before.Process.PID || len(p.Pending) > 0 {
		t.Errorf("%+v, pending %v", p.Process, p.PendingWhy)
	}
	page, err := h.Store.List(t.Context(), store.Root, store.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, kv := range page.KVs {
		if strings.HasSuffix(kv.Key, "/data") || strings.Contains(kv.Key, "/data/") {
			t.Errorf("%s still stands", kv.Key)
		}
	}
	d.Done(d.Volume("data")) // the name is free, and this is another volume
	attach := func(patch string) {
		t.Helper()
		res, err := d.Actions.EditVM(t.Context(), fakehost.Member, fakehost.Ref("web"), []byte(patch))
		if err != nil {
			t.Fatal(err)
		}
		d.Done(*res.Operation)
	}
	attach(`{"disks":{"more":{"volume":"data"}}}`)
	if p := d.Power("web"); p.Process.Started.Disks["more"].Volume != "data" || len(p.Pending) > 0 {
		t.Errorf("%+v, pending %v", p.Process.Started.Disks, p.PendingWhy)
	}
	d.Stop()
	d = h.Start() // and the next daemon does not take it for the first
	d.Done(d.Verb("pause", "web"))
	if p := d.Power("web"); p.Process.Started.Disks["more"].Volume != "data" || len(p.Pending) > 0 {
		t.Errorf("after a restart %+v, pending %v", p.Process.Started.Disks, p.PendingWhy)
	}
	d.Done(d.Verb("kill", "web"))
	d.Done(d.Verb("start", "web"))
	if p := d.Power("web"); p.Process.Started.Disks["root"].Volume != "other" || p.Process.Started.Disks["more"].Volume != "data" {
		t.Errorf("started with %+v", p.Process.Started.Disks)
	}
}

func TestAVolumesNewNameIsRefusedWithItsReason(t *testing.T) {
	d := fakehost.New(t).Start()
	d.Done(d.Volume("data"))
	d.Done(d.Volume("other"))
	for name, kind := range map[string]fault.Kind{"other": fault.Conflict, "Data": fault.Invalid, "data": fault.Conflict} {
		if _, err := d.Actions.RenameVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), name); fault.KindOf(err) != kind {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatIsDeletedLiesInTheTrashUntilItsTimeIsOver(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", withData)))
	if _, err := d.Actions.DeleteVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), false); fault.CodeOf(err) != "HV-VOL-003" || !strings.Contains(err.Error(), "vm/web") {
		t.Errorf("one that is used: %v", err)
	}
	d.Done(d.Delete("web", wire.VerbOptions{Volumes: true}))
	d.Until("its volume to lie in the trash", func() bool { return len(d.Trash()) == 1 })
	old := d.Trash()[0]
	if notes := notesOf(t, h); len(notes) != 0 {
		t.Errorf("a lost store would get back what was deleted: %s", notes)
	}
	d.Done(d.Volume("data")) // another one of that name
	if _, err := d.Actions.RestoreVolume(t.Context(), fakehost.Member, fakehost.Ref(old.UID), ""); fault.CodeOf(err) != "HV-VOL-002" || !strings.Contains(fault.HintOf(err), "--name") {
		t.Errorf("under a name that is taken: %v (%s)", err, fault.HintOf(err))
	}
	res, err := d.Actions.RestoreVolume(t.Context(), fakehost.Member, fakehost.Ref(old.UID), "before")
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	if v, err := d.View.Volume(t.Context(), fakehost.Ref("before")); err != nil || v.Metadata.UID != old.UID || !v.Ready || len(d.Trash()) != 0 {
		t.Errorf("%+v, %v, %d in the trash", v, err, len(d.Trash()))
	}
	awaitNote(t, h, old.UID)
	d.Discard("before")
	d.Stop()
	h.Advance(6 * 24 * time.Hour)
	d = h.Start()
	d.Done(d.Volume("other")) // a look at all is over by then
	if len(d.Trash()) != 1 {
		t.Error("it is gone before its time")
	}
	d.Stop()
	h.Advance(25 * time.Hour)
	d = h.Start()
	d.Until("its time to be over", func() bool { return len(d.Trash()) == 0 })
	h.Tidy()
	if _, err := d.Actions.RestoreVolume(t.Context(), fakehost.Member, fakehost.Ref(old.UID), ""); fault.CodeOf(err) != "HV-VOL-008" {
		t.Errorf("one that is gone: %v", err)
	}
}

func notesOf(t *testing.T, h *fakehost.Host) map[string][]byte {
	t.Helper()
	_, notes, err := h.Volumes.Held(t.Context(), storage.DefaultPool)
	if err != nil {
		t.Fatal(err)
	}
	return notes
}

func awaitNote(t *testing.T, h *fakehost.Host, uid string) {
	t.Helper()
	for notesOf(t, h)[uid] == nil && t.Context().Err() == nil { // no event tells of a note
		time.Sleep(time.Millisecond)
	}
}

// A crash may come after a volume's file went and before its note did; hv storage recover would make it of that again.
func TestTheNoteOfAVolumeWhoseFileHasGoneBeforeGoesAsWell(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	d.Done(d.Volume("data"))
	pool := filepath.Join(h.Folder(), "pool")
	if err := os.Remove(filepath.Join(pool, h.PoolFiles("pool")[0])); err != nil {
		t.Fatal(err)
	}
	res, err := d.Actions.DeleteVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), true)
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	if left, err := filepath.Glob(filepath.Join(pool, "*.json")); err != nil || len(left) > 0 {
		t.Errorf("left are %v, %v", left, err)
	}
}
