//go:build linux

package reconcile_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/store/local"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// A template of a VM of an image; then the store is lost, and the library is rebuilt with it, to make VMs of.
func TestALibraryIsRebuiltAfterItsStoreIsLost(t *testing.T) {
	needImages(t)
	h := fakehost.New(t)
	d := h.Start()
	ctx := t.Context()
	d.Done(upload(t, d, "base", bootable()))
	d.Did(d.Actions.CreateVM(ctx, fakehost.Member, "default", vm.Definition{Name: "web", Spec: vm.Spec{CPUs: 1, Disks: map[string]vm.Disk{"root": {Image: "base"}}}}))
	d.Did(d.Actions.CreateImage(ctx, fakehost.Member, fakehost.Ref("web"), wire.CreateImage{Name: "template"}))
	was := map[string]wire.Image{}
	for _, name := range []string{"base", "template"} {
		i, err := d.View.Image(ctx, fakehost.Ref(name))
		if err != nil || !i.Status.Ready {
			t.Fatalf("%+v, %v", i, err)
		}
		was[name] = i
	}
	d.Stop()
	for _, err := range []error{h.Store.Close(), os.RemoveAll(filepath.Join(h.Folder(), "store"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if h.Store, err = local.Open(filepath.Join(h.Folder(), "store"), local.Options{}); err != nil {
		t.Fatal(err)
	}
	d = h.Start()
	d.Did(d.Actions.RecoverStorage(ctx, fakehost.Root))
	for name, before := range was {
		now, err := d.View.Image(ctx, fakehost.Ref(name))
		if err != nil || now.Metadata.UID != before.Metadata.UID || now.Status != before.Status {
			t.Errorf("%s was %+v and is %+v, %v", name, before, now, err)
		}
	}
	d.Did(d.Actions.CreateVolume(ctx, fakehost.Member, "default", wire.CreateVolume{Name: "more", VolumeSpec: storage.VolumeSpec{Image: "template"}}))
}
