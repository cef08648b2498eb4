//go:build linux

package fakehost

import (
	"context"
	"os"
	"path/filepath"
	"strings"

	"github.com/hyper-nixos/hyper-nixos/internal/audit"
	"github.com/hyper-nixos/hyper-nixos/internal/storage/folder"
	"github.com/hyper-nixos/hyper-nixos/internal/store"
	"github.com/hyper-nixos/hyper-nixos/model"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// SavedFiles are the files of suspended VMs.
func (h *Host) SavedFiles() []string {
	h.t.Helper()
	entries, err := os.ReadDir(filepath.Join(h.dir, "saved"))
	must(h.t, err)
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// Tidy wants nothing to be left of what is not there: each folder of sockets is of a QEMU that lives, and no
// volume's file is without its volume.
func (h *Host) Tidy() {
	h.t.Helper()
	ctx := context.Background()
	vms, _, err := store.ListAll[vm.Object](ctx, h.Store, store.SpecPrefix("vm"))
	must(h.t, err)
	names := map[string]string{}
	for _, o := range vms {
		names[o.Value.Spec.UUID] = o.Value.Name
	}
	for uuid, folder := range h.folders() {
		if names[uuid] == "" {
			h.t.Errorf("%s is left of VM %s, which does not exist", folder, uuid)
		}
	}
	for _, file := range h.SavedFiles() {
		uuid, _, _ := strings.Cut(file, ".")
		st, _, err := store.Find[vm.PowerStatus](ctx, h.Store, store.StatusKey(store.Ref{Kind: "vm", Project: model.DefaultProject, Name: names[uuid]}, "power"))
		must(h.t, err)
		if st.Saved == nil || st.Saved.File != file {
			h.t.Errorf("the file %s is of no suspended VM", file)
		}
	}
	volumes, _, err := store.ListAll[storage.Volume](ctx, h.Store, store.SpecPrefix("volume"))
	must(h.t, err)
	files := h.named(ctx, volumes)
	left, err := os.ReadDir(filepath.Join(h.dir, "pool"))
	must(h.t, err)
	for _, f := range left {
		if !files[f.Name()] && !strings.Contains(f.Name(), folder.Partial) { // one that is being written; the next start sweeps
			h.t.Errorf("the file %s is of no volume", f.Name())
		}
	}
}

// named are the files in the pool that some object names: the layers of volumes, of the trash, of snapshots and of
// images, and the notes beside them.
func (h *Host) named(ctx context.Context, volumes []store.Object[storage.Volume]) map[string]bool {
	files := map[string]bool{}
	add := func(v storage.Volume) {
		files[v.File], files[v.UID+".json"] = true, true
		for _, l := range v.Chain() {
			files[l.File()] = true
		}
	}
	for _, v := range volumes {
		add(v.Value)
	}
	trash, _, err := store.ListAll[storage.Trashed](ctx, h.Store, store.SpecPrefix("trash"))
	must(h.t, err)
	for _, v := range trash {
		add(v.Value.Volume)
	}
	sets, _, err := store.ListAll[vm.Snapshot](ctx, h.Store, store.SpecPrefix("snapshot"))
	must(h.t, err)
	for _, s := range sets {
		for _, d := range s.Value.Disks {
			for _, l := range d.Layers {
				files[l.File()] = true
			}
		}
	}
	others, _, err := store.ListAll[storage.Pool](ctx, h.Store, store.SpecPrefix("pool"))
	must(h.t, err)
	for _, p := range others {
		files[p.Value.UID+".json"] = true
	}
	images, _, err := store.ListAll[storage.Image](ctx, h.Store, store.SpecPrefix("image"))
	must(h.t, err)
	for _, i := range images {
		files[storage.ImageFile(i.Value.UID, storage.QCOW2)], files[i.Value.UID+".json"] = true, true
	}
	return files
}

// OneOutcome wants every intent in the audit log to have at most one outcome.
func (h *Host) OneOutcome() {
	h.t.Helper()
	seen := map[int64]bool{}
	for after, more := int64(0), true; more; {
		page, err := h.Audit.Read(context.Background(), after, 0, audit.Filter{Phase: audit.Outcome})
		must(h.t, err)
		for _, r := range page.Records {
			if seen[r.Intent] {
				h.t.Errorf("a second outcome: %+v", r)
			}
			seen[r.Intent] = true
		}
		after, more = page.Next, page.More
	}
}

// VolumeFileSize is how large the file of a volume is.
func (d *Daemon) VolumeFileSize(name string) model.Bytes {
	d.t.Helper()
	v, _, err := store.Get[storage.Volume](d.t.Context(), d.Store, store.SpecKey(store.Ref{Kind: "volume", Project: model.DefaultProject, Name: name}))
	must(d.t, err)
	info, err := os.Stat(filepath.Join(d.dir, "pool", v.File))
	must(d.t, err)
	return model.Bytes(info.Size())
}

// PoolFiles are the files of volumes in the folder of a pool: "pool", "second".
func (h *Host) PoolFiles(folder string) []string {
	h.t.Helper()
	entries, err := os.ReadDir(filepath.Join(h.dir, folder))
	must(h.t, err)
	var out []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".raw") || strings.HasSuffix(e.Name(), ".qcow2") {
			out = append(out, e.Name())
		}
	}
	return out
}

// VolumeFile is the path of a volume's file.
func (d *Daemon) VolumeFile(name string) string {
	d.t.Helper()
	v, _, err := store.Get[storage.Volume](d.t.Context(), d.Store, store.SpecKey(store.Ref{Kind: "volume", Project: model.DefaultProject, Name: name}))
	must(d.t, err)
	folder := "pool"
	if v.Spec.Pool != storage.DefaultPool {
		folder = v.Spec.Pool
	}
	return filepath.Join(d.dir, folder, v.File)
}
