//go:build linux

package fakehost

import (
	"path/filepath"
	"time"

	"github.com/hyper-nixos/hyper-nixos/internal/store/local"
)

// Snapshot takes a snapshot of the store and returns its name.
func (h *Host) Snapshot() string {
	h.t.Helper()
	m, err := local.TakeSnapshot(h.t.Context(), filepath.Join(h.dir, "store"), filepath.Join(h.dir, "snapshots"), time.Now())
	must(h.t, err)
	return m.Name
}

// Restore puts a snapshot back. No daemon may be running.
func (h *Host) Restore(name string) {
	h.t.Helper()
	must(h.t, h.Store.Close())
	store, snapshots := filepath.Join(h.dir, "store"), filepath.Join(h.dir, "snapshots")
	_, err := local.Restore(h.t.Context(), store, snapshots, name, true, time.Now())
	must(h.t, err)
	h.Store, err = local.Open(store, local.Options{Snapshots: snapshots})
	must(h.t, err)
}
