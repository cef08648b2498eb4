//go:build linux

package reconcile_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/fault"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/internal/store/local"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
	"github.com/hyper-nixos/hyper-nixos/wire"
)

// elsewhere is a folder in which a pool may be.
func elsewhere(t *testing.T) string {
	t.Helper()
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return base
}

func makeFast(t *testing.T, d *fakehost.Daemon, path string) {
	t.Helper()
	res, err := d.Actions.CreatePool(t.Context(), fakehost.Root, wire.CreatePool{Name: "fast", PoolSpec: storage.PoolSpec{Path: path}})
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
}

func volumeIn(t *testing.T, d *fakehost.Daemon, pool, name string) {
	t.Helper()
	res, err := d.Actions.CreateVolume(t.Context(), fakehost.Member, "default", wire.CreateVolume{Name: name, VolumeSpec: storage.VolumeSpec{Pool: pool, Size: model.MiB}})
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
}

func theVolume(t *testing.T, h *fakehost.Host, name string) storage.Volume {
	t.Helper()
	v, _, err := store.Get[storage.Volume](t.Context(), h.Store, store.SpecKey(store.Ref{Kind: "volume", Project: "default", Name: name}))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// The store is deleted, with everything that it knew. What is on the pools comes back as it was, and a VM that is
// created anew has its disk again.
func TestALostStoreIsRebuiltFromThePools(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	makeFast(t, d, filepath.Join(elsewhere(t), "fast"))
	volumeIn(t, d, "fast", "data")
	volumeIn(t, d, "", "spare")
	d.Done(d.Create(fakehost.Tiny("web", withData)))
	was := theVolume(t, h, "data")
	f, err := h.Volumes.Open(t.Context(), "fast", was.File, false)
	if err == nil {
		_, err = f.WriteAt([]byte("precious"), 0)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	for noted := false; !noted && t.Context().Err() == nil; time.Sleep(time.Millisecond) { // no event tells of a note
		_, notes, err := h.Volumes.Held(t.Context(), "fast")
		noted = err == nil && strings.Contains(string(notes[was.UID]), `"owner":"vm/web"`)
	}
	d.Stop()

	for _, err := range []error{h.Volumes.Leave("fast"), h.Store.Close(), os.RemoveAll(filepath.Join(h.Folder(), "store"))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if h.Store, err = local.Open(filepath.Join(h.Folder(), "store"), local.Options{}); err != nil {
		t.Fatal(err)
	}
	d = h.Start()
	if _, err := d.View.Volume(t.Context(), fakehost.Ref("data")); fault.KindOf(err) != fault.NotFound {
		t.Fatalf("the store is not lost: %v", err)
	}
	dry := fakehost.Root
	dry.DryRun = true
	res, err := d.Actions.RecoverStorage(t.Context(), dry)
	if err != nil || len(res.Preview.Plan) != 3 {
		t.Fatalf("%+v, %v", res.Preview, err)
	}
	res, err = d.Actions.RecoverStorage(t.Context(), fakehost.Root)
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	is := theVolume(t, h, "data")
	if is.UID != was.UID || is.File != was.File || is.Spec != was.Spec || !is.Created.Equal(was.Created) {
		t.Errorf("it was %+v and is %+v", was, is)
	}
	d.Done(d.Create(fakehost.Tiny("web", withData, on)))
	d.State("web", vm.StateRunning)
	if f, err = h.Volumes.Open(t.Context(), "fast", is.File, true); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	text := make([]byte, 8)
	if _, err := io.ReadFull(f, text); err != nil || string(text) != "precious" {
		t.Errorf("%q, %v", text, err)
	}
	if p, err := d.View.Pool(t.Context(), "fast"); err != nil || !p.Open || len(p.Users) != 1 || p.Users[0].UsedBy != "vm/web" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestAPoolThatIsNotThereIsToldAndComesBack(t *testing.T) {
	h := fakehost.New(t)
	d := h.Start()
	base := elsewhere(t)
	path := filepath.Join(base, "mnt", "fast")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	makeFast(t, d, path)
	volumeIn(t, d, "fast", "data")
	d.Stop()
	away := filepath.Join(base, "away")
	if err := errors.Join(h.Volumes.Leave("fast"), os.Rename(filepath.Dir(path), away)); err != nil { // it is not mounted
		t.Fatal(err)
	}
	d = h.Start()
	d.Until("it to be told", func() bool {
		p, err := d.View.Pool(t.Context(), "fast")
		return err == nil && !p.Open && strings.Contains(p.Problem, "no such file")
	})
	if err := errors.Join(os.Rename(away, filepath.Dir(path))); err != nil {
		t.Fatal(err)
	}
	d.Until("it to be open again", func() bool {
		p, err := d.View.Pool(t.Context(), "fast")
		return err == nil && p.Open && p.Problem == ""
	})
}

// Its mount point is there and its disk is not: what would be made there is an empty pool beside the one that is meant.
func TestAPoolWhoseDiskIsNotMountedIsNotMadeAnew(t *testing.T) {
	for _, how := range []string{"by hand", "declared"} {
		t.Run(how, func(t *testing.T) {
			h := fakehost.New(t)
			d := h.Start()
			base := elsewhere(t)
			path := filepath.Join(base, "fast")
			if how == "by hand" {
				makeFast(t, d, path)
			} else {
				declarePool(t, h, "fast", path) // its folder is made by the daemon
			}
			d.Until("it to be open", func() bool {
				p, err := d.View.Pool(t.Context(), "fast")
				return err == nil && p.Open
			})
			volumeIn(t, d, "fast", "data")
			d.Stop()
			if err := errors.Join(h.Volumes.Leave("fast"), os.Rename(path, path+".away")); err != nil {
				t.Fatal(err)
			}
			d = h.Start()
			d.Until("it to be told", func() bool {
				p, err := d.View.Pool(t.Context(), "fast")
				return err == nil && !p.Open && strings.Contains(p.Problem, "no such file")
			})
			if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("an empty folder was made in its place: %v", err)
			}
			if err := os.Rename(path+".away", path); err != nil { // it is mounted
				t.Fatal(err)
			}
			d.Until("it to be open again", func() bool {
				p, err := d.View.Pool(t.Context(), "fast")
				return err == nil && p.Open && p.Problem == ""
			})
			if there, err := h.Volumes.Exists(t.Context(), "fast", theVolume(t, h, "data").File); !there || err != nil {
				t.Errorf("its volume is not in it: %v", err)
			}
		})
	}
}

// declarePool writes a pool as hv config apply does.
func declarePool(t *testing.T, h *fakehost.Host, name, path string) {
	t.Helper()
	op, err := store.PutJSON(store.SpecKey(store.Ref{Kind: "pool", Project: store.HostWide, Name: name}), storage.Pool{
		Metadata: model.Metadata{Name: name, Project: store.HostWide, UID: "6d3ce1b6-2a1e-4ad9-a13e-2a9f3f6d7a10", Origin: model.Declared, Generation: 1},
		Spec:     storage.PoolSpec{Path: path},
	}, 0)
	if err == nil {
		_, err = h.Store.Commit(t.Context(), store.Txn{Then: []store.Op{op}})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestAPoolIsLetGoOfWhenNothingIsInIt(t *testing.T) {
	d := fakehost.New(t).Start()
	makeFast(t, d, filepath.Join(elsewhere(t), "fast"))
	volumeIn(t, d, "fast", "data")
	if _, err := d.Actions.DeletePool(t.Context(), fakehost.Root, "fast"); fault.CodeOf(err) != "HV-POOL-008" {
		t.Errorf("with a volume in it: %v", err)
	}
	res, err := d.Actions.DeleteVolume(t.Context(), fakehost.Member, fakehost.Ref("data"), true)
	if err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	if res, err = d.Actions.DeletePool(t.Context(), fakehost.Root, "fast"); err != nil {
		t.Fatal(err)
	}
	d.Done(*res.Operation)
	if _, err := d.Volumes.Of("fast"); fault.CodeOf(err) != "HV-POOL-001" {
		t.Errorf("it is open still: %v", err)
	}
	if _, notes, err := d.Volumes.Held(t.Context(), storage.DefaultPool); err != nil || len(notes) != 0 {
		t.Errorf("notes are left: %s, %v", notes, err)
	}
}
