package reconcile_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/reconcile"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/test/fakehost"
)

func put(t *testing.T, h *fakehost.Host, kind, project, name string, v any) {
	t.Helper()
	op, err := store.PutJSON(store.SpecKey(store.Ref{Kind: kind, Project: project, Name: name}), v, 0)
	if err == nil {
		_, err = h.Store.Commit(t.Context(), store.Txn{Then: []store.Op{op}})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// droppedIn is a layer in a pool that nobody needs any more, and its file.
func droppedIn(t *testing.T, h *fakehost.Host, id, pool string) storage.Layer {
	t.Helper()
	l := storage.Layer{ID: id, Pool: pool, Format: storage.Raw, Size: model.MiB}
	v := storage.Volume{Metadata: model.Metadata{Name: id}, Spec: storage.VolumeSpec{Pool: pool, Format: storage.Raw, Size: model.MiB}, File: l.File()}
	if err := h.Volumes.Create(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	put(t, h, reconcile.KindDropped, store.HostWide, pool+"/"+l.File(), l)
	return l
}

func TestADaemonServesWhileAPoolIsMissingAndWhatWasDroppedThereGoesWhenItIsBack(t *testing.T) {
	h := fakehost.New(t)
	spec := storage.PoolSpec{Path: filepath.Join(h.Folder(), "second")}
	if _, err := h.Volumes.Make(t.Context(), "second", spec); err != nil {
		t.Fatal(err)
	}
	far := droppedIn(t, h, "5d7c0000-0000-4000-8000-000000000001", "second")
	near := droppedIn(t, h, "5d7c0000-0000-4000-8000-000000000002", storage.DefaultPool)
	if err := h.Volumes.Leave("second"); err != nil {
		t.Fatal(err)
	}
	d := h.Start()
	d.Done(d.Volume("data"))
	if slices.Contains(kept(t, h.Volumes), near.File()) {
		t.Error("one layer whose pool is missing keeps others")
	}
	if !slices.Contains(h.PoolFiles("second"), far.File()) {
		t.Fatal("its file is gone from a pool that was not open")
	}
	put(t, h, "pool", store.HostWide, "second", storage.Pool{
		Metadata: model.Metadata{Name: "second", Project: store.HostWide, UID: "5d7c0000-0000-4000-8000-000000000003", Generation: 1},
		Spec:     spec,
	})
	d.Until("what was dropped to go", func() bool { return len(h.PoolFiles("second")) == 0 })
	d.Until("nothing to say that it is there", func() bool {
		page, err := h.Store.List(t.Context(), store.SpecPrefix(reconcile.KindDropped), store.ListOptions{})
		return err == nil && len(page.KVs) == 0
	})
}

// What the daemon says of a set it says after the store: where it was ended in between, the next removes what is left.
func TestWhatIsLeftOfASnapshotThatIsGoneIsRemovedAtTheNextStart(t *testing.T) {
	h := fakehost.New(t)
	d := snapshotsOn(t, h)
	d.Done(d.Volume("data"))
	d.Done(d.Create(fakehost.Tiny("web", on, withData)))
	done(t, take(t, d, "one", true))
	d.Stop()
	const lost = "5d7c0000-0000-4000-8000-000000000001"
	for _, name := range []string{lost + ".memory", lost + ".nvram"} {
		f, err := h.Sets.Create(t.Context(), name, 1)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	d = h.Start()
	left, err := h.Sets.UUIDs(t.Context())
	if err != nil || len(left) != 1 || left[0] == lost {
		t.Errorf("there are files of %v, %v", left, err)
	}
	backToOne(t, d)
}

// restoring is a store in which a volume is taken out of the trash once volumes were listed.
type restoring struct {
	store.Store
	restore func()
}

func (r *restoring) List(ctx context.Context, prefix string, opt store.ListOptions) (store.Page, error) {
	page, err := r.Store.List(ctx, prefix, opt)
	if restore := r.restore; restore != nil && prefix == store.SpecPrefix(reconcile.KindVolume) {
		r.restore = nil
		restore()
	}
	return page, err
}

func TestALayerOfAVolumeThatIsTakenOutOfTheTrashMeanwhileStays(t *testing.T) {
	h := fakehost.New(t)
	l := droppedIn(t, h, "5d7c0000-0000-4000-8000-000000000001", storage.DefaultPool)
	v := storage.Volume{
		Metadata: model.Metadata{Name: "data", Project: store.DefaultProject, UID: "5d7c0000-0000-4000-8000-000000000002", Generation: 1},
		Spec:     storage.VolumeSpec{Pool: storage.DefaultPool, Format: storage.Raw, Size: model.MiB}, File: l.File(),
	}
	put(t, h, "trash", store.DefaultProject, v.UID, storage.Trashed{Volume: v})
	e := reconcile.New(reconcile.Config{Store: &restoring{h.Store, func() {
		put(t, h, "volume", store.DefaultProject, "data", v)
		if _, err := h.Store.Commit(t.Context(), store.Txn{Then: []store.Op{store.DeleteOp(store.SpecKey(store.Ref{Kind: "trash", Project: store.DefaultProject, Name: v.UID}))}}); err != nil {
			t.Error(err)
		}
	}}, Volumes: h.Volumes, Now: time.Now, Steady: time.Now})
	if err := e.SweepDropped(t.Context()); err != nil {
		t.Fatal(err)
	}
	if there, err := h.Volumes.Exists(t.Context(), storage.DefaultPool, l.File()); !there || err != nil {
		t.Errorf("its file is there: %t, %v", there, err)
	}
}

// What was sent for an image by whom the daemon did not answer, for it was cut off, goes at the next start: it has no object, and
// who tries again sends it anew.
func TestWhatWasSentForAnImageThatIsNoneGoesAtTheNextStart(t *testing.T) {
	const uid = "5d7c0000-0000-4000-8000-000000000009"
	h := fakehost.New(t)
	if err := h.Images.Receive(t.Context(), uid, 3, strings.NewReader("img")); err != nil {
		t.Fatal(err)
	}
	if has, err := h.Images.Received(t.Context()); err != nil || !slices.Equal(has, []string{uid}) {
		t.Fatalf("%v, %v", has, err)
	}
	h.Start()
	if has, err := h.Images.Received(t.Context()); err != nil || len(has) > 0 {
		t.Errorf("left are %v, %v", has, err)
	}
}
