package reconcile

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hyper-nixos/hyper-nixos/internal/plan"
	"github.com/hyper-nixos/hyper-nixos/internal/qemu/qmp"
	"github.com/hyper-nixos/hyper-nixos/model/storage"
	"github.com/hyper-nixos/hyper-nixos/model/vm"
)

// opened notes which files are opened, and when a guest's writes are held.
type opened struct {
	Volumes
	file string
	does []string
}

// held notes it in the same list.
type held struct {
	Hypervisor
	opened *opened
}

func (o *opened) Open(_ context.Context, _, file string, _ bool) (*os.File, error) {
	o.does = append(o.does, "flush "+file)
	return os.OpenFile(o.file, os.O_RDWR|os.O_CREATE, 0o600)
}

func (o held) HoldMirror(context.Context, string, qmp.Mirror, bool) error {
	o.opened.does = append(o.opened.does, "hold")
	return nil
}

// A disk whose guest's flushes are forgotten is moved durably all the same: its old file goes, and that has been on the disk for long.
func TestACopyIsOnTheDiskBeforeItsOriginalGoes(t *testing.T) {
	v := storage.Volume{Spec: storage.VolumeSpec{Pool: "default", Format: storage.Raw}, File: "old.raw",
		Moving: &storage.Moving{To: storage.Layer{ID: "new", Pool: "fast", Format: storage.Raw}}}
	for cache, want := range map[string][]string{
		vm.CacheUnsafe: {"flush new.raw", "hold", "flush new.raw"},
		"":             {"hold"}, // QEMU has flushed it
	} {
		o := &opened{file: filepath.Join(t.TempDir(), "file")}
		e := &Engine{Config: Config{Volumes: o, Hypervisor: held{opened: o}}}
		s := plan.Step{Kind: plan.HoldDisk, Volume: &v, Disk: &plan.VolumeDisk{IO: vm.DiskIO{Cache: cache}}}
		if err := e.holdMirror(t.Context(), s, qmp.Mirror{}); err != nil || !slices.Equal(o.does, want) {
			t.Errorf("cache %q: %q, %v", cache, o.does, err)
		}
	}
}
